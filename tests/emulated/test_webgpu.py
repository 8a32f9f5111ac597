"""A provider with memory of its own, by a plug-in library: a graphics card that is emulated, compared with the CPU."""

import json
import sys
from pathlib import Path

import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from tests import emulated
from tests.helpers import tolerances

pytestmark = [pytest.mark.slow, pytest.mark.webgpu]


@pytest.fixture(scope="module")
def card(request: pytest.FixtureRequest) -> Path:
    """The folder with what runs a command that sees the card, and with the plug-in."""
    return emulated.make("webgpu", request)


@pytest.fixture(scope="module")
def library(card: Path) -> str:
    """What --provider-library takes."""
    return f"webgpu={card / 'plugin.so'}"


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_every_way_to_stream_gives_the_same_forecasts(card: Path, library: str, tmp_path: Path, quantize: str) -> None:
    exported = edgeseq_export.export(make_checkpoint(hidden=30, horizon=3), quantize=quantize)
    device = [card / "run", sys.executable]
    assert emulated.difference(device, exported.content, tmp_path, "webgpu", library) <= tolerances.WEBGPU


def test_info_tells_which_nodes_run_where(card: Path, library: str, tmp_path: Path) -> None:
    """The LSTM of ONNX runs on the card; onnxruntime's own dynamic one has kernels for the CPU only."""
    layers = {}
    for quantize in ("none", "int8-dynamic"):
        path = tmp_path / f"{quantize}.onnx"
        path.write_bytes(edgeseq_export.build(make_checkpoint(), quantize))
        words = ["info", path, "--json", "--provider", "webgpu", "--provider-library", library]
        found = json.loads(emulated.run(card / "run", sys.executable, "-m", "edgeseq", *words))
        assert found["providers"][0] == "WebGpuExecutionProvider"
        layers[quantize] = {
            provider: operators
            for provider, counts in found["placement"].items()
            if (operators := {name: count for name, count in counts.items() if name.endswith("LSTM")})
        }
    assert layers == {
        "none": {"WebGpuExecutionProvider": {"LSTM": 2}},
        "int8-dynamic": {"CPUExecutionProvider": {"DynamicQuantizeLSTM": 2}},
    }


def test_auto_measures_both_and_keeps_the_faster(card: Path, library: str, model_path: Path) -> None:
    words = ["info", model_path, "--json", "--provider", "auto", "--provider-library", library]
    found = json.loads(emulated.run(card / "run", sys.executable, "-m", "edgeseq", *words))
    times = found["seconds_a_step"]
    assert set(times) == {"CPUExecutionProvider", "WebGpuExecutionProvider"}
    assert found["providers"][0] == min(times, key=times.__getitem__)


def test_the_plugin_and_its_device_are_listed(card: Path, library: str) -> None:
    command = [sys.executable, "-m", "edgeseq", "providers", "--provider-library", library]
    assert "webgpu  (WebGpuExecutionProvider)  GPU" in emulated.run(card / "run", *command)


def test_a_plugin_goes_by_the_name_it_was_given_and_may_be_named_twice(card: Path, model_path: Path) -> None:
    library = f"mine={card / 'plugin.so'}"
    words = ["verify", model_path, "--json", "--provider", "mine"]
    libraries = ["--provider-library", library, "--provider-library", library]
    found = json.loads(emulated.run(card / "run", sys.executable, "-m", "edgeseq", *words, *libraries))
    assert found["providers"][0] == "WebGpuExecutionProvider"
    assert found["passed"]


def test_the_state_stays_on_the_card_from_step_to_step(card: Path, library: str, model_path: Path) -> None:
    code = (
        "import sys; from edgeseq_runtime import Predictor, providers; "
        "providers.register('webgpu', sys.argv[2]); p = Predictor(sys.argv[1], provider='webgpu'); p.step(0.1); "
        "print(*{value.device_name() for value in p._engine._values.values()})"
    )
    path = library.partition("=")[2]
    assert emulated.run(card / "run", sys.executable, "-c", code, model_path, path) == "webgpu\n"
