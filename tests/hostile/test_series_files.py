"""Series for training that were damaged, or made to take for ever: refused in one line, in time and on stderr alone."""

import contextlib
import re
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from edgeseq.series import load
from edgeseq.series.files import cells, local_clocks, reader, time_cells
from edgeseq.series.files.time_column import Column
from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.reading import durations, lines

MEGABYTE = 10**6


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("series") / "plant.parquet"
    rows = np.arange(300)
    pl.DataFrame({"time": rows * 60 + 1_600_000_000, "v": np.sin(rows / 9), "w": ["a", "b", "c"] * 100}).write_parquet(
        path
    )
    return path.read_bytes()


def test_a_damaged_parquet_file_is_refused_without_a_word_beside_the_error(
    parquet: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What polars writes in a panic goes past Python, to the descriptor itself."""
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(parquet)
        for position in random.integers(len(parquet) - 700, len(parquet), 2).tolist():
            damaged[position] = int(random.integers(256))
        (tmp_path / "plant.parquet").write_bytes(damaged)
        try:
            load(str(tmp_path / "plant.parquet"), targets=["v"])
        except EdgeseqError:
            refused += 1
    assert refused > 100
    assert capfd.readouterr() == ("", "")
    print("heard", file=sys.stderr)
    assert capfd.readouterr().err == "heard\n"


def test_units_in_brackets_are_found_whatever_the_brackets() -> None:
    """As written by hand, and as the pattern of version 0.1 found them where brackets are not within each other."""
    units = {
        "temp [°C]": "°C",
        "flow (l/h) ": "l/h",
        "a (b) [c]": "c",
        "a [b": "",
        "a]": "",
        "[]": "",
        "": "",
        "v(x": "",
    }
    assert {name: reader._unit(name) for name in units} == units
    pattern = re.compile(r"[^\[\]()]*[\[(](?P<unit>[^\[\]()]+)[\])]\s*")
    random = np.random.default_rng(0)
    for _ in range(5000):
        name = "".join(random.choice(list("ab [](")) for _ in range(random.integers(8)))
        match = pattern.fullmatch(name)
        if match or not set(name) & set("[]("):
            assert reader._unit(name) == (match["unit"] if match else "")


KNOWN = "0123456789+-.,eE()[]{} \t\"'\\/:;TZaznumslhdi_=°\u0663"
"""What the patterns know, and a digit of another script."""


@pytest.mark.parametrize("character", sorted(KNOWN))
def test_a_megabyte_of_any_character_takes_no_time(character: str) -> None:
    """Every pattern that a cell, a header or an option meets."""
    text = character * MEGABYTE
    column = pl.Series("v", [text, f"1{text}1"])
    began = time.monotonic()
    for name in (text, f"{text})", f"x {text}", f"({text}"):
        reader._unit(name)
    for cell in (text, f"1{text}", f"{text}1"):
        with pytest.raises(EdgeseqError):
            durations.parse(cell)
        time_cells.is_written(cell)
        lines.separator(cell)
    cells.mostly_numbers(column)
    made = Column.of(column, "v", str)
    with pytest.raises(EdgeseqError):
        local_clocks.in_utc(made, time_cells.read_column(made, None, named=True), "", None)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "text",
    [
        "(" * MEGABYTE + "\n1\n2\n",
        "[" * MEGABYTE + "]\n1\n2\n",
        ",".join(f"c{i}" for i in range(10_000)) + "\n" + ",".join("1" * 10_000) + "\n",
        "time,v\n" + "9" * 400 + ",1\n",
        "time,v\n2025-01-01," + "9" * 400 + "\n",
        "time,v\n" + "\n".join(f"{10 ** (i % 15)},{i}" for i in range(500)),
        "v\n" + "x" * MEGABYTE + "\n",
        'v\n"' + "x" * MEGABYTE,
        "v\n" + "\x1b]0;title\x07\n",
        "v\u202e\n\u202e\n",
        "\x00",
        "v\n",
        "v,v\n1,2\n",
        "time,v\n0001-01-01T00:00:00+23:59,1\n9999-12-31T23:59:59-23:59,2\n",
        "time,v\n1e308,1\n-1e308,2\n",
        "time,v\n2025-01-01,1\ninf,2\n",
        "v\n1e400\n-1e400\n",
        "v\n1_0\n2\n",
        "v\n٣\n٤\n",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_hostile_csv_file_is_refused_in_a_short_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text, "utf-8")
    began = time.monotonic()
    with pytest.raises(EdgeseqError) as caught:
        load(str(tmp_path / "x.csv"), targets=["w"] if "c9999" in text else ())
    assert time.monotonic() - began < 2
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 1000


def test_random_files_are_read_or_refused(tmp_path: Path) -> None:
    """Bytes of a CSV file in any order."""
    random = np.random.default_rng(0)
    alphabet = list("019.,;\t\n\r\"' +-eETZ:/vtime()[]\x00\x1b\u202eé\ufeff")
    for _ in range(400):
        text = "time,v\n" * int(random.integers(2)) + "".join(random.choice(alphabet, random.integers(200)))
        (tmp_path / "x.csv").write_bytes(text.encode(str(random.choice(["utf-8", "utf-16"])), "replace"))
        with contextlib.suppress(EdgeseqError):
            load(str(tmp_path / "x.csv"))
