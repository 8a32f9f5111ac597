"""Several sensors in one file or stream: evaluated, backtested and forecast each by itself, known by its name."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq as host
import edgeseq_export
from edgeseq.series import load
from tests.conftest import CommandLine

SENSORS = {"a": (20.0, 1.0), "b": (500.0, 30.0), "c": (-3.0, 0.2)}
SAMPLES = 200


def numbers(name: str) -> list[str]:
    level, size = SENSORS.get(name, (50.0, 5.0))
    random = np.random.default_rng(len(name) + ord(name[0]))
    wave = np.sin(np.arange(SAMPLES) / 4) + 0.1 * random.standard_normal(SAMPLES)
    return [f"{number:.4f}" for number in level + size * wave]


def rows(*names: str) -> list[tuple[str, str, str]]:
    """Time, sensor and value of each row, the sensors' rows mixed."""
    columns = {name: numbers(name) for name in names}
    moments = np.datetime64("2024-01-01T00:00:00") + np.arange(SAMPLES) * np.timedelta64(1, "h")
    return [(f"{at}", name, columns[name][hour]) for hour, at in enumerate(moments) for name in names]


def table(*names: str) -> str:
    return "\n".join(["time,probe,temp", *map(",".join, rows(*names)), ""])


def alone(name: str) -> str:
    return "\n".join(["time,temp", *(f"{at},{value}" for at, _, value in rows(name)), ""])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet's model file and checkpoint, that of a single sensor, and files to use them on."""
    folder = tmp_path_factory.mktemp("sensors")
    (folder / "all.csv").write_text(table(*SENSORS))
    (folder / "more.csv").write_text(table("b", "new", "a"))
    for name in (*SENSORS, "new"):
        (folder / f"{name}.csv").write_text(alone(name))
    for name, file, column in (("fleet", "all.csv", "probe"), ("one", "a.csv", None)):
        series, parts = load(folder / file, id=column)
        checkpoint = host.fit(series, parts, steps=20, hidden=4, layers=1, linear_path=0)
        checkpoint.save(folder / name)
        (folder / f"{name}.onnx").write_bytes(edgeseq_export.export(checkpoint).content)
    return folder


def as_json(answer: Any) -> dict[str, Any]:
    return dict(json.loads(answer.out))


@pytest.mark.parametrize("command", ["evaluate", "backtest"])
def test_each_sensor_has_the_figures_of_its_own_file(command: str, folder: Path, edgeseq: CommandLine) -> None:
    """By its name in the file for one that the model knows, by its training part for another."""
    together = as_json(edgeseq.must(command, folder / "fleet", folder / "more.csv", "--json"))
    assert list(together["by_sensor"]) == ["b", "new", "a"]
    for name, found in together["by_sensor"].items():
        known = ("--sensor", name) if name in SENSORS else ()
        wanted = as_json(edgeseq.must(command, folder / "fleet", folder / f"{name}.csv", *known, "--json"))
        assert found["samples"] == wanted["samples"]
        assert found["mse_standardized"] == pytest.approx(wanted["mse_standardized"], rel=1e-4)
    assert together["samples"] == sum(found["samples"] for found in together["by_sensor"].values())


@pytest.mark.parametrize("command", ["evaluate", "backtest"])
def test_one_of_the_sensors_is_chosen_by_its_name(command: str, folder: Path, edgeseq: CommandLine) -> None:
    chosen = edgeseq.must(command, folder / "fleet", folder / "all.csv", "--sensor", "b", "--json")
    assert as_json(chosen) == as_json(
        edgeseq.must(command, folder / "fleet", folder / "b.csv", "--sensor", "b", "--json")
    )
    answer = edgeseq(command, folder / "fleet", folder / "all.csv", "--sensor", "nobody")
    assert (answer.code, answer.err) == (2, "edgeseq: probe names no sensor 'nobody'; it names a, b, c\n")


def test_a_model_of_one_sensor_judges_several_in_their_own_numbers(folder: Path, edgeseq: CommandLine) -> None:
    together = as_json(edgeseq.must("evaluate", folder / "one", folder / "all.csv", "--id", "probe", "--json"))
    wanted = as_json(edgeseq.must("evaluate", folder / "one", folder / "c.csv", "--json"))
    assert together["by_sensor"]["c"]["rmse"] == pytest.approx(wanted["rmse"], rel=1e-6)
    answer = edgeseq("evaluate", folder / "one", folder / "all.csv")
    assert answer.code == 2
    assert "--id probe makes a stream of each" in answer.err


def test_folds_hold_a_stretch_of_each_sensor(folder: Path, edgeseq: CommandLine) -> None:
    answer = edgeseq.must("backtest", folder / "fleet", folder / "all.csv", "--folds", 3)
    by_fold = [line.split() for line in answer.out.splitlines() if ", of each sensor" in line]
    assert [line[:5] for line in by_fold] == [[f"{fold},", "of", "each", "sensor", "60"] for fold in (1, 2, 3)]


def streamed(edgeseq: CommandLine, folder: Path, *words: object, text: str) -> list[dict[str, Any]]:
    """What predict says of a text, with the fleet's model."""
    source = folder / "input.txt"
    source.write_text(text)
    answer = edgeseq.must("predict", folder / "fleet.onnx", "--input", source, *words)
    return [json.loads(line) for line in answer.out.splitlines()]


