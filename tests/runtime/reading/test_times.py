"""Times on the device: every notation by hand, zones by the standard library, and what is no time."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading.notation import Notation
from edgeseq_runtime.reading.number_times import numbers_of, second_of, seconds_of
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import TimeReader
from edgeseq_runtime.reading.zones import Zone
from edgeseq_runtime.spec import CLOCKS
from edgeseq_runtime.streaming.times_ahead import TimesAhead

HOUR = 3600.0
BERLIN = "Europe/Berlin"


def at(*parts: int) -> float:
    """Return a UTC time in seconds since 1970."""
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


def reader(time_format: str = "", **fields: Any) -> TimeReader:
    return TimeReader(Reading(time=("time",), time_format=time_format, **fields))


@pytest.mark.parametrize(
    ("notation", "text", "wanted"),
    [
        ("%d.%m.%Y %H:%M", "13.01.2024 05:07", at(2024, 1, 13, 5, 7)),
        ("%d.%m.%Y %H:%M", "3.1.2024 5:07", at(2024, 1, 3, 5, 7)),
        ("%m/%d/%y %I:%M:%S %p", "01/13/24 12:00:00 AM", at(2024, 1, 13)),
        ("%m/%d/%y %I:%M:%S %p", "01/13/24 12:30:00 pm", at(2024, 1, 13, 12, 30)),
        ("%d/%m/%Y %I %p", "13/01/2024 3 p.m.", at(2024, 1, 13, 15)),
        ("%Y%m%d%H", "2024010123", at(2024, 1, 1, 23)),
        ("%Y%m%d%H%M", "202401012359", at(2024, 1, 1, 23, 59)),
        ("%Y%m%d%H%M%S", "20240101235958", at(2024, 1, 1, 23, 59, 58)),
        ("%Y-%m", "1949-02", at(1949, 2, 1)),
        ("%m/%Y", "2/1949", at(1949, 2, 1)),
        ("%b %Y", "Sept. 1949", at(1949, 9, 1)),
        ("%b-%y", "Feb-99", at(1999, 2, 1)),
        ("%b-%y", "FEB-49", at(2049, 2, 1)),
        ("%a, %d %b %Y %H:%M:%S %z", "Mon, 01 Jan 2024 00:00:00 GMT", at(2024, 1, 1)),
        ("%a, %d %b %Y %H:%M:%S %z", "Mon, 01 Jan 2024 00:00:00 -0130", at(2024, 1, 1, 1, 30)),
        ("%Y-%m-%d %H:%M:%S %z %Z", "2024-01-01 01:00:00.25 +0100 CET", at(2024, 1, 1) + 0.25),
        ("%a %b %e %H:%M:%S %Y", "Mon Jan  1 00:00:07 2024", at(2024, 1, 1, 0, 0, 7)),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-07-01 02:00:00 CEST", at(2024, 7, 1)),
        ("%d.%m.%Y %H:%M:%S", "01.02.2024 03:04:05,125", at(2024, 2, 1, 3, 4, 5) + 0.125),
        ("%d.%m.%Y %H:%M:%S:%f", "01.02.2024 03:04:05:125", at(2024, 2, 1, 3, 4, 5) + 0.125),
        ("%d.%m.%Y %H:%M", "31.12.2023 24:00", at(2024, 1, 1)),
        ("%d.%m.%Y %H:%M:%S", "31.12.2016 23:59:60", at(2016, 12, 31, 23, 59, 59)),
        ("s", "10000000", 1e7),
        ("ms", "1704067200000", at(2024, 1, 1)),
        ("us", "1704067200000000", at(2024, 1, 1)),
        ("ns", "1704067200000000000", at(2024, 1, 1)),
        ("excel", "45292.041667", at(2024, 1, 1, 1)),
        ("excel", "45292,5", at(2024, 1, 1, 12)),
        ("wincc", "45292041666.6667", at(2024, 1, 1, 1)),
        ("year", "2024.5", at(2024, 7, 2)),
        ("year", "2023", at(2023, 1, 1)),
        ("", "2024-01-01 00:00:00 UTC", at(2024, 1, 1)),
        ("", "2024-01-01T01:00:00+01:00", at(2024, 1, 1)),
    ],
)
def test_a_time_in_each_notation_by_hand(notation: str, text: str, wanted: float) -> None:
    assert reader(notation).seconds(text) == wanted
    assert reader(notation).seconds(f" {text} ") == wanted


@pytest.mark.parametrize(
    ("notation", "time"),
    [
        ("%d.%m.%Y", "30.02.2024"),
        ("%d.%m.%Y", "01.13.2024"),
        ("%d.%m.%Y %H:%M", "01.01.2024 24:01"),
        ("%d.%m.%Y", "\u0660\u0661.\u0660\u0661.2024"),
        ("%d.%m.%Y", "01.01.2024 00:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-01-01 00:00:00 CST"),
        ("", "2024-\u0660\u0661-\u0660\u0661"),
        ("", "\u0661704067200"),
        ("", "01.01.2024"),
        ("", 21.4),
        ("", "10000"),
        ("", 1e308),
        ("", math.inf),
        ("s", 1e308),
        ("s", 1.7e18),
        ("excel", 1e12),
        ("year", 1e9),
        ("%Y%m%d%H", 2024013223),
        ("", "1" * 1000),
        ("", [1]),
    ],
)
def test_what_is_no_time_is_refused(notation: str, time: Any) -> None:
    """Digits of other scripts, days that there are not, zones of two meanings; numbers decades away from any date."""
    with pytest.raises(DataError, match="is not a time"):
        reader(notation).seconds(time)
    assert reader(notation).read_all([time])[1].tolist() == [True]


def test_a_named_notation_leaves_what_is_beyond_doubt() -> None:
    """ISO 8601, datetime and an epoch of our times are read as well."""
    german = reader("%d.%m.%Y %H:%M")
    for time in ("2024-01-01", datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), 1704067200, 1704067200.0):
        assert german.seconds(time) == at(2024, 1, 1)
    assert german.seconds(np.datetime64("2024-01-01")) == at(2024, 1, 1)
    assert math.isnan(german.seconds(None))


def test_digits_may_be_a_number() -> None:
    assert reader("%Y%m%d%H").seconds(2024010123) == at(2024, 1, 1, 23)
    assert reader("%Y%m%d").seconds(20240101.0) == at(2024, 1, 1)


def test_without_a_reading_numbers_are_what_they_were() -> None:
    """Files of version 0.1, and Python code that counts seconds from anywhere."""
    assert TimeReader().seconds(21.4) == 21.4
    assert TimeReader().seconds(1.7e12) == 1.7e9


@pytest.mark.parametrize(
    "text", ["%Q", "%d.%m", "%H:%M", "%Y-%d", "%Y-%Y-%m", "%Y-%m-%d %I", "%Y-%m-%d %S", "%", "%Y-%m-%d %H:%M %"]
)
def test_directives_that_make_no_date_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--time-format"):
        Notation(text)


# Zones


@pytest.mark.parametrize(
    ("clock", "after", "wanted"),
    [
        ("2023-10-29 01:30", math.nan, at(2023, 10, 28, 23, 30)),
        ("2023-10-29 02:00", math.nan, at(2023, 10, 29, 0)),
        ("2023-10-29 02:00", at(2023, 10, 28, 23), at(2023, 10, 29, 0)),
        ("2023-10-29 02:00", at(2023, 10, 29, 0), at(2023, 10, 29, 1)),
        ("2023-10-29 02:00", at(2023, 10, 29, 0, 30), at(2023, 10, 29, 1)),
        ("2023-10-29 03:00", at(2023, 10, 29, 1), at(2023, 10, 29, 2)),
        ("2024-03-31 02:30", math.nan, at(2024, 3, 31, 1, 30)),
        ("2024-07-01 12:00", math.nan, at(2024, 7, 1, 10)),
        ("2024-07-01T12:00:00+05:00", math.nan, at(2024, 7, 1, 7)),
    ],
)
def test_a_clock_in_berlin_by_hand(clock: str, after: float, wanted: float) -> None:
    """Twice is told apart by the sample before; what spring skips is the hour after; an offset needs no zone."""
    assert reader(zone=BERLIN).seconds(clock, after) == wanted


def test_names_of_zones_tell_the_hours_of_autumn_apart() -> None:
    chicago = reader("%Y-%m-%d %H:%M %Z", zone="America/Chicago")
    assert chicago.seconds("2023-11-05 01:30 CDT") == at(2023, 11, 5, 6, 30)
    assert chicago.seconds("2023-11-05 01:30 CST") == at(2023, 11, 5, 7, 30)
    with pytest.raises(DataError, match="not a time"):
        chicago.seconds("2023-07-05 01:30 CST")


@pytest.mark.parametrize(
    "name", [BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]
)
@given(seconds=st.integers(-500_000_000, 4_000_000_000))
def test_a_zones_clock_is_that_of_the_standard_library(name: str, seconds: int) -> None:
    """There and back, one by one and all at once."""
    offset = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(name)).utcoffset()
    assert offset is not None
    zone, wanted = Zone(name), offset.total_seconds()
    assert zone.offset(float(seconds)) == wanted == zone.offsets(np.array([float(seconds)]))[0]
    assert zone.utc(seconds + wanted, seconds - 1.0) == seconds
    first, last, skipped = zone.utc_all(np.array([seconds + wanted]))
    assert (seconds in (first[0], last[0]), skipped[0]) == (True, False)


def test_a_zone_that_is_not_known_is_refused() -> None:
    for name in ("Europe/Nowhere", "../etc/passwd", "Europe"):
        with pytest.raises(UsageError, match="not known here"):
            Zone(name)


def test_a_stream_of_local_times_passes_both_hours_of_autumn() -> None:
    """Half-hours through the night, in blocks and one by one, of one stream and of a pool's."""
    clocks = [datetime(2023, 10, 29, 0) + timedelta(minutes=30 * step) for step in range(14)]
    texts = [f"{clock:%Y-%m-%d %H:%M}" for clock in (*clocks[:6], *clocks[4:])]
    wanted = [at(2023, 10, 28, 22) + 1800 * step for step in range(len(texts))]
    content = edgeseq_export.export(make_checkpoint(period=1800.0)).content
    reading = Reading(time=("time",), zone=BERLIN)
    single, block, pool = (
        Predictor(content, reading=reading),
        Predictor(content, reading=reading),
        Pool(content, reading=reading),
    )
    found, pooled = [], []
    for text in texts:
        single.step(0.1, text)
        found.append(single.seconds)
        pool.step({"a": 0.1}, {"a": text})
        pooled.append(pool.seconds_of("a"))
    assert found == pooled == wanted
    assert block.process([0.1] * len(texts), texts).seconds.tolist() == wanted
    assert (single.counts, single.spec.reading) == (block.counts, reading)


