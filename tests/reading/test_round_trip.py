"""Any file that trains streams as it was evaluated: the same forecast for every row, or for every closed interval."""

import gzip
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import edgeseq as package
import edgeseq_export
from edgeseq_runtime import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE
from tests.conftest import CommandLine
from tests.reading.workbench import seconds, wave

ROWS = 432

ISO = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00"]
OTHER = [
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M:%S",
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y%m%d%H%M",
    "%d-%b-%Y %H:%M:%S",
]
EPOCHS = {"s": 1, "ms": 1000, "ns": 10**9}
LOCAL = ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"]
WORDS = ["", "nan", "NA", "unavailable", "-", "NULL", "kaputt", "-127"]


@dataclass(frozen=True)
class Style:
    """How a file is written."""

    separator: str = ","
    notation: str = ISO[0]
    """Directives, or an epoch's unit, or "" where there is no time."""
    zone: str = ""
    missing: str = ""
    decimal: str = "."
    thousands: str = ""
    header: bool = True
    index: bool = False
    """Whether the time's column has no name."""
    comment: str = ""
    units: bool = False
    quoted: bool = False
    encoding: str = "utf-8"
    every: str = ""
    clocks: bool = False
    packed: bool = False

    @property
    def said(self) -> dict[str, Any]:
        """What a user says of such a file."""
        said: dict[str, Any] = {}
        if self.zone:
            said["zone"] = self.zone
        if self.missing in ("kaputt", "-127"):
            said["na"] = [self.missing]
        if self.thousands == ".":
            said["decimal"] = ","
        if self.every:
            said["every"] = self.every
        if self.clocks and self.notation:
            said["clocks"] = ["hour_sin", "hour_cos"]
        return said


@dataclass(frozen=True)
class Samples:
    """What is written: a value for each time, NaN where there is none."""

    start: datetime
    step: timedelta = timedelta(hours=1)
    count: int = ROWS
    holes: tuple[int, ...] = ()
    """Rows without a value."""
    gaps: tuple[int, ...] = ()
    """Rows that are not there."""
    level: float = 20.0

    @property
    def rows(self) -> list[int]:
        return [number for number in range(self.count) if number not in self.gaps]

    @property
    def times(self) -> list[datetime]:
        return [self.start + self.step * number for number in self.rows]

    @property
    def values(self) -> list[float]:
        all_values = wave(self.count, self.level, round(timedelta(days=1) / self.step))
        return [math.nan if number in self.holes else all_values[number] for number in self.rows]


def time_cell(style: Style, time: datetime) -> str:
    if style.notation in EPOCHS:
        return str(round(time.timestamp()) * EPOCHS[style.notation])
    return (time.astimezone(ZoneInfo(style.zone)) if style.zone else time).strftime(style.notation)


def value_cell(style: Style, value: float) -> str:
    if math.isnan(value):
        return style.missing
    text = f"{value:,.2f}" if style.thousands else f"{value:.2f}"
    return text.replace(",", "~").replace(".", style.decimal).replace("~", style.thousands)


def csv_text(style: Style, data: Samples) -> bytes:
    """A table of text in a style."""
    quote = '"' if style.quoted else ""
    rows = [[value_cell(style, value)] for value in data.values]
    names = ["temp"]
    if style.notation:
        rows = [[time_cell(style, time), *row] for time, row in zip(data.times, rows, strict=True)]
        names = ["" if style.index else "Zeit", *names]
    lines = [f"{style.comment}\n"] if style.comment else []
    lines += [style.separator.join(names) + "\n"] if style.header else []
    lines += [style.separator.join([""] * (len(names) - 1) + ["°C"]) + "\n"] if style.units and style.header else []
    lines += [style.separator.join(f"{quote}{cell}{quote}" if cell else "" for cell in row) + "\n" for row in rows]
    return "".join(lines).encode(style.encoding)


