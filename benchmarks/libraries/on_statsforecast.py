"""statsforecast: a model fitted once, whose parameters stay while its state follows the series to each origin."""

import pickle
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.libraries.outcome import Outcome
from benchmarks.libraries.task import Task

_FOLLOWED = 2000
"""Samples up to each origin that a fitted model's state follows: smoothing has forgotten those before."""


@dataclass(frozen=True)
class OnStatsforecast:
    """One of the library's models, by its defaults and the season."""

    model: str
    """Its class in `statsforecast.models`."""
    package: str = "statsforecast"
    note: str = "defaults and the season; fitted once, on training and validation part"

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"{self.package} {self.model}"

    def measure(self, task: Task) -> Outcome:
        """Fit it, and let it forecast from every origin that is judged."""
        from statsforecast import models

        values = task.values.astype(np.float64)
        model: Any = getattr(models, self.model)(season_length=task.season)
        forecasts = np.full(task.truths.shape, np.nan)
        judged = np.flatnonzero(np.isfinite(task.truths).any(axis=1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begin = time.process_time()
            model.fit(values[: task.train + task.validation])
            fitted = time.process_time()
            for row in judged:
                end = task.origins[row] + 1
                seen = values[max(0, end - _FOLLOWED) : end]
                forecasts[row] = model.forward(y=seen, h=task.horizon)["mean"]
            ended = time.process_time()
        return Outcome(
            task.mse(forecasts), fitted - begin, 1e6 * (ended - fitted) / len(judged), len(pickle.dumps(model))
        )
