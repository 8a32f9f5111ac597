"""Real ARM code: what a device runs, on an emulated ARM computer of 64 and of 32 bits, compared with this machine."""

import platform
from pathlib import Path

import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from tests import emulated
from tests.helpers import tolerances

MACHINES = {"arm64": "aarch64", "armhf": "armv7l"}
"""Name of the script that makes the computer -> what it calls itself."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in MACHINES])
def computer(request: pytest.FixtureRequest) -> str:
    """Which ARM computer it is."""
    return str(request.param)


@pytest.fixture(scope="module")
def python(computer: str, request: pytest.FixtureRequest) -> Path:
    """The computer's Python."""
    if platform.machine() == MACHINES[computer]:
        pytest.skip(f"this machine is an {computer} one: all other tests run on it")
    return emulated.make(computer, request) / "python"


@pytest.mark.parametrize("quantize", ["none", "int8", "int8-dynamic"])
def test_every_way_to_stream_gives_the_same_forecasts_as_here(python: Path, tmp_path: Path, quantize: str) -> None:
    exported = edgeseq_export.export(make_checkpoint(hidden=30, horizon=3), quantize=quantize)
    assert emulated.difference([python], exported.content, tmp_path, "arm") <= tolerances.ARM[quantize]


def test_the_form_step_does_as_well(python: Path, tmp_path: Path) -> None:
    exported = edgeseq_export.export(make_checkpoint(hidden=30, horizon=3), form="step")
    assert emulated.difference([python], exported.content, tmp_path, "arm") <= tolerances.ARM["none"]


def test_the_command_line_runs_there(python: Path, computer: str, model_path: Path) -> None:
    assert emulated.run(python, "-c", "import platform; print(platform.machine())") == f"{MACHINES[computer]}\n"
    assert "in steps" in emulated.run(python, "-m", "edgeseq", "verify", model_path, "--provider", "arm")
