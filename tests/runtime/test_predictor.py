"""The predictor: what a stream does, and what no sample can do to it."""

import hashlib
import json
import struct
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import (
    DataError,
    EdgeseqError,
    MissingSampleError,
    ModelFileError,
    SnapshotError,
    UsageError,
)
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.streaming.policy import Policy
from edgeseq_runtime.streaming.screening import Screening
from edgeseq_runtime.streaming.validation import RawSample
from tests.helpers.model_files import sealed_by_hand, spec_text

NOT_FINITE: list[Any] = [float("nan"), float("inf"), float("-inf"), None, np.float32("nan"), 1e39, -1e300]


def walk(length: int, seed: int = 0) -> list[float]:
    return (np.cumsum(np.random.default_rng(seed).standard_normal(length)) * 0.1).tolist()


def memory(p: Predictor) -> bytes:
    """All that the next forecast depends on."""
    return b"".join(state.tobytes() for state in p.states.values())


def test_a_step_returns_the_forecast_after_the_sample(model: bytes) -> None:
    p = Predictor(model)
    forecast = p.step(0.5)
    assert forecast.shape == (3, 1)
    assert forecast.dtype == np.float32
    assert p.status == "ok"
    assert p.providers == ["CPUExecutionProvider"]


def test_a_forecast_returned_is_not_changed_by_the_next_step(model: bytes) -> None:
    p = Predictor(model)
    first = p.step(0.5)
    copy = first.copy()
    p.step(0.9)
    np.testing.assert_array_equal(first, copy)


