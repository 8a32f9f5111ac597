"""Lanes: parallel readers that go through the training part in time order and carry their state along.

This is truncated back-propagation through time as a stream sees it: each lane reads a window after the other, the
network's memory goes from window to window, and only the gradient stops at their borders (R. Williams and J. Peng,
Neural Computation 2, 1990). At a segment's end a lane goes to the next segment with a fresh state; from time to
time it restarts where it is, so that the network learns to begin as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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


class Lanes:
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


def _spread(starts: Integers, lengths: Integers, count: int) -> tuple[Integers, Integers]:
    """Return segment and row of each lane, evenly spaced over all segments laid end to end."""
    ends = np.cumsum(lengths)
    at = np.arange(count) * ends[-1] // count
    segment = np.searchsorted(ends, at, side="right")
    return segment, starts[segment] + at - (ends - lengths)[segment]
