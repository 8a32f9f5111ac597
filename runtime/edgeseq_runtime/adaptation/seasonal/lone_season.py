"""The search for the season of the only stream: what `season` does for rows, with few calls of NumPy.

The changes over `APART` samples are kept from the last one back, twice, one ring behind the other: so those at a group
of lags are neighbours. The gains of their means are neighbours in a table, since each lag has been compared with one
sample less than the one before it.
"""

from typing import Any

import numpy as np
from numpy import absolute, add, divide, multiply, subtract

from edgeseq_runtime.adaptation.seasonal import season
from edgeseq_runtime.adaptation.seasonal.layout import GROUPS, LAGS, LONGEST, VALUES, Layout
from edgeseq_runtime.arrays import Float32, are_within

_COUNTS = np.arange(season.OLDEST - season.APART, -season.APART - LONGEST - 1, -1)
"""Samples that a lag can have been compared over, from the most on; of young streams there are none."""

_GAINS = np.maximum(
    1 / np.maximum(np.floor_divide(_COUNTS, GROUPS) + 1, 1).astype(np.float32), np.float32(GROUPS / season.MEMORY)
)
"""What the newest difference counts in a lag's mean, for each of them."""

_BACKWARDS = -np.arange(VALUES) % VALUES
"""Places of the values, from the one of place 0 back."""

_LARGEST, _CLEARLY, _NO_LONGER = float(season.LARGEST), float(season.CLEARLY), float(season.NO_LONGER)

_UNBOUNDED = 1e18
"""Its square still is a number that float32 has."""

_ROUNDED = 1.001
"""So much larger is a bound than the number itself, of which float32 may have rounded a little off."""


class LoneSeason:
    """The search in a stream's row. `bind` comes first, and after any change by others."""

    def __init__(self, layout: Layout, row: Float32) -> None:
        parts = layout.parts
        self._views = {name: row[part.offset : part.offset + part.size] for name, part in parts.items()}
        self._row: Any = memoryview(row.data)
        self._values, self._seen, self._moved, self._season = (
            parts[name].offset for name in ("values", "seen", "moved", "season")
        )
        self._means = list(self._views["repeats"].reshape(GROUPS, LAGS))
        self._mean_of_lag: Any = memoryview(self._views["repeats"].data)
        self._changes = np.zeros(2 * VALUES, np.float32)
        self._change_at: Any = memoryview(self._changes.data)
        # NumPy takes an array without axes in half the time of a number.
        self._change, self._unit = np.zeros((), np.float32), np.zeros((), np.float32)
        self._off = np.zeros(LAGS, np.float32)

    def bind(self) -> None:
        """Look at the row anew."""
        values = self._views["values"]
        with np.errstate(all="ignore"):
            self._changes.reshape(2, -1)[:] = values[_BACKWARDS] - values[_BACKWARDS - season.APART]

    def update(self, clock: int, truth: float, unit: float) -> int:
        """Compare the sample of that number, which is in the row, with those before it; return the season, 0: none.

        `truth` is the sample, NaN where it teaches nothing, and `unit` the stream's scale.
        """
        row, place = self._row, clock % VALUES
        at = -place % VALUES
        change = row[self._values + place] - row[self._values + (place - season.APART) % VALUES]
        self._change_at[at] = self._change_at[VALUES + at] = change
        if unit > 0 and truth == truth:  # noqa: PLR0124 - NaN is not itself
            row[self._seen] = seen = min(row[self._seen] + 1, season.OLDEST)
            self._move(abs(change) / unit, int(seen))
            self._compare(clock % GROUPS, at, unit, int(seen))
        return int(row[self._season])

    def _move(self, moved: float, seen: int) -> None:
        """Take into its mean by how much the stream has moved."""
        if moved < np.inf:
            mean = self._row[self._moved]
            gain = 1 / min(max(seen - season.APART, 1), season.MEMORY)
            self._row[self._moved] = mean + gain * (min(moved, _LARGEST) - mean)

    def _compare(self, group: int, last: int, unit: float, seen: int) -> None:
        """Take the differences at a group of lags into their means, and let the best lag challenge the season.

        `last` is where the last change lies.
        """
        means, off, first = self._means[group], self._off, group * LAGS
        self._change[()], self._unit[()] = self._change_at[last], unit
        begin = last + first + 1
        subtract(self._changes[begin : begin + LAGS], self._change, off)
        at = season.OLDEST - seen + first + 1
        gains = _GAINS[at : at + LAGS]
        if are_within(off, min(_LARGEST * unit, _UNBOUNDED) ** 2):
            divide(off, self._unit, off)
            absolute(off, off)
            subtract(off, means, off)
            multiply(off, gains, off)
            add(means, off, means)
        else:
            with np.errstate(all="ignore"):
                off = np.abs(off / self._unit)
                after = means + gains * (np.minimum(off, season.LARGEST) - means)
                np.copyto(means, after, where=np.isfinite(off))
        now = int(self._row[self._season])
        if self._might_change(means, first, now, seen):
            views, lags = self._views, np.arange(first + 1, first + LAGS + 1)
            one = np.array([now]), lags[None], views["repeats"][None], views["moved"][None], views["seen"][None]
            self._row[self._season] = season.challenge(*one)[0]

    def _might_change(self, means: Float32, first: int, now: int, seen: int) -> bool:
        """Whether `season.challenge` might find another season than there is; it takes ten times as long as this."""
        known = seen - season.APART
        counting = min(known // 2, known - season.LEAST_COMPARED) - first  # of these lags
        moved, mean = self._row[self._moved], self._mean_of_lag[now - 1] if now else _LARGEST
        if now and mean * _ROUNDED > _NO_LONGER * moved:
            return True
        if counting <= 0:
            return False
        if counting < LAGS:
            means = means[:counting]
        bound = _CLEARLY * moved
        if now:
            lag = max(now, first + 1)
            chance = min(max((known - lag) // GROUPS + 1, 1), season.MEMORY / GROUPS) ** -0.5
            bound = min(bound, mean / (1 + 2 * chance) if first >= now else mean * (1 + chance))
        return bool(means.item(means.argmin()) < bound * _ROUNDED)
