"""neuralforecast: a model trained on the task, told by what it is judged, and its forecasts from every origin."""

import logging
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.libraries.outcome import Outcome
from benchmarks.libraries.task import Forecasts, Task
from edgeseq.evaluation.baselines import LAGS

_TRAINER = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}
"""Nothing that changes a weight: the processor, and silence."""

_PATIENCE = 3
"""Looks at the validation part without a lower error after which training ends."""

_SEED = 1
"""The library's own."""


@dataclass(frozen=True)
class OnNeuralforecast:
    """One of the library's models; what is not set is its default."""

    model: str
    """Its class in `neuralforecast.models`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """In place of its defaults."""
    package: str = "neuralforecast"

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"{self.package} {self.model}"

    @property
    def note(self) -> str:
        """What it was given."""
        given = [f"{name}={value}" for name, value in self.settings.items()]
        return ", ".join(
            [
                *given,
                f"input_size={LAGS} or twice the horizon",
                "loss=MSE()",
                f"ended by the validation part ({_PATIENCE})",
            ]
        )

    def measure(self, task: Task) -> Outcome:
        """Train it, and let it forecast from every origin."""
        library, seconds = self.fit(task)
        begin = time.process_time()
        found = forecasts(library, task)
        each = 1e6 * (time.process_time() - begin) / len(task.origins)
        return Outcome(task.mse(found), seconds, each, saved_bytes(library))

    def fit(self, task: Task, steps: int | None = None) -> tuple[Any, float]:
        """Train on training and validation part; return the library's object and the seconds; `steps` at most."""
        from neuralforecast import NeuralForecast, models
        from neuralforecast.losses.pytorch import MSE

        choices = {
            "input_size": max(LAGS, 2 * task.horizon),
            "loss": MSE(),
            "early_stop_patience_steps": _PATIENCE,
            "random_seed": _SEED,
            **self.settings,
            **({} if steps is None else {"max_steps": steps}),
            **_TRAINER,
        }
        with _quietly():
            library = NeuralForecast([getattr(models, self.model)(h=task.horizon, **choices)], freq=1)
            begin = time.process_time()
            library.fit(_frame(task.values[: task.train + task.validation]), val_size=task.validation)
            return library, time.process_time() - begin


def forecasts(library: Any, task: Task) -> Forecasts:
    """Return the fitted model's forecasts, each where its own origin and row say that it belongs.

    The samples that the library lays beside its forecasts must be the series'.
    """
    with _quietly():
        table = library.cross_validation(
            _frame(task.values), n_windows=None, test_size=task.test, step_size=1, use_fitted=True
        )
    origins, rows = table["cutoff"].to_numpy(), table["ds"].to_numpy()
    beside = task.placed(origins, rows, table["y"].to_numpy())
    ahead = np.arange(1, task.horizon + 1)
    assert np.array_equal(beside, task.values[task.origins[:, None] + ahead]), "the library's truths are not the task's"
    (name,) = set(table.columns) - {"unique_id", "ds", "cutoff", "y"}
    return task.placed(origins, rows, table[name].to_numpy())


def saved_bytes(library: Any) -> int:
    """Return the size of what the library's own `save` writes, the series left out."""
    with tempfile.TemporaryDirectory() as folder, _quietly():
        library.save(f"{folder}/saved", save_dataset=False)
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def _frame(values: npt.NDArray[np.float32]) -> Any:
    """Return samples as the table that the library reads; its times are row numbers."""
    import polars

    return polars.DataFrame({"unique_id": ["series"] * len(values), "ds": np.arange(len(values)), "y": values})


@contextmanager
def _quietly() -> Iterator[None]:
    """Let the trainer beneath the library neither greet nor advise."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
