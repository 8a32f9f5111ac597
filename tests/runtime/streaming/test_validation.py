"""Validation: what is unusual about a sample, what each rule makes of it, and that a rejected one leaves no trace."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, MissingSampleError, UsageError
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.rules import POLICIES, Rules
from edgeseq_runtime.spec import CLOCKS, Residuals
from tests.conftest import CommandLine

HOUR = 3600.0
FAR = 9.5  # the made-up feature was between -3 and 3 in training, with a deviation of 1 and changes of 0.1
NEAR = 4.0  # a deviation and a change further is 4.1
WALK = [0.1, 0.3, 0.2, 0.4, 0.35]


@pytest.fixture(scope="module")
def hourly() -> Session:
    """A model that knows its period and its residuals."""
    made = make_checkpoint(horizon=3, period=HOUR)
    residuals = Residuals((0.05, 0.5, 0.95), (((-0.3, 0.0, 0.3),),) * 3)
    return open_session(edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals))))


def started(model: bytes | Session, **choices: Any) -> Predictor:
    """A stream that has seen five samples, an hour apart where the model has a period."""
    p = Predictor(model, **choices)
    for hour, value in enumerate(WALK):
        p.step(value, hour * HOUR)
    return p


def rules_with(reason: str, policy: str) -> Rules:
    """The default rules but for one reason."""
    choice: dict[str, Any] = {reason: policy}
    return Rules(**choice)


def trace(p: Predictor) -> tuple[dict[str, bytes], dict[str, object]]:
    """All that later forecasts depend on: the arrays bit for bit, and the counters that are compared with limits."""
    found = p.state()
    arrays = {name: array.tobytes() for name, array in found.arrays.items() if name not in ("runs", "confirm.waiting")}
    return arrays, {name: repr(found.counters[name]) for name in ("age", "imputed", "seconds")}


def test_a_value_far_outside_the_training_range_may_be_taken_and_flagged(model: bytes) -> None:
    """With the policy flag nothing is lost but silence."""
    p, told = Predictor(model, rules=Rules(range="flag")), Predictor(model, rules=Rules(margin=1e9))
    for value in [*WALK, NEAR, FAR, -FAR, 0.3]:
        np.testing.assert_array_equal(p.step(value), told.step(value))
    assert p.status == "ok"
    assert p.reason == ""
    assert p.counts["range"] == 2
    assert told.counts["range"] == 0
    assert p.counts["ok"] == 9
    assert p.step(FAR) is not None
    assert (p.status, p.reason) == ("ok", "range")


@pytest.mark.parametrize(
    ("policy", "status"), [("flag", "ok"), ("impute", "imputed"), ("skip", "skipped"), ("reset", "missing")]
)
def test_each_policy_for_the_range(model: bytes, policy: str, status: str) -> None:
    p, told = started(model, rules=Rules(range=policy)), started(model, rules=Rules(range="flag"))
    last = p.forecast(3)
    forecast = p.step(FAR)
    assert (p.status, p.reason) == (status, "range")
    if policy == "reset":
        assert np.isnan(forecast).all()
        told.reset()
    elif policy == "skip":
        np.testing.assert_array_equal(forecast, last)
    else:
        instead = FAR if policy == "flag" else float(last[0, 0])
        np.testing.assert_array_equal(forecast, told.step(instead))
    np.testing.assert_array_equal(p.step(0.2), told.step(0.2))
    assert p.counts[status] == (7 if status == "ok" else 1)
    assert p.counts["range"] == 1


@pytest.mark.parametrize("missing", ["impute", "skip", "reset"])
def test_a_missing_sample_may_start_the_stream_afresh_at_once(model: bytes, missing: str) -> None:
    p = started(model, missing=missing)
    p.step(None)
    assert p.status == {"impute": "imputed", "skip": "skipped", "reset": "missing"}[missing]
    assert p.reason == "absent"


def test_of_several_features_only_the_one_out_of_range_is_replaced() -> None:
    """f1 is no target and was between -2 and 4: its last value stands in."""
    model = edgeseq_export.build(make_checkpoint(features=2))
    p, told = Predictor(model, rules=Rules(range="impute", margin=0)), Predictor(model)
    for q in (p, told):
        q.step([0.5, 1.5])
    np.testing.assert_array_equal(p.step([0.7, 4.5]), told.step([0.7, 1.5]))
    assert (p.status, p.reason) == ("imputed", "range")


def test_what_must_be_replaced_comes_before_what_is_only_flagged() -> None:
    model = edgeseq_export.build(make_checkpoint(features=2))
    p, told = Predictor(model), Predictor(model)
    forecast = p.step([0.5, 1.5])
    told.step([0.5, 1.5])
    np.testing.assert_array_equal(p.step([None, 99.0]), told.step([float(forecast[0, 0]), 99.0]))
    assert (p.status, p.reason) == ("imputed", "absent")


def test_a_target_that_stands_still_is_stuck_after_the_samples_allowed(model: bytes) -> None:
    p = Predictor(model, rules=Rules(stuck="impute", stuck_after=3))
    reasons = []
    for value in [0.1, 0.2, 0.2, 0.2, 0.2, None, 0.2, 0.3, 0.2]:
        p.step(value)
        reasons.append(p.reason)
    assert reasons == ["", "", "", "", "stuck", "absent", "stuck", "", ""]
    assert p.counts["imputed"] == 3


def test_an_odd_value_in_between_is_another_value_all_the_same(model: bytes) -> None:
    p = Predictor(model, rules=Rules(range="flag", stuck_after=3))
    reasons = []
    for value in [0.2, 0.2, 0.2, FAR, 0.2, 0.2, 0.2, 0.2]:
        p.step(value)
        reasons.append(p.reason)
    assert reasons == ["", "", "", "range", "", "", "", "stuck"]


def test_a_sensor_that_stays_stuck_has_no_forecast_in_the_end(model: bytes) -> None:
    p = Predictor(model, rules=Rules(stuck="impute", stuck_after=2))
    statuses = []
    for _ in range(8):
        p.step(0.5)
        statuses.append(p.status)
    assert statuses == ["ok", "ok", "imputed", "imputed", "imputed", "missing", "missing", "missing"]


def test_a_feature_that_is_no_target_may_stand_still() -> None:
    p = Predictor(edgeseq_export.build(make_checkpoint(features=2)), rules=Rules(stuck="error", stuck_after=2))
    for value in WALK:
        p.step([value, 1.0])
    assert p.counts["stuck"] == 0


def test_how_long_it_has_stood_still_is_part_of_the_snapshot(model: bytes) -> None:
    rules = Rules(stuck_after=3)
    p, other = Predictor(model, rules=rules), Predictor(model, rules=rules)
    p.run([0.5, 0.5, 0.5])
    other.restore(p.snapshot())
    other.step(0.5)
    assert other.reason == "stuck"


@pytest.mark.parametrize("lacking", [1, 2, 3])
def test_a_gap_is_filled_with_as_many_forecasts_as_samples_lack(hourly: Session, lacking: int) -> None:
    p, told = started(hourly), started(hourly)
    forecast = p.step(0.5, (5 + lacking) * HOUR)
    for ahead in range(lacking):
        told.step(None, (5 + ahead) * HOUR)
    np.testing.assert_array_equal(forecast, told.step(0.5, (5 + lacking) * HOUR))
    assert (p.status, p.reason, p.samples) == ("ok", "gap", 6)
    assert (p.counts["gap"], p.counts["filled"], p.counts["imputed"]) == (1, lacking, 0)
    assert trace(p) == trace(told)


def test_beyond_the_gap_limit_the_stream_starts_afresh(hourly: Session) -> None:
    p = started(hourly)
    np.testing.assert_array_equal(p.step(0.5, 9 * HOUR), Predictor(hourly).step(0.5))
    assert (p.status, p.reason, p.warm, p.counts["filled"]) == ("ok", "gap", False, 0)


def test_missing_samples_just_before_a_gap_count_towards_its_limit(hourly: Session) -> None:
    p = started(hourly)
    p.step(None, 5 * HOUR)
    p.step(None, 6 * HOUR)
    np.testing.assert_array_equal(p.step(0.5, 9 * HOUR), Predictor(hourly).step(0.5))


def test_a_sample_that_comes_within_half_a_period_is_in_time(hourly: Session) -> None:
    p = Predictor(hourly)
    for at in (0, 1.4, 2.0, 3.3, 3.9):
        p.step(0.1, at * HOUR)
        assert p.reason == ""
    p.step(0.1, 5.5 * HOUR)
    assert p.reason == "gap"


def test_a_sample_without_a_time_comes_a_period_after_the_last(hourly: Session) -> None:
    p = started(hourly)
    p.step(0.2)
    p.step(0.3, 6 * HOUR)
    assert p.reason == ""
    p.step(0.3, "not a time")  # nothing depends on it but the order, so it is none
    p.step(0.3, 8 * HOUR)
    assert p.counts["gap"] == p.counts["disorder"] == 0


@pytest.mark.parametrize("back", [0, 1, 40])
def test_a_time_that_repeats_or_runs_backwards_is_left_out(hourly: Session, back: int) -> None:
    p = started(hourly)
    before, last = trace(p), p.forecast(3)
    np.testing.assert_array_equal(p.step(0.9, (4 - back) * HOUR), last)
    assert (p.status, p.reason, p.samples) == ("skipped", "disorder", 6)
    assert trace(p) == before
    np.testing.assert_array_equal(p.step(0.5, 5 * HOUR), started(hourly).step(0.5))
    assert p.reason == ""


def test_a_clock_that_was_set_back_does_not_end_the_stream(hourly: Session) -> None:
    p = started(hourly, rules=Rules(skip_limit=2))
    statuses = []
    for hour in range(4):
        forecast = p.step(WALK[hour], (hour - 1000) * HOUR)
        statuses.append(p.status)
    assert statuses == ["skipped", "skipped", "ok", "ok"]
    fresh = Predictor(hourly)
    fresh.step(WALK[2])
    np.testing.assert_array_equal(forecast, fresh.step(WALK[3]))


def test_skipped_samples_in_a_row_have_a_limit_too(model: bytes) -> None:
    p = started(model, missing="skip", rules=Rules(skip_limit=2))
    statuses = []
    for value in [None, None, 0.1, None, None, None, None]:
        p.step(value)
        statuses.append(p.status)
    assert statuses == ["skipped", "skipped", "ok", "skipped", "skipped", "missing", "missing"]


@pytest.mark.parametrize("policy", ["flag", "reset"])
@pytest.mark.parametrize(("reason", "hour"), [("gap", 6), ("disorder", 3)])
def test_odd_times_may_be_ignored_or_part_the_stream(hourly: Session, policy: str, reason: str, hour: int) -> None:
    p, told = started(hourly, rules=rules_with(reason, policy)), started(hourly)
    if policy == "reset":
        told.reset()
    np.testing.assert_array_equal(p.step(0.5, hour * HOUR), told.step(0.5))
    assert (p.status, p.reason) == ("ok", reason)
    p.step(0.6, (hour + 1) * HOUR)
    assert p.reason == ""


odd_samples = st.sampled_from([("absent", None), ("absent", float("nan")), ("range", FAR), ("range", -1e9)])


@given(
    values=st.lists(
        st.floats(-3, 3, width=32).filter(lambda value: value != 0.25), min_size=1, max_size=12, unique=True
    ),
    odd=odd_samples | st.tuples(st.just("disorder"), st.floats(-3, 3)) | st.tuples(st.just("stuck"), st.just(0.25)),
    policy=st.sampled_from(["skip", "error"]),
    monitor=st.booleans(),
)
def test_a_rejected_sample_leaves_no_trace(
    hourly: Session, values: list[float], odd: tuple[str, float | None], policy: str, *, monitor: bool
) -> None:
    """Bit for bit, whatever was found: the state, the last sample and forecast, the time and the limits' counters."""
    reason, sample = odd
    rules = Rules(range=policy, disorder=policy, stuck=policy, stuck_after=2)
    p, undisturbed = (Predictor(hourly, missing=policy, rules=rules, monitor=monitor) for _ in range(2))
    values = [*values, 0.25, 0.25] if reason == "stuck" else values
    for hour, value in enumerate(values):
        p.step(value, hour * HOUR)
        undisturbed.step(value, hour * HOUR)
    before, snapshot = trace(p), p.snapshot()
    at = (len(values) - 1 if reason == "disorder" else len(values)) * HOUR
    if policy == "skip":
        p.step(sample, at)
        assert p.status == "skipped"
        assert p.reason == reason
        undisturbed._clocks.last[0] = p._clocks.last[0]  # time passes with a sample in order, taken or not
        before = trace(undisturbed)
    else:
        with pytest.raises((DataError, MissingSampleError)):
            p.step(sample, at)
        assert p.snapshot() == snapshot
    assert trace(p) == before
    after = (len(values) + 1) * HOUR
    np.testing.assert_array_equal(p.step(0.7, after), undisturbed.step(0.7, after))


