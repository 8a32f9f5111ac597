"""Values as people's files have them: codes, spikes, thousands, flags, words for missing, units, quoted commas."""

import json
import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from tests.reading.workbench import Workbench, check, moments, says, table, wave, written

NAN = math.nan
ISO = "%Y-%m-%dT%H:%M"
TIMES = written(ISO, moments())


def with_code(code: float, rows: range = range(13, 480, 80)) -> list[float]:
    """A wave in which a code stands for no value in some rows."""
    return [code if number in rows else value for number, value in enumerate(wave())]


def without(code: float) -> list[float]:
    return [NAN if value == code else value for value in with_code(code)]


CODES = [-127, 85, -999, 65535, -9999, 999.9, 32767, 6553.5, 9.96921e36]


@pytest.mark.parametrize("code", CODES)
def test_a_code_for_no_value_is_noticed_and_taken_as_missing_when_asked(bench: Workbench, code: float) -> None:
    """One line names column, code, rows and option; with the option the series is clean, on the device as well."""
    text = table(["time", "temp"], TIMES, with_code(code))
    said = bench.trained(text)
    assert says(said.err, "temp", re.escape(f"{code:g}"), "6", "--na"), said.err
    check(bench.load(text, na=[f"{code:g}"]), without(code), moments())
    said = bench.trained(text, "--na", f"{code:g}")
    assert says(said.err, "season: 24"), said.err
    live = f"time,temp\n{TIMES[0]},20\n{TIMES[1]},{code}\n{TIMES[2]},{code:.1f}\n{TIMES[3]},20\n"
    assert [line["status"] for line in bench.stream(live).lines] == ["ok", "imputed", "imputed", "ok"]
    payloads = f'{{"temp": 20}}\n{{"temp": {code}}}\n{{"temp": "{code}"}}\n{{"temp": 20}}\n'
    streamed = bench.stream(payloads, name="live.jsonl")
    assert [line["status"] for line in streamed.lines] == ["ok", "imputed", "imputed", "ok"]