def json_text(style: Style, data: Samples) -> bytes:
    lines = []
    for time, value in zip(data.times, data.values, strict=True):
        stamp: Any = time_cell(style, time)
        cell = (style.missing or None) if math.isnan(value) else round(value, 2)
        sample = {"Zeit": int(stamp) if style.notation in EPOCHS else stamp} if style.notation else {}
        lines.append(json.dumps({**sample, "temp": cell}) + "\n")
    return "".join(lines).encode()


def line_protocol(_: Style, data: Samples) -> bytes:
    """A row without a value is not written: its field would be missing."""
    return "".join(
        f"room,host=a temp={value:.2f} {round(time.timestamp()) * 10**9}\n"
        for time, value in zip(data.times, data.values, strict=True)
        if not math.isnan(value)
    ).encode()


def parquet(style: Style, data: Samples) -> bytes:
    import io

    buffer = io.BytesIO()
    values: Any = [None if math.isnan(value) else round(value, 2) for value in data.values]
    columns: dict[str, Any] = {"temp": values}
    if style.notation in EPOCHS:
        columns["time"] = [round(time.timestamp()) * EPOCHS[style.notation] for time in data.times]
    elif style.notation:
        columns["time"] = [time.replace(tzinfo=None) for time in data.times]
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def check_round_trip(
    folder: Path, command: CommandLine, style: Style, name: str, data: bytes, times: list[datetime]
) -> None:
    """Train on a file, and compare what `predict` says of it with a predictor on the series that was read."""
    path = folder / name
    path.write_bytes(gzip.compress(data) if style.packed else data)
    series, parts = package.load(path, **style.said)
    checkpoint = package.fit(series, parts, steps=3, hidden=4, layers=1, linear_path=0)
    model = folder / "m.onnx"
    model.write_bytes(edgeseq_export.export(checkpoint).content)
    wanted = Predictor(model, rules=AS_THEY_ARE, provider="cpu").run(
        series.values[:, :1] if not series.clocks else series.values
    )
    answer = command("predict", model, "--input", path)
    assert answer.code == 0, answer.err
    found = np.array([json.loads(line)["forecast"] for line in answer.out.splitlines()], float)
    if style.every:
        assert len(found) in (len(wanted), len(wanted) - 1), answer.err
        wanted = wanted[: len(found)]
    elif style.notation:
        assert series.seconds is not None
        wanted = wanted[np.searchsorted(series.seconds, np.array(seconds(times)) - 1)]
    assert len(found) == len(wanted), answer.err
    np.testing.assert_allclose(
        found.reshape(len(found), -1),
        np.asarray(wanted, float).reshape(len(found), -1),
        rtol=1e-4,
        atol=1e-4,
        err_msg=answer.err,
    )


starts = st.datetimes(datetime(2001, 1, 1), datetime(2030, 1, 1)).map(
    lambda time: time.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
)
places = st.lists(st.integers(20, ROWS - 20), max_size=6, unique=True).map(tuple)
contents = st.builds(
    Samples, start=starts, holes=places, gaps=places, level=st.sampled_from([20.0, 20.0, -3.0, 1500.0])
)


@st.composite
def table_styles(draw: st.DrawFn, separators: str, decimals: str) -> Style:
    """Styles whose parts go together."""
    separator, decimal = draw(st.sampled_from(separators)), draw(st.sampled_from(decimals))
    notation = draw(st.sampled_from([*ISO, *OTHER, *EPOCHS, ""]))
    zone = ""
    if draw(st.booleans()) and draw(st.booleans()):
        notation, zone = draw(st.sampled_from(LOCAL)), draw(st.sampled_from(["Europe/Berlin", "America/New_York"]))
    thousands = draw(st.sampled_from(["", "", "'", "." if decimal == "," else ","]))
    quoted = draw(st.booleans()) or separator in (decimal, thousands)
    missing = draw(st.sampled_from(WORDS))
    header = draw(st.booleans()) or draw(st.booleans())
    return Style(
        separator=separator,
        notation=notation,
        zone=zone,
        missing=missing if notation or missing else "nan",  # an empty line is none
        decimal=decimal,
        thousands=thousands,
        header=header,
        index=bool(notation) and draw(st.booleans()),
        comment=draw(st.sampled_from(["", "# logger v2, attic", "sep=" + separator])),
        units=draw(st.booleans()) and bool(notation),
        quoted=quoted,
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"])),
        clocks=draw(st.booleans()),
        packed=draw(st.booleans()) and draw(st.booleans()),
    )


