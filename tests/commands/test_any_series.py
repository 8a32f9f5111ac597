"""The model for any sensor, by its name, on every way in: each column, field or path of numbers is a stream."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.service.named_streams import NamedStreams
from tests.conftest import CommandLine
from tests.helpers.broker import Broker, Peer, Service, end_all, wait_until
from tests.helpers.csv_helpers import read
from tests.helpers.states import resume

HOUR = 3600

TEMP = [21.5, 21.6, 21.9, 21.4, 21.8, 22.5]
HUM = [40.0, 41.0, 41.5, 43.0, 42.0, 42.5]


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


def forecasts(values: list[float | None], **options: Any) -> list[list[float]]:
    """What a predictor says of one stream by itself."""
    predictor = Predictor("starter", **options)
    times = [1_700_000_000.0 + HOUR * step for step in range(len(values))]
    return [predictor.step(value, time)[:, 0].tolist() for value, time in zip(values, times, strict=True)]


def check(lines: list[dict[str, Any]], stream: str | None, values: list[float | None], **options: Any) -> None:
    """Demand that the lines of a stream hold what a predictor says."""
    found = [line["forecast"] for line in lines if line.get("stream") == stream]
    np.testing.assert_allclose(found, forecasts(values, **options), rtol=1e-5, atol=1e-4)


def table(separator: str = ",") -> str:
    rows = [
        separator.join(map(str, (1_700_000_000 + HOUR * step, temp, hum)))
        for step, (temp, hum) in enumerate(zip(TEMP, HUM, strict=True))
    ]
    return "\n".join([separator.join(("ts", "temp", "hum")), *rows]) + "\n"


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


WRITTEN = {
    "epochs": ("", "%s"),
    "ISO 8601": ("", "%Y-%m-%dT%H:%M"),
    "a notation that the first line shows": ("", "%d.%m.%Y %H:%M"),
    "a notation that is told": ("%d/%m/%y %H.%M", "%d/%m/%y %H.%M"),
}
"""What is said of the notation of times, and what they are written as."""


@pytest.mark.parametrize("how", WRITTEN)
def test_forecasts_say_their_times_once_the_first_ones_have_told_the_period(
    edgeseq: CommandLine, tmp_path: Path, how: str
) -> None:
    """From the sixth on, written as the samples' own; the very times at which the next samples come."""
    said, form = WRITTEN[how]
    moments = [datetime(2024, 3, 30, 20, tzinfo=UTC) + timedelta(minutes=30 * step) for step in range(60)]
    times = [str(int(moment.timestamp())) if form == "%s" else moment.strftime(form) for moment in moments]
    path = tmp_path / "series.csv"
    path.write_text("time;temp\n" + "".join(f"{time};{20 + step % 7}\n" for step, time in enumerate(times[:12])))
    told = ["--time-format", said] if said else []
    found = objects(edgeseq.must("predict", "starter", "--input", path, *told).out)
    assert [line.get("times") for line in found[:5]] == [None] * 5
    for at, line in enumerate(found[5:], start=5):
        assert line["times"] == times[at + 1 : at + 49]


def test_months_are_followed_by_months(edgeseq: CommandLine, tmp_path: Path) -> None:
    """Not by as many days as the first ones had."""
    path = tmp_path / "series.csv"
    path.write_text("time,v\n" + "".join(f"2023-{month:02}-01,{month % 5}\n" for month in range(1, 8)))
    last = objects(edgeseq.must("predict", "starter", "--input", path).out)[-1]
    assert last["times"][:6] == ["2023-08-01", "2023-09-01", "2023-10-01", "2023-11-01", "2023-12-01", "2024-01-01"]


