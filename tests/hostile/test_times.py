"""Times that cannot be read: they never end a stream, and are told from times that are there."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import DataError, MissingSampleError
from edgeseq_runtime.reading.times import to_seconds
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.service.single_stream import SingleStream
from edgeseq_runtime.spec import CLOCKS
from tests.conftest import CommandLine

HOUR = 3600.0
BEGIN = datetime(2025, 3, 1, tzinfo=UTC)
UNREADABLE: list[Any] = ["", " ", "n/a", "noon", "2025-13-01", "17/03/2018 12:00", "nan", "inf", "-", "1_0", "²", "--5"]
UNREADABLE += ["9" * 500, "9" * 10**6, "\ud800", "\0", [], [1], {}, 10**400, math.inf]


def at(hour: float) -> str:
    return (BEGIN + timedelta(hours=hour)).isoformat()


@pytest.fixture(scope="module")
def clock() -> bytes:
    """A model that sees the hour."""
    return edgeseq_export.build(make_checkpoint(clocks=CLOCKS[:2], period=HOUR))


@pytest.fixture(scope="module")
def hourly() -> bytes:
    """A model with a period that does not see the time."""
    return edgeseq_export.build(make_checkpoint(period=HOUR))


@pytest.mark.parametrize("kind", ["clock", "hourly"])
@pytest.mark.parametrize("time", UNREADABLE)
def test_the_sample_is_taken_a_period_after_the_one_before(
    kind: str, time: Any, request: pytest.FixtureRequest
) -> None:
    """The forecasts are those of a twin that is given the right times; the reason tells, and is counted."""
    content = request.getfixturevalue(kind)
    p, twin = Predictor(content), Predictor(content)
    times = [at(0), time, time, at(3), at(4)]
    found = [p.step(0.1 * hour, given) for hour, given in enumerate(times[:3])]
    assert (p.status, p.reason, p.counts["time"]) == ("ok", "time", 2)
    found += [p.step(0.1 * hour, times[hour]) for hour in (3, 4)]
    wanted = [twin.step(0.1 * hour, at(hour)) for hour in range(5)]
    np.testing.assert_array_equal(found, wanted)
    assert (p.status, p.reason, p.counts["time"]) == ("ok", "", 2)
    assert p.counts["gap"] == p.counts["disorder"] == 0
    block = Predictor(content)
    np.testing.assert_allclose(block.run([0.1 * hour for hour in range(5)], times), wanted, atol=1e-6)
    assert block.counts == p.counts


def test_a_model_that_sees_the_time_takes_a_sample_as_missing_where_none_is_known(clock: bytes) -> None:
    p, block = Predictor(clock), Predictor(clock)
    assert np.isnan(p.step(0.1, "noon")).all()
    assert (p.status, p.reason, p.counts["time"], p.counts["missing"]) == ("missing", "time", 1, 1)
    forecast = p.step(0.2, at(0))
    assert p.status == "ok"
    np.testing.assert_allclose(block.run([0.1, 0.2], ["noon", at(0)])[1], forecast, atol=1e-6)
    assert block.counts == p.counts
    with pytest.raises(MissingSampleError, match="no finite value for hour_sin, hour_cos"):
        Predictor(clock, missing="error").step(0.1, "noon")
    with pytest.raises(DataError, match="give each sample its time"):  # no time was given at all
        Predictor(clock).step(0.1)


def test_what_is_absent_too_is_called_absent_and_the_time_is_counted(hourly: bytes) -> None:
    p = Predictor(hourly)
    p.step(0.1, at(0))
    p.step(None, "noon")
    assert (p.status, p.reason, p.counts["absent"], p.counts["time"]) == ("imputed", "absent", 1, 1)


def test_counts_and_reason_are_part_of_a_snapshot(clock: bytes) -> None:
    p, other = Predictor(clock), Predictor(clock)
    p.step(0.1, at(0))
    p.step(0.2, "noon")
    other.restore(p.snapshot())
    assert (other.reason, other.counts) == ("time", p.counts)
    np.testing.assert_array_equal(other.step(0.3, "noon"), p.step(0.3, "noon"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2016-12-31T23:59:60", "2016-12-31T23:59:59"),
        ("2016-12-31 23:59:60.5", "2016-12-31 23:59:59.5"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("2017-01-01T05:29:60+05:30", "2017-01-01T05:29:59+05:30"),
        ("20161231T235960", "20161231T235959"),
    ],
)
def test_a_leap_second_is_the_one_before(written: str, read: str) -> None:
    assert to_seconds(written) == to_seconds(read)


@pytest.mark.parametrize("time", ["2016-12-31T23:60:00", "2016-12-31T60:00:00", "2016-12-31T23:59:61", "60", ":60"])
def test_other_sixties_are_no_leap_seconds(time: str) -> None:
    if time == "60":
        assert to_seconds(time) == 60
        return
    with pytest.raises(DataError, match="is not a time"):
        to_seconds(time)


@given(time=st.text(max_size=40) | st.integers() | st.floats() | st.lists(st.integers(), max_size=3) | st.booleans())
def test_any_time_is_one_or_none(time: Any) -> None:
    """Nothing else comes out; and messages are of bounded length."""
    try:
        seconds = to_seconds(time)
    except DataError as error:
        said, seconds = str(error), 0.0
    else:
        said = ""
    assert len(said) < 100
    assert not math.isinf(seconds)


@pytest.mark.parametrize("time", ["", "noon", None])
def test_streams_by_name_go_on_too(clock: bytes, time: Any) -> None:
    streams, twin = NamedStreams(Pool(clock)), Predictor(clock)
    first = streams.step("a", 0.1, time)
    assert (first.status, first.reason) == ("missing", "time")
    assert streams.step("a", 0.2, at(0)).status == "ok"
    found = streams.step("a", 0.3, time)
    assert (found.status, found.reason) == ("ok", "time" if time is not None else "")
    twin.step(0.2, at(0))
    np.testing.assert_allclose(found.forecast, twin.step(0.3, at(1)), atol=1e-6)
    assert streams.step("b", 0.3, at(0)).status == "ok"


def test_a_single_stream_tells_the_reason(clock: bytes) -> None:
    streams = SingleStream(Predictor(clock))
    assert [streams.step("", 0.1, time).reason for time in ("noon", at(0), "", "n/a", at(3))] == [
        "time",
        "",
        "time",
        "time",
        "",
    ]


@pytest.mark.parametrize("kind", ["clock", "hourly"])
@pytest.mark.parametrize("unreadable", ["error", "missing"])
def test_lines_go_on_with_one_note_a_stretch(
    kind: str, unreadable: str, request: pytest.FixtureRequest, tmp_path: Path, edgeseq: CommandLine
) -> None:
    path, lines = tmp_path / "m.onnx", tmp_path / "lines.csv"
    path.write_bytes(request.getfixturevalue(kind))
    times = [at(0), "", "n/a", "\x1b[2J", at(4), "2025-03-01T04:59:60", "noon", at(7)]
    lines.write_text("time,f0\n" + "".join(f"{time},0.{i}\n" for i, time in enumerate(times)))
    done = edgeseq.must("predict", path, "--input", lines, "--unreadable", unreadable)
    out = [json.loads(line) for line in done.out.splitlines()]
    assert [line.get("reason", "") for line in out] == ["", "time", "time", "time", "", "", "time", ""]
    assert {line["status"] for line in out} == {"ok"}
    assert [line["t"] for line in out[:2]] == [at(0), 1]  # an empty time is none: the sample's number stands there
    assert "\x1b" not in done.out + done.err
    *notes, summary = done.err.splitlines()
    assert len(notes) == 2
    assert notes[0] == "line 3: it has no time; taken as a period after the one before"
    assert notes[1] == "line 8: 'noon' is not a time; taken as a period after the one before"
    assert "reasons: 4 time" in summary


@pytest.mark.parametrize(
    "line",
    ['{"f0": 0.1}', '{"f0": 0.1, "t": null}', '{"f0": 0.1, "t": [[]]}', '{"f0": 0.1, "t": true}', "[0.1]", "0.1"],
)
def test_a_json_line_without_a_time_that_can_be_read_is_missing(
    line: str, clock: bytes, tmp_path: Path, edgeseq: CommandLine
) -> None:
    path, lines = tmp_path / "m.onnx", tmp_path / "lines.json"
    path.write_bytes(clock)
    lines.write_text(f'{{"f0": 0.1, "t": "noon"}}\n{line}\n{{"f0": 0.1, "t": "{at(0)}"}}\n{line}\n')
    out = [json.loads(line) for line in edgeseq.must("predict", path, "--input", lines).out.splitlines()]
    assert [(line["status"], line.get("reason")) for line in out] == [
        ("missing", "time"),
        ("missing", "time"),
        ("ok", None),
        ("ok", "time"),
    ]


def test_a_point_whose_time_is_not_nanoseconds_goes_on_and_is_answered_without_a_time(
    clock: bytes, tmp_path: Path, edgeseq: CommandLine
) -> None:
    path, lines = tmp_path / "m.onnx", tmp_path / "lines.txt"
    path.write_bytes(clock)
    begin = int(BEGIN.timestamp()) * 10**9
    lines.write_text(f"m f0=0.1 {begin}\nm f0=0.2 noon\nm f0=0.3 1700000000.5\nm f0=0.4 {begin + 3 * 3600 * 10**9}\n")
    words = ("predict", path, "--input", lines, "--input-format", "influx", "--format", "influx")
    done = edgeseq.must(*words)
    assert [line.rpartition(" ")[2].isdigit() for line in done.out.splitlines()] == [True, False, False, True]
    assert all('status="ok"' in line for line in done.out.splitlines())
    assert done.err.splitlines()[0].startswith("line 2: 'noon (not nanoseconds)' is not a time")


def test_a_time_far_ahead_is_not_called_unreadable(edgeseq: CommandLine, tmp_path: Path) -> None:
    """What is wrong with a clock in the year 2106 is another thing than a word where a time should be."""
    model, source = tmp_path / "m.onnx", tmp_path / "in.csv"
    model.write_bytes(edgeseq_export.build(make_checkpoint(period=3600.0)))
    source.write_text("time,f0\n1700000000,0.1\n4294967295,0.1\n1700007200,0.1\nnoon,0.1\n")
    notes = edgeseq.must("predict", model, "--input", source).err.splitlines()
    assert notes[0] == "line 3: '4294967295' is more than 1000 periods ahead; taken as a period after the one before"
    assert notes[1] == "line 5: 'noon' is not a time; taken as a period after the one before"
