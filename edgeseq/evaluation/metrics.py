"""Errors of forecasts, summed up over what is known."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import Score, Spec

Forecasts: TypeAlias = Float64
"""(origin, horizon, target), in the targets' units."""


@dataclass(frozen=True)
class Metrics:
    """One forecaster's errors; NaN where there was nothing to score."""

    total: Score
    per_horizon: tuple[tuple[float, float], ...]
    """(RMSE, MAE) of each step ahead, in the target's unit."""
    mase: float = math.nan
    """Mean absolute scaled error; see `compute_metrics`."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        total = {name: or_none(value) for name, value in vars(self.total).items()}
        steps = [{"rmse": or_none(rmse), "mae": or_none(mae)} for rmse, mae in self.per_horizon]
        return {**total, "mase": or_none(self.mase), "per_horizon": steps}


def compute_metrics(spec: Spec, forecasts: Forecasts, truth: Forecasts, naive: Float64 | None = None) -> Metrics:
    """Score forecasts where the truth is known; standardised errors are in the training part's deviations.

    `naive` (target,) are the mean errors of the naive forecast over the training part. With them the absolute errors
    are also given as multiples of these, the mean over the targets: MASE (R. Hyndman and A. Koehler, International
    Journal of Forecasting 22, 2006). Below 1 is better than the naive forecast was, one sample or season ahead.
    """
    count, squares, sizes = np.zeros((3, spec.horizon, len(spec.targets)))
    for ahead in range(spec.horizon):
        error = forecasts[:, ahead] - truth[:, ahead]  # (origin, target)
        known = np.isfinite(error)
        error[~known] = 0
        count[ahead] = known.sum(axis=0)
        squares[ahead] = np.square(error).sum(axis=0)
        sizes[ahead] = np.abs(error).sum(axis=0)
    deviations = np.array([feature.std for feature in spec.target_features])
    total = Score(
        math.sqrt(mean(squares, count)),
        mean(sizes, count),
        mean(squares / deviations**2, count),
        mean(sizes / deviations, count),
    )
    steps = zip(squares, sizes, count, strict=True)
    scaled = math.nan if naive is None else mean(sizes / np.where(naive > 0, naive, np.nan), count)
    by_step = tuple((math.sqrt(mean(square, known)), mean(size, known)) for square, size, known in steps)
    return Metrics(total, by_step, scaled)


def mean(sums: Float64, counts: Float64) -> float:
    """Return the mean of what was summed up, NaN where nothing was."""
    count = counts.sum()
    return float(sums.sum() / count) if count else math.nan


def or_none(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def short(value: float) -> float:
    """Four digits: a figure for reading, in a file that is to be small."""
    return float(f"{value:.4g}")


def rounded(total: Score) -> Score:
    """Return the figures with four digits each."""
    return Score(*(short(value) for value in vars(total).values()))