def test_extremes_that_are_real_are_no_code(bench: Workbench) -> None:
    """Zeros of a rain gauge, a valve at 0 or 100, a sine's tops: no word of --na."""
    rain = [round(max(0.0, value - 22), 1) for value in wave()]
    valve = [100 if n // 30 % 2 else 0 for n in range(480)]
    for values in (rain, valve, wave()):
        assert "--na" not in bench.trained(table(["time", "x"], TIMES, values)).err


def test_a_few_spikes_decide_nothing(bench: Workbench) -> None:
    """Three readings of a million in twenty degrees: a line that names rows, and the season and scale of the others."""
    values: list[float] = wave()
    for row in (40, 200, 310):
        values[row] = 1e6 + row
    said = bench.trained(table(["time", "temp"], TIMES, values))
    assert says(said.err, "temp", "3"), said.err
    assert says(said.err, "season: 24"), said.err
    spec = json.loads(bench.run.must("info", bench.model, "--json").out)
    assert "1000" not in bench.run.must("info", bench.model).out, "the range"
    assert spec
    live = f"time,temp\n{TIMES[0]},20\n{TIMES[1]},1000000\n{TIMES[2]},20.1\n"
    assert bench.stream(live).lines[1].get("reason") in ("range", "confirm")


def thousands(value: float, mark: str, decimal: str, digits: int) -> str:
    return f"{value:,.{digits}f}".replace(",", "~").replace(".", decimal).replace("~", mark)


POWER = [round(1020 + 320 * math.sin(2 * math.pi * n / 24) + n % 7) for n in range(480)]


def test_dots_part_thousands_where_other_columns_have_decimal_commas(bench: Workbench) -> None:
    cells = [thousands(value, ".", ",", 0) for value in POWER]
    text = table(
        ["Zeit", "Leistung", "Temperatur"], TIMES, cells, (f"{v:.1f}".replace(".", ",") for v in wave()), separator=";"
    )
    check(bench.load(text, targets=["Leistung"]), POWER, moments())
    bench.trained(text, "--target", "Leistung")
    for live in (f"Zeit;Leistung\n{TIMES[0]};1.020\n", f'Zeit;Leistung;Temperatur\n{TIMES[0]};"1.020";19,5\n'):
        assert not bench.stream(live).reasons()[0]
    same = [bench.stream(f"Zeit;Leistung\n{TIMES[0]};{cell}\n").forecasts for cell in ("1.020", "1020", "1020,0")]
    assert same[0] == same[1] == same[2]


def test_dots_that_may_be_either_are_refused_or_told(bench: Workbench) -> None:
    """Alone, each point before exactly three digits and nothing above 999 without one; --decimal decides."""
    text = table(["Zeit", "Leistung"], TIMES, [thousands(value, ".", ",", 0) for value in POWER], separator=";")
    answer = bench.train(bench.write(text))
    assert says(answer.err, "Leistung", r"1\.|--decimal|thousand"), answer.err
    check(bench.load(text, decimal=","), POWER, moments())


MARKS = {
    "apostrophe": ("'", ".", 1, ";"),
    "space": (" ", ",", 1, ";"),
    "no-break space": ("\xa0", ",", 1, ";"),
    "narrow space": ("\u202f", ",", 1, ";"),
    "dot and comma": (".", ",", 2, ";"),
    "comma and dot": (",", ".", 2, ";"),
    "typographic apostrophe": ("\u2019", ".", 2, ";"),
}


@pytest.mark.parametrize("mark", MARKS)
def test_thousands_are_parted_in_many_ways(bench: Workbench, mark: str) -> None:
    """The same number in training and on the device, or a refusal that shows a cell."""
    sign, decimal, digits, separator = MARKS[mark]
    cells = [thousands(value + 0.5, sign, decimal, digits) for value in POWER]
    text = table(["Zeit", "Leistung"], TIMES, cells, separator=separator)
    check(bench.load(text), [value + 0.5 for value in POWER], moments())
    bench.trained(text)
    cell, plain = thousands(1020.5, sign, decimal, digits), f"1020{decimal}5"
    same = [bench.stream(f"Zeit;Leistung\n{TIMES[0]};{number}\n").forecasts for number in (cell, plain)]
    assert same[0] == same[1]


def test_quoted_american_thousands(bench: Workbench) -> None:
    """ "1,020.5" between commas, and 1,020 alone, where the column has both."""
    cells = [f'"{value:,}"' for value in POWER]
    text = table(["time", "power", "temp"], TIMES, cells, wave())
    series, why = bench.attempt(text, targets=["power"])
    if series:
        check(series, POWER, moments())
    else:
        assert "power" in why
    mixed = [f'"{value + 0.5:,.1f}"' for value in POWER]
    check(bench.load(table(["time", "power"], TIMES, mixed)), [value + 0.5 for value in POWER], moments())


def test_three_decimals_stay_decimals(bench: Workbench) -> None:
    """21.123 among commas is 21.123: what has one notation all along is no doubt."""
    values = [round(value + n % 10 / 1000, 3) for n, value in enumerate(wave())]
    check(bench.load(table(["time", "x"], TIMES, (f"{v:.3f}" for v in values))), values, moments())
    small = [round(v / 50, 3) for v in values]
    check(bench.load(table(["time", "x"], TIMES, (f"{v:.3f}" for v in small))), small, moments())


FLAGS = {"True": "False", "true": "false", "on": "off", "ON": "OFF", "TRUE": "FALSE", "1": "0"}


@pytest.mark.parametrize("on", FLAGS)
def test_flags_are_one_and_zero_everywhere(bench: Workbench, on: str) -> None:
    """CSV in training and on the device, JSON, line protocol, Parquet."""
    flags = [n // 5 % 2 for n in range(480)]
    text = table(["time", "temp", "pump"], TIMES, wave(), (on if flag else FLAGS[on] for flag in flags))
    check(bench.load(text, targets=["temp"], features=["pump"]), flags, moments(), column=1)
    bench.trained(text, "--target", "temp", "--feature", "pump")
    answers = [
        bench.stream(f"time,temp,pump\n{TIMES[0]},20.1,{on}\n"),
        bench.stream(f'{{"time":"{TIMES[0]}","temp":20.1,"pump":true}}\n'),
        bench.stream(f'{{"time":"{TIMES[0]}","temp":20.1,"pump":"{on}"}}\n'),
        bench.stream(f'{{"time":"{TIMES[0]}","temp":20.1,"pump":1}}\n'),
        bench.stream("room temp=20.1,pump=true 1704067200000000000\n", "--input-format", "influx"),
        bench.stream("room temp=20.1,pump=T 1704067200000000000\n", "--input-format", "influx"),
    ]
    assert all(answer.forecasts == answers[0].forecasts for answer in answers)
    assert [answer.lines[0]["status"] for answer in answers] == ["ok"] * len(answers)


def test_flags_of_parquet(bench: Workbench) -> None:
    import polars as pl

    flags = [n // 5 % 2 == 0 for n in range(480)]
    path = bench.folder / "flags.parquet"
    pl.DataFrame({"time": moments(), "temp": wave(), "pump": flags}).write_parquet(path)
    assert bench.train(path, "--target", "temp", "--feature", "pump").code == 0
    assert bench.predict(path).count("ok") == 480


WORDS = [
    "unavailable",
    "unknown",
    "-",
    "--",
    "---",
    "?",
    "#N/A",
    "#NV",
    "#VALUE!",
    "Bad",
    "I/O Timeout",
    "NULL",
    "null",
    "None",
    "NaN",
    "nan",
    "-nan",
    "N/A",
    "n/a",
    "NA",
    "<NA>",
    "Unavailable",
    "No Data",
    "inf",
    "-inf",
    "*",
    "\\N",
]


@pytest.mark.parametrize("word", WORDS)
def test_words_for_missing_are_known(bench: Workbench, word: str) -> None:
    """In training and on the device, CSV and JSON alike; a line of training counts those that are not usual."""
    cells: list[object] = [word if n in (50, 51, 300) else value for n, value in enumerate(wave())]
    text = table(["last_changed", "state"], TIMES, cells)
    wanted = [NAN if n in (50, 51, 300) else value for n, value in enumerate(wave())]
    check(bench.load(text), wanted, moments())
    bench.trained(text)
    streamed = bench.stream(text)
    assert [n for n, line in enumerate(streamed.lines) if line["status"] == "imputed"] == [50, 51, 300]
    live = f'{{"state": 20}}\n{{"state": {json.dumps(word)}}}\n'
    assert bench.stream(live, name="live.jsonl").lines[1]["status"] == "imputed"


@pytest.mark.parametrize("word", ["kaputt", "Fühler ab", "defekt (7)", "OVR"])
def test_further_words_are_named_by_an_option(bench: Workbench, word: str) -> None:
    """The error shows the cell and names --na; the model file keeps the word."""
    cells: list[object] = [word if n in (50, 51, 300) else value for n, value in enumerate(wave())]
    text = table(["time", "state"], TIMES, cells)
    answer = bench.train(bench.write(text), "--target", "state")
    assert answer.code == 1
    assert says(answer.err, "--na"), answer.err
    assert word in answer.err
    bench.trained(text, "--na", word)
    assert bench.stream(text).count("imputed") == 3
    assert bench.stream(f'{{"state": {json.dumps(word)}}}\n').lines[0]["status"] in ("imputed", "missing")


QUOTED = {"semicolons": ";", "commas": ",", "tabs": "\t", "bars": "|"}


@pytest.mark.parametrize("separator", QUOTED.values(), ids=QUOTED)
@pytest.mark.parametrize("quote", ['"', ""])
def test_decimal_commas_stream_as_they_train(bench: Workbench, separator: str, quote: str) -> None:
    """Quoted and not, between any separator."""
    if separator == "," and not quote:
        pytest.skip("commas between commas need quotes")
    cells = [quote + f"{value:.1f}".replace(".", ",") + quote for value in wave()]
    text = table(["time", "temp"], TIMES, cells, separator=separator)
    check(
        bench.load(text),
        [round(value, 1) for value in wave()],
        moments(),
    )
    bench.trained(text)
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480, streamed.err


def test_decimal_commas_with_whole_numbers_between(bench: Workbench) -> None:
    """'2.155', '+546', '19,47', '6' in one German column: dots part thousands there."""
    values = [2155.0, 546.0, 19.47, 6.0] * 120
    cells = ["2.155", "+546", "19,47", "6"] * 120
    check(bench.load(table(["Zeit", "x"], TIMES, cells, separator=";")), values, moments())


UNITS: dict[str, tuple[Callable[[float], str], str]] = {
    "degrees": (lambda v: f"{v} °C", "°C"),
    "degrees close": (lambda v: f"{v}°C", "°C"),
    "percent": (lambda v: f"{v} %", "%"),
    "percent close": (lambda v: f"{v}%", "%"),
    "watt": (lambda v: f"{v} W", "W"),
    "kilowatt hours": (lambda v: f"{v} kWh", "kWh"),
    "hectopascal": (lambda v: f'"{v} hPa"', "hPa"),
    "cubic metres": (lambda v: f"{v} m³/h", "m³/h"),
}


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_that_all_cells_share_is_the_columns(bench: Workbench, unit: str) -> None:
    """In training and on the device."""
    write, name = UNITS[unit]
    text = table(["Time", "Temperature"], TIMES, (write(value) for value in wave()))
    series = bench.load(text)
    check(series, wave(), moments())
    assert series.units == (name,)
    bench.trained(text)
    assert bench.stream(text).count("ok") == 480
    payload = json.dumps({"Time": TIMES[0], "Temperature": write(wave()[0]).strip('"')})
    assert bench.stream(payload + "\n", name="live.jsonl").forecasts[0] == bench.stream(text).forecasts[0]


def test_a_unit_that_changes_is_not_read_in_silence(bench: Workbench) -> None:
    """950 W and 1.1 kW (Grafana scales cell by cell): refused with both, or put right."""
    cells = [f"{value} W" if value < 1000 else f"{value / 1000} kW" for value in POWER]
    text = table(["Time", "Power"], TIMES, cells)
    series, why = bench.attempt(text)
    if series:
        check(series, POWER, moments())
    else:
        assert "Power" in why
        assert "W" in why


def test_no_column_of_numbers_is_explained(bench: Workbench) -> None:
    """The error shows the first cell of a column, and says why it is none."""
    text = table(["Time", "State"], TIMES, ["warm" if value > 20 else "cold" for value in wave()])
    answer = bench.train(bench.write(text))
    assert answer.code == 1
    assert says(answer.err, "State", "warm|cold"), answer.err


def test_an_apostrophe_before_a_number_is_explained_or_read(bench: Workbench) -> None:
    """'-0.065 is how spreadsheets are kept from reading a formula."""
    values = [round(value - 20, 3) for value in wave()]
    text = table(["Time", "Strom"], TIMES, (f"'{v}" if v < 0 else str(v) for v in values))
    series, why = bench.attempt(text)
    if series:
        check(series, values, moments())
    else:
        assert "Strom" in why
        assert "'" in why


@pytest.mark.parametrize(
    "word", ["nan", "-nan", "NaN", "inf", "-inf", "Infinity", "null", "NAN", '"nan"', '"NaN"', '""']
)
def test_nan_of_any_form_in_json_is_a_missing_value_of_its_own_field(bench: Workbench, word: str) -> None:
    text = table(["time", "temp", "hum"], TIMES, wave(), wave(level=50))
    bench.trained(text, "--target", "temp", "--feature", "hum")
    good = '{"temp":20.1,"hum":50}\n'
    live = f'{good}{{"temp":20.3,"hum":{word}}}\n{{"hum":{word}, "temp":20.3}}\n{good}'
    streamed = bench.stream(live, name="live.jsonl")
    assert [line["status"] for line in streamed.lines] == ["ok", "imputed", "imputed", "ok"], streamed
    for rest in ('{"temp":20,"hum":50,"x":' + word + "}\n", '{"x":' + word + ',"temp":20,"hum":50}\n'):
        assert bench.stream(rest, name="live.jsonl").count("ok") == 1


SIGNS = {
    "plus": "+20.5",
    "blanks": "  20.5 ",
    "exponent": "2.05e1",
    "E": "2.05E+01",
    "Fortran's D": "0.205D+02",
    "zeros": "0020.50",
    "bare": "20.5",
}


@pytest.mark.parametrize("cell", SIGNS.values(), ids=SIGNS)
def test_training_and_device_read_the_same_number(bench: Workbench, cell: str) -> None:
    values = [20.5 if n % 7 == 0 else value for n, value in enumerate(wave())]
    cells: list[object] = [cell if n % 7 == 0 else value for n, value in enumerate(wave())]
    text = table(["time", "x"], TIMES, cells)
    check(bench.load(text), values, moments())
    bench.trained(text)
    plain = bench.stream(table(["time", "x"], TIMES, values))
    assert bench.stream(text).forecasts == plain.forecasts


@pytest.mark.parametrize("cell", ["\u22123.5", "٣", "1_000", "0x10", "1e", "2024-01-01", "12:30", "1 2"])
def test_what_is_no_number_in_training_is_none_on_the_device(bench: Workbench, cell: str) -> None:
    """One grammar: a cell is read alike by both, or refused by both."""
    bench.trained(table(["time", "x"], TIMES, wave()))
    live = bench.predict(bench.write(f"time,x\n{TIMES[0]},{cell}\n", "live.csv"))
    cells: list[object] = [cell if n == 300 else value for n, value in enumerate(wave())]
    series, _ = bench.attempt(table(["time", "x"], TIMES, cells), targets=["x"])
    if series is None:
        assert live.code == 1, live
    else:
        assert live.code == 0, live
        assert np.isnan(series.values[300, 0]) == (live.lines[0].get("reason") == "absent")  # -3.5 is out of range
