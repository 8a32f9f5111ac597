"""From a series to a checkpoint: plan, train, and judge the result through the model file it becomes."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import edgeseq_export
from edgeseq.checkpoint import Checkpoint, Test
from edgeseq.evaluation.figures import Evaluation, evaluate, residuals
from edgeseq.series import Parts, Series
from edgeseq.training.planning import Plan, Wishes, plan
from edgeseq.training.trainer import Trainer
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Spec, Training

MOST_TEST_ROWS = 50_000
"""Rows of the test part, with what precedes it, that a checkpoint carries at most."""


@dataclass(frozen=True)
class Fitted:
    """A trained checkpoint, and how it does over the test part."""

    checkpoint: Checkpoint
    evaluation: Evaluation


def fit(series: Series, parts: Parts, *, seed: int = 0, device: str = "auto", **wishes: Any) -> Checkpoint:
    """Train a network on a series and return its checkpoint; the short way, for use in code.

    Further arguments are those of `planning.Wishes`: horizon, cell, layers, hidden, steps, ...
    Raises `DataError` for a series that cannot be learned from.
    """
    made = plan(series, parts, Wishes(**wishes))
    trainer = start(made, parts, seed=seed, device=device)
    with tempfile.TemporaryDirectory() as folder:
        trainer.run(lambda *_: None, lambda: False, Path(folder, "run"))
    return judge(trained(made, trainer, parts, seed=seed, device=device), parts).checkpoint


def start(made: Plan, parts: Parts, *, seed: int, device: str) -> Trainer:
    """Return the trainer of a plan, at its first step."""
    return Trainer(made.spec, made.recipe, made.train, parts.validation, seed=seed, device=resolve_device(device))


def trained(made: Plan, trainer: Trainer, parts: Parts, *, seed: int, device: str) -> Checkpoint:
    """Return the checkpoint of the best weights so far."""
    best = trainer.best
    training = Training(
        preset="default",
        seed=seed,
        steps=trainer.step,
        best_step=best.step,
        validation_mse=float(f"{best.mse:.5g}") if best.step else 0.0,
        device=resolve_device(device),
        options=made.recipe.options(),
    )
    producer = {**made.spec.producer, "torch": torch.__version__}
    spec = replace(made.spec, training=training, producer=producer)
    part = parts.test
    begin = max(0, len(part.values) - MOST_TEST_ROWS)
    test = Test(part.values[begin:], part.start - begin) if begin < part.start else None
    return Checkpoint(spec, best.weights, test)


def judge(checkpoint: Checkpoint, parts: Parts) -> Fitted:
    """Measure a checkpoint through its model file, streamed, and write the figures into its spec."""
    predictor = Predictor(edgeseq_export.build(checkpoint), provider="cpu")
    evaluation = evaluate(predictor, parts)
    spec: Spec = replace(
        checkpoint.spec, figures=evaluation.figures(), residuals=residuals(predictor, parts.validation)
    )
    return Fitted(replace(checkpoint, spec=spec), evaluation)


def resolve_device(device: str) -> str:
    """Return the torch device that the user means. Raises `UsageError` where there is no GPU to use."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("torch sees no CUDA device here; available: cpu")
    if device == "auto":
        # A network of this size is bound by the start of each kernel, not by arithmetic: the CPU is faster.
        return "cpu"
    return device