def as_lines(form: str, *names: str) -> str:
    if form == "csv":
        return table(*names)
    objects = ({"time": at, "probe": name, "temp": float(value)} for at, name, value in rows(*names))
    return "\n".join(map(json.dumps, objects))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_stream_for_each_sensor_is_that_of_its_own_samples(form: str, folder: Path, edgeseq: CommandLine) -> None:
    """By no option: training has found the column."""
    found = streamed(edgeseq, folder, text=as_lines(form, "b", "a"))
    assert [line["stream"] for line in found[:4]] == ["b", "a", "b", "a"]
    for name in "ab":
        mine = [line for line in found if line["stream"] == name]
        wanted = streamed(edgeseq, folder, "--sensor", name, text=alone(name))
        assert len(mine) == len(wanted) == SAMPLES
        for line, other in zip(mine, wanted, strict=True):
            np.testing.assert_allclose(line.pop("forecast"), other.pop("forecast"), rtol=1e-5)
            assert line == other | {"stream": name}


def test_csv_has_a_column_for_the_stream(folder: Path, edgeseq: CommandLine) -> None:
    answer = edgeseq.must("predict", folder / "fleet.onnx", "--input", folder / "all.csv", "--format", "csv")
    header, first, *_ = answer.out.splitlines()
    assert header.split(",")[:2] == ["t", "stream"]
    assert first.split(",")[:2] == ["2024-01-01T00:00:00", "a"]


def test_states_of_all_streams_are_gone_on_from(folder: Path, edgeseq: CommandLine, tmp_path: Path) -> None:
    text = as_lines("json", "a", "c").splitlines(keepends=True)
    whole = streamed(edgeseq, folder, text="".join(text))
    state = tmp_path / "state.db"
    parts = [streamed(edgeseq, folder, "--state", state, text="".join(some)) for some in (text[:151], text[151:])]
    assert [*parts[0], *parts[1]] == whole
    with sqlite3.connect(state) as database:
        assert {name for (name,) in database.execute("select name from streams")} == {b"a", b"c"}


def test_rows_that_name_nobody_are_left_out(folder: Path, edgeseq: CommandLine) -> None:
    found = streamed(edgeseq, folder, text="probe,temp\na,20\n,30\n\nb,500\n")
    assert [line["stream"] for line in found] == ["a", "b"]
    found = streamed(
        edgeseq, folder, text='{"probe": "a", "temp": 20}\n{"probe": null, "temp": 1}\n{"probe": 7, "temp": 2}'
    )
    assert [line["stream"] for line in found] == ["a", "7"]


def test_what_cannot_be_read_is_missing_in_the_stream_of_its_line(folder: Path, edgeseq: CommandLine) -> None:
    text = "probe,temp\na,20\nb,500\na,junk\n"
    found = streamed(edgeseq, folder, "--unreadable", "missing", text=text)
    assert [(line["stream"], line.get("reason")) for line in found] == [("a", None), ("b", None), ("a", "absent")]


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ((), "temp\n20\n20\n", "nothing in the input is probe, which names the sensor: it is taken for one stream"),
        ((), "temp\n20\n20\n", "the model knows a, b, c; this stream is taken for one of which nothing is known"),
        ((), "probe,temp\nx,2\n", "the model knows a, b, c; the stream 'x' is taken for one of which nothing is known"),
        (("--id", "none"), "probe,temp\na,2\n", "this stream is taken for one of which nothing is known: --sensor or"),
    ],
)
def test_a_stream_of_no_known_sensor_is_said_to_be_one(
    words: tuple[str, ...], text: str, said: str, folder: Path, edgeseq: CommandLine, tmp_path: Path
) -> None:
    """Once, and not where the sensor is named or learned from its history."""
    (tmp_path / "in.csv").write_text(text)
    words = ("predict", str(folder / "fleet.onnx"), "--input", str(tmp_path / "in.csv"), *words)
    assert edgeseq.must(*words).err.count(said) == 1
    if "--id" not in words:
        for known in (("--sensor", "b"), ("--history", folder / "new.csv")):
            assert "nothing is known" not in edgeseq.must(*words, *known).err


def test_a_line_without_the_key_that_names_the_stream_is_of_no_stream(
    folder: Path, edgeseq: CommandLine, tmp_path: Path
) -> None:
    """It is another kind of line among those of sensors: an error, or left out and counted; no stream has no name."""
    lines = ['{"probe":"a","temp":20}', '{"temp":21}', '{"probe":"b","temp":22}', "23"]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    words = ("predict", folder / "fleet.onnx", "--input", tmp_path / "in.jsonl", "--id", "probe")
    refused = edgeseq(*words)
    assert refused.code == 1
    assert "line 2: no probe, which names the stream" in refused.err
    for unreadable in ("skip", "missing"):
        answer = edgeseq.must(*words, "--unreadable", unreadable)
        assert [json.loads(line)["stream"] for line in answer.out.splitlines()] == ["a", "b"]
        assert "line 2: no probe, which names the stream; left out" in answer.err
        assert "2 lines left out" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--id", "room"), 1, "line 2: expected room, which --id says names the stream"),
        (
            ("--id", "probe", "--sensor", "a"),
            2,
            "--sensor and --history need a single stream; with --mqtt",
        ),
        (("--id", "probe", "--plot", "x.png"), 2, "--plot needs a single stream, without --mqtt, influx or --id"),
        (("--sensor", "a"), 1, "line 3: expected samples of one sensor, got those of a, b"),
        (("--history", "all.csv"), 1, "all.csv: line 3: expected samples of one sensor, got those of a, b"),
    ],
)
def test_what_is_not_one_sensors_is_not_taken_for_it(
    words: tuple[str, ...], code: int, said: str, folder: Path, edgeseq: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    answer = edgeseq("predict", "fleet.onnx", "--input", "all.csv", *words)
    assert answer.code == code
    assert f"edgeseq: {said}" in answer.err
