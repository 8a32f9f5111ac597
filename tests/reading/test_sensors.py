"""Several sensors in one file: recognised, never averaged by our advice; each a stream of its own on the device."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

import edgeseq
from tests.reading.workbench import Workbench, check, moments, says, table, wave, written

ISO = "%Y-%m-%dT%H:%M:%S.000Z"
LEVELS = {"sensor.a": 20, "sensor.b": 30, "sensor.c": 40}


def history(names: Sequence[object] = tuple(LEVELS), column: str = "entity_id", count: int = 480) -> str:
    """Rows of several sensors that share their times."""
    rows = [
        (name, wave(count, 20 + 10 * place)[n], time)
        for n, time in enumerate(written(ISO, moments(count)))
        for place, name in enumerate(names)
    ]
    return table([column, "state", "last_changed"], *zip(*rows, strict=True))


NAMES = {"entity_id": LEVELS, "device": ["attic", "cellar"], "room": ["1", "2", "3"], "Tag": ["FIC101.PV", "TIC7.PV"]}


@pytest.mark.parametrize("column", NAMES)
def test_the_advice_for_sensors_that_share_times_is_an_id(bench: Workbench, column: str) -> None:
    """Never an average."""
    answer = bench.train(bench.write(history(list(NAMES[column]), column)), "--target", "state")
    assert answer.code != 0
    assert says(answer.err, f"--id {column}"), answer.err
    assert "averages" not in answer.err


def test_even_with_every_sensors_are_not_averaged_in_silence(bench: Workbench) -> None:
    answer = bench.train(bench.write(history()), "--target", "state", "--every", "1h")
    assert says(answer.err, "--id entity_id"), answer.err


def test_sensors_that_take_turns_are_not_one_series(bench: Workbench) -> None:
    """No time comes twice, yet each row is of another sensor: a word about it."""
    lines = history(["a", "b"]).splitlines()
    turned = [line.replace(":00:00.", ":30:00.") if line.startswith("b") else line for line in lines]
    answer = bench.train(bench.write("\n".join([*turned, ""])), "--target", "state")
    assert says(answer.err, "entity_id"), answer.err


def test_rows_that_really_come_twice_keep_their_advice(bench: Workbench) -> None:
    """One sensor, named in every row."""
    lines = history(["a"]).splitlines()
    answer = bench.train(bench.write("\n".join([*lines[:50], lines[49], *lines[50:], ""])), "--target", "state")
    assert answer.code == 1
    assert "--id" not in answer.err


def test_evaluate_and_backtest_take_what_train_takes(bench: Workbench) -> None:
    """The model file knows its id column: no option is needed for the file that was trained on."""
    text = history()
    bench.trained(text, "--id", "entity_id", "--target", "state")
    path = bench.folder / "log.csv"
    for options in ((), ("--id", "entity_id")):
        answer = bench.run.must("evaluate", bench.model, path, *options)
        assert "averages" not in answer.err
    bench.run.must("backtest", bench.folder / "m.safetensors", path, "--id", "entity_id", "--json")


def alone(bench: Workbench, sensor: str, live: list[tuple[str, float]]) -> list[list[float | None]]:
    text = "last_changed,state\n" + "".join(f"{time},{value}\n" for time, value in live)
    return bench.stream(text, "--sensor", sensor, name="alone.csv").forecasts


@pytest.mark.parametrize("options", [("--id", "entity_id"), ()])
def test_each_sensor_is_a_stream_known_by_its_name(bench: Workbench, options: tuple[object, ...]) -> None:
    """Its forecasts are those of `--sensor NAME` alone; lines name their stream."""
    bench.trained(history(), "--id", "entity_id", "--target", "state")
    streamed = bench.stream(history(count=50), *options)
    assert len(streamed.lines) == 150
    assert not any(streamed.reasons())
    for place, name in enumerate(LEVELS):
        times = written(ISO, moments(50))
        lines = [line["forecast"] for line in streamed.lines if line.get("stream") == name]
        assert lines == alone(bench, name, list(zip(times, wave(50, 20 + 10 * place), strict=True)))


def test_a_sensor_that_training_has_not_seen_is_told(bench: Workbench) -> None:
    bench.trained(history(), "--id", "entity_id", "--target", "state")
    streamed = bench.stream(history(["sensor.new"], count=30))
    assert len(streamed.lines) == 30
    assert says(streamed.err, "sensor.new|not seen|unknown|nothing is known"), streamed.err


def test_json_lines_with_an_id(bench: Workbench) -> None:
    bench.trained(history(), "--id", "entity_id", "--target", "state")
    rows = [line.split(",") for line in history(count=30).splitlines()[1:]]
    live = "".join(json.dumps({"entity_id": e, "state": float(s), "last_changed": t}) + "\n" for e, s, t in rows)
    streamed = bench.stream(live, name="live.jsonl")
    assert [line["stream"] for line in streamed.lines[:3]] == list(LEVELS)
    assert streamed.forecasts == bench.stream(history(count=30)).forecasts


def test_a_model_of_several_sensors_says_for_which_one_it_takes_the_stream(bench: Workbench) -> None:
    """No --sensor, no column: a note that names the sensors known, and both options."""
    bench.trained(history(["small", "large"], "id"), "--id", "id", "--target", "state")
    live = table(["last_changed", "state"], written(ISO, moments(30)), wave(30))
    said = bench.stream(live).err
    assert says(said, "small", "large", "--sensor"), said
    assert "--sensor" not in bench.stream(live, "--sensor", "small").err


@pytest.mark.parametrize("kind", ["few", "dead", "empty", "one"])
def test_a_sensor_with_too_little_is_left_out_with_a_word(bench: Workbench, kind: str) -> None:
    """A new one, a dead one, one that never had a value: the others are learned."""
    rows = []
    for n, time in enumerate(written(ISO, moments())):
        rows += [("s0", str(wave()[n]), time), ("s1", str(wave(level=30)[n]), time)]
        if kind == "dead" or (kind == "few" and n < 4) or (kind == "one" and n == 100):
            rows.append(("s2", "21.0", time))
        if kind == "empty":
            rows.append(("s2", "", time))
    text = table(["id", "temp", "time"], *zip(*rows, strict=True))
    said = bench.trained(text, "--id", "id", "--target", "temp")
    assert says(said.err, "s2", "left out|too few|no change|no value"), said.err
    series = edgeseq.load(bench.folder / "log.csv", targets=["temp"], sensor="id")[0]
    assert "s2" not in {sensor.name for sensor in series.sensors}
    bench.run.must("evaluate", bench.model, bench.folder / "log.csv")


def test_one_living_sensor_beside_a_dead_one(bench: Workbench) -> None:
    rows = [
        (name, value, time)
        for n, time in enumerate(written(ISO, moments()))
        for name, value in (("a", wave()[n]), ("b", 5))
    ]
    said = bench.trained(table(["id", "x", "time"], *zip(*rows, strict=True)), "--id", "id", "--target", "x")
    assert says(said.err, r"\bb\b"), said.err


def test_python_knows_the_id_as_well(bench: Workbench) -> None:
    """`edgeseq.load(sensor=)`, `fit` and `evaluate(..., id=)` or by the model's own reading."""
    path = bench.write(history())
    series, parts = edgeseq.load(path, targets=["state"], sensor="entity_id")
    checkpoint = edgeseq.fit(series, parts, steps=5, hidden=8, layers=1)
    assert np.isfinite(edgeseq.evaluate(checkpoint, path)["rmse"])


@pytest.mark.parametrize("hour", ["%H", "%H%M", "%H:%M"])
@pytest.mark.parametrize("name", ["HE", "Hour Ending"])
def test_hours_beside_dates_are_not_only_advised_as_sensors(bench: Workbench, name: str, hour: str) -> None:
    """The column of a market's hours shares each date; what the advice says reads the file."""
    text = table(["Date", name, "load"], written("%Y-%m-%d", moments()), written(hour, moments()), wave())
    series, problem = bench.attempt(text, targets=["load"])
    if series is None:
        assert f"Date,{name}" in problem, problem
        series = bench.load(text, targets=["load"], time=f"Date,{name}")
    check(series, wave(), moments())
