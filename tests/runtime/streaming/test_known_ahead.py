"""What stands in for values known ahead that a sample does not say: beside a plain loop, for streams of every way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, MissingSampleError
from edgeseq_runtime.spec import Spec

HORIZON, COLUMNS = 4, 2
MODEL = edgeseq_export.export(make_checkpoint(known=COLUMNS, horizon=HORIZON, features=2, period=60.0, gap_limit=3))
SESSION = open_session(MODEL.content, provider="cpu")


@dataclass
class Oracle:
    """The rule in words, value by value, of one stream."""

    spec: Spec
    window: list[list[float]] = field(default_factory=list)
    reach: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.window = [[column.mean for _ in range(HORIZON)] for column in self.spec.known]
        self.reach = [0] * COLUMNS

    def pass_by(self) -> None:
        """Let a sample pass that says nothing, and is none."""
        self.take(None)

    def take(self, known: npt.NDArray[np.float32] | None) -> tuple[Float32, bool]:
        """Return what the network sees with a sample (horizon, column), and whether something stands in."""
        lacking = False
        for column in range(COLUMNS):
            before, reach = self.window[column], max(self.reach[column] - 1, 0)
            now, furthest, values = before[0], 0, list[float]()
            for step in range(HORIZON):
                value = math.nan if known is None or step >= len(known) else float(known[step, column])
                if math.isfinite(value):
                    furthest = step + 1
                elif step < reach:
                    value, lacking = before[step + 1], True
                else:
                    value, lacking = (values[-1] if values else now), True
                values.append(value)
            self.window[column], self.reach[column] = values, max(reach, furthest)
        return np.array(self.window, np.float32).T.reshape(-1), lacking


_VALUES = st.one_of(st.none(), st.floats(-3, 9, width=32))
_WINDOWS = st.one_of(
    st.none(),
    st.lists(st.lists(_VALUES, min_size=COLUMNS, max_size=COLUMNS), max_size=HORIZON),
    st.lists(
        st.lists(st.floats(-3, 9, width=32), min_size=COLUMNS, max_size=COLUMNS), min_size=HORIZON, max_size=HORIZON
    ),
)


def as_array(known: Sequence[Sequence[float | None]] | None) -> Float32 | None:
    """Return a window as an array, of the horizon's length."""
    if known is None:
        return None
    block = np.full((HORIZON, COLUMNS), np.nan, np.float32)
    block[: len(known)] = np.array(known, np.float64).reshape(-1, COLUMNS)
    return block


def is_lacking(known: Float32 | None) -> bool:
    """Whether a window does not say all."""
    return known is None or not np.isfinite(known).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_WINDOWS, st.floats(-1, 1)), min_size=1, max_size=9))
def test_the_network_sees_what_was_said_last_for_the_same_time(steps: Any) -> None:
    p, oracle, states = Predictor(SESSION), Oracle(SESSION.spec), SESSION.fresh()
    for number, (window, value) in enumerate(steps):
        known, sample = as_array(window), [value, value]
        forecast = p.step(sample, known=window)
        tail, lacking = oracle.take(known)
        x = np.array([*sample, *tail], np.float32)
        y, states = SESSION.advance(x[None, None], states)
        np.testing.assert_array_equal(forecast.reshape(-1), y.reshape(-1))
        assert (p.status, p.reason) == ("ok", "known" if lacking else ""), number
    assert p.counts["known"] == sum(is_lacking(as_array(window)) for window, _ in steps)


KINDS = st.sampled_from(["ok"] * 6 + ["absent", "gap", "late", "repeated"])
STEPS = st.lists(st.tuples(_WINDOWS, st.floats(-1, 1, width=32), KINDS), min_size=1, max_size=14)


def told(kind: str, seconds: float, value: float) -> tuple[list[float], float]:
    """Return a sample of that kind and its time; the one before it came at `seconds`."""
    passed = {"gap": 180.0, "late": 600.0, "repeated": 0.0}.get(kind, 60.0)
    return [math.nan if kind == "absent" else value, value], seconds + passed


@pytest.mark.parametrize("rules", [Rules(), Rules(gap="flag"), Rules(gap="reset")], ids=["impute", "flag", "reset"])
@pytest.mark.parametrize("missing", ["impute", "skip", "reset"])
@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_windows_move_with_time_whatever_becomes_of_the_samples(missing: str, rules: Rules, steps: Any) -> None:
    """Samples that lack, that come late or not at all: what is known ahead is that of the time."""
    p, oracle, seconds = Predictor(SESSION, missing=missing, rules=rules), Oracle(SESSION.spec), 0.0
    for window, value, kind in steps:
        before = seconds
        sample, seconds = told(kind, seconds, value)
        p.step(sample, seconds, window)
        if p.status == "skipped" and p.reason == "disorder":
            continue
        for _ in range(round((seconds - before) / 60) - 1 if p.samples > 1 else 0):
            oracle.pass_by()
        tail, _ = oracle.take(as_array(window))
        np.testing.assert_array_equal(p.state().arrays["x"].reshape(-1)[2:], tail, err_msg=kind)