def test_thirty_days_are_followed_by_thirty_days(edgeseq: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    begin = date(2023, 1, 1)
    days = [(begin + timedelta(days=30 * step)).isoformat() for step in range(12)]
    path.write_text("time,v\n" + "".join(f"{day},{at % 5}\n" for at, day in enumerate(days[:8])))
    last = objects(edgeseq.must("predict", "starter", "--input", path).out)[-1]
    assert last["times"][:4] == days[8:]


def test_points_of_the_future_and_the_first_step_of_a_row_have_their_times(
    edgeseq: CommandLine, tmp_path: Path
) -> None:
    """As JSON has them."""
    begin, step, path = 1_700_000_000, 20, tmp_path / "series"
    path.write_text("".join(f"w,loc=a temp={20 + n % 3} {begin + step * n}000000000\n" for n in range(7)))
    influx = ["--input-format", "influx", "--format", "influx", "--future-points"]
    found = edgeseq.must("predict", "starter", "--input", path, *influx).out.splitlines()
    assert len(found) == 5 + 2 * 48
    assert [int(line.split()[-1]) // 10**9 for line in found[-48:]] == [begin + step * (6 + n) for n in range(1, 49)]
    path.write_text("time,temp\n" + "".join(f"{begin + step * n},{20 + n % 3}\n" for n in range(7)))
    rows = edgeseq.must("predict", "starter", "--input", path, "--format", "csv").out.splitlines()
    header, *cells = (row.split(",") for row in rows)
    ahead = [row[header.index("t+1")] for row in cells]
    assert ahead == [""] * 5 + [str(begin + step * 6), str(begin + step * 7)]


@pytest.mark.parametrize("way", ["csv", "semicolons", "json", "parquet"])
def test_each_column_is_a_stream_by_itself(edgeseq: CommandLine, tmp_path: Path, way: str) -> None:
    """Their forecasts are those of a predictor each, whatever the file is; the note says what was decided."""
    path = tmp_path / f"file.{way}"
    if way == "parquet":
        pl = pytest.importorskip("polars")
        times = [1_700_000_000 + HOUR * step for step in range(len(TEMP))]
        pl.DataFrame({"ts": times, "temp": TEMP, "hum": HUM}).write_parquet(path)
    elif way == "json":
        rows = [line.split(",") for line in table().splitlines()[1:]]
        texts = [json.dumps({"ts": int(t), "temp": float(a), "hum": float(b)}) for t, a, b in rows]
        path.write_text("\n".join(texts))
    else:
        path.write_text(table(";" if way == "semicolons" else ","))
    answer = edgeseq.must("predict", "starter", "--input", path)
    lines = objects(answer.out)
    assert len(lines) == 12
    check(lines, "temp", [*TEMP])
    check(lines, "hum", [*HUM])
    assert answer.err.splitlines()[0] == "series: temp, hum; time: ts"


def test_bare_numbers_are_a_stream_without_a_name(edgeseq: CommandLine, tmp_path: Path) -> None:
    """The first forecast is the last value, again."""
    path = tmp_path / "numbers"
    path.write_text("".join(f"{value}\n" for value in TEMP))
    lines = objects(edgeseq.must("predict", "starter", "--input", path).out)
    assert all("stream" not in line for line in lines)
    assert lines[0]["forecast"] == [21.5] * 48
    predictor = Predictor("starter")
    found, wanted = [line["forecast"] for line in lines], [predictor.step(value)[:, 0] for value in TEMP]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_missing_cell_is_missing_of_its_own_stream(edgeseq: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("temp,hum\n1,2\n,3\n4,5\n")
    lines = objects(edgeseq.must("predict", "starter", "--input", path).out)
    assert [(line["stream"], line["status"]) for line in lines] == [
        ("temp", "ok"),
        ("hum", "ok"),
        ("temp", "imputed"),
        ("hum", "ok"),
        ("temp", "ok"),
        ("hum", "ok"),
    ]


def test_a_state_keeps_all_streams_by_their_columns(edgeseq: CommandLine, tmp_path: Path) -> None:
    """In two runs, the columns in another order in the second, as in one."""
    rows, state = table().splitlines(), tmp_path / "state"
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("\n".join(rows[:4]))
    second.write_text("\n".join([",".join(reversed(row.split(","))) for row in (rows[0], *rows[4:])]))
    lines = objects(edgeseq.must("predict", "starter", "--input", first, "--state", state).out)
    answer = edgeseq.must("predict", "starter", "--input", second, "--state", state)
    assert "resumed 2 streams after 6 samples" in answer.err
    lines += objects(answer.out)
    check(lines, "temp", [*TEMP])
    check(lines, "hum", [*HUM])


def test_a_cell_that_is_no_number_ends_the_stream_or_is_missing_as_the_user_says(
    edgeseq: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("temp,hum\n1,2\nx,3\n")
    answer = edgeseq("predict", "starter", "--input", path)
    assert (answer.code, answer.err.splitlines()[-1]) == (1, "edgeseq: line 3: temp is 'x', not a number")
    lines = objects(edgeseq.must("predict", "starter", "--input", path, "--unreadable", "missing").out)
    assert [line["status"] for line in lines] == ["ok", "ok", "imputed", "ok"]
    answer = edgeseq.must("predict", "starter", "--input", path, "--unreadable", "skip")
    assert [line["stream"] for line in objects(answer.out)] == ["temp", "hum", "hum"]


def test_forecasts_of_several_fields_of_a_point_have_the_fields_names(edgeseq: CommandLine, tmp_path: Path) -> None:
    """As points of the same series and time, whose fields must differ; --keep writes the point once."""
    path = tmp_path / "points"
    point = "weather,site=a temp=21.5,hum=40 1700000000000000000"
    path.write_text(f"{point}\n")
    answer = edgeseq.must("predict", "starter", "--input", path, "--format", "influx", "--keep")
    kept, *found = answer.out.splitlines()
    assert kept == point
    assert [line[:35] for line in found] == [
        "weather_forecast,site=a temp_h1=21.",
        "weather_forecast,site=a hum_h1=40.0",
    ]
    assert 'hum_status="ok",hum_warm=true 1700000000000000000' in found[1]


def test_a_view_or_a_picture_wants_one_series(edgeseq: CommandLine, tmp_path: Path) -> None:
    """--field chooses it, and is what the picture calls it."""
    path, picture = tmp_path / "a.csv", tmp_path / "a.png"
    path.write_text(table())
    answer = edgeseq("predict", "starter", "--input", path, "--plot", picture)
    assert answer.code == 1
    assert "got those of temp, hum; --field NAME=COLUMN takes one of them" in answer.err
    edgeseq.must("predict", "starter", "--input", path, "--plot", picture, "--field", "inside=temp")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_name_is_the_packages_model_and_a_file_needs_its_path(
    edgeseq: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One note says so where there is such a file; -o may write one."""
    monkeypatch.chdir(tmp_path)
    assert edgeseq.must("info", "starter").err == ""
    Path("starter").write_text("no model")
    answer = edgeseq.must("info", "starter")
    assert "made-up series" in answer.out
    assert answer.err == "starter is the model of the package; ./starter is the file here\n"
    assert edgeseq("info", "./starter").code == 1


def test_evaluate_and_backtest_tell_errors_by_the_series_given(edgeseq: CommandLine, tmp_path: Path) -> None:
    """A daily wave of 24 samples: the seasonal naive forecast is among the baselines, and a note says of what."""
    wave, rng = tmp_path / "wave.csv", np.random.default_rng(0)
    values = 20 + np.sin(np.arange(600) * 2 * np.pi / 24) + 0.1 * rng.normal(size=600)
    other = rng.normal(size=600)
    wave.write_text("temp,other\n" + "".join(f"{a:.3f},{b:.3f}\n" for a, b in zip(values, other, strict=True)))
    assert "name one with --target" in edgeseq("evaluate", "starter", wave).err
    answer = edgeseq.must("evaluate", "starter", wave, "--target", "temp", "--json", "--no-adapt")
    figures = json.loads(answer.out)
    assert answer.err.endswith("by the training part of wave; its season, 24 samples\n")
    assert set(figures["baselines"]) == {"persistence", "seasonal naive", "ridge"}
    deviation = np.std(values[:420].round(3))
    assert figures["rmse"] ** 2 / figures["mse_standardized"] == pytest.approx(deviation**2, rel=1e-3)
    answer = edgeseq.must("backtest", "starter", wave, "--target", "temp", "--no-adapt")
    assert "wave: temp, 1 to 48 samples ahead" in answer.out
    assert "It chose the weights" not in answer.out


def test_verify_checks_the_packages_model(edgeseq: CommandLine) -> None:
    answer = edgeseq.must("verify", "starter")
    assert "starter is unchanged" in answer.out


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_an_export_forecasts_as_far_as_is_said(edgeseq: CommandLine, tmp_path: Path, quantize: str) -> None:
    """Twelve samples ahead, what the package's own file says of them."""
    shorter = tmp_path / "shorter.onnx"
    edgeseq.must("export", "starter", "-o", shorter, "--horizon", 12, "--quantize", quantize)
    values = [*TEMP, *HUM]
    found, own = (Predictor(model, adapt=False).run(values) for model in (shorter, "starter"))
    assert found.shape == (12, 12, 1)
    near = 0.02 if quantize == "int8" else 1e-5  # in multiples of the largest change
    np.testing.assert_allclose(found, own[:, :12], atol=near * 19)
    assert "expected 1 to 48" in edgeseq("export", "starter", "-o", shorter, "--horizon", 49).err
    assert edgeseq("export", "starter", "-o", shorter, "--form", "chunk").code == 2


def test_an_output_that_ends_in_c_is_c(edgeseq: CommandLine, tmp_path: Path) -> None:
    """Of any checkpoint; which cannot be cut shorter, but for one of a model for any sensor."""
    checkpoint = tmp_path / "small.safetensors"
    make_checkpoint(horizon=2).save(checkpoint)
    edgeseq.must("export", checkpoint, "-o", tmp_path / "small.c")
    assert "small_step" in (tmp_path / "small.h").read_text()
    answer = edgeseq("export", checkpoint, "-o", tmp_path / "small.onnx", "--horizon", 1)
    assert (answer.code, "only a model for any sensor" in answer.err) == (2, True)


def test_evaluate_counts_what_lay_within_the_intervals_that_follow_the_stream(
    edgeseq: CommandLine, tmp_path: Path
) -> None:
    """The same share for the series in another unit, a thousand times as wide."""
    rng, found = np.random.default_rng(1), []
    noise = np.cumsum(rng.normal(size=500)).round(3)
    for unit in (1, 1000):
        path = tmp_path / f"walk{unit}.csv"
        path.write_text("v\n" + "".join(f"{value}\n" for value in (unit * noise).tolist()))
        figures = json.loads(edgeseq.must("evaluate", "starter", path, "--no-adapt", "--json").out)
        (wide,) = (one for one in figures["intervals"] if one["level"] == 0.9)
        found.append((wide["coverage"], wide["width"] / unit))
    assert 0.5 < found[0][0] <= 1
    np.testing.assert_allclose(found[1], found[0], rtol=2e-3)


def test_several_numbers_of_a_payload_are_streams_of_its_topic(tmp_path: Path) -> None:
    """With the same state over a restart; a number alone is the topic's own stream."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker = Broker(tmp_path / "broker")
    state, peer = tmp_path / "state", Peer(broker, "forecasts/#")
    errors = tmp_path / "errors"

    def send(step: int) -> None:
        time = 1_700_000_000 + HOUR * step
        peer.publish("plant/a", {"ts": time, "temp": TEMP[step], "hum": HUM[step]})
        peer.publish("plant/b", TEMP[step])

    service = Service(broker, "starter", "--state", state, errors=errors).wait_for_subscription(broker)
    for step in range(3):
        send(step)
    wait_until(lambda: len(peer.messages) == 9, "no forecasts")
    assert service.stop() == 0
    service = Service(broker, "starter", "--state", state, errors=errors).wait_for_subscription(broker, 2)
    for step in range(3, 6):
        send(step)
    wait_until(lambda: len(peer.messages) == 18, "no forecasts after the restart")
    assert service.stop() == 0
    lines = [message for _, message, _ in peer.messages]
    check(lines, "plant/a#temp", [*TEMP])
    check(lines, "plant/a#hum", [*HUM])
    assert {topic for topic, message, _ in peer.messages if message["stream"].startswith("plant/a")} == {"forecasts/a"}
    streams = NamedStreams(Pool("starter"))
    resume(streams, state)
    assert {name: streams.state(name)[0] for name in ("plant/a#temp", "plant/a#hum", "plant/b")} == {
        "plant/a#temp": 6,
        "plant/a#hum": 6,
        "plant/b": 6,
    }
    assert "series: temp, hum; time: ts" in errors.read_text()


def test_an_object_without_the_streams_name_is_left_out_among_others_that_have_it(
    edgeseq: CommandLine, tmp_path: Path
) -> None:
    """As a row without it is, with one note; where no object has it, it is not there, which is an error."""
    path = tmp_path / "lines.json"
    path.write_text('{"id": "a", "v": 1}\n{"v": 2}\n{"v": 3}\n{"id": "b", "v": 4}\n')
    answer = edgeseq.must("predict", "starter", "--input", path, "--id", "id")
    assert [line["stream"] for line in objects(answer.out)] == ["a#v", "b#v"]
    assert answer.err.count("line 2: no id, which names the stream; such lines are left out") == 1
    assert "line 3" not in answer.err
    path.write_text('{"v": 2}\n{"v": 3}\n')
    refused = edgeseq("predict", "starter", "--input", path, "--id", "id")
    assert refused.code == 1
    assert "line 1: no id, which names the stream" in refused.err


@pytest.mark.parametrize(("unit", "zeros"), [("s", 9), ("ms", 6), ("us", 3)])
def test_points_whose_times_are_no_nanoseconds_are_told(
    edgeseq: CommandLine, tmp_path: Path, unit: str, zeros: int
) -> None:
    """Training says what to write, a stream says once as what it takes them; a counter from 0 is none of that."""
    scale, path = 10 ** (9 - zeros), tmp_path / "points.lp"
    path.write_text("".join(f"w t={n % 7} {(1_700_000_000 + 60 * n) * scale}\n" for n in range(300)))
    refused = edgeseq("train", path, "-o", tmp_path / "x.ckpt")
    assert refused.code == 1
    begin = 1_700_000_000 * scale
    assert (
        f"{begin} seems to be in {unit}, and line protocol has nanoseconds: write {begin}{'0' * zeros}" in refused.err
    )
    streamed = edgeseq.must("predict", "starter", "--input", path, "--input-format", "influx")
    assert streamed.err.count(f"seems to be in {unit}") == 1
    path.write_text("".join(f"w t={n % 7} {60_000_000_000 * n}\n" for n in range(300)))
    assert "seems to be" not in edgeseq.must("predict", "starter", "--input", path, "--input-format", "influx").err


def test_java_times_are_the_time_and_their_steps_are_said(edgeseq: CommandLine, tmp_path: Path) -> None:
    """An offset, and the zone's name in brackets behind it."""
    path = tmp_path / "java.csv"
    path.write_text("time,v\n" + "".join(f"2024-01-01T{n:02}:00:00+01:00[Europe/Berlin],{n % 5}\n" for n in range(8)))
    last = objects(edgeseq.must("predict", "starter", "--input", path).out)[-1]
    assert last["times"][:2] == ["2024-01-01T08:00:00+01:00", "2024-01-01T09:00:00+01:00"]
    rows = [f"2024-01-{1 + n // 24:02}T{n % 24:02}:00:00+01:00[Europe/Berlin],{n % 5}\n" for n in range(300)]
    path.write_text("time,v\n" + "".join(rows))
    series = read(str(path))
    assert (series.time, series.period) == ("time", HOUR)
