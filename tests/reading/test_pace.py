"""Samples that come faster, slower or only on a change: said aloud, or gathered on the device as training did."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest

import edgeseq
from tests.reading.workbench import HOUR, START, Workbench, check, moments, says, table, wave, written

ISO = "%Y-%m-%dT%H:%M:%S"
MINUTE = timedelta(minutes=1)
HOURLY = table(["time", "temp"], written(ISO, moments()), wave())


@pytest.mark.parametrize("step", [MINUTE, 15 * MINUTE, 30 * MINUTE, timedelta(seconds=10)])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_samples_faster_than_the_model_are_a_finding(bench: Workbench, step: timedelta, form: str) -> None:
    """`pace` on the lines, once for a stretch on stderr, with the way out that evaluate names."""
    bench.trained(HOURLY)
    times = written(ISO, moments(40, step, datetime(2024, 2, 1)))
    if form == "csv":
        live = table(["time", "temp"], times, wave(40))
    else:
        live = "".join(json.dumps({"time": t, "temp": v}) + "\n" for t, v in zip(times, wave(40), strict=True))
    streamed = bench.stream(live, name=f"live.{form}")
    assert "pace" in str(streamed.reasons()), streamed
    assert says(streamed.err, "--every", "1 ?h"), streamed.err
    assert sum("--every" in line for line in streamed.err.splitlines()) == 1


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_samples_slower_than_the_model_are_not_all_well(bench: Workbench, factor: int) -> None:
    """Each step is a gap, or pace is found."""
    bench.trained(HOURLY)
    times = written(ISO, moments(40, factor * HOUR, datetime(2024, 2, 1)))
    streamed = bench.stream(table(["time", "temp"], times, wave(40)))
    assert {"gap", "pace"} & set(streamed.reasons()[5:]), streamed
    assert says(streamed.err, "pace|every|gap"), streamed.err


def test_samples_of_the_models_pace_are_no_finding(bench: Workbench) -> None:
    """Even with jitter of a few seconds, a missing sample and one that comes twice."""
    bench.trained(HOURLY)
    times = [time + timedelta(seconds=n * 37 % 50) for n, time in enumerate(moments(60))]
    del times[20]
    streamed = bench.stream(table(["time", "temp"], written(ISO, times), wave(59)))
    assert "pace" not in str(streamed.reasons())


FINE = {
    "mean": lambda values: values.mean(), "sum": lambda values: values.sum(),
    "last": lambda values: values[-1], "max": lambda values: values.max(),
}  # fmt: skip


@pytest.mark.parametrize("aggregate", FINE)
def test_training_gathers_as_it_is_told(bench: Workbench, aggregate: str) -> None:
    """Ten-minute samples made hourly: mean, sum, last or max, compared with NumPy."""
    values = np.array(wave(2880, season=144), np.float32)
    text = table(["time", "x"], written(ISO, moments(2880, 10 * MINUTE)), values)
    wanted = [FINE[aggregate](part) for part in values.reshape(-1, 6).astype(np.float64)]
    check(bench.load(text, every="1h", aggregate=aggregate), wanted, moments())


@pytest.mark.parametrize("aggregate", FINE)
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_raw_stream_is_gathered_on_the_device_as_in_training(bench: Workbench, aggregate: str, form: str) -> None:
    """No option is needed: one line for each closed hour; the forecasts are those of the gathered samples."""
    values = wave(2880, season=144)
    times = written(ISO, moments(2880, 10 * MINUTE))
    raw = table(["time", "x"], times, values)
    bench.trained(raw, "--every", "1h", "--aggregate", aggregate)
    if form == "jsonl":
        raw = "".join(json.dumps({"time": t, "x": v}) + "\n" for t, v in zip(times, values, strict=True))
    streamed = bench.stream(raw, name=f"raw.{form}")
    parts = np.array(values, np.float32).reshape(-1, 6).astype(np.float64)
    hourly = table(["time", "x"], written(ISO, moments()), (repr(float(np.float32(FINE[aggregate](p)))) for p in parts))
    gathered = bench.stream(hourly, "--every", "none", name="hourly.csv")
    assert len(gathered.lines) == 480
    assert len(streamed.lines) in (479, 480)  # the last hour is closed by the end of the file, or still open
    found, wanted = streamed.forecasts, gathered.forecasts[: len(streamed.lines)]
    np.testing.assert_allclose(np.array(found, float), np.array(wanted, float), rtol=1e-5)
    assert not any(streamed.reasons())


def test_predict_every_averages_for_a_model_that_was_trained_on_averages_of_others(bench: Workbench) -> None:
    """A model of an hourly file, fed minutes with `--every 1h`."""
    bench.trained(HOURLY)
    raw = table(["time", "temp"], written(ISO, moments(60 * 30, MINUTE, datetime(2024, 2, 1))), wave(1800, season=1440))
    streamed = bench.stream(raw, "--every", "1h")
    assert len(streamed.lines) in (29, 30)
    assert not any(streamed.reasons())


def test_an_open_hour_is_part_of_the_state(bench: Workbench) -> None:
    """Stopped in the middle of an hour and resumed: the same lines as in one go."""
    raw = table(["time", "x"], written(ISO, moments(2880, 10 * MINUTE)), wave(2880, season=144)).splitlines(
        keepends=True
    )
    bench.trained("".join(raw), "--every", "1h")
    whole = bench.stream("".join(raw))
    state = bench.folder / "state"
    parts = [bench.stream("".join([raw[0], *rows]), "--state", state) for rows in (raw[1:1005], raw[1005:])]
    found = [forecast for part in parts for forecast in part.forecasts]
    assert found == whole.forecasts[: len(found)]
    assert len(found) in (len(whole.forecasts), len(whole.forecasts) - 1)


def test_a_change_is_reported_only_when_there_is_one(bench: Workbench) -> None:
    """Home Assistant's history: the file does not pass as even; the line names --hold."""
    random = np.random.default_rng(3)
    minutes = np.arange(0, 20 * 1440)
    exact = 20 + 3 * np.sin(minutes / 1440 * 6.2832) + 0.02 * random.standard_normal(len(minutes)).cumsum() / 9
    rounded = np.round(exact, 1)
    changed = np.flatnonzero(np.diff(rounded, prepend=0) != 0)
    times = [START + timedelta(minutes=int(minute), seconds=int(random.integers(0, 60))) for minute in changed]
    values = rounded[changed].tolist()
    text = table(
        ["entity_id", "state", "last_changed"], ["sensor.room"] * len(values), values, written(ISO + "Z", times)
    )
    path = bench.write(text)
    answer = bench.train(path, "--target", "state")
    assert answer.code == 1
    assert says(answer.err, "--hold"), answer.err
    bench.trained(text, "--target", "state", "--every", "15min", "--hold", "6h")
    series = edgeseq.load(path, targets=["state"], every="15min", hold="6h")[0]
    assert not np.isnan(series.values).any()
    assert series.period == 900
    streamed = bench.stream(text)
    assert streamed.count("ok") == len(streamed.lines), streamed.err
    assert len(streamed.lines) in (len(series), len(series) - 1)


