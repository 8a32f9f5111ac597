"""Which columns hold the times of a table, and how they are written: by hand, and as a device reads them."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.series.files import local_clocks, time_cells, times
from edgeseq.series.files.notations import AmbiguousTimesError
from edgeseq.series.files.opening import open_table
from edgeseq.series.files.options import ReadingOptions
from edgeseq.series.files.time_column import Column
from edgeseq.series.files.times import TimeColumns
from edgeseq.series.loading import load
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import MONTH, TimeReader

BERLIN = "Europe/Berlin"
JANUARY = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def find(tmp_path: Path, text: str, **said: Any) -> TimeColumns:
    path = tmp_path / "series.csv"
    path.write_text(text, "utf-8")
    return times.find(open_table(str(path), None, None), **said)


def column(*cells: str, name: str = "time") -> str:
    """Return a file of times with a column of values."""
    return "\n".join([f"{name};v", *(f"{cell};{number}" for number, cell in enumerate(cells))]) + "\n"


def hours(form: str, count: int = 48, begin: datetime = datetime(2024, 1, 1)) -> list[str]:
    return [(begin + timedelta(hours=step)).strftime(form) for step in range(count)]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"),
        ("%m/%d/%y %I:%M:%S %p", "%m/%d/%y %I:%M:%S %p"),
        ("%d/%m/%Y %H.%M.%S", "%d/%m/%Y %H.%M.%S"),
        ("%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M"),
        ("%y-%m-%d %H:%M", "%y-%m-%d %H:%M"),
        ("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S"),
        ("%d%b%Y:%H:%M:%S", "%d%b%Y:%H:%M:%S"),
        ("%B %d, %Y %I:%M %p", "%b %d, %Y %I:%M %p"),
        ("%a, %d %b %Y %H:%M:%S +0000", "%a, %d %b %Y %H:%M:%S %z"),
        ("%a %b %d %H:%M:%S UTC %Y", "%a %b %e %H:%M:%S %Z %Y"),
        ("%A, %d. %B %Y %H:%M", "%a, %d. %b %Y %H:%M"),
        ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S %Z"),
        ("%Y-%m-%d %H:%M:%S +0000 UTC", "%Y-%m-%d %H:%M:%S %z %Z"),
        ("%Y-%m-%d %H:%M:%S.123456789 +0000 UTC", "%Y-%m-%d %H:%M:%S %z %Z"),
        ("%Y-%m-%d %H:%M:%S,125", ""),
        ("%Y%m%d%H", "%Y%m%d%H"),
        ("%Y%m%d%H%M", "%Y%m%d%H%M"),
        ("%Y%m%d%H%M%S", "%Y%m%d%H%M%S"),
        ("%Y%m%d %H%M", ""),
        ("%Y-%m-%dT%H:%M", ""),
        ("%Y-%m-%d %H:%M:%S", ""),
        ("%Y-%m-%dT%H:%M:%SZ", ""),
        ("%Y-%m-%dT%H:%M:%S.250+00:00", ""),
        ("%Y%m%dT%H%M%S", ""),
    ],
)
def test_a_column_is_read_in_its_notation(tmp_path: Path, written: str, wanted: str) -> None:
    """Forty-eight hours from new year on, as Python writes them; to the second."""
    found = find(tmp_path, column(*hours(written)))
    assert (found.names, found.time_format) == (("time",), wanted)
    assert found.seconds is not None
    np.testing.assert_array_equal(np.floor(found.seconds), JANUARY + 3600 * np.arange(48))


def test_any_cell_tells_day_and_month_apart(tmp_path: Path) -> None:
    """13.01. comes last; until then both would do."""
    begin = datetime(2024, 1, 1)
    days = [begin + timedelta(days=step) for step in range(13)]
    for form, first in (("%d/%m/%Y", "day"), ("%m/%d/%Y", "month")):
        found = find(tmp_path, column(*(day.strftime(form) for day in days)))
        assert found.time_format == form
        assert found.notes == (f"time: time, {first} first: {form}, UTC assumed",)


@pytest.mark.parametrize("form", ["%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M"])
def test_evenness_tells_day_and_month_apart(tmp_path: Path, form: str) -> None:
    """Ten days of hours: read the other way round they leap by months."""
    assert find(tmp_path, column(*hours(form, 240))).time_format == form


def test_iso_by_chance_is_another_notation(tmp_path: Path) -> None:
    """The first cell is ISO 8601, and the second only like it."""
    found = find(tmp_path, column("2024-01-01 23", "2024-01-02 0"))
    assert (found.time_format, found.seconds.tolist()) == ("%Y-%m-%d %H", [JANUARY + 23 * 3600, JANUARY + 24 * 3600])  # type: ignore[union-attr]


def test_a_format_finds_its_column(tmp_path: Path) -> None:
    """One in which nobody writes times; a form that is none is refused."""
    found = find(tmp_path, column("24|01|31", "24|02|01", name="x"), time_format="%y|%m|%d")
    assert (found.names, found.seconds[1] - found.seconds[0]) == (("x",), 86400)  # type: ignore[index]
    with pytest.raises(UsageError, match="--time-format: expected directives such as"):
        ReadingOptions(time_format="german")


def test_what_nothing_tells_apart_is_refused(tmp_path: Path) -> None:
    """Half a day of hours: the second of January, or the first of February."""
    cells = hours("%d/%m/%Y %H:%M", 12, datetime(2024, 1, 2))
    both = "2024-01-02 or 2024-02-01, .* --time-format '%d/%m/%Y %H:%M' or --time-format '%m/%d/%Y %H:%M'"
    with pytest.raises(DataError, match=both):
        find(tmp_path, column(*cells))
    found = find(tmp_path, column(*cells), time_format="%m/%d/%Y %H:%M")
    assert found.seconds is not None
    assert found.seconds[0] == datetime(2024, 2, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("cells", "wanted", "seconds"),
    [
        (["1704067200", "1704070800", "1704074400"], "", JANUARY),
        (["1704067200000", "1704070800000"], "", JANUARY),
        (["1704067200.5", "1704070800.5"], "", JANUARY + 0.5),
        (["946684799999", "946684800999"], "", 946684799.999),
        (["45292", "45293", "45294"], "excel", JANUARY),
        (["45292.041667", "45292.083333"], "excel", JANUARY + 3600),
        (["45292,041667", "45292,083333"], "excel", JANUARY + 3600),
        (["45292000000.0000", "45292041666.6667"], "wincc", JANUARY),
        (["2024.0", "2024.5", "2025.0"], "year", JANUARY),
        (["2024", "2025", "2026"], "year", JANUARY),
        (["20240101", "20240102"], "%Y%m%d", JANUARY),
        (["202401", "202402"], "%Y%m", JANUARY),
        (["0", "60", "120"], "s", 0.0),
        (["10000000", "10000060", "10000120"], "s", 1e7),
        (["20240132", "20240133"], "s", 20240132.0),
    ],
)
def test_numbers_are_read_as_what_all_of_them_are(
    tmp_path: Path, cells: list[str], wanted: str, seconds: float
) -> None:
    """Epochs by one unit for all, days, years, digits; an uptime of 10,000,000 s is no date."""
    found = find(tmp_path, column(*cells))
    assert (found.time_format, found.seconds[0]) == (wanted, seconds)  # type: ignore[index]
    assert wanted == "" or any(wanted in note for note in found.notes)


def test_an_epoch_has_one_unit_for_the_whole_column(tmp_path: Path) -> None:
    """Milliseconds around the day on which their size alone would make seconds of some."""
    found = find(
        tmp_path, column("99999999000", "100000000000", "1704067200000", "1704067201000", "1704067202000"), asked="time"
    )
    assert found.time_format == "ms"
    assert found.seconds is not None
    assert found.seconds.tolist() == [99999999.0, 1e8, JANUARY, JANUARY + 1, JANUARY + 2]


# Which column


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        ("T,RH", "21.4,40", ()),
        ("t,h", "21.4,40", ()),
        ("Datum,T,RH", "2024-01-01T00:00:00,21.4,40", ("Datum",)),
        ("T,when,time", "21.4,2024-01-01T00:00:00,0.3", ("when",)),
        ("id,logged,v", "7,2024-01-01 00:00,1", ("logged",)),
        ("date,updated,v", "2024-01-01,2024-01-01 00:00:01,1", ("date",)),
        ("time,start,v", "1704067200,2023-01-01 00:00:01,1", ("start",)),
        (",v", "2024-01-01 00:00:00,1", ("column 1",)),
    ],
)
def test_a_column_is_the_time_by_what_it_holds(tmp_path: Path, header: str, row: str, names: tuple[str, ...]) -> None:
    """A temperature that falls and rises is none, whatever its name; dates win over names."""
    rows = [",".join(_later(cell, step) for cell in row.split(",")) for step in range(5)]
    assert find(tmp_path, "\n".join([header, *rows]) + "\n").names == names


def _later(cell: str, step: int) -> str:
    """Return a date some days later, or a number that falls and rises."""
    return f"{cell[:8]}{step + 1:02}{cell[10:]}" if "-" in cell else f"{float(cell) + step * (-1) ** step:g}"


def test_two_columns_of_dates_are_for_the_user_to_name(tmp_path: Path) -> None:
    text = "start,end,v\n2024-01-01 00:00,2024-01-01 00:30,1\n2024-01-01 01:00,2024-01-01 01:30,2\n"
    with pytest.raises(UsageError, match="several columns look like times: start, end; name one with --time"):
        find(tmp_path, text)
    assert find(tmp_path, text, asked="end").seconds[0] == JANUARY + 1800  # type: ignore[index]


@pytest.mark.parametrize(
    ("header", "cells", "wanted", "form"),
    [
        ("Date,Time,v", ("%Y-%m-%d", "%H:%M:%S"), ("Date", "Time"), ""),
        ("Datum,Uhrzeit,v", ("%d.%m.%Y", "%H:%M"), ("Datum", "Uhrzeit"), "%d.%m.%Y %H:%M"),
        ("Date,Time,v", ("%d/%m/%Y", "%H.%M.%S"), ("Date", "Time"), "%d/%m/%Y %H.%M.%S"),
        ("Time,Date,v", ("%I:%M %p", "%m/%d/%Y"), ("Date", "Time"), "%m/%d/%Y %I:%M %p"),
        ("date,hour,v", ("%Y-%m-%d", "%H"), ("date", "hour"), ""),
        ("year,month,day,hour,v", ("%Y", "%m", "%d", "%H"), ("year", "month", "day", "hour"), "%Y %m %d %H"),
    ],
)
def test_date_and_time_of_day_are_joined(
    tmp_path: Path, header: str, cells: tuple[str, ...], wanted: tuple[str, ...], form: str
) -> None:
    begin = datetime(2024, 1, 1)
    moments = [begin + timedelta(hours=step) for step in range(24 * 15)]
    text = "\n".join([header, *(",".join([*map(moment.strftime, cells), "1"]) for moment in moments)]) + "\n"
    for said in ({}, {"asked": ",".join(wanted)}):
        found = find(tmp_path, text, **said)
        assert (found.names, found.time_format) == (wanted, form)
        np.testing.assert_array_equal(found.seconds, JANUARY + 3600 * np.arange(len(moments)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (column("KW 1/2024", "KW 2/2024"), "'time' holds 'KW 1/2024', not a time that is known"),
        (
            column("1. Januar 2024", "2. Januar 2024", name="Zeit"),
            "'Zeit' holds '1. Januar 2024', not a time that is known",
        ),
        (column("nan", "inf"), "'time' holds 'nan', not a time that is known"),
        (column("00:00", "01:00"), "'time' holds '00:00', a time of day without its date"),
        (column("7", "3", "6", "3.5"), "'time' holds '7', which is no time that is known"),
        (column("0", "60", "120", name="t"), "t counts seconds from 0: .* its dates are those of 1970"),
        (column("01.02.45 00:00", "14.02.45 00:00"), "years of two digits are those from 1969 to 2068"),
    ],
)
def test_a_doubt_is_said(tmp_path: Path, text: str, said: str) -> None:
    """Samples then go by their order, or times are taken with a word."""
    assert any(re.match(f".*{said}", note) for note in find(tmp_path, text).notes)


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["2024-01-01", "2024-01-02", "n/a"], "line 4: column 'time' holds 'n/a', not a time"),
        (["2024-01-01", "2024-01-02T00:00Z"], "line 3: column 'time' holds '2024-01-02T00:00Z', with a zone, unlike"),
        (["13.01.2024", "14.01.2024", "31.02.2024"], "line 4: column 'time' holds '31.02.2024', a day or an hour"),
        (["13.01.2024", "14.01.2024", "14/01/2024"], "line 4: .* holds '14/01/2024', not a time as '13.01.2024' is"),
        (["2024-01-01 00:00 CST", "2024-01-01 01:00 CST"], "line 2: .* several zones are called CST; --zone"),
        (["2024-01-01 10", "2024-01-02 9", "2024-01-03 x"], "line 3: column 'time' holds '2024-01-02 9', not a time"),
        (["60", "120", "abc"], "line 4: column 'time' holds 'abc', not a time"),
    ],
)
def test_a_cell_that_is_no_time_is_named(tmp_path: Path, cells: list[str], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        find(tmp_path, column(*cells))


def test_an_empty_cell_is_left_to_the_row(tmp_path: Path) -> None:
    """A row without time and value is no sample; one that has a value needs its time."""
    found = find(tmp_path, "time,v\n2024-01-01,1\n,2\n2024-01-03,3\n")
    assert found.seconds is not None
    assert np.isnan(found.seconds).tolist() == [False, True, False]
    with pytest.raises(DataError, match="row 1: column 'time' is empty"):
        found.at(np.arange(3), lambda row: f"row {row}")


# Zones


def berlin(first: datetime, count: int, minutes: int) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return what a clock in Berlin shows from a UTC time on, and the times."""
    moments = [first + timedelta(minutes=minutes * step) for step in range(count)]
    cells = [f"{moment.astimezone(ZoneInfo(BERLIN)):%Y-%m-%d %H:%M}" for moment in moments]
    return cells, np.array([moment.timestamp() for moment in moments])


