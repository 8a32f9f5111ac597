"""What compares streams' forecasts with the samples that they were forecasts of, when those have come."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.backends.usual import WatchArrays
from edgeseq_runtime.monitoring.conformal import FURTHEST, HASTY, WIDEST, Intervals
from edgeseq_runtime.monitoring.drift import ALARM, CLEAR, MEMORY, RAISED, Drift
from edgeseq_runtime.monitoring.shown_drift import SHOWN_ERRORS, ShownDrift
from edgeseq_runtime.monitoring.validated_drift import SHARES, ValidatedDrift
from edgeseq_runtime.monitoring.waiting import Waiting
from edgeseq_runtime.spec import RUNNING, Spec
from edgeseq_runtime.streaming.row_arrays import RowArrays

Flags = npt.NDArray[np.bool_]

_WAITING, _SAID = "monitor.waiting", "monitor.said"
"""What a snapshot calls the forecasts that wait, see `Waiting.in_order`; and what earlier versions called them."""

_WIDTH = "monitor.log_width"
"""What it calls the intervals' widths. What is kept for drift has names of its own."""

_HASTY = ("monitor.evidence", "monitor.hurried")
"""What else of intervals it has, which earlier versions did not keep."""


class Monitor(RowArrays):
    """Keeps the last forecasts of streams until their truth comes, and tells intervals and drift of the errors.

    Raises `DataError` for a model without residual quantiles.
    """

    said: Float32
    """(stream, word): what has been said of each of the next samples, see `waiting`, where `turns` plus `turn` has it.

    Streams that move together have the same turn, and are taken without a look at each.
    """
    turn: npt.NDArray[np.int64]
    """(stream,): samples that a stream has seen without the others, modulo `Waiting.turns`."""
    gains: Float32
    """(stream, target): of their sensors; or the scale that runs along, 0 while a stream has been constant."""

    def __init__(self, spec: Spec, room: int) -> None:
        super().__init__(room)
        self.intervals = Intervals(spec, room)
        self._is_shown = spec.takes_any
        """Whether streams themselves have to show what errors are usual."""
        self.drift: Drift = ShownDrift(room) if self._is_shown else ValidatedDrift(spec, room)
        self._horizon, self._targets = spec.horizon, len(spec.targets)
        self._waiting = Waiting(self._horizon, self._targets)
        self.turns = 0
        """Samples that all streams have seen together."""
        self._together = True  # whether `turn` is zero throughout
        self._has_gains = spec.has_gains
        self._begin("said", (self._waiting.words,), np.float32, np.nan)
        self._begin("turn", (), np.int64)
        self._is_running = spec.scaling == RUNNING
        """Whether gains move, and may be 0."""
        blank = 0 if self._is_running else 1
        self._begin("gains", (self._targets,), np.float32, blank, is_setting=not self._is_running)
        self._is_known = False  # whether all that has been said of the first stream's samples to come is a number
        self._first_said = self.said[0]  # which `update_known` has no time to look for
        self._errors = np.empty((spec.horizon, self._targets), np.float32)
        self._flat_errors, self._next_errors = self._errors.reshape(-1), self._errors[0]

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        super().make_room(count)
        self._first_said = self.said[0]
        self.intervals.make_room(count)
        self.drift.make_room(count)

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing."""
        super().erase(rows)
        self._is_known = False
        self.intervals.erase(rows)
        self.drift.erase(rows)

    def row_arrays(self) -> list[npt.NDArray[Any]]:
        """Return the arrays themselves."""
        return [*super().row_arrays(), *self.intervals.row_arrays(), *self.drift.row_arrays()]

    def look_up(self) -> None:
        """Look at the arrays anew: see `RowArrays`."""
        self._together, self._is_known = not self.turn.any(), False

    def forget(self, rows: Any) -> None:
        """Streams start afresh: nothing has been said of the samples to come. What was learned stays."""
        self.said[rows] = np.nan
        self._is_known = False

    def update(self, rows: Rows, truths: Float32, forecasts: Float32, seen: Float32 | None = None) -> Float32:
        """Take a sample each of streams, and the forecasts after them.

        `truths` are their targets (stream, target), NaN where unknown; `forecasts` (stream, horizon, target), NaN where
        they do not count. Return the errors (stream, horizon, target) of what was said of the samples 1, 2, ... samples
        ago, in the typical sensor's numbers, NaN where there was nothing: of what was `seen`, which may be known where
        the truth is not.
        """
        self._is_known = False
        if isinstance(rows, slice):
            if not self._together:
                self._bring_together()
            said = self.said[rows]
            read, written = self._waiting.at(self.turns)
            expected = np.take(said, read, axis=1, mode="clip")
            said[:, written] = forecasts
            self.turns += 1
        else:
            turn = self.turns + self.turn[rows]
            expected = self.said[rows[:, None, None], self._waiting.read(turn)]
            self.said[rows[:, None, None], self._waiting.written(turn)] = forecasts
            self.turn[rows] = (self.turn[rows] + 1) % self._waiting.turns
            self._together = False
        errors = self._errors_of(rows, truths, expected)
        self.intervals.update(rows, errors)
        nearest = truths - expected[:, 0] if self._is_shown else errors[:, 0]
        if len(self.said) == 1:
            self.drift.update_one(nearest[0].tolist())  # in a sixth of the time
        else:
            self.drift.update(rows, nearest)
        return errors if seen is None else self._errors_of(rows, seen, expected)

    def _errors_of(self, rows: Rows, truths: Float32, expected: Float32) -> Float32:
        """Return truths (stream, target) less what was expected (stream, horizon, target), as the typical sensor's."""
        errors = truths[:, None] - expected
        if self._has_gains:
            errors /= self._divisors(rows)[:, None]
        return errors

    def _divisors(self, rows: Rows) -> Float32:
        """Return what errors are divided by, (stream, target): NaN for a gain of 0, of which no error is a multiple."""
        gains = self.gains[rows]
        return np.where(gains == 0, np.float32(np.nan), gains) if self._is_running else gains

    def arrays(self) -> WatchArrays:
        """Return what `update` reads and changes, for who does the same in other code; `count` comes after that."""
        intervals, drift = self.intervals, self.drift
        middle, below, above = intervals.validated
        validated = drift if isinstance(drift, ValidatedDrift) else None
        return WatchArrays(
            said=self.said,
            turn=self.turn,
            gains=self.gains if self._has_gains else None,
            middle=middle,
            below=below,
            above=above,
            moving=intervals.moving,
            width=intervals.width,
            hurried=intervals.hurried,
            held=intervals.held,
            more=intervals.more,
            hasty=HASTY,
            lowest=validated.low if validated else None,
            highest=validated.high if validated else None,
            shares=validated.shares if validated else None,
            shown_errors=drift.shown if isinstance(drift, ShownDrift) else None,
            raised=drift.raised,
            shares_like=(float(MEMORY), ALARM, CLEAR),
        )

    def count(self, rows: Rows, samples: int = 1) -> None:
        """Count a sample of each stream at `rows`, or several, that were taken through `arrays`; `turn` has moved."""
        if isinstance(rows, slice):
            self.turns += samples
        else:
            self._together = False
        self._is_known = False

    def knows_first(self) -> bool:
        """Whether all that has been said of the first stream's samples to come is a number: see `update_known`."""
        if not self._is_known:
            self._is_known = self._together and bool(np.isfinite(self.said[0]).all())
        return self._is_known and not (self._is_running and not self.gains.item(0))

    def update_known(self, truths: Float32, forecasts: Float32) -> Float32:
        """Take a sample of the only stream, (target,), and the forecasts (horizon, target) after it, all numbers.

        As `update`, in a fifth of the time; only while `knows_first`. `truths` is better () where there is one target.
        Return the errors (horizon, target), which stay until the next call.
        """
        read, written = self._waiting.at(self.turns)
        said, errors = self._first_said, self._errors
        np.subtract(truths, said[read], errors)
        said[written] = forecasts
        self.turns += 1
        nearest = self._next_errors.tolist() if self._is_shown else None
        if self._has_gains:
            errors /= self.gains[0]
        self.intervals.update_known(self._flat_errors)
        self.drift.update_one(nearest or self._next_errors.tolist())
        return errors

    def update_through(self, truths: Float32, forecasts: Float32) -> tuple[Float32, Flags, Float32]:
        """Take samples in a row of the first stream: `truths` (time, target), `forecasts` (time, horizon, target).

        Return the width of the intervals after each (time, horizon, target), the drift flag (time,), and the errors as
        `update` does, (time, horizon, target).
        """
        count, turn = len(truths), int(self.turns + self.turn[0])
        waiting = self.said[0, self._waiting.in_order(turn)]
        errors = np.repeat(truths[:, None], self._horizon, axis=1)
        for step in range(self._horizon):
            ring = waiting[step * (step + 1) // 2 :][: step + 1]
            told = np.concatenate([ring, forecasts[:, step]])
            errors[:, step] -= told[:count]
            ring[...] = told[count:]
        self.said[0, self._waiting.in_order(turn + count)] = waiting
        self.turn[0] = (self.turn[0] + count) % self._waiting.turns
        self._together = self._is_known = False
        nearest = errors[:, 0].copy() if self._is_shown else errors[:, 0]
        if self._has_gains:
            errors /= self.gains[0]
        return self.intervals.update_through(errors), self.drift.update_through(nearest), errors

    def around(self, rows: Any, forecasts: Float32, level: float) -> tuple[Float32, Float32]:
        """Return the ends of intervals around forecasts (stream, horizon, target); see `Intervals.around`."""
        return self.intervals.around(rows, forecasts, level, self.gains[rows] if self._has_gains else None)

    def around_through(
        self, width: Float32, forecasts: Float32, level: float, moving: Float32 | None = None
    ) -> tuple[Float32, Float32]:
        """Return the ends around the first stream's forecasts for widths as `update_through` returned them.

        `moving` (time, target) are its gains after each sample, where they move.
        """
        gains = self.gains[:1] if moving is None else moving
        return self.intervals.with_width(width, forecasts, level, gains if self._has_gains else None)

    def _bring_together(self) -> None:
        """Move what has been said of each stream to where those have it that moved with all."""
        for turn in np.unique(self.turn[self.turn > 0]).tolist():
            rows = self.turn == turn
            self.said[rows] = np.roll(self.said[rows], -turn * self._waiting.by_turn, axis=1)
        self.turn[...] = 0
        self._together = True

    def arrays_of(self, row: int) -> dict[str, Float32]:
        """Return copies of all that a snapshot has to keep of a stream."""
        waiting = self.said[row, self._waiting.in_order(int(self.turns + self.turn[row]))]
        intervals = self.intervals
        hasty = dict(zip(_HASTY, (intervals.evidence[row], intervals.hurried[row]), strict=True))
        learned = {_WIDTH: intervals.log_width[row], **self.drift.arrays_of(row), **hasty}
        return {_WAITING: waiting} | {name: array.copy() for name, array in learned.items()}

    def earlier(self) -> dict[str, Float32]:
        """Return arrays of the names and shapes that earlier versions had in the place of some of `arrays_of`."""
        return {_SAID: np.broadcast_to(np.float32(np.nan), (self._horizon, self._horizon, self._targets))}

    def load(self, row: int, age: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned of a stream that has seen `age` samples, here or in an earlier version.

        Where one of the arrays lacks, the stream has learned nothing yet.
        """
        self.erase(row)
        waiting = self._waiting_of(age, arrays)
        if waiting is not None and all(name in arrays for name in (_WIDTH, *self.drift.learned)):
            self.said[row, self._waiting.in_order(self.turns)] = waiting
            evidence, hurried = (arrays.get(name, 0) for name in _HASTY)
            self.intervals.load(row, arrays[_WIDTH], evidence, hurried)
            self.drift.load(row, arrays)

    def _waiting_of(self, age: int, arrays: Mapping[str, Float32]) -> Float32 | None:
        """Return what waits (place, target), or None where that lacks.

        An earlier version had a place for each sample to come and step ahead: that of the k-th sample to come is
        age + k, counted from 0 on, modulo the horizon.
        """
        if _WAITING in arrays or _SAID not in arrays:
            return arrays.get(_WAITING)
        rings = [arrays[_SAID][(age + np.arange(step + 1)) % self._horizon, step] for step in range(self._horizon)]
        return np.concatenate(rings)

    @staticmethod
    def might_hold(arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays_of` names, can be what a monitor has learned."""
        names = _WIDTH, SHARES, RAISED, *_HASTY
        widths, shares, raised, evidence, hurried = (arrays.get(name, np.zeros(0)) for name in names)
        are_shares = all(((some >= 0) & (some <= 1)).all() for some in (shares, evidence))
        are_moves = (np.abs(widths) <= WIDEST).all() and (np.abs(hurried) <= FURTHEST).all()
        is_shown = SHOWN_ERRORS not in arrays or ShownDrift.might_hold(arrays[SHOWN_ERRORS])
        return bool(are_shares and are_moves and is_shown and np.isin(raised, (0, 1)).all())
