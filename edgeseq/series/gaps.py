"""Gaps: short ones are interpolated, longer ones part the series into segments, and both are counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.series.series import Values
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.printable import counted

LIMIT = 3
"""Missing samples in a row that are filled in, unless the user says otherwise."""


@dataclass(frozen=True)
class Filled:
    """A stretch of a series without missing values, in segments."""

    values: Values
    """(time, feature); NaN only outside the segments."""
    observed: npt.NDArray[np.bool_]
    """(time, feature): which values were measured, not filled in."""
    segments: tuple[tuple[int, int], ...]
    """Start and end of each run of samples without a longer gap."""
    missing: int
    """Samples that lacked a value."""
    interpolated: int
    """How many of these were filled in."""
    left: int
    """Gaps that were not filled in: longer ones, and those at an end of the series."""
    causal: bool = False
    """Whether what was filled in was made of earlier samples only, as a stream has it; then it may teach."""

    def warm(self, warmup: int) -> npt.NDArray[np.bool_]:
        """Return which samples have at least `warmup` - 1 before them in their segment, (time,)."""
        warm = np.zeros(len(self.values), bool)
        for start, stop in self.segments:
            warm[start + max(warmup, 1) - 1 : stop] = True
        return warm

    def __str__(self) -> str:
        if not self.missing:
            return "none"
        filled, longer = counted(self.interpolated, "sample"), counted(self.left, "longer gap")
        return f"{filled} interpolated, {longer} left open: {counted(len(self.segments), 'segment')}"


Fill: TypeAlias = Callable[[Values, int], Filled]
"""Fills gaps of at most so many samples in values (time, feature), and splits at the others, as `fill` does."""


def fill(values: Values, limit: int = LIMIT) -> Filled:
    """Interpolate gaps of at most `limit` samples in values (time, feature); split at the others.

    A sample that lacks any of its values is missing, as it is for a stream. Gaps at the very start or end are
    never filled: there is nothing to interpolate between.
    """
    observed = np.isfinite(values)
    missing = ~np.asarray(observed.all(axis=1))
    filled, left = values.copy(), missing.copy()
    for start, stop in runs(missing):
        if stop - start <= limit and start > 0 and stop < len(values):
            between = np.linspace(values[start - 1], values[stop], stop - start + 2)[1:-1]
            filled[start:stop] = np.where(observed[start:stop], values[start:stop], between)
            left[start:stop] = False
    return Filled(
        values=filled,
        observed=observed,
        segments=tuple(runs(~left)),
        missing=int(missing.sum()),
        interpolated=int((missing & ~left).sum()),
        left=len(runs(left)),
    )


def together(parts: Sequence[Filled]) -> Filled:
    """Return several stretches as one, each in segments of its own."""
    begins = np.cumsum([0, *(len(part.values) for part in parts)]).tolist()
    return Filled(
        values=np.concatenate([part.values for part in parts]),
        observed=np.concatenate([part.observed for part in parts]),
        segments=tuple(
            (begin + start, begin + stop)
            for begin, part in zip(begins, parts, strict=False)
            for start, stop in part.segments
        ),
        missing=sum(part.missing for part in parts),
        interpolated=sum(part.interpolated for part in parts),
        left=sum(part.left for part in parts),
    )


def insert_missing(seconds: Float64, values: Values, limit: int, period: float) -> tuple[Values, npt.NDArray[np.int64]]:
    """Put rows of NaN where the times (time,) leap by more than a period, so that samples are evenly spaced.

    Returns the values, and the row of `values` for each sample. A gap gets at most `limit` + 1 rows, which is
    enough to part the series there.
    """
    steps = np.diff(seconds)
    missing = np.clip(np.rint(steps / period).astype(np.int64) - 1, 0, limit + 1)
    rows = np.repeat(np.arange(len(seconds)), np.concatenate([[1], missing + 1]))
    spread = values[rows].copy()
    # Of the copies of a row, the last is the row itself; those before it are the gap.
    spread[:-1][rows[:-1] == rows[1:]] = np.nan
    return spread, rows


def runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
