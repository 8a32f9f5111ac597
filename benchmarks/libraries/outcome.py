"""What is measured of one model on one series."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from benchmarks.libraries.task import Task


@dataclass(frozen=True)
class Outcome:
    """A model trained on a series, and judged over its test part."""

    mse: float
    """Standardised, over all forecasts that count."""
    training: float | None = None
    """Seconds of the processor, from the series in memory to the trained model; None: nothing is trained."""
    forecast: float | None = None
    """Microseconds of the processor for a forecast: of one origin after the other or of all, as the model does it."""
    bytes: int | None = None
    """Of all that is carried to where it forecasts."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as the file of results has them."""
        return asdict(self)


class Model(Protocol):
    """What takes part in the panel."""

    @property
    def name(self) -> str:
        """As the tables call it."""

    @property
    def package(self) -> str:
        """The package that must be installed; the panel goes on without it."""

    @property
    def note(self) -> str:
        """What it was given, beside its defaults."""

    def measure(self, task: Task) -> Outcome:
        """Train and judge it."""


Outcomes = Mapping[str, Outcome]
"""Model -> its outcome on one series."""