def test_features_of_the_time_are_those_of_the_zones_clock() -> None:
    """Noon in Berlin is the turning point of the day's circle, in summer as in winter."""
    content = edgeseq_export.export(
        make_checkpoint(clocks=CLOCKS[:2], period=HOUR, reading=Reading(time=("t",), zone=BERLIN))
    ).content
    for noon in ("2024-07-01T10:00:00Z", "2024-01-01T11:00:00Z"):
        timed, told = Predictor(content), Predictor(content)
        np.testing.assert_allclose(
            timed.step(0.3, noon), told.step([0.3, math.sin(math.pi), math.cos(math.pi)]), atol=1e-6
        )


# Numbers


@given(seconds=st.floats(-2e9, 4e9), form=st.sampled_from(["s", "ms", "us", "ns", "excel", "wincc", "year"]))
def test_numbers_stand_for_the_times_that_they_were_made_of(seconds: float, form: str) -> None:
    """To the millisecond, which is what days and years are rounded to; singly as in arrays."""
    number = float(numbers_of(np.float64(seconds), form))
    found = float(seconds_of(np.array([number]), form)[0])
    assert second_of(number, form) == found
    assert found == pytest.approx(seconds, abs=0.051)


# Times of forecasts


def ahead(time: str | float, reading: Reading, period: float, horizon: int = 2) -> Any:
    content = edgeseq_export.export(make_checkpoint(period=period, horizon=horizon, reading=reading)).content
    spec = Predictor(content).spec
    return TimesAhead(spec).after(time, TimeReader(spec.reading).seconds(time))


