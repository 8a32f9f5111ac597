"""Gaps: short ones are interpolated, longer ones part the series into segments, and both are counted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.series.series import Values

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

    def __str__(self) -> str:
        if not self.missing:
            return "no gaps"
        segments = "1 segment" if len(self.segments) == 1 else f"{len(self.segments)} segments"
        return (
            f"{self.missing} missing samples: {self.interpolated} interpolated, "
            f"{self.missing - self.interpolated} in {self.left} longer gaps; {segments}"
        )


def fill(values: Values, limit: int = LIMIT) -> Filled:
    """Interpolate gaps of at most `limit` samples in each column of values (time, feature); split at the others.

    Gaps at the very start or end are never filled: there is nothing to interpolate between.
    """
    observed = np.isfinite(values)
    columns = [_fill_column(column, limit) for column in values.T]
    filled = np.stack(columns, axis=1)
    missing = ~np.asarray(observed.all(axis=1))
    left = ~np.asarray(np.isfinite(filled).all(axis=1))
    return Filled(
        values=filled,
        observed=observed,
        segments=tuple((start, stop) for start, stop in runs(~left)),
        missing=int(missing.sum()),
        interpolated=int((missing & ~left).sum()),
        left=len(runs(left)),
    )


def insert_missing(
    seconds: npt.NDArray[np.float64], values: Values, limit: int
) -> tuple[Values, npt.NDArray[np.int64], float]:
    """Put rows of NaN where the times (time,) leap, so that samples are evenly spaced.

    Returns the values, the file's row for each sample, and the period in seconds. A gap gets at most
    `limit` + 1 rows, which is enough to part the series there.
    """
    steps = np.diff(seconds)
    period = float(np.median(steps))
    lacking = np.clip(np.rint(steps / period).astype(np.int64) - 1, 0, limit + 1)
    rows = np.repeat(np.arange(len(seconds)), np.concatenate([[1], lacking + 1]))
    spread = values[rows].copy()
    # Of the copies of a row, the last is the row itself; those before it are the gap.
    spread[:-1][rows[:-1] == rows[1:]] = np.nan
    return spread, rows, period


def runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _fill_column(column: npt.NDArray[np.float32], limit: int) -> npt.NDArray[np.float32]:
    filled = column.copy()
    for start, stop in runs(~np.isfinite(column)):
        if stop - start <= limit and start > 0 and stop < len(column):
            between = np.linspace(column[start - 1], column[stop], stop - start + 2)
            filled[start:stop] = between[1:-1]
    return filled
