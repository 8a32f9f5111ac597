"""Every place where the reader chooses between readings, and the line that tells of it; and silence where none is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.reading.workbench import HOUR, START, Workbench, moments, says, table, wave, written

TIMES = written("%Y-%m-%dT%H:%M:%S", moments())
USUAL = table(["time", "temp"], TIMES, wave())


@dataclass(frozen=True)
class Choice:
    """A file in which something is chosen, and what the line about it has to have."""

    text: str | bytes
    words: tuple[str, ...]
    options: tuple[object, ...] = ()
    refused: bool = False
    """Whether the file is refused, with these words."""


def with_cells(**cells: int | str) -> str:
    """The usual file with other cells in some rows: r50="x" puts x into row 50."""
    values: list[object] = list(wave())
    for row, cell in cells.items():
        values[int(row[1:])] = cell
    return table(["time", "temp"], TIMES, values)


def berlin(*, start: datetime) -> list[str]:
    zone = ZoneInfo("Europe/Berlin")
    return [
        time.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).strftime("%Y-%m-%d %H:%M")
        for time in moments(start=start)
    ]


def sensors(*names: str) -> str:
    rows = [(name, wave(level=20 + place)[n], TIMES[n]) for n in range(480) for place, name in enumerate(names)]
    return table(["id", "temp", "time"], *zip(*rows, strict=True))


def slower() -> list[str]:
    first = moments(300, timedelta(minutes=1))
    return written("%Y-%m-%dT%H:%M:%S", [*first, *moments(180, timedelta(minutes=5), first[-1] + timedelta(minutes=5))])


def changes() -> str:
    times, time = [], START
    for number in range(1500):
        times.append(time)
        time += timedelta(seconds=240 + number * number * 37 % 1260)
    return table(["time", "temp"], written("%Y-%m-%dT%H:%M:%SZ", times), wave(1500))


CHOICES: dict[str, Callable[[], Choice]] = {
    # of the text
    "decimal comma": lambda: Choice(USUAL.replace(",", ";").replace(".", ","), ("decimal comma",)),
    "code page": lambda: Choice(USUAL.replace("temp", "temp (°C)").encode("cp1252"), ("1252",)),
    "no header": lambda: Choice("".join(USUAL.splitlines(keepends=True)[1:]), ("header",)),
    "lines before the header": lambda: Choice("Logger 7\nattic\n" + USUAL, ("--skip-rows|header",), (), refused=True),
    "a row of units": lambda: Choice(USUAL.replace("temp\n", "temp\n,degC\n"), ("degC",)),
    "units in cells": lambda: Choice(table(["time", "temp"], TIMES, (f"{v} °C" for v in wave())), ("°C",)),
    # of the time
    "day first": lambda: Choice(
        table(["Zeit", "x"], written("%d.%m.%Y %H:%M", moments()), wave()), ("Zeit", "day first|%d")
    ),
    "month first": lambda: Choice(
        table(["When", "x"], written("%m/%d/%Y %H:%M", moments()), wave()), ("When", "month first|%m")
    ),
    "day or month": lambda: Choice(
        table(["When", "x"], written("%d/%m/%Y %H:%M", moments(200)), wave(200)), ("When", "day|month|%d")
    ),
    "two columns": lambda: Choice(
        table(["Date", "Time", "x"], written("%Y-%m-%d", moments()), written("%H:%M", moments()), wave()),
        ("Date", "Time"),
    ),
    "several times": lambda: Choice(
        table(["start", "end", "x"], TIMES, written("%Y-%m-%dT%H:%M:%S", moments(start=START + HOUR)), wave()),
        ("start", "end", "--time"),
        refused=True,
    ),
    "a name that is no time": lambda: Choice(
        table(["time", "RH"], wave(), wave(level=40)), ("time", "gaps are not seen"), ("--target", "RH")
    ),
    "words in a time's place": lambda: Choice(
        table(["Zeit", "x"], [f"Schicht {n}" for n in range(480)], wave()), ("Zeit",)
    ),
    "compact dates": lambda: Choice(
        table(["MESS_DATUM", "x"], written("%Y%m%d%H", moments()), wave()), ("MESS_DATUM",), ("--target", "x")
    ),
    "days of a spreadsheet": lambda: Choice(
        table(["time", "x"], [f"{45292 + n / 24:.6f}" for n in range(480)], wave()), ("time", "excel")
    ),
    "the repeated hour": lambda: Choice(
        table(["time", "x"], berlin(start=datetime(2023, 10, 20)), wave()), ("--zone",), refused=True
    ),
    "the missing hour": lambda: Choice(
        table(["time", "x"], berlin(start=datetime(2024, 3, 25)), wave()), ("gap|missing|zone",)
    ),
    "a time that cannot be read": lambda: Choice(
        USUAL.replace(TIMES[200], "gestern"), ("gestern|line 202",), refused=True
    ),
    # of the pace
    "gaps": lambda: Choice(
        "".join([*USUAL.splitlines(keepends=True)[:100], *USUAL.splitlines(keepends=True)[150:]]), ("1 longer",)
    ),
    "a rate that changes": lambda: Choice(table(["time", "x"], slower(), wave()), ("--every",), refused=True),
    "reports of changes": lambda: Choice(changes(), ("--hold",), refused=True),
    "intervals": lambda: Choice(table(["time", "x"], slower(), wave()), ("5 ?min",), ("--every", "5min")),
    # of values
    "words for missing": lambda: Choice(with_cells(r50="unavailable", r51="unknown"), ("missing", "unavailable")),
    "further words": lambda: Choice(with_cells(r50="kaputt"), ("kaputt", "--na"), ("--target", "temp"), refused=True),
    "codes": lambda: Choice(with_cells(r50=-127, r150=-127, r250=-127, r350=-127), ("temp", "-127", "--na")),
    "spikes": lambda: Choice(with_cells(r50=1000000, r150=1200000), ("temp", "2|1000000|1e")),
    "thousands": lambda: Choice(
        table(
            ["Zeit", "P", "T"],
            TIMES,
            (f"{1000 + n % 7 * 111:,}".replace(",", ".") for n in range(480)),
            (f"{v}".replace(".", ",") for v in wave()),
            separator=";",
        ),
        ("thousand",),
        ("--target", "P"),
    ),
    "thousands or decimals": lambda: Choice(
        table(["Zeit", "P"], TIMES, (f"{1000 + n % 7 * 111:,}".replace(",", ".") for n in range(480)), separator=";"),
        ("P", "--decimal|thousand"),
        refused=True,
    ),
    "flags": lambda: Choice(
        table(["time", "pump"], TIMES, ["on" if n // 9 % 2 else "off" for n in range(480)]),
        ("pump", "on|1 and 0|flag"),
        ("--target", "pump"),
    ),
    "no numbers": lambda: Choice(table(["time", "state"], TIMES, ["warm"] * 480), ("state", "warm"), refused=True),
    # of sensors
    "counts that may have dots between thousands": lambda: Choice(
        table(["time", "pulses"], TIMES, [f"{1 + k % 9}.{100 + 7 * k % 900}" for k in range(len(TIMES))]),
        ("1.100", "--decimal ,"),
    ),
    "times that are cut to the minute": lambda: Choice(
        table(["time", "temp"], written("%Y-%m-%dT%H:%M", moments(300, timedelta(seconds=90))), wave(300)),
        ("90s", "1min", "2min"),
    ),
    "several sensors": lambda: Choice(sensors("a", "b"), ("--id id",), ("--target", "temp"), refused=True),
    "several sensors, averaged": lambda: Choice(sensors("a", "b"), ("--id id",), ("--target", "temp", "--every", "1h")),
    "a sensor with too little": lambda: Choice(
        sensors("a", "b") + f"c,3,{TIMES[-1]}\n", (r"\bc\b",), ("--id", "id", "--target", "temp")
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_is_told_in_one_line(bench: Workbench, name: str) -> None:
    """On stderr of train; or the file is refused with that line."""
    choice = CHOICES[name]()
    answer = bench.train(bench.write(choice.text), *choice.options)
    told = [line for line in answer.err.splitlines() if says(line, *choice.words)]
    assert told, answer.err
    assert answer.code == 0 or choice.refused or len(answer.err.splitlines()) <= 2, answer.err


def test_nothing_is_told_of_a_usual_file(bench: Workbench) -> None:
    """ISO times, commas, points, UTF-8: no line on how the text was read."""
    said = bench.trained(USUAL).err
    for start in ("text:", "time:", "missing:", "header:"):
        assert not [line for line in said.splitlines() if line.startswith(start)], said


LIVE: dict[str, tuple[str, tuple[str, ...]]] = {
    "a time in another notation": (table(["time", "temp"], ["x.y", "x.z"], wave(2)), ("time",)),
    "a pace that is faster": (
        table(["time", "temp"], written("%Y-%m-%dT%H:%M", moments(40, timedelta(minutes=1))), wave(40)),
        ("--every|pace",),
    ),
    "no time where training had one": (table(["temp"], wave(5)), ("time",)),
    "an offset where training had none": (
        table(["time", "temp"], [f"{t}+02:00" for t in TIMES[:5]], wave(5)),
        ("zone|offset|UTC",),
    ),
    "a column that is not there": (table(["time", "hum"], TIMES[:5], wave(5)), ("temp", "hum")),
}


@pytest.mark.parametrize("name", LIVE)
def test_the_device_tells_what_it_cannot_obey(bench: Workbench, name: str) -> None:
    """One line on stderr, not one for each sample."""
    bench.trained(USUAL, "--time-features", "hour") if "offset" in name else bench.trained(USUAL)
    text, words = LIVE[name]
    streamed = bench.predict(bench.write(text, "live.csv"))
    told = [line for line in streamed.err.splitlines() if says(line, *words) and "samples:" not in line]
    assert 1 <= len(told) <= 2, streamed.err


def test_a_fleet_tells_for_whom_it_takes_a_stream(bench: Workbench) -> None:
    bench.trained(sensors("a", "b"), "--id", "id", "--target", "temp")
    assert says(bench.stream(USUAL).err, "--sensor")


def test_evaluate_tells_what_train_told(bench: Workbench) -> None:
    """The same lines, on stderr; the figures stay alone on stdout."""
    bench.trained(with_cells(r50=-127, r150=-127, r250=-127, r350=-127))
    answer = bench.run.must("evaluate", bench.model, bench.folder / "log.csv", "--json")
    assert says(answer.err, "-127"), answer.err
