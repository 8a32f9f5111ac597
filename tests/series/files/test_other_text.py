"""Series that are text and no CSV: JSON, Influx line protocol, and the annotated CSV of InfluxDB."""

import datetime
from pathlib import Path

import polars as pl
import pytest

from edgeseq.series.files.opening import open_table
from edgeseq.series.files.table import Table
from edgeseq_runtime.errors import DataError
from tests.helpers.csv_helpers import csv


def opened(folder: Path, text: str) -> Table:
    return open_table(csv(folder, text, "log"))


# JSON


def test_objects_line_by_line(tmp_path: Path) -> None:
    """A key that a line lacks is a missing cell; numbers are numbers, texts stay texts."""
    table = opened(tmp_path, '{"time": "2024-01-01", "temp": 1.5, "n": 3}\n{"temp": "2,5", "n": 4, "on": true}\n')
    assert table.names == ("time", "temp", "n", "on")
    assert list(table.column("time")) == ["2024-01-01", None]
    assert list(table.column("temp")) == ["1.5e0", "2,5"]  # no point that might part thousands
    assert table.kinds["n"] == pl.Int64
    assert list(table.column("on")) == [None, True]
    assert table.place(1) == "line 2"


def test_objects_within_objects_have_names_with_points(tmp_path: Path) -> None:
    """As the device finds them by a path."""
    text = '{"Time":"2024-02-01T00:00:00","DS18B20":{"Temperature":22.2},"temps":[1,{"v":2}],"a":{}}\n'
    table = opened(tmp_path, text)
    assert table.names == ("Time", "DS18B20.Temperature", "temps.0", "temps.1.v")
    assert table.column("DS18B20.Temperature")[0] == 22.2


@pytest.mark.parametrize("word", ["nan", "NaN", "-nan", "inf", "-inf", "Infinity", "NAN", "null"])
def test_a_number_that_is_none_is_missing_in_its_own_field(tmp_path: Path, word: str) -> None:
    table = opened(tmp_path, f'{{"temp":{word},"hum":50,"s":"nan, {word} "}}\n{{"temp":20.5,"hum":51,"s":"x"}}\n')
    temp = table.column("temp").cast(pl.Float64).to_list()
    assert temp[0] is None or not abs(temp[0]) < 1e300
    assert temp[1] == 20.5
    assert list(table.column("hum")) == [50, 51]
    assert table.column("s")[0] == f"nan, {word} "


def test_one_array_of_objects(tmp_path: Path) -> None:
    table = opened(tmp_path, '[\n  {"t": 1, "v": 2.5},\n  {"t": 2, "v": null}\n]\n')
    assert (table.names, table.height) == (("t", "v"), 2)
    assert list(table.column("v")) == [2.5, None]
    assert table.place(1) == "object 2"


def test_lists_of_numbers(tmp_path: Path) -> None:
    """As `predict` takes them."""
    table = opened(tmp_path, "[1, 2.5]\n[3, 4.5]\n")
    assert table.names == ("column 1", "column 2") == table.written.header
    assert list(table.column("column 2")) == [2.5, 4.5]


def test_messages_with_their_topics(tmp_path: Path) -> None:
    """As mosquitto_sub -v prints them."""
    table = opened(tmp_path, 'home/a {"temp": 1.5}\nhome/b {"temp": 2.5}\n')
    assert list(table.column("topic")) == ["home/a", "home/b"]
    assert list(table.column("temp")) == [1.5, 2.5]


def test_a_blank_line_is_a_sample_without_values_but_for_the_last(tmp_path: Path) -> None:
    """As it is for `predict`."""
    table = opened(tmp_path, '{"v": 1}\n\n{"v": 3}\n\n')
    assert list(table.column("v")) == [1, None, 3]
    assert table.place(2) == "line 3"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('{"v": 1}\n{"v": \n', "line 2: .* is not JSON"),
        ('{"v": 1}\n5\n', "line 2: expected an object"),
        ('[{"bn": "a", "bt": 1704067200}, {"t": 3600, "v": 1}]', "is JSON of SenML with base values"),
        ("[" * 100_000, "line 1: .* is not JSON"),
        ("".join(f'{{"k{row}": 1}}\n' for row in range(3000)), "more than 2000 columns"),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(DataError, match=word) as caught:
        opened(tmp_path, text)
    assert len(str(caught.value)) < 300


def test_the_last_line_of_a_log_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    table = opened(tmp_path, '{"v": 1}\n{"v": 2}\n{"v":')
    assert list(table.column("v")) == [1, 2]
    assert table.written.notes == ("line 3, the last, is cut: left out",)
    table = opened(tmp_path, "room v=1 1\nroom v=2 2\nroom v")
    assert list(table.column("v")) == [1, 2]
    assert table.written.notes == ("line 3, the last, is cut: left out",)


# Line protocol