def test_a_sample_that_is_refused_after_a_gap_leaves_the_gap_unfilled(hourly: Session) -> None:
    p = started(hourly)
    before = p.snapshot()
    text: Any = "x"
    with pytest.raises(DataError, match="'x', not a number"):
        p.step([text], 7 * HOUR)
    assert p.snapshot() == before
    p = started(hourly, rules=Rules(gap="error"))
    before = p.snapshot()
    with pytest.raises(DataError, match="2 samples too late"):
        p.step(0.1, 7 * HOUR)
    assert p.snapshot() == before


@given(
    samples=st.lists(
        st.tuples(
            st.none() | st.floats(-12, 12, width=32) | st.sampled_from([0.5, float("nan"), 1e30]),
            st.sampled_from([1.0, 1.0, 1.0, 1.0, 0.0, -2.0, 1.4, 2.0, 3.0, 9.0]),
        ),
        max_size=25,
    ),
    cut=st.integers(0, 25),
    flags=st.booleans(),
)
def test_a_block_with_times_is_the_same_as_one_by_one(
    hourly: Session, samples: list[tuple[float | None, float]], cut: int, *, flags: bool
) -> None:
    rules = Rules(range="flag" if flags else "impute", skip_limit=2)
    p, told = Predictor(hourly, rules=rules), Predictor(hourly, rules=rules)
    times = (np.cumsum([hours for _, hours in samples]) * HOUR).tolist()
    values = [value for value, _ in samples]
    wanted = [told.step(value, time) for value, time in zip(values, times, strict=True)]
    found = [*p.run(values[:cut], times[:cut]), *p.run(values[cut:], times[cut:])]
    if samples:
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert (p.status, p.reason, p.counts, p.samples) == (told.status, told.reason, told.counts, told.samples)
    np.testing.assert_allclose(p.step(0.1), told.step(0.1), atol=1e-6)


