"""Training for the accuracy benchmark: timed, and done once where several parts look at the same model.

Times are the processor's, not the clock's: networks of this size are trained on one thread, so that both agree on a
machine with nothing else to do, and on a busy one only the processor's can be compared.
"""

import functools
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import edgeseq_export
from edgeseq.evaluation.evaluate import Evaluation, evaluate_test_part
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Parts, Series, load
from edgeseq.training import fitting
from edgeseq.training.options import TrainingOptions
from edgeseq.training.plan import plan
from edgeseq_runtime.predictor import Predictor

FILES = {"float32": "none", "int8": "int8"}
"""What the files of the two quantisations are called in tables."""

LOOK_EVERY = 10
"""Steps between two validations where the time to reach an error is wanted; a run has 20 in all otherwise."""


@dataclass(frozen=True)
class Settings:
    """What the benchmark is run with."""

    seeds: int = 5
    steps: int | None = None
    """Of training; None: the preset's own."""
    hidden: int = 30
    further: int = 1_000_000
    """Samples of the sine beyond its test range, to see whether the error grows."""
    etth1: Path | None = None
    long: int = 5_000_000
    """Samples of the long series."""


@dataclass(frozen=True)
class Trained:
    """A trained network."""

    checkpoint: Checkpoint
    parts: Parts
    seconds: float
    """Processor time from the series to the last step."""

    def file(self, quantize: str = "none") -> bytes:
        """Return its model file."""
        return edgeseq_export.export(self.checkpoint, quantize).content

    def evaluation(self, quantize: str = "none") -> Evaluation:
        """Stream the test part through its model file."""
        return evaluate_test_part(Predictor(self.file(quantize), adapt=False), self.parts)


@functools.cache
def sine(settings: Settings, seed: int, preset: str = "default", layout: str | None = None) -> Trained:
    """Train on the sine."""
    series, parts = load(None)
    return train(series, parts, seed, _options(settings, preset=preset, layout=layout))


def trained_on(settings: Settings, seed: int, name: str, horizon: int, **choices: Any) -> Trained:
    """Train with the defaults on a series as `load` finds it."""
    series, parts = load(name, **choices)
    return train(series, parts, seed, _options(settings, horizon=horizon))


def train(series: Series, parts: Parts, seed: int, options: TrainingOptions) -> Trained:
    """Train to the end."""
    begin = time.process_time()
    made = plan(series, parts, options)
    trainer = fitting.start(made, parts, seed=seed, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        trainer.run(lambda *_: None, lambda: False, Path(folder, "run"))
    seconds = time.process_time() - begin
    return Trained(fitting.finish(made, trainer, parts), parts, seconds)


def train_until(settings: Settings, seed: int, rmse: float) -> Trained | None:
    """Train on the sine by default and stop as soon as a validation shows less than `rmse`; None where none does.

    It is the run that `sine` makes, its schedule included, only validated more often; the time holds all validations.
    """
    series, parts = load(None)
    begin = time.process_time()
    made = plan(series, parts, _options(settings))
    looks = max(1, made.hyperparameters.steps // LOOK_EVERY)
    made = replace(made, hyperparameters=replace(made.hyperparameters, validations=looks))
    trainer = fitting.start(made, parts, seed=seed, device="cpu")
    wanted = (rmse / made.spec.features[0].std) ** 2
    with tempfile.TemporaryDirectory() as folder:
        trainer.run(lambda *_: None, lambda: trainer.best.mse < wanted, Path(folder, "run"))
    seconds = time.process_time() - begin
    if trainer.best.mse >= wanted:
        return None
    return Trained(fitting.finish(made, trainer, parts), parts, seconds)


def _options(settings: Settings, **choices: Any) -> TrainingOptions:
    return TrainingOptions(steps=settings.steps, hidden=settings.hidden, **choices)
