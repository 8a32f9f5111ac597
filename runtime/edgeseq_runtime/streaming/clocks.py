"""The time of streams: when a sample comes, how many are missing before it, and the features that are read off it."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64, Rows
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.rules import FAR_AHEAD
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.row_arrays import RowArrays
from edgeseq_runtime.streaming.time_features import time_features
from edgeseq_runtime.streaming.validation import UNREAD

_MOST_PERIODS = 1e9
"""A gap counts as no longer than this."""

Flags = npt.NDArray[np.bool_]


class Clocks(RowArrays):
    """Each stream's time."""

    last: Float64
    """(stream,): time of the last sample that was taken, in seconds since 1970 UTC; NaN where it is not known."""
    ahead: Float64
    """(stream,): how far ahead of it a time lies that waits to be confirmed, in seconds; 0 where none does."""

    def __init__(self, spec: Spec, room: int, *, confirms: bool) -> None:
        super().__init__(room)
        self._measured = len(spec.measured)
        self.features = tuple(feature.name for feature in spec.features[self._measured :])
        """Names of the features that are read off the time; they stand after the others."""
        self.period = spec.period or math.nan
        self.late = 1.5 * self.period
        """Seconds after the last sample from which others lack in between."""
        self.early = 0.0
        """Seconds after the last sample up to which one comes too early."""
        self._far = FAR_AHEAD * self.period if confirms else math.inf
        self.is_known = bool(self.features)
        """Whether any stream's time may be known, or must be."""
        self.any_ahead = False
        """Whether a time of any stream may be waiting to be confirmed."""
        self._begin("last", (), np.float64, math.nan)
        self._begin("ahead", (), np.float64)

    def resolve(self, rows: Rows, given: Float64) -> Float64:
        """Return samples' times (stream,): as given, or a period after the one before; NaN where neither is known."""
        return np.where(np.isnan(given), self.last[rows] + self.period, given)

    def are_on_time(self, rows: Rows, seconds: Float64) -> bool:
        """Whether all samples come when they should, and no time waits to be confirmed."""
        if self.any_ahead:
            return False
        passed = seconds - self.last[rows]
        return not np.count_nonzero((passed <= self.early) | (passed >= self.late))  # NaN: nothing is known to lack

    def lags(self, rows: npt.NDArray[np.intp], seconds: Float64) -> tuple[npt.NDArray[np.int64], Flags]:
        """Return how many samples lack before those at these times, (stream,), and which times are not believed yet.

        -1 where a time is not after the last one's. Not believed is one that is `FAR_AHEAD` periods ahead, unless it
        goes on from such a one of the sample before.
        """
        passed = seconds - self.last[rows]
        periods = np.minimum(passed / self.period, _MOST_PERIODS)
        lags = np.where(periods > 1, np.round(periods) - 1, 0)
        lags = np.where(passed <= 0, -1, np.nan_to_num(lags)).astype(np.int64)
        further = passed - self.ahead[rows]
        confirmed = (self.ahead[rows] > 0) & (further > 0) & (further <= self._far)
        return lags, (passed > self._far) & ~confirmed

    def commit(self, rows: Any, seconds: Any, ahead: Any = None) -> None:
        """Take note of the times (stream,) that samples were taken at, and of those further ahead that wait."""
        self.last[rows] = seconds
        if ahead is not None:
            self.ahead[rows] = ahead
            self.any_ahead = bool(self.ahead.any())

    def with_features(self, block: Float32, seconds: Float64, unread: Flags | None = None) -> Float32:
        """Return samples (sample, feature) with the features of their times (sample,) where they lack.

        Raises `DataError` where they lack and the time is not known, unless that is for one that is `unread`.
        """
        if not self.features:
            return block
        lacking = block[:, self._measured :] == UNREAD
        if not lacking.any():
            return block
        known = np.isfinite(seconds)
        untold = lacking.any(axis=1) & ~known
        if (untold if unread is None else untold & ~unread).any():
            raise self.no_time()
        read = np.full((len(block), len(self.features)), np.nan, np.float32)
        read[known] = time_features(seconds[known], self.features)
        return np.concatenate([block[:, : self._measured], np.where(lacking, read, block[:, self._measured :])], axis=1)

    def features_at(self, seconds: Float64) -> Float64:
        """Return the features of times (...), (..., feature)."""
        return time_features(seconds, self.features)

    def next_times(self, row: int, steps: int) -> Float64:
        """Return the times of a stream's next samples, a period apart, (steps,); NaN where they are unknown."""
        return np.asarray(self.last[row] + self.period * np.arange(1, steps + 1), np.float64)

    def complete(self, values: list[float], seconds: float) -> list[float]:
        """Return a sample's numbers with the features of its time where they lack."""
        read = [*[0.0] * self._measured, *time_features(seconds, self.features).tolist()]
        return [told if value == UNREAD else value for value, told in zip(values, read, strict=True)]

    def no_time(self) -> DataError:
        """Return what to raise where a sample has no time and the model sees it."""
        return DataError(f"the model sees {', '.join(self.features)}: give each sample its time")
