"""The time of streams: when a sample comes, how many are missing before it, and the features that are read off it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64, Rows
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.zones import zone_of
from edgeseq_runtime.rules import ANOTHER_RATE, FAR_AHEAD
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.row_arrays import RowArrays
from edgeseq_runtime.streaming.time_features import time_features
from edgeseq_runtime.streaming.validation import UNREAD

_MOST_PERIODS = 1e9
"""A gap counts as no longer than this."""

_FOUND_AFTER = 4
"""Steps of another pace in a row, near each other, after which it is found: a lone gap or jitter is none."""

_TOLD = _FOUND_AFTER + 1
"""Counts no further: the finding is a sample's reason."""

LEAST = 5e-324
"""The least that time can pass."""

_COUNTERS = ("seconds", "clock.ahead", "clock.pace", "clock.paced")
"""What a snapshot calls the arrays of a clock."""

Flags = npt.NDArray[np.bool_]


class Clocks(RowArrays):
    """Each stream's time."""

    last: Float64
    """(stream,): time of the last sample that was taken, in seconds since 1970 UTC; NaN where it is not known."""
    ahead: Float64
    """(stream,): how far ahead of it a time lies that waits to be confirmed, in seconds; 0 where none does."""
    pace: Float64
    """(stream,): seconds from one sample to the next where that is not the model's period, or was not."""
    paced: npt.NDArray[np.int64]
    """(stream,): steps of that pace in a row, up to `_FOUND_AFTER`; `_TOLD` once a sample has that as its reason."""

    def __init__(self, spec: Spec, room: int, *, confirms: bool) -> None:
        super().__init__(room)
        self._measured = len(spec.measured)
        self.features = tuple(feature.name for feature in spec.features[self._measured :])
        """Names of the features that are read off the time; they stand after the others."""
        self._zone = zone_of(spec.reading.zone) if spec.reading and spec.reading.zone else None
        self.period = spec.period or math.nan
        self.late = 1.5 * self.period
        """Seconds after the last sample from which others lack in between."""
        self.early = self.period / ANOTHER_RATE if spec.period else LEAST
        """Seconds after the last sample before which one comes faster than the model's do."""
        self.told = _TOLD
        """What `paced` has where another pace is known to last."""
        self._far = float(FAR_AHEAD) if confirms else math.inf
        """Periods that a time may be ahead at once."""
        self.is_known = bool(self.features)
        """Whether any stream's time may be known, or must be."""
        self.any_ahead = False
        """Whether a time of any stream may be waiting to be confirmed."""
        self._begin("last", (), np.float64, math.nan)
        self._begin("ahead", (), np.float64)
        self.any_paced = False
        """Whether samples of any stream may come in another pace."""
        self._begin("pace", (), np.float64)
        self._begin("paced", (), np.int64)

    def period_of(self, rows: Any) -> Any:
        """Return the period of streams in seconds, (stream,), or one number for all; NaN where it is not known."""
        del rows
        return self.period

    def limits_of(self, rows: Any) -> tuple[Any, Any]:
        """Return after how many seconds a sample comes too early and too late, (stream,) or a number for all each."""
        del rows
        return self.early, self.late

    def resolve(self, rows: Rows, given: Float64) -> Float64:
        """Return samples' times (stream,): as given, or a period after the one before; NaN where neither is known."""
        return np.where(np.isnan(given), self.last[rows] + self.period_of(rows), given)

    def passed(self, rows: Rows, seconds: Float64) -> Float64:
        """Return the time since the last sample, (stream,); NaN where it is not known."""
        return np.asarray(seconds - self.last[rows])

    def are_usual(self, rows: Rows, passed: Float64) -> bool:
        """Whether all samples come when they should, in the model's pace as those before."""
        if self.any_ahead or self.any_paced:
            return False
        early, late = self.limits_of(rows)
        return not np.count_nonzero((passed < early) | (passed >= late))  # NaN: nothing is known to lack

    def are_on_time(self, rows: Rows, passed: Float64) -> bool:
        """Whether none lacks or comes twice, and no time waits to be confirmed; some may come too fast."""
        return not self.any_ahead and not np.count_nonzero((passed <= 0) | (passed >= self.limits_of(rows)[1]))

    def span_of_first(self) -> tuple[float, float] | None:
        """Return the least and the greatest step to a sample of the first stream that is as before; None: none is.

        Once a faster pace was told, a sample of it is so.
        """
        if not self.any_paced or not self.paced[0]:
            return self.early, self.late
        return (LEAST, self.early) if self.paced[0] == _TOLD else None

    def note_pace(self, rows: npt.NDArray[np.intp], passed: Float64) -> Flags:
        """Take note of the steps to samples (stream,); return which show a pace that is to be told."""
        pace, count = self.pace[rows], self.paced[rows]
        early, late = self.limits_of(rows)
        is_wrong = (passed < early) | (passed >= late)
        is_told = count == _TOLD
        with np.errstate(over="ignore"):
            alike = (count > 0) & (passed < ANOTHER_RATE * pace) & (pace < ANOTHER_RATE * passed)
        further = np.where(alike, np.minimum(count + 1, _FOUND_AFTER), 1)
        self.paced[rows] = np.where(is_wrong, np.where(is_told, _TOLD, further), 0)
        mean = np.where(alike, pace + (passed - pace) / further, passed)
        self.pace[rows] = np.where(is_wrong & ~is_told, mean, pace)
        self.any_paced = bool(self.paced.any())
        return np.asarray(self.paced[rows] == _FOUND_AFTER)

    def note_paces(self, passed: Float64) -> npt.NDArray[np.intp]:
        """As `note_pace`, for steps of the first stream that follow each other (sample,); return where it is told."""
        is_wrong = (passed < self.early) | (passed >= self.late)
        first, told = np.zeros(1, np.intp), []
        at = 0
        while at < len(passed):
            if self.paced[0] in (0, _TOLD):  # what does not change that is passed over
                changes = is_wrong[at:] if not self.paced[0] else ~is_wrong[at:]
                if not changes.any():
                    break
                at += int(changes.argmax())
            if self.note_pace(first, passed[at : at + 1])[0]:
                self.tell_pace(first)
                told.append(at)
            at += 1
        return np.array(told, np.intp)

    def tell_pace(self, rows: npt.NDArray[np.intp]) -> None:
        """Note that the pace is told, which is done once as long as it lasts."""
        self.paced[rows] = _TOLD

    def lags(self, rows: npt.NDArray[np.intp], seconds: Float64) -> tuple[npt.NDArray[np.int64], Flags]:
        """Return how many samples lack before those at these times, (stream,), and which times are not believed yet.

        -1 where a time is not after the last one's. Not believed is one that is `FAR_AHEAD` periods ahead, unless it
        goes on from such a one of the sample before.
        """
        passed = seconds - self.last[rows]
        period = self.period_of(rows)
        periods = np.minimum(passed / period, _MOST_PERIODS)
        lags = np.where(periods > 1, np.round(periods) - 1, 0)
        lags = np.where(passed <= 0, -1, np.nan_to_num(lags)).astype(np.int64)
        further = passed - self.ahead[rows]
        confirmed = (self.ahead[rows] > 0) & (further > 0) & (further <= self._far * period)
        return lags, (passed > self._far * period) & ~confirmed

    def commit(self, rows: Any, seconds: Any, ahead: Any = None) -> None:
        """Take note of the times (stream,) that samples were taken at, and of those further ahead that wait."""
        self.last[rows] = seconds
        if ahead is not None:
            self.ahead[rows] = ahead
            self.any_ahead = bool(self.ahead.any())

    def counters_of(self, rows: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
        """Return what a snapshot has to count of streams' times, of each by name."""
        columns = [array[rows].tolist() for array in (self.last, self.ahead, self.pace, self.paced)]
        return [dict(zip(_COUNTERS, row, strict=True)) for row in zip(*columns, strict=True)]

    def load(self, row: int, counters: Mapping[str, Any]) -> None:
        """Go on with a stream's times as `counters_of` found them."""
        last, ahead, pace, paced = (counters[name] for name in _COUNTERS)
        self.last[row], self.ahead[row], self.pace[row], self.paced[row] = last, ahead, pace, min(paced, _TOLD)
        self.any_ahead, self.any_paced = bool(self.ahead.any()), bool(self.paced.any())
        self.is_known = self.is_known or not math.isnan(last)

    def with_features(self, block: Float32, seconds: Float64, unread: Flags | None = None) -> Float32:
        """Return samples (sample, feature) with the features of their times (sample,) where they lack.

        Raises `DataError` where they lack and the time is not known, unless that is for one that is `unread`.
        """
        if not self.features:
            return block
        end = self._measured + len(self.features)
        lacking = block[:, self._measured : end] == UNREAD
        if not lacking.any():
            return block
        known = np.isfinite(seconds)
        untold = lacking.any(axis=1) & ~known
        if (untold if unread is None else untold & ~unread).any():
            raise self.no_time()
        read = np.full((len(block), len(self.features)), np.nan, np.float32)
        read[known] = self.features_at(seconds[known])
        read = np.where(lacking, read, block[:, self._measured : end])
        return np.concatenate([block[:, : self._measured], read, block[:, end:]], axis=1)

    def features_at(self, seconds: Float64) -> Float64:
        """Return the features of times (...), (..., feature)."""
        return time_features(self._zone.local(seconds) if self._zone else seconds, self.features)

    def next_times(self, row: int, steps: int) -> Float64:
        """Return the times of a stream's next samples, a period apart, (steps,); NaN where they are unknown."""
        return np.asarray(self.last[row] + self.period_of(row) * np.arange(1, steps + 1), np.float64)

    def complete(self, values: list[float], seconds: float) -> list[float]:
        """Return a sample's numbers with the features of its time where they lack."""
        clock = seconds + self._zone.offset(seconds) if self._zone else seconds
        read = [*[0.0] * self._measured, *time_features(clock, self.features).tolist()]
        return [told if value == UNREAD else value for value, told in zip(values, read, strict=True)]

    def no_time(self) -> DataError:
        """Return what to raise where a sample has no time and the model sees it."""
        return DataError(f"the model sees {', '.join(self.features)}: give each sample its time")
