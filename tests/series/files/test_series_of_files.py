"""Files of every kind as series: the same numbers, times, units, and what the model file keeps of how they are read."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from edgeseq.series import Series
from edgeseq_runtime.errors import EdgeseqError
from tests.helpers.csv_helpers import csv, read

HOURS = [np.datetime64("2024-01-01T00:00:00") + hour for hour in range(0, 40 * 3600, 3600)]
TEMP = [round(20 + 3 * float(np.sin(hour / 4)), 2) for hour in range(40)]


def table(mark: str = ",", header: str = "time,temp") -> str:
    rows = [f"{time}{mark}{temp}" for time, temp in zip(HOURS, TEMP, strict=True)]
    return "\n".join([header.replace(",", mark), *rows, ""])


def objects(**more: object) -> list[str]:
    return [json.dumps({"time": str(time), "temp": temp, **more}) for time, temp in zip(HOURS, TEMP, strict=True)]


def nanoseconds(time: np.datetime64) -> int:
    return int(time.astype("datetime64[s]").astype(int)) * 10**9


KINDS: dict[str, Callable[[], str | bytes]] = {
    "csv": table,
    "semicolons, decimal commas": lambda: table(";").replace(".", ","),
    "tabs": lambda: table("\t"),
    "bars": lambda: table(" | "),
    "gzip": lambda: gzip.compress(table().encode()),
    "UTF-16 without a mark": lambda: table("\t").encode("utf-16-le"),
    "preamble": lambda: f"Logger 5\n\nSerial,12,x\n{table()}",
    "comments": lambda: f"# Logger 5\n{table()}# the end\n",
    "sep=": lambda: f"sep=;\n{table(';')}",
    "units": lambda: table(header="time,temp\ns,degC"),
    "header again": lambda: table() + "time,temp\n",
    "quoted": lambda: (
        "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in table().splitlines()) + "\n"
    ),
    "JSON lines": lambda: "\n".join(objects()) + "\n",
    "JSON array": lambda: f"[{', '.join(objects())}]",
    "topics": lambda: "".join(f"home/attic {line}\n" for line in objects()),
    "line protocol": lambda: "".join(
        f"room,host=a temp={temp} {nanoseconds(time)}\n" for time, temp in zip(HOURS, TEMP, strict=True)
    ),
    "annotated CSV": lambda: (
        "#group,false,false,false,false,true\n#datatype,string,long,dateTime:RFC3339,double,string\n#default,_result,,,,\n"
        ",result,table,_time,_value,_field\n"
        + "".join(f",,0,{time}Z,{temp},temp\n" for time, temp in zip(HOURS, TEMP, strict=True))
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_series_is_the_same_in_whatever_it_is_written(tmp_path: Path, kind: str) -> None:
    series = read(csv(tmp_path, KINDS[kind](), "log"))
    assert series.columns == ("temp",)
    assert series.time == "time"
    assert series.period == 3600
    np.testing.assert_array_equal(series.values[:, 0], np.array(TEMP, np.float32))
    assert series.seconds is not None
    np.testing.assert_array_equal(series.seconds * 1e9, [nanoseconds(time) for time in HOURS])
    assert series.units == (("degC",) if kind == "units" else ("",))


def test_parquet_and_zstd_too(tmp_path: Path) -> None:
    frame = pl.DataFrame({"time": [str(time) for time in HOURS], "temp": TEMP})
    frame.write_parquet(tmp_path / "a")
    frame.write_csv(tmp_path / "b", compression="zstd", check_extension=False)
    for name in ("a", "b"):
        np.testing.assert_array_equal(read(str(tmp_path / name)).values[:, 0], np.array(TEMP, np.float32))


def test_a_user_overrules_the_units_of_the_file(tmp_path: Path) -> None:
    path = csv(tmp_path, table(header="time,temp\ns,degC"))
    assert read(path, units={"temp": "°C"}).units == ("°C",)


def test_the_reading_has_what_the_device_needs(tmp_path: Path) -> None:
    """Names where no line gives them, and how many lines stand before the header."""

    def reading(series: Series) -> tuple[tuple[str, ...], int, tuple[str, ...]]:
        assert series.reading is not None
        return series.reading.header, series.reading.skip_rows, series.reading.time

    bare = table().partition("\n")[2]
    series = read(csv(tmp_path, bare))
    assert reading(series) == (("column 1", "column 2"), 0, ("column 1",))
    assert series.columns == ("column 2",)
    assert any("header: none" in note for note in series.notes)
    assert reading(read(csv(tmp_path, f"Logger 5\nSerial 7\n{table()}"))) == ((), 2, ("time",))
    assert reading(read(csv(tmp_path, table(header=",temp")))) == ((), 0, ("column 1",))
    assert reading(read(csv(tmp_path, f"# time,temp\n{bare}"))) == (("time", "temp"), 0, ("time",))


def test_what_was_decided_about_the_text_is_told(tmp_path: Path) -> None:
    assert read(csv(tmp_path, table())).notes == ()
    notes = read(csv(tmp_path, f"Größe\n{table(';')}".encode("cp1252"))).notes
    assert any("cp1252" in note for note in notes)
    assert any("header: line 2 (time, temp)" in note for note in notes)


def test_several_columns_without_names_are_to_be_named(tmp_path: Path) -> None:
    rows = "".join(f"{1553424480 + 60 * row},nan,{temp},0\n" for row, temp in enumerate(TEMP))
    path = csv(tmp_path, rows)
    with pytest.raises(EdgeseqError, match="column 3, column 4; name one with --target"):
        read(path)
    series = read(path, targets=["column 3"], time="column 1")
    np.testing.assert_array_equal(series.values[:, 0], np.array(TEMP, np.float32))
    assert series.period == 60


def test_columns_of_nested_objects_have_their_paths_for_names(tmp_path: Path) -> None:
    lines = [
        json.dumps({"Time": str(time), "DS18B20": {"Temperature": temp}})
        for time, temp in zip(HOURS, TEMP, strict=True)
    ]
    series = read(csv(tmp_path, "\n".join(lines), "log.jsonl"))
    assert (series.columns, series.time) == (("DS18B20.Temperature",), "Time")
    assert len(series) == 40
