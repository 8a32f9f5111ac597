"""One run on several processes, as torchrun starts them: each takes a shard of every batch, gradients are summed.

All draw the same numbers for the whole batch and use their shard of it, so that the result is that of one process but
for the order of sums. torch's DistributedDataParallel averages over processes instead, which is wrong where shards
count different numbers of forecasts. Sums go through the processors' memory (gloo) even where GPUs train: they are
small, and several processes may then share a GPU.
"""

import contextlib
import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from edgeseq_runtime.errors import EdgeseqError, UsageError

Value = TypeVar("Value")


class LostError(EdgeseqError, ConnectionError):
    """Another process of the run cannot be reached any more."""


@dataclass(frozen=True)
class ProcessGroup:
    """This process's place among those that train together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """The place among those on the same machine."""

    @classmethod
    @contextlib.contextmanager
    def join(cls, device: str) -> Iterator[Self]:
        """Join the processes that torchrun started, until the block ends; alone where it started none.

        Raises `UsageError`.
        """
        if os.environ.get("WORLD_SIZE", "1") == "1":
            yield cls()
            return
        with contextlib.ExitStack() as end:
            try:
                if not dist.is_initialized():
                    _import_before_init()
                    dist.init_process_group("gloo")
                    # Its threads let go of tensors late: one that still did so while Python ends would abort.
                    end.callback(dist.destroy_process_group)
                local_rank = int(os.environ["LOCAL_RANK"])
            except (ValueError, KeyError) as error:
                raise UsageError(f"WORLD_SIZE is set, but this is no process that torchrun started: {error}") from error
            if device == "cuda" and torch.cuda.is_available():
                torch.cuda.set_device(local_rank % torch.cuda.device_count())
            yield cls(dist.get_rank(), dist.get_world_size(), local_rank)

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes files; the others only compute."""
        return self.rank == 0

    @property
    def reports_errors(self) -> bool:
        """Whether this process prints errors: one on each machine does, since a file may be missing on one only."""
        return self.local_rank == 0

    def shard(self, batch: int) -> slice:
        """Return this process's part of a batch. Raises `UsageError` where a process would have none."""
        if batch < self.size:
            raise UsageError(f"a batch of {batch} cannot be shared by {self.size} processes: start at most {batch}")
        return slice(batch * self.rank // self.size, batch * (self.rank + 1) // self.size)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its sum over all processes."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients]).cpu()
        with _collective():
            dist.all_reduce(flat)
        begin = 0
        for gradient in gradients:
            gradient.copy_(flat[begin : begin + gradient.numel()].view_as(gradient))
            begin += gradient.numel()

    def all_reduce_sum(self, value: float) -> float:
        """Return the sum of a number over all processes."""
        if self.size == 1:
            return value
        summed = torch.tensor([value], dtype=torch.float64)
        with _collective():
            dist.all_reduce(summed)
        return float(summed)

    def all_gather(self, value: Tensor, axis: int) -> Tensor:
        """Return the shards of all processes, joined along an axis."""
        return value if self.size == 1 else torch.cat(self._all(value.cpu()), dim=axis)

    def on_main(self, decide: Callable[[], Value]) -> Value:
        """Return what the main process decides, in every process."""
        if self.size == 1:
            return decide()
        decided = [decide() if self.is_main else None]
        with _collective():
            dist.broadcast_object_list(decided)
        return decided[0]  # type: ignore[return-value]  # the main process's, by now

    def check_same(self, value: object) -> None:
        """Raise `UsageError` where processes that are to train together differ in a value."""
        if self.size > 1 and any(other != value for other in self._all(value)):
            raise UsageError("the processes differ in their series, options or step: all must see the same files")

    def _all(self, value: Value) -> list[Value]:
        values: list[Any] = [None] * self.size
        with _collective():
            dist.all_gather_object(values, value)
        return values


def _import_before_init() -> None:
    """Import a module whose functions have the default group as an argument's default, before there is one.

    Imported later, it would keep the group alive for good.
    """
    import torch.distributed.nn.functional  # noqa: F401


@contextlib.contextmanager
def _collective() -> Iterator[None]:
    """Around a collective operation. Raises `LostError` where another process has ended."""
    try:
        yield
    except RuntimeError as error:  # what torch raises where a connection is closed
        traceback.clear_frames(error.__traceback__)  # which would keep torch's group, and its threads, beyond its end
        raise LostError("another process of this run has ended; --resume continues from the last validation") from error