many = settings(max_examples=12, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
"""Without the search for a smaller example: each takes a training."""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round")


@many
@given(style=table_styles(",", "."), data=contents)
def test_csv(folder: Path, edgeseq: CommandLine, style: Style, data: Samples) -> None:
    """Commas between cells, points in numbers."""
    check_round_trip(folder, edgeseq, style, "log.csv", csv_text(style, data), data.times)


@many
@given(style=table_styles("\t", ".,"), data=contents)
def test_tsv(folder: Path, edgeseq: CommandLine, style: Style, data: Samples) -> None:
    """Tabs between cells."""
    check_round_trip(folder, edgeseq, style, "log.tsv", csv_text(style, data), data.times)


@many
@given(style=table_styles(";", ","), data=contents)
def test_semicolons_with_decimal_commas(folder: Path, edgeseq: CommandLine, style: Style, data: Samples) -> None:
    """As spreadsheets of comma countries write."""
    check_round_trip(folder, edgeseq, style, "log.csv", csv_text(style, data), data.times)


@st.composite
def line_styles(draw: st.DrawFn) -> Style:
    return Style(
        notation=draw(st.sampled_from([*ISO, *OTHER, *EPOCHS])),
        missing=draw(st.sampled_from(["", "nan", "unavailable"])),
        clocks=draw(st.booleans()),
        packed=draw(st.booleans()) and draw(st.booleans()),
    )


@many
@given(style=line_styles(), data=contents)
def test_json_lines(folder: Path, edgeseq: CommandLine, style: Style, data: Samples) -> None:
    """An object a line."""
    check_round_trip(folder, edgeseq, style, "log.jsonl", json_text(style, data), data.times)


@many
@given(style=line_styles().map(lambda style: replace(style, packed=False)), data=contents)
def test_parquet(folder: Path, edgeseq: CommandLine, style: Style, data: Samples) -> None:
    """Times as such, or as an epoch."""
    check_round_trip(folder, edgeseq, style, "log.parquet", parquet(style, data), data.times)


@many
@given(style=line_styles(), data=contents)
def test_line_protocol(folder: Path, edgeseq: CommandLine, style: Style, data: Samples) -> None:
    """A row without a value has no line."""
    times = [time for time, value in zip(data.times, data.values, strict=True) if not math.isnan(value)]
    check_round_trip(folder, edgeseq, style, "log.lp", line_protocol(style, data), times)


FORMS: dict[str, tuple[str, Callable[[Style, Samples], bytes]]] = {
    "csv": ("log.csv", csv_text),
    "jsonl": ("log.jsonl", json_text),
    "parquet": ("log.parquet", parquet),
    "lp": ("log.lp", line_protocol),
}


@many
@given(
    form=st.sampled_from(sorted(FORMS)),
    notation=st.sampled_from([*ISO, *OTHER, *EPOCHS]),
    every=st.sampled_from(["15min", "30min", "1h"]),
    start=starts,
    minutes=st.sampled_from([1, 5]),
    clocks=st.booleans(),
)
def test_intervals(
    folder: Path,
    edgeseq: CommandLine,
    form: str,
    notation: str,
    every: str,
    start: datetime,
    minutes: int,
    clocks: bool,
) -> None:
    """Trained on averages, streamed raw: the forecasts of the closed intervals."""
    count = 2500 if minutes == 5 else 5000
    assume(minutes == 5 or every == "15min")
    data = Samples(start, timedelta(minutes=minutes), count)
    style = Style(notation=notation, every=every, clocks=clocks)
    name, write = FORMS[form]
    check_round_trip(folder, edgeseq, style, name, write(style, data), data.times)
