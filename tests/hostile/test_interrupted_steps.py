"""An exception within a step, of a signal's handler or of the engine: the stream is as before, or says that it is not.

Timeouts by SIGALRM, a notebook's interrupt and test runners raise wherever a step happens to be.
"""

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, EdgeseqError, ModelFileError
from edgeseq_runtime.service.named_streams import NamedStreams
from tests.helpers.model_files import sealed

PROVIDERS = [
    "cpu",
    pytest.param(
        "native", marks=pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")
    ),
]

VALUES = np.sin(np.arange(400) / 5).astype(np.float32)
INTERRUPTED = "was interrupted within a step"


class LateError(Exception):
    """What the alarm raises."""


class Alarm:
    """Whether it has come: its exception is lost where Python itself calls, as in a finalizer."""

    came = False


@contextmanager
def alarmed(seconds: float) -> Iterator[Alarm]:
    """Raise `LateError` after so long, wherever the program is by then."""
    alarm = Alarm()

    def handler(_number: int, _frame: FrameType | None) -> None:
        alarm.came = True
        raise LateError

    before = signal.signal(signal.SIGALRM, handler)
    gc.disable()  # hypothesis looks at the time within collections, where an exception is only printed
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield alarm
        signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
        gc.enable()


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    """What is raised within a garbage collector's callback, as hypothesis has one, is lost: there is no collection."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def sessions() -> Callable[[str, str], Session]:
    """Sessions of a small model, of a fleet and of one that sees the time."""
    kinds: dict[str, dict[str, Any]] = {
        "plain": {"hidden": 8, "horizon": 2},
        "fleet": {"hidden": 8, "sensors": 2, "features": 2},
        "clock": {"hidden": 8, "clocks": ("hour_sin",), "period": 60.0},
    }
    made: dict[tuple[str, str], Session] = {}

    def session(kind: str, provider: str) -> Session:
        if (kind, provider) not in made:
            content = edgeseq_export.build(make_checkpoint(**kinds[kind]))
            made[kind, provider] = open_session(content, provider=provider)
        return made[kind, provider]

    return session


def delays(count: int) -> list[float]:
    """From shorter to longer than a step takes."""
    return np.random.default_rng(0).uniform(1e-6, 1.2e-4, count).tolist()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_alarm_within_a_step_leaves_the_stream_whole_or_marked(
    sessions: Callable[[str, str], Session], provider: str
) -> None:
    """After each: a twin that took as many samples forecasts the same, or the stream says that it was interrupted."""
    p, twin = (Predictor(sessions("plain", provider)) for _ in range(2))
    wanted = np.stack([twin.step(float(value)) for value in VALUES])
    blob, hits, marked = p.snapshot(), 0, 0
    for delay in delays(3000):
        if p.samples > 300:
            p.reset()
            blob = p.snapshot()
        try:
            with alarmed(delay) as alarm:
                while not alarm.came:
                    number = p.samples
                    forecast = p.step(float(VALUES[number]))
                    np.testing.assert_allclose(forecast, wanted[number], atol=1e-6)
                    if p.samples > 390:
                        p.reset()
        except LateError:
            hits += 1
        if p._lone.is_interrupted:
            for refused in (p.snapshot, lambda: p.run(VALUES[:2]), lambda: p.forecast(1), lambda: p.step(0.5)):
                with pytest.raises(EdgeseqError, match=INTERRUPTED):
                    refused()
            marked += 1
            p.restore(blob)
        else:
            forecast = p.step(float(VALUES[p.samples]))
            np.testing.assert_allclose(forecast, wanted[p.samples - 1], atol=1e-6)
        blob = p.snapshot()
    assert hits > 2900
    assert marked > 10


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_alarm_within_a_block_leaves_the_stream_as_before(
    sessions: Callable[[str, str], Session], provider: str
) -> None:
    p = Predictor(sessions("plain", provider))
    p.run(VALUES[:50])
    before = p.snapshot()
    block = np.array(VALUES[50:350])
    block[::7] = np.nan  # so that it takes many calls
    interrupted = 0
    for delay in np.random.default_rng(1).uniform(1e-5, 4e-3, 100).tolist():
        try:
            with alarmed(delay):
                p.run(block)
        except LateError:
            if p.samples < 350:  # else the alarm came when the block was over
                interrupted += 1
                assert p.snapshot() == before
        p.restore(before)
    assert interrupted > 10


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("as_array", [False, True])
def test_an_alarm_within_a_pools_step_leaves_each_stream_whole_or_marked(  # noqa: PLR0912 - of each what may be
    sessions: Callable[[str, str], Session], provider: str, as_array: bool
) -> None:
    """Of those that the step names; the others have not moved."""
    session = sessions("plain", provider)
    twin = Predictor(session)
    wanted = np.stack([twin.step(float(value)) for value in VALUES])
    pool, names = Pool(session), ["a", "b", "c"]
    pool.step({"still": 0.5})
    still = pool.snapshot("still")
    if as_array:
        pool.remove("still")
    pool.add(*names)
    blobs = {name: pool.snapshot(name) for name in names}
    number, hits, marked = dict.fromkeys(names, 0), 0, 0

    def take() -> None:
        if as_array:
            made = pool.step_array([float(VALUES[number[name]]) for name in names])
        else:
            made = np.stack(list(pool.step({name: float(VALUES[number[name]]) for name in names}).values()))
        np.testing.assert_allclose(made, wanted[[number[name] for name in names]], atol=1e-6)
        for name in names:
            number[name] += 1

    for delay in delays(1500):
        before = dict(number)
        try:
            with alarmed(delay):
                while number["a"] < 380:
                    take()
        except LateError:
            hits += 1
        for name in names:
            if name in pool._rows.interrupted:
                for refused in (pool.snapshot, lambda one: pool.step({one: 0.5})):
                    with pytest.raises(EdgeseqError, match=INTERRUPTED):
                        refused(name)
                marked += 1
                pool.restore(name, blobs[name])
                number[name] = before[name]
            else:
                # The step may have been whole and only its return was not.
                age = int(pool._ledger.ages(pool._rows.row[name]))
                assert age - number[name] in (0, 1)
                number[name] = age
        if number["a"] >= 370:
            for name in names:
                pool.remove(name)
            pool.add(*names)
            number = dict.fromkeys(names, 0)
        if len(set(number.values())) > 1:
            for name in names:
                pool.restore(name, blobs[name])
            number = before
        blobs = {name: pool.snapshot(name) for name in names}
        if not as_array:
            assert pool.snapshot("still") == still
    assert hits > 100
    assert marked > 10


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_alarm_while_streams_join_a_pool_leaves_only_whole_ones(
    sessions: Callable[[str, str], Session], provider: str
) -> None:
    """The arrays grow meanwhile: what is bound to the old ones must be bound anew."""
    session = sessions("fleet", provider)
    for delay in np.random.default_rng(2).uniform(1e-6, 4e-4, 200).tolist():
        pool = Pool(session)
        pool.step({"s1": [1.0, 2.0]})
        try:
            with alarmed(delay):
                for count in range(1, 50):
                    pool.step({f"{count}-{number}": [0.5, 1.0] for number in range(count)})
        except LateError:
            pass
        assert len(pool.names) == len(set(pool.names))
        twin = Predictor(session, sensor="s1")
        twin.step([1.0, 2.0])
        np.testing.assert_allclose(pool.step({"s1": [3.0, 1.0]})["s1"], twin.step([3.0, 1.0]), atol=1e-6)
        fresh = Predictor(session)
        np.testing.assert_allclose(pool.step({"new": [3.0, 1.0]})["new"], fresh.step([3.0, 1.0]), atol=1e-6)


# The engine


@pytest.mark.parametrize("kind", [KeyboardInterrupt, LateError, RuntimeError, ValueError, SystemExit])
def test_what_a_handler_raises_arrives_as_itself(
    sessions: Callable[[str, str], Session], kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as an error of the model."""

    def interrupted(*_: object) -> None:
        raise kind("of a handler")

    session = sessions("plain", "cpu")
    p, pool = Predictor(session), Pool(session)
    pool.step({"a": 0.5})
    pool.step({"a": 0.5})  # of all streams, which is bound
    monkeypatch.setattr(p._engine, "_steps", [interrupted, interrupted])
    monkeypatch.setattr(pool._engine, "_steps", [interrupted, interrupted])
    for step in (lambda: p.step(0.5), lambda: pool.step({"a": 0.5})):
        with pytest.raises(kind, match="of a handler") as caught:
            step()
        assert not isinstance(caught.value, EdgeseqError)


