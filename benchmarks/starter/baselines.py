"""Persistence, seasonal naive and a ridge regression; what has to be learned is learned from the first four fifths."""

from collections.abc import Mapping

import numpy as np

from benchmarks.starter.figures import Forecasts, Rows, Task
from edgeseq.evaluation import ridge
from edgeseq.evaluation.lagged import LaggedDistances
from edgeseq_runtime.arrays import Float64

LAGS = 96
"""Samples that the ridge regression looks back at."""

PERSISTENCE = "persistence"


def baselines(task: Task) -> Mapping[str, Forecasts]:
    """Return the forecasts of each by name; without a season there is no seasonal naive."""
    values, season = task.values, task.season
    rows, ahead = np.arange(len(values))[:, None], np.arange(1, task.horizon + 1)
    found = {PERSISTENCE: Forecasts(np.repeat(values[:, None], task.horizon, axis=1)), "ridge": Forecasts(_ridge(task))}
    if season and season < task.start:
        before = rows + ahead - -(-ahead // season) * season
        found["seasonal naive"] = Forecasts(values[np.where(before >= 0, before, rows)])
    return found


def _ridge(task: Task) -> Float64:
    """Return the forecasts of a ridge regression.

    The last fifth of what teaches it chooses its penalty; it is then fitted on all of that.
    """
    values, horizon = task.values, task.horizon
    scale = values.std() or 1.0
    scaled = Task((values - values[0]) / scale, horizon)
    padded = np.pad(scaled.values, (LAGS - 1, 0), "edge")[:, None]
    design = LaggedDistances(padded, np.arange(LAGS - 1, len(padded)), LAGS - 1)
    teaching = np.arange(LAGS, task.start - horizon)
    inner, chosen = np.split(teaching, [len(teaching) * 4 // 5])
    inner = inner[: len(inner) - horizon]

    def changes(at: Rows) -> Float64:
        return np.asarray(scaled.truths(at) - scaled.values[at][:, None])

    fitted = ridge.solve(design, inner, changes(inner), ridge.PENALTIES)
    errors = ridge.squares(design, chosen, changes(chosen), fitted).sum(axis=1)
    penalty = ridge.PENALTIES[int(np.argmin(errors))]
    final = ridge.solve(design, teaching, changes(teaching), [penalty])[0]
    return np.asarray(values[:, None] + ridge.predict(design, np.arange(len(values)), final) * scale)
