"""CONTRIBUTING.md is about what there is: its files, targets, options of pytest and exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseq import cli
from edgeseq_runtime import errors

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()

PLACEHOLDERS = re.compile(r"NAME|FORMAT|COMMAND|FOLDER|Unreleased")


def test_every_file_and_folder_that_it_names_exists() -> None:
    """A path may begin anywhere: `templates/int8.c` is that of the folder which the line is about."""
    folders = ("edgeseq", "export", "runtime", "benchmarks", "docs", "examples", "tests")
    files = [*ROOT.iterdir(), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    places = {f"/{path.relative_to(ROOT)}{'/' * path.is_dir()}" for path in files}
    named = re.findall(r"`([\w./-]+(?:\.(?:py|md|toml|c|txt)|/))`", TEXT)
    assert len(named) > 40
    created = {"dist/"}
    for name in named:
        if not PLACEHOLDERS.search(name) and name not in created:
            assert any(place.endswith(f"/{name}") for place in places), name


def test_every_target_of_make_exists() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = [target for line in re.findall(r"`?make ((?:[a-z][a-z0-9-]+ ?)+)`", TEXT) for target in line.split()]
    assert {"test", "test-slow", "test-arm64", "test-armhf", "test-webgpu", "docs", "demo"} <= set(named)
    assert set(named) <= set(targets)


@pytest.mark.parametrize(
    ("classes", "code"), re.findall(r"^\| ((?:`\w+Error`,? ?)+)\| [^|]+ \| (\d) \|$", TEXT, re.MULTILINE)
)
def test_an_error_leads_to_the_exit_code_of_the_table(classes: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"\w+", classes):

        def fail(*_: object, error: str = name, **__: object) -> None:
            raise getattr(errors, error)("on purpose")

        monkeypatch.setattr(cli.cli, "main", fail)
        assert cli.run([]) == int(code), name


def test_the_table_has_every_error() -> None:
    """But those that are kinds of one that it has."""
    raised = {name for name in vars(errors) if name.endswith("Error")} - {"EdgeseqError"}
    assert raised - {"UnknownProviderError", "TooManyStreamsError"} == set(
        re.findall(r"`(\w+Error)`", TEXT.partition("## Conventions")[2])
    ) - {"EdgeseqError"}


def test_the_markers_that_it_names_are_those_of_the_project() -> None:
    named = set(re.findall(r"-m \"?(?:not )?(\w+)\"?`", TEXT))
    assert {"slow", "cuda"} <= named
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--markers"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in named:
        assert f"@pytest.mark.{name}:" in done.stdout, name
