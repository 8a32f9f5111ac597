"""From a training run to the starter's model file, with its errors on made-up series that nothing was trained on."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import edgeseq_export
from edgeseq.evaluation import intervals
from edgeseq.evaluation.metrics import short
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.starter import made_up, spec, training, validation
from edgeseq_export.model_file import ModelFile
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.spec import SCALE, Residuals, Training

SEED = 2_000_003
"""Of the series that the errors are measured on; training and validation draw from other seeds."""

SERIES = 400

AGES = tuple(int(age) for age in np.unique(np.geomspace(3, 2_000, 60).astype(int)))
"""Samples seen by a stream when an error of its counts: young ones count as much as old ones, by the logarithm."""


def make(run: Path) -> ModelFile:
    """Return the model file of the run that was saved at a path. Raises `ModelFileError` where that is none.

    It says nothing of how surprising samples are: ladders that met all made-up series would take a spike of a quiet
    sensor for usual, so each stream learns its own from nothing.
    """
    checkpoint = of_run(run)
    residuals = residuals_by_age(edgeseq_export.build(checkpoint))
    return edgeseq_export.export(replace(checkpoint, spec=replace(checkpoint.spec, residuals=residuals)))


def of_run(run: Path) -> Checkpoint:
    """Return the checkpoint of a training run, with how it was made and its error on the validation series."""
    network, settings, step = training.load(run)
    options = {name: value for name, value in asdict(settings).items() if name not in ("seed", "steps")}
    made = Training(
        preset="starter",
        seed=settings.seed,
        steps=settings.steps,
        best_step=step,
        validation_mse=short(validation.mean_squared_error(network, validation.make())),
        device="cpu",
        run="",
        options={"series": "made up, none real", **options},
    )
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return Checkpoint(replace(spec.spec(), training=made), weights)


def residuals_by_age(model: bytes) -> Residuals:
    """Return quantiles of a model file's errors on made-up series, in multiples of the scale at their forecast."""
    session = open_session(model, provider="cpu")
    horizon = session.spec.horizon
    samples = samples_of_streams(SERIES, AGES[-1] + horizon)
    states, errors = session.fresh(SERIES), []
    for age in range(1, AGES[-1] + 1):
        forecasts, states = session.advance(samples[age - 1][None, :, None], states)
        if age in AGES:
            scale = states[SCALE][0].astype(np.float64)
            truth = samples[age : age + horizon].T
            errors.append((truth - forecasts[0]) / np.where(scale > 0, scale, np.nan))
    found = intervals.quantiles(np.concatenate(errors)[:, :, None])
    assert found is not None, "there are enough"
    return found


def samples_of_streams(count: int, length: int) -> Float32:
    """Return made-up series side by side, (time, stream); equal calls return equal ones."""
    return np.ascontiguousarray(made_up.series(np.random.default_rng(SEED), count, length).T, np.float32)