@pytest.mark.parametrize(
    ("time_format", "zone", "time", "period", "wanted"),
    [
        ("%d.%m.%Y %H:%M", "", "31.12.2023 23:00", HOUR, ["01.01.2024 00:00", "01.01.2024 01:00"]),
        ("%d.%m.%Y %H:%M", "", "1.2.2024 9:00", HOUR, ["1.2.2024 10:00", "1.2.2024 11:00"]),
        ("%m/%d/%y %I:%M %p", "", "01/13/24 11:00 AM", HOUR, ["01/13/24 12:00 PM", "01/13/24 01:00 PM"]),
        ("%Y%m%d%H", "", "2024010123", HOUR, ["2024010200", "2024010201"]),
        ("%Y%m%d%H", "", 2024010123, HOUR, [2024010200, 2024010201]),
        ("%Y-%m", "", "1949-11", 2_629_746.0, ["1949-12", "1950-01"]),
        ("%b-%y", "", "NOV-99", 2_629_746.0, ["DEC-99", "JAN-00"]),
        ("", "", "2024-01-31", 2_629_746.0, ["2024-02-29", "2024-03-31"]),
        ("year", "", 1949, 12 * 2_629_746.0, [1950, 1951]),
        ("excel", "", "45292.958333", HOUR, ["45293.000000", "45293.041667"]),
        ("s", "", 90, 30.0, [120, 150]),
        ("", BERLIN, "2023-10-29 01:00", HOUR, ["2023-10-29 02:00", "2023-10-29 02:00"]),
        ("%d.%m.%Y %H:%M", BERLIN, "31.03.2024 01:00", HOUR, ["31.03.2024 03:00", "31.03.2024 04:00"]),
        (
            "%a, %d %b %Y %H:%M:%S %z",
            "",
            "Sun, 31 Dec 2023 23:00:00 +0100",
            HOUR,
            [
                "Mon, 01 Jan 2024 00:00:00 +0100",
                "Mon, 01 Jan 2024 01:00:00 +0100",
            ],
        ),
        ("%d.%m.%Y %H:%M", "", "2024-01-01T00:00:00Z", HOUR, ["2024-01-01T01:00:00Z", "2024-01-01T02:00:00Z"]),
        ("%d.%m.%Y", "", "01.01.2024", HOUR, None),
    ],
)
def test_forecasts_have_times_in_the_notation_that_came(
    time_format: str, zone: str, time: Any, period: float, wanted: Any
) -> None:
    """By hand; None where a notation cannot say it."""
    assert ahead(time, Reading(time=("t",), time_format=time_format, zone=zone), period) == wanted


