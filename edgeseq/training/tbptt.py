"""Truncated back-propagation through time over parallel streams whose memory is carried from window to window.

A batch has several readers. Each reads the training part in time order, window after window. The network's memory is
carried from one window to the next; the gradient stops at the border (R. Williams and J. Peng, Neural Computation 2,
1990). At the end of a segment a reader goes to the next segment with a fresh state. With a small probability it also
begins a window with a fresh state where it is, so that the network learns how streams begin.
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
from edgeseq_runtime.spec import Spec

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """What all readers read in one training step."""

    rows: Integers
    """Row of the training part, (time, reader)."""
    real: npt.NDArray[np.bool_]
    """False where a reader's segment ended before the window did; (time, reader)."""
    fresh: npt.NDArray[np.bool_]
    """Readers that begin with a fresh state; (reader,)."""


class SegmentReaders:
    """Reads `segments` (start, stop) in windows of `unroll` samples with `count` readers.

    A segment of fewer than `least` samples is left out. `reset_prob` is the probability that a reader begins a window
    with a fresh state.
    """

    def __init__(
        self, segments: Sequence[tuple[int, int]], count: int, unroll: int, *, least: int, reset_prob: float
    ) -> None:
        usable = [segment for segment in segments if segment[1] - segment[0] >= least]
        self._starts, self._stops = np.array(usable, np.int64).reshape(-1, 2).T
        self._unroll = unroll
        self._reset_prob = reset_prob
        lengths = self._stops - self._starts
        self.segment, self.row = _spread(self._starts, lengths, count)
        """Each reader's segment and next row: all there is to remember of a reader."""
        self._jumped = np.ones(count, bool)

    def next(self, random: np.random.Generator) -> Window:
        """Move all readers by one window. `random` decides which of them begin with a fresh state."""
        fresh = self._jumped | (random.random(len(self.row)) < self._reset_prob)
        offsets = np.arange(self._unroll)[:, None]
        rows = self.row + offsets
        stops = self._stops[self.segment]
        real = rows < stops
        window = Window(np.minimum(rows, stops - 1), real, fresh)
        self.row = self.row + self._unroll
        # A single last sample has no successor to forecast, so a reader skips it.
        self._jumped = self.row >= stops - 1
        self.segment = np.where(self._jumped, (self.segment + 1) % len(self._starts), self.segment)
        self.row = np.where(self._jumped, self._starts[self.segment], self.row)
        return window

    def state(self) -> dict[str, Integers]:
        """Return what `restore` needs to go on from here."""
        return {"segment": self.segment, "row": self.row, "jumped": self._jumped.astype(np.int64)}

    def restore(self, state: dict[str, Integers]) -> None:
        """Go on from `state`. Raises `IndexError` and `ValueError` where no reader can be there."""
        self.segment, self.row = state["segment"], state["row"]
        starts, stops = self._starts[self.segment], self._stops[self.segment]
        if (self.segment < 0).any() or not ((starts <= self.row) & (self.row < stops)).all():
            raise ValueError(self.row)
        self._jumped = state["jumped"].astype(bool)


