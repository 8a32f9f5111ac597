"""Lines for a model of any sensor: which streams they are of, and when each sample was."""

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import any_lines
from edgeseq_runtime.io.any_json import AnyJson
from edgeseq_runtime.io.sample import Sample
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import to_seconds


def read(
    text: str,
    columns: Mapping[str, str] | None = None,
    *,
    timed: bool = True,
    influx: bool = False,
    **reading: Any,
) -> tuple[list[Sample], list[str]]:
    """Return the samples in a text, and what was said of it."""
    told: list[str] = []
    lines, how = [line.encode() for line in text.splitlines()], Reading(**reading)
    if influx:
        return list(any_lines.read_influx(lines, how, columns, told.append)), told
    return list(any_lines.read(lines, how, columns, told.append, timed=timed)), told


def pairs(samples: list[Sample]) -> list[tuple[str | None, float | None]]:
    return [(sample.stream, sample.values[0]) for sample in samples]


def seconds(samples: list[Sample]) -> list[float]:
    return [to_seconds(sample.moment) for sample in samples]


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


def test_bare_numbers_are_one_stream_without_a_name() -> None:
    """A blank line and a word for none are missing samples of it."""
    samples, told = read("21.5\n\nnan\n22,5\n")
    assert pairs(samples) == [("", 21.5), ("", None), ("", None), ("", 22.5)]
    assert [sample.line for sample in samples] == [1, 2, 3, 4]
    assert told == ["numbers without a name; no times, so by order"]


def test_each_column_of_numbers_is_a_stream_and_one_note_says_what_was_decided() -> None:
    """Text is left out; an empty cell is missing of its own column only."""
    samples, told = read("when,temp,hum,state\n2024-01-31T12:00,21.5,40,ok\n2024-01-31T12:10,,41,ok\n")
    assert pairs(samples) == [("temp", 21.5), ("hum", 40.0), ("temp", None), ("hum", 41.0)]
    assert {sample.field for sample in samples} == {"temp", "hum"}
    assert seconds(samples) == [at(2024, 1, 31, 12)] * 2 + [at(2024, 1, 31, 12, 10)] * 2
    assert told == ["series: temp, hum; time: when; left out, as no number: state ('ok')"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("logged at;v\n31.01.2024 12:30;5", at(2024, 1, 31, 12, 30)),
        ("v;stamp\n5;2024/01/31 12:30:15", at(2024, 1, 31, 12, 30, 15)),
        ("Date,Time,v\n2024-01-31,12:30,5", at(2024, 1, 31, 12, 30)),
        ("date,hour,v\n2024-01-31,7,5", at(2024, 1, 31, 7)),
        ("year,month,day,hour,v\n2024,1,31,12,5", at(2024, 1, 31, 12)),
        ("ts,v\n1706704200,5", 1706704200.0),
        ("ts,v\n1706704200000,5", 1706704200.0),
        ("timestamp,v\n20240131123000,5", at(2024, 1, 31, 12, 30)),
        ("time,v\n17,5", 17.0),
        ("t,v\n0,5", 0.0),
        ("date,v\n45322.25,5", at(2024, 1, 31, 6)),
        ("2024-01-31 12:30:00 5", at(2024, 1, 31, 12, 30)),
        ("2024-01-31T12:30,5", at(2024, 1, 31, 12, 30)),
        ("1706704200 5", 1706704200.0),
        ("# time v\n2024-01-31T12:30 5", at(2024, 1, 31, 12, 30)),
    ],
)
def test_the_time_is_found_by_what_the_first_row_holds(text: str, first: float) -> None:
    """Whatever its column is called, and however it is written; the rest is the one stream."""
    samples, _ = read(text)
    assert [sample.values for sample in samples] == [(5.0,)]
    assert seconds(samples) == [first]


def test_a_time_without_other_numbers_is_a_value() -> None:
    """T and t are temperatures where nothing else is one."""
    assert pairs(read("t\n21\n")[0]) == [("t", 21.0)]
    assert pairs(read("T,hum\n21,40\n")[0]) == [("T", 21.0), ("hum", 40.0)]


