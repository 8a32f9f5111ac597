"""Whether a library's forecasts lie beside the right truths: a network of which the answer is known.

A linear model of the library's own, with weights set by hand so that it repeats the last sample or the one a day
before, goes through the same calls as all others. Its error must be that of edgeseq's persistence and seasonal naive
forecast. One sample too early or too late, and it is not.
"""

from typing import Any

import numpy as np

from benchmarks.libraries import on_neuralforecast
from benchmarks.libraries.competitors import Competitor
from benchmarks.libraries.task import Task

_CLOSE = 1e-6
"""Errors that differ by less are the same: adding and subtracting the last sample rounds."""


def persistence(task: Task, lags: int = 96) -> float:
    """Return the library's error where the last sample is repeated."""
    return _error(task, lags, season=None)


def seasonal_naive(task: Task, season: int = 24, lags: int = 96) -> float:
    """Return the library's error where the sample a season before is repeated; the horizon may not be longer."""
    assert task.horizon <= season < lags
    return _error(task, lags, season)


def require(found: float, wanted: float, name: str) -> str:
    """Say that the two errors are the same. Raises `ValueError` where they are not."""
    if abs(found - wanted) > _CLOSE * wanted:
        raise ValueError(f"{name}: through the library the error is {found}, edgeseq's is {wanted}")
    return f"{name}: {found:.7f} by a network with weights set by hand, {wanted:.7f} by edgeseq"


def _error(task: Task, lags: int, season: int | None) -> float:
    library, _ = on_neuralforecast.fit(Competitor("manual", "NLinear", {"input_size": lags}), task, seed=1, steps=1)
    _set(library.models[0].linear, task.horizon, lags, season)
    return task.mse(on_neuralforecast.forecasts(library, task))


def _set(linear: Any, horizon: int, lags: int, season: int | None) -> None:
    """Set the weights (step ahead, lag), newest last, of a layer that sees distances from the last sample."""
    import torch

    weight = np.zeros((horizon, lags), np.float32)
    if season is not None:
        ahead = np.arange(horizon)
        weight[ahead, lags - season + ahead] = 1
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight))
        linear.bias.zero_()
