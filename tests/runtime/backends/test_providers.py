"""What a provider's name stands for, and that no model runs on another one than was asked for."""

import json
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime import providers as public
from edgeseq_runtime.backends.native import build
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.ort import create, engine, providers, session
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.model_file.source import vouched
from tests.conftest import CommandLine

CPU = "CPUExecutionProvider"
IDLE = "AzureExecutionProvider"
"""Built into every onnxruntime, and takes no node: it stands for a provider without kernels for the model."""

needs_idle = pytest.mark.skipif(
    IDLE not in onnxruntime.get_available_providers(), reason="this onnxruntime has no provider that takes no node"
)


def pretend(monkeypatch: pytest.MonkeyPatch, machine: str, *names: str) -> None:
    """Have another machine, whose onnxruntime has these providers."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*names, IDLE, CPU])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("auto", [CPU, "CUDAExecutionProvider", "XnnpackExecutionProvider"]),
        ("arm", [CPU, "XnnpackExecutionProvider"]),
        ("cuda", ["CUDAExecutionProvider"]),
        ("XNNPACK", ["XnnpackExecutionProvider"]),
        ("tensorrt", ["TensorrtExecutionProvider"]),
        ("cpuexecutionprovider", [CPU]),
    ],
)
def test_a_name_stands_for_what_the_machine_has(monkeypatch: pytest.MonkeyPatch, name: str, wanted: list[str]) -> None:
    names = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "XnnpackExecutionProvider")
    pretend(monkeypatch, "aarch64", *names)
    assert providers.candidates(name) == wanted


@pytest.mark.parametrize(
    ("machine", "name", "words"),
    [
        ("x86_64", "arm", "no provider 'arm' here: this machine is x86_64; available: auto, cpu, native"),
        ("aarch64", "tpu", "no provider 'tpu' here; available: auto, arm, cpu"),
        ("x86_64", "cuda", "available: auto, cpu, native (to have it: pip install 'edgeseq[gpu]'"),
        ("x86_64", "QNNExecutionProvider", "available: auto, cpu, native (to have it: pip install onnxruntime-qnn"),
        ("x86_64", "azure", "no provider 'azure' here"),
    ],
)
def test_what_is_not_here_is_answered_by_what_is(
    monkeypatch: pytest.MonkeyPatch, edgeseq: CommandLine, model_path: Path, machine: str, name: str, words: str
) -> None:
    pretend(monkeypatch, machine)
    monkeypatch.setattr(build, "can_build", lambda: name != "tpu")
    answer = edgeseq("verify", model_path, "--provider", name)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert words in answer.err


def test_a_name_that_stands_for_nothing_here_is_answered_in_python_too() -> None:
    with pytest.raises(UsageError, match=r"^no provider 'tpu' here; available: auto, .*cpu"):
        public.candidates("tpu")


@needs_idle
def test_a_provider_that_takes_no_node_is_refused(model: bytes) -> None:
    """onnxruntime itself opens a session here, names the provider first, and runs every node on the CPU."""
    raw = onnxruntime.InferenceSession(model, providers=[IDLE])
    assert raw.get_providers()[0] == IDLE
    with pytest.raises(UsageError, match=f"{IDLE} can run no part of the model: every node would run on {CPU}"):
        create.create_inference_session(model, "the model", IDLE, 1)


@needs_idle
def test_an_onnxruntime_that_does_not_tell_must_run_all_nodes_there(
    model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "_RECORDS", False)
    assert create.placement(create.create_inference_session(model, "the model", CPU, 1)) == {}
    with pytest.raises(UsageError, match=f"{IDLE} cannot run the model here"):
        create.create_inference_session(model, "the model", IDLE, 1)


@needs_idle
def test_a_damaged_file_is_not_blamed_on_the_provider(model: bytes) -> None:
    with pytest.raises(ModelFileError, match="is not a model that onnxruntime can load"):
        create.create_inference_session(model[:100], "the model", IDLE, 1)


@pytest.mark.parametrize(
    ("quantize", "operator"), [("none", "LSTM"), ("int8", "LSTM"), ("int8-dynamic", "DynamicQuantizeLSTM")]
)
def test_info_tells_which_nodes_run_where(edgeseq: CommandLine, tmp_path: Path, quantize: str, operator: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(edgeseq_export.build(make_checkpoint(layers=2), quantize))
    found = json.loads(edgeseq.must("info", path, "--provider", "cpu", "--json").out)
    assert found["providers"] == [CPU]
    assert found["placement"][CPU][operator] == 2
    assert f"2 {operator}" in edgeseq.must("info", path, "--provider", "cpu").out
    assert "placement" not in json.loads(edgeseq.must("info", path, "--json").out)


@pytest.mark.parametrize(("threads", "wanted"), [(1, 1), (3, 3)])
def test_a_session_is_one_for_a_small_device(model: bytes, threads: int, wanted: int) -> None:
    options = OrtSession(vouched(model), provider="cpu", threads=threads).raw.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (wanted, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert not options.enable_cpu_mem_arena


class Slow:
    """A session whose every step takes a millisecond longer, or fails."""

    def __init__(self, raw: Any, *, fails: bool = False) -> None:
        self._raw, self._fails = raw, fails

    def run(self, *arguments: Any) -> Any:
        if self._fails:
            raise onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException("out of memory")
        time.sleep(0.001)
        return self._raw.run(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


Change = Callable[[Any], Any]


def choose(monkeypatch: pytest.MonkeyPatch, model: bytes, changes: dict[str, Change]) -> OrtSession:
    """Open a model with `auto`, on a machine whose providers are the CPU's, each session changed as said."""

    def opened(content: bytes, name: str, provider: str, threads: int) -> Any:
        return changes[provider](create.create_inference_session(content, name, CPU, threads))

    monkeypatch.setattr(providers, "candidates", lambda _name: list(changes))
    monkeypatch.setattr(session, "create_inference_session", opened)
    chosen = open_session(model)
    assert isinstance(chosen, OrtSession)
    return chosen