def test_what_may_be_a_time_or_not_is_said() -> None:
    """A number of an epoch's size under an unusual name is a value, as dates may be the other way round: one note."""
    samples, told = read("meter,v\n1706704200,5\n")
    assert pairs(samples) == [("meter", 1706704200.0), ("v", 5.0)]
    assert "meter holds '1706704200', which may be a time" in told[0]
    samples, told = read("time,v\n01/02/2024 10:00,5\n")
    assert seconds(samples) == [at(2024, 2, 1, 10)]
    assert any("may be %d/%m/%Y %H:%M or %m/%d/%Y %H:%M" in line for line in told)


def test_a_user_says_what_the_time_is_or_that_there_is_none() -> None:
    samples, _ = read("meter,v\n1706704200,5\n", time=("meter",))
    assert (pairs(samples), seconds(samples)) == ([("v", 5.0)], [1706704200.0])
    samples, told = read("time,v\n17,5\n", timed=False)
    assert pairs(samples) == [("time", 17.0), ("v", 5.0)]
    assert told == ["series: time, v"]
    samples, _ = read("time,v\n02/01/2024,5\n", time_format="%m/%d/%Y")
    assert seconds(samples) == [at(2024, 2, 1)]
    samples, _ = read("time,v\n2024-07-01 12:00,5\n", zone="Europe/Berlin")
    assert seconds(samples) == [at(2024, 7, 1, 10)]
    assert "the input has no column 'clock'" in str(read("a,b\n1,2\n", time=("clock",))[0][0].problem)


def test_a_cell_that_cannot_be_read_is_a_problem_of_its_own_column() -> None:
    """The other streams have their samples; a line of the wrong width is one of all."""
    samples, _ = read("temp,hum\n1,2\nx,3\n4\n5,6\n")
    assert [(s.stream, s.values[0], bool(s.problem)) for s in samples] == [
        ("temp", 1.0, False),
        ("hum", 2.0, False),
        ("temp", None, True),
        ("hum", 3.0, False),
        ("temp", None, True),
        ("hum", None, True),
        ("temp", 5.0, False),
        ("hum", 6.0, False),
    ]
    assert samples[2].problem == "temp is 'x', not a number"


def test_a_column_that_begins_empty_is_a_stream_from_its_first_number_on() -> None:
    samples, told = read("temp,late,note\n1,,\n2,,fine\n3,7,\n")
    assert pairs(samples) == [("temp", 1.0), ("temp", 2.0), ("temp", 3.0), ("late", 7.0)]
    assert [line.split(";")[0] for line in told] == [
        "series: temp",
        "left out, as no number: note ('fine')",
        "series: late",
    ]


def test_rows_of_several_sensors_are_streams_by_id_and_column() -> None:
    """By the ID alone where one column holds numbers; a row without one is nobody's, and the first is told of."""
    samples, told = read("id,temp\na,1\nb,2\n,3\n,4\n", id="id")
    assert pairs(samples) == [("a", 1.0), ("b", 2.0)]
    assert [line for line in told if "which" in line] == [
        "line 4: no id, which names the stream; such lines are left out"
    ]
    samples, _ = read("id,temp,hum\na,1,5\nb,2,6\n", id="id")
    assert pairs(samples) == [("a#temp", 1.0), ("a#hum", 5.0), ("b#temp", 2.0), ("b#hum", 6.0)]
    samples, _ = read('{"id": "a", "temp": 1}\n{"id": "b", "temp": 2, "hum": 6}\n', id="id")
    assert pairs(samples) == [("a#temp", 1.0), ("b#temp", 2.0), ("b#hum", 6.0)]


def test_units_below_the_header_and_rows_numbers_are_no_samples() -> None:
    samples, told = read(";time;temp\n-;yyyy-mm-dd;°C\n0;2024-01-31;21,5\n1;2024-02-01;21,6\n")
    assert pairs(samples) == [("temp", 21.5), ("temp", 21.6)]
    assert told == ["series: temp; time: time"]