NOTATIONS = [
    "%d.%m.%Y %H:%M:%S", "%m/%d/%y %I:%M:%S %p", "%Y%m%d%H%M%S", "%a, %d %b %Y %H:%M:%S", "%B %d, %Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S",
]  # fmt: skip


@given(st.integers(86_400, int(at(2068, 1, 1))), st.integers(-(10**7), 10**7), st.sampled_from(NOTATIONS))
def test_what_is_written_like_a_time_is_read_again(seconds: int, later: int, form: str) -> None:
    """Python's strftime writes the sample's time, and reads what is written like it."""
    like = datetime.fromtimestamp(seconds, UTC).strftime(form)
    notation = Notation(form)
    moment = notation.read(like)
    assert moment is not None
    assert moment.clock == seconds * 1_000_000
    written = notation.write((seconds + later) * 1_000_000, like)
    assert datetime.strptime(written, form).replace(tzinfo=UTC).timestamp() == seconds + later


@given(
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)), offset=st.sampled_from(["Z", "+01:00", "-0330"])
)
def test_a_zones_name_behind_an_offset_changes_nothing(moment: datetime, offset: str) -> None:
    """As Java and RFC 9557 write it; the offset says when it is, and a name without one says too little."""
    plain = f"{moment.isoformat(timespec='seconds')}{offset}"
    for name in ("[Europe/Berlin]", "[Etc/GMT+3]", "[UTC][u-ca=gregory]"):
        assert TimeReader().seconds(plain + name) == TimeReader().seconds(plain)
        assert TimeReader().says_zone(plain + name)
    assert not TimeReader().is_time(f"{moment.isoformat(timespec='seconds')}[Europe/Berlin]")
