"""Real arm64 code: what a device runs, on an emulated ARM computer, compared with this machine."""

import platform
from pathlib import Path

import pytest

import edgeseq_export
from tests import emulated
from tests.made_up import make_checkpoint

TOLERANCE = 1e-6
"""Of the series' scale. Measured: 2.4e-7."""

pytestmark = [pytest.mark.slow, pytest.mark.arm64]


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> Path:
    """The Python of an ARM computer."""
    if platform.machine() == "aarch64":
        pytest.skip("this machine is an arm64 one: all other tests run on it")
    return emulated.make("arm64", request) / "python"


@pytest.mark.parametrize("quantize", ["none", "int8", "int8-dynamic"])
def test_every_way_to_stream_gives_the_same_forecasts_as_here(python: Path, tmp_path: Path, quantize: str) -> None:
    exported = edgeseq_export.export(make_checkpoint(hidden=30, horizon=3), quantize=quantize)
    assert emulated.difference([python], exported.content, tmp_path, "arm") <= TOLERANCE


def test_the_command_line_runs_there(python: Path, model_path: Path) -> None:
    assert emulated.run(python, "-c", "import platform; print(platform.machine())") == "aarch64\n"
    assert "in steps" in emulated.run(python, "-m", "edgeseq", "verify", model_path, "--provider", "arm")
