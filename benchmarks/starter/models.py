"""Which models take part beside the baselines, those that take least time first."""

from typing import Protocol

from benchmarks.starter.figures import Forecasts, Task
from benchmarks.starter.on_skaters import OnSkaters
from benchmarks.starter.on_starter import OnStarter
from benchmarks.starter.on_statsforecast import OnStatsforecast
from benchmarks.starter.on_trained import OnTrained


class Model(Protocol):
    """What takes part in the table."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    @property
    def note(self) -> str:
        """What it is, and what it was given."""


class Rival(Model, Protocol):
    """What takes part beside the starter."""

    @property
    def missing(self) -> str:
        """What must be installed for it and is not; empty where nothing is missing."""

    def forecasts(self, task: Task) -> Forecasts:
        """Forecast a series."""


STARTERS = (OnStarter(adapt=False), OnStarter(adapt=True))
"""Measured at each run."""

RIVALS: tuple[Rival, ...] = (OnTrained(), OnStatsforecast(), OnSkaters())
"""Measured where the file of results lacks them."""

MODELS: tuple[Model, ...] = (*STARTERS, *RIVALS)
"""As the table has them."""
