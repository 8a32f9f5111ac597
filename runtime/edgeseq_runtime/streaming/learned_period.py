"""The time of streams of which nobody has said how often their samples come: their first times tell."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.reading.times import MONTH
from edgeseq_runtime.rules import ANOTHER_RATE
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.clocks import LEAST, Clocks

FIRST = 5
"""Steps from sample to sample whose median becomes the period, once all of them but one are like it; a month or a year
where they are as long as these."""

_COUNTERS = ("clock.period", *(f"clock.step{number}" for number in range(1, FIRST + 1)))


_DAY, _HOUR = 86_400.0, 3600.0

_CALENDAR = ((28, 31, MONTH), (365, 366, 12 * MONTH))
"""The least and the greatest number of days in a month and in a year, and the period of samples so far apart."""


def _calendars(steps: Float64, alike: npt.NDArray[np.bool_], periods: Float64) -> Float64:
    """Return the periods (stream,), or a month's or a year's where the steps (stream, FIRST) are as long as these.

    Those are not all of the same length: samples that come each 30 days do so by the day. A clock may be changed by an
    hour on the way. Steps that are not `alike` are those of a gap.
    """
    days = np.rint(steps / _DAY)
    whole = np.abs(steps - days * _DAY) <= _HOUR
    differ = np.where(alike, days, -np.inf).max(axis=1) > np.where(alike, days, np.inf).min(axis=1)
    for least, most, period in _CALENDAR:
        fits = (whole & (days >= least) & (days <= most)) | ~alike
        periods = np.where(fits.all(axis=1) & differ, period, periods)
    return periods


class LearningClocks(Clocks):
    """Clocks with a period for each stream. Until it is known no sample comes too late.

    A pace that lasts becomes the period.
    """

    periods: Float64
    """(stream,): seconds from one sample to the next, NaN until it is known."""
    steps: Float64
    """(stream, FIRST): the last such steps until then, the newest last; NaN where there were fewer."""

    def __init__(self, spec: Spec, room: int, *, confirms: bool) -> None:
        super().__init__(spec, room, confirms=confirms)
        self._begin("periods", (), np.float64, math.nan)
        self._begin("steps", (FIRST,), np.float64, math.nan)

    def period_of(self, rows: Any) -> Any:
        """Return the period of streams in seconds, (stream,); see `Clocks`."""
        return self.periods[rows]

    def limits_of(self, rows: Any) -> tuple[Any, Any]:
        """Return after how many seconds a sample comes too early and too late, (stream,) each; see `Clocks`."""
        periods = self.periods[rows]
        return np.where(np.isnan(periods), LEAST, periods / ANOTHER_RATE), 1.5 * periods

    def span_of_first(self) -> tuple[float, float] | None:
        """Return the least and the greatest step to a sample of the first stream that is as before; see `Clocks`.

        While there is something to learn none is, but for samples without times.
        """
        if self.paced[0]:
            return None
        period = float(self.periods[0])
        return (math.inf, -math.inf) if math.isnan(period) else (period / ANOTHER_RATE, 1.5 * period)

    def commit(self, rows: Any, seconds: Any, ahead: Any = None) -> None:
        """Take note of the times (stream,) that samples were taken at; see `Clocks`."""
        if np.count_nonzero(np.isnan(self.periods[rows])):
            self._learn(np.arange(len(self.last))[rows], seconds)
        super().commit(rows, seconds, ahead)

    def _learn(self, rows: npt.NDArray[np.intp], seconds: Float64) -> None:
        """Learn periods from the steps to samples at these times, (stream,)."""
        passed = seconds - self.last[rows]
        counts = np.isnan(self.periods[rows]) & (passed > 0)
        rows = rows[counts]
        steps = np.concatenate([self.steps[rows, 1:], passed[counts, None]], axis=1)
        self.steps[rows] = steps
        middle = np.sort(steps, axis=1)[:, FIRST // 2, None]
        alike = (steps >= middle / ANOTHER_RATE) & (steps < ANOTHER_RATE * middle)
        found = alike.sum(axis=1) >= FIRST - 1
        found &= ~np.isnan(steps).any(axis=1)
        self.periods[rows[found]] = _calendars(steps, alike, middle[:, 0])[found]

    def tell_pace(self, rows: npt.NDArray[np.intp]) -> None:
        """Note that the pace is told: it is the period from now on."""
        self.periods[rows], self.paced[rows] = self.pace[rows], 0
        self.any_paced = bool(self.paced.any())

    def counters_of(self, rows: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
        """Return what a snapshot has to count of streams' times, of each by name."""
        learned = np.concatenate([self.periods[rows, None], self.steps[rows]], axis=1).tolist()
        known = super().counters_of(rows)
        return [one | dict(zip(_COUNTERS, row, strict=True)) for one, row in zip(known, learned, strict=True)]

    def load(self, row: int, counters: Mapping[str, Any]) -> None:
        """Go on with a stream's times as `counters_of` found them."""
        super().load(row, counters)
        self.periods[row], *self.steps[row] = (counters[name] for name in _COUNTERS)