def test_points_of_one_series_and_time_are_one_row(tmp_path: Path) -> None:
    text = (
        "# from telegraf\n"
        "room,host=a temp=20.5 1700000000000000000\nroom,host=a hot=true 1700000000000000000\n"
        "room,host=b temp=30i 1700000000000000000\n"
        'room,host=a temp=21.5,note="a \\"b\\"" 1700003600000000000\n'
    )
    table = opened(tmp_path, text)
    assert table.names == ("time", "series", "host", "temp", "hot", "note")
    assert list(table.column("temp")) == [20.5, 30.0, 21.5]
    assert list(table.column("hot")) == [1.0, None, None]
    assert list(table.column("host")) == ["a", "b", "a"]
    assert table.column("series")[1] == "room,host=b"
    assert table.column("note")[2] == 'a "b"'
    assert [table.place(row) for row in range(3)] == ["line 2", "line 4", "line 5"]


@pytest.mark.parametrize("nanoseconds", [1, 1_700_000_000, 1_700_000_000_000_000_123])
def test_a_time_of_the_protocol_is_nanoseconds_however_small(tmp_path: Path, nanoseconds: int) -> None:
    """Nothing is guessed from its size."""
    column = opened(tmp_path, f"room temp=1 {nanoseconds}\n").column("time")
    assert column.dtype == pl.Datetime("ns", "UTC")
    assert column.to_physical()[0] == nanoseconds
    assert column[0].replace(tzinfo=None) == datetime.datetime(1970, 1, 1) + datetime.timedelta(
        microseconds=nanoseconds // 1000
    )


def test_points_without_a_time_are_rows_of_their_own(tmp_path: Path) -> None:
    table = opened(tmp_path, "room temp=1\nroom temp=2\nroom temp=3\n")
    assert list(table.column("temp")) == [1, 2, 3]


def test_a_value_that_is_written_twice_is_told_of(tmp_path: Path) -> None:
    """The later one is taken, as the database does."""
    table = opened(tmp_path, "room temp=1 5\nroom temp=2 5\nroom temp=3 6\n")
    assert list(table.column("temp")) == [2, 3]
    assert table.written.notes == ("1 point of a series and time that are there already: the later value is taken",)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("room temp=1 5\nroom temp=x 6\n", "line 2: the field temp: expected a line protocol value"),
        ("room temp=1 4\nroom temp=1 6.5\nroom temp=1 7\n", "line 2: the time 6.5 .* is not a number of nanoseconds"),
        ("room temp=1 5\nroom temp=1 9999999999999999999\n", "line 2: the time 9{19} is not a number of nano"),
    ],
)
def test_what_is_no_point_is_refused_with_its_line(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(DataError, match=word):
        opened(tmp_path, text)


# Annotated CSV

ANNOTATED = (
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string\r\n"
    "#group,false,false,true,true,false,false,true,true,true\r\n"
    "#default,_result,,,,,,,,\r\n"
    ",result,table,_start,_stop,_time,_value,_field,_measurement,room\r\n"
    ",,0,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:10:00Z,20.5,temp,air,attic\r\n"
    ",,0,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:20:00Z,21.5,temp,air,attic\r\n"
    ",,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:10:00Z,40,hum,air,attic\r\n"
    ",,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:20:00Z,,hum,air,attic\r\n"
    "\r\n"
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,string,string,string,string\r\n"
    "#group,false,false,true,true,false,false,true,true,true\r\n"
    "#default,_result,,,,,,,,cellar\r\n"
    ",result,table,_start,_stop,_time,_value,_field,_measurement,room\r\n"
    ",,2,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:10:00Z,on,pump,air,\r\n"
)


@pytest.mark.parametrize("annotated", [True, False])
def test_the_fields_of_annotated_csv_are_columns(tmp_path: Path, annotated: bool) -> None:
    """Several tables in one file; annotations may lack, as in what the web page exports."""
    text = ANNOTATED if annotated else "\r\n".join(line for line in ANNOTATED.split("\r\n") if not line.startswith("#"))
    table = opened(tmp_path, text)
    assert table.names == ("time", "_measurement", "room", "temp", "hum", "pump")
    assert list(table.column("temp")) == ["20.5", "21.5", None]
    assert list(table.column("hum")) == ["40", None, None]
    assert list(table.column("pump")) == [None, None, "on"]
    assert list(table.column("room")) == ["attic", "attic", "cellar" if annotated else None]
    assert [table.place(row) for row in (0, 1)] == (["line 5", "line 6"] if annotated else ["line 2", "line 3"])
    assert table.written.notes == ("text: annotated CSV of InfluxDB, 2 tables; fields are columns",)


def test_a_row_of_annotated_csv_that_lacks_a_cell_is_refused_with_its_line(tmp_path: Path) -> None:
    text = ANNOTATED.replace(",,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T00:20:00Z,,", ",,1,")
    with pytest.raises(DataError, match="line 8: expected 10 cells as in the header, got 6"):
        opened(tmp_path, text)
