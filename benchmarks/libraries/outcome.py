"""What is measured of one model, and a row of the table for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Trained:
    """One training of a model, judged."""

    mse: float
    """Standardised, over all origins and steps ahead."""
    seconds: float
    """Of the processor, from the series in memory to the trained model: others' use of the machine counts less."""


@dataclass(frozen=True)
class Outcome:
    """A model, trained once for each seed."""

    name: str
    trained: Sequence[Trained]
    note: str = ""
    """What it was given, beside the defaults."""
    bytes: int | None = None
    """Of all files that are carried to where it forecasts."""
    calls: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = field(default_factory=dict)
    """What is to be timed: `FORECAST` and, where it can be called alone, `NETWORK` -> the call, and its inputs."""
    to_train: float | None = None
    """Megabytes installed where it is trained."""
    to_forecast: float | None = None
    """Megabytes installed where it forecasts."""

    def row(self, times: dict[str, float]) -> dict[str, Any]:
        """Return the row; `times` are microseconds, by what was timed."""
        errors = [one.mse for one in self.trained]
        return {
            "model": self.name,
            "MSE": float(median(errors)),
            "each seed": errors if len(errors) > 1 else None,
            "training, s": _median(one.seconds for one in self.trained),
            "file, kB": None if self.bytes is None else self.bytes / 1000,
            FORECAST: times.get(FORECAST),
            NETWORK: times.get(NETWORK),
            "installed to train, MB": _rounded(self.to_train),
            "to forecast, MB": _rounded(self.to_forecast),
            "note": self.note,
        }


FORECAST, NETWORK = "forecast, us", "network alone, us"
"""One forecast after one new sample; and the part of it that the library's own network takes."""


def _median(values: Any) -> float | None:
    found = float(median(values))
    return found or None  # what is not trained takes no time


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
