"""The README does what it says: its commands and its code are run, its files and figures are there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseq_export.c.toolchain import compiler
from edgeseq_runtime import __version__
from tests.helpers.csv_helpers import sensor_file

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

ELSEWHERE = {
    "make demo": "CI runs it",
    "make test": "CI runs it, and this is it",
    "make test-slow": "CI runs it",
    "make test-arm64 test-armhf test-webgpu": "CI runs them, but that of 32 bits",
    "python -m benchmarks.speed.break_even": "needs a GPU; test_benchmarks.py runs it with the CPU in its place",
    "make lint types build": "CI runs them",
    "make soak": "takes minutes; a tenth of it is among the slow tests",
    "pip install": "CI installs the wheel with the extra cpu only, and streams a model",
    "edgeseq predict co2.int8.onnx --mqtt": "test_mqtt.py runs the like against a real broker",
    "python -m benchmarks.accuracy": "takes minutes; its parts are run by the slow tests",
}
"""Commands that are not run here, and where they are."""

COMPILED = ("--provider native", "--format native")
"""What the commands have in them that need a C compiler."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.slow
def test_every_command_works_in_the_order_of_the_text(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(ROOT)
    for number in (1, 2, 9):
        sensor_file(tmp_path, f"boiler-{number}", level=20.0 * number, size=number)
    ran = 0
    for command in commands():
        if any(command.startswith(known) for known in ELSEWHERE):
            continue
        if compiler() is None and any(words in command for words in COMPILED):
            continue
        done = subprocess.run(["/bin/bash", "-euc", command], cwd=tmp_path, env=environment, check=False)
        assert done.returncode == 0, command
        ran += 1
    assert ran >= 5
    for number, code in enumerate(blocks("python")):
        script = tmp_path / f"block{number}.py"
        script.write_text(code)
        subprocess.run([sys.executable, "-W", "error", script], cwd=tmp_path, env=environment, check=True)
    assert number >= 1


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("make ")])
def test_every_target_is_in_the_makefile(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in shlex.split(command)[1:]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_ci_runs_what_is_not_run_here() -> None:
    ci = ROOT / ".ci" / "run"
    if not ci.exists():
        pytest.skip("this copy of the project comes without its CI script")
    script = ci.read_text()
    for command in (
        "make test",
        "make test-slow",
        "make test-arm64",
        "make test-webgpu",
        "make demo",
        "make lint types build",
        "[cpu]",
    ):
        assert command in script


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_file_that_is_linked_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_version_is_one_everywhere() -> None:
    """The wheels that the guides install are the one that is built, and its changes are written down."""
    for page in ((ROOT / "docs" / name).read_text() for name in ("install.md", "raspberry-pi.md")):
        assert set(re.findall(r"edgeseq-([\w.]+)-py3", page)) == {__version__}
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
