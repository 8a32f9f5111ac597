"""Which stretch of a series a figure shows."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.text import moment
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.reading import durations
from edgeseq_runtime.reading.times import TimeReader

_TIMES = TimeReader()

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stretch:
    """What `--last`, `--since` and `--until` say; None where they say nothing. Raises `UsageError` for nonsense."""

    last: str | None = None
    """A duration such as 7d, or a number of samples: the end of the rest."""
    since: str | None = None
    """A time; the number of a row where samples have no times."""
    until: str | None = None

    def __post_init__(self) -> None:
        if self.last is not None and not self.last.isdecimal():
            durations.parse(self.last)
        for option, text in (("--since", self.since), ("--until", self.until)):
            if text is not None and not _TIMES.is_time(_whole_date(text)):
                raise UsageError(f"{option}: expected a time such as 2026-05-01T12:00, got {text!r}")

    def __bool__(self) -> bool:
        return not self.last is self.since is self.until is None

    def choose(self, rows: Rows, seconds: Float64 | None, most: int) -> slice:
        """Return which of the rows of a series are shown: of those chosen, or else of all, the last `most`.

        `seconds` are the times of the series (time,), None where it has none. Raises `UsageError` where nothing is
        left, or a time is named where there are none.
        """
        places = rows.astype(np.float64) if seconds is None else seconds[rows]
        first = 0 if self.since is None else int(np.searchsorted(places, _place(self.since, seconds, "--since")))
        stop = len(rows)
        if self.until is not None:
            stop = int(np.searchsorted(places, _place(self.until, seconds, "--until"), side="right"))
        if self.last is not None and stop > first:
            first = max(first, self._begin(places[:stop], timed=seconds is not None))
        if stop <= first:
            reach = f"{_shown(places[0], seconds)} to {_shown(places[-1], seconds)}"
            raise UsageError(f"nothing to draw there: forecasts were made from {reach}")
        return slice(first if self else max(first, stop - most), stop)

    def _begin(self, places: Float64, *, timed: bool) -> int:
        """Return where the last part of some places begins."""
        assert self.last is not None
        if self.last.isdecimal():
            return max(0, len(places) - int(self.last))
        seconds = durations.parse(self.last)
        if not timed:
            raise UsageError(f"--last {self.last} needs times, and this series has none: give samples, e.g. --last 200")
        return int(np.searchsorted(places, places[-1] - seconds, side="right"))


def _place(text: str, seconds: Float64 | None, option: str) -> float:
    if seconds is None:
        if not text.isdecimal():
            raise UsageError(f"{option}: expected the number of a sample, got {text!r}: this series has no times")
        return float(text)
    return _TIMES.seconds(_whole_date(text))


def _whole_date(text: str) -> str:
    """Return a year or a month as its first day; anything else as it is."""
    return f"{text}-01-01"[:10] if re.fullmatch(r"\d{4}(-\d\d)?", text, re.ASCII) else text


def _shown(place: float, seconds: Float64 | None) -> str:
    return f"{place:.0f}" if seconds is None else moment(place)
