"""neuralforecast: a model trained on the task, its forecasts from every origin, and one forecast at a time."""

import logging
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import install_size
from benchmarks.libraries.competitors import Competitor
from benchmarks.libraries.outcome import FORECAST, NETWORK, Outcome, Trained
from benchmarks.libraries.task import Forecasts, Task

_LIBRARY = "neuralforecast"

_TRAINER = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}
"""Nothing that changes a weight: the processor, and silence."""


def measure(competitor: Competitor, task: Task, *, seeds: int, steps: int | None = None) -> Outcome:
    """Train with the library's seed, 1, and those after it; the first of them is timed, and its files measured."""
    fitted = [fit(competitor, task, seed, steps) for seed in range(1, seeds + 1)]
    library, _ = fitted[0]
    size = install_size.megabytes(_LIBRARY)
    return Outcome(
        f"{_LIBRARY} {competitor.name}",
        [trained for _, trained in fitted],
        competitor.note,
        saved_bytes(library),
        {FORECAST: (_forecast(library), _frames(task, library)), NETWORK: (_network(library), _windows(task, library))},
        size,
        size,
    )


def fit(competitor: Competitor, task: Task, seed: int, steps: int | None = None) -> tuple[Any, Trained]:
    """Train a model on the training part, and judge it; `steps` in place of the model's own number."""
    from neuralforecast import NeuralForecast, models

    limit = {} if steps is None else {"max_steps": steps}
    seen, validation = task.train, 0
    if competitor.watched:
        seen, validation = task.train + task.validation, task.validation
    with _quietly():
        choices = {**competitor.arguments(), **limit, **_TRAINER}
        library = NeuralForecast(
            [getattr(models, competitor.model)(h=task.horizon, random_seed=seed, **choices)], freq=1
        )
        begin = time.process_time()
        library.fit(_frame(task.values[:seen]), val_size=validation)
        seconds = time.process_time() - begin
    return library, Trained(task.mse(forecasts(library, task)), seconds)


def forecasts(library: Any, task: Task) -> Forecasts:
    """Return the fitted model's forecasts, each where its own origin and row say that it belongs.

    The samples that the library lays beside its forecasts must be the task's truths.
    """
    with _quietly():
        table = library.cross_validation(
            _frame(task.values), n_windows=None, test_size=task.test, step_size=1, use_fitted=True
        )
    origins, rows = table["cutoff"].to_numpy(), table["ds"].to_numpy()
    beside = task.placed(origins, rows, table["y"].to_numpy())
    assert np.array_equal(beside, task.truths), "the library's truths are not the task's"
    (name,) = set(table.columns) - {"unique_id", "ds", "cutoff", "y"}
    return task.placed(origins, rows, table[name].to_numpy())


def saved_bytes(library: Any) -> int:
    """Return the size of what the library's own `save` writes, the series left out."""
    with tempfile.TemporaryDirectory() as folder, _quietly():
        library.save(f"{folder}/saved", save_dataset=False)
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def _forecast(library: Any) -> Any:
    """Return the library's own call for a forecast after the samples that a table holds."""

    def call(table: Any) -> object:
        with _quietly():
            return library.predict(df=table)

    return call


def _network(library: Any) -> Any:
    """Return the network alone, as a server of one's own could call it: no table, no scaler, no trainer."""
    import torch

    (model,) = library.models
    model.eval()

    def call(window: torch.Tensor) -> object:
        with torch.inference_mode():
            return model({"insample_y": window, "futr_exog": None, "hist_exog": None, "stat_exog": None})

    return call


def _frames(task: Task, library: Any, count: int = 20) -> Sequence[Any]:
    """Return tables of the last samples, as many as the model looks at, after each of `count` new ones."""
    return [_frame(task.values[end - _seen(library) : end], end - _seen(library)) for end in _ends(task, count)]


def _windows(task: Task, library: Any, count: int = 20) -> Sequence[Any]:
    """Return the same samples as tensors (1, time, 1)."""
    import torch

    return [torch.from_numpy(task.values[None, end - _seen(library) : end, None]) for end in _ends(task, count)]


def _seen(library: Any) -> int:
    return int(library.models[0].input_size)


def _ends(task: Task, count: int) -> range:
    return range(len(task.values) - count, len(task.values))


def _frame(values: npt.NDArray[np.float32], first: int = 0) -> Any:
    """Return samples as the table that the library reads; its times are row numbers."""
    import polars

    rows = np.arange(first, first + len(values))
    return polars.DataFrame({"unique_id": ["oil"] * len(values), "ds": rows, "y": values})


@contextmanager
def _quietly() -> Iterator[None]:
    """Let the trainer beneath the library neither greet nor advise."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
