"""`predict` with samples that are gathered in intervals: from lines and over MQTT, live, killed and gone on with."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.series import load
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.service.named_streams import NamedStreams
from tests.conftest import CommandLine
from tests.helpers.broker import Broker, Peer, Service, end_all, wait_until
from tests.helpers.states import resume

MINUTE, HOUR = 60.0, 3600.0
BEGIN = 1_700_000_000 // 3600 * 3600

Lines = list[dict[str, Any]]


def saved(folder: Path, **reading: Any) -> Path:
    """A model that was trained on minutes of samples that come every few seconds."""
    made = make_checkpoint(horizon=2, period=MINUTE)
    known = Reading(time=("time",), zoned=True, **{"every": MINUTE, **reading})
    path = folder / "model.onnx"
    path.write_bytes(edgeseq_export.build(replace(made, spec=replace(made.spec, time="time", reading=known))))
    return path


def raw(count: int, step: float = 7.0) -> list[tuple[float, float]]:
    """Times and values, of which some lack."""
    chance = np.random.default_rng(0)
    values = np.round(0.5 * np.sin(np.arange(count) / 20) + 0.1 * chance.normal(size=count), 3)
    return [(BEGIN + step * row, float(value)) for row, value in enumerate(values)]


def as_csv(samples: Sequence[tuple[float, float]]) -> str:
    return "time,f0\n" + "".join(f"{stamp(seconds)},{value}\n" for seconds, value in samples)


def stamp(seconds: float) -> str:
    return str(np.datetime64(round(seconds * 1000), "ms"))[:19] + "Z"


def parsed(text: str) -> Lines:
    return [json.loads(line) for line in text.splitlines()]


def test_each_closed_interval_is_what_the_model_sees_of_it_in_training(edgeseq: CommandLine, tmp_path: Path) -> None:
    """Each line has the forecast that follows `load`'s sample of that minute; what is open at the end is said."""
    model, file = saved(tmp_path), tmp_path / "raw.csv"
    file.write_text(as_csv(raw(400)))
    answer = edgeseq.must("predict", model, "--input", file)
    lines = parsed(answer.out)
    series, _ = load(file, every="1min")
    assert len(lines) == len(series) - 1
    p = Predictor(model)
    assert series.seconds is not None
    for line, values, seconds in zip(lines, series.values, series.seconds, strict=False):
        np.testing.assert_allclose(line["forecast"], p.step(float(values[0]), float(seconds))[:, 0], rtol=1e-6)
        assert (line["t"], line["times"]) == (stamp(seconds), [stamp(seconds + MINUTE), stamp(seconds + 2 * MINUTE)])
    assert "1 interval is open, with 5 samples: --state keeps them" in answer.err
    assert f"{len(lines)} samples: {len(lines)} ok; " in answer.err
    assert "gathered from 400 samples" in answer.err


