"""The horizontal axis of a figure: dates where samples have times, their numbers where they have none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from edgeseq.text import duration, moment
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.printable import counted

_DAY = 86400.0
"""Seconds in what matplotlib counts dates in."""

_PLACES = 7
"""Ticks with dates, at most, on an axis of ten inches."""

_LEVELS = ["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S.%f"]
_STARTS = ["", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"]
"""What stands at a tick by what changes there, from years to parts of a second; and where a longer unit begins."""

_RANGE = -5.9e10, 2.2e11
"""From the year 100 to 8900, in seconds since 1970: what matplotlib can show with some room on both sides."""


@dataclass(frozen=True)
class TimeAxis:
    """Where the rows of a series lie on the axis."""

    seconds: Float64 | None
    """Since 1970 UTC (time,); None where samples have no times."""
    period: float | None = None
    """Seconds from one sample to the next."""

    @classmethod
    def of(cls, seconds: Sequence[float] | Float64 | None, period: float | None = None) -> Self:
        """Return the axis; that of numbers where times are not known, run backwards, or lie thousands of years off."""
        if seconds is None:
            return cls(None, period)
        times, (earliest, latest) = np.asarray(seconds, np.float64), _RANGE
        fit = len(times) and earliest < times.min() and times.max() < latest and (np.diff(times) >= 0).all()
        return cls(times if fit else None, period)

    def at(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the places of rows: days since 1970, which matplotlib shows as dates, or the rows themselves."""
        return rows if self.seconds is None else self.seconds[rows] / _DAY

    def label(self, axes: Axes, width: float) -> None:
        """Say along the axis, so many inches wide, what it shows. Each tick names its month or its time of day."""
        most = max(3, round(_PLACES * width / 10))
        if self.seconds is None:
            axes.set_xlabel("sample")
            axes.xaxis.set_major_locator(MaxNLocator(most, integer=True, steps=(1, 2, 5, 10)))
            return
        locator = AutoDateLocator(minticks=3, maxticks=most)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(
            ConciseDateFormatter(locator, formats=_LEVELS, zero_formats=_STARTS, show_offset=False)  # type: ignore[no-untyped-call]
        )
        axes.set_xlabel("time, UTC or as written")

    def moment(self, row: int) -> str:
        """Return which row this is, in words."""
        return f"sample {row}" if self.seconds is None else moment(float(self.seconds[row]))

    def stretch(self, first: int, last: int) -> str:
        """Return from which to which row something reaches, in words."""
        if self.seconds is None:
            return f"samples {first} to {last}"
        return f"{moment(float(self.seconds[first]))} to {moment(float(self.seconds[last]))}"

    def ahead(self, steps: int) -> str:
        """Return how far ahead so many steps are, in words."""
        return duration(steps * self.period) if self.period else counted(steps, "sample")
