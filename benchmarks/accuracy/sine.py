"""The sine: errors, drift and training time of the default preset, and of the classic one."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.accuracy import training
from benchmarks.accuracy.rows import Row
from benchmarks.accuracy.training import FILES, Settings, Trained
from edgeseq.evaluation.evaluate import Evaluation
from edgeseq.series.examples import SINE_WARMUP, sine_continued
from edgeseq_runtime.predictor import Predictor

CLASSIC_RMSE = 2.0e-3
"""The classic program's own, run on TensorFlow: the median of five seeds."""

MOST_TIME = 4.0
"""Times the classic preset's training that the default preset's may take."""

MOST_TIME_TO_CLASSIC = 0.1
"""Share of the classic preset's training by which the default preset must be better than the classic program."""


def default(settings: Settings) -> Iterator[Row]:
    """Measure the default preset."""
    training.sine(replace(settings, steps=1), 0)  # torch's own start-up is in nobody's time
    seeds = range(settings.seeds)
    pairs = [(training.sine(settings, seed), training.sine(settings, seed, "classic")) for seed in seeds]
    models = [model for model, _ in pairs]
    for name, quantize in FILES.items():
        evaluations = [model.evaluation(quantize) for model in models]
        values = [evaluation.model.total.rmse for evaluation in evaluations]
        yield Row(f"sine: test RMSE, {name}", values, _baselines(evaluations[0]))
    for name, quantize in FILES.items():
        drifts = [drift(model.file(quantize), settings.further) for model in models]
        yield Row(f"sine: RMSE after {settings.further:,} samples / at first, {name}", drifts)
    yield Row("sine: training, processor s", [model.seconds for model in models])
    yield Row("sine: the same, classic preset", [classic.seconds for _, classic in pairs])
    ratios = [model.seconds / classic.seconds for model, classic in pairs]
    yield Row("sine: training time / classic preset's", ratios, at_most=MOST_TIME)
    yield from _time_to_classic(settings, [classic.seconds for _, classic in pairs])


def classic(settings: Settings) -> Iterator[Row]:
    """Measure the classic preset, its ten values as one step of ten features and as ten steps."""
    for layout in ("features", "steps"):
        models = [_classic(settings, seed, layout) for seed in range(settings.seeds)]
        values = [model.evaluation().model.total.rmse for model in models]
        yield Row(f"sine: test RMSE, classic preset, {layout}", values)


def drift(model: bytes, samples: int) -> float:
    """Return the RMSE of the last 1,000 of many further samples of the sine, as a multiple of the first 1,000's."""
    values = sine_continued(samples + 1)
    error = Predictor(model).run(values[:-1])[:, 0, 0].astype(np.float64) - values[1:, 0]
    error = error[SINE_WARMUP:]
    return float(np.sqrt(np.mean(error[-1000:] ** 2) / np.mean(error[:1000] ** 2)))


def _classic(settings: Settings, seed: int, layout: str) -> Trained:
    """Train the classic preset; the layout that it has by itself is that of the time comparison, and is not named."""
    return training.sine(settings, seed, "classic", *([layout] if layout != "features" else []))


def _time_to_classic(settings: Settings, whole: list[float]) -> Iterator[Row]:
    """Measure when the default preset is first better, by the validation part, than the classic program ends."""
    reached = [training.train_until(settings, seed, CLASSIC_RMSE) for seed in range(settings.seeds)]
    shares = [model.seconds / all_of_it if model else math.nan for model, all_of_it in zip(reached, whole, strict=True)]
    below = f"validation RMSE below {CLASSIC_RMSE:.1e}"
    yield Row(f"sine: time to a {below} / classic preset's training", shares, at_most=MOST_TIME_TO_CLASSIC)
    errors = [model.evaluation().model.total.rmse if model else math.nan for model in reached]
    yield Row("sine: test RMSE at that moment", errors)


def _baselines(evaluation: Evaluation) -> dict[str, float]:
    return {name: scored.total.rmse for name, scored in evaluation.baselines.items()}