def test_every_none_takes_samples_as_they_are(edgeseq: CommandLine, tmp_path: Path) -> None:
    """And so does a model that was trained on samples as they come, unless it is told to gather them."""
    model, file = saved(tmp_path), tmp_path / "raw.csv"
    file.write_text(as_csv(raw(50, step=MINUTE)))
    as_they_are = edgeseq.must("predict", model, "--input", file, "--every", "none").out
    assert len(parsed(as_they_are)) == 50
    gathered = parsed(edgeseq.must("predict", model, "--input", file).out)
    assert gathered == parsed(as_they_are)[:-1]  # a minute's one sample is its mean, and comes out with the next
    model = saved(tmp_path, every=None)
    assert edgeseq.must("predict", model, "--input", file).out == as_they_are
    file.write_text(as_csv(raw(100, step=15.0)))
    assert len(parsed(edgeseq.must("predict", model, "--input", file, "--every", "1min").out)) == 24


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ("2024-01-01 00:00:07", "2024-01-01 00:01:02", ("2024-01-01 00:00:00", "2024-01-01 00:01:00")),
        ("2024-01-01T01:00:07+01:00", "2024-01-01T01:01:02+01:00", ("2024-01-01T01:00:00+01:00", None)),
        (1704067207, 1704067262, (1704067200, 1704067260)),
        (1704067207000, 1704067262000, (1704067200000, 1704067260000)),
        (1704067207.5, 1704067262.25, (1704067200.0, 1704067260.0)),
    ],
)
def test_a_minutes_time_is_its_start_as_its_samples_write_theirs(
    edgeseq: CommandLine, tmp_path: Path, first: Any, second: Any, wanted: tuple[Any, Any]
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text("".join(json.dumps({"time": at, "f0": 0.5}) + "\n" for at in (first, second)))
    line = parsed(edgeseq.must("predict", saved(tmp_path), "--input", file).out)[0]
    assert line["t"] == wanted[0]
    assert type(line["t"]) is type(wanted[0])
    assert wanted[1] in (None, line["times"][0])


def test_line_protocol_gathers_each_stream_by_itself(edgeseq: CommandLine, tmp_path: Path) -> None:
    model, file = saved(tmp_path), tmp_path / "in.lp"
    samples = raw(60)
    points = [(name, seconds, value * sign) for seconds, value in samples for name, sign in (("a", 1), ("b", -1))]
    file.write_text("".join(f"m,s={name} f0={value} {round(at * 1e9)}\n" for name, at, value in points))
    found = parsed(edgeseq.must("predict", model, "--input", file, "--input-format", "influx").out)
    for name, sign in (("a", 1), ("b", -1)):
        alone = tmp_path / f"{name}.csv"
        alone.write_text(as_csv([(seconds, value * sign) for seconds, value in samples]))
        wanted = parsed(edgeseq.must("predict", model, "--input", alone).out)
        mine = [line for line in found if line["stream"] == f"m,s={name}"]
        assert [line["forecast"] for line in mine] == [line["forecast"] for line in wanted]
        assert mine[1]["times"][0] == mine[2]["t"]


def test_kept_lines_stand_before_the_forecasts_that_they_lead_to(edgeseq: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "in.lp"
    file.write_text("".join(f"m f0=0.5 {round((BEGIN + 20 * row) * 1e9)}\n" for row in range(5)))
    words = ["--input-format", "influx", "--format", "influx", "--keep"]
    lines = edgeseq.must("predict", saved(tmp_path), "--input", file, *words).out.splitlines()
    assert [line.split()[0] for line in lines] == ["m", "m", "m", "m", "m_forecast", "m"]
    assert lines[4].endswith(f" {BEGIN * 10**9}")


def test_what_cannot_be_gathered_is_said_and_costs_nothing_else(edgeseq: CommandLine, tmp_path: Path) -> None:
    """No time before any, a time that is none, one of an interval that is over, and a line that is no sample."""
    file = tmp_path / "in.csv"
    at = [stamp(BEGIN + seconds) for seconds in (0, 30, 61, 130)]
    rows = ["n/a,9", f"{at[0]},1", "n/a,0.5", f"{at[2]},0.3", f"{at[1]},9", "junk", f"{at[3]},0.1"]
    file.write_text("time,f0\n" + "\n".join(rows) + "\n")
    answer = edgeseq.must("predict", saved(tmp_path), "--input", file, "--unreadable", "missing")
    lines, p = parsed(answer.out), Predictor(saved(tmp_path))
    np.testing.assert_allclose(lines[0]["forecast"], p.step(0.75, BEGIN)[:, 0], rtol=1e-6)
    np.testing.assert_allclose(lines[1]["forecast"], p.step(0.3, BEGIN + 60)[:, 0], rtol=1e-6)
    assert [(line["t"], line.get("reason")) for line in lines] == [(at[0], "time"), (stamp(BEGIN + 60), None)]
    said = answer.err
    assert "line 2: 'n/a' is not a time to go by; left out, as no interval is open" in said
    assert "line 4: 'n/a' is not a time to go by; taken into the interval that is open" in said
    assert f"line 6: '{at[1]}' is of an interval that is over; left out" in said
    assert "gathered from 6 samples, 1 of them too late" in said


def test_held_values_answer_for_each_interval_that_they_reach_over(edgeseq: CommandLine, tmp_path: Path) -> None:
    """A sensor that reports changes: the sample after a pause brings the lines of all intervals that its value held."""
    file, model = tmp_path / "in.csv", saved(tmp_path, hold=5 * MINUTE)
    file.write_text(as_csv([(BEGIN, 0.5), (BEGIN + 200, 0.7), (BEGIN + 1000, 0.1)]))
    lines = parsed(edgeseq.must("predict", model, "--input", file).out)
    assert [line["t"] for line in lines] == [stamp(BEGIN + 60 * minute) for minute in range(9)]
    wanted, _ = load(file, every="1min", hold="5min")
    p = Predictor(model)
    for line, value in zip(lines, wanted.values[:, 0].tolist(), strict=False):
        forecast = p.step(value, float(np.datetime64(line["t"][:19], "s").astype(int)))
        np.testing.assert_allclose(line["forecast"], forecast[:, 0], rtol=1e-6)


def start(model: Path, *words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "edgeseq", "predict", model, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(list(map(str, command)), stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1)


def ended(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Close the input; return all further output and what was said."""
    return process.communicate(timeout=60)


def lines_within(process: "subprocess.Popen[str]", seconds: float, count: int) -> int:
    """How many lines come within so many seconds, up to `count`."""
    assert process.stdout
    until, found = time.monotonic() + seconds, b""
    while found.count(b"\n") < count and (left := until - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            found += os.read(process.stdout.fileno(), 1 << 16) or b"\n" * count
    return found.count(b"\n")


def stdin(process: "subprocess.Popen[str]") -> IO[str]:
    assert process.stdin
    return process.stdin


@pytest.mark.parametrize("kill", [True, False])
def test_a_stream_killed_within_an_interval_goes_on_as_if_it_had_not(
    edgeseq: CommandLine, tmp_path: Path, *, kill: bool
) -> None:
    """With `kill -9` and a state that is saved after each sample, or with SIGTERM and one saved at the end."""
    model, state, file, samples = saved(tmp_path), tmp_path / "state", tmp_path / "raw.csv", raw(60)
    file.write_text(as_csv(samples))
    wanted = parsed(edgeseq.must("predict", model, "--input", file).out)
    at, found = 31, Lines()
    process = start(model, "--state", state, "--state-every", 1 if kill else 0)
    try:
        stdin(process).write(as_csv(samples[:at]))
        stdin(process).flush()
        assert process.stdout
        found += [json.loads(process.stdout.readline()) for _ in range(3)]
        if kill:
            wait_until(lambda: saved_samples(model, state) == (3, 5), "the state is not saved")
            process.kill()
        else:
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
        ended(process)
    finally:
        process.kill()
        process.wait()
    if not kill:
        assert saved_samples(model, state) == (3, 5)
    process = start(model, "--state", state)
    stdin(process).write(as_csv(samples[at:]))
    out, said = ended(process)
    assert found + parsed(out) == wanted
    assert said.startswith("resumed after 3 samples, and 5 of 1 open interval\n")


def saved_samples(model: Path, state: Path) -> tuple[int, int] | None:
    """How many samples the model has seen by a state file, and how many the open interval holds."""
    from edgeseq_runtime.service.single_stream import SingleStream

    if not state.is_file():
        return None
    stream = SingleStream(Predictor(model))
    stream.restore(state.read_bytes())
    assert stream.intervals
    return stream.step("", 0.0).number, stream.intervals.waiting()[1]


def test_the_wall_clock_ends_an_interval_of_samples_that_are_of_now(tmp_path: Path) -> None:
    """Without a further sample; older ones, as from a file, wait for one."""
    process = start(saved(tmp_path, every=1.0))
    try:
        stdin(process).write(f"time,f0\n{stamp(time.time() - 100)},0.1\n{stamp(time.time() - 90)},0.2\n")
        stdin(process).flush()
        assert lines_within(process, 40.0, 1) == 1  # the second brings the line of the first, and no time its own
        assert lines_within(process, 2.5, 1) == 0
        stdin(process).write(f"{stamp(time.time())},0.5\n")
        stdin(process).flush()
        assert lines_within(process, 40.0, 2) == 2
        assert process.poll() is None
        out, said = ended(process)
        assert out == ""
        assert "open" not in said
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


@pytest.mark.usefixtures("no_process_stays")
def test_over_mqtt_nothing_acknowledged_is_lost_by_a_kill_within_an_interval(tmp_path: Path) -> None:
    """Samples that end no interval are acknowledged without a forecast, when the state holds them."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker, model, state, samples = Broker(tmp_path / "broker"), saved(tmp_path), tmp_path / "state", raw(60)
    peer = Peer(broker, "forecasts/#")
    service = Service(broker, model, "--state", state).wait_for_subscription(broker)
    for seconds, value in samples[:31]:
        peer.publish("plant/a", {"time": stamp(seconds), "f0": value})
    puback = "Received PUBACK from edgeseq-"
    wait_until(lambda: broker.log().count(puback) == 31, "not all is acknowledged")
    ends = [at for at in range(1, 31) if samples[at][0] // MINUTE != samples[at - 1][0] // MINUTE]
    before = [
        part.count("Received PUBACK from edgeseq-") for part in broker.log().split("Received PUBLISH from edgeseq-")
    ]
    assert (np.cumsum(before[:3]) <= ends).all()  # the broker had each forecast before the sample's acknowledgement
    wait_until(lambda: len(peer.messages) == 3, "forecasts are lacking")  # and passes it on when it comes to that
    service.process.kill()
    service.process.wait()
    streams = NamedStreams(Pool(model))
    assert resume(streams, state) == ["resumed 1 streams after 3 samples, and 5 of 1 open interval"]
    service = Service(broker, model, "--state", state).wait_for_subscription(broker, 2)
    for seconds, value in samples[31:]:
        peer.publish("plant/a", {"time": stamp(seconds), "f0": value})
    wait_until(lambda: len({found["t"] for _, found, _ in peer.messages}) == 6, "forecasts are lacking")
    assert service.stop() == 0
    file = tmp_path / "raw.csv"
    file.write_text(as_csv(samples))
    wanted = subprocess.run(
        [sys.executable, "-m", "edgeseq", "predict", model, "--input", file],
        check=True, capture_output=True, text=True, env=dict(os.environ), timeout=60,
    )  # fmt: skip
    once = {found["t"]: found for _, found, _ in peer.messages}  # one may be published twice
    for found, line in zip(once.values(), parsed(wanted.stdout), strict=True):
        assert (found["t"], found["times"], found["status"]) == (line["t"], line["times"], line["status"])
        np.testing.assert_allclose(found["forecast"], line["forecast"], rtol=1e-5)


@pytest.mark.usefixtures("no_process_stays")
def test_over_mqtt_the_wall_clock_ends_intervals_too(tmp_path: Path) -> None:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker, model, state = Broker(tmp_path / "broker"), saved(tmp_path, every=1.0), tmp_path / "state"
    peer = Peer(broker, "forecasts/#")
    service = Service(broker, model, "--state", state).wait_for_subscription(broker)
    for name in "ab":
        peer.publish(f"plant/{name}", {"time": stamp(time.time() + 1), "f0": 0.5})
    wait_until(lambda: len(peer.messages) == 2, "no forecasts")
    assert service.stop() == 0
    streams = NamedStreams(Pool(model))
    assert resume(streams, state) == ["resumed 2 streams after 2 samples"]


def test_a_pace_that_is_not_the_models_is_said_once(edgeseq: CommandLine, tmp_path: Path) -> None:
    """As evaluate says it; the sample at which it is found has the reason, from a file, whose blocks are long, too."""
    made = make_checkpoint(period=HOUR)
    model, file = tmp_path / "hourly.onnx", tmp_path / "minutes.csv"
    model.write_bytes(edgeseq_export.build(made))
    file.write_text(as_csv(raw(2000, step=MINUTE)))
    answer = edgeseq.must("predict", model, "--input", file)
    assert [number for number, line in enumerate(parsed(answer.out)) if line.get("reason") == "pace"] == [4]
    said = "line 6: a sample every 1min; the model was trained on one every 1h: --every 1h averages them"
    assert answer.err.splitlines()[0] == said
    assert "reasons: 1 pace" in answer.err
    assert "pace" not in edgeseq.must("predict", model, "--input", file, "--every", "1h").err