class TbpttBatches:
    """The training part as batches of windows, and what the readers remember. One loss is one window of each reader.

    `gain` and `shift` (reader,) are the size and the place of the copy that a reader reads, in the network's scaled
    units: 1 and 0 for readers of the series itself.
    """

    def __init__(
        self,
        spec: Spec,
        hyperparameters: HyperParameters,
        train: Filled,
        network: Network,
        device: torch.device,
        group: ProcessGroup,
    ) -> None:
        self._spec, self._hyperparameters, self._device = spec, hyperparameters, device
        self._readers, pieces = _readers(spec, hyperparameters, train)
        self.inputs = self._tensor(np.concatenate([network_inputs(spec, piece) for piece in pieces]))
        self.targets = self._tensor(np.concatenate([network_targets(spec, piece) for piece in pieces]))
        """What the network sees, (row, level + feature), and is to say, (row, output): the series, then its copies."""
        self._importance = self._tensor(importance(spec))
        self._levels = self.inputs.shape[1] - spec.inputs
        self._own = self._levels + len(spec.features)  # inputs before those known ahead
        self.gain = np.ones(hyperparameters.batch_size, np.float32)
        self.shift = np.zeros(hyperparameters.batch_size, np.float32)
        self._group = group
        self._shard = group.shard(hyperparameters.batch_size)
        self._memory = tuple(value[:, self._shard] for value in network.fresh(hyperparameters.batch_size))

    def loss(self, network: Network, random: np.random.Generator) -> Tensor:
        """Move all readers by one window; return the mean squared error of their forecasts that count."""
        window = self.next_window(random)
        inputs, targets, counts = self.batch(window, random)
        begins = self._tensor(window.fresh[self._shard])
        memory = tuple(value.masked_fill(begins[None, :, None], 0.0) for value in self._memory)
        outputs, memory = network(inputs[:, self._shard], memory)
        self._memory = tuple(value.detach() for value in memory)
        squares = torch.square(outputs - targets[:, self._shard]) * counts[:, self._shard] * self._importance
        return squares.sum() / counts.sum().clamp(min=1)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what `restore` needs to go on from here."""
        state: dict[str, npt.NDArray[Any]] = {"gain": self.gain, "shift": self.shift}
        for number, reader in enumerate(self._readers):
            state |= {f"reader{number}.{name}": value for name, value in reader.state().items()}
        memory = (self._group.all_gather(value, axis=1) for value in self._memory)
        return state | {f"memory{number}": value.cpu().numpy() for number, value in enumerate(memory)}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from `state`."""
        self.gain, self.shift = state["gain"], state["shift"]
        for number, reader in enumerate(self._readers):
            start = f"reader{number}."
            reader.restore({name[len(start) :]: value for name, value in state.items() if name.startswith(start)})
        names = [f"memory{number}" for number in range(len(self._memory))]
        self._memory = tuple(self._tensor(state[name])[:, self._shard] for name in names)

    def next_window(self, random: np.random.Generator) -> Window:
        """Move all readers by one window; those of copies that begin afresh get a new size and place."""
        windows = [reader.next(random) for reader in self._readers]
        fresh = np.concatenate([window.fresh for window in windows])
        if self._hyperparameters.augment:
            drawn = fresh.copy()
            drawn[: len(windows[0].fresh)] = False
            gain = np.exp(random.uniform(-augment.GAIN, augment.GAIN, len(fresh)))
            shift = random.uniform(-augment.SHIFT, augment.SHIFT, len(fresh))
            self.gain = np.where(drawn, gain, self.gain).astype(np.float32)
            self.shift = np.where(drawn, shift, self.shift).astype(np.float32)
        rows, real = (
            np.concatenate([getattr(window, name) for window in windows], axis=1) for name in ("rows", "real")
        )
        return Window(rows, real, fresh)

    def batch(self, window: Window, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return inputs, targets and which of these count (1 or 0), each (time, reader, ...)."""
        rows = self._tensor(window.rows)
        begins = self._tensor(window.fresh)
        inputs, targets = self.inputs[rows], self.targets[rows]
        changes = inputs[..., self._levels : self._own]
        changes[0] = changes[0].masked_fill(begins[:, None], 0.0)
        if self._hyperparameters.augment:
            gain, shift = self._tensor(self.gain)[:, None], self._tensor(self.shift)[:, None]
            inputs, targets = inputs * gain, targets * gain
            inputs[..., : self._levels] += shift  # a change has none
        if self._hyperparameters.input_noise:
            own = inputs[..., : self._own]
            noise = random.standard_normal(own.shape, np.float32)
            own += self._hyperparameters.input_noise * self._tensor(noise)
        counts = torch.isfinite(targets) & self._tensor(window.real)[:, :, None]
        # The sample that makes the stream warm is the last of the warm-up, and its forecast counts.
        counts[: self._spec.warmup - 1] &= ~begins[None, :, None]
        return inputs, torch.nan_to_num(targets), counts.float()

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def _readers(spec: Spec, hyperparameters: HyperParameters, train: Filled) -> tuple[list[SegmentReaders], list[Filled]]:
    """Return who reads, and what is read, one piece after the other."""
    groups = [(hyperparameters.batch_size, [train])]
    if hyperparameters.augment:
        half = hyperparameters.batch_size // 2
        groups = [(hyperparameters.batch_size - half, [train]), (half, augment.at_other_rates(train))]
    readers, pieces, begin = [], [], 0
    for count, own in groups:
        segments: list[tuple[int, int]] = []
        for piece in own:
            segments += [(begin + start, begin + stop) for start, stop in piece.segments]
            begin += len(piece.values)
        pieces += own
        readers.append(
            SegmentReaders(
                segments,
                count,
                hyperparameters.unroll,
                least=spec.warmup + 2,
                reset_prob=hyperparameters.state_reset_prob,
            )
        )
    return readers, pieces


def _spread(starts: Integers, lengths: Integers, count: int) -> tuple[Integers, Integers]:
    """Return segment and row of each reader, evenly spaced over all segments laid end to end."""
    ends = np.cumsum(lengths)
    at = np.arange(count) * ends[-1] // count
    segment = np.searchsorted(ends, at, side="right")
    return segment, starts[segment] + at - (ends - lengths)[segment]
