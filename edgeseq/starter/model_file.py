"""From a training run to the starter's model file, with its errors on made-up series that nothing was trained on."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import edgeseq_export
from edgeseq.evaluation import intervals
from edgeseq.evaluation.learning import AS_THEY_COME
from edgeseq.evaluation.metrics import short
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.starter import made_up, spec, training, validation
from edgeseq_export.model_file import ModelFile
from edgeseq_runtime.anomalies import layout
from edgeseq_runtime.anomalies.anomalies import KEPT
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.anomalies.learned import learned
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import SCALE, LearnedAnomalies, Residuals, Training

SEED = 2_000_003
"""Of the series that the errors are measured on; training and validation draw from other seeds."""

SERIES = 400

_TEACHERS = 150
"""Streams that teach how surprising samples are."""

_SHORTEST = 0.05
"""Of these streams: as a share of the longest."""

_ANY_RATE = 1e-4
"""A rate of false alarms, of which nothing that is learned depends."""

AGES = tuple(int(age) for age in np.unique(np.geomspace(3, 2_000, 60).astype(int)))
"""Samples seen by a stream when an error of its counts: young ones count as much as old ones, by the logarithm."""


def make(run: Path) -> ModelFile:
    """Return the model file of the run that was saved at a path. Raises `ModelFileError` where that is none."""
    checkpoint = of_run(run)
    spec = replace(checkpoint.spec, residuals=residuals_by_age(edgeseq_export.build(checkpoint)))
    spec = replace(spec, anomalies=surprises(edgeseq_export.build(replace(checkpoint, spec=spec))))
    return edgeseq_export.export(replace(checkpoint, spec=spec))


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


def surprises(model: bytes) -> LearnedAnomalies:
    """Return how surprising the samples of a sensor are, as streams of made-up ones have learned it after each other.

    The gaps of ladders follow what they met last; so they are averaged over many streams, by their logarithms.
    """
    predictor = Predictor(open_session(model, provider="cpu"), rules=AS_THEY_COME, anomalies=_ANY_RATE, adapt=False)
    words, fresh, random = Layout.of(predictor.spec), predictor.state(), np.random.default_rng(SEED)
    row, ladders = fresh.arrays[KEPT], []
    for series in samples_of_streams(_TEACHERS, AGES[-1]).T:
        row = _with_learned(words, fresh.arrays[KEPT], words.views(row.reshape(-1, 1)))
        predictor.load(replace(fresh, arrays={**fresh.arrays, KEPT: row}))
        predictor.run(series[: int(len(series) * _SHORTEST ** random.random())])
        row = predictor.state().arrays[KEPT]
        ladders.append(row)
    views = words.views(np.stack(ladders[len(ladders) // 3 :], axis=1))
    mean = {name: np.exp(np.log(views[name]).mean(axis=-1, keepdims=True)) for name in (layout.GAPS, layout.LAST_GAPS)}
    found = learned(words, _with_learned(words, row, {layout.COUNT: views[layout.COUNT][..., -1:], **mean}))
    assert found is not None, "there is enough"
    return replace(found, means=(0.0,), deviations=(0.0,))  # each sensor has its own


def _with_learned(words: Layout, row: Float32, known: Mapping[str, Float32]) -> Float32:
    """Return a copy of a stream's row (words,) with its ladders as they are known, and with so many samples."""
    made = row.copy()
    views = words.views(made.reshape(-1, 1))
    for name in (layout.COUNT, layout.GAPS, layout.LAST_GAPS):
        views[name][...] = known[name]
    return made


def samples_of_streams(count: int, length: int) -> Float32:
    """Return made-up series side by side, (time, stream); equal calls return equal ones."""
    return np.ascontiguousarray(made_up.series(np.random.default_rng(SEED), count, length).T, np.float32)
