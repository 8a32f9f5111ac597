"""A model whose scale runs along judges each stream by what it has shown, whatever way its samples come."""

import copy
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.anomalies.anomalies import KEPT as ANOMALIES
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.spec import SCALE
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE
from edgeseq_runtime.streaming.shown_range import KEPT as SHOWN
from edgeseq_runtime.streaming.snapshot import Snapshot, pack

Float32 = npt.NDArray[np.float32]

WATCHED: dict[str, Any] = {"monitor": True, "anomalies": 1e-2, "adapt": False}
ADAPTED = {**WATCHED, "adapt": True}


@pytest.fixture(scope="module")
def starter() -> Session:
    """The model for any sensor that comes with the package."""
    return open_session("starter", provider="cpu")


def sensor(kind: str, seed: int, count: int) -> Float32:
    """Samples of a made-up sensor, in quarters, so that float32 holds them at any place up to a million."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 8, count)
    made = {
        "noise": noise,
        "walk": noise.cumsum(),
        "season": 40 * np.sin(2 * np.pi * np.arange(count) / 12) + noise,
        "steps": 30 * (random.random(count) < 0.05).cumsum() % 70,
        "constant": np.where(np.arange(count) < 2 * count // 3, 5, noise),
        "odd": noise.cumsum(),
    }[kind]
    if kind == "odd":
        made[count // 4] = 1e6
        made[count // 2] = np.nan
        made[2 * count // 3 :] += 5e5
    return (np.round(4 * made) / 4).astype(np.float32)


KINDS = ("noise", "walk", "season", "steps", "constant", "odd")


def judged(predictor: Predictor) -> list[Any]:
    """Return all that a predictor says after a sample."""
    found = predictor.surprise()[0] if predictor.finds_anomalies else np.zeros(0)
    ends = predictor.interval() if predictor.monitors else ()
    numbers = np.concatenate([np.ravel(part) for part in (*ends, found)]) if predictor.monitors else found
    return [predictor.status, predictor.reason, numbers.tobytes()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"adapt": False}, WATCHED, ADAPTED], ids=["plain", "watched", "adapted"])
@pytest.mark.parametrize("timed", [False, True])
def test_steps_blocks_pools_and_resumed_streams_agree(
    starter: Session, kind: str, options: dict[str, Any], timed: bool
) -> None:
    """Forecasts, statuses, intervals, p-values and, at the end, all that is remembered: to the bit.

    But for pools: onnxruntime rounds otherwise for several streams at once.
    """
    samples = sensor(kind, 1, 120)
    times: Any = [None] * 120
    if timed:
        passed = np.full(120, 60.0)
        passed[[3, 30, 70]] = 130.0, 200.0, 1e6
        times = (1.7e9 + passed.cumsum()).tolist()
    one, resumed, block = (Predictor(starter, **options) for _ in range(3))
    pool = Pool(starter, **options)
    pool.add("other", "this")
    forecasts, reasons, p_values = [], [], []
    for at, (sample, time) in enumerate(zip(samples.tolist(), times, strict=True)):
        forecast = one.step(sample, time)
        again = resumed.step(sample, time)
        if at % 2:
            pool.step({"this": sample}, time)
        else:
            pool.step({"other": 1.0, "this": sample}, time)
        np.testing.assert_array_equal(again, forecast)
        assert judged(resumed) == judged(one)
        assert [pool.status["this"], pool.reason["this"]] == judged(one)[:2]
        if one.monitors:
            for mine, theirs in zip(one.interval(), pool.interval(), strict=True):
                np.testing.assert_allclose(theirs[1], mine, rtol=1e-5, atol=1e-3)
            np.testing.assert_allclose(pool.p_values[1], one.p_values, rtol=1e-2)
            p_values.append(one.p_values)
        forecasts.append(forecast)
        reasons.append(one.reason)
        if at % 23 == 7:
            blob = resumed.snapshot()
            resumed = Predictor(starter, **options)
            resumed.restore(blob)
    outcomes = block.process(samples, times if timed else None)
    np.testing.assert_array_equal(outcomes.forecasts, forecasts)
    assert [REASONS_BY_CODE[code] for code in outcomes.reasons] == reasons
    if outcomes.p_values is not None:
        np.testing.assert_array_equal(outcomes.p_values[:, :-1], p_values)
    whole = one.snapshot()
    assert block.snapshot() == resumed.snapshot() == whole
    in_pool, alone = pool.state("this"), one.state()
    assert repr(dict(in_pool.counters)) == repr(dict(alone.counters))
    for name, array in alone.arrays.items():
        np.testing.assert_allclose(in_pool.arrays[name], array, rtol=1e-3, atol=1e-3, err_msg=name)
    for twin in (copy.copy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301 - our own bytes
        assert twin.snapshot() == whole
        np.testing.assert_array_equal(twin.step(3.0), copy.copy(one).step(3.0))


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 99),
    power=st.integers(-40, 20),
    adapts=st.booleans(),
)
def test_a_unit_that_is_a_power_of_two_changes_no_bit(
    starter: Session, kind: str, seed: int, power: int, adapts: bool
) -> None:
    """From 1e-12 to 1e6 times as large: what is said is as many times as large, and as surprising."""
    samples, factor = sensor(kind, seed, 120), np.float32(2.0**power)
    options = {**WATCHED, "adapt": adapts}
    one = Predictor(starter, **options).process(samples)
    other = Predictor(starter, **options).process(samples * factor)
    np.testing.assert_array_equal(other.forecasts, one.forecasts * factor)
    assert one.interval
    assert other.interval
    for mine, theirs in zip(one.interval, other.interval, strict=True):
        np.testing.assert_array_equal(theirs, mine * factor)
    for name in ("statuses", "reasons", "p_values", "anomaly", "drift"):
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name), err_msg=name)


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(("noise", "walk", "season", "steps", "odd")),
    seed=st.integers(0, 99),
    factor=st.floats(1e-6, 1e6),
    offset=st.integers(-1000, 1000),
)
def test_unit_and_offset_change_nothing(starter: Session, kind: str, seed: int, factor: float, offset: int) -> None:
    """A unit of any size, and an offset of up to 1,000 times the typical sample: intervals to 1e-4 of the scale."""
    samples = sensor(kind, seed, 60)
    moved = samples + np.float32(8 * offset)
    one, other, scaled = (Predictor(starter, **WATCHED) for _ in range(3))
    mine, theirs = one.process(samples), other.process(moved)
    assert mine.interval
    assert theirs.interval
    size = max(np.abs(np.diff(samples[np.isfinite(samples)])).max(), 1)
    held = 1e-4 * size + 2e-7 * np.nanmax(np.abs(moved))
    for end, shifted in zip(mine.interval, theirs.interval, strict=True):
        np.testing.assert_allclose(shifted - 8 * offset, end, rtol=1e-4, atol=float(held))
    np.testing.assert_array_equal(theirs.reasons, mine.reasons)
    larger = scaled.process((samples.astype(np.float64) * factor).astype(np.float32))
    np.testing.assert_array_equal(larger.reasons, mine.reasons)
    assert larger.interval
    for end, grown in zip(mine.interval, larger.interval, strict=True):
        np.testing.assert_allclose(grown / factor, end, rtol=1e-3, atol=float(held))


@pytest.mark.parametrize("value", [0.0, 1e-6, 21.4, -3e8, 1e9])
@pytest.mark.parametrize("length", [1, 2, 15, 40])
@pytest.mark.parametrize("options", [WATCHED, ADAPTED], ids=["watched", "adapted"])
def test_a_constant_series_is_itself_and_certain(
    starter: Session, value: float, length: int, options: dict[str, Any]
) -> None:
    """Its forecast is the constant, its intervals have no width, nothing is surprising; then a change is taken."""
    predictor = Predictor(starter, **options)
    constant = np.float32(value)
    for _ in range(length):
        forecast = predictor.step(float(constant))
        for part in (forecast, *predictor.interval()):
            np.testing.assert_array_equal(part, np.full_like(part, constant))
        assert (predictor.status, predictor.reason, predictor.p_value, predictor.anomaly) == ("ok", "", None, "")
        assert not predictor.drift
    changed = constant + np.float32(max(abs(value), 1.0)) / 8
    forecast = predictor.step(float(changed))
    low, high = predictor.interval()
    assert predictor.status == "ok"
    assert np.isfinite(forecast).all()
    assert (low < high).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("place", [17, 100])
def test_a_jump_of_a_thousand_widths_is_held_back(starter: Session, place: int) -> None:
    """A lone one stays out of the network; a level that stays is taken with its third sample, and starts afresh."""
    samples = np.random.default_rng(0).normal(20, 1, 160).astype(np.float32)
    glitch = samples.copy()
    glitch[place] = 9999
    outcomes = Predictor(starter, **WATCHED).process(glitch)
    reasons = [REASONS_BY_CODE[code] for code in outcomes.reasons]
    assert reasons == ["confirm" if at == place else "" for at in range(160)]
    assert outcomes.p_values is not None
    assert outcomes.p_values[place, -1] < 1e-6
    assert np.abs(outcomes.forecasts - 20).max() < 10
    level = samples.copy()
    level[place:] += 9999
    predictor = Predictor(starter, **WATCHED)
    outcomes = predictor.process(level)
    reasons = [REASONS_BY_CODE[code] for code in outcomes.reasons]
    assert reasons[place : place + 3] == ["confirm", "confirm", "range"]
    assert not any(reasons[:place] + reasons[place + 3 :])
    assert np.abs(outcomes.forecasts[place + 2 :] - 10_019).max() < 10


def test_before_sixteen_samples_nothing_is_out_of_range(starter: Session) -> None:
    """What has shown little has no range; a margin makes a range as many times as wide."""
    samples = [float(at % 3) for at in range(16)]
    young, old, wide = (Predictor(starter, adapt=False, rules=Rules(margin=margin)) for margin in (1.0, 1.0, 1e6))
    young.process([*samples[:15], 1e6])
    old.process([*samples, 1e6])
    wide.process([*samples, 1e6])
    assert [young.reason, old.reason, wide.reason] == ["", "confirm", ""]


def test_values_that_never_agree_do_not_end_a_stream(starter: Session) -> None:
    """Another unit, with noise that changes its sign: after the longest gap the stream goes on with it."""
    random = np.random.default_rng(3)
    before, after = random.normal(0, 1, 50), 1e6 * random.choice([-1.0, 1.0], 60) * random.uniform(1, 2, 60)
    predictor = Predictor(starter, **WATCHED)
    predictor.process(before)
    outcomes = predictor.process(after)
    taken = outcomes.statuses == 0
    assert taken[20:].all()


def test_a_snapshot_with_a_range_or_a_level_that_no_stream_has_is_refused(starter: Session) -> None:
    """Numbers that nothing leads to: too many samples, ends in the wrong order, means of a mean that never was."""
    predictor = Predictor(starter, **WATCHED)
    predictor.process(sensor("walk", 0, 40))
    state = predictor.state()
    assert state.arrays[SCALE].item() > 0
    for shown in ([17, 0, 1], [3, 2, 1], [2.5, 0, 1], [16, -np.inf, 1]):
        arrays = {**state.arrays, SHOWN: np.array(shown, np.float32)}
        with pytest.raises(SnapshotError, match="range"):
            Predictor(starter, **WATCHED).restore(pack(starter.digest, Snapshot(state.counters, arrays)))
    row = state.arrays[ANOMALIES].copy()
    row[-2] = 0.5
    arrays = {**state.arrays, ANOMALIES: row}
    with pytest.raises(SnapshotError, match="anomalies"):
        Predictor(starter, **WATCHED).restore(pack(starter.digest, Snapshot(state.counters, arrays)))