@pytest.mark.parametrize("minutes", [10, 30, 60])
@pytest.mark.parametrize("month", [3, 10])
def test_local_times_are_right_where_clocks_change(tmp_path: Path, minutes: int, month: int) -> None:
    """Three days around each change of 2023, against the standard library; on the device the same."""
    cells, wanted = berlin(datetime(2023, month, 24, tzinfo=UTC), 10 * 24 * 60 // minutes, minutes)
    found = find(tmp_path, column(*cells), zone=BERLIN)
    np.testing.assert_array_equal(found.seconds, wanted)
    reader = TimeReader(found.told(Reading()))
    np.testing.assert_array_equal(reader.read_run(cells)[0], wanted)


def test_each_sensor_has_its_own_autumn(tmp_path: Path) -> None:
    """Rows of two sensors in turn: what one of them has seen says nothing about the other."""
    cells, wanted = berlin(datetime(2023, 10, 28, 20, tzinfo=UTC), 12, 60)
    twice = [cell for cell in cells for _ in range(2)]
    found = find(tmp_path, column(*twice), zone=BERLIN, groups=np.tile([0, 1], 12))
    np.testing.assert_array_equal(found.seconds, np.repeat(wanted, 2))


def test_an_hour_that_spring_skips_is_the_one_after(tmp_path: Path) -> None:
    found = find(tmp_path, column("2024-03-31 01:00", "2024-03-31 02:30", "2024-03-31 04:00"), zone=BERLIN)
    assert found.seconds is not None
    assert found.seconds[1] == datetime(2024, 3, 31, 1, 30, tzinfo=UTC).timestamp()
    assert found.notes[-1] == f"line 3: 2024-03-31 02:30 does not exist in {BERLIN}: taken as the hour after"


@pytest.mark.parametrize("every", [None, "1h"])
def test_local_times_without_their_zone_are_refused_with_advice(tmp_path: Path, every: str | None) -> None:
    """The hour that comes twice is no repetition to be averaged."""
    cells, _ = berlin(datetime(2023, 10, 20, tzinfo=UTC), 480, 60)
    path = tmp_path / "series.csv"
    path.write_text(column(*cells))
    with pytest.raises(DataError, match=r"a local clock is put back there; --zone") as caught:
        load(str(path), every=every)
    assert "--every" not in str(caught.value)
    series, _ = load(str(path), every=every, zone=BERLIN, clocks=["hour_cos"])
    assert (series.period, len(series.values)) == (3600.0, 480)
    shown = np.cos([2 * np.pi * int(cell[11:13]) / 24 for cell in cells])
    np.testing.assert_allclose(series.values[:, 1], shown, atol=1e-6)


# Months


@pytest.mark.parametrize(
    ("form", "months"), [("%Y-%m", 1), ("%m/%Y", 1), ("%b %Y", 1), ("%b-%y", 1), ("%Y-%m-%d", 1), ("%d.%m.%Y", 3)]
)
def test_months_are_the_period(tmp_path: Path, form: str, months: int) -> None:
    """Fifty years of them with one lacking, whatever their lengths."""
    moments = [date(1970 + month // 12, month % 12 + 1, 1) for month in range(0, 600, months)]
    del moments[20]
    path = tmp_path / "series.csv"
    path.write_text(column(*(moment.strftime(form) for moment in moments), name="Month"))
    series, _ = load(str(path), targets=["v"])
    assert (series.period, len(series.values)) == (months * MONTH, len(moments) + 1)
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [20]


# Parquet


@pytest.mark.parametrize(
    ("cells", "zoned"),
    [
        ([date(2024, 1, 1), date(2024, 1, 2)], False),
        ([datetime(2024, 1, 1), datetime(2024, 1, 2)], False),
        ([datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2024, 1, 2, tzinfo=UTC)], True),
        ([1704067200, 1704153600], True),
        ([20240101, 20240102], False),
        ([45292, 45293], False),
        (["01/01/2024", "13/01/2024"], False),
    ],
)
def test_parquets_own_times_and_numbers(tmp_path: Path, cells: list[Any], zoned: bool) -> None:
    path = tmp_path / "series.parquet"
    pl.DataFrame({"time": cells, "v": [1.0, 2.0]}).write_parquet(path)
    found = times.find(open_table(str(path), None, None))
    assert found.seconds is not None
    assert (found.seconds[0], found.zoned) == (JANUARY, zoned)


# The host and the device

FORMS = [
    "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d-%b-%y %H:%M:%S", "%A, %d %B %Y %H:%M:%S", "%Y%m%d%H%M%S",
    "%Y/%m/%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S+02:00", "%s", "%s000",
]  # fmt: skip


BEGINS = st.integers(700_000_000, 3_000_000_000)


@given(BEGINS, st.integers(1, 10**5), st.sampled_from(FORMS), st.sampled_from(["", BERLIN]))
@settings(max_examples=200)
def test_host_and_device_read_the_same(begin: int, step: int, form: str, zone: str) -> None:
    """Fifty times, written by Python in any notation: what the host makes of them, a device does by its decision."""
    moments = [datetime.fromtimestamp(begin + step * number, UTC) for number in range(50)]
    cells = [moment.strftime(form.replace("%s", str(int(moment.timestamp())))) for moment in moments]
    made = Column.of(pl.Series("time", cells), "time", str)
    try:
        written = time_cells.read_column(made, None, named=True)
    except AmbiguousTimesError:
        return
    seconds, _ = local_clocks.in_utc(made, written, zone, None)
    reading = Reading(time=("time",), time_format=written.time_format, zone=zone, zoned=written.zoned)
    np.testing.assert_array_equal(TimeReader(reading).read_run(cells)[0], seconds)
    if not zone and form[-6:] != "+02:00":
        np.testing.assert_array_equal(seconds, begin + step * np.arange(50))