def test_predictors_in_threads_share_a_session_and_nothing_else(model: bytes) -> None:
    """Each gives what it gives alone."""
    session = Predictor(model).session
    found: dict[int, list[np.ndarray]] = {}

    def serve(seed: int) -> list[np.ndarray]:
        own = Predictor(session)
        return [own.step(sample) for sample in walk(500, seed)]

    threads = [threading.Thread(target=lambda seed=seed: found.update({seed: serve(seed)})) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        alone = Predictor(model)
        np.testing.assert_array_equal(found[seed], [alone.step(sample) for sample in walk(500, seed)])


def test_it_is_warm_after_the_specs_samples(model: bytes) -> None:
    p = Predictor(model)
    warm = []
    for value in walk(5):
        p.step(value)
        warm.append(p.warm)
    assert warm == [False, False, True, True, True]


def test_reset_makes_the_stream_fresh(model: bytes) -> None:
    p = Predictor(model)
    first = [p.step(value) for value in walk(9)]
    p.reset()
    assert (p.samples, p.warm) == (0, False)
    np.testing.assert_array_equal([p.step(value) for value in walk(9)], first)


@pytest.mark.parametrize("sample", NOT_FINITE)
@pytest.mark.parametrize("missing", ["skip", "error"])
def test_a_rejected_sample_leaves_the_state_bit_for_bit(model: bytes, sample: RawSample, missing: str) -> None:
    p, undisturbed = Predictor(model, missing=missing), Predictor(model, missing=missing)
    for value in walk(6):
        last = p.step(value)
        undisturbed.step(value)
    before = memory(p)
    if missing == "error":
        with pytest.raises(MissingSampleError):
            p.step(sample)
    else:
        np.testing.assert_array_equal(p.step(sample), last)
        assert p.status == "skipped"
    assert memory(p) == before
    np.testing.assert_array_equal(p.step(0.7), undisturbed.step(0.7))


@pytest.mark.parametrize("sample", NOT_FINITE)
def test_the_models_own_forecast_stands_in_for_a_missing_sample(model: bytes, sample: RawSample) -> None:
    p, told = Predictor(model), Predictor(model)
    for value in walk(6):
        forecast = p.step(value)
        told.step(value)
    np.testing.assert_array_equal(p.step(sample), told.step(float(forecast[0, 0])))
    assert p.status == "imputed"
    assert told.status == "ok"


def test_after_too_many_missing_samples_the_stream_starts_afresh(model: bytes) -> None:
    """Three may be imputed; then there is no forecast, and the next sample is the first of a new stream."""
    p = Predictor(model)
    p.run(walk(6))
    statuses = []
    for _ in range(5):
        forecast = p.step(None)
        statuses.append(p.status)
    assert statuses == ["imputed", "imputed", "imputed", "missing", "missing"]
    assert np.isnan(forecast).all()
    np.testing.assert_array_equal(p.step(0.3), Predictor(model).step(0.3))
    assert p.status == "ok"
    assert not p.warm


def test_the_count_of_imputed_samples_begins_anew_after_a_good_one(model: bytes) -> None:
    p = Predictor(model)
    statuses = []
    for value in [0.1, None, None, None, 0.2, None, None, None, None]:
        p.step(value)
        statuses.append(p.status)
    assert statuses == ["ok", "imputed", "imputed", "imputed", "ok", "imputed", "imputed", "imputed", "missing"]


def test_before_the_first_sample_nothing_can_stand_in(model: bytes) -> None:
    for missing in ("impute", "skip"):
        p = Predictor(model, missing=missing)
        assert np.isnan(p.step(None)).all()
        assert p.status == "missing"


@given(
    values=st.lists(
        st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.floats(-10, 10), min_size=1, max_size=40
    )
)
def test_no_input_makes_a_forecast_or_the_state_anything_but_finite(model: bytes, values: list[float | None]) -> None:
    p = Predictor(model)
    for value in values:
        forecast = p.step(value)
        assert np.isfinite(forecast).all() or p.status == "missing"
        assert all(np.isfinite(state).all() for state in p.states.values())


def test_of_several_features_only_the_missing_ones_are_filled_in() -> None:
    """The target by its forecast, the other feature by its last value."""
    model = edgeseq_export.build(make_checkpoint(features=2, targets=1))
    p, told = Predictor(model), Predictor(model)
    forecast = p.step([1.0, 2.0])
    told.step([1.0, 2.0])
    np.testing.assert_array_equal(p.step([None, 2.5]), told.step([float(forecast[0, 0]), 2.5]))
    np.testing.assert_array_equal(p.step([1.5, float("nan")]), told.step([1.5, 2.5]))


def test_features_may_be_given_by_name() -> None:
    model = edgeseq_export.build(make_checkpoint(features=2, targets=2))
    p, told = Predictor(model), Predictor(model)
    np.testing.assert_array_equal(p.step({"f1": 2.0, "f0": 1.0}), told.step([1.0, 2.0]))
    p.step({"f0": 1.0})
    assert p.status == "imputed"


def test_what_a_sensor_sends_beside_the_features_is_ignored(model: bytes) -> None:
    sent: dict[str, Any] = {"t": 5, "f0": 1.0, "id": "x"}
    np.testing.assert_array_equal(Predictor(model).step(sent), Predictor(model).step(1.0))


@pytest.mark.parametrize("sample", ["abc", [1.0, 2.0], [], ["x"], [[1.0]], object(), {}, {"F0": 1.0}, {"f1": 1.0}])
def test_what_is_no_sample_is_refused(model: bytes, sample: Any) -> None:
    p = Predictor(model)
    p.step(0.1)
    before = memory(p)
    with pytest.raises(DataError):
        p.step(sample)
    assert memory(p) == before


@pytest.mark.parametrize("sample", [3, np.float64(3), np.array(3.0), np.array([3.0]), [3.0], (3.0,), {"f0": 3.0}])
def test_one_feature_may_come_in_any_form(model: bytes, sample: RawSample) -> None:
    np.testing.assert_array_equal(Predictor(model).step(sample), Predictor(model).step(3.0))


def test_a_block_with_a_forbidden_missing_sample_is_refused_before_any_is_taken(model: bytes) -> None:
    p = Predictor(model, missing="error")
    p.step(0.1)
    before = p.snapshot()
    with pytest.raises(MissingSampleError, match="sample 2 of the block"):
        p.run([0.2, 0.3, float("nan"), 0.4])
    assert p.snapshot() == before
    assert p.run([0.2, 0.3]).shape == (2, 3, 1)


def test_a_block_may_hold_none_and_numbers_of_any_size(model: bytes) -> None:
    """As many kinds of numbers as `step` takes, with the same forecasts."""
    values: list[Any] = [1, None, 0.5, 10**400, True, float("inf"), np.float32(0.25)]
    p, told = Predictor(model), Predictor(model)
    np.testing.assert_allclose(p.run(values), [told.step(value) for value in values], atol=1e-6)
    assert p.status == told.status == "ok"


@pytest.mark.parametrize(
    "block", [["1.5"], [1.0, "2"], [None, "2"], [[1.0], [2.0, 3.0]], [1j], [{"f0": 1.0}, object()]]
)
def test_a_block_of_anything_but_numbers_is_refused(model: bytes, block: list[Any]) -> None:
    p = Predictor(model)
    before = p.snapshot()
    with pytest.raises(DataError):
        p.run(block)
    assert p.snapshot() == before


def test_a_feature_that_never_changed_in_training_is_taken_as_it_is() -> None:
    still = replace(make_spec().features[0], change=0.0)
    for spec in (make_spec(), replace(make_spec(), features=(still,))):
        screening = Screening(spec, Rules(), Policy(spec, "impute", Rules()), 1)
        row, last, fresh = np.array([0]), np.array([[4.5]], np.float32), np.array([False])
        found = screening.find(row, np.array([[5.0]], np.float32), last, fresh)
        assert not found.absent.any()
        assert not found.held.any()
        assert screening.find(row, np.array([[1e38]], np.float32), last, fresh).absent.all()


@pytest.mark.parametrize("shape", [(5, 2), (5, 1, 1), ()])
def test_a_block_of_the_wrong_shape_is_refused(model: bytes, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="shape"):
        Predictor(model).run(np.zeros(shape))


def test_an_empty_block_changes_nothing(model: bytes) -> None:
    p = Predictor(model)
    assert p.run([]).shape == (0, 3, 1)
    assert p.samples == 0


def test_a_forecast_within_the_horizon_is_the_last_one(model: bytes) -> None:
    p = Predictor(model)
    last = p.step(0.4)
    np.testing.assert_array_equal(p.forecast(2), last[:2])


def test_a_forecast_further_than_the_horizon_feeds_itself(model: bytes) -> None:
    """Seven steps of a model of three: what a second stream says that is told the forecasts as samples."""
    p, told = Predictor(model), Predictor(model)
    for value in walk(6):
        first = p.step(value)
        told.step(value)
    second = told.run(first[:, 0])[-1]
    third = told.run(second[:, 0])[-1]
    np.testing.assert_allclose(p.forecast(7), np.concatenate([first, second, third])[:7], atol=1e-6)


def test_a_forecast_leaves_the_live_state_alone(model: bytes) -> None:
    p, undisturbed = Predictor(model), Predictor(model)
    p.run(walk(6))
    undisturbed.run(walk(6))
    p.forecast(50)
    np.testing.assert_array_equal(p.step(0.2), undisturbed.step(0.2))


def test_there_is_no_forecast_before_the_first_sample(model: bytes) -> None:
    with pytest.raises(EdgeseqError, match="no sample"):
        Predictor(model).forecast(5)
    with pytest.raises(UsageError, match="steps: expected at least 1, got 0"):
        Predictor(model).forecast(0)


@pytest.mark.parametrize("gap", [0, 1, 4])
def test_a_snapshot_goes_on_bit_for_bit(model: bytes, gap: int) -> None:
    p = Predictor(model)
    for value in [*walk(7), *[None] * gap]:
        p.step(value)
    other = Predictor(model)
    other.restore(p.snapshot())
    assert (other.samples, other.status, other.warm) == (p.samples, p.status, p.warm)
    for value in [None, 0.3, None, 0.1]:
        np.testing.assert_array_equal(other.step(value), p.step(value))
        assert other.status == p.status


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_damaged_snapshot_is_refused(model: bytes, position: int, flip: int) -> None:
    p = Predictor(model)
    p.step(0.5)
    blob = bytearray(p.snapshot())
    blob[position % len(blob)] ^= flip
    before = p.snapshot()
    with pytest.raises(SnapshotError):
        p.restore(bytes(blob))
    assert p.snapshot() == before


headers = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["counters", "arrays", "x", "samples", "status"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(header=headers.map(json.dumps) | st.text() | st.just("[" * 100_000), floats=st.binary(max_size=40))
def test_a_snapshot_with_the_right_digests_and_anything_else_within_is_refused(
    model: bytes, header: str, floats: bytes
) -> None:
    p = Predictor(model)
    text = header.encode(errors="replace")
    body = p.session.digest + struct.pack("<I", len(text)) + text + floats
    before = p.snapshot()
    with pytest.raises(SnapshotError):
        p.restore(b"edgeseq-snapshot-1\n" + hashlib.sha256(body).digest() + body)
    assert p.snapshot() == before


@pytest.mark.parametrize("blob", [b"", b"junk", b"edgeseq-snapshot-1\n"])
def test_what_is_no_snapshot_is_refused(model: bytes, blob: bytes) -> None:
    with pytest.raises(SnapshotError):
        Predictor(model).restore(blob)


def test_another_models_snapshot_is_refused(model: bytes) -> None:
    other = Predictor(edgeseq_export.build(make_checkpoint(seed=1, horizon=3)))
    with pytest.raises(SnapshotError, match="another model"):
        other.restore(Predictor(model).snapshot())


def test_an_unknown_provider_is_named_with_those_there_are(model: bytes) -> None:
    with pytest.raises(UsageError, match=r"'tpu'.*available.*cpu"):
        Predictor(model, provider="tpu")


@pytest.mark.parametrize("provider", ["auto", "cpu", "CPU", "CPUExecutionProvider"])
def test_the_cpu_goes_by_several_names(model: bytes, provider: str) -> None:
    assert Predictor(model, provider=provider).providers == ["CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"missing": "guess"}, "missing: expected one of impute, skip, reset, error, got 'guess'"),
        ({"threads": 0}, "threads"),
    ],
)
def test_wrong_arguments_are_named(model: bytes, arguments: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Predictor(model, **arguments)


def test_files_that_are_no_model_are_refused(model: bytes, tmp_path: Path) -> None:
    import onnx

    proto = onnx.load_from_string(model)
    proto.producer_name = "another"
    del proto.metadata_props[:]
    cases = {
        "truncated": (model[: len(model) // 2], "ends within a field"),
        "empty": (b"", "holds no graph"),
        "text": (b"hello", "is not an ONNX file"),
        "foreign": (proto.SerializeToString(), "not one that edgeseq wrote"),
    }
    for name, (content, word) in cases.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=word) as caught:
            Predictor(path)
        assert name in str(caught.value)


def test_a_spec_that_does_not_fit_the_graph_is_refused(model: bytes) -> None:
    import onnx

    proto = onnx.load_from_string(model)
    other = onnx.load_from_string(edgeseq_export.build(make_checkpoint(horizon=2)))
    mixed = sealed_by_hand(proto, json.loads(spec_text(other)))
    with pytest.raises(ModelFileError, match="not those of its spec"):
        Predictor(mixed)