def refuse(_raw: Any) -> Any:
    raise UsageError("no driver")


@pytest.mark.parametrize("slow", ["first", "second"])
def test_auto_keeps_the_fastest(monkeypatch: pytest.MonkeyPatch, model: bytes, slow: str) -> None:
    changes: dict[str, Change] = {"first": lambda raw: raw, "second": lambda raw: raw, slow: Slow}
    chosen = choose(monkeypatch, model, changes)
    assert set(chosen.measured) == {"first", "second"}
    assert max(chosen.measured, key=chosen.measured.__getitem__) == slow
    assert not isinstance(chosen.raw, Slow)
    assert chosen.measured[slow] >= 0.001 > min(chosen.measured.values())


def test_auto_leaves_out_what_cannot_run_the_model(monkeypatch: pytest.MonkeyPatch, model: bytes) -> None:
    changes: dict[str, Change] = {"first": Slow, "refused": refuse, "failing": lambda raw: Slow(raw, fails=True)}
    chosen = choose(monkeypatch, model, changes)
    assert set(chosen.measured) == {"first"}
    assert chosen.left_out == {"refused": "no driver", "failing": "out of memory"}
    assert Predictor(model, provider="cpu").step(1.0) == pytest.approx(Predictor(chosen).step(1.0))


def test_auto_measures_nothing_where_there_is_no_choice(monkeypatch: pytest.MonkeyPatch, model: bytes) -> None:
    monkeypatch.setattr(session, "time_per_step", lambda _step: pytest.fail("it was measured"))
    pretend(monkeypatch, "x86_64")
    assert open_session(model, provider="auto").measured == {}


def test_the_first_step_which_may_compile_does_not_count() -> None:
    waits = iter([2 * providers.MOMENT])
    assert providers.time_per_step(lambda: time.sleep(next(waits, 0))) < providers.MOMENT


