"""The drift flag of streams that have to show themselves what errors are usual: what raises it, and what does not."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq_runtime import Predictor
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.monitoring.monitor import Monitor
from edgeseq_runtime.monitoring.shown_drift import SHOWN_ERRORS, ShownDrift
from edgeseq_runtime.streaming.snapshot import Snapshot, pack

ALL = slice(None)
STREAMS = 20

Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
NOISES: dict[str, Noise] = {
    "normal": lambda random, shape: random.standard_normal(shape),
    "uniform": lambda random, shape: random.uniform(-1, 1, shape),
    "heavy": lambda random, shape: random.standard_t(3, shape),
    "one-sided": lambda random, shape: random.exponential(1, shape) - 1,
    "whole numbers": lambda random, shape: random.poisson(4, shape) - 4.0,
}


@pytest.fixture(scope="module")
def starter() -> Session:
    return open_session("starter")


def watch(errors: np.ndarray) -> np.ndarray:
    """The flag (time, stream) after each of the errors (time, stream)."""
    drift, flags = ShownDrift(errors.shape[1]), np.zeros(errors.shape, bool)
    for at, row in enumerate(errors.astype(np.float32)):
        drift.update(ALL, row[:, None])
        flags[at] = drift.raised > 0
    return flags


@pytest.mark.parametrize(("kind", "size"), [*((kind, 1.0) for kind in NOISES), ("normal", 1e-9), ("normal", 1e9)])
def test_errors_that_stay_as_they_are_raise_no_flag(kind: str, size: float) -> None:
    """Of any distribution and in any unit; a first error that is a thousand times as large changes nothing."""
    errors = size * NOISES[kind](np.random.default_rng(0), (8000, STREAMS))
    errors[0, ::2] *= 1000
    assert not watch(errors).any()


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("since", [2000, 9000])
def test_errors_that_double_for_good_raise_it_for_long(kind: str, since: int) -> None:
    """In all streams within 500 samples; it stays for half as long as the stream had been as before, or for 4,096."""
    held = min(since // 2, 4096)
    errors = NOISES[kind](np.random.default_rng(1), (since + held, STREAMS))
    errors[since:] *= 2
    flags = watch(errors)
    assert not flags[:since].any()
    assert flags[since : since + 500].any(axis=0).all()
    assert flags[since + 500 :].mean(axis=0).min() > 0.9


@pytest.mark.parametrize("kind", ["heavy", "one-sided"])
def test_of_errors_with_long_tails_most_streams_tell_when_they_double(kind: str) -> None:
    """Doubled, only some 0.28 of them are beyond what a tenth was: the share need not come above a quarter."""
    errors = NOISES[kind](np.random.default_rng(1), (6000, STREAMS))
    errors[3000:] *= 2
    flags = watch(errors)
    assert not flags[:3000].any()
    assert flags[3000:].any(axis=0).mean() >= 0.8


def test_it_is_lowered_when_errors_are_as_before_again() -> None:
    """Within 150 samples: a share of 1 falls below 0.15 in 100 * ln(1 / 0.1) at most, and a few."""
    errors = np.random.default_rng(2).standard_normal((6000, STREAMS))
    errors[3000:3400] *= 4
    flags = watch(errors)
    assert flags[3100:3400].all()
    assert not flags[3650:].any()


def test_phases_that_pass_raise_no_flag_in_the_end() -> None:
    """Ten calm hours and one busy one, in turn: after some it is what the stream is like."""
    busy = np.arange(10_000) % 660 < 60
    errors = np.where(busy, 1.0, 0.05)[:, None] * np.random.default_rng(3).standard_normal((10_000, STREAMS))
    flags = watch(errors)
    assert flags[3000:].mean() < 0.01
    assert not flags[9000:].any()


def test_errors_that_get_smaller_for_good_are_what_is_usual_in_the_end() -> None:
    """As where a season was found: the large ones are forgotten after a few parts, and what doubles then is seen."""
    errors = np.random.default_rng(4).standard_normal((18_000, STREAMS))
    errors[1000:] /= 5
    errors[15_000:] *= 2
    flags = watch(errors)
    assert not flags[:15_000].any()
    assert flags[15_500:].mean() > 0.95


def test_while_all_errors_are_zero_nothing_is_learned() -> None:
    drift = ShownDrift(2)
    for _ in range(300):
        drift.update(ALL, np.array([[0.0], [np.nan]], np.float32))
        assert not drift.update_one([0.0])
    assert not drift.shown.any()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 999),
    count=st.integers(1, 1500),
    jumps=st.lists(st.tuples(st.floats(0, 1), st.floats(1e-3, 1e3)), max_size=3),
    power=st.integers(-60, 60),
)
def test_one_stream_by_itself_is_as_in_rows_and_a_power_of_two_changes_no_bit(
    seed: int, count: int, jumps: list[tuple[float, float]], power: int
) -> None:
    """Over zeros and what is not known, and errors that become many times as large."""
    random = np.random.default_rng(seed)
    errors = random.standard_normal(count)
    for since, factor in jumps:
        errors[int(since * count) :] *= factor
    errors[random.random(count) < 0.1] = 0
    errors[random.random(count) < 0.1] = np.nan
    errors = errors.astype(np.float32)
    rows, one, scaled = ShownDrift(3), ShownDrift(1), ShownDrift(1)
    for error in errors:
        rows.update(np.array([2]), np.array([[error]]))
        raised = one.update_one([float(error)])
        assert scaled.update_one([float(np.ldexp(error, power))]) == raised == rows.raised[2]
        np.testing.assert_array_equal(rows.shown[2], one.shown[0])
    widths = np.ldexp(one.shown[0, 4:], power)
    if (one.shown[0, 4:] > 1e-9).all():
        np.testing.assert_array_equal(scaled.shown[0, 4:], widths)
    assert ShownDrift.might_hold(one.shown[0])
    assert not rows.shown[:2].any()


def test_flags_through_a_block_are_those_of_its_samples() -> None:
    errors = np.random.default_rng(5).standard_normal((3000, 1)).astype(np.float32)
    errors[1500:] *= 3
    flags = ShownDrift(1).update_through(errors)
    np.testing.assert_array_equal(flags, watch(errors)[:, 0])
    assert flags.any()


def test_the_starter_is_judged_so_and_a_trained_model_by_its_validation_part(starter: Session) -> None:
    """A walk, which is harder to forecast than most made-up series, for 1,500 samples; then one of twice its size."""
    steps = np.random.default_rng(6).standard_normal(3000)
    steps[1500:] *= 2
    outcomes = Predictor(starter, monitor=True).process(np.cumsum(steps).astype(np.float32))
    assert outcomes.drift is not None
    assert not outcomes.drift[:1500].any()
    assert outcomes.drift[1900:2200].all()


def test_a_snapshot_goes_on_bit_for_bit_and_one_without_what_was_shown_begins_anew(starter: Session) -> None:
    samples = np.cumsum(np.random.default_rng(7).standard_normal(900)).astype(np.float32)
    whole, first, other = (Predictor(starter, monitor=True, adapt=False) for _ in range(3))
    whole.process(samples)
    first.process(samples[:500])
    other.restore(first.snapshot())
    other.process(samples[500:])
    np.testing.assert_array_equal(other.state().arrays[SHOWN_ERRORS], whole.state().arrays[SHOWN_ERRORS])
    state = first.state()
    assert state.arrays[SHOWN_ERRORS].any()
    del state.arrays[SHOWN_ERRORS]  # type: ignore[attr-defined]
    other.restore(pack(starter.digest, state))
    assert not other.state().arrays[SHOWN_ERRORS].any()


@pytest.mark.parametrize(
    ("word", "value"),
    [(0, np.nan), (0, 1.5), (1, 4096.0), (1, 0.5), (2, 6.0), (3, 32.0), (4, -1.0), (5, np.inf), (7, np.nan)],
)
def test_a_snapshot_with_numbers_that_no_stream_has_is_refused(starter: Session, word: int, value: float) -> None:
    predictor = Predictor(starter, monitor=True, adapt=False)
    predictor.process(np.arange(40.0) % 7)
    state = predictor.state()
    shown = state.arrays[SHOWN_ERRORS].copy()
    shown[word] = value
    with pytest.raises(SnapshotError, match="widths"):
        predictor.restore(pack(starter.digest, Snapshot(state.counters, {**state.arrays, SHOWN_ERRORS: shown})))


def test_rows_that_come_and_go_have_numbers_of_their_own(starter: Session) -> None:
    monitor = Monitor(starter.spec, 2)
    assert isinstance(monitor.drift, ShownDrift)
    monitor.drift.update(ALL, np.ones((2, 1), np.float32))
    monitor.make_room(5)
    monitor.drift.update_one([2.0])
    assert monitor.drift.shown[:, 1].tolist()[:2] == [2, 1]
    monitor.erase(np.array([0]))
    assert not monitor.drift.shown[0].any()
    assert monitor.drift.shown[1].any()
