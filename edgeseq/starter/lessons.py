"""What the network reads in a training step: windows of many made-up series, whose memory is carried along."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from edgeseq.model import running_scale
from edgeseq.starter import made_up
from edgeseq.starter.network import HORIZON, normalise
from edgeseq_runtime.arrays import Float64

WINDOW = 192
"""Samples through which the gradient goes back."""

LIMIT = 3.0
"""Errors above this many times persistence's count by their size, smaller ones by their square (P. Huber, 1964)."""

NOISE_FLOOR = 1e-3
"""A series' error as a share of persistence's below which less is worth little."""


@dataclass(frozen=True)
class Readers:
    """Readers that read series of one length from the same row on; a new series each when they are through."""

    count: int
    windows: int
    """Windows in a series."""
    ahead: int
    """Windows that they had read when training began: not all come to an end in one step."""


READERS = (
    *(Readers(13, 2, ahead) for ahead in (0, 1)),
    *(Readers(10, 6, ahead) for ahead in (0, 3)),
    *(Readers(4, 20, ahead) for ahead in (0, 5, 10, 15)),
)
"""Two in five read how streams begin, a third a thousand samples, the others four thousand."""

STREAMS = sum(readers.count for readers in READERS)


@dataclass(frozen=True)
class Window:
    """What all readers read in one training step."""

    features: Tensor
    """(time, reader, running_scale.FEATURES)."""
    scale: Tensor
    """(time, reader)."""
    distances: Tensor
    """(time, reader, level)."""
    targets: Tensor
    """Changes from each sample to those ahead, (time, reader, HORIZON)."""
    persistence: Tensor
    """Mean squared change over the reader's whole series, (reader, HORIZON); 0 for a constant one."""
    fresh: Tensor
    """Whether the reader begins a series, (reader,)."""


class Lessons:
    """Windows of all readers, one after the other. `state` (reader, running_scale.STATES) is all that is carried."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._held: dict[int, tuple[int, Float64, Float64]] = {}
        self.state = torch.zeros(STREAMS, running_scale.STATES)

    def window(self, step: int) -> Window:
        """Return what is read in a step; steps must come one after the other, but for the first."""
        read = [self._read(group, readers, step) for group, readers in enumerate(READERS)]
        samples, persistence = (np.concatenate(part, axis=0) for part in zip(*read, strict=True))
        fresh = torch.tensor(
            [(step + readers.ahead) % readers.windows == 0 for readers in READERS for _ in range(readers.count)]
        )
        state = self.state.masked_fill(fresh[:, None], 0.0)
        now = torch.from_numpy(np.ascontiguousarray(samples.T, np.float32))  # (time, reader)
        features, scale, distances, self.state = normalise(now[:WINDOW], state)
        targets = now[1:].unfold(0, HORIZON, 1)[:WINDOW] - now[:WINDOW, :, None]
        return Window(features, scale, distances, targets, torch.from_numpy(persistence.astype(np.float32)), fresh)

    def _read(self, group: int, readers: Readers, step: int) -> tuple[Float64, Float64]:
        """Return the samples of a group's window and what follows it, (reader, WINDOW + HORIZON), and `persistence`."""
        number, window = divmod(step + readers.ahead, readers.windows)
        if group not in self._held or self._held[group][0] != number:
            random = np.random.default_rng([self._seed, group, number])
            series = made_up.series(random, readers.count, readers.windows * WINDOW + HORIZON)
            self._held[group] = (number, series, persistence_error(series))
        _, series, persistence = self._held[group]
        return series[:, window * WINDOW : (window + 1) * WINDOW + HORIZON], persistence


def persistence_error(series: Float64) -> Float64:
    """Return persistence's mean squared error at each step ahead, (series, HORIZON)."""
    squares = [np.square(series[:, ahead:] - series[:, :-ahead]).mean(axis=1) for ahead in range(1, HORIZON + 1)]
    return np.stack(squares, axis=1)


def loss(changes: Tensor, window: Window) -> Tensor:
    """Return the mean logarithm of the readers' errors, each step ahead as a share of persistence's.

    The logarithm makes a series that can be forecast well count as much as one that cannot: its gradient is that of the
    error over the series' own mean error. Constant series do not count.
    """
    counts = (window.persistence > 0).all(dim=1)
    errors = (changes - window.targets) / torch.where(counts[:, None], window.persistence, 1).sqrt()
    shares = 2 * torch.nn.functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=LIMIT)
    logarithms = (shares.mean(dim=(0, 2)) + NOISE_FLOOR).log()
    return torch.where(counts, logarithms, 0).sum() / counts.sum().clamp(min=1)
