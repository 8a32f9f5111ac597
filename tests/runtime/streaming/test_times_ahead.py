"""The times of a forecast's steps: in the notation of the sample's own time, and right."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.testing import make_spec
from edgeseq_runtime.reading.times import to_seconds
from edgeseq_runtime.streaming.times_ahead import TimesAhead

TEN_MINUTES, DAY = 600.0, 86400.0


@pytest.mark.parametrize(
    ("time", "period", "wanted"),
    [
        ("2024-01-01 23:50:00", TEN_MINUTES, ["2024-01-02 00:00:00", "2024-01-02 00:10:00"]),
        ("2024-01-01T23:50", TEN_MINUTES, ["2024-01-02T00:00", "2024-01-02T00:10"]),
        ("2024-01-01T23:50Z", TEN_MINUTES, ["2024-01-02T00:00Z", "2024-01-02T00:10Z"]),
        ("2024-01-01T23:50:00+05:30", TEN_MINUTES, ["2024-01-02T00:00:00+05:30", "2024-01-02T00:10:00+05:30"]),
        ("2024-01-01T23:50:00-0500", TEN_MINUTES, ["2024-01-02T00:00:00-0500", "2024-01-02T00:10:00-0500"]),
        ("2024-01-01T23:50:00.250Z", 0.25, ["2024-01-01T23:50:00.500Z", "2024-01-01T23:50:00.750Z"]),
        ("2024-01-01 00:00:00", 0.5, ["2024-01-01 00:00:00.500", "2024-01-01 00:00:01"]),
        ("20240101T2350", TEN_MINUTES, ["20240102T0000", "20240102T0010"]),
        ("2024-02-28", DAY, ["2024-02-29", "2024-03-01"]),
        ("20240228", DAY, ["20240229", "20240301"]),
        ("2024-02-28", TEN_MINUTES, ["2024-02-28T00:10", "2024-02-28T00:20"]),
        ("2024-W01-1", DAY, ["2024-01-02T00:00Z", "2024-01-03T00:00Z"]),
        ("2016-12-31T23:59:60Z", 1.0, ["2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"]),
        (1_700_000_000, TEN_MINUTES, [1_700_000_600, 1_700_001_200]),
        (1_700_000_000_000, TEN_MINUTES, [1_700_000_600_000, 1_700_001_200_000]),
        (1_700_000_000_123_456_789, 1 / 3, [1_700_000_000_456_790_122, 1_700_000_000_790_123_456]),
        ("1700000000123456789", 1 / 3, ["1700000000456790122", "1700000000790123456"]),
        (" 1700000000 ", TEN_MINUTES, ["1700000600", "1700001200"]),
        (1_700_000_000_123_456_789, 1.0, [1_700_000_001_123_456_789, 1_700_000_002_123_456_789]),
        (1_700_000_000.5, 0.1, [1_700_000_000.6, 1_700_000_000.7]),
        (1_700_000_000, 0.5, [1_700_000_000.5, 1_700_000_001.0]),
        ("1700000000", TEN_MINUTES, ["1700000600", "1700001200"]),
        ("1700000000.250", TEN_MINUTES, ["1700000600.250", "1700001200.250"]),
        (0, TEN_MINUTES, [600, 1200]),
    ],
)
def test_times_are_written_as_the_samples_own(time: str | float, period: float, wanted: list[object]) -> None:
    ahead = TimesAhead(make_spec(horizon=2, period=period))
    for _ in range(2):  # again, when it is known
        assert ahead.after(time, to_seconds(time)) == wanted


@pytest.mark.parametrize("time", [None, "", "n/a", "noon", "5 (not nanoseconds)"])
def test_without_a_time_that_can_be_read_there_are_none(time: str | None) -> None:
    assert TimesAhead(make_spec(period=TEN_MINUTES)).after(time, 1.7e9) is None
    assert TimesAhead(make_spec()).after("2024-01-01", 1.7e9) is None
    assert TimesAhead(make_spec(period=TEN_MINUTES)).after("2024-01-01", float("nan")) is None


def test_nor_beyond_the_last_year() -> None:
    last = "9999-12-31T23:59:00Z"
    assert TimesAhead(make_spec(period=TEN_MINUTES)).after(last, to_seconds(last)) is None


def test_a_sample_taken_at_another_time_than_its_own_has_times_after_that() -> None:
    """Its notation stays: whose clock jumped to 2106 is taken as a period after the one before."""
    ahead = TimesAhead(make_spec(period=TEN_MINUTES))
    assert ahead.after("2106-02-07T06:28:15", 1_700_000_000.0) == ["2023-11-14T22:23:20"]
    assert ahead.after(4_294_967_295_000, 1_700_000_000.0) == [1_700_000_600_000]


moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
forms = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M:%S+00:00"]


@given(moments, st.sampled_from(forms), st.sampled_from([1, 60, 600, 3600, 86400, 604800]), st.integers(1, 30))
def test_what_python_writes_of_any_time_is_what_comes(moment: datetime, form: str, period: int, steps: int) -> None:
    ahead = TimesAhead(make_spec(horizon=steps, period=float(period)))
    wanted = [(moment + timedelta(seconds=period * step)).strftime(form) for step in range(1, steps + 1)]
    assert ahead.after(moment.strftime(form), moment.timestamp()) == wanted
