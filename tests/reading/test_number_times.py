"""Times that are numbers: epochs of one scale, days and years named as such, and counts that are no dates."""

from datetime import timedelta

import pytest

from tests.reading.workbench import Workbench, check, moments, says, seconds, table, wave, written

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