def test_a_gap_in_a_stream_with_time_features_is_filled_at_its_own_times() -> None:
    content = edgeseq_export.build(make_checkpoint(clocks=CLOCKS[:2], period=HOUR))
    p, told = Predictor(content), Predictor(content)
    for hour in range(3):
        p.step(0.1 * hour, hour * HOUR)
        told.step(0.1 * hour, hour * HOUR)
    told.step(None, 3 * HOUR)
    told.step(None, 4 * HOUR)
    np.testing.assert_array_equal(p.step(0.5, 5 * HOUR), told.step(0.5, 5 * HOUR))


@pytest.mark.parametrize("reason", list(POLICIES)[1:])
def test_a_rule_that_does_not_exist_is_named(reason: str) -> None:
    with pytest.raises(UsageError, match=f"{reason}: expected one of {', '.join(POLICIES[reason])}, got 'guess'"):
        rules_with(reason, "guess")
    with pytest.raises(UsageError, match="margin: expected at least 0, got -1"):
        Rules(margin=-1)
    with pytest.raises(UsageError, match="skip_limit: expected at least 0, got -1"):
        Rules(skip_limit=-1)


def test_a_pool_takes_a_value_out_of_range_as_a_predictor_does(model: bytes) -> None:
    pool, p = Pool(model), Predictor(model)
    for value in [FAR, *WALK, FAR, 0.1]:
        np.testing.assert_allclose(pool.step({"a": value})["a"], p.step(value), atol=1e-6)


