"""What one stream can, all can: whatever way samples take through a pool or in blocks, each stream is as if alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.spec import Residuals

PROVIDERS = [
    "cpu",
    pytest.param(
        "native", marks=pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")
    ),
]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"horizon": 3},
    "clock": {"horizon": 2, "clocks": ("hour_sin", "hour_cos")},
    "two": {"horizon": 2, "features": 2, "targets": 2},
    "fleet": {"horizon": 2, "sensors": 3},
}
HOUR = 3600.0
NAMES = ("s0", "s1", "s2", "s3")


@pytest.fixture(scope="module")
def sessions() -> Callable[[str, str], Session]:
    """Models with a period and narrow residuals, so that intervals and drift move."""
    made: dict[tuple[str, str], Session] = {}

    def session(kind: str, provider: str) -> Session:
        if (kind, provider) not in made:
            checkpoint = make_checkpoint(hidden=4, layers=1, period=HOUR, **KINDS[kind])
            spec = checkpoint.spec
            rows = ((-0.3, 0.0, 0.3),) * len(spec.targets)
            spec = replace(spec, residuals=Residuals((0.05, 0.5, 0.95), (rows,) * spec.horizon))
            content = edgeseq_export.build(replace(checkpoint, spec=spec))
            made[kind, provider] = open_session(content, provider=provider)
        return made[kind, provider]

    return session


values = st.floats(-3, 3, width=32) | st.sampled_from([0.5, 0.5, None, 3.9, 7.0, 7.1, 6.9, -40.0, 1e6, float("nan")])
moments = st.sampled_from(
    [1.0, 1.0, 1.0, 1.0, 0.02, 0.02, 0.02, 0.025, 0.0, -2.0, 1.4, 2.0, 3.0, 9.0, 1e5, None, "n/a"]
)
actions = st.lists(
    st.tuples(
        st.sampled_from(["step", "array", "run", "leave", "carry"]),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
        st.lists(st.tuples(values, moments), min_size=12, max_size=12),
    ),
    min_size=1,
    max_size=14,
)
rules = st.builds(
    Rules,
    range=st.sampled_from(["confirm", "confirm", "flag", "impute", "skip", "reset"]),
    stuck=st.sampled_from(["flag", "impute", "skip"]),
    stuck_after=st.sampled_from([0, 2]),
    gap=st.sampled_from(["impute", "flag", "reset"]),
    disorder=st.sampled_from(["skip", "flag", "reset"]),
    skip_limit=st.sampled_from([2, 100]),
)


class Streams:
    """A pool, and beside it a predictor of its own for each stream."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.session, self.options = session, options
        self.pool, self.alone = Pool(session, **options), dict[str, Predictor]()
        self.now = dict.fromkeys(NAMES, 1.7e9)

    def predictor(self, name: str) -> Predictor:
        if name not in self.alone:
            known = {sensor.name for sensor in self.session.spec.sensors}
            self.alone[name] = Predictor(self.session, sensor=name if name in known else None, **self.options)
        return self.alone[name]

    def time(self, name: str, moment: Any) -> Any:
        """The stream's next time; a stream that begins has one, so that what the model sees of it is known."""
        if not isinstance(moment, float):
            return moment if self.predictor(name).samples and not np.isnan(self.predictor(name).seconds) else "n/a"
        time = self.now[name] + moment * HOUR
        self.now[name] = time if moment < 1e4 else self.now[name] + HOUR
        return time

    def sample(self, value: float | None) -> Any:
        measured = len(self.session.spec.measured)
        return value if measured == 1 else [value, *[1.0 if value is None else value] * (measured - 1)]

    def compare(self, names: Any) -> None:
        """Equal in all that is counted, and near in all that is computed."""
        pool = self.pool
        assert set(names) <= set(pool.names)
        for name in names:
            p, row = self.predictor(name), pool.names.index(name)
            assert (pool.status[name], pool.reason[name], pool.samples[name]) == (p.status, p.reason, p.samples)
            assert (pool.counts[name], pool.warm[name]) == (p.counts, p.warm)
            assert pool.drift[name] == p.drift
            for found, wanted in zip(pool.interval(0.9, name), p.interval(0.9), strict=True):
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(pool.interval(0.5)[0][row], p.interval(0.5)[0], rtol=1e-5, atol=1e-5)


