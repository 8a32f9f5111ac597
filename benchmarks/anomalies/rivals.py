"""Other detectors, given the one-step errors of the same forecasts."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MEMORY = 10_000
"""Errors over which the Gaussian tail's mean and deviation are taken, with exponential weights."""


def gaussian_tail(errors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return two-sided p-values (n,) of errors (n,) under a Gaussian with their running mean and deviation."""
    p_values = np.full(len(errors), np.nan)
    mean = square = 0.0
    for number, error in enumerate(errors.tolist()):
        if number > 1 and square > 0:
            p_values[number] = math.erfc(abs(error - mean) / math.sqrt(2 * square))
        share = max(1 / (number + 1), 1 / MEMORY)
        change = error - mean
        mean += share * change
        square = (1 - share) * (square + share * change * change)
    return p_values


def half_space_trees(errors: npt.NDArray[np.floating], rates: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Return the alarms (n, rate) of river's half-space trees with its defaults, one feature, scaled as river advises.

    Its scores are no p-values: an alarm is what river's `QuantileFilter` takes for one, a score at or above the
    running quantile 1 - rate. Raises `ImportError` where river is not installed.
    """
    from river import anomaly, preprocessing, stats

    trees, scaler = anomaly.HalfSpaceTrees(seed=0), preprocessing.MinMaxScaler()
    quantiles = [stats.Quantile(1 - rate) for rate in rates]
    alarms = np.zeros((len(errors), len(rates)), dtype=bool)
    for number, error in enumerate(errors.tolist()):
        sample = {"error": error}
        score = trees.score_one(scaler.transform_one(sample))
        for column, quantile in enumerate(quantiles):
            alarms[number, column] = score >= (quantile.get() or math.inf)
            quantile.update(score)
        scaler.learn_one(sample)
        trees.learn_one(scaler.transform_one(sample))
    return alarms