def test_an_error_of_onnxruntime_is_one_of_the_model_and_leaves_the_stream_as_before() -> None:
    """A graph that fails at some samples, when it has written a forecast: not even that shows."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(edgeseq_export.build(make_checkpoint(hidden=4, layers=1)))
    (y,) = [node for node in model.graph.node if "y" in node.output]
    y.output[list(y.output).index("y")] = "y_before"
    model.graph.initializer.append(helper.make_tensor("ten", TensorProto.FLOAT, [10], [0.0] * 10))
    nodes = [
        helper.make_node("Abs", ["x"], ["size"]),
        helper.make_node("Cast", ["size"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["ten", "place"], ["nothing"]),
        helper.make_node("Add", ["y_before", "nothing"], ["y"]),
    ]
    model.graph.node.extend(nodes)
    content = sealed(model)
    rules = Rules(range="flag")
    p, twin = (Predictor(content, provider="cpu", rules=rules) for _ in range(2))
    for value in (0.5, 0.7):
        np.testing.assert_array_equal(p.step(value), twin.step(value))
    blob = p.snapshot()
    with pytest.raises(ModelFileError, match="the model fails when it is run"):
        p.step(50.0)
    assert p.snapshot() == blob
    np.testing.assert_array_equal(p.step(0.6), twin.step(0.6))
    pool = Pool(content, provider="cpu", rules=rules)
    pool.step({"a": 0.5})
    before = pool.snapshot("a")
    with pytest.raises(ModelFileError):
        pool.step({"a": 50.0, "new": 0.5})
    assert (pool.snapshot("a"), pool.names) == (before, ("a",))
    with pytest.raises(ModelFileError):
        p.run([0.1, 50.0, 0.2])
    np.testing.assert_array_equal(p.step(0.2), twin.step(0.2))


# Streams by name


@pytest.mark.parametrize("kind", ["plain", "fleet", "clock"])
def test_a_sample_that_is_refused_leaves_no_stream_behind(sessions: Callable[[str, str], Session], kind: str) -> None:
    """Neither a new one in the pool, nor a clock that has moved."""
    session = sessions(kind, "cpu")
    streams = NamedStreams(Pool(session))
    good: Any = 0.5 if kind != "fleet" else [0.5, 1.0]
    for wrong in ("text", [1.0] * 7, object()):
        with pytest.raises(DataError):
            streams.step("s1", wrong, 60.0)  # type: ignore[arg-type]
    assert (len(streams), streams._pool.names) == (0, ())
    first = streams.step("s1", good, 60.0)
    before = streams._pool.snapshot("s1")
    for wrong in ("text", [1.0] * 7):
        with pytest.raises(DataError):
            streams.step("s1", wrong, 6000.0)  # type: ignore[arg-type]
    assert streams._pool.snapshot("s1") == before
    other = NamedStreams(Pool(session))
    np.testing.assert_array_equal(first.forecast, other.step("s1", good, 60.0).forecast)
    np.testing.assert_array_equal(
        streams.step("s1", good, None).forecast, other.step("s1", good, None).forecast, strict=True
    )
