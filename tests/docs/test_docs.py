"""The pages in docs/ do what they say: their code runs, and prints what stands below it."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series.examples import sine_continued

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "cells.md"]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def print_options() -> Iterator[None]:
    """What a page sets for NumPy's printing ends with it."""
    with np.printoptions():
        yield


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.usefixtures("print_options")
def test_the_code_of_a_page_prints_what_stands_below_it(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block of text is what the block of Python before it prints; they run in order, in one namespace."""
    text = page.read_text()
    found: dict[str, object] = {}
    printed = ""
    checked = 0
    for block in _BLOCK.finditer(text):
        language, content = block.groups()
        line = text[: block.start()].count("\n") + 1
        if language == "python":
            assert not printed, f"{page.name}:{line}: what the block above prints is not shown"
            exec(compile("\n" * line + content, page, "exec"), found)  # noqa: S102 - our own page
            printed = capsys.readouterr().out
        elif language == "text":
            assert printed == content, f"{page.name}:{line}"
            printed, checked = "", checked + 1
    assert not printed
    assert checked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())
    assert links
    for link in links:
        assert (page.parent / link).exists(), link


def test_the_gates_of_the_figure_move_the_oracles_own_cell(brief_path: Path) -> None:
    """The figure's gates, put into c' = f c + i g by hand, give the cell that the oracle's step function had."""
    script = runpy.run_path(str(DOCS / "gates.py"))
    gates, cell = script["first_layer"](Checkpoint.load(brief_path), sine_continued(50))
    assert cell.shape == (50, 8)
    assert np.ptp(cell, axis=0).min() > 0
    before = np.concatenate([np.zeros((1, 8)), cell[:-1]])
    np.testing.assert_allclose(gates.f * before + gates.i * gates.g, cell, atol=1e-6)  # inputs are float32


def test_the_figure_is_drawn_from_a_checkpoint(brief_path: Path, tmp_path: Path) -> None:
    """The liveliest unit's curves are those of the figure, over two periods, and a PNG is written."""
    script = runpy.run_path(str(DOCS / "gates.py"))
    script["main"]([str(brief_path), "-o", str(tmp_path / "gates.png")])
    assert (tmp_path / "gates.png").read_bytes().startswith(b"\x89PNG")
    gates, cell = script["first_layer"](Checkpoint.load(brief_path), sine_continued(2 * script["PERIOD"]))
    unit = script["liveliest"](gates)
    figure = script["draw"](sine_continued(2 * script["PERIOD"])[:, 0], gates, cell)
    lines = {line.get_label(): line.get_ydata() for axes in figure.axes for line in axes.lines}
    assert len(lines) == 6
    for label, curve in (("input gate i", gates.i), ("forget gate f", gates.f), ("output gate o", gates.o)):
        np.testing.assert_array_equal(lines[label], curve[:, unit])
    np.testing.assert_array_equal(lines["new state g"], gates.g[:, unit])
    np.testing.assert_array_equal(lines["cell c"], cell[:, unit])
