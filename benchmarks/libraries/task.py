"""The task that all are set: ETTh1's oil temperature, a day ahead, from every hour of the test part."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.series import ETTH1_SPLIT
from edgeseq.series import Parts, Series, load

HORIZON = 24

Forecasts: TypeAlias = npt.NDArray[np.float64]
"""(origin, step ahead), standardised."""


@dataclass(frozen=True)
class Task:
    """A series that is to be forecast `horizon` steps ahead from every origin of its test part."""

    values: npt.NDArray[np.float32]
    """The whole series (time,), standardised with the mean and deviation of its training part."""
    mean: float
    """Of the training part, in the series' unit."""
    deviation: float
    """Likewise."""
    train: int
    """Rows of the training part, which begins the series."""
    validation: int
    """Rows of the validation part, which follows it; the test part is the rest."""
    horizon: int = HORIZON

    @property
    def test(self) -> int:
        """Rows of the test part."""
        return len(self.values) - self.train - self.validation

    @property
    def origins(self) -> npt.NDArray[np.int64]:
        """Rows of the last sample before each forecast: all whose truths lie in the test part, none in another."""
        return np.arange(self.train + self.validation - 1, len(self.values) - self.horizon)

    @property
    def truths(self) -> Forecasts:
        """What came after each origin."""
        rows = self.origins[:, None] + np.arange(1, self.horizon + 1)
        return np.asarray(self.values[rows], np.float64)

    def standardised(self, forecasts: npt.NDArray[np.float64]) -> Forecasts:
        """Return forecasts in the series' unit as all are compared."""
        return (forecasts - self.mean) / self.deviation

    def mse(self, forecasts: Forecasts) -> float:
        """Return the mean squared error over all origins and steps ahead. Raises `ValueError` where one is missing."""
        if forecasts.shape != self.truths.shape or not np.isfinite(forecasts).all():
            raise ValueError(f"not a forecast of every origin and step: {forecasts.shape}, wanted {self.truths.shape}")
        return float(np.mean((forecasts - self.truths) ** 2))

    def placed(
        self, origins: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> Forecasts:
        """Return forecasts that come as a list: of the sample in each of `rows`, made at each of `origins`."""
        found = np.full(self.truths.shape, np.nan)
        found[origins - self.origins[0], rows - origins - 1] = values
        return found


def etth1(path: Path) -> tuple[Task, Series, Parts]:
    """Return the task, and what edgeseq reads the file as."""
    series, parts = load(str(path), targets=["OT"], split=ETTH1_SPLIT)
    return of(parts), series, parts


def of(parts: Parts, horizon: int = HORIZON) -> Task:
    """Return the task of a series of one column without gaps."""
    values, train = parts.test.values[:, 0].astype(np.float64), len(parts.train)
    mean, deviation = float(values[:train].mean()), float(values[:train].std())
    standardised = ((values - mean) / deviation).astype(np.float32)
    return Task(standardised, mean, deviation, train, parts.test.start - train, horizon)
