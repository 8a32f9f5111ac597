"""docs/glossary.md: each term once, and each in a module that there is."""

import re
from importlib.util import find_spec
from pathlib import Path

ROWS = re.findall(
    r"^\| (\*\*.*?) \| (.+?) \| ((?:`[\w.]+`(?:, )?)+) \|$",
    (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(),
    re.MULTILINE,
)

WORDS = {
    *("series", "sample", "feature", "target", "horizon", "window", "warm-up", "state", "stream", "step", "forecast"),
    *("checkpoint", "model file", "spec", "provider", "session", "predictor", "pool", "snapshot", "parity check"),
    *("data-quality rules", "imputation", "prediction interval", "coverage", "drift", "baseline", "fleet"),
    *("backend", "engine", "batch engine", "sidecar", "oracle", "status", "reason", "preset", "linear path"),
    *("truncated BPTT", "ensemble weight", "sensor", "native library", "fixed point", "int8", "int8-dynamic"),
}
"""Terms that the project cannot do without."""


def test_every_word_of_the_project_is_explained_once() -> None:
    terms = [term for first, *_ in ROWS for term in re.findall(r"\*\*(.+?)\*\*", first)]
    assert len(terms) == len(set(terms))
    assert set(terms) >= WORDS


def test_every_row_of_the_tables_is_read_here() -> None:
    text = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    assert len(ROWS) == len(re.findall(r"^\| \*\*", text, re.MULTILINE)) > 50


def test_every_module_that_is_named_exists() -> None:
    for _, _, where in ROWS:
        for module in re.findall(r"`([\w.]+)`", where):
            assert find_spec(module) is not None, module
