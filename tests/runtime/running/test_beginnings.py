"""A stream of any sensor whose first value is garbage starts afresh, once, as soon as what follows shows it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, MissingSampleError, SnapshotError
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.rules import RANGE
from edgeseq_runtime.streaming.beginnings import PAST, Beginnings
from edgeseq_runtime.streaming.ledger import REASON_CODES
from edgeseq_runtime.streaming.shown_range import FEWEST, WIDTHS
from edgeseq_runtime.streaming.snapshot import Snapshot, pack

Float64 = npt.NDArray[np.float64]

ALL: dict[str, Any] = {"monitor": True, "anomalies": 1e-2}

GARBAGE = [1e9, -9999.0, 65535.0, 85.0, 0.0]
"""What sensors give at power-up before 20 degrees."""


@pytest.fixture(scope="module", params=["cpu", "native"])
def starter(request: pytest.FixtureRequest) -> Session:
    """The model for any sensor that comes with the package."""
    return open_session("starter", provider=request.param)


@pytest.fixture(scope="module")
def on_cpu() -> Session:
    return open_session("starter", provider="cpu")


def room(count: int, seed: int = 0) -> Float64:
    """A room's temperature, 20 degrees more or less."""
    return 20 + 0.1 * np.random.default_rng(seed).standard_normal(count)


def after(garbage: float, samples: Float64, times: int = 1) -> Float64:
    return np.concatenate([np.full(times, garbage), samples])


def told(outcomes: Outcomes) -> list[int]:
    """Where a sample was told to be out of range."""
    return np.flatnonzero(outcomes.reasons == REASON_CODES[RANGE]).tolist()


def assert_as_from(found: Outcomes, wanted: Outcomes, at: int) -> None:
    """All that is said from a sample on is what is said of a stream that begins with it, to the last bit."""
    assert found.interval
    assert wanted.interval
    for mine, theirs in zip((found.forecasts, *found.interval), (wanted.forecasts, *wanted.interval), strict=True):
        np.testing.assert_array_equal(mine[at:], theirs)
    for name in ("warm", "p_values", "anomaly", "drift", "statuses", "anchors"):
        np.testing.assert_array_equal(getattr(found, name)[at:], getattr(wanted, name))


@pytest.mark.parametrize("times", [1, 2, FEWEST - 1])
@pytest.mark.parametrize("garbage", GARBAGE)
def test_the_stream_is_one_that_begins_when_enough_followed(starter: Session, garbage: float, times: int) -> None:
    """With adaptation, intervals, anomalies; it is told once, of that sample."""
    samples, at = after(garbage, room(150), times), times + FEWEST - 1
    found = Predictor(starter, **ALL).process(samples)
    assert told(found) == [at]
    assert_as_from(found, Predictor(starter, **ALL).process(samples[at:]), at)


@settings(max_examples=10, deadline=None)
@given(
    power=st.integers(-20, 20),
    offset=st.integers(-10_000, 10_000),
    far=st.floats(WIDTHS + 1, 1e7),
    is_above=st.booleans(),
    seed=st.integers(0, 99),
)
def test_errors_are_those_without_the_garbage(
    on_cpu: Session, power: int, offset: int, far: float, is_above: bool, seed: int
) -> None:
    """From sample 40 on, within 5 % of those of a stream that never saw it, in any unit, at any place."""
    random = np.random.default_rng(seed)
    clean = np.round((random.standard_normal(400) + np.sin(np.arange(400) / 4)) * 2**12) / 2**12
    width = np.ptp(clean[:FEWEST])
    garbage = clean[:FEWEST].max() + far * width if is_above else clean[:FEWEST].min() - far * width
    scale = 2.0**power
    sizes = []
    for samples in (clean, after(garbage, clean)):
        at = len(samples) - len(clean) + 40
        placed = scale * (samples + offset)
        found = Predictor(on_cpu).process(placed)
        errors = (found.forecasts[at:-1, 0, 0] - placed[at + 1 :]) / scale
        sizes.append(np.sqrt(np.mean(errors**2)))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


