"""Columns known ahead: what stands in where a sample does not say their values over the whole horizon.

A sample's row is its features, then the values of the columns one step ahead, two steps ahead, and so on, as the graph
takes it. The row of a stream's last sample is therefore what was known then; moved by one it is what is known still. A
value that a sample does not say is

1. the value that was said before for the same time, where one was;
2. else the one before it in time, which beyond the last one said is that one;
3. for a stream that was never told of a column, the column's mean over the training part.

A value that stands between two that were said counts as said from then on. Everything here is over rows of streams: one
stream is one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.row_arrays import RowArrays
from edgeseq_runtime.streaming.screening import Bounds

REACH = "known.reach"
"""What a snapshot calls `KnownAhead.reach`."""

Flags = npt.NDArray[np.bool_]
Reach = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Told:
    """What samples have said of the columns known ahead."""

    reach: Reach
    """(stream, column): `KnownAhead.reach` with these samples."""
    lacking: Flags
    """(stream,): whether something stands in."""


class KnownAhead(RowArrays):
    """What streams were told of columns whose future is known."""

    reach: Reach
    """(stream, column): up to how many steps ahead of the last sample values were said; those beyond stand in."""

    def __init__(self, spec: Spec, room: int, bounds: Bounds) -> None:
        super().__init__(room)
        self._features = len(spec.features)
        self._shape = (spec.horizon, len(spec.known))
        self._low, self._high = (ends[0, self._features :].reshape(self._shape) for ends in (bounds.low, bounds.high))
        self._tail = np.tile(np.array([column.mean for column in spec.known], np.float32), spec.horizon)
        self.is_whole = False
        """Whether all streams were told of all values: nothing is to be noted of a sample that says all again."""
        self._begin("reach", self._shape[1:], np.int32)

    def begin(self, x: Float32) -> None:
        """Make rows of samples (stream, inputs) those of streams that were told nothing."""
        x[..., self._features :] = self._tail

    def tail(self, x: Float32) -> Float32:
        """Return the values ahead in rows of samples (stream, inputs), a view (stream, horizon * column)."""
        return x[..., self._features :]

    def complete(self, rows: Rows, block: Float32, last: Float32) -> tuple[Float32, Told]:
        """Return samples (stream, inputs) with something in place of what they do not say, and what they do.

        NaN, and what is no value of the column by `Bounds`, is not said. `last` are the samples before, (stream,
        inputs). What was told is remembered with `remember`.
        """
        values = self.tail(block).reshape(-1, *self._shape)
        before = self.tail(last).reshape(-1, *self._shape)
        usable = (values >= self._low) & (values <= self._high)
        moved = self._moved(before, np.ones(len(values), np.int64))
        reach = np.maximum(self.reach[rows] - 1, 0)
        steps = np.arange(1, self._shape[0] + 1, dtype=np.int32)[:, None]
        known = np.concatenate([before[:, :1], np.where(usable, values, moved)], axis=1)
        is_said = usable | (steps <= reach[:, None])
        nearest = np.maximum.accumulate(np.where(is_said, steps, 0), axis=1)  # at 0 stands what is known of now
        filled = np.take_along_axis(known, nearest, axis=1).reshape(len(values), -1)
        lacking = np.asarray(~usable.reshape(len(values), -1).all(axis=1))
        reach = np.maximum(reach, np.where(usable, steps, 0).max(axis=1))
        return np.concatenate([block[:, : self._features], filled], axis=1), Told(reach, lacking)

    def ahead_of(self, row: Float32, steps: npt.NDArray[np.int64]) -> Float32:
        """Return the values ahead so many steps (step,) after the sample `row` (inputs,): (step, horizon * column)."""
        before = np.broadcast_to(self.tail(row).reshape(self._shape), (len(steps), *self._shape))
        return self._moved(before, steps).reshape(len(steps), -1)

    def pass_by(self, rows: npt.NDArray[np.intp], x: Float32, steps: npt.NDArray[np.int64]) -> Float32:
        """Let so many samples (stream,) pass without any; return their rows x (stream, inputs) as they are then."""
        moved = self._moved(self.tail(x).reshape(-1, *self._shape), steps)
        self.reach[rows] = np.maximum(self.reach[rows] - steps[:, None], 0)
        self.is_whole = False
        return np.concatenate([x[:, : self._features], moved.reshape(len(x), -1)], axis=1)

    def _moved(self, before: Float32, steps: npt.NDArray[np.int64]) -> Float32:
        """Return values ahead (stream, horizon, column) so many samples (stream,) later: the last one stays."""
        last = self._shape[0] - 1
        places = np.minimum(np.arange(last + 1) + np.minimum(steps, last)[:, None], last)
        return np.take_along_axis(before, places[..., None], axis=1)

    def are_usable(self, ahead: Float32) -> bool:
        """Whether one sample's values ahead (horizon * column,) are all there."""
        values = ahead.reshape(self._shape)
        usable = (values >= self._low) & (values <= self._high)
        return bool(np.count_nonzero(usable) == usable.size)

    def remember(self, rows: Any, told: Told) -> None:
        """Remember what samples of these streams have said, once they are taken."""
        self.reach[rows] = told.reach
        self.is_whole = False

    def remember_all(self, rows: Rows) -> None:
        """Remember that samples of these streams have said all."""
        if not self.is_whole:
            self.reach[rows] = self._shape[0]
            self.is_whole = isinstance(rows, slice)

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        super().make_room(count)
        self.is_whole = False

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that were told nothing."""
        super().erase(rows)
        self.is_whole = False

    def array_of(self, row: int) -> Float32:
        """Return what a snapshot keeps of a stream besides its last sample, (column,)."""
        return np.asarray(self.reach[row], np.float32)

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Make a stream that of a snapshot's arrays."""
        self.reach[row] = arrays.get(REACH, 0)
        self.is_whole = False

    def check(self, arrays: Mapping[str, Float32]) -> None:
        """Raise `SnapshotError` for arrays of a snapshot that no stream has."""
        reach = arrays.get(REACH, np.zeros(1, np.float32))
        if not ((reach >= 0) & (reach <= self._shape[0])).all():
            raise SnapshotError("the snapshot has values ahead that no stream has")
