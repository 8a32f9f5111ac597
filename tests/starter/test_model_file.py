"""The starter's model file: what comes with the package, what an export makes of it, and what it says of its errors."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.model import running_scale
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.reference import Oracle
from edgeseq.starter import made_up, model_file, spec, validation
from edgeseq.starter.network import HORIZON, Network
from edgeseq.starter.training import Settings, Trainer
from edgeseq_export.c.from_onnx import step_weights
from edgeseq_export.graph.weights import network_weights
from edgeseq_export.model_file import ModelFile
from edgeseq_export.starter_file import checkpoint
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import FileError, UsageError
from edgeseq_runtime.model_file.source import STARTER, STARTER_FILE, Source

SERIES = made_up.series(np.random.default_rng(3), 16, 400)


@pytest.fixture(scope="module")
def packaged() -> Session:
    return open_session(STARTER, provider="cpu")


def streamed(session: Session, samples: Float64) -> Float32:
    """Forecasts (time, series, horizon) of series (series, time)."""
    states, forecasts = session.fresh(len(samples)), []
    for x in samples.T.astype(np.float32):
        y, states = session.advance(x[None, :, None], states)
        forecasts.append(y[0])
    return np.stack(forecasts)


def random_weights(horizon: int) -> Checkpoint:
    """Weights that are larger than trained ones are."""
    random = np.random.default_rng(horizon)
    made = spec.spec(horizon)
    shapes = {name: value.shape for name, value in Network().state_dict().items()}
    shapes |= {"head.weight": (horizon + 20, 64), "head.bias": (horizon + 20,)}
    return Checkpoint(made, {name: random.normal(0, 0.15, shape).astype(np.float32) for name, shape in shapes.items()})


def check_by_oracle(file: ModelFile) -> None:
    """400 samples of 16 made-up series of deviation 1, by the weights in the file. Measured: 6e-6."""
    weights = network_weights(file.spec, step_weights(onnx.load_from_string(file.content), file.spec))
    expected = Oracle(file.spec, weights).run(SERIES.T.astype(np.float32)[..., None])[0]
    found = streamed(open_session(file.content, provider="cpu"), SERIES)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize("horizon", [1, 2, 48])
def test_a_file_computes_what_the_oracle_does(horizon: int) -> None:
    """Of any weights, all steps ahead."""
    check_by_oracle(edgeseq_export.export(random_weights(horizon)))


def test_weights_read_back_from_a_file_are_those_that_it_was_made_of() -> None:
    """But for one rounding of the head's, into which the growth with the steps ahead is folded."""
    made = random_weights(48)
    stored = onnx.load_from_string(edgeseq_export.build(made))
    weights = network_weights(made.spec, step_weights(stored, made.spec))
    for name in ("cell.weight_ih_l0", "cell.weight_hh_l1", "head.weight"):
        np.testing.assert_allclose(weights[name], made.weights[name], rtol=3e-7, atol=0)
    found, expected = (each["cell.bias_ih_l0"] + each["cell.bias_hh_l0"] for each in (weights, made.weights))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_name_opens_the_file_of_the_package(packaged: Session) -> None:
    assert Source.read("starter").content == STARTER_FILE.read_bytes()
    assert packaged.spec.horizon == HORIZON
    assert packaged.spec.warmup == 1
    assert packaged.spec.training is not None
    assert packaged.spec.training.options["series"] == "made up, none real"


