"""Rules about values for streams of which nobody has said what they measure: what they have shown is their range.

A value is out of range where it lies more than `WIDTHS` times the width of all that the stream has shown beyond it. So
only what is far from everything before is held back: a network whose scale runs along takes lesser jumps as they are.
A value out of range that is confirmed is the first of a stream that starts afresh, with a range of its own.
Before `FEWEST` samples, and while all are equal, there is no range.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.backends.usual import FollowArrays
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.policy import Policy
from edgeseq_runtime.streaming.screening import Findings, Flags, Screening

WIDTHS = 10.0
"""How far beyond all that was shown nothing is odd yet, in widths of that."""

FEWEST = 16
"""Samples that are shown before there is a range."""

_LIMIT, _LOW, _HIGH, _NEAR = range(4)  # places among `Bounds`

KEPT = "range.shown"
"""What a snapshot calls what a stream has shown."""


class ShownRange(Screening):
    """Looks at values of streams of one feature, whose bounds follow what each has shown."""

    shown: Float32
    """(stream, 3): how many samples, up to `FEWEST`; the least and the greatest, which mean nothing before one."""

    def __init__(self, spec: Spec, rules: Rules, policy: Policy, room: int) -> None:
        super().__init__(spec, rules, policy, room)
        self._limit = np.float32(spec.features[0].limit)
        self._begin("shown", (3,), np.float32)
        self.forget(slice(None))

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        before = len(self.shown)
        super().make_room(count)
        self.forget(slice(before, None))

    def arrays(self, periods: Float64 | None) -> FollowArrays:
        """Return what `follow` reads and changes, for who does the same in other code; bounds are `bounds_of`."""
        return FollowArrays(self.shown, FEWEST, self._margin * WIDTHS, float(self._limit), periods)

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing."""
        super().erase(rows)
        self.forget(rows)

    def forget(self, rows: Any) -> None:
        """Streams start afresh: they have shown nothing."""
        super().forget(rows)
        self.shown[rows] = 0
        self._find_bounds(rows)

    def find(self, rows: npt.NDArray[np.intp], block: Float32, last: Float32, are_fresh: Flags) -> Findings:
        """Return what is odd about a sample each of streams; see `Screening`."""
        self._find_bounds(rows)  # other code may have moved what was shown, and only those that it reads itself
        return super().find(rows, block, last, are_fresh)

    def follow(self, rows: Any, block: Float32) -> None:
        """Note what streams have taken, (stream, feature); NaN where that is nothing."""
        shown, values = self.shown[rows], block[:, 0]
        count, least, most = shown.T
        if not np.count_nonzero((values < least) | (values > most) | (count < FEWEST)):
            return
        known, is_first = ~np.isnan(values), count == 0
        shown[:, 1] = np.where(is_first, values, np.fmin(least, values))
        shown[:, 2] = np.where(is_first, values, np.fmax(most, values))
        shown[:, 0] = np.minimum(count + known, FEWEST)
        self.shown[rows] = np.where(known[:, None], shown, self.shown[rows])
        self._find_bounds(rows)

    def shown_by_first(self) -> tuple[float, float]:
        """Return between which values the first stream's bounds stay as they are."""
        count, least, most = self.shown[0].tolist()
        return (least, most) if count == FEWEST else (np.inf, -np.inf)

    def are_plain(self, block: Float32) -> Flags:
        """Return which samples of the first stream's block (time, feature) are numbers; see `Screening`."""
        return np.asarray((np.abs(block) <= self._limit).all(axis=1))

    def arrays_of(self, rows: npt.NDArray[np.intp]) -> dict[str, Float32]:
        """Return copies of what a snapshot has to keep of streams, rows first; see `Screening`."""
        return super().arrays_of(rows) | {KEPT: self.shown[rows]}

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned; see `Screening`."""
        super().load(row, arrays)
        self.shown[row] = arrays.get(KEPT, 0)
        self._find_bounds(row)

    def might_hold(self, arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays_of` names, can be what a stream has shown."""
        count, least, most = arrays.get(KEPT, np.zeros(3, np.float32)).tolist()
        return count in range(FEWEST + 1) and -self._limit <= least <= most <= self._limit

    def _find_bounds(self, rows: Any) -> None:
        """Have the bounds of streams be as what they have shown makes them."""
        count, least, most = self.shown[rows].T
        width, columns = most - least, self._columns[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            reach = np.where((count == FEWEST) & (width > 0), self._margin * WIDTHS * width, np.float32(np.inf))
            near = np.fmin(self._margin * width, self._limit)
        columns[..., _LIMIT, 0] = self._limit
        columns[..., _LOW, 0] = np.maximum(least - reach, -self._limit)
        columns[..., _HIGH, 0] = np.minimum(most + reach, self._limit)
        columns[..., _NEAR, 0] = near
        self._columns[rows] = columns
