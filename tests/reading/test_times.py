"""Times as people's files have them: read right, by what a column holds and not by its name, or refused aloud."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

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
    series, why = bench.attempt(text, targets=["temp"])
    if series:
        check(series, wave(), moments())
    else:
        assert "--time" in why


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
    assert says(said.err, "1 h"), said.err
    assert says(said.err, "1 longer"), said.err
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


def test_a_date_of_dots_with_a_year_of_two_digits_is_no_time_of_day(bench: Workbench) -> None:
    """31.01.24 beside 0:00: every row has its own time, where nothing but the order was known."""
    times = written(lambda time: f"{time.hour}:{time:%M}", moments())
    text = table(["Datum", "Zeit", "x"], written("%d.%m.%y", moments()), times, wave(), separator=";")
    check(bench.load(text), wave(), moments())
    bench.trained(text)
    assert not any(bench.stream(text).reasons())


def test_blanks_that_make_up_for_a_digit_are_no_second_notation(bench: Workbench) -> None:
    """SQL Server writes `Jan  1 2024 12:00AM`."""

    def as_server(time: datetime) -> str:
        return f"{time:%b} {time.day:2} {time:%Y} {int(time.strftime('%I')):2}:{time:%M%p}"

    text = table(["time", "x"], written(as_server, moments()), wave())
    check(bench.load(text), wave(), moments())
    bench.trained(text)
    assert bench.stream(text).count("ok") == 480


def test_an_ambiguous_date_is_shown_by_a_cell_that_differs(bench: Workbench) -> None:
    """Of twelve days, the first of January says the same either way."""
    times = written("%d/%m/%Y", moments(12, timedelta(days=1)))
    _, problem = bench.attempt(table(["time", "x"], times, wave(12)))
    assert "'02/01/2024' may be 2024-01-02 or 2024-02-01" in problem, problem