def test_fields_name_the_columns_and_paths_that_are_taken() -> None:
    samples, _ = read("time,a,b\n2024-01-31,1,2\n", {"inside": "b"})
    assert pairs(samples) == [("inside", 2.0)]
    assert seconds(samples) == [at(2024, 1, 31)]
    samples, _ = read("c,a,b\n1706704200,1,2\n", {"inside": "b", "time": "c"})
    assert (pairs(samples), seconds(samples)) == ([("inside", 2.0)], [1706704200.0])
    line = json.dumps({"when": "2024-01-31", "DS18B20": {"Temperature": 21.5}, "rssi": -60})
    samples, _ = read(line, {"temp": "DS18B20.Temperature"})
    assert (pairs(samples), seconds(samples)) == ([("temp", 21.5)], [at(2024, 1, 31)])


def test_each_number_in_an_object_is_a_stream_called_by_its_path() -> None:
    """Also where lines differ in what they have; flags are 1 and 0."""
    text = "\n".join(
        json.dumps(line)
        for line in [
            {"ts": "2024-01-31T12:00", "temp": 21.5, "s": {"on": True}, "unit": "C"},
            {"ts": "2024-01-31T12:10", "hum": "40 %"},
            {"ts": "2024-01-31T12:20", "temp": None, "hum": 41},
        ]
    )
    samples, _ = read(text)
    assert pairs(samples) == [("temp", 21.5), ("s.on", 1.0), ("hum", 40.0), ("temp", None), ("hum", 41.0)]
    assert seconds(samples)[-1] == at(2024, 1, 31, 12, 20)


def test_lists_and_packs_of_senml_are_read_as_elsewhere() -> None:
    assert pairs(read("[1, 2]\n")[0]) == [("column 1", 1.0), ("column 2", 2.0)]
    assert pairs(read('[{"v": 1}, {"v": 2}]')[0]) == [("v", 1.0), ("v", 2.0)]
    pack = [{"bn": "dev:", "bt": 1706704200, "n": "temp", "v": 21}, {"n": "hum", "v": 40}]
    samples, _ = read(json.dumps(pack))
    assert pairs(samples) == [("dev:temp", 21.0), ("dev:hum", 40.0)]
    assert seconds(samples) == [1706704200.0] * 2


def test_each_field_of_a_series_is_a_stream_of_line_protocol() -> None:
    """Tags in any order; the line is passed on once; text is none."""
    samples, told = read('w,b=1,a=2 temp=21.5,ok=true,s="x" 1706704200000000000\nw s="x"\njunk', influx=True)
    assert pairs(samples) == [("w,a=2,b=1#temp", 21.5), ("w,a=2,b=1#ok", 1.0), (None, None), (None, None)]
    assert [bool(sample.text) for sample in samples] == [True, False, True, True]
    assert seconds(samples[:2]) == [1706704200.0] * 2
    assert told == ["series: temp, ok; left out, as no number: s ('x')"]


def test_a_name_that_changes_with_every_sample_fills_no_memory() -> None:
    """Names beyond some ten thousand are none, and an error says so of what has no others."""
    reader = AnyJson(Reading())
    for number in range(10_000):
        assert len(reader.samples(json.dumps({f"n{number}": 1}), number)) == 1
    assert reader.samples('{"one more": 1}', 1) == []
    assert len(reader.samples('{"n5": 2}', 1)) == 1


@given(st.text(max_size=200) | st.lists(st.text('0123456789.,;:-T "{}[]ab\t', max_size=30), max_size=6).map("\n".join))
def test_whatever_comes_is_samples_or_problems(text: str) -> None:
    """No line raises, but for the first of what is no text."""
    with contextlib.suppress(DataError) if "\0" in text else contextlib.nullcontext():
        samples, _ = read(text)
        assert all(len(sample.values) == 1 for sample in samples)


def test_two_values_of_one_path_are_told_once_and_the_last_counts() -> None:
    """A key that holds a point, and an object within: the paths are the same, and one stream can have one of them."""
    line = '{"a":{"b":1},"a.b":2,"c":3}\n'
    samples, told = read(line * 3)
    assert pairs(samples) == [("a.b", 2.0), ("c", 3.0)] * 3
    assert [text for text in told if "two values" in text] == [
        "line 1: two values are called a.b; the last of them counts"
    ]
    assert not any("two values" in text for text in read('{"a":{"b":1},"a.c":2}\n')[1])
