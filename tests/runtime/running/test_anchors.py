"""Streams of any sensor are counted from their first sample: no offset changes what is forecast, judged or learned."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, SnapshotError
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.streaming.anchors import KEPT
from edgeseq_runtime.streaming.snapshot import Snapshot, pack

Float64 = npt.NDArray[np.float64]

ALL: dict[str, Any] = {"monitor": True, "anomalies": 1e-2}
"""With adaptation, which is on."""

PROVIDERS = [pytest.param("cpu", id="cpu"), pytest.param("native", id="native")]


@pytest.fixture(scope="module", params=PROVIDERS)
def starter(request: pytest.FixtureRequest) -> Session:
    """The model for any sensor that comes with the package."""
    return open_session("starter", provider=request.param)


@pytest.fixture(scope="module")
def on_cpu() -> Session:
    return open_session("starter", provider="cpu")


def sensors(count: int, seed: int) -> dict[str, Float64]:
    """Samples of made-up sensors, of deviations about 1, in steps that float64 holds at any place up to 2^40."""
    random, at = np.random.default_rng(seed), np.arange(count)
    noise = random.standard_normal(count)
    made = {
        "season with noise": np.sin(2 * np.pi * at / 24) + 0.2 * noise,
        "two seasons": np.sin(2 * np.pi * at / 24) + np.sin(2 * np.pi * at / 168) + 0.3 * noise,
        "walk": noise.cumsum() / 8,
        "noise": noise,
        "levels": np.repeat(random.standard_normal(count // 100 + 1), 100)[:count] + 0.3 * noise,
        "on and off": np.repeat(random.integers(0, 2, count // 10 + 1), 10)[:count] + 0.02 * noise,
        "counter": random.exponential(0.1, count).cumsum(),
    }
    return {name: np.round(samples * 2**12) / 2**12 for name, samples in made.items()}


def assert_same_but_for_place(found: Outcomes, wanted: Outcomes, scale: float, offset: float) -> None:
    """Forecasts and intervals to float64's rounding; what is said of a sample to the last bit."""
    assert found.interval
    assert wanted.interval
    rounding = 4 * float(np.spacing(abs(offset) + scale * 1e3))
    for mine, theirs in zip((found.forecasts, *found.interval), (wanted.forecasts, *wanted.interval), strict=True):
        np.testing.assert_allclose(mine - offset, scale * theirs, rtol=0, atol=rounding)
    for name in ("p_values", "anomaly", "reasons", "statuses", "drift"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


@pytest.mark.parametrize("kind", ["season with noise", "walk", "levels", "counter"])
@settings(max_examples=3)
@given(offset=st.integers(-10_000, 10_000), power=st.integers(-20, 20))
def test_unit_and_offset_change_no_forecast(starter: Session, kind: str, offset: int, power: int) -> None:
    """Those of 2^p (x + b) are 2^p (f + b), adaptation, intervals and anomalies on, in a block and in a pool."""
    samples, scale = sensors(400, seed=3)[kind], 2.0**power
    wanted, found = (Predictor(starter, **ALL).process(made) for made in (samples, scale * (samples + offset)))
    assert_same_but_for_place(found, wanted, scale, scale * offset)
    pool = Pool(starter, **ALL)
    for sample in samples[:150].tolist():
        made = pool.step({"here": sample, "there": scale * (sample + offset)})
        np.testing.assert_allclose(made["there"] / scale - offset, made["here"], rtol=0, atol=1e-9)
        here, there = pool.p_values
        np.testing.assert_array_equal(here, there)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(sensors(1, 0)))
def test_a_thousand_deviations_away_three_thousand_samples_are_forecast_alike(starter: Session, kind: str) -> None:
    """One rounded sample once opened a gate of adaptation sooner: 8e-2 of a deviation at one sample of these."""
    for seed in range(2):
        samples = sensors(3000, seed)[kind]
        offset = float(np.round(1000 * samples.std()))
        wanted, found = (Predictor(starter, **ALL).process(made) for made in (samples, samples + offset))
        assert_same_but_for_place(found, wanted, 1.0, offset)


@pytest.mark.parametrize("offset", [1e4, 1234567.0, 1e8])
def test_a_counter_has_the_errors_of_one_from_zero(on_cpu: Session, offset: float) -> None:
    """By steps, in Python's floats: of a meter at 1e8 float32 has eight units at a time."""
    samples = np.random.default_rng(0).exponential(0.1, 600).cumsum()
    errors = []
    for place in (0.0, offset):
        predictor = Predictor(on_cpu, monitor=True)
        said = [float(predictor.step(sample)[0, 0]) for sample in (samples + place).tolist()]
        low, high = predictor.interval()
        assert low[0, 0] < said[-1] < high[0, 0]
        errors.append(np.sqrt(np.mean((np.array(said[:-1]) - samples[1:] - place) ** 2)))
    assert errors[1] == pytest.approx(errors[0], rel=1e-3)


def by_steps(predictor: Predictor, samples: Float64) -> Iterator[Any]:
    for sample in samples.tolist():
        yield predictor.step(sample).copy()


