"""The folder in which the pages go on: what the tutorial leaves behind."""

import runpy
import shutil
from pathlib import Path

import pytest

import edgeseq
import edgeseq_export
from tests.docs.pages import DOCS, ROOT, run_page


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `try` within a project's, when the last block of the tutorial has run."""
    project = tmp_path_factory.mktemp("project")
    (project / "examples").symlink_to(ROOT / "examples")
    place = project / "try"
    place.mkdir()
    assert run_page(DOCS / "tutorial.md", place) >= 8
    return place


@pytest.fixture
def place(tutorial: Path, tmp_path: Path) -> Path:
    """A copy of it, for one page."""
    shutil.copytree(tutorial, tmp_path / "try")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path / "try"


@pytest.fixture(scope="session")
def brief_boiler(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model file of the tutorial's boiler, trained for a second only."""
    folder = tmp_path_factory.mktemp("boiler")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        runpy.run_path(str(ROOT / "examples" / "make_series.py"))
    series, parts = edgeseq.load(str(folder / "boiler.csv"))
    return edgeseq_export.export(edgeseq.fit(series, parts, horizon=6, steps=60, hidden=8)).content
