"""What all models are set: to forecast a series some steps ahead, from every origin of its test part."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.series import Parts

Forecasts: TypeAlias = npt.NDArray[np.float64]
"""(origin, step ahead), standardised."""


@dataclass(frozen=True)
class Task:
    """A series that is to be forecast `horizon` steps ahead from every origin of its test part."""

    values: npt.NDArray[np.float32]
    """The whole series (time,), standardised with the mean and deviation of its training part; a missing sample is
    replaced by the last one before it, as a model sees it."""
    known: npt.NDArray[np.bool_]
    """Which of them were measured (time,): the others are no truths."""
    mean: float
    """Of the training part, in the series' unit."""
    deviation: float
    """Likewise."""
    train: int
    """Rows of the training part, which begins the series."""
    validation: int
    """Rows of the validation part, which follows it; the test part is the rest."""
    horizon: int
    season: int = 1
    """Samples in a season; 1: none."""
    counts: npt.NDArray[np.bool_] | None = None
    """Which samples a forecast counts after (time,); None: all."""

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
        """What came after each origin; NaN where it was not measured, or where no forecast counts."""
        rows = self.origins[:, None] + np.arange(1, self.horizon + 1)
        judged = self.known[rows]
        if self.counts is not None:
            judged = judged & self.counts[self.origins][:, None]
        return np.where(judged, self.values[rows], np.nan)

    def standardised(self, forecasts: npt.NDArray[np.float64]) -> Forecasts:
        """Return forecasts in the series' unit as all are compared."""
        return (forecasts - self.mean) / self.deviation

    def mse(self, forecasts: Forecasts) -> float:
        """Return the mean squared error over all that is judged. Raises `ValueError` where a forecast is missing."""
        truths = self.truths
        judged = np.isfinite(truths)
        if forecasts.shape != truths.shape or not np.isfinite(forecasts[judged]).all():
            raise ValueError(f"not a forecast of every origin and step: {forecasts.shape}, wanted {truths.shape}")
        return float(np.mean((forecasts[judged] - truths[judged]) ** 2))

    def placed(
        self, origins: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> Forecasts:
        """Return forecasts that come as a list: of the sample in each of `rows`, made at each of `origins`."""
        found = np.full(self.truths.shape, np.nan)
        found[origins - self.origins[0], rows - origins - 1] = values
        return found


def of(parts: Parts, horizon: int, *, season: int | None = None, counts: npt.NDArray[np.bool_] | None = None) -> Task:
    """Return the task of a series of one column."""
    values, train = parts.test.values[:, 0].astype(np.float64), len(parts.train)
    known = np.isfinite(values)
    mean, deviation = float(np.nanmean(values[:train])), float(np.nanstd(values[:train]))
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    standardised = ((values[np.where(known[last], last, known.argmax())] - mean) / deviation).astype(np.float32)
    return Task(standardised, known, mean, deviation, train, parts.test.start - train, horizon, season or 1, counts)