@pytest.mark.parametrize("options", [{"adapt": False}, ALL], ids=["bare", "watched"])
def test_steps_blocks_and_pools_agree_far_from_zero(starter: Session, options: dict[str, Any]) -> None:
    """Samples that lack before the first one, and a jump far away, after which the stream is counted from there."""
    samples = 1e8 + sensors(200, seed=1)["walk"]
    samples[:3], samples[50], samples[120:] = np.nan, np.nan, samples[120:] - 1e8
    one, pool = Predictor(starter, **options), Pool(starter, **options)
    found = np.array(list(by_steps(one, samples)))
    block = Predictor(starter, **options).process(samples)
    np.testing.assert_array_equal(block.forecasts, found)
    assert block.anchors is not None
    assert block.anchors[3] == samples[3]
    assert block.anchors[-1] == samples[122]
    for at, sample in enumerate(samples.tolist()):
        made = pool.step({"other": 3.0, "this": sample})["this"]
        np.testing.assert_allclose(made, found[at], rtol=0, atol=2e-3)
    fresh = np.array(list(by_steps(Predictor(starter, adapt=False), samples[122:])))
    if options == {"adapt": False}:
        np.testing.assert_array_equal(found[122:], fresh)


@pytest.mark.parametrize("monitor", [False, True])
@settings(max_examples=20)
@given(
    levels=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=4),
    spread=st.floats(1e-3, 1e3),
    lacks=st.integers(0, 59),
    seed=st.integers(0, 99),
)
def test_a_library_adds_the_anchor_as_numpy_does(
    monitor: bool, levels: list[float], spread: float, lacks: int, seed: int
) -> None:
    """To the bit, through jumps from level to level, a sample that lacks and a snapshot: NumPy sums for a library that
    was built by another version, which has the same network.
    """
    session, other_version = (open_session("starter", provider="native") for _ in range(2))
    other_version.judges = False  # type: ignore[attr-defined]
    assert session.engine().own is not None
    assert other_version.engine().own is None
    samples = np.repeat(levels, 20) + spread * np.random.default_rng(seed).standard_normal(20 * len(levels))
    samples[lacks % len(samples)] = np.nan
    found, wanted = (Predictor(made, adapt=False, monitor=monitor) for made in (session, other_version))
    for at, sample in enumerate(samples.tolist()):
        mine, theirs = found.step(sample), wanted.step(sample)
        assert mine.dtype == theirs.dtype == np.float64
        assert mine.tobytes() == theirs.tobytes()
        if at == 10:
            found.restore(wanted.snapshot())
            wanted.restore(wanted.snapshot())


def test_a_snapshot_brings_what_its_stream_is_counted_from(starter: Session) -> None:
    samples = 1e7 + sensors(120, seed=2)["noise"]
    one, other = Predictor(starter, **ALL), Predictor(starter, **ALL)
    list(by_steps(one, samples[:60]))
    other.restore(one.snapshot())
    np.testing.assert_array_equal(list(by_steps(other, samples[60:])), list(by_steps(one, samples[60:])))
    assert other.snapshot() == one.snapshot()


def test_a_stream_of_an_earlier_version_goes_on_counted_from_zero(starter: Session) -> None:
    """What it has said, and holds, is in numbers of its own; its next forecasts are as they would have been."""
    samples = sensors(120, seed=2)["noise"]
    samples[0] = 0
    one, old = Predictor(starter, **ALL), Predictor(starter, **ALL)
    list(by_steps(one, samples[:60]))
    state = one.state()
    assert state.counters[KEPT] == 0
    counters = {name: value for name, value in state.counters.items() if name != KEPT}
    old.restore(pack(starter.digest, Snapshot(counters, state.arrays)))
    np.testing.assert_array_equal(list(by_steps(old, samples[60:])), list(by_steps(one, samples[60:])))


def test_a_snapshot_that_is_counted_from_nowhere_is_refused(on_cpu: Session) -> None:
    predictor = Predictor(on_cpu)
    state = predictor.state()
    with pytest.raises(SnapshotError, match="counted from"):
        predictor.restore(pack(on_cpu.digest, Snapshot({**state.counters, KEPT: 1e300}, state.arrays)))


def test_a_number_that_is_refused_is_no_first_one(on_cpu: Session) -> None:
    """All is as before."""
    rules = Rules(disorder="error")
    predictor, pool = Predictor(on_cpu, rules=rules), Pool(on_cpu, rules=rules)
    predictor.step(None, 1e9)
    pool.step({"a": None}, 1e9)
    before = predictor.snapshot(), pool.snapshot("a")
    with pytest.raises(DataError):
        predictor.step(5.0, 1e9 - 100)
    with pytest.raises(DataError):
        predictor.process([5.0], [1e9 - 100])
    with pytest.raises(DataError):
        pool.step({"a": 5.0}, 1e9 - 100)
    assert (predictor.snapshot(), pool.snapshot("a")) == before


def test_it_starts_anew_with_a_number_of_its_own_after_a_reset(on_cpu: Session) -> None:
    predictor = Predictor(on_cpu)
    predictor.step(1e9)
    assert predictor.anchor == 1e9
    predictor.reset()
    assert predictor.step(0.1)[0, 0] == 0.1
    assert predictor.forecast(60)[-1, 0] == pytest.approx(0.1)


def test_a_level_that_is_counted_from_anew_is_as_stuck_as_it_was(starter: Session) -> None:
    """Six equal values more are too many, whether they came before the level was confirmed or after it."""
    predictor = Predictor(starter, rules=Rules(stuck_after=6))
    predictor.run(5 + 0.1 * np.random.default_rng(0).standard_normal(40))
    reasons = []
    for _ in range(8):
        predictor.step(1000.0)
        reasons.append(predictor.reason)
    assert reasons == ["confirm", "confirm", "range", "", "", "", "stuck", "stuck"]
    assert predictor.anchor == 1000