def test_predict_says_what_was_odd_and_counts_it(edgeseq: CommandLine, tmp_path: Path) -> None:
    model, source = tmp_path / "m.onnx", tmp_path / "in.csv"
    model.write_bytes(edgeseq_export.build(make_checkpoint(period=HOUR, reading=Reading(time=("t",), time_format="s"))))
    rows = [(0, "0.1"), (1, "99"), (2, ""), (3, "0.2"), (3, "0.2"), (6, "0.3"), (20, "0.4")]
    source.write_text("t,f0\n" + "".join(f"{hour * 3600},{value}\n" for hour, value in rows))
    answer = edgeseq.must("predict", model, "--input", source)
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["status"] for line in found] == ["ok", "imputed", "imputed", "ok", "skipped", "ok", "ok"]
    assert [line.get("reason") for line in found] == [None, "confirm", "absent", None, "disorder", "gap", "gap"]
    assert answer.err.startswith(
        "7 samples: 2 imputed, 4 ok, 1 skipped; reasons: 1 absent, 1 confirm, 1 disorder, 2 gap; "
    )
    answer = edgeseq("predict", model, "--input", source, "--range", "error")
    assert answer.code == 1
    assert answer.err.splitlines()[-1] == (
        "edgeseq: line 3: the sample is too far outside the training part's range in f0"
    )
    words = ["--stuck-after", 1, "--stuck", "skip", "--disorder", "flag", "--gap", "flag", "--margin", 99]
    answer = edgeseq.must("predict", model, "--input", source, *words)
    assert [json.loads(line).get("reason") for line in answer.out.splitlines()][4] == "stuck"
