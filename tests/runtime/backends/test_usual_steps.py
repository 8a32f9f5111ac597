"""The library's own judgement beside the reference in NumPy: the same streams through both are equal to the bit."""

from collections import defaultdict
from collections.abc import Hashable
from copy import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.native.session import NativeSession
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.spec import Residuals
from edgeseq_runtime.streaming.snapshot import Snapshot
from tests.stored.test_stored_files import FOLDER, LIBRARY

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

HOUR = 3600.0
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"horizon": 3, "linear_path": 4},
    "long": {"horizon": 24},
    "clock": {"horizon": 1, "clocks": ("hour_sin", "hour_cos")},
    "two": {"horizon": 2, "features": 3, "targets": 2},
    "fleet": {"horizon": 2, "sensors": 3},
    "known": {"horizon": 4, "known": 2},
    "known-fleet": {"horizon": 3, "known": 1, "sensors": 2},
    "running": {"horizon": 3, "scaling": "running", "period": None},
}

values = st.floats(-3, 3, width=32) | st.sampled_from([0.5, 0.5, 0.5, None, 3.9, 7.1, -40.0, 1e6, float("nan")])
moments = st.sampled_from([1.0] * 12 + [1.01, 0.8, 0.5, 0.5, 0.0, -2.0, 1.5, 2.0, 3.0, 1e5, None, "n/a"])
rules = st.builds(
    Rules,
    range=st.sampled_from(["confirm", "flag", "impute"]),
    stuck=st.sampled_from(["flag", "impute", "skip"]),
    stuck_after=st.sampled_from([0, 0, 2]),
    gap=st.sampled_from(["impute", "flag", "reset"]),
)
moves = st.lists(
    st.tuples(
        st.sampled_from(["all", "all", "all", "some", "new", "leave"]),
        st.lists(st.tuples(values, moments), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(scope="module")
def pairs() -> dict[str, tuple[NativeSession, NativeSession]]:
    """A session of each kind of model, and one of the same library that judges in NumPy."""
    made = {}
    for kind, options in KINDS.items():
        checkpoint = make_checkpoint(hidden=4, layers=1, **{"period": HOUR, **options})
        rows = ((-0.3, -0.1, 0.0, 0.25, 0.4),) * len(checkpoint.spec.targets)
        spec = replace(
            checkpoint.spec,
            residuals=Residuals((0.05, 0.25, 0.5, 0.75, 0.95), (rows,) * checkpoint.spec.horizon),
        )
        content = edgeseq_export.build(replace(checkpoint, spec=spec))
        sessions = [open_session(content, provider="native") for _ in range(2)]
        for session, judges in zip(sessions, (True, False), strict=True):
            assert isinstance(session, NativeSession)
            assert session.judges
            session.judges = judges
        made[kind] = tuple(sessions)
    return made  # type: ignore[return-value]


def sample_of(session: NativeSession, value: float | None) -> Any:
    measured = len(session.spec.measured)
    return value if measured == 1 else [value, *[1.0 if value is None else value / 2] * (measured - 1)]


def known_of(session: NativeSession, value: float | None) -> Any:
    """What a sample of this value says of the columns known ahead: mostly all, else a part or nothing."""
    spec = session.spec
    if not spec.known:
        return None
    whole = np.full((spec.horizon, len(spec.known)), np.nan, np.float32)
    if value is not None and abs(value) < 10:
        whole[: None if value < 1 else 2] = value + np.arange(spec.horizon)[: None if value < 1 else 2, None]
    return whole


class Clock:
    """The times of one stream's samples; the first of a stream is known, so that what the model sees of it is."""

    def __init__(self) -> None:
        self.now = 1.7e9
        self.has_begun = False

    def next(self, moment: Any) -> Any:
        if not isinstance(moment, float) and self.has_begun:
            return moment
        self.has_begun = True
        hours = moment if isinstance(moment, float) and moment < 1e4 else 1.0
        self.now += hours * HOUR
        return self.now + 1e5 * HOUR if moment == 1e5 else self.now


def assert_equal(ours: Snapshot, wanted: Snapshot) -> None:
    """Counters and arrays, to the last bit; the times may both be NaN."""
    assert ours.counters.keys() == wanted.counters.keys()
    for name, value in ours.counters.items():
        assert value == wanted.counters[name] or np.isnan([value, wanted.counters[name]]).all(), name
    assert ours.arrays.keys() == wanted.arrays.keys()
    for name, array in ours.arrays.items():
        np.testing.assert_array_equal(array, wanted.arrays[name], err_msg=name)


def assert_same_outcomes(ours: Outcomes, wanted: Outcomes) -> None:
    """To the last bit, but for what the logarithm of an interval's width becomes."""
    for field in ("forecasts", "numbers", "statuses", "reasons", "warm", "seconds", "drift"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(wanted, field), err_msg=field)
    assert (ours.interval is None) == (wanted.interval is None)
    for made, end in zip(ours.interval or (), wanted.interval or (), strict=True):
        np.testing.assert_allclose(made, end, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(moves=moves, rules=rules, monitor=st.booleans(), timed=st.booleans())
def test_a_pool_is_as_one_that_judges_in_numpy(
    kind: str, moves: Any, rules: Rules, monitor: bool, timed: bool, pairs: Any
) -> None:
    """Forecasts, statuses, reasons, counts, intervals, drift and snapshots of any streams."""
    ours, other = (Pool(session, rules=rules, monitor=monitor) for session in pairs[kind])
    clocks, newest = defaultdict[Hashable, Clock](Clock), 3
    for way, taken in moves:
        if way == "leave":
            for pool in (ours, other):
                pool.remove(pool.names[0]) if len(pool) > 1 else None
            continue
        newest += way == "new"
        newcomers = [f"s{number}" for number in range(newest - 3, newest)]
        names: list[Hashable] = list(ours.names if way == "all" and len(ours) else newcomers)
        names = names[:2] if way == "some" else names
        samples, times, known = dict[Hashable, Any](), dict[Hashable, Any](), dict[Hashable, Any]()
        for at, name in enumerate(names):
            value, moment = taken[at % len(taken)]
            samples[name], times[name] = sample_of(ours.session, value), clocks[name].next(moment)  # type: ignore[arg-type]
            known[name] = known_of(ours.session, value)  # type: ignore[arg-type]
        given_times = times if timed or kind == "clock" else None
        told = known if ours.spec.known else None
        made, wanted = (pool.process(samples, given_times, told) for pool in (ours, other))
        assert_same_outcomes(made, wanted)
    assert ours.counts == other.counts
    for name in ours.names:
        assert_equal(ours.state(name), other.state(name))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(
    series=st.lists(st.tuples(values, moments), min_size=1, max_size=60),
    rules=rules,
    monitor=st.booleans(),
    timed=st.booleans(),
)
def test_a_predictor_is_as_one_that_judges_in_numpy(
    kind: str, series: Any, rules: Rules, monitor: bool, timed: bool, pairs: Any
) -> None:
    """One stream, sample by sample; half-way each of the two goes on with the other one's snapshot."""
    sensor = "s1" if "fleet" in kind else None
    ours, other = (Predictor(session, rules=rules, monitor=monitor, sensor=sensor) for session in pairs[kind])
    clock = Clock()
    for number, (value, moment) in enumerate(series):
        sample, time = sample_of(pairs[kind][0], value), clock.next(moment)
        known = known_of(pairs[kind][0], value)
        made, wanted = (p.step(sample, time if timed or kind == "clock" else None, known) for p in (ours, other))
        np.testing.assert_array_equal(made, wanted)
        assert (ours.status, ours.reason, ours.warm) == (other.status, other.reason, other.warm)
        assert ours.counts == other.counts
        assert_equal(ours.state(), other.state())
        if monitor:
            assert ours.drift == other.drift
            np.testing.assert_allclose(ours.interval(0.8), other.interval(0.8), rtol=1e-6, atol=1e-6)
        if number == len(series) // 2:
            mine, theirs = ours.snapshot(), other.snapshot()
            ours.restore(theirs)
            other.restore(mine)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(
    series=st.lists(st.tuples(values, moments), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    rules=rules,
    monitor=st.booleans(),
    timed=st.booleans(),
)
def test_blocks_are_as_steps(
    kind: str, series: Any, cuts: list[int], rules: Rules, monitor: bool, timed: bool, pairs: Any
) -> None:
    """Blocks through the library, and blocks in NumPy, are what samples are one by one, in all that is told of each."""
    sensor = "s1" if "fleet" in kind else None
    ours, other = (Predictor(session, rules=rules, monitor=monitor, sensor=sensor) for session in pairs[kind])
    by_step, clock = copy(ours), Clock()
    samples = [sample_of(pairs[kind][0], value) for value, _ in series]
    times = [clock.next(moment) for _, moment in series] if timed or kind == "clock" else None
    windows = [known_of(pairs[kind][0], value) for value, _ in series]
    for start, stop in pairwise(sorted({0, *(cut for cut in cuts if cut < len(series)), len(series)})):
        block, when = samples[start:stop], times and times[start:stop]
        known = np.array(windows[start:stop]) if ours.spec.known else None
        made, wanted = (p.process(block, when, known) for p in (ours, other))
        assert_same_outcomes(made, wanted)
        assert_equal(ours.state(), other.state())
        for at, sample in enumerate(block):
            stepped = by_step.step(sample, when[at] if when else None, windows[start + at])
            np.testing.assert_array_equal(stepped, made.forecasts[at])
            if made.interval:
                np.testing.assert_array_equal(by_step.interval(), np.stack([end[at] for end in made.interval]))
        assert_equal(ours.state(), by_step.state())


def test_a_pace_that_lasts_is_told_as_in_numpy(pairs: Any) -> None:
    """A stream whose samples come twice as fast for a while, and in time before and after, beside one in time."""
    ours, other = (Pool(session) for session in pairs["long"])
    now, found = 1.7e9, []
    for number in range(60):
        now += HOUR * (0.5 if number % 30 in range(10, 22) else 1.0)
        samples, times = {"a": 0.1 * (number % 7), "b": 0.2}, {"a": now, "b": 1.7e9 + number * HOUR}
        made, wanted = (pool.process(samples, times) for pool in (ours, other))
        assert_same_outcomes(made, wanted)
        found.append(ours.reason["a"])
        for name in samples:
            assert_equal(ours.state(name), other.state(name))
    assert found.count("pace") == 2


def test_the_drift_flag_comes_and_goes_as_in_numpy(pairs: Any) -> None:
    """Noise that is far from what validation showed for a while, and as it showed before and after."""
    pools = [Pool(session, monitor=True) for session in pairs["fleet"]]
    random, raised = np.random.default_rng(0), []
    for number in range(600):
        noise = random.standard_normal(3) * (0.8 if 200 <= number < 300 else 0.05)
        made, wanted = (pool.process(dict(zip(("s0", "s1", "x"), noise.tolist(), strict=True))) for pool in pools)
        assert_same_outcomes(made, wanted)
        raised.append(made.drift)
    changes = np.count_nonzero(np.diff(np.array(raised, np.int64), axis=0), axis=0)
    assert changes.max() >= 2
    for name in ("s0", "s1", "x"):
        assert_equal(*(pool.state(name) for pool in pools))


def test_most_samples_take_the_short_way(pairs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is odd, NumPy judges no sample: of one stream, of many, and of some of many."""
    session = pairs["two"][0]
    predictor, knowing = Predictor(session, monitor=True), Predictor(pairs["known"][0], monitor=True)
    pool, other = Pool(session, monitor=True), Pool(session, monitor=True)
    for made in (pool, other):
        made.add("a", "b", "c")

    def refuse(*_: Any) -> None:
        raise AssertionError("NumPy judges")

    for name in ("_take_in_time", "_take_at_odd_times"):
        monkeypatch.setattr(Judgement, name, refuse)
    for number in range(60):
        sample, time = [np.sin(number / 3), 0.1, 0.2], 1.7e9 + number * HOUR
        predictor.step(sample, time)
        knowing.step(sample[0], time, np.full((4, 2), 5.5))
        pool.step_array([sample] * 3, time)
        other.step({"a": sample, "c": sample}, {"a": time + 1, "c": time + 2})
    assert predictor.samples == 60
    assert (pool.samples, other.samples) == ({"a": 60, "b": 60, "c": 60}, {"a": 60, "b": 0, "c": 60})


def test_a_forecast_that_is_not_finite_is_none(pairs: Any) -> None:
    """The stream starts afresh, as in NumPy; one beside it goes on."""
    pools = [Pool(session, monitor=True) for session in pairs["plain"]]
    for pool in pools:
        pool.add("a", "b")
        for number in range(30):
            pool.step_array([0.1 * number % 1, 0.2])
        pool._engine.by_row("changes")[0] = np.inf
    made, wanted = (pool.process({"a": 0.3, "b": 0.4}) for pool in pools)
    assert made.statuses.tolist() == [3, 0]
    assert_same_outcomes(made, wanted)
    for name in "ab":
        assert_equal(*(pool.state(name) for pool in pools))


def test_a_library_of_version_0_1_is_judged_in_numpy() -> None:
    """It has no judgement of its own, and gives what its model file gives on the CPU."""
    library = FOLDER / "models" / LIBRARY
    try:
        session = open_session(library)
    except (ModelFileError, UsageError) as error:
        pytest.skip(f"it cannot be loaded here: {error}")
    assert isinstance(session, NativeSession)
    assert not session.judges
    ours, cpu = Predictor(session, monitor=True), Predictor(session.content, "cpu", monitor=True)
    middle = session.spec.features[0].mean
    for number in range(80):
        sample, time = middle + 0.1 * session.spec.features[0].std * np.sin(number), 1.7e9 + number
        made, wanted = ours.step(sample, time), cpu.step(sample, time)
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5 * session.spec.features[0].std)
        assert (ours.status, ours.reason, ours.drift) == (cpu.status, cpu.reason, cpu.drift)


def test_the_flag_of_what_a_stream_has_shown_comes_and_goes_as_in_numpy(pairs: Any) -> None:
    """Of a model for any sensor, in pools, by single streams and in blocks; snapshots change sides half-way."""
    assert pairs["running"][0].spec.takes_any
    ours, other = (Pool(session, monitor=True) for session in pairs["running"])
    alone, blocks = (Predictor(pairs["running"][0], monitor=True) for _ in range(2))
    random, raised = np.random.default_rng(0), []
    samples = random.standard_normal((2000, 2)) * np.where((np.arange(2000) // 400) % 4 == 3, 6, 1)[:, None]
    for at, row in enumerate(samples):
        if at == 1300:
            swapped = ours.snapshot("a"), other.snapshot("a")
            other.restore("a", swapped[0])
            ours.restore("a", swapped[1])
        rows = {"a": row[0], "b": row[1]} if at % 7 else {"a": row[0]}
        made, wanted = (pool.process(rows) for pool in (ours, other))
        np.testing.assert_array_equal(made.drift, wanted.drift)
        alone.step(float(row[0]))
        assert alone.drift == ours.drift["a"]
        raised.append(ours.drift["a"])
    told = np.concatenate([blocks.process(samples[at : at + 250, 0]).drift for at in range(0, 2000, 250)])
    np.testing.assert_array_equal(told, raised)
    assert np.count_nonzero(np.diff(np.array(raised, np.int64))) >= 2
    for name in "ab":
        mine, theirs = (pool.state(name).arrays["monitor.shown"] for pool in (ours, other))
        np.testing.assert_array_equal(mine, theirs)
    assert_equal(alone.state(), blocks.state())
