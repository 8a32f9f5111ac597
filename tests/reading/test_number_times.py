"""Times that are numbers: epochs of one scale, days and years named as such, and counts that are no dates."""

from datetime import timedelta

import pytest

from tests.reading.workbench import START, Workbench, check, moments, says, seconds, table, wave, written

SCALES = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}


@pytest.mark.parametrize("unit", SCALES)
def test_epochs_have_one_scale_for_the_whole_column(bench: Workbench, unit: str) -> None:
    """Since 1970, in 2024."""
    epochs = [f"{second * SCALES[unit]:.0f}" for second in seconds(moments())]
    check(bench.load(table(["time", "x"], epochs, wave())), wave(), moments())


@pytest.mark.parametrize("begin", [99_999_990_000, 9_990_000, 10_000_000, 0])
def test_a_count_that_grows_past_a_limit_keeps_its_scale(bench: Workbench, begin: int) -> None:
    """A board's uptime: even steps throughout, and never the year 1000."""
    counts = [begin + 1000 * number for number in range(480)]
    text = table(["time", "x"], counts, wave())
    series = bench.load(text)
    assert len(series) == 480
    assert series.seconds is None or series.seconds[0] >= 0
    bench.trained(text)
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480
    assert not any(streamed.reasons())


DAYS = {
    "excel": lambda second: f"{second / 86400 + 25569:.8f}",
    "wincc": lambda second: f"{(second / 86400 + 25569) * 1e6:.4f}",
    "matlab": lambda second: f"{second / 86400 + 719529:.8f}",
    "julian": lambda second: f"{second / 86400 + 2440587.5:.8f}",
    "decimal year": lambda second: f"{2024 + (second - 1704067200) / 86400 / 366:.9f}",
}
"""Numbers that are times, and no epoch."""


@pytest.mark.parametrize("kind", DAYS)
def test_days_and_years_as_numbers_are_never_taken_for_epochs(bench: Workbench, kind: str) -> None:
    """The step is an hour, or the file is refused with what is wanted."""
    text = table(["time", "x"], [DAYS[kind](second) for second in seconds(moments())], wave())
    answer = bench.train(bench.write(text), "--time", "time")
    if answer.code:
        assert says(answer.err, "time", "--time-format|epoch|none"), answer.err
    else:
        assert says(answer.err, "one every 1 ?h|one every 60 ?min"), answer.err


@pytest.mark.parametrize("words", [[], ["--time", "time"]], ids=["by its name", "named"])
def test_ticks_of_net_are_no_nanoseconds_of_1990(bench: Workbench, words: list[str]) -> None:
    """Tenths of microseconds since the year 1, refused with the line."""
    ticks = [f"{(round(second) + 62_135_596_800) * 10_000_000}" for second in seconds(moments())]
    answer = bench.train(bench.write(table(["time", "x"], ticks, wave())), *words)
    assert answer.code == 1
    assert says(answer.err, "line 2", "not a time"), answer.err


@pytest.mark.parametrize(("kind", "notation"), [("excel", "excel"), ("decimal year", "year")])
def test_days_and_years_as_numbers_can_be_named(bench: Workbench, kind: str, notation: str) -> None:
    text = table(["time", "x"], [DAYS[kind](second) for second in seconds(moments())], wave())
    series = bench.load(text, time="time", time_format=notation)
    assert series.period == pytest.approx(3600, rel=1e-3)
    assert series.seconds is not None
    assert series.seconds[:5] == pytest.approx(seconds(moments(5)), abs=60)
    bench.trained(text, "--time", "time", "--time-format", notation)
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480
    assert not any(streamed.reasons())


def test_eight_digits_are_a_date_only_where_the_column_is_one(bench: Workbench) -> None:
    """20240101 daily; 10000000 in steps of ten is a count."""
    days = moments(400, timedelta(days=1))
    check(bench.load(table(["day", "x"], written("%Y%m%d", days), wave(400)), time="day"), wave(400), days)
    series = bench.load(table(["time", "x"], [10_000_000 + 10 * n for n in range(480)], wave()), time="time")
    assert series.period == 10


@pytest.mark.parametrize("notation", ["%y%m%d%H%M", "%y%m%d%H%M%S"])
@pytest.mark.parametrize("name", ["time", "stamp"])
def test_dates_as_digits_with_years_of_two_are_no_epoch(bench: Workbench, notation: str, name: str) -> None:
    """2401010000 is a New Year's midnight, not a day of 2046; 480 rows have no gap between the days."""
    text = table([name, "x"], written(notation, moments()), wave())
    check(bench.load(text, targets=["x"]), wave(), moments())
    assert len(bench.load(text, targets=["x"])) == 480


def test_epochs_that_look_like_dates_for_an_hour_stay_epochs(bench: Workbench) -> None:
    """1612252300 is the 2nd of February 2021, and would be the 25th of December 2016, 23:00."""
    begin = 1_612_252_300
    text = table(["time", "x"], [begin + number for number in range(48)], wave(48))
    series = bench.load(text)
    assert series.seconds is not None
    assert (series.seconds[0], series.period) == (begin, 1)


MONTHS = [START.replace(year=2000 + number // 12, month=1 + number % 12) for number in range(240)]


@pytest.mark.parametrize("notation", ["%m.%Y", "%Y.%m"])
def test_months_with_a_point_are_no_numbers(bench: Workbench, notation: str) -> None:
    """01.2000 is a month, and neither a count nor a year with decimals; the device reads it so."""
    text = table(["time", "x"], written(notation, MONTHS), wave(240), separator=";")
    series = bench.load(text)
    check(series, wave(240), MONTHS)
    assert says("\n".join(series.notes), notation)
    bench.trained(text)
    assert bench.stream(text).count("ok") == 240


def test_a_voltage_that_may_be_months_is_a_value(bench: Workbench) -> None:
    volts = [f"12.{1950 + number % 60}" for number in range(480)]
    text = table(["time", "U"], written("%Y-%m-%d %H:%M", moments()), volts)
    check(bench.load(text), map(float, volts), moments())


@pytest.mark.parametrize("name", ["time (ms)", "Time [ms]", "time_ms", "time"])
def test_a_count_is_in_the_unit_that_its_name_says(bench: Workbench, name: str) -> None:
    """A board's milliseconds are a thousandth of the period that seconds would be; the device reads them so."""
    text = table([name, "x"], range(5000, 5000 + 480_000, 1000), wave())
    series = bench.load(text)
    assert series.period == (1000 if name == "time" else 1)
    bench.trained(text)
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480
    assert not any(streamed.reasons())
