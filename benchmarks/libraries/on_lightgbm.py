"""LightGBM: one model for each step ahead, on the distances of the last samples from the last one."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.libraries.outcome import Outcome
from benchmarks.libraries.task import Task
from edgeseq.evaluation.baselines import LAGS

_ROUNDS, _PATIENCE, _RATE = 500, 20, 0.05
"""Trees at most, trees without a lower validation error after which it ends, and the learning rate."""


@dataclass(frozen=True)
class OnLightgbm:
    """Boosted trees."""

    name: str = "LightGBM on lags"
    package: str = "lightgbm"
    note: str = (
        f"{LAGS} lags and the same phase of the last season, each less the last sample; a model for each step ahead; "
        f"learning_rate={_RATE}, at most {_ROUNDS} trees, ended by the validation part after {_PATIENCE}"
    )

    def measure(self, task: Task) -> Outcome:
        """Train a model for each step ahead, and forecast from every origin."""
        import lightgbm

        rows = np.arange(LAGS, len(task.values))
        columns, forecasts, size = _lagged(task, rows), np.empty(task.truths.shape), 0
        ends = task.train, task.train + task.validation
        training = forecasting = 0.0
        for step in range(1, task.horizon + 1):
            begin = time.process_time()
            design = np.column_stack([columns, _season_before(task, rows, step)])
            teaching, choosing = (_taught(task, rows, step, *part) for part in ((LAGS, ends[0]), ends))
            parts = [lightgbm.Dataset(design[at], target, free_raw_data=True) for at, target in (teaching, choosing)]
            model = lightgbm.train(
                {"objective": "l2", "learning_rate": _RATE, "num_threads": 1, "verbose": -1, "seed": 0},
                parts[0],
                _ROUNDS,
                valid_sets=[parts[1]],
                callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
            )
            training += time.process_time() - begin
            begin = time.process_time()
            change = np.asarray(model.predict(design[task.origins - LAGS]))
            forecasts[:, step - 1] = task.values[task.origins] + change
            forecasting += time.process_time() - begin
            size += len(model.model_to_string(num_iteration=model.best_iteration).encode())
        return Outcome(task.mse(forecasts), training, 1e6 * forecasting / len(task.origins), size)


def _lagged(task: Task, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the samples before each row, less the one in it, (row, lag)."""
    windows = np.lib.stride_tricks.sliding_window_view(task.values, LAGS + 1)[rows - LAGS]
    return np.asarray(windows[:, :-1] - windows[:, -1:])


def _season_before(task: Task, rows: npt.NDArray[np.int64], step: int) -> npt.NDArray[np.float32]:
    """Return what stood a season before the sample to forecast, less the last one, (row,)."""
    back = -(-step // task.season) * task.season
    return np.asarray(task.values[np.maximum(rows + step - back, 0)] - task.values[rows])


def _taught(
    task: Task, rows: npt.NDArray[np.int64], step: int, start: int, stop: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Return the rows of the design from which a sample measured in [start, stop) is `step` ahead, and the change."""
    inside = rows[(rows + step < stop) & (rows + 1 >= start)]
    inside = inside[task.known[inside + step] & task.known[inside]]
    return inside - LAGS, task.values[inside + step] - task.values[inside]
