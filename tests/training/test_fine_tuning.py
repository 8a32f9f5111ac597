"""Training goes on from a model: the same forecasts to begin with, in raw units or in the series' own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint, Weights
from edgeseq.model.rescaling import rescaled
from edgeseq.reference import Oracle
from edgeseq.series import Parts, Series, load
from edgeseq.testing import make_checkpoint
from edgeseq.training import fitting
from edgeseq.training.fine_tuning import OWN_UNITS, RAW, Pretrained
from edgeseq.training.options import TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import Spec, Training
from tests.conftest import CommandLine
from tests.helpers import csv_helpers

NEVER = lambda: False  # noqa: E731 - a name for an argument

NETWORKS: list[dict[str, Any]] = [
    {"features": 2, "levels": 1, "horizon": 3, "linear_path": 4},
    {"cell": "gru", "features": 3, "targets": 2, "levels": 3, "horizon": 2},
    {"cell": "rnn", "levels": 0, "layers": 1, "horizon": 5, "linear_path": 3},
    {"features": 2, "targets": 2, "levels": 2, "predicts": "value"},
    {"features": 2, "levels": 2, "layout": "features", "window": 4, "predicts": "value", "horizon": 2},
    {"features": 2, "levels": 2, "layout": "steps", "window": 3},
    {"features": 2, "levels": 1, "horizon": 3, "known": 2, "linear_path": 4},
]


def moved(spec: Spec) -> Spec:
    """The spec of the same network after a training part with other levels and sizes."""
    features = tuple(
        replace(feature, center=feature.center - 1.5 * number - 0.7, scale=feature.scale * (1.7 + number), change=0.03)
        for number, feature in enumerate(spec.features)
    )
    known = tuple(replace(column, center=column.center + 1.3, scale=column.scale * 0.6) for column in spec.known)
    scales = tuple(tuple(2.5 * scale + 0.01 * step for scale in row) for step, row in enumerate(spec.target_scales))
    return replace(spec, features=features, known=known, target_scales=scales)


def oracle_forecasts(spec: Spec, weights: Weights, samples: Any) -> Any:
    """What the equations say of samples (time, feature), after the window is full."""
    oracle = Oracle(spec, weights)
    states, forecasts = oracle.fresh(), []
    for sample in samples:
        forecast, states = oracle.step(sample[None], states)
        forecasts.append(forecast[0])
    return np.array(forecasts)[spec.window :]


@pytest.mark.parametrize("network", NETWORKS)
def test_rescaled_weights_compute_the_same_of_raw_samples(network: dict[str, Any]) -> None:
    """By the oracle's float64 equations; what is left is how the weights are rounded to float32."""
    checkpoint = make_checkpoint(**network)
    spec, samples = checkpoint.spec, np.random.default_rng(1).normal(0.4, 1.0, (30, checkpoint.spec.inputs))
    weights = rescaled(checkpoint.weights, spec, moved(spec))
    before = oracle_forecasts(spec, checkpoint.weights, samples)
    np.testing.assert_allclose(oracle_forecasts(moved(spec), weights, samples), before, rtol=1e-5, atol=2e-6)
    unchanged = oracle_forecasts(moved(spec), checkpoint.weights, samples)
    assert np.abs(unchanged - before).max() > 0.01, "the other units make a difference"


@pytest.mark.parametrize("network", NETWORKS)
def test_a_model_files_weights_are_the_checkpoints(network: dict[str, Any], tmp_path: Path) -> None:
    """The two biases of a gate may be one there; all that the network computes is the same."""
    checkpoint, path = make_checkpoint(**network), tmp_path / "model.onnx"
    path.write_bytes(edgeseq_export.build(checkpoint))
    read = Pretrained.read(path)
    samples = np.random.default_rng(2).normal(0.4, 1.0, (20, checkpoint.spec.inputs))
    expected = oracle_forecasts(checkpoint.spec, checkpoint.weights, samples)
    np.testing.assert_allclose(oracle_forecasts(read.spec, read.weights, samples), expected, rtol=1e-5, atol=1e-6)
    assert {name: value.shape for name, value in read.weights.items()} == {
        name: value.shape for name, value in checkpoint.weights.items()
    }


@pytest.mark.parametrize("kind", ["int8", "int4", "int8-dynamic"])
def test_a_quantised_file_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(edgeseq_export.build(make_checkpoint(), kind))
    with pytest.raises(UsageError, match=rf"model.onnx is quantised \({kind}\).*give its checkpoint") as error:
        Pretrained.read(path)
    assert "\n" not in str(error.value)


def wave(samples: int = 900, size: float = 1.0, level: float = 20.0, seed: int = 0) -> np.ndarray[Any, Any]:
    """A daily pattern with noise."""
    noise = np.random.default_rng(seed).normal(0, 0.1, samples)
    return level + size * (np.sin(2 * np.pi * np.arange(samples) / 24) + noise)