@pytest.mark.parametrize(
    "options", [{}, {"clocks": ("hour_sin", "hour_cos")}, {"sensors": 2}, {"adapt": True, "season": 4}], ids=str
)
@settings(max_examples=10, deadline=None)
@given(steps=STEPS)
def test_blocks_and_pools_give_what_steps_give(options: dict[str, Any], steps: Any) -> None:
    session = session_of(tuple(options.items()))
    one, block, pool, arrays = Predictor(session), Predictor(session), Pool(session), Pool(session)
    pool.add("a", "b")
    arrays.add("a", "b")
    seconds, samples, times, windows, forecasts = 0.0, [], [], [], []
    nothing = np.full((HORIZON, COLUMNS), np.nan, np.float32)
    for window, value, kind in steps:
        sample, seconds = told(kind, seconds, value)
        whole = as_array(window)
        samples.append(sample)
        times.append(seconds)
        windows.append(nothing if whole is None else whole)
        forecasts.append(one.step(sample, seconds, window))
        by_name = pool.step({"b": sample}, seconds, {"b": window})["b"]
        all_streams = arrays.step_array([sample, sample], seconds, np.array([windows[-1]] * 2))
        np.testing.assert_allclose(by_name, forecasts[-1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(all_streams, [forecasts[-1]] * 2, rtol=1e-5, atol=1e-6)
    made = block.process(samples, times, np.array(windows))
    np.testing.assert_allclose(made.forecasts, forecasts, rtol=1e-5, atol=1e-6)
    for counts in (block.counts, pool.counts["b"], arrays.counts["a"]):
        assert counts == one.counts
    x, tail = (p.state().arrays["x"].reshape(-1) for p in (one, block))
    np.testing.assert_allclose(x, tail, rtol=1e-5, atol=1e-6)


@lru_cache
def session_of(options: tuple[tuple[str, Any], ...]) -> Session:
    """A session of a model that knows two columns ahead."""
    choices = {"known": COLUMNS, "horizon": HORIZON, "features": 2, "period": 60.0, "gap_limit": 3, **dict(options)}
    return open_session(edgeseq_export.export(make_checkpoint(**choices)).content, provider="cpu")


def test_a_stream_goes_on_from_its_snapshot_with_what_it_was_told() -> None:
    p, whole = Predictor(SESSION), np.arange(8, dtype=np.float32).reshape(4, 2)
    p.step([0.1, 0.2], known=whole[:3])
    q, pool = Predictor(SESSION), Pool(SESSION)
    q.restore(p.snapshot())
    pool.restore("a", p.snapshot())
    wanted = p.step([0.3, 0.1], known=[[9, 9]])
    assert (q.step([0.3, 0.1], known=[[9, 9]]) == wanted).all()
    np.testing.assert_allclose(pool.step({"a": [0.3, 0.1]}, known={"a": [[9, 9]]})["a"], wanted, rtol=1e-5)
    assert q.snapshot() == p.snapshot()
    p.reset()
    assert p.snapshot() == Predictor(SESSION).snapshot()


@pytest.mark.parametrize(
    ("options", "sample"),
    [({"missing": "error"}, [math.nan, 0.2]), ({"rules": Rules(range="error")}, [1e9, 0.2])],
    ids=["missing", "range"],
)
def test_what_a_refused_sample_says_is_not_remembered(options: dict[str, Any], sample: list[float]) -> None:
    p = Predictor(SESSION, **options)
    p.step([0.1, 0.2], known=[[1, 2]] * 2)
    before = p.snapshot()
    with pytest.raises((DataError, MissingSampleError)):
        p.step(sample, known=[[7, 7]] * 4)
    assert p.snapshot() == before


def test_a_forecast_beyond_the_horizon_keeps_the_last_value_ahead() -> None:
    p, known = Predictor(SESSION), np.arange(8, dtype=np.float32).reshape(4, 2)
    first = p.step([0.1, 0.2], known=known)
    q = Predictor(SESSION)
    q.restore(p.snapshot())
    for step in range(HORIZON):
        window = known[np.minimum(np.arange(HORIZON) + step + 1, HORIZON - 1)]
        second = q.step([first[step, 0], 0.2], known=window)
    np.testing.assert_allclose(p.forecast(2 * HORIZON), np.concatenate([first, second]), rtol=1e-5, atol=1e-6)


BAD: dict[str, tuple[Any, str]] = {
    "too long": ([[1, 2]] * 5, "known has shape (5, 2)"),
    "too wide": ([[1, 2, 3]], "(horizon, column) = (4, 2)"),
    "flat": ([1, 2, 3, 4], "known has shape (4,)"),
    "a number": (4.0, "expected a list of numbers"),
    "text": ("warm", "expected numbers"),
    "texts": ([["1", "2"]], "expected numbers, got [['1', '2']]"),
    "ragged": ([[1, 2], [3]], "lists of the same length"),
    "unknown": ({"k0": [1], "wind": [2]}, "knows nothing ahead of 'wind'; it does of k0, k1"),
    "long list": ({"k1": [1, 2, 3, 4, 5]}, "k1 has values ahead of shape (5,); expected a list of 4"),
    "no list": ({"k1": 3.5}, "the values of k1 ahead are 3.5; expected a list"),
    "word": ({"k1": [1, "high"]}, "the values of k1 ahead"),
    "object": ({"k1": {"1": 2}}, "expected a list"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_window_is_named_in_one_line(case: str) -> None:
    known, said = BAD[case]
    p, pool = Predictor(SESSION), Pool(SESSION)
    for step in (lambda: p.step([0, 0], known=known), lambda: pool.step({"a": [0, 0]}, known={"a": known})):
        with pytest.raises(DataError) as error:
            step()
        assert said in str(error.value)
        assert "\n" not in str(error.value)
    assert p.samples == len(pool) == 0


def test_arrays_of_windows_have_the_shape_of_the_samples() -> None:
    p, pool = Predictor(SESSION), Pool(SESSION)
    pool.add("a", "b")
    with pytest.raises(DataError, match=r"the model takes \(2, 4, 2\)"):
        pool.step_array([[0, 0]] * 2, known=np.zeros((4, 2)))
    with pytest.raises(DataError, match=r"the model takes \(3, 4, 2\)"):
        p.run([[0, 0]] * 3, known=np.zeros((3, 8)))
    with pytest.raises(DataError, match="'c', of which there is no sample"):
        pool.step({"a": [0, 0]}, known={"c": None})


def test_a_model_that_knows_nothing_ahead_says_so(model: bytes) -> None:
    p, pool = Predictor(model), Pool(model)
    for step in (
        lambda: p.step(0.5, known=[1.0]),
        lambda: p.run([0.5], known=[[1.0]]),
        lambda: pool.step({"a": 0.5}, known={"a": [1.0]}),
        lambda: pool.step_array(np.zeros(0), known=[[1.0]]),
    ):
        with pytest.raises(DataError, match="no columns known ahead"):
            step()
    assert (p.step(0.5, known=None) == Predictor(model).step(0.5)).all()


def test_numbers_that_are_no_values_of_the_column_are_not_known() -> None:
    """What float32 cannot hold; and what lies more than the training range's width out of it, unless rules take all."""
    values: list[Any] = [math.inf, -math.inf, math.nan, 3e38, 10**400, None, 9999.0, -12.0]
    for value in values:
        p, q = Predictor(SESSION), Predictor(SESSION)
        other: list[list[float | None]] = [[None, None], [1.0, None]]
        assert (p.step([0, 0], known={"k0": [value, 1.0]}) == q.step([0, 0], known=other)).all()
        assert p.reason == "known"
    near = [[14.0, 6.0]] * HORIZON
    for p in (Predictor(SESSION), Predictor(SESSION, rules=Rules(range="flag"))):
        p.step([0, 0], known=near)
        assert p.reason == ""
    made = [Predictor(SESSION, rules=Rules(range=word)) for word in ("flag", "confirm")]
    for p in made:
        p.run([[0, 0]] * 3, known=np.full((3, HORIZON, COLUMNS), 9999.0))
    assert [p.counts["known"] for p in made] == [0, 3]


def test_one_column_may_be_a_plain_list() -> None:
    session = session_of((("known", 1),))
    a, b, c = (Predictor(session) for _ in range(3))
    wanted = a.step([0, 0], known=[[1.0], [2.0], [3.0], [4.0]])
    assert (b.step([0, 0], known=[1, 2, 3, 4]) == wanted).all()
    assert (c.run([[0, 0]], known=[[1, 2, 3, 4]])[0] == wanted).all()
