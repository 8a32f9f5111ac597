"""The report of an export: complete, true, and readable without anything beside it."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import onnx
import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part
from edgeseq.testing import make_checkpoint
from edgeseq_export.model_stats import ModelStats
from edgeseq_runtime.backends.open import open_session
from tests.conftest import CommandLine


class Page(HTMLParser):
    """Collects a page's tables, images and addresses, and sees that what is opened is closed."""

    VOID = frozenset({"meta", "img", "source", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[bytes] = []
        self.narrow: list[bytes] = []
        self.addresses: list[str] = []
        self.rows: list[list[str]] = []
        self.pre = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        named = dict(attributes)
        if tag == "img":
            kind, data = (named["src"] or "").split(",")
            assert kind == "data:image/png;base64"
            assert named["alt"]
            self.images.append(base64.b64decode(data))
        elif "src" in named or "href" in named:
            self.addresses.append(named.get("src") or named.get("href") or "")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

        if tag == "source":
            kind, data = (named["srcset"] or "").split(",")
            assert (kind, named["media"]) == ("data:image/png;base64", "(max-width: 40rem)")
            self.narrow.append(base64.b64decode(data))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] == "pre":
            self.pre += data


@pytest.fixture
def exported(tmp_path: Path, edgeseq: CommandLine) -> tuple[Path, Page, str]:
    """A model file with two targets and three steps, its report, and what was printed."""
    checkpoint, model, report = tmp_path / "c.safetensors", tmp_path / "m.onnx", tmp_path / "r.html"
    make_checkpoint(horizon=3, features=2, targets=2, linear_path=4).save(checkpoint)
    answer = edgeseq.must("export", checkpoint, "-o", model, "--quantize", "int8", "--report", report)
    return model, Page(report.read_text()), answer.out


def test_it_needs_nothing_beside_itself(exported: tuple[Path, Page, str]) -> None:
    _, page, _ = exported
    assert page.addresses == []
    assert len(page.images) == 2
    assert all(image.startswith(b"\x89PNG") for image in page.images)


def test_a_telephone_has_pictures_of_its_own_and_tables_that_scroll(exported: tuple[Path, Page, str]) -> None:
    """Half as wide at the same size of text; nothing but a table in its own box may be wider than the page."""
    model, page, _ = exported

    def width(image: bytes) -> int:
        return int.from_bytes(image[16:20], "big")

    assert [width(image) for image in page.images] == [1200, 1200]
    assert [width(image) for image in page.narrow] == [600, 600]
    text = model.with_name("r.html").read_text()
    assert text.count("<table") == text.count('<div class="wide"><table')
    assert re.search(r"\.wide \{[^}]*overflow-x: auto", text)
    assert "min-width" not in text.replace("(min-width", "")


def test_a_long_horizon_has_a_row_for_a_few_steps(tmp_path: Path, edgeseq: CommandLine) -> None:
    """Of 30 steps six: the first, doubling, the last."""
    values = np.random.default_rng(0).standard_normal((200, 1)).astype(np.float32)
    replace(make_checkpoint(horizon=30), test=Part(values, 100)).save(tmp_path / "c")
    edgeseq.must("export", tmp_path / "c", "-o", tmp_path / "m.onnx", "--report", tmp_path / "r.html")
    page = Page((tmp_path / "r.html").read_text())
    at = next(number for number, row in enumerate(page.rows) if row[0] == "RMSE, samples ahead")
    assert [row[0] for row in page.rows[at + 1 : at + 7]] == ["1", "2", "4", "8", "16", "30"]


def test_its_figures_are_the_files(exported: tuple[Path, Page, str]) -> None:
    model, page, _ = exported
    spec = open_session(model).spec
    assert json.loads(page.pre) == json.loads(spec.to_json())
    assert spec.figures
    rows = {row[0]: row[1:] for row in reversed(page.rows)}
    assert float(rows["model, int8"][0]) == pytest.approx(spec.figures.model.rmse, rel=1e-3)
    assert {"model, float32", "persistence", "int8, Predictor.step", "float32, naive session.run"} <= rows.keys()
    at = next(number for number, row in enumerate(page.rows) if row[0] == "RMSE, samples ahead")
    assert page.rows[at][1:4] == ["model, int8", "model, float32", "persistence"]
    assert [row[0] for row in page.rows[at + 1 : at + 4]] == ["1", "2", "3"]


def test_its_graph_is_the_files(exported: tuple[Path, Page, str]) -> None:
    model, page, _ = exported
    graph = onnx.load(model).graph
    operators = [row[0] for row in page.rows]
    start = operators.index("operator") + 1
    assert operators[start : start + len(graph.node)] == [node.op_type for node in graph.node]
    names = {row[0] for row in page.rows}
    assert {tensor.name for tensor in graph.initializer} <= names


def test_the_terminal_has_the_short_form(exported: tuple[Path, Page, str]) -> None:
    model, _, out = exported
    inventory = ModelStats.of(model.read_bytes())
    assert out.startswith(f"size: {inventory.sizes}\ngraph: {len(inventory.operators)} nodes: ")
    graph = out[out.index("graph: ") : out.index("agrees with")]
    assert " ".join(graph.split()).endswith(inventory.nodes)
    assert re.search(r"^RMSE by step ahead +1 +2 +3$", out, re.MULTILINE)


def test_an_inventory_adds_up() -> None:
    """By hand: a plain RNN of 2 units without a linear path."""
    content = edgeseq_export.build(make_checkpoint(cell="rnn", layers=1, hidden=2))
    found = ModelStats.of(content)
    sizes = {constant.name: constant.bytes for constant in found.constants}
    assert (sizes["W1"], sizes["R1"], sizes["head"]) == (4 * 2 * 2, 4 * 2 * 2, 4 * 2)
    assert found.weights == sum(sizes.values())
    assert found.weights + found.described < found.total == len(content)


def test_a_checkpoint_without_a_test_part_has_a_report_too(tmp_path: Path, edgeseq: CommandLine) -> None:
    made = make_checkpoint()
    path = tmp_path / "c.safetensors"
    Checkpoint(made.spec, made.weights).save(path)
    edgeseq.must("export", path, "-o", tmp_path / "m.onnx", "--report", tmp_path / "r.html")
    page = Page((tmp_path / "r.html").read_text())
    assert not page.images
    assert page.pre


def test_names_cannot_break_the_page(tmp_path: Path, edgeseq: CommandLine) -> None:
    made = make_checkpoint()
    nasty = replace(made.spec, series='<script>alert("x")</script>')
    path = tmp_path / "c.safetensors"
    Checkpoint(nasty, made.weights).save(path)
    edgeseq.must("export", path, "-o", tmp_path / "m.onnx", "--report", tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "<script" not in text
    Page(text)


def test_it_begins_with_the_verdict_and_how_to_use_the_file(tmp_path: Path, edgeseq: CommandLine) -> None:
    """Dates of training and test, coverage, ridge by step as training noted it; the graph and the spec folded away."""
    from edgeseq.series import load
    from edgeseq.training.fitting import fit
    from tests.helpers.csv_helpers import csv

    values = np.sin(np.arange(400) / 4) + 0.1 * np.random.default_rng(0).standard_normal(400)
    rows = "\n".join(f"{np.datetime64('2026-01-01T00') + hour},{value:.2f}" for hour, value in enumerate(values))
    made = fit(*load(csv(tmp_path, f"time,temp [K]\n{rows}\n")), horizon=2, hidden=4, steps=5)
    made.save(tmp_path / "c")
    edgeseq.must("export", tmp_path / "c", "-o", tmp_path / "my model.onnx", "--report", tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    top = text.partition("<h2>Accuracy</h2>")[0]
    for wanted in (
        "series: temp [K], 2 h ahead</h1>",
        "ridge",
        "Trained on series, 2026-01-01 to 2026-01-12 15:00, one every 1 h.",
        "Tested on 2026-01-14 08:00 to 2026-01-17 15:00.",
        "The 90 % interval held",
        "sensor | edgeseq predict &#39;my model.onnx&#39;",
        'Predictor("my model.onnx").step(',
    ):
        assert wanted in top
    at = next(number for number, row in enumerate(page.rows) if row[0] == "RMSE [K], samples ahead")
    column = page.rows[at].index("ridge")
    assert [float(row[column]) for row in page.rows[at + 1 : at + 3]] == pytest.approx(
        made.by_step["ridge"].tolist(), abs=1e-3
    )
    assert text.index("<details>") < text.index("The graph") < text.rindex("<details>") < text.index("<pre>")
    assert '<meta name="viewport"' in text


def test_a_model_that_adapts_is_reported_with_and_without(tmp_path: Path, edgeseq: CommandLine) -> None:
    """Both files of it; what is typical of the model is what a device shows."""
    make_checkpoint(horizon=3, adapt=True).save(tmp_path / "c")
    out = edgeseq.must(
        "export", tmp_path / "c", "-o", tmp_path / "m", "--quantize", "int8", "--report", tmp_path / "r"
    ).out
    assert [line.split("  ")[0] for line in out.splitlines() if "adapted" in line] == [
        "int8, adapted",
        "float32, adapted",
    ]
    text = (tmp_path / "r").read_text()
    for name in ("model, int8", "model, float32", "model, int8, adapted", "model, float32, adapted"):
        assert f">{name}<" in text
    assert "The model, adapted, " in text
    edgeseq.must("export", tmp_path / "c", "-o", tmp_path / "m", "--no-adapt", "--report", tmp_path / "r")
    assert "adapted" not in (tmp_path / "r").read_text()
