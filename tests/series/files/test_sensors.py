"""Several sensors in one file: recognised by what the rows hold, and named with the option that tells them apart."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from edgeseq.series import load
from edgeseq_runtime.errors import DataError, EdgeseqError, UsageError
from tests.helpers.csv_helpers import csv, read

HOURS = 60


def moment(hour: float) -> str:
    return f"{np.datetime64('2024-01-01') + np.timedelta64(round(3600 * hour), 's')}Z"


def value(number: int, hour: float) -> str:
    return f"{20 + 10 * number + np.sin(hour / 4):.3f}"


def interleaved() -> Iterable[str]:
    """As Home Assistant exports its history: a row for each entity and moment."""
    yield "entity_id,state,last_changed"
    for hour in range(HOURS):
        yield from (f"sensor.{name},{value(number, hour)},{moment(hour)}" for number, name in enumerate("abc"))


def one_after_the_other() -> Iterable[str]:
    yield "time;room;temp"
    for number, name in enumerate(("attic", "cellar")):
        yield from (f"{moment(hour)};{name};{value(number, hour)}" for hour in range(HOURS))


def numbered() -> Iterable[str]:
    """As InfluxDB writes long tables, here without its annotations: the number of the table tells series apart."""
    yield "table,_time,_value,host"
    for hour in range(HOURS):
        yield from (f"{number},{moment(hour)},{value(number, hour)},plant" for number in range(2))


def reports_at_random() -> Iterable[str]:
    """No two rows share a time, but the column's name says what it is."""
    yield "time,deviceId,temp"
    random = np.random.default_rng(0)
    for hour in sorted(random.uniform(0, HOURS, 4 * HOURS)):
        name = random.integers(3)
        yield f"{moment(hour)},probe-{name},{value(int(name), hour)}"


def unnamed_order() -> Iterable[str]:
    """Rows that arrive late, so that times go back here and there."""
    yield "time,place,temp"
    rows = [(hour + random, name) for hour in range(HOURS) for random, name in ((0, "north"), (0, "south"))]
    for hour, name in [rows[at ^ 1] for at in range(len(rows))]:
        yield f"{moment(hour)},{name},{value(len(name), hour)}"


@pytest.mark.parametrize(
    ("rows", "target", "column", "count"),
    [
        (interleaved, "state", "entity_id", 3),
        (one_after_the_other, "temp", "room", 2),
        (numbered, "_value", "table", 2),
        (reports_at_random, "temp", "deviceId", 3),
        (unnamed_order, "temp", "place", 2),
    ],
)
@pytest.mark.parametrize("said", [{}, {"every": "1h"}, {"sort": True}])
def test_the_advice_is_the_column_and_never_an_average(
    rows: Callable[[], Iterable[str]], target: str, column: str, count: int, said: dict[str, object], tmp_path: Path
) -> None:
    path = csv(tmp_path, "\n".join(rows()) + "\n")
    with pytest.raises(UsageError, match=f"of {count} sensors, which {column} tells apart .*: --id {column} ") as error:
        read(path, targets=[target], **said)
    assert "averages" not in str(error.value)
    fleet, _ = load(path, targets=[target], id=column, every="1h")
    assert len(fleet.sensors) == count
    assert fleet.reading is not None
    assert fleet.reading.id == column


def with_a_column(name: str, words: Iterable[str]) -> str:
    rows = (f"{moment(hour)},{word},{value(0, hour)}" for hour, word in enumerate(words))
    return "\n".join([f"time,{name},temp", *rows, ""])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(with_a_column("entity_id", ["sensor.a"] * HOURS), id="one sensor"),
        pytest.param(with_a_column("device", ["old"] * 30 + ["new"] * 30), id="a device that was replaced"),
        pytest.param(with_a_column("status", ["ok", "ok", "late"] * 20), id="a status"),
        pytest.param(with_a_column("id", map(str, range(HOURS))), id="a running number"),
        pytest.param(with_a_column("remark", [""] * 59 + ["cleaned"]), id="a remark"),
    ],
)
def test_a_column_of_words_by_itself_makes_no_sensors(text: str, tmp_path: Path) -> None:
    assert len(read(csv(tmp_path, text), targets=["temp"])) == HOURS


