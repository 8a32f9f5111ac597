"""Truncated back-propagation through time over parallel streams whose memory is carried from window to window.

This is how a stream sees the training part: each of a batch's readers goes through it in time order, a window after the
other; the network's memory goes from window to window, and only the gradient stops at their borders (R. Williams and
J. Peng, Neural Computation 2, 1990). At a segment's end a reader goes to the next segment with a fresh state; from time
to time it restarts where it is, so that the network learns to begin as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgeseq.model.scaling import importance, network_inputs, network_targets
from edgeseq.series import augment
from edgeseq.series.gaps import Filled
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.hyperparameters import HyperParameters
from edgeseq.training.network import Network
from edgeseq_runtime.spec import VALUE, Spec

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """What all lanes read in one training step."""

    rows: Integers
    """Row of the training part, (time, lane)."""
    real: npt.NDArray[np.bool_]
    """False where a lane's segment ended before the window did; (time, lane)."""
    fresh: npt.NDArray[np.bool_]
    """Lanes that begin with a fresh state; (lane,)."""


class SegmentReaders:
    """Reads `segments` (start, stop) in windows of `unroll` samples with `count` lanes.

    A segment of fewer than `least` samples is left out. `restart` is the probability that a lane restarts at a window.
    """

    def __init__(
        self, segments: Sequence[tuple[int, int]], count: int, unroll: int, *, least: int, restart: float
    ) -> None:
        usable = [segment for segment in segments if segment[1] - segment[0] >= least]
        self._starts, self._stops = np.array(usable, np.int64).reshape(-1, 2).T
        self._unroll = unroll
        self._restart = restart
        lengths = self._stops - self._starts
        self.segment, self.row = _spread(self._starts, lengths, count)
        """Each lane's segment and next row: all there is to remember of a lane."""
        self._jumped = np.ones(count, bool)

    def next(self, random: np.random.Generator) -> Window:
        """Move all lanes by one window. `random` decides which of them restart."""
        fresh = self._jumped | (random.random(len(self.row)) < self._restart)
        offsets = np.arange(self._unroll)[:, None]
        rows = self.row + offsets
        stops = self._stops[self.segment]
        real = rows < stops
        window = Window(np.minimum(rows, stops - 1), real, fresh)
        self.row = self.row + self._unroll
        # One last sample has no successor to forecast, so a lane leaves it behind.
        self._jumped = self.row >= stops - 1
        self.segment = np.where(self._jumped, (self.segment + 1) % len(self._starts), self.segment)
        self.row = np.where(self._jumped, self._starts[self.segment], self.row)
        return window

    def state(self) -> dict[str, Integers]:
        """Return what `restore` needs to go on from here."""
        return {"segment": self.segment, "row": self.row, "jumped": self._jumped.astype(np.int64)}

    def restore(self, state: dict[str, Integers]) -> None:
        """Go on from `state`."""
        self.segment, self.row = state["segment"], state["row"]
        self._jumped = state["jumped"].astype(bool)


