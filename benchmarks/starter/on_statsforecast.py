"""statsforecast's AutoETS: chosen and fitted anew each hundred samples; between, its state follows the series."""

import importlib.util
import warnings
from dataclasses import dataclass

import numpy as np

from benchmarks.starter.figures import Forecasts, Rows, Task
from edgeseq_runtime.arrays import Float64

REFITTED = 100
"""Samples between two fits."""

FOLLOWED = 2000
"""Samples up to each row that it is fitted on, and that its state follows."""


@dataclass(frozen=True)
class OnStatsforecast:
    """Exponential smoothing whose form the library chooses."""

    name: str = "AutoETS"
    note: str = (
        f"of statsforecast, by its defaults, fitted anew each {REFITTED} samples on the last {FOLLOWED:,}; in the last "
        f"fifth it is told the season of the first four, which it takes up to 24 samples"
    )

    @property
    def missing(self) -> str:
        """What must be installed for it and is not."""
        return "" if importlib.util.find_spec("statsforecast") else "statsforecast"

    def forecasts(self, task: Task) -> Forecasts:
        """Forecast after the rows that are judged."""
        made = np.full((len(task.values), task.horizon), np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for rows, season in ((task.young, 1), (task.late, task.season or 1)):
                for begin in range(0, len(rows), REFITTED):
                    self._forecast(task, rows[begin : begin + REFITTED], season, made)
        return Forecasts(made)

    def _forecast(self, task: Task, rows: Rows, season: int, made: Float64) -> None:
        """Fit on what comes before the first of the rows and that row; forecast after each."""
        from statsforecast.models import AutoETS

        model = AutoETS(season_length=season)
        model.fit(task.values[max(0, rows[0] + 1 - FOLLOWED) : rows[0] + 1])
        for row in rows:
            made[row] = model.forward(y=task.values[max(0, row + 1 - FOLLOWED) : row + 1], h=task.horizon)["mean"]