NO_PLUGIN = "int answer(void) { return 42; }"
NO_DEVICE = """
#include <stddef.h>
void *CreateEpFactories(const char *name, const void *api, const void *logger, void **all, size_t most, size_t *count)
{ *count = 0; return NULL; }
void *ReleaseEpFactory(void *factory) { return NULL; }
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (NO_PLUGIN, "cannot be used: Failed to get symbol CreateEpFactories"),
        (NO_DEVICE, "finds no device here that it could run on"),
    ],
)
def test_a_library_that_brings_nothing_is_refused_with_the_reason(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, source: str, words: str
) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    library = tmp_path / "libstub.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=source, text=True, check=True)
    for _ in range(2):  # a refused library leaves nothing behind that would change the second answer
        answer = edgeseq("verify", model_path, "--provider-library", f"stub={library}")
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert f"the provider library stub={library}" in answer.err
        assert words in answer.err


@pytest.mark.parametrize(
    ("library", "words"),
    [
        ("stub", "--provider-library: expected NAME=PATH, got 'stub'"),
        ("stub=", "expected NAME=PATH, got 'stub='"),
        ("stub=nowhere.so", "cannot open shared object file"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "verify", "bench", "info", "evaluate", "backtest"])
def test_every_command_that_runs_a_model_takes_a_library(
    edgeseq: CommandLine, model_path: Path, command: str, library: str, words: str
) -> None:
    answer = edgeseq(command, model_path, "--provider-library", library)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert words in answer.err


def test_a_relative_path_starts_where_the_user_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=str(tmp_path / "nowhere.so")):
        providers.register("stub", "nowhere.so")


def test_an_onnxruntime_without_plugins_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(onnxruntime, "register_execution_provider_library")
    with pytest.raises(UsageError, match=r"takes no provider libraries; from 1\.23 on it does"):
        providers.register("stub", "any.so")


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch, model: bytes) -> Predictor:
    """A predictor with the engine for providers that have memory of their own, on the CPU."""

    def on_a_device(opened: OrtSession) -> engine.DeviceEngine:
        return engine.DeviceEngine(opened, opened.raw, opened.io)

    monkeypatch.setattr(OrtSession, "engine", on_a_device)
    return Predictor(model, provider="cpu")


VALUES = np.sin(np.arange(40) / 3).astype(np.float32)


def test_the_engine_for_devices_steps_as_the_other_does(model: bytes, on_device: Predictor) -> None:
    opened = OrtSession(vouched(model), provider="cpu")
    bound = engine.OrtEngine(opened, opened.raw, opened.io)
    assert type(on_device.session.engine()) is engine.DeviceEngine
    for value in VALUES:
        bound.x[...] = value
        bound.advance()
        np.testing.assert_array_equal(on_device.step(value).ravel(), bound.y.ravel())


def test_the_engine_for_devices_resets_runs_and_restores(on_device: Predictor) -> None:
    first = np.stack([on_device.step(value) for value in VALUES])
    on_device.reset()
    np.testing.assert_allclose(on_device.run(VALUES[:20]), first[:20], atol=1e-6)
    blob, ahead = on_device.snapshot(), on_device.forecast(9)
    np.testing.assert_allclose(on_device.step(VALUES[20]), first[20], atol=1e-6)
    on_device.step(50.0)
    on_device.restore(blob)
    np.testing.assert_array_equal(on_device.forecast(9), ahead)
    np.testing.assert_allclose([on_device.step(value) for value in VALUES[20:]], first[20:], atol=1e-6)


def test_a_step_that_fails_on_a_device_leaves_the_state_as_it_was(
    on_device: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_device.run(VALUES)
    assert isinstance(on_device.session, OrtSession)
    before = on_device.states
    with monkeypatch.context() as patch:
        patch.setattr(on_device.session.raw, "run_with_iobinding", Slow(None, fails=True).run)
        with pytest.raises(ModelFileError, match="out of memory"):
            on_device.step(1.0)
    for name, value in on_device.states.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(("names", "wanted"), [([CPU], "OrtEngine"), (["CUDAExecutionProvider", CPU], "DeviceEngine")])
def test_a_provider_gets_the_engine_for_it(
    monkeypatch: pytest.MonkeyPatch, model: bytes, names: list[str], wanted: str
) -> None:
    monkeypatch.setattr(OrtSession, "providers", names)
    assert type(OrtSession(vouched(model), provider="cpu").engine()).__name__ == wanted


@pytest.mark.cuda
def test_cuda_streams_the_same_forecasts_with_its_state_on_the_gpu(model: bytes) -> None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has no CUDA provider")
    p, wanted = Predictor(model, provider="cuda"), Predictor(model, provider="cpu")
    for value in VALUES:
        np.testing.assert_allclose(p.step(value), wanted.step(value), atol=1e-5)
    on_gpu = p._engine
    assert isinstance(on_gpu, engine.DeviceEngine)
    assert {value.device_name() for value in on_gpu._values.values()} == {"cuda"}
    blob = p.snapshot()
    p.step(50.0)
    p.restore(blob)
    np.testing.assert_allclose(p.run(VALUES), wanted.run(VALUES), atol=1e-5)


@pytest.mark.cuda
def test_a_pool_on_cuda_forecasts_as_one_on_the_cpu(model: bytes) -> None:
    """All streams, some of them, and after one of them was restored."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has no CUDA provider")
    pools = [Pool(model, provider=name) for name in ("cuda", "cpu")]
    for pool in pools:
        pool.add(*"abc")
    blobs = [pool.snapshot("b") for pool in pools]
    for number, value in enumerate(VALUES):
        if number % 10 == 9:
            for pool, blob in zip(pools, blobs, strict=True):
                pool.restore("b", blob)
                pool.step({"c": 1.0})
        found, wanted = (pool.step_array([value, 2 * value, -value]) for pool in pools)
        np.testing.assert_allclose(found, wanted, atol=1e-5)