def test_a_held_value_is_that_of_the_last_change(bench: Workbench) -> None:
    """Three changes in three hours: intervals without a change hold the last one, weighted by time."""
    rows = ["2024-01-01T00:00:00,10", "2024-01-01T01:30:00,20", "2024-01-01T04:00:00,30"]
    series = bench.load("\n".join(["time,x", *rows, ""]), every="1h", hold="1d", aggregate="last")
    assert series.values[:, 0].tolist() == [10, 20, 20, 20, 30]
    series = bench.load("\n".join(["time,x", *rows, ""]), every="1h", hold="1d", aggregate="mean")
    assert series.values[:, 0].tolist() == [10, 15, 20, 20, 30]


def test_a_dead_sensor_is_held_no_longer_than_asked(bench: Workbench) -> None:
    rows = ["2024-01-01T00:00:00,10", "2024-01-01T12:00:00,20", "2024-01-01T13:00:00,30"]
    series = bench.load("\n".join(["time,x", *rows, ""]), every="1h", hold="3h", aggregate="last")
    held = series.values[:, 0]
    assert held[:3].tolist() == [10, 10, 10]
    assert np.isnan(held[3:-2]).all()  # a longer gap is a few rows
    assert len(held) > 5
    assert held[-2:].tolist() == [20, 30]


@pytest.mark.parametrize(
    ("fast", "slow", "word"), [(1, 5, "5 ?min"), (10, 60, "1 ?h"), (5, 15, "15 ?min"), (5, 1, "5 ?min")]
)
def test_a_rate_that_changes_is_named(bench: Workbench, fast: int, slow: int, word: str) -> None:
    """One line: from which line on, from which pace to which, and --every with the slower one."""
    first = moments(400, fast * MINUTE)
    times = [*first, *moments(200, slow * MINUTE, first[-1] + slow * MINUTE)]
    answer = bench.train(bench.write(table(["time", "temp"], written(ISO, times), wave(600))))
    assert says(answer.err, "40[0-3]", f"--every {word}"), answer.err
    assert bench.train(bench.folder / "log.csv", "--every", f"{max(fast, slow)}min").code == 0


def test_evaluate_gathers_as_training_did(bench: Workbench) -> None:
    """No --every is needed for the file that was trained on."""
    text = table(["time", "x"], written(ISO, moments(2880, 10 * MINUTE)), wave(2880, season=144))
    bench.trained(text, "--every", "1h")
    bench.run.must("evaluate", bench.model, bench.folder / "log.csv")
    edgeseq.evaluate(bench.model, bench.folder / "log.csv")
