"""Figures and reports of columns whose names are formulas, escapes or markup."""

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import edgeseq_export
from edgeseq.evaluation import plots
from edgeseq.evaluation.png import png
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_export import report
from edgeseq_export.comparison import judge
from tests.conftest import CommandLine

NAMES = (
    r"$\frac{$",
    "cost$a_{ $x^{b$",
    r"$\undefined$",
    "$",
    "a\x1b[31m\0\nb",
    "<script>alert(1)</script>",
    "温\u202e度",
)


def named(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """Return the same model of a series and a column of this name, in this unit."""
    feature = replace(checkpoint.spec.features[0], name=name, unit=name)
    return replace(checkpoint, spec=replace(checkpoint.spec, series=name, features=(feature,), targets=(name,)))


@pytest.mark.parametrize("name", NAMES)
def test_an_evaluation_and_a_report_are_drawn(
    brief_sine: Checkpoint, name: str, tmp_path: Path, edgeseq: CommandLine
) -> None:
    checkpoint, model, page = tmp_path / "c.safetensors", tmp_path / "m.onnx", tmp_path / "page.html"
    named(brief_sine, name).save(checkpoint)
    edgeseq.must("export", checkpoint, "-o", model, "--report", page)
    made = named(brief_sine, name)
    [evaluation] = judge(made, {"float32": edgeseq_export.export(made)}).values()
    plots.draw_evaluation(evaluation, tmp_path / "e.png")
    assert (tmp_path / "e.png").stat().st_size
    html = page.read_text()
    assert "<script>alert" not in html
    assert html.replace("\n", "").isprintable()
    assert model.stat().st_size


def test_names_are_drawn_as_they_are_and_ticks_as_matplotlib_has_them() -> None:
    """Two names of one width differ in the figure; powers of ten at a logarithmic axis stay powers."""

    def drawn(title: str) -> bytes:
        figure = Figure(figsize=(3, 2))
        axes = figure.subplots()
        axes.plot([1, 2], [1, 1000], label=title)
        axes.set_yscale("log")
        axes.set_title(title)
        axes.set_xlabel(title)
        axes.legend(title=title)
        figure.suptitle(title)
        content = png(figure)
        ticks = [text for text in axes.get_yticklabels() if text.get_text()]
        assert ticks
        assert all(text.get_parse_math() for text in ticks)
        return content

    assert drawn("$a$") != drawn("a") != drawn(r"$\alpha$") != drawn("$a$")
    assert drawn("$x^{$")


def test_a_name_of_a_megabyte_is_cut() -> None:
    figure = Figure()
    figure.subplots().set_title("x" * 10**6)
    assert png(figure)


def test_what_jinja_is_given_is_visible(brief_sine: Checkpoint) -> None:
    spec = named(brief_sine, "a\x9b\u2028b")
    content = report.page(spec, {"float32": edgeseq_export.export(spec)})
    assert "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b" in content