class TbpttBatches:
    """The lanes' data, and all that they remember. One loss is one window of each lane."""

    def __init__(
        self,
        spec: Spec,
        recipe: HyperParameters,
        train: Filled,
        network: Network,
        device: torch.device,
        group: ProcessGroup,
    ) -> None:
        self._spec, self._recipe, self._device = spec, recipe, device
        self._readers, pieces = _readers(spec, recipe, train)
        self._inputs = self._tensor(np.concatenate([network_inputs(spec, piece) for piece in pieces]))
        self._targets = self._tensor(np.concatenate([network_targets(spec, piece) for piece in pieces]))
        self._importance = self._tensor(importance(spec))
        self._levels = self._inputs.shape[1] - len(spec.features)
        self._gain = np.ones(recipe.batch, np.float32)
        self._shift = np.zeros(recipe.batch, np.float32)
        self._group = group
        self._mine = group.share(recipe.batch)
        self._memory = tuple(value[:, self._mine] for value in network.fresh(recipe.batch))

    def loss(self, network: Network, random: np.random.Generator) -> Tensor:
        """Move all lanes by one window; return the mean squared error of their forecasts that count."""
        window = self._next(random)
        inputs, targets, counts = self._batch(window, random)
        begins = self._tensor(window.fresh[self._mine])
        memory = tuple(value.masked_fill(begins[None, :, None], 0.0) for value in self._memory)
        said, memory = network(inputs[:, self._mine], memory)
        self._memory = tuple(value.detach() for value in memory)
        squares = torch.square(said - targets[:, self._mine]) * counts[:, self._mine] * self._importance
        return squares.sum() / counts.sum().clamp(min=1)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what `restore` needs to go on from here."""
        found: dict[str, npt.NDArray[Any]] = {"gain": self._gain, "shift": self._shift}
        for number, reader in enumerate(self._readers):
            found |= {f"reader{number}.{name}": value for name, value in reader.state().items()}
        memory = (self._group.gathered(value, axis=1) for value in self._memory)
        return found | {f"memory{number}": value.cpu().numpy() for number, value in enumerate(memory)}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from `state`."""
        self._gain, self._shift = state["gain"], state["shift"]
        for number, reader in enumerate(self._readers):
            start = f"reader{number}."
            reader.restore({name[len(start) :]: value for name, value in state.items() if name.startswith(start)})
        names = [f"memory{number}" for number in range(len(self._memory))]
        self._memory = tuple(self._tensor(state[name])[:, self._mine] for name in names)

    def _next(self, random: np.random.Generator) -> Window:
        """Move all readers, and give the copies' lanes that begin afresh a size and a place of their own."""
        windows = [reader.next(random) for reader in self._readers]
        fresh = np.concatenate([window.fresh for window in windows])
        if self._recipe.copies:
            drawn = fresh.copy()
            drawn[: len(windows[0].fresh)] = False
            gain = np.exp(random.uniform(-augment.GAIN, augment.GAIN, len(fresh)))
            shift = random.uniform(-augment.SHIFT, augment.SHIFT, len(fresh))
            self._gain = np.where(drawn, gain, self._gain).astype(np.float32)
            self._shift = np.where(drawn, shift, self._shift).astype(np.float32)
        rows, real = (
            np.concatenate([getattr(window, name) for window in windows], axis=1) for name in ("rows", "real")
        )
        return Window(rows, real, fresh)

    def _batch(self, window: Window, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return inputs, targets and which of these count, each (time, lane, ...)."""
        rows = self._tensor(window.rows)
        begins = self._tensor(window.fresh)
        inputs, targets = self._inputs[rows], self._targets[rows]
        changes = inputs[..., self._levels :]
        changes[0] = changes[0].masked_fill(begins[:, None], 0.0)
        if self._recipe.copies:
            gain, shift = self._tensor(self._gain)[:, None], self._tensor(self._shift)[:, None]
            inputs, targets = inputs * gain, targets * gain
            inputs[..., : self._levels] += shift
            if self._spec.predicts == VALUE:
                targets += shift
        if self._recipe.noise:
            noise = random.standard_normal(inputs.shape, np.float32)
            inputs = inputs + self._recipe.noise * self._tensor(noise)
        counts = torch.isfinite(targets) & self._tensor(window.real)[:, :, None]
        # The sample that makes the stream warm is the last of the warm-up, and its forecast counts.
        counts[: self._spec.warmup - 1] &= ~begins[None, :, None]
        return inputs, torch.nan_to_num(targets), counts.float()

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def _readers(spec: Spec, recipe: HyperParameters, train: Filled) -> tuple[list[SegmentReaders], list[Filled]]:
    """Return who reads, and what is read, one piece after the other."""
    shares = [(recipe.batch, [train])]
    if recipe.copies:
        half = recipe.batch // 2
        shares = [(recipe.batch - half, [train]), (half, augment.at_other_rates(train))]
    readers, pieces, begin = [], [], 0
    for lanes, share in shares:
        segments: list[tuple[int, int]] = []
        for piece in share:
            segments += [(begin + start, begin + stop) for start, stop in piece.segments]
            begin += len(piece.values)
        pieces += share
        readers.append(_lanes(spec, recipe, segments, lanes))
    return readers, pieces


def _lanes(spec: Spec, recipe: HyperParameters, segments: Sequence[tuple[int, int]], count: int) -> SegmentReaders:
    return SegmentReaders(segments, count, recipe.unroll, least=spec.warmup + 2, restart=recipe.restart)


def _spread(starts: Integers, lengths: Integers, count: int) -> tuple[Integers, Integers]:
    """Return segment and row of each lane, evenly spaced over all segments laid end to end."""
    ends = np.cumsum(lengths)
    at = np.arange(count) * ends[-1] // count
    segment = np.searchsorted(ends, at, side="right")
    return segment, starts[segment] + at - (ends - lengths)[segment]