@given(
    first=st.floats(-1e6, 1e6),
    samples=st.lists(st.floats(-1e6, 1e6), min_size=FEWEST, max_size=3 * FEWEST),
    power=st.integers(-30, 30),
    narrow=st.sampled_from([1.0, 2.0**-4, 2.0**-10]),
)
def test_the_rule_is_what_the_definition_says(first: float, samples: list[float], power: int, narrow: float) -> None:
    """Beside the definition, read off all samples at once; with a random number of streams' worth of state around."""
    came = [first * 2.0**power, *(sample * narrow * 2.0**power for sample in samples)]
    differs = next((at for at, value in enumerate(came) if value != came[0]), len(came))
    wanted = None
    if differs < FEWEST:
        for end in range(differs + FEWEST, len(came) + 1):
            least, most = min(came[differs:end]), max(came[differs:end])
            if most > least:
                far = max(came[0] - most, least - came[0]) > WIDTHS * (most - least)
                wanted = end - 1 if far else None
                break
    beginnings, row, usable = Beginnings(3, 1.0, confirms=True), np.array([1]), np.ones(1, np.bool_)
    found = None
    for at, value in enumerate(came):
        beginnings.see(row, np.array([value]), usable)
        beginnings.see(row, np.array([np.nan]), ~usable)
        if found is None and beginnings.are_far(row)[0]:
            found = at
    assert found == wanted
    assert beginnings.seen[[0, 2]].tolist() == [0, 0]


HONEST: dict[str, Callable[[int], npt.NDArray[Any]]] = {
    "ramp": lambda count: 5.0 + np.arange(count),
    "step": lambda count: np.where(np.arange(count) < 8, 0.0, 1.0) + 0.05 * room(count),
    "heating": lambda count: 50 - 30 * np.exp(-np.arange(count) / 5),
    "decay": lambda count: 100 * np.exp(-np.arange(count)),
    "walk": lambda count: room(count).cumsum() - 20 * np.arange(count),
    "counts": lambda count: np.random.default_rng(3).poisson(0.2, count).astype(np.float64),
    "burst": lambda count: np.where(np.arange(count) % 20 < 1, 9.0, np.arange(count) % 3),
    "on and off": lambda count: np.repeat([1.0, 0.0] * count, 5)[:count],
    "one, then a constant": lambda count: after(21.0, np.full(count - 1, 20.0)),
    "constant": lambda count: np.full(count, 7.0),
}


@pytest.mark.parametrize("kind", HONEST)
def test_honest_series_are_left_alone(on_cpu: Session, kind: str) -> None:
    """Nothing is told, and nothing starts afresh."""
    samples = HONEST[kind](120)
    predictor = Predictor(on_cpu, **ALL)
    assert told(predictor.process(samples)) == []
    assert predictor.anchor == samples[0]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_all_equal_waits_until_it_has_a_width(starter: Session, garbage: float) -> None:
    """A thermometer in steps of a tenth: its first other value shows that the first one was garbage."""
    samples = after(garbage, np.concatenate([np.full(200, 20.0), np.round(room(100), 1)]))
    at = 201 + int(np.flatnonzero(samples[201:] != 20.0)[0])
    found = Predictor(starter, **ALL).process(samples)
    assert told(found) == [at]
    assert_as_from(found, Predictor(starter, **ALL).process(samples[at:]), at)


