"""edgeseq by its defaults, static and adapted, and the baselines that `edgeseq train` compares itself with."""

import time
from dataclasses import dataclass

import numpy as np

import edgeseq_export
from benchmarks.accuracy.training import train
from benchmarks.libraries import task as tasks
from benchmarks.libraries.outcome import Outcome
from benchmarks.libraries.series import Named
from benchmarks.libraries.task import Forecasts, Task
from edgeseq.evaluation import baselines
from edgeseq.evaluation.evaluate import forecasts_at
from edgeseq.series import Parts
from edgeseq.series.gaps import fill
from edgeseq.training.fitting import torch_as_before
from edgeseq.training.options import TrainingOptions
from edgeseq_runtime import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import Spec

STATIC, ADAPTED = "edgeseq, static", "edgeseq, adapted"


@dataclass(frozen=True)
class Setting:
    """What the trained model says of the series, and all others are given too."""

    season: int
    """Samples; 1: none."""
    warmup: int
    """Samples after a gap from which on forecasts count, for all models alike."""
    gap_limit: int
    """Missing samples in a row that do not part the series."""


def measure(named: Named, steps: int | None = None) -> tuple[Setting, dict[str, Outcome]]:
    """Train on a series; return what others are given, and the outcomes of the model and the baselines.

    The adapted one begins to learn with the validation part, as a device does that gets its model then.
    """
    series, parts = named.load()
    with torch_as_before():
        model = train(series, parts, 0, TrainingOptions(steps=steps, horizon=named.horizon))
    content, spec = edgeseq_export.build(model.checkpoint), model.checkpoint.spec
    setting = Setting(spec.season or 1, spec.warmup, spec.gap_limit)
    task = set_task(named, parts, setting)
    found = {}
    for name, adapt in ((STATIC, False), (ADAPTED, True)):
        begin = time.process_time()
        forecasts = _streamed(task, content, parts, adapt=adapt)
        each = 1e6 * (time.process_time() - begin) / len(task.values)
        found[name] = Outcome(task.mse(forecasts), model.seconds, each, len(content))
    return setting, found | _baselines(task, spec, parts)


def set_task(named: Named, parts: Parts, setting: Setting) -> Task:
    """Return the task that all models are set on this series."""
    counts = fill(parts.test.values, setting.gap_limit).warm(setting.warmup)
    return tasks.of(parts, named.horizon, season=setting.season, counts=counts)


def _streamed(task: Task, content: bytes, parts: Parts, *, adapt: bool) -> Forecasts:
    """Return a model file's forecasts at all origins, from one stream through the whole series.

    The static one is what `edgeseq evaluate` shows. The adapted one is as a device has it, rules included: where a
    level moves out of the range of training, confirmed samples teach.
    """
    predictor = Predictor(content, provider="cpu", rules=None if adapt else AS_THEY_ARE, adapt=False)
    if not adapt:
        return task.standardised(forecasts_at(predictor, parts.test.values, task.origins)[:, :, 0])
    begin = parts.validation.start
    predictor.run(parts.test.values[:begin])
    learning = Predictor(predictor.session, adapt=True)
    learning.restore(predictor.snapshot())
    forecasts = learning.run(parts.test.values[begin:])[task.origins - begin]
    return task.standardised(forecasts[:, :, 0].astype(np.float64))


def _baselines(task: Task, spec: Spec, parts: Parts) -> dict[str, Outcome]:
    """Return the outcomes of what evaluation compares with; of these, ridge is fitted."""
    begin = time.process_time()
    fitted = baselines.fit(spec, parts)
    seconds = time.process_time() - begin
    found = {}
    for name, forecaster in fitted.forecasters.items():
        begin = time.process_time()
        forecasts = task.standardised(forecaster(parts.test.values, task.origins)[:, :, 0])
        each = 1e6 * (time.process_time() - begin) / len(task.origins)
        is_ridge = name == "ridge"
        size = 4 * baselines.LAGS * task.horizon if is_ridge else None  # coefficients as float32
        found[name] = Outcome(task.mse(forecasts), seconds if is_ridge else None, each, size)
    return found
