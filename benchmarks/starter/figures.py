"""What is measured of forecasts of one series: their errors while it is young and in its last fifth, and coverage."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.series.analysis import season_length
from edgeseq.series.gaps import fill
from edgeseq_runtime.arrays import Float64

FIRST, LAST = 16, 300
"""Samples after which forecasts are young ones, counted from 1."""

COVERED_FROM = 100
"""The first sample, counted from 1, after which a forecast's interval counts."""

LEVEL = 0.9
"""Of the intervals."""

EXACT = 1e-6
"""Share of the series' variance that every smaller squared error counts as."""

Rows: TypeAlias = npt.NDArray[np.int64]
"""After which forecasts are made."""


@dataclass(frozen=True)
class Task:
    """A series, and how far ahead it is forecast."""

    values: Float64
    """(time,), in its own unit."""
    horizon: int

    @property
    def start(self) -> int:
        """The first row of the last fifth."""
        return len(self.values) * 4 // 5

    @property
    def young(self) -> Rows:
        """The rows after samples `FIRST` to `LAST`."""
        return np.arange(FIRST - 1, LAST)

    @property
    def late(self) -> Rows:
        """The rows of the last fifth that have all their truths."""
        return np.arange(self.start, len(self.values) - self.horizon)

    @property
    def covered(self) -> Rows:
        """The rows whose intervals count."""
        return np.arange(COVERED_FROM - 1, len(self.values) - self.horizon)

    @cached_property
    def season(self) -> int | None:
        """Samples of a season that the first four fifths show."""
        return season_length(fill(self.values[: self.start, None].astype(np.float32)))

    def truths(self, rows: Rows) -> Float64:
        """Return what came after each of the rows, (row, horizon)."""
        return np.asarray(self.values[rows[:, None] + np.arange(1, self.horizon + 1)])

    def holds(self, lower: Float64, upper: Float64) -> Float64:
        """Return for intervals (time, horizon) whether they hold their truths: 1 or 0, NaN where none counts."""
        held = np.full(lower.shape, np.nan)
        truths, low, high = self.truths(self.covered), lower[self.covered], upper[self.covered]
        known = np.isfinite(low) & np.isfinite(high)
        held[self.covered] = np.where(known, (low <= truths) & (truths <= high), np.nan)
        return held


@dataclass(frozen=True)
class Forecasts:
    """What a model says of a series; NaN where it says nothing."""

    made: Float64
    """(time, horizon), in the series' unit."""
    held: Float64 | None = None
    """(time, horizon): whether the 90 % interval holds what came, 1 or 0; None: the model has no intervals."""


@dataclass(frozen=True)
class Figures:
    """What is measured of a model on a series; None where it makes no such forecasts."""

    young: float | None
    """Mean squared error after samples `FIRST` to `LAST`, over all steps ahead."""
    late: float | None
    """That over the last fifth."""
    coverage: list[float] | None = None
    """Share of the intervals that hold what came, by step ahead."""

    @classmethod
    def of(cls, task: Task, forecasts: Forecasts) -> "Figures":
        """Measure forecasts."""
        coverage = None
        if forecasts.held is not None:
            coverage = [float(share) for share in np.nanmean(forecasts.held[task.covered], axis=0)]
        return cls(mse(task, forecasts.made, task.young), mse(task, forecasts.made, task.late), coverage)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Figures":
        """Return what a file of results holds."""
        return cls(**content)


def mse(task: Task, made: Float64, rows: Rows) -> float | None:
    """Return the mean squared error of forecasts (time, horizon) after the rows; None where one of them is not made."""
    errors = made[rows] - task.truths(rows)
    return float(np.mean(np.square(errors))) if np.isfinite(errors).all() else None


def is_periodic(task: Task) -> bool:
    """Whether the last fifth repeats some samples before it, but for `EXACT`; a constant does."""
    late = task.values[task.start :]
    earlier = np.lib.stride_tricks.sliding_window_view(task.values[:-1], len(late))[::-1]  # by lag
    return any(float(np.mean(np.square(late - one))) <= EXACT * float(late.var()) for one in earlier)