def test_steps_blocks_and_pools_agree(starter: Session) -> None:
    """A block's forecasts are those of steps; in a pool, streams do so by themselves, whenever they begin."""
    made = {name: after(name, room(80, seed)) for seed, name in enumerate([*GARBAGE, 20.0])}
    pool = Pool(starter, **ALL)
    pooled: dict[float, list[npt.NDArray[Any]]] = {name: [] for name in made}
    for turn in range(110):
        now = {name: made[name][turn - 5 * at] for at, name in enumerate(made) if 0 <= turn - 5 * at < 81}
        for name, forecast in pool.step(now).items():
            pooled[name].append(forecast)
    for name, samples in made.items():
        whole, by_steps = Predictor(starter, **ALL), Predictor(starter, **ALL)
        block = whole.process(samples)
        steps = [by_steps.step(float(sample)) for sample in samples]
        np.testing.assert_array_equal(block.forecasts, steps)
        assert whole.snapshot() == by_steps.snapshot()
        np.testing.assert_allclose(pooled[name], block.forecasts, rtol=0, atol=1e-4 * max(1, np.abs(samples).max()))
        np.testing.assert_allclose(pooled[name][18:], block.forecasts[18:], rtol=0, atol=1e-4)


@pytest.mark.parametrize("garbage", [1e9, 20.0])
def test_a_snapshot_between_goes_on_to_the_bit(starter: Session, garbage: float) -> None:
    """One after each of the first samples, in a predictor and as a pool's stream; a reset forgets it."""
    samples = after(garbage, room(40), 3)
    wanted = Predictor(starter, **ALL).process(samples)
    for cut in range(2 * FEWEST + 4):
        first, then = Predictor(starter, **ALL), Predictor(starter, **ALL)
        then.process(after(-5.0, room(9)))
        first.process(samples[:cut])
        then.restore(first.snapshot())
        np.testing.assert_array_equal(then.process(samples[cut:]).forecasts, wanted.forecasts[cut:])
        then.reset()
        np.testing.assert_array_equal(then.process(samples).forecasts, wanted.forecasts)


def test_snapshots_of_earlier_versions_have_nothing_open(on_cpu: Session) -> None:
    """They do not know the first value; numbers that no stream has are refused."""
    predictor = Predictor(on_cpu)
    predictor.process(after(1e3, room(3)))
    judgement = predictor._judgement
    now = judgement.snapshot(0)

    def packed(changed: dict[str, Any]) -> bytes:
        return pack(on_cpu.digest, Snapshot(changed, now.arrays))

    earlier = {name: value for name, value in now.counters.items() if not name.startswith("beginning.")}
    predictor.restore(packed(earlier))
    assert judgement.beginnings
    assert judgement.beginnings.seen[0] == PAST
    assert told(predictor.process(room(60))) == []
    for name, number in (("open", PAST + 1), ("first", 1e39), ("least", 1e4)):
        with pytest.raises(SnapshotError):
            predictor.restore(packed({**now.counters, f"beginning.{name}": number}))


def test_samples_that_are_refused_or_missing_are_not_seen(starter: Session) -> None:
    """What follows is counted by numbers that were taken."""
    samples = after(1e3, room(40))
    wanted = Predictor(starter).process(samples)
    predictor = Predictor(starter, missing="error")
    pool = Pool(starter, missing="error")
    for sample, forecast in zip(samples.tolist(), wanted.forecasts, strict=True):
        for refused in (np.nan, 1e39):
            with pytest.raises((DataError, MissingSampleError)):
                predictor.step(refused)
            with pytest.raises((DataError, MissingSampleError)):
                pool.step({"a": refused})
        np.testing.assert_array_equal(predictor.step(sample), forecast)
        np.testing.assert_array_equal(pool.step({"a": sample})["a"], forecast)


def test_a_sensor_may_power_up_again(starter: Session) -> None:
    """After a gap in which the stream starts afresh, the next value is a first one; within it, none is."""
    samples = np.concatenate([room(100), [1e3], room(60, 1)])
    gap = 100 * (np.arange(len(samples)) >= 100)
    found = Predictor(starter).process(samples, (np.arange(len(samples)) + gap).tolist())
    assert told(found) == [100 + FEWEST]


def test_where_no_value_is_confirmed_nothing_starts_afresh(on_cpu: Session) -> None:
    """With `--range flag` values are taken as they come."""
    predictor = Predictor(on_cpu, rules=Rules(range="flag"))
    predictor.process(after(1e3, room(60)))
    assert predictor.anchor == 1e3