def series_file(folder: Path, values: Any, name: str = "series.csv") -> str:
    rows = "\n".join(f"{np.datetime64('2026-01-01T00') + i},{value:.6g}" for i, value in enumerate(values))
    return csv_helpers.csv(folder, f"time,temp\n{rows}\n", name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, str]:
    """A small model of the wave without a linear path, and its series."""
    path = series_file(tmp_path_factory.mktemp("wave"), wave())
    data, parts = load(path)
    return fitting.fit(data, parts, horizon=2, hidden=8, layers=1, steps=60, linear_path=0), path


def planned(path: str, start: Pretrained, **options: Any) -> tuple[Plan, Series, Parts]:
    data, parts = load(path)
    return plan(data, parts, start.adopt(TrainingOptions(**options), options), start), data, parts


def forecasts_of(checkpoint: Checkpoint, samples: Any) -> Any:
    return Predictor(edgeseq_export.build(checkpoint), rules=AS_THEY_ARE, adapt=False).run(np.asarray(samples)[:, None])


def test_untouched_the_start_gives_the_old_forecasts(trained: tuple[Checkpoint, str], tmp_path: Path) -> None:
    """On the same series gone on, whose mean, deviation and changes are others: in raw units nothing has moved."""
    checkpoint, _ = trained
    longer = series_file(tmp_path, np.concatenate([wave(), wave(600, 1.4, 21, seed=3)]))
    training, _, _ = planned(longer, Pretrained.of(checkpoint))
    assert training.initial
    assert training.initial.units == RAW
    assert training.spec.features[0].scale != checkpoint.spec.features[0].scale
    untouched = Checkpoint(training.spec, training.initial.weights)
    samples = wave(100, seed=9)
    np.testing.assert_allclose(forecasts_of(untouched, samples), forecasts_of(checkpoint, samples), atol=2e-5)


def test_a_series_in_other_units_is_seen_as_the_old_one_was(trained: tuple[Checkpoint, str], tmp_path: Path) -> None:
    """The same wave in thousandths, from another zero: forecasts are the old ones in thousandths from there."""
    checkpoint, _ = trained
    other = series_file(tmp_path, 1000 * (wave() - 20) - 5)
    training, _, _ = planned(other, Pretrained.of(checkpoint))
    assert training.initial
    assert training.initial.units == OWN_UNITS
    untouched = Checkpoint(training.spec, training.initial.weights)
    samples = wave(100, seed=9)
    expected = 1000 * (forecasts_of(checkpoint, samples) - 20) - 5
    np.testing.assert_allclose(forecasts_of(untouched, 1000 * (samples - 20) - 5), expected, atol=2)


def test_a_linear_path_is_taken_off_the_head(trained: tuple[Checkpoint, str]) -> None:
    """The head of a blended forecast is the network's share of it; training goes on with the whole."""
    checkpoint, path = trained
    blended = {
        name: value * np.float32(0.25) if "head" in name else value for name, value in checkpoint.weights.items()
    }
    blended["linear.weight"] = np.zeros((2, 1, 3), np.float32)
    assert isinstance(checkpoint.spec.training, Training)
    training = replace(checkpoint.spec.training, options={**checkpoint.spec.training.options, "network_share": 0.25})
    start = Pretrained.of(Checkpoint(replace(checkpoint.spec, linear_path=3, training=training), blended))
    begun = planned(path, start)[0].initial
    assert begun
    for name, value in checkpoint.weights.items():
        np.testing.assert_allclose(begun.weights[name], value, rtol=1e-5, atol=1e-6)


def run(checkpoint: Checkpoint, path: str, folder: Path, stop_at: int | None = None, steps: int = 30) -> Any:
    training, _, parts = planned(path, Pretrained.of(checkpoint), steps=steps)
    trainer = fitting.start(training, parts, seed=0, device="cpu")
    trainer.run(lambda *_: None, lambda: trainer.step == stop_at, folder / "run")
    return trainer


def test_a_stopped_run_goes_on_to_the_same_weights_and_another_start_is_another_run(
    trained: tuple[Checkpoint, str], tmp_path: Path
) -> None:
    checkpoint, path = trained
    whole = run(checkpoint, path, tmp_path)
    run(checkpoint, path, tmp_path, stop_at=13)
    training, _, parts = planned(path, Pretrained.of(checkpoint), steps=30)
    resumed = fitting.start(training, parts, seed=0, device="cpu")
    resumed.restore(tmp_path / "run")
    assert resumed.step == 13
    resumed.run(lambda *_: None, NEVER, tmp_path / "run")
    for name, value in whole.best.weights.items():
        np.testing.assert_array_equal(resumed.best.weights[name], value)
    other = replace(checkpoint, weights={**checkpoint.weights, "head.bias": checkpoint.weights["head.bias"] + 1})
    training, _, parts = planned(path, Pretrained.of(other), steps=30)
    with pytest.raises(UsageError, match="belongs to another run"):
        fitting.start(training, parts, seed=0, device="cpu").restore(tmp_path / "run")