def test_the_hour_that_comes_twice_is_no_second_sensor(tmp_path: Path) -> None:
    """Rows share times in one night, and a column of words differs between them; the old advice stands."""
    hours = [*range(24), 23, *range(24, 47)]
    rows = (f"{moment(hour)},{'summer' if at < 24 else 'winter'},{value(0, at)}" for at, hour in enumerate(hours))
    with pytest.raises(EdgeseqError, match="repeats") as error:
        read(csv(tmp_path, "\n".join(["time,saving,temp", *rows, ""])), targets=["temp"])
    assert "--id" not in str(error.value)


def test_id_none_takes_all_rows_as_one_sensors(tmp_path: Path) -> None:
    path = csv(tmp_path, "\n".join(interleaved()) + "\n")
    series = read(path, targets=["state"], id="none", every="1h")
    np.testing.assert_allclose(series.values[:, 0], 30 + np.sin(np.arange(HOURS) / 4), atol=1e-3)


def long_table(columns: dict[str, list[float]]) -> str:
    rows = [
        f"{name},{moment(hour)},{number}"
        for hour in range(HOURS)
        for name, numbers in columns.items()
        for number in numbers[hour : hour + 1]
    ]
    return "\n".join(["id,time,temp", *rows, ""])


WAVE = [20 + round(np.sin(hour / 4), 3) for hour in range(HOURS)]


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ([21.0, 20.0, 22.0, 21.0], "it has 4 rows"),
        (WAVE[:12], "8 samples in its training part, 10 are the least"),
        ([21.0] * HOURS, "temp never changes in its training part"),
        ([float("nan")] * HOURS, "0 samples in its training part, 10 are the least"),
        (WAVE[:40] + [float("nan")] * 20, ""),
    ],
)
def test_a_sensor_that_cannot_be_learned_from_is_left_out(numbers: list[float], reason: str, tmp_path: Path) -> None:
    """The others are as without it."""
    together, alone = (
        load(csv(tmp_path, long_table(columns)), id="id")
        for columns in ({"a": WAVE, "odd": numbers, "b": WAVE[::-1]}, {"a": WAVE, "b": WAVE[::-1]})
    )
    if not reason:
        assert [sensor.name for sensor in together[0].sensors] == ["a", "odd", "b"]
        return
    assert together[0].sensors == alone[0].sensors
    np.testing.assert_array_equal(together[1].train, alone[1].train)
    assert [note for note in together[0].notes if "left out" in note] == [f"odd is left out: {reason}"]


def test_where_none_can_be_learned_from_that_is_an_error(tmp_path: Path) -> None:
    still = csv(tmp_path, long_table({"a": [1.0] * HOURS, "b": [2.0] * HOURS}))
    with pytest.raises(DataError, match="none of 2 sensors can be learned from; a is left out: temp never changes"):
        load(still, id="id")
    few = csv(tmp_path, long_table({"a": WAVE[:5], "b": WAVE[:6]}))
    with pytest.raises(DataError, match="no sensor of id has 10 rows or more"):
        load(few, id="id")


def test_a_split_in_rows_leaves_out_who_has_fewer(tmp_path: Path) -> None:
    path = csv(tmp_path, long_table({"a": WAVE, "b": WAVE[:40]}))
    series, _ = load(path, id="id", split="40:10:10")
    assert [sensor.name for sensor in series.sensors] == ["a"]
    assert series.notes == ("b is left out: the split 40:10:10 needs 60 rows; b has 40",)


def test_files_of_a_fleet_that_are_written_differently_are_named(tmp_path: Path) -> None:
    """One model has one way of reading: day first in one file and ISO in the other cannot both be obeyed."""
    iso = csv(tmp_path, "\n".join(["time,temp", *(f"{moment(h)[:-1]},{WAVE[h]}" for h in range(HOURS)), ""]), "iso.csv")
    german = (f"{1 + h // 24:02}.01.2024 {h % 24:02}:00,{WAVE[h]}" for h in range(HOURS))
    other = csv(tmp_path, "\n".join(["time,temp", *german, ""]), "german.csv")
    with pytest.raises(DataError, match=re.escape("iso and german are written differently (time format: ")):
        load([iso, other])
