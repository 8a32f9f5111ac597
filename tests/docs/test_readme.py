"""The README does what it says: its commands and its code are run, its files and figures are there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseq_runtime import __version__
from tests.docs.pages import fits

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

ELSEWHERE = {
    "make demo": "CI runs it",
    "make test": "CI runs it, and this is it",
    "python3 -m venv": "the tests run in an environment",
    "pip install": "CI installs the wheel with the extra cpu only, and streams a model",
}
"""Commands that are not run here, and where they are."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.slow
def test_every_command_works_in_the_order_of_the_text(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "runtime", ROOT / "export"))
    ran, printed = 0, ""
    for command in commands():
        if any(command.startswith(known) for known in ELSEWHERE):
            continue
        words = ["/bin/bash", "-euc", command]
        done = subprocess.run(words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, command
        printed = done.stdout
        ran += 1
    assert ran >= 5
    (shown,) = re.findall(r"^    (\{.*\})$", README, re.MULTILINE)
    assert fits(printed, shown), f"the README shows\n{shown}\nbut this was printed:\n{printed}"
    number = -1
    for number, code in enumerate(blocks("python")):
        script = tmp_path / f"block{number}.py"
        script.write_text(code)
        subprocess.run([sys.executable, "-W", "error", script], cwd=tmp_path, env=environment, check=True)
    assert number >= 0


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
        "make docs",
    ):
        assert command in script


def test_it_is_read_in_ten_minutes() -> None:
    """All else has a page of its own."""
    assert len(README.splitlines()) <= 130
    assert len(README.split()) <= 1300


def test_its_figures_are_those_of_the_page_of_benchmarks() -> None:
    (table,) = re.findall(r"^\| series \|.*\n((?:\|.*\n)+)", README, re.MULTILINE)
    figures = re.findall(r"\d+\.\d+(?:e-?\d+)?", table)
    assert len(figures) >= 9
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    for figure in figures:
        assert figure in page, figure


def test_building_the_wheel_leaves_the_site_alone() -> None:
    """`make docs` writes it to dist/site, beside what `make build` makes."""
    (recipe,) = re.findall(r"^build:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    removed = [word for line in recipe.splitlines() if line.startswith("\trm") for word in line.split()[1:]]
    assert [word for word in removed if not word.startswith("-")] == ["dist/*.whl", "dist/*.tar.gz"]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README))))
def test_every_file_that_is_linked_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_version_is_one_everywhere() -> None:
    """The wheels that the guides install are the one that is built, and its changes are written down."""
    for page in ((ROOT / "docs" / name).read_text() for name in ("install.md", "raspberry-pi.md")):
        assert set(re.findall(r"edgeseq-([\w.]+)-py3", page)) == {__version__}
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()
