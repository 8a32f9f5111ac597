"""The memory of many streams, however it is laid out: each stream is as it would be alone."""

from collections.abc import Hashable
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c.toolchain import compiler
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.base import BatchEngine, StatesBatchEngine
from edgeseq_runtime.backends.native.session import NativeBatchEngine
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.ort import batch
from edgeseq_runtime.backends.ort.batch import DeviceBatchEngine, OrtBatchEngine
from edgeseq_runtime.backends.ort.engine import run_on_device
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.errors import ModelFileError

LAID_OUT = [StatesBatchEngine, OrtBatchEngine, DeviceBatchEngine, NativeBatchEngine]

DEEDS = ["all", "all", "all", "some", "join", "leave", "save", "restore"]


def made(kind: type[BatchEngine], content: bytes) -> Pool:
    """A pool over a batch engine of this kind."""
    if kind is NativeBatchEngine and compiler() is None:
        pytest.skip("there is no C compiler here")
    session = open_session(content, provider="native" if kind is NativeBatchEngine else "cpu")

    def on_device(room: int) -> BatchEngine:  # for providers with memory of their own; here the values lie in the CPU's
        assert isinstance(session, OrtSession)
        return DeviceBatchEngine(session, session.raw, session.io, room)

    of_kind = {StatesBatchEngine: lambda room: StatesBatchEngine(session, room), DeviceBatchEngine: on_device}
    own = session.batch_engine
    with mock.patch.object(session, "batch_engine") as batch_engine:
        batch_engine.side_effect = of_kind.get(kind, own)
        assert type(session.batch_engine(1)) is kind
        return Pool(session)


@pytest.fixture(scope="module", params=["lstm", "linear path", "windows", "sensors"])
def content(request: pytest.FixtureRequest) -> bytes:
    """A model file of each kind of state."""
    more = {"lstm": {}, "linear path": {"linear_path": 4, "features": 2}, "sensors": {"sensors": 2}}
    windows = {"layout": "steps", "window": 5, "predicts": "value"}
    return edgeseq_export.build(make_checkpoint(horizon=2, **more.get(request.param, windows)))


@pytest.mark.parametrize("kind", LAID_OUT)
@settings(max_examples=12)
@example(deeds=["join", "join", "all", "all", "leave", "all", "join", *["all"] * 4], seed=3)  # a row that was another's
@given(deeds=st.lists(st.sampled_from(DEEDS), min_size=5, max_size=25), seed=st.integers(0, 1 << 30))
def test_each_stream_is_as_it_would_be_alone(
    kind: type[BatchEngine], content: bytes, deeds: list[str], seed: int
) -> None:
    """With streams that join, leave, pause, miss samples and go back to a snapshot, in any order."""
    random = np.random.default_rng(seed)
    pool = made(kind, content)
    alone: dict[Hashable, Predictor] = {}
    saved: dict[Hashable, tuple[bytes, bytes]] = {}  # the pool's and that of the stream alone
    for number, deed in enumerate(deeds):
        names = list(pool.names)
        if deed == "join" or not names:
            pool.add(number)
            alone[number] = Predictor(pool.session)
        elif deed == "leave":
            pool.remove(names[seed % len(names)])
        elif deed == "save":
            saved[names[0]] = pool.snapshot(names[0]), alone[names[0]].snapshot()
        elif deed == "restore" and names[0] in saved:
            pool.restore(names[0], saved[names[0]][0])
            alone[names[0]].restore(saved[names[0]][1])
        else:
            chosen = names if deed == "all" else names[:: 1 + seed % 2][::-1]
            samples = random.standard_normal((len(chosen), len(pool.spec.features))).astype(np.float32)
            samples[random.random(samples.shape) < 0.1] = np.nan
            given_ = dict(zip(chosen, samples, strict=True))
            found = pool.step(given_) if deed != "all" else dict(zip(chosen, pool.step_array(samples), strict=True))
            for name in chosen:
                np.testing.assert_allclose(found[name], alone[name].step(given_[name].tolist()), atol=5e-6)


def test_states_stay_on_the_device_from_one_step_of_all_streams_to_the_next(content: bytes) -> None:
    """Each step reads the very values that the one before it left; a step of some streams fetches them."""
    pool = made(DeviceBatchEngine, content)
    pool.add(*range(3))
    samples = np.ones((3, len(pool.spec.features)), np.float32)
    pool.step_array(samples)
    inner = pool._engine
    assert isinstance(inner, DeviceBatchEngine)
    with mock.patch.object(batch, "run_on_device", wraps=run_on_device) as run:
        for _ in range(3):
            left = inner._values
            pool.step_array(samples)
            assert run.call_args.args[4] is left
    pool.step({0: samples[0]})
    assert not inner._values


def test_a_pools_step_that_fails_on_the_device_leaves_all_as_it_was(content: bytes) -> None:
    pool = made(DeviceBatchEngine, content)
    pool.add("a", "b")
    samples = np.ones((2, len(pool.spec.features)), np.float32)
    pool.step_array(samples)
    kept = pool.snapshot("b")
    with (
        mock.patch.object(batch, "run_on_device", side_effect=RuntimeException("out of memory")),
        pytest.raises(ModelFileError, match="out of memory"),
    ):
        pool.step_array(samples)
    assert pool.snapshot("b") == kept
    pool.step_array(samples)


@pytest.mark.parametrize(("provider", "kind"), [("CUDA", DeviceBatchEngine), ("Xnnpack", StatesBatchEngine)])
def test_a_provider_with_memory_of_its_own_gets_the_engine_for_it(
    monkeypatch: pytest.MonkeyPatch, content: bytes, provider: str, kind: type[BatchEngine]
) -> None:
    session = open_session(content, provider="cpu")
    monkeypatch.setattr(OrtSession, "providers", [f"{provider}ExecutionProvider", "CPUExecutionProvider"])
    assert type(session.batch_engine(1)) is kind
