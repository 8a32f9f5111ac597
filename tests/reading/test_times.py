"""Times as people's files have them: read right, by what a column holds and not by its name, or refused aloud."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edgeseq_runtime.errors import EdgeseqError
from tests.reading.workbench import Workbench, check, moments, says, seconds, table, wave, written

TWO_COLUMNS = {
    "log": ("Date,Time,temp", "%Y-%m-%d,%H:%M:%S", ","),
    "german": ("Datum;Uhrzeit;temp", "%d.%m.%Y;%H:%M:%S", ";"),
    "time first": ("Time\tDate\ttemp", "%H:%M\t%Y/%m/%d", "\t"),
    "american": ("Date,Time,temp", "%m/%d/%Y,%I:%M:%S %p", ","),
    "dots": ("Date;Time;temp", "%d/%m/%Y;%H.%M.%S", ";"),
    "compact": ("DATE,TIME,temp", "%Y%m%d,%H%M%S", ","),
}
"""Header, notation of both columns, separator."""


def two_columns(form: str) -> str:
    header, notation, separator = TWO_COLUMNS[form]
    rows = zip(written(notation, moments()), wave(), strict=True)
    return "\n".join([header, *(f"{time}{separator}{value}" for time, value in rows), ""])


@pytest.mark.parametrize("form", TWO_COLUMNS)
def test_date_and_time_in_two_columns_are_one_time(bench: Workbench, form: str) -> None:
    """By themselves; every row of the file then streams, an hour after the one before."""
    text = two_columns(form)
    series = bench.load(text)
    check(series, wave(), moments())
    assert series.period == 3600
    bench.trained(text)
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480, streamed.err
    assert not any(streamed.reasons())


def test_two_columns_can_be_named(bench: Workbench) -> None:
    """`--time Tag,Zeit`, whatever they are called."""
    text = two_columns("log").replace("Date,Time", "alpha,beta")
    check(bench.load(text, time="alpha,beta"), wave(), moments())
    bench.trained(text, "--time", "alpha,beta")
    assert bench.stream(text).count("ok") == 480


@pytest.mark.parametrize("header", ["Date,Time,temp", "timestamp,date,temp", "t,ts,temp"])
def test_a_model_that_goes_by_order_takes_every_row(bench: Workbench, header: str) -> None:
    """`--time none` in training holds on the device, whatever the columns are called."""
    text = two_columns("log").replace("Date,Time,temp", header)
    bench.trained(text, "--time", "none", "--target", "temp")
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480, streamed.err
    assert not any(streamed.reasons())


@pytest.mark.parametrize("name", ["T", "t", "time", "ts", "date", "Timestamp"])
def test_a_column_of_temperatures_is_no_time(bench: Workbench, name: str) -> None:
    """Beside a column of dates, and alone: the network goes by the dates, or by order, never by the temperatures."""
    other = wave(level=40)
    dated = table(["Datum", name, "RH"], written("%Y-%m-%dT%H:%M:%S", moments()), wave(), other)
    series = bench.load(dated, targets=["RH"])
    check(series, other, moments())
    assert series.time == "Datum"
    check(bench.load(table([name, "RH"], wave(), other), targets=["RH"]), other)


@pytest.mark.parametrize("name", ["T", "t", "time"])
def test_a_temperature_with_the_name_of_a_time_skips_nothing_on_the_device(bench: Workbench, name: str) -> None:
    text = table([name, "RH"], wave(), wave(level=40))
    bench.trained(text, "--target", "RH")
    assert bench.stream(text).count("ok") == 480
    lines = "".join(f'{{"{name}": {t}, "RH": {rh}}}\n' for t, rh in zip(wave(9), wave(9, 40), strict=True))
    assert bench.stream(lines, name="live.jsonl").count("ok") == 9


def test_a_column_with_the_name_of_a_temperature_may_hold_times(bench: Workbench) -> None:
    """The cells decide: T holds ISO times here, and `wann` an epoch in another file."""
    check(bench.load(table(["T", "x"], written("%Y-%m-%dT%H:%M", moments()), wave())), wave(), moments())
    epochs = [f"{second:.0f}" for second in seconds(moments())]
    check(bench.load(table(["time", "x"], epochs, wave())), wave(), moments())


ISO_BESIDE = {"epoch beside ISO": ["time", "iso"], "ISO beside epoch": ["ts", "datetime"]}


@pytest.mark.parametrize("names", ISO_BESIDE.values(), ids=ISO_BESIDE)
def test_two_columns_that_tell_the_same_time_need_no_question(bench: Workbench, names: list[str]) -> None:
    """An epoch and the same moment in ISO (OpenWeather, Tasmota logs): either is right; or one line asks for --time."""
    epochs = [f"{second:.0f}" for second in seconds(moments())]
    text = table([*names, "temp"], epochs, written("%Y-%m-%dT%H:%M:%SZ", moments()), wave())
    try:
        series = bench.load(text, targets=["temp"])
    except EdgeseqError as error:
        assert "--time" in str(error)
    else:
        check(series, wave(), moments())


def unpadded(time: datetime) -> str:
    return f"{time.day}.{time.month}.{time.year} {time.hour}:{time.minute:02d}"


NOTATIONS: dict[str, str | Callable[[datetime], str]] = {
    "german": "%d.%m.%Y %H:%M",
    "german seconds": "%d.%m.%Y %H:%M:%S",
    "german unpadded": unpadded,
    "german two digits": "%d.%m.%y %H:%M",
    "german comma": '"%d.%m.%Y, %H:%M:%S"',
    "british": "%d/%m/%Y %H:%M:%S",
    "american": "%m/%d/%Y %H:%M",
    "american pm": "%m/%d/%Y %I:%M:%S %p",
    "american pm two digits": "%m/%d/%y %I:%M:%S %p",
    "american unpadded": lambda time: f"{time.month}/{time.day}/{time.year} {time.hour}:{time.minute:02d}",
    "year first slash": "%Y/%m/%d %H:%M:%S",
    "year first dots": "%Y.%m.%d %H:%M:%S",
    "month name": "%d-%b-%Y %H:%M:%S",
    "month name pi": "%d-%b-%y %H:%M:%S",
    "month name us": '"%b %d, %Y %I:%M:%S %p"',
    "utc": "%Y-%m-%d %H:%M:%S UTC",
    "gmt": "%Y-%m-%d %H:%M:%S GMT",
    "offset": "%Y-%m-%d %H:%M:%S +0000",
    "offset close": "%Y-%m-%d %H:%M:%S+00:00",
    "milliseconds": "%Y-%m-%d %H:%M:%S.000",
    "decimal comma": '"%Y-%m-%d %H:%M:%S,000"',
    "rfc 2822": '"%a, %d %b %Y %H:%M:%S +0000"',
    "ctime": "%a %b %d %H:%M:%S %Y",
    "compact hour": "%Y%m%d%H",
    "compact minute": "%Y%m%d%H%M",
    "compact second": "%Y%m%d%H%M%S",
    "compact colon": "%Y%m%d:%H%M",
    "compact t": "%Y%m%dT%H%M%SZ",
}
"""How an hourly series is dated; %Y-%m-%dT%H:%M and its like are ISO 8601, which was always read."""


@pytest.mark.parametrize("name", NOTATIONS)
def test_a_hole_is_seen_in_any_notation(bench: Workbench, name: str) -> None:
    """Two days are missing: one longer gap, an hour between all others; on the device as in training."""
    kept = [*range(200), *range(248, 480)]
    times, values = [moments()[row] for row in kept], [wave()[row] for row in kept]
    text = table(["Zeit", "temp"], written(NOTATIONS[name], times), values)
    separated = text if '"' in text else text.replace(",", ";")
    series = bench.load(separated)
    assert series.period == 3600
    check(series, values, times)
    said = bench.trained(separated)
    assert says(said.err, "1 h") and says(said.err, "1 longer gap|1 longer"), said.err
    streamed = bench.stream(separated)
    assert [number for number, reason in enumerate(streamed.reasons()) if reason] == [200], streamed.err
    assert streamed.lines[200]["reason"] == "gap"


MONTHS: dict[str, str] = {"iso": "%Y-%m", "named": "%b %Y", "turned": "%m/%Y", "first day": "%Y-%m-01"}


@pytest.mark.parametrize("notation", MONTHS.values(), ids=MONTHS)
def test_months_are_read_or_said_to_be_none(bench: Workbench, notation: str) -> None:
    """A month is no even step in seconds; what is not read is named."""
    times = [datetime(1949 + number // 12, number % 12 + 1, 1) for number in range(144)]
    text = table(["Month", "passengers"], written(notation, times), wave(144, 200, 12))
    answer = bench.train(bench.write(text))
    assert says(answer.err, "Month") or says(answer.err, "month|30|d$"), answer.err
    if answer.code == 0:
        assert bench.stream(text).count("ok") == 144


def test_a_column_where_nothing_tells_day_from_month_is_refused_or_told(bench: Workbench) -> None:
    """01/02/2024 to 09/02/2024, both below 13: no silent choice; with the notation named it is read."""
    times = moments(200, start=datetime(2024, 2, 1))
    text = table(["When", "x"], written("%d/%m/%Y %H:%M", times), wave(200))
    answer = bench.train(bench.write(text))
    assert says(answer.err, "When", "day|month|%d|--time-format"), answer.err
    check(bench.load(text, time_format="%d/%m/%Y %H:%M"), wave(200), times)


def test_times_are_never_passed_over_in_silence(bench: Workbench) -> None:
    """A notation that nobody reads: one line names the column and a cell; or --time-format."""
    text = table(["Zeit", "temp"], [f"KW{n // 168 + 1} Tag{n // 24 % 7 + 1} h{n % 24}" for n in range(480)], wave())
    answer = bench.train(bench.write(text))
    assert says(answer.err, "Zeit"), answer.err


def test_a_notation_can_be_named(bench: Workbench) -> None:
    """`--time-format`, kept in the model file: the device reads the same without an option."""
    text = table(["Zeit", "temp"], written("%H:%M, %d of %m in %Y", moments()), wave(), separator=";")
    check(bench.load(text, time="Zeit", time_format="%H:%M, %d of %m in %Y"), wave(), moments())
    bench.trained(text, "--time-format", "%H:%M, %d of %m in %Y", "--time", "Zeit")
    hole = text.splitlines(keepends=True)
    streamed = bench.stream("".join([*hole[:20], *hole[25:40]]))
    assert [reason for reason in streamed.reasons() if reason] == ["gap"]


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


def test_the_german_weather_service_is_hourly(bench: Workbench) -> None:
    """STATIONS_ID;MESS_DATUM as yyyymmddhh, cells with blanks before."""
    rows = zip(written("%Y%m%d%H", moments()), wave(), strict=True)
    text = "STATIONS_ID;MESS_DATUM;QN_9;TT_TU;RF_TU;eor\n" + "".join(
        f"       1684;{time};    3;{value:6.2f};  80.0;eor\n" for time, value in rows
    )
    for said in ({"time": "MESS_DATUM"}, {}):
        series = bench.load(text, "produkt.txt", targets=["TT_TU"], **said)
        check(series, wave(), moments())
    bench.trained(text, "--target", "TT_TU")
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480
    assert not any(streamed.reasons())


def test_the_wincc_log_is_hourly_by_its_string(bench: Workbench) -> None:
    """TimeString with am and pm; Time_ms beside it is a number that is no epoch."""
    rows = zip(written("%m/%d/%y %I:%M:%S %p", moments()), wave(), seconds(moments()), strict=True)
    text = '"VarName";"TimeString";"VarValue";"Validity";"Time_ms"\n' + "".join(
        f'"Boiler";"{time}";{value:.2f};1;{(second / 86400 + 25569) * 1e6:.4f}\n' for time, value, second in rows
    )
    check(bench.load(text, targets=["VarValue"]), wave(), moments())


LIVE_TIMES = ["not a time", "n/a", "", "yesterday", "31.31.2024 00:00"]


@pytest.mark.parametrize("time", LIVE_TIMES)
def test_a_time_that_cannot_be_read_is_a_finding(bench: Workbench, time: str) -> None:
    """The sample counts as one period after the last; its line says why, and there is one note for a stretch."""
    text = table(["time", "temp"], written("%Y-%m-%dT%H:%M", moments()), wave())
    bench.trained(text)
    rows = text.splitlines(keepends=True)
    live = [*rows[:5], *(f"{time},{value}\n" for value in wave(3)), *rows[8:12]]
    streamed = bench.stream("".join(live))
    assert len(streamed.lines) == 11
    assert streamed.reasons() == [None] * 4 + ["time"] * 3 + [None] * 4
    assert sum("time" in line and "is not" in line for line in streamed.err.splitlines()) <= 1, streamed.err
    payloads = [f'{{"time": "{time}", "temp": {value}}}\n' for value in wave(3)]
    assert bench.stream("".join(payloads), name="live.jsonl").reasons() == ["time"] * 3


def test_a_device_with_another_notation_is_told(bench: Workbench) -> None:
    """Trained on ISO, fed dd.mm.yyyy: the gap of two days is seen, or each line says that its time was not read."""
    bench.trained(table(["time", "temp"], written("%Y-%m-%dT%H:%M", moments()), wave()))
    times = [datetime(2024, 2, 1), datetime(2024, 2, 1, 1), datetime(2024, 2, 13, 1)]
    for notation in ("%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M:%S UTC"):
        streamed = bench.stream(table(["time", "temp"], written(notation, times), wave(3)))
        assert streamed.lines[2].get("reason") in ("gap", "time"), (notation, streamed)
        assert streamed.err.strip()


def test_time_features_go_on_where_a_time_cannot_be_read(bench: Workbench) -> None:
    """A model that sees the hour takes the sample as one period after the last."""
    bench.trained(table(["time", "temp"], written("%Y-%m-%dT%H:%M", moments()), wave()), "--time-features", "hour")
    good = bench.stream(table(["time", "temp"], written("%Y-%m-%dT%H:%M", moments(9)), wave(9)))
    bad = written("%Y-%m-%dT%H:%M", moments(9))
    bad[4] = "??"
    streamed = bench.stream(table(["time", "temp"], bad, wave(9)))
    assert streamed.reasons()[4] == "time"
    assert streamed.forecasts == good.forecasts


def test_a_leap_second_is_the_second_before(bench: Workbench) -> None:
    text = table(["time", "x"], written("%Y-%m-%dT%H:%M:%S", moments(480, timedelta(seconds=1))), wave())
    bench.trained(text)
    streamed = bench.stream("time,x\n2016-12-31T23:59:58Z,20\n2016-12-31T23:59:60Z,20.1\n2017-01-01T00:00:00Z,20.2\n")
    assert [reason for reason in streamed.reasons() if reason == "time"] == []


INDEXES = {
    "pandas": (",temp\n", "{time},{value}\n"),
    "pandas, two columns": (",temp,hum\n", "{time},{value},40\n"),
    "tabs": ("\ttemp\n", "{time}\t{value}\n"),
    "R": ('"","time","temp"\n', '"{number}","{time}",{value}\n'),
    "counted": (",time,temp\n", "{number},{time},{value}\n"),
    "quoted": ('"";"temp"\n', '"{time}";"{value}"\n'),
}


@pytest.mark.parametrize("form", INDEXES)
def test_an_index_without_a_name_is_known_on_the_device(bench: Workbench, form: str) -> None:
    """The file that trains streams with its times: one gap; also for a model that sees the hour."""
    header, row = INDEXES[form]
    kept = [*range(300), *range(350, 480)]
    text = header + "".join(
        row.format(number=n + 1, time=moments()[n].strftime("%Y-%m-%d %H:%M:%S"), value=wave()[n]) for n in kept
    )
    check(bench.load(text, targets=["temp"]), [wave()[n] for n in kept], [moments()[n] for n in kept])
    for options in ((), ("--time-features", "hour")):
        bench.trained(text, "--target", "temp", *options)
        streamed = bench.stream(text)
        assert [reason for reason in streamed.reasons() if reason] == ["gap"], streamed.err


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


def test_eight_digits_are_a_date_only_where_the_column_is_one(bench: Workbench, tmp_path: Path) -> None:
    """20240101 daily; 10000000 in steps of ten is a count."""
    days = moments(400, timedelta(days=1))
    check(bench.load(table(["day", "x"], written("%Y%m%d", days), wave(400)), time="day"), wave(400), days)
    series = bench.load(table(["time", "x"], [10_000_000 + 10 * n for n in range(480)], wave()), time="time")
    assert series.period == 10


def test_a_header_that_comes_again_in_another_order_is_obeyed(bench: Workbench) -> None:
    """A device that restarts writes its header again: no sample, and its order holds from there on."""
    text = table(["time", "temp", "hum"], written("%Y-%m-%dT%H:%M", moments()), wave(), wave(level=50))
    bench.trained(text, "--target", "temp", "--feature", "hum")
    rows = text.splitlines(keepends=True)[1:21]
    turned = [",".join([time, hum, temp]) + "\n" for time, temp, hum in (row.strip().split(",") for row in rows[10:])]
    whole = bench.stream("time,temp,hum\n" + "".join(rows))
    again = bench.stream("time,temp,hum\n" + "".join(rows[:10]) + "time,hum,temp\n" + "".join(turned))
    assert again.forecasts == whole.forecasts
    same = bench.stream("time,temp,hum\n" + "".join(rows[:10]) + "time,temp,hum\n" + "".join(rows[10:]))
    assert same.forecasts == whole.forecasts