def take(streams: Streams, way: str, names: list[str], given: list[tuple[Any, Any]]) -> None:
    pool, moves = streams.pool, iter(given)
    if way in ("array", "run"):
        names = list(map(str, pool.names))
    if not names:
        return
    if way == "leave":
        if names[0] in pool:
            pool.remove(names[0])
            streams.alone.pop(names[0], None)
        return
    if way == "carry":  # a stream moves to a predictor, and back into the pool
        if names[0] in pool:
            p = streams.predictor(names[0])
            p.restore(pool.snapshot(names[0]))
            pool.restore(names[0], p.snapshot())
        return
    count = 3 if way == "run" else 1
    block, times = [], []
    for _ in range(count):
        pairs = [next(moves) for _ in names]
        block.append([streams.sample(value) for value, _ in pairs])
        times.append([streams.time(name, moment) for name, (_, moment) in zip(names, pairs, strict=True)])
    wanted = [
        [streams.predictor(name).step(block[at][place], times[at][place]) for at in range(count)]
        for place, name in enumerate(names)
    ]
    if way == "step":
        made = pool.step(dict(zip(names, block[0], strict=True)), dict(zip(names, times[0], strict=True)))
        found = np.stack(list(made.values()))[None]
    elif way == "array":
        found = pool.step_array(np.array(block[0], np.float64), times[0])[None]
    else:
        found = pool.run(np.array(block, np.float64), times)
    np.testing.assert_allclose(found, np.swapaxes(wanted, 0, 1), rtol=1e-5, atol=1e-5)
    streams.compare(names)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(actions=actions, rules=rules, missing=st.sampled_from(["impute", "skip", "reset"]))
def test_a_stream_of_a_pool_is_as_if_alone(
    sessions: Callable[[str, str], Session], kind: str, provider: str, actions: Any, rules: Rules, missing: str
) -> None:
    """Through `step`, `step_array` and `run`, with faults, gaps and disorder, as streams come, go and are restored."""
    streams = Streams(sessions(kind, provider), rules=rules, missing=missing, monitor=True)
    for way, names, given_ in actions:
        take(streams, way, names, given_)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30, deadline=None)
@given(
    samples=st.lists(st.tuples(values, moments), max_size=40),
    cut=st.integers(0, 40),
    rules=rules,
    missing=st.sampled_from(["impute", "skip", "reset"]),
    monitor=st.booleans(),
)
def test_a_block_is_what_its_samples_are_one_by_one(
    sessions: Callable[[str, str], Session],
    kind: str,
    provider: str,
    samples: list[tuple[Any, Any]],
    cut: int,
    rules: Rules,
    missing: str,
    *,
    monitor: bool,
) -> None:
    """All that becomes of each, in two blocks of any length, with intervals and drift."""
    session = sessions(kind, provider)
    streams = Streams(session, rules=rules, missing=missing, monitor=monitor)
    p, told = Predictor(session, rules=rules, missing=missing, monitor=monitor), streams.predictor("s3")
    block, times, wanted = [], [], []
    for value, moment in samples:
        block.append(streams.sample(value))
        times.append(streams.time("s3", moment))
        number = told.samples
        forecast = told.step(block[-1], times[-1])
        ends = told.interval() if monitor else None
        drift = told.drift if monitor else False
        wanted.append((forecast, ends, (told.status, told.reason, told.warm, number, drift)))
    parts = (slice(0, cut), slice(cut, None))
    found = [result for part in parts if block[part] for result in p.process(block[part], times[part])]
    for result, (forecast, ends, rest) in zip(found, wanted, strict=True):
        assert (result.status, result.reason, result.warm, result.number, result.drift) == rest
        np.testing.assert_allclose(result.forecast, forecast, rtol=1e-5, atol=1e-5)
        for end, wanted_end in zip(result.interval or (), ends or (), strict=True):
            np.testing.assert_allclose(end, wanted_end, rtol=1e-5, atol=1e-5)
    assert (p.counts, p.samples) == (told.counts, told.samples)
