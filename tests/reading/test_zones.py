"""Local times: right where their zone is named, and told where it is in doubt."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.reading.workbench import Workbench, check, moments, says, table, wave, written


def local(zone: str, start: datetime, count: int = 480) -> list[datetime]:
    """Even hours as a wall clock in a zone shows them."""
    return [time.astimezone(ZoneInfo(zone)) for time in moments(count, start=start.replace(tzinfo=UTC))]


ZONES = {"Europe/Berlin": datetime(2023, 10, 20), "America/New_York": datetime(2023, 10, 28)}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("notation", ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p"])
def test_a_zone_makes_local_times_right(bench: Workbench, zone: str, notation: str) -> None:
    """The repeated hour is told apart by order; the same on the device, without an option."""
    times = local(zone, ZONES[zone])
    text = table(["time", "load"], written(notation, times), wave(), separator=";")
    series = bench.load(text, zone=zone)
    check(series, wave(), times)
    assert len(series) == 480
    bench.trained(text, "--zone", zone, "--time-features", "hour")
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480, streamed.err
    assert not any(streamed.reasons())


def test_the_missing_hour_of_spring_is_no_gap(bench: Workbench) -> None:
    times = local("Europe/Berlin", datetime(2024, 3, 25))
    text = table(["time", "load"], written("%Y-%m-%d %H:%M", times), wave())
    series = bench.load(text, zone="Europe/Berlin")
    check(series, wave(), times)
    assert len(series) == 480


def test_without_a_zone_the_repeated_hour_is_not_averaged_by_our_advice(bench: Workbench) -> None:
    text = table(["time", "load"], written("%Y-%m-%d %H:%M", local("Europe/Berlin", datetime(2023, 10, 20))), wave())
    answer = bench.train(bench.write(text))
    assert says(answer.err, "--zone"), answer.err


def test_a_time_with_a_zone_is_no_surprise_to_a_model_without(bench: Workbench) -> None:
    """Trained on times without a zone, which were local; the device writes +02:00: that is told."""
    bench.trained(table(["time", "load"], written("%Y-%m-%d %H:%M", moments()), wave()), "--time-features", "hour")
    streamed = bench.predict(bench.write('{"time":"2024-06-01T12:00:00+02:00","load":20}\n', "live.jsonl"))
    assert says(streamed.err, "zone|offset|UTC"), streamed.err


def test_time_features_are_those_of_the_zone(bench: Workbench) -> None:
    """18:00 UTC is 20:00 in Berlin in summer, whatever way it is written."""
    times = local("Europe/Berlin", datetime(2024, 5, 1))
    text = table(["time", "load"], written("%Y-%m-%d %H:%M", times), wave())
    series = bench.load(text, zone="Europe/Berlin", clocks=["hour_sin", "hour_cos"])
    assert series.values[0, 1:] == pytest.approx([0.5, 0.8660254], abs=1e-6)  # 02:00 on the wall
    bench.trained(text, "--zone", "Europe/Berlin", "--time-features", "hour")
    forecasts = [
        bench.stream(f'{{"time":"{time}","load":20}}\n', name="live.jsonl").forecasts
        for time in ("2024-06-01T20:00:00", "2024-06-01T18:00:00Z", "2024-06-01T20:00:00+02:00")
    ]
    assert forecasts[0] == forecasts[1] == forecasts[2]