def test_training_that_only_harms_leaves_the_start(trained: tuple[Checkpoint, str], tmp_path: Path) -> None:
    """At a learning rate at which the network falls apart, the weights of step 0 have the lowest validation error."""
    checkpoint, path = trained
    training, _, parts = planned(path, Pretrained.of(checkpoint), steps=30, learning_rate=30.0)
    trainer = fitting.start(training, parts, seed=0, device="cpu")
    trainer.run(lambda *_: None, NEVER, tmp_path / "run")
    assert trainer.best.step == 0
    for name, value in checkpoint.weights.items():
        np.testing.assert_allclose(trainer.best.weights[name], value, atol=1e-6)


def test_the_command_takes_what_is_not_said_from_the_model_and_records_it(
    trained: tuple[Checkpoint, str], tmp_path: Path, edgeseq: CommandLine
) -> None:
    checkpoint, path = trained
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    checkpoint.save(old)
    told = edgeseq.must("train", path, "--from", old, "--steps", "20", "-o", new)
    assert f"begins with {old}" in told.err
    spec = Checkpoint.load(new).spec
    assert (spec.horizon, spec.hidden, spec.layers, spec.linear_path) == (2, 8, 1, 0)
    assert spec.training
    assert spec.training.options["from"] == Pretrained.of(checkpoint).digest
    assert spec.training.options["from_units"] == RAW


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--hidden", "9"], "hidden units 8, not 9"),
        (["--cell", "gru", "--horizon", "3"], "cell lstm, not gru; horizon 2, not 3"),
        (["--time-features", "hour"], "time features none, not hour_sin, hour_cos"),
        (["--no-level"], "input the level of temp, not none"),
        (["--layout", "steps"], "layout stream, not steps"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(
    options: list[str],
    complaint: str,
    trained: tuple[Checkpoint, str],
    tmp_path: Path,
    edgeseq: CommandLine,
) -> None:
    checkpoint, path = trained
    old = tmp_path / "old.safetensors"
    checkpoint.save(old)
    told = edgeseq("train", path, "--from", old, *options, "-o", tmp_path / "new.safetensors")
    assert told.code == 2
    assert f"edgeseq: {old} is no start for this training: it has {complaint}" in told.err


@pytest.mark.parametrize(
    ("own", "other", "complaint"),
    [
        (("outdoor",), (), "known ahead outdoor, not nothing"),
        ((), ("outdoor",), "known ahead nothing, not outdoor"),
        (("outdoor", "sun"), ("sun", "outdoor"), "known ahead outdoor, sun, not sun, outdoor"),
        (("outdoor",), ("t2m",), ""),
    ],
)
def test_columns_known_ahead_that_do_not_fit_are_named(
    own: tuple[str, ...], other: tuple[str, ...], complaint: str
) -> None:
    """Their number and their order count, and a column may be called otherwise in another series."""

    def made(names: tuple[str, ...]) -> Checkpoint:
        checkpoint = make_checkpoint(known=len(names), horizon=2)
        known = tuple(replace(column, name=name) for column, name in zip(checkpoint.spec.known, names, strict=True))
        return replace(checkpoint, spec=replace(checkpoint.spec, known=known))

    start = Pretrained.of(made(own), "old")
    if complaint:
        with pytest.raises(UsageError, match=f"^old is no start for this training: it has {complaint}$"):
            start.check(made(other).spec)
    else:
        start.check(made(other).spec)


def test_known_columns_that_the_model_does_not_know_are_refused_by_train(
    trained: tuple[Checkpoint, str], tmp_path: Path, edgeseq: CommandLine
) -> None:
    """One line of usage, before any training."""
    checkpoint, _ = trained
    old, series = tmp_path / "old.safetensors", tmp_path / "series.csv"
    checkpoint.save(old)
    series.write_text("temp,sun\n" + "".join(f"{at % 7},{at % 5}\n" for at in range(300)))
    told = edgeseq(
        "train", series, "--known", "sun", "--target", "temp", "--from", old, "-o", tmp_path / "new.safetensors"
    )
    assert told.code == 2
    assert told.err.splitlines()[-1].endswith("known ahead nothing, not sun")
    assert not (tmp_path / "new.safetensors").exists()


STORED = Path(__file__).parents[1] / "stored" / "0.1"


@pytest.mark.parametrize("name", ["gru", "value", "windows-gru", "paths", "clock", "lstm-trained"])
def test_files_of_version_0_1_can_be_gone_on_from(name: str) -> None:
    """A model file and the checkpoint that it was made of: the same network, by the equations."""
    checkpoint = Checkpoint.load(STORED / "checkpoints" / f"{name}.safetensors")
    read = Pretrained.read(STORED / "models" / f"{name}.onnx")
    spec = checkpoint.spec
    centers, sizes = ([getattr(feature, field) for feature in spec.features] for field in ("mean", "std"))
    samples = np.random.default_rng(3).normal(centers, sizes, (20, len(spec.features)))
    expected = oracle_forecasts(spec, checkpoint.weights, samples)
    np.testing.assert_allclose(oracle_forecasts(spec, read.weights, samples), expected, rtol=1e-4, atol=1e-5)