def test_a_file_of_that_name_needs_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is the model wherever it is asked for; a path to a file is a file, a path object always."""
    monkeypatch.chdir(tmp_path)
    Path("starter").write_bytes(edgeseq_export.starter(3).content)
    for path in ("./starter", str(tmp_path / "starter"), Path("starter")):
        assert open_session(path, provider="cpu").spec.horizon == 3
    assert open_session("starter", provider="cpu").spec.horizon == HORIZON
    Path("starter").unlink()
    with pytest.raises(FileError, match="starter"):
        open_session("./starter", provider="cpu")


def test_bytes_for_weights_are_small_and_cost_no_accuracy(packaged: Session) -> None:
    """At most 250 kB, as int8 85 kB; the latter's mean squared error is the former's to 1 %. Measured: 0.05 %."""
    rounded = edgeseq_export.starter(quantize="int8")
    assert STARTER_FILE.stat().st_size <= 250_000
    assert len(rounded.content) <= 85_000
    check_by_oracle(rounded)
    truth = np.stack([SERIES[:, at : at + HORIZON] for at in range(1, 352)])
    sessions = packaged, open_session(rounded.content, provider="cpu")
    errors = [((streamed(session, SERIES)[:351] - truth) ** 2).mean() for session in sessions]
    assert errors[1] == pytest.approx(errors[0], rel=0.01)


def test_the_first_forecast_is_persistence_and_a_constant_is_forecast_exactly(packaged: Session) -> None:
    for value in (0.0, 0.1, -273.15, 1e9, 1e-6, -9e17):
        constant = np.full((1, 700), value, np.float32)
        assert (streamed(packaged, constant.astype(np.float64)) == constant[0, 0]).all()
    assert (streamed(packaged, SERIES[:, :1])[0] == SERIES[:, :1].astype(np.float32)).all()


@settings(max_examples=20, deadline=None)
@given(power=st.integers(-20, 30), sign=st.sampled_from([-1, 1]), offset=st.floats(-1000, 1000))
def test_unit_scale_and_offset_change_nothing(power: int, sign: int, offset: float) -> None:
    """Forecasts of a x + b are a f + b to 1e-4 of the scale, from a millionth to a billion, b up to 1,000 scales.

    On samples that float32 holds at either place, multiples of 2^-12 of the deviation: the rounding of others is no
    matter of the model's. A change of sign is not among what changes nothing: made-up series have spikes upwards.
    """
    session = open_session(STARTER, provider="cpu")
    series = np.round(SERIES[:6, :150] * 2**12) / 2**12
    offset = round(offset * 2**12) / 2**12
    moved = streamed(session, (series + offset) * 2.0**power) / 2.0**power - offset
    np.testing.assert_allclose(moved, streamed(session, series), rtol=0, atol=1e-4)
    assert np.isfinite(streamed(session, sign * series * 2.0**power)).all()


def test_a_shorter_horizon_forecasts_the_same_as_far_as_it_goes(packaged: Session) -> None:
    """To the rounding that each file may have: a narrower head is summed up in another order. Measured: 2.5e-6."""
    long = streamed(packaged, SERIES)
    for horizon in (1, 12):
        file = edgeseq_export.starter(horizon)
        assert file.spec.horizon == horizon
        assert file.spec.residuals is not None
        assert packaged.spec.residuals is not None
        assert file.spec.residuals.quantiles == packaged.spec.residuals.quantiles[:horizon]
        short = streamed(open_session(file.content, provider="cpu"), SERIES)
        np.testing.assert_allclose(short, long[..., :horizon], rtol=0, atol=1e-5)


def test_what_it_cannot_be_is_refused() -> None:
    for horizon in (0, 49):
        with pytest.raises(UsageError, match="expected 1 to 48"):
            edgeseq_export.starter(horizon)
    with pytest.raises(UsageError, match="one sample at a time"):
        edgeseq_export.export(checkpoint(), form="chunk")
    for quantize in ("int4", "int8-dynamic"):
        with pytest.raises(UsageError, match="none or int8"):
            edgeseq_export.starter(quantize=quantize)


def test_quantiles_hold_on_other_made_up_series(packaged: Session) -> None:
    """The 90 % interval around forecasts, by the residuals and the scale at the time, holds 82 to 97 %, at any age."""
    assert packaged.spec.residuals is not None
    table = np.array(packaged.spec.residuals.quantiles)[:, 0]
    samples = made_up.series(np.random.default_rng(77), 200, 700)
    scales = np.stack([running_scale.scales(series) for series in samples], axis=1)
    errors = np.stack([samples[:, at : at + HORIZON] for at in range(1, 652)]) - streamed(packaged, samples)[:651]
    scale = scales[:651, :, None]
    held = ((errors >= table[:, 0] * scale) & (errors <= table[:, -1] * scale))[..., [0, 5, 23, 47]]
    known = scales[:651] > 0
    for first, last in ((3, 10), (10, 50), (50, 200), (200, 651)):
        share = held[first:last][known[first:last]].mean(axis=0)
        assert ((share > 0.82) & (share < 0.97)).all(), (first, share)


def test_a_run_becomes_a_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its spec says how it was made: seed, steps, that no series was real."""
    monkeypatch.setattr(model_file, "SERIES", 40)
    monkeypatch.setattr(model_file, "AGES", (3, 10, 300))
    monkeypatch.setattr(model_file, "_TEACHERS", 5)
    monkeypatch.setattr(validation, "AGES", ((1, 15), (16, 40)))
    trainer = Trainer(Settings(seed=4, steps=9))
    (tmp_path / "run.safetensors").write_bytes(trainer.pack())
    made = model_file.make(tmp_path / "run.safetensors")
    assert made.spec.training is not None
    assert (made.spec.training.seed, made.spec.training.steps, made.spec.training.best_step) == (4, 9, 0)
    assert made.spec.residuals is not None
    assert made.spec.anomalies is not None
    assert open_session(made.content, provider="cpu").spec == made.spec
