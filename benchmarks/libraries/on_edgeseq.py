"""edgeseq by its defaults, as `edgeseq train ETTh1.csv --target OT --horizon 24` has them, and the baselines."""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks import install_size
from benchmarks.accuracy.training import FILES, train
from benchmarks.accuracy.training import Trained as Model
from benchmarks.libraries.outcome import FORECAST, Outcome, Trained
from benchmarks.libraries.task import Task
from edgeseq.evaluation import baselines
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.series import Parts, Series
from edgeseq.training.fitting import torch_as_before
from edgeseq.training.options import TrainingOptions
from edgeseq_runtime import Predictor


def measure(
    task: Task, series: Series, parts: Parts, *, seeds: int, steps: int | None = None
) -> tuple[list[Outcome], Evaluation]:
    """Return the model's outcome as float32 and as int8, those of the baselines, and one evaluation."""
    with torch_as_before():
        models = [
            train(series, parts, seed, TrainingOptions(steps=steps, horizon=task.horizon)) for seed in range(seeds)
        ]
    evaluations = {quantize: [model.evaluation(quantize) for model in models] for quantize in FILES.values()}
    outcomes = [_outcome(task, name, models, evaluations[quantize]) for name, quantize in FILES.items()]
    evaluation = evaluations["none"][0]
    return [*outcomes, *_baselines(task, models[0], evaluation)], evaluation


def _outcome(task: Task, name: str, models: list[Model], evaluations: list[Evaluation]) -> Outcome:
    content = models[0].file(FILES[name])
    samples = [float(value) for value in models[0].parts.test.values[-200:, 0]]
    return Outcome(
        f"edgeseq, {name}",
        [Trained(_mse(task, evaluation), model.seconds) for evaluation, model in zip(evaluations, models, strict=True)],
        bytes=len(content),
        calls={FORECAST: (Predictor(content, provider="cpu").step, samples)},
        to_train=install_size.megabytes("edgeseq[train]"),
        to_forecast=install_size.megabytes("edgeseq[cpu]"),
    )


def _mse(task: Task, evaluation: Evaluation) -> float:
    """Return the error as all others' is computed; it is the one that edgeseq itself reports."""
    assert np.array_equal(evaluation.origins, task.origins)
    found = task.mse(task.standardised(evaluation.forecasts[:, :, 0]))
    assert abs(found - evaluation.model.total.mse_standardized) < 1e-4 * found
    return found


def _baselines(task: Task, model: Model, evaluation: Evaluation) -> Iterator[Outcome]:
    """Yield what evaluation compares with; of these, ridge is fitted, once more and timed."""
    for name, scored in evaluation.baselines.items():
        error = scored.total.mse_standardized
        yield _ridge(task, model, error) if name == "ridge" else Outcome(name, [Trained(error, 0.0)])


def _ridge(task: Task, model: Model, error: float) -> Outcome:
    begin = time.process_time()
    forecaster = baselines.lagged_ridge(model.checkpoint.spec, model.parts)
    seconds = time.process_time() - begin
    values, lags = model.parts.test.values, baselines.LAGS
    windows = [values[end - lags : end] for end in range(len(values) - 200, len(values))]
    last = np.array([lags - 1])
    return Outcome(
        "ridge",
        [Trained(error, seconds)],
        bytes=4 * lags * task.horizon,  # its coefficients as float32: of the distances from the last lag, and one
        calls={FORECAST: (lambda window: forecaster(window, last), windows)},
        to_forecast=install_size.megabytes("numpy"),
    )
