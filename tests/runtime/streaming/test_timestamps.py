"""Features that are read off the time: by hand, the same on the host and on the device."""

import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.series import load
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading.times import Time, read_times, to_seconds
from edgeseq_runtime.spec import CLOCKS
from edgeseq_runtime.streaming.time_features import time_features
from tests.conftest import CommandLine

HOUR = 3600.0
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def model(**choices: Any) -> bytes:
    return edgeseq_export.export(make_checkpoint(clocks=CLOCKS[:2], period=HOUR, **choices)).content


@pytest.mark.parametrize(
    ("moment", "name", "wanted"),
    [
        (MONDAY, "hour_sin", 0.0),
        (MONDAY + timedelta(hours=6), "hour_sin", 1.0),
        (MONDAY + timedelta(hours=12), "hour_cos", -1.0),
        (MONDAY, "weekday_cos", 1.0),
        (MONDAY + timedelta(days=1.75), "weekday_sin", 1.0),
        (datetime(1970, 1, 1, tzinfo=UTC), "yearday_cos", 1.0),
        (datetime(2026, 7, 2, 12, tzinfo=UTC), "yearday_cos", -1.0),
    ],
)
def test_a_point_on_the_circle_by_hand(moment: datetime, name: str, wanted: float) -> None:
    tolerance = 0.03 if name.startswith("yearday") else 1e-9  # the mean year is up to two days off the calendar's
    assert time_features(moment.timestamp(), [name])[0] == pytest.approx(wanted, abs=tolerance)


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-23T06:00:00",
        "2026-11-23 06:00:00+00:00",
        "2026-11-23T07:00:00+01:00",
        str(MONDAY.timestamp() + 6 * HOUR),
        MONDAY.timestamp() + 6 * HOUR,
        (MONDAY.timestamp() + 6 * HOUR) * 1000,
        datetime(2026, 11, 23, 6),
        datetime(2026, 11, 23, 8, tzinfo=timezone(timedelta(hours=2))),
        np.datetime64("2026-11-23T06:00:00", "s"),
        np.datetime64("2026-11-23T06", "h"),
        np.datetime64("2026-11-23T06:00:00", "ns"),
    ],
)
def test_one_moment_may_be_written_in_many_ways(time: Time) -> None:
    assert to_seconds(time) == MONDAY.timestamp() + 6 * HOUR


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", [1], "1_0"])
def test_what_is_no_time_is_refused(time: Any) -> None:
    with pytest.raises(DataError, match="is not a time"):
        to_seconds(time)


def test_eight_digits_are_a_date() -> None:
    assert to_seconds("20261123") == MONDAY.timestamp()


def test_a_step_with_its_time_is_one_with_the_features_by_hand() -> None:
    content = model()
    timed, told = Predictor(content), Predictor(content)
    for hour, value in enumerate([0.1, 0.4, 0.2]):
        at = (MONDAY + timedelta(hours=hour)).isoformat()
        angle = 2 * math.pi * hour / 24
        wanted = told.step([value, math.sin(angle), math.cos(angle)])
        np.testing.assert_allclose(timed.step(value, at), wanted, atol=1e-6)


def test_without_a_time_a_sample_comes_a_period_after_the_last() -> None:
    content = model()
    given, left_out, block, timed = (Predictor(content) for _ in range(4))
    times = [MONDAY.timestamp() + hour * HOUR for hour in range(4)]
    values = [0.1, 0.4, None, 0.2]
    wanted = [given.step(value, time) for value, time in zip(values, times, strict=True)]
    found = [left_out.step(values[0], times[0]), *(left_out.step(value) for value in values[1:])]
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(timed.run(values, times), wanted, atol=1e-6)
    block.step(values[0], times[0])
    np.testing.assert_allclose(block.run(values[1:]), wanted[1:], atol=1e-6)
    assert given.status == left_out.status == timed.status == "ok"


def test_a_forecast_beyond_the_horizon_knows_what_time_it_will_be() -> None:
    """Fed with its own forecasts and their times, a second stream says the same."""
    content = model(horizon=2)
    p, fed = Predictor(content), Predictor(content)
    p.step(0.3, MONDAY)
    first = fed.step(0.3, MONDAY)
    far = p.forecast(4)
    np.testing.assert_array_equal(far[:2], first)
    fed.step(float(first[0, 0]))
    np.testing.assert_allclose(far[2:], fed.step(float(first[1, 0])), atol=1e-6)


def test_the_time_is_part_of_a_snapshot() -> None:
    content = model()
    p, other = Predictor(content), Predictor(content)
    p.step(0.3, MONDAY)
    other.restore(p.snapshot())
    np.testing.assert_array_equal(other.step(0.4), p.step(0.4))


