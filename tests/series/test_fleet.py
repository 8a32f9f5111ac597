"""A fleet: sensors of one kind become one series in the typical sensor's numbers, and one model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series, fleet, load
from edgeseq_runtime.errors import DataError, UsageError
from tests.conftest import CommandLine
from tests.helpers.csv_helpers import csv, sensor_file


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [sensor_file(tmp_path, *one) for one in (("a", 20.0, 1.0), ("b", 300.0, 8.0), ("c", -5.0, 0.25))]


def one(values: list[float], name: str = "x", **said: Any) -> tuple[Series, Parts]:
    """A series of one column with two rows to validate and two to test."""
    column = np.array(values, np.float32)[:, None]
    series = Series(name, ("v",), ("",), 1, column, np.arange(len(column)), **said)
    return series, Parts(column[:-4], Part(column[:-2], len(column) - 4), Part(column, len(column) - 2))


def test_parts_lie_one_after_the_other_with_a_gap_between() -> None:
    """By hand: a has changes of 1, b of 4, so the typical sensor has 2; their levels become zero."""
    a, b = one([0, 1, 0, 1, 0, 1, 0, 1]), one([10, 14, 10, 14, 10, 14, 10, 14])
    series, parts = fleet.join("ab", {"a": a, "b": b}, gap_limit=1)
    assert [(sensor.name, sensor.offset, sensor.gain) for sensor in series.sensors] == [
        ("a", (0.5,), (0.5,)),
        ("b", (12.0,), (2.0,)),
    ]
    gap = [np.nan, np.nan]
    np.testing.assert_array_equal(parts.train[:, 0], [-1, 1, -1, 1, *gap, -1, 1, -1, 1])
    np.testing.assert_array_equal(parts.test.values[:, 0], [*[-1, 1] * 4, *gap, *[-1, 1] * 4])


def test_what_is_to_be_forecast_is_each_sensors_own_part() -> None:
    a, b = one([0, 1, 0, 1, 0, 1, 0, 1]), one([10, 14, 10, 14, 10, 14, 10])
    _, parts = fleet.join("ab", {"a": a, "b": b}, gap_limit=1)
    # a: 4 rows teach, then 2, then 2; b: 3, 2, 2; two rows of gap between.
    assert parts.begins == (0, 6)
    assert parts.validation.stretches == ((4, 6), (11, 13))
    assert parts.test.stretches == ((6, 8), (15, 17))
    assert parts.test.samples == 4
    assert parts.test.origins(1).tolist() == [5, 6, 14, 15]
    assert parts.test.origins(2).tolist() == [5, 14]


def test_one_model_knows_each_sensor_and_forecasts_it_in_its_numbers(
    files: list[str], tmp_path: Path, edgeseq: CommandLine
) -> None:
    checkpoint, model = tmp_path / "m.safetensors", tmp_path / "m.onnx"
    answer = edgeseq.must("train", *files, "--horizon", 2, "--steps", 150, "--hidden", 8, "-o", checkpoint)
    assert "series a and 2 more of 3 sensors: 840 training, " in answer.err
    assert [line.split()[0] for line in answer.out.partition("by sensor")[2].splitlines()[2:5]] == ["a", "b", "c"]
    edgeseq.must("export", checkpoint, "-o", model, "--quantize", "int8")
    edgeseq.must("verify", model)
    for name, path, size in zip("abc", files, (1, 8, 0.25), strict=True):
        known, learned = (
            json.loads(edgeseq.must("evaluate", model, path, *sensor, "--json").out)
            for sensor in (("--sensor", name), ())
        )
        assert known["rmse"] < 0.15 * size < known["baselines"]["persistence"]["rmse"]
        assert learned["rmse"] == pytest.approx(known["rmse"], rel=0.05)
    edgeseq.must("backtest", model, files[1], "--sensor", "b")


def test_a_column_may_say_whose_sample_a_row_is(files: list[str], tmp_path: Path) -> None:
    """The same fleet, be it in one file or in three."""
    rows = ["sensor,time,temp"]
    for name, path in zip("abc", files, strict=True):
        rows += [f"{name},{line}" for line in Path(path).read_text().splitlines()[1:]]
    rows.insert(500, ",2024-01-01,3")  # nobody's
    together = csv(tmp_path, "\n".join(rows) + "\n", "together.csv")
    one_file, its_parts = load(together, sensor="sensor")
    three_files, their_parts = load(files)
    assert one_file.sensors == three_files.sensors
    np.testing.assert_array_equal(its_parts.train, their_parts.train)
    np.testing.assert_array_equal(its_parts.test.values, their_parts.test.values)


def test_an_error_names_the_line_of_the_file(tmp_path: Path) -> None:
    path = csv(tmp_path, "id,v\na,1\nb,2\na,x\nb,3\na,3\nb,1\n")
    with pytest.raises(DataError, match="line 4: column 'v' holds 'x'"):
        load(path, sensor="id")


def test_its_checkpoint_keeps_the_parts(files: list[str], tmp_path: Path, edgeseq: CommandLine) -> None:
    """Export measures with them."""
    path = tmp_path / "m.safetensors"
    edgeseq.must("train", *files, "--steps", 20, "--hidden", 4, "-o", path)
    _, parts = load(files)
    kept = Checkpoint.load(path)
    for found, wanted in ((kept.validation, parts.validation), (kept.test, parts.test)):
        assert found is not None
        assert found.stretches == wanted.stretches
        np.testing.assert_array_equal(found.values, wanted.values)


@pytest.mark.parametrize("preset", ["default", "classic"])
def test_windows_of_a_fleet_hold_one_sensors_samples(
    preset: str, files: list[str], tmp_path: Path, edgeseq: CommandLine
) -> None:
    path = tmp_path / "m.safetensors"
    edgeseq.must("train", *files, "--preset", preset, "--layout", "steps", "--steps", 20, "--hidden", 4, "-o", path)
    edgeseq.must("export", path, "-o", tmp_path / "m.onnx")


def test_what_is_no_fleet_is_refused(files: list[str], tmp_path: Path, edgeseq: CommandLine) -> None:
    other = csv(tmp_path, "time,pressure\n2024-01-01,1\n2024-01-02,2\n", "other.csv")
    daily = csv(tmp_path, "time,temp\n" + "".join(f"2024-01-{d:02},{d % 3}\n" for d in range(1, 30)), "daily.csv")
    still = csv(tmp_path, "time,temp\n" + "".join(f"2024-01-01T{h:02},1\n" for h in range(24)), "still.csv")
    still2 = csv(tmp_path, Path(still).read_text(), "still2.csv")
    (tmp_path / "far").mkdir()
    twin = sensor_file(tmp_path / "far", "a", 1.0, 1.0)
    for words, code, said in (
        ([files[0], other], 2, "the sensors differ in their columns: a has temp, other has pressure"),
        ([files[0], daily], 1, "a has a sample every 3600 s, daily one every 86400 s; --every makes them alike"),
        (
            [still, still2],
            1,
            "none of 2 sensors can be learned from; still is left out: temp never changes in its training part",
        ),
        ([files[0], twin], 2, "several of the files have the same name"),
        ([*files[:2], "--id", "temp"], 2, "--id says whose sample a row of one file is; 2 files are given"),
        ([files[0], "--id", "x"], 2, "there is no column 'x'; the columns are time, temp"),
        ([files[0], "--id", "temp", "--target", "temp"], 2, "temp says whose sample a row is"),
        ([files[0], "nowhere.csv"], 2, "there is no file 'nowhere.csv'"),
        ([files[0], "sine"], 2, "there is no file 'sine'"),
    ):
        answer = edgeseq("train", *words, "-o", tmp_path / "m.safetensors")
        assert (answer.code, answer.out) == (code, ""), words
        assert answer.err.startswith(f"edgeseq: {said}"), answer.err
        assert answer.err.count("\n") == 1
    with pytest.raises(UsageError, match="differ in their columns"):
        load([files[0], other])
