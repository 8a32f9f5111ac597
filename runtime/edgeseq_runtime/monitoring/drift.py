"""The drift flag: whether forecasts are worse than they were, so that the series is no longer what it was.

One-step errors are counted that lie outside of what is usual, of which a tenth or less does so where nothing has
changed. The running share of those that do now is an exponentially weighted mean over some 100 samples. A share cannot
be moved by one wild value, and its chance fluctuations are known whatever the distribution of the errors is: where
nothing has changed the chance of a share above 0.25 is less than 1 in 10 million (Chernoff's bound is 3e-8 for errors
that do not depend on each other).

What is usual, the subclasses say: what validation showed (`validated_drift`), or the stream itself (`shown_drift`).
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64, Rows
from edgeseq_runtime.streaming.row_arrays import RowArrays

MEMORY = 100
"""Samples over which the share is a mean."""

ALARM, CLEAR = 0.25, 0.15
"""The share above which the flag is raised, and the one below which it is lowered: it does not flutter."""

RAISED = "monitor.raised"
"""What a snapshot calls the flag."""


class Drift(RowArrays):
    """The drift flags of streams."""

    learned: tuple[str, ...]
    """What a snapshot calls all that is kept of a stream."""
    raised: Float32
    """(stream,): the flag, 0 or 1."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self._begin("raised", (), np.float32)
        self._first: list[Any] = []
        """The first stream's numbers, which `update_one` has no time to look for: its flag, and what subclasses add."""

    def _bind(self) -> None:
        """Find the first stream's numbers, once all have begun."""
        self._first = [memoryview(array[:1].reshape(-1).data) for array in self.row_arrays()]

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        super().make_room(count)
        self._bind()

    @abstractmethod
    def update(self, rows: Rows, errors: Float32) -> None:
        """Move on by the one-step errors (stream, target), truth minus forecast; NaN where there is none."""

    @abstractmethod
    def update_one(self, errors: list[float]) -> bool:
        """Move the first stream on by its one-step errors (target,); return its flag.

        As `update` does it, without arrays: these are the numbers of one stream.
        """

    def update_through(self, errors: Float32) -> npt.NDArray[np.bool_]:
        """Move the first stream on by the errors (time, target) of samples in a row; return its flag after each."""
        return np.array([self.update_one(row) for row in errors.tolist()], np.bool_)

    @abstractmethod
    def arrays_of(self, row: int) -> dict[str, Float32]:
        """Return what a snapshot has to keep of a stream, by the names of `learned`; not copied."""

    @abstractmethod
    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned."""

    @staticmethod
    def _flags(shares: Float64, before: Float32) -> Float64:
        """Return the flags that shares (stream,) lead to."""
        return np.where(shares > ALARM, 1.0, np.where(shares < CLEAR, 0.0, before))