def test_without_any_time_the_features_that_lack_it_are_named() -> None:
    p = Predictor(model())
    with pytest.raises(DataError, match="sees hour_sin, hour_cos: give each sample its time"):
        p.step(0.1)
    with pytest.raises(DataError, match="give each sample its time"):
        p.run([0.1, 0.2])
    assert np.isfinite(p.step({"f0": 0.1, "hour_sin": 0.0, "hour_cos": 1.0})).all()


def hourly(path: Path) -> Path:
    hours = np.arange(600)
    values = np.sin(2 * np.pi * hours / 24) + 0.1 * np.random.default_rng(0).standard_normal(600)
    rows = [f"{(MONDAY + timedelta(hours=int(h))).isoformat()},{v:.4f}" for h, v in zip(hours, values, strict=True)]
    path.write_text("time,v\n" + "\n".join(rows) + "\n")
    return path


def test_a_series_gets_the_features_of_its_rows(tmp_path: Path) -> None:
    series, _ = load(str(hourly(tmp_path / "v.csv")), clocks=("hour_sin", "hour_cos"))
    assert series.columns == ("v", "hour_sin", "hour_cos")
    angle = 2 * np.pi * np.arange(600) / 24
    np.testing.assert_allclose(series.values[:, 1:], np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-6)


def test_a_column_of_that_name_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("time,hour_sin\n2020-01-01,1\n2020-01-02,2\n")
    with pytest.raises(UsageError, match="a column 'hour_sin' of its own"):
        load(str(path), clocks=("hour_sin", "hour_cos"))


def test_trained_with_time_features_the_model_streams_with_times_only(edgeseq: CommandLine, tmp_path: Path) -> None:
    series, checkpoint, model = hourly(tmp_path / "v.csv"), tmp_path / "v.safetensors", tmp_path / "v.onnx"
    brief = ["--steps", 20, "--hidden", 4]
    told = edgeseq.must("train", series, "--time-features", "hour,weekday", *brief, "-o", checkpoint)
    assert "hour_sin, hour_cos, weekday_sin, weekday_cos" in told.err
    edgeseq.must("export", checkpoint, "-o", model)
    assert len(edgeseq.must("predict", model, "--input", series).out.splitlines()) == 600
    assert edgeseq.must("evaluate", model, series).out == told.out
    bare = tmp_path / "bare.csv"
    bare.write_text("v\n1\n")
    answer = edgeseq("predict", model, "--input", bare)
    assert (answer.code, "line 2: the model sees hour_sin" in answer.err) == (1, True)
    answer = edgeseq("train", series, "--time-features", "minute", "-o", checkpoint)
    assert (answer.code, "expected hour, weekday, yearday, got 'minute'" in answer.err) == (2, True)
    answer = edgeseq("train", "--time-features", "hour", "-o", checkpoint)
    assert answer.code == 2


def test_an_array_of_times_of_numpy_is_read() -> None:
    """As pandas has them; one that is none is a time that is not given, and not one that cannot be read."""
    for unit in ("s", "ns"):
        seconds, unread = read_times(np.array(["2026-11-23T00:00:00", "NaT", "1969-12-31T23:59:59"], f"M8[{unit}]"))
        np.testing.assert_array_equal(seconds, [MONDAY.timestamp(), math.nan, -1.0])
        assert not unread.any()


@pytest.mark.parametrize("time", [1e300, -1e30, "9" * 30, 10**25])
def test_a_time_beyond_the_year_9999_is_none(time: str | float) -> None:
    """A stream that began there could not tell times of today apart."""
    with pytest.raises(DataError, match="is not a time"):
        to_seconds(time)
    _, unread = read_times([float(time)])
    assert unread.all()
    predictor = Predictor(model())
    for number, moment in enumerate([time, 1.7e9, 1.7e9 + HOUR]):
        predictor.step(0.5, moment)
        assert (predictor.reason, predictor.status) == (("time", "missing") if number == 0 else ("", "ok"))


@pytest.mark.parametrize("times", [5.0, "abc", np.float64(3), np.zeros((3, 1)), np.zeros((3, 3)), np.array(1.0), [1.0]])
def test_times_of_another_shape_are_refused_and_the_streams_stay(times: Any) -> None:
    """Neither an error of Python's, nor streams that take no further sample."""
    predictor, pool = Predictor(model()), Pool(model())
    pool.add("a", "b", "c")
    with pytest.raises(DataError):
        predictor.run([0.1, 0.2, 0.3], times)
    with pytest.raises(DataError):
        pool.run(np.zeros((4, 3, 1)), times)
    if np.ndim(times):
        with pytest.raises(DataError):
            pool.step_array([0.1, 0.2, 0.3], times)
    assert predictor.samples == sum(pool.samples.values()) == 0
    predictor.step(0.1, 1.7e9)
    pool.step_array([0.1, 0.2, 0.3], 1.7e9)
