"""Values known ahead by every way in which samples come: Python, JSON, CSV, line protocol, files read ahead."""

import json
import signal
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.io import influx, text_lines
from edgeseq_runtime.io.read_ahead import read_ahead
from edgeseq_runtime.io.sample import Sample
from edgeseq_runtime.outcomes import StepResult
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.service.single_stream import SingleStream
from tests.conftest import CommandLine
from tests.helpers.broker import Broker, Peer, Service, end_all, wait_until

HORIZON, MINUTE = 3, 60.0
READING = Reading(time=("time",), time_format="s")
MODEL = edgeseq_export.export(make_checkpoint(known=2, horizon=HORIZON, features=2, period=MINUTE, reading=READING))
SESSION = open_session(MODEL.content, provider="cpu")
SPEC = SESSION.spec
NAMES = ("k0", "k1")

Window = list[list[float | None]]

cells = st.one_of(st.none(), st.integers(-3, 9).map(float))
windows = st.lists(st.lists(cells, min_size=HORIZON, max_size=HORIZON), min_size=2, max_size=2)
values = st.lists(st.floats(-1, 1, width=16), min_size=2, max_size=2)


def answers(samples: Iterable[Sample], reading: Reading | None = None) -> list[StepResult]:
    stream = SingleStream(Predictor(SESSION, reading=reading))
    found = list(samples)
    assert not [sample.problem for sample in found if sample.problem]
    return [stream.step("", sample.values, sample.moment, sample.known) for sample in found]


def in_python(rows: Sequence[tuple[list[float], Window]], moments: Sequence[float]) -> list[StepResult]:
    """What `Predictor.step` makes of samples with a window for each column."""
    p, found = Predictor(SESSION), []
    for (sample, window), moment in zip(rows, moments, strict=True):
        forecast = p.step(sample, moment, dict(zip(NAMES, window, strict=True)))
        found.append(StepResult(forecast, p.status, p.warm, p.samples - 1, p.reason, None, False, p.seconds))
    return found


def assert_same(ours: Sequence[StepResult], wanted: Sequence[StepResult]) -> None:
    assert len(ours) == len(wanted)
    for one, other in zip(ours, wanted, strict=True):
        np.testing.assert_array_equal(one.forecast, other.forecast)
        assert one[1:] == other[1:]


def cell(value: float | None) -> str:
    return "" if value is None else repr(value)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(values, windows), min_size=1, max_size=8))
def test_json_csv_and_line_protocol_say_what_python_does(rows: list[tuple[list[float], Window]]) -> None:
    """Forecasts, reasons and times are equal to the bit, wherever values lack."""
    moments = [1.7e9 + MINUTE * number for number in range(len(rows))]
    wanted = in_python(rows, moments)
    objects = [
        {"time": int(moment), "f0": one, "f1": two, "known": dict(zip(NAMES, window, strict=True))}
        for moment, ((one, two), window) in zip(moments, rows, strict=True)
    ]
    assert_same(answers(text_lines.read([json.dumps(one).encode() for one in objects], SPEC)), wanted)

    names = [f"{name}+{step}" for name in NAMES for step in range(1, HORIZON + 1)]
    table = [",".join(["time", "f0", "f1", *names])] + [
        ",".join([str(int(moment)), *map(repr, sample), *(cell(value) for column in window for value in column)])
        for moment, (sample, window) in zip(moments, rows, strict=True)
    ]
    assert_same(answers(text_lines.read([line.encode() for line in table], SPEC)), wanted)

    points = [
        f"m f0={one!r},f1={two!r}"
        + "".join(
            f",{name}={value!r}"
            for name, value in zip(names, (value for column in window for value in column), strict=True)
            if value is not None
        )
        + f" {int(moment)}000000000"
        for moment, ((one, two), window) in zip(moments, rows, strict=True)
    ]
    assert_same(answers(influx.read([point.encode() for point in points], SPEC)), wanted)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(values, st.lists(cells, min_size=2, max_size=2), st.sampled_from([1, 1, 1, 2, 4])),
        min_size=1,
        max_size=9,
    )
)
def test_a_file_is_read_ahead_by_its_times(rows: list[tuple[list[float], list[float | None], int]]) -> None:
    """A column of the known name holds the value at its row's time; rows that lack say nothing of theirs."""
    numbers = np.cumsum([passed for _, _, passed in rows]).tolist()
    known = dict(zip(numbers, (now for _, now, _ in rows), strict=True))
    steps = range(1, HORIZON + 1)
    whole = [
        (sample, [[known.get(number + step, [None, None])[column] for step in steps] for column in range(2)])
        for (sample, _, _), number in zip(rows, numbers, strict=True)
    ]
    wanted = in_python(whole, [1.7e9 + MINUTE * number for number in numbers])
    table = ["time,f0,f1,k0,k1"] + [
        ",".join([str(int(1.7e9 + MINUTE * number)), *map(repr, sample), *map(cell, now)])
        for (sample, now, _), number in zip(rows, numbers, strict=True)
    ]
    objects = [
        json.dumps({"time": 1.7e9 + MINUTE * number, "f0": sample[0], "f1": sample[1], "k0": now[0], "k1": now[1]})
        for (sample, now, _), number in zip(rows, numbers, strict=True)
    ]
    for lines in (table, objects):
        samples = text_lines.read([line.encode() for line in lines], SPEC)
        assert_same(answers(read_ahead(samples, SPEC, READING)), wanted)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(MODEL.content)
    return path


def table_of(folder: Path, count: int, *, streams: int = 1) -> tuple[Path, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A file of so many samples of each stream, by turns, with its values and known columns (sample, 2)."""
    random = np.random.default_rng(0)
    samples, known = (0.5 * random.standard_normal((2, count, 2))).round(3).astype(np.float32)
    rows = ["time,host,f0,f1,k0,k1"]
    for at in range(count):
        for stream in range(streams):
            cells = [*samples[at], known[at, 0] + stream, known[at, 1]]
            rows.append(f"{1_700_000_000 + 60 * at},h{stream}," + ",".join(f"{value:.3f}" for value in cells))
    path = folder / "table.csv"
    path.write_text("\n".join(rows) + "\n")
    return path, samples, known


def windows_of(known: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    padded = np.concatenate([known, np.full((HORIZON, 2), np.nan, np.float32)])
    return np.stack([padded[at + 1 : at + 1 + HORIZON] for at in range(len(known))])


def test_a_file_of_many_samples_is_read_ahead(edgeseq: CommandLine, model: Path, tmp_path: Path) -> None:
    """By steps and then by blocks: what one run of the predictor gives; the last rows have stand-ins, with one note."""
    path, samples, known = table_of(tmp_path, 900)
    answer = edgeseq.must("predict", model, "--input", path, "--id", "none", "--provider", "cpu")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    times = [1_700_000_000 + 60 * at for at in range(900)]
    made = Predictor(model, "cpu").process(samples, times, windows_of(known))
    np.testing.assert_allclose([line["forecast"] for line in lines], made.forecasts[:, :, 0], rtol=1e-5, atol=1e-6)
    reasons = [line.get("reason", "") for line in lines]
    assert reasons == [""] * (900 - HORIZON) + ["known"] * HORIZON
    notes = [line for line in answer.err.splitlines() if "are known" in line]
    assert len(notes) == 1
    assert notes[0].startswith(f"line {902 - HORIZON}: not all of the next 3 values of k0, k1 are known")
    assert "reasons: 3 known" in answer.err


def test_each_stream_of_a_file_is_read_ahead_by_itself(edgeseq: CommandLine, model: Path, tmp_path: Path) -> None:
    path, samples, known = table_of(tmp_path, 40, streams=3)
    answer = edgeseq.must("predict", model, "--input", path, "--id", "host", "--provider", "cpu")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["stream"] for line in lines] == ["h0", "h1", "h2"] * 40
    for stream in range(3):
        moved = known + np.array([stream, 0], np.float32)
        made = Predictor(model, "cpu").run(samples, None, windows_of(moved))
        ours = [line["forecast"] for line in lines if line["stream"] == f"h{stream}"]
        np.testing.assert_allclose(ours, made[:, :, 0], rtol=1e-4, atol=1e-5)


BAD = {
    '{"f0": 0, "f1": 0, "known": {"k0": [1, 2, 3, 4]}}': "k0 has 4 values ahead; expected at most 3, the horizon",
    '{"f0": 0, "f1": 0, "known": {"k0": 4}}': "the values of k0 ahead are 4; expected a list",
    '{"f0": 0, "f1": 0, "known": [1, 2]}': "known is [1, 2]; expected an object with a list for k0, k1",
    '{"f0": 0, "f1": 0, "known": {"wind": [1]}}': "known has no values for k0, k1; it has wind",
    '{"f0": 0, "f1": 0, "known": {"k0": ["cold"]}}': "k0",
    '{"f0": 0, "f1": 0, "known": {"k0": [[1]]}}': "k0",
    '{"f0": 0, "f1": 0, "known": {"k0": [{"v": 1}]}}': "k0",
}


@pytest.mark.parametrize("line", BAD)
def test_what_is_no_list_of_values_is_named(edgeseq: CommandLine, model: Path, tmp_path: Path, line: str) -> None:
    path = tmp_path / "lines"
    path.write_text(line + "\n")
    answer = edgeseq("predict", model, "--input", path)
    assert answer.code == 1
    (said,) = [text for text in answer.err.splitlines() if text.startswith("edgeseq: ")]
    assert said.startswith("edgeseq: line 1: ")
    assert BAD[line] in said
    lenient = edgeseq.must("predict", model, "--input", path, "--unreadable", "missing")
    assert '"status": "missing"' in lenient.out


def test_cells_that_are_no_numbers_are_named(edgeseq: CommandLine, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("f0,f1,k0+2\n0,0,1\n0,0,warm\n")
    answer = edgeseq("predict", model, "--input", path)
    assert answer.code == 1
    assert "line 3: k0 is 'warm', not a number" in answer.err


def test_a_column_that_is_there_twice_is_refused(edgeseq: CommandLine, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("f0,f1,k0+2,k0+2\n0,0,1,2\n")
    answer = edgeseq("predict", model, "--input", path)
    assert answer.code == 1
    assert "line 1: the input has 2 columns 'k0+2'" in answer.err


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["k0", "k1", "v", "x"]), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(anything, min_size=1, max_size=3))
def test_whatever_stands_there_is_a_window_or_one_line(bodies: list[Any]) -> None:
    """JSON of any kind under `known`: a finite forecast, or a problem in one line that moves nothing."""
    stream = SingleStream(Predictor(SESSION))
    for body in bodies:
        line = json.dumps({"f0": 0.1, "f1": 0.2, "known": body}).encode()
        (sample,) = text_lines.read([line], SPEC)
        if sample.problem:
            assert "\n" not in sample.problem
            assert len(sample.problem) < 400
        result = stream.step("", sample.values, sample.moment, sample.known)
        assert sample.problem or np.isfinite(result.forecast).all()


def test_the_first_line_without_them_says_how_they_come(edgeseq: CommandLine, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("0 0\n0 0\n")
    answer = edgeseq.must("predict", model, "--input", path)
    assert [json.loads(line)["reason"] for line in answer.out.splitlines()] == ["known"] * 2
    assert (
        'line 1: not all of the next 3 values of k0, k1 are known ("known" in JSON, k0+1 and so on in CSV)'
        in answer.err
    )
    assert answer.err.count("are known") == 1


def test_a_path_says_where_a_list_is(edgeseq: CommandLine, model: Path, tmp_path: Path) -> None:
    direct, deeper = tmp_path / "direct", tmp_path / "deeper"
    direct.write_text('{"f0": 0.5, "f1": 0, "known": {"k0": [1, 2, 3], "k1": [4, 5, 6]}}\n')
    deeper.write_text('{"f0": 0.5, "f1": 0, "weather": {"t2m": [1, 2, 3]}, "known": {"k1": [4, 5, 6]}}\n')
    wanted = edgeseq.must("predict", model, "--input", direct)
    assert "reason" not in wanted.out
    assert edgeseq.must("predict", model, "--input", deeper, "--field", "k0=weather.t2m").out == wanted.out


def test_the_window_is_part_of_the_state(edgeseq: CommandLine, model: Path, tmp_path: Path) -> None:
    """A stream that is cut in two gives what it gives in one, stand-ins included."""
    lines = [
        json.dumps({"time": 1_700_000_000 + 60 * at, "f0": at / 10, "f1": 0, "known": {"k0": [at, 1, 2]}})
        for at in range(6)
    ]
    whole, first, second, state = (tmp_path / name for name in ("whole", "first", "second", "state"))
    for path, part in ((whole, lines), (first, lines[:3]), (second, lines[3:])):
        path.write_text("\n".join(part) + "\n")
    wanted = edgeseq.must("predict", model, "--input", whole).out
    ours = "".join(edgeseq.must("predict", model, "--input", path, "--state", state).out for path in (first, second))
    assert ours == wanted


def test_samples_that_are_gathered_bring_what_the_last_of_them_said(
    edgeseq: CommandLine, model: Path, tmp_path: Path
) -> None:
    """Two samples in each minute: the interval has the mean of their values, and the newest values ahead."""
    lines, windows = [], []
    for at in range(5):
        for half in range(2):
            window = [[at + half, 1.0, 2.0], [3.0, 4.0, at]]
            body = {"f0": at + half, "f1": 1, "known": dict(zip(NAMES, window, strict=True))}
            lines.append(json.dumps({"time": 1_700_000_040 + 60 * at + 30 * half, **body}))
        windows.append(np.array(window).T)
    path = tmp_path / "lines"
    path.write_text("\n".join(lines) + "\n")
    answer = edgeseq.must("predict", model, "--input", path, "--every", "1min")
    found = [json.loads(line) for line in answer.out.splitlines()]
    made = Predictor(model, "cpu").process([[at + 0.5, 1] for at in range(4)], None, np.array(windows[:4]))
    np.testing.assert_allclose([line["forecast"] for line in found], made.forecasts[:, :, 0], rtol=1e-4, atol=1e-5)
    assert not any("reason" in line for line in found)


@pytest.mark.parametrize("kind", ["csv", "influx"])
def test_cells_beyond_the_horizon_are_said_once(edgeseq: CommandLine, model: Path, tmp_path: Path, kind: str) -> None:
    """They change nothing but that there is one note."""
    names = [f"{name}+{step}" for name in NAMES for step in range(1, HORIZON + 2)]
    rows = [[str(1_700_000_000 + 60 * at), "0.5", "1", *["2.5"] * len(names)] for at in range(3)]

    def answer(wanted: list[str]) -> Any:
        at = [column for column, name in enumerate(names) if name in wanted]
        if kind == "csv":
            lines = [",".join(["time", "f0", "f1", *wanted])]
            lines += [",".join([*row[:3], *(row[3 + column] for column in at)]) for row in rows]
        else:
            fields = "".join(f",{name}=2.5" for name in wanted)
            lines = [f"m f0=0.5,f1=1{fields} {row[0]}000000000" for row in rows]
        file = tmp_path / "samples"
        file.write_text("\n".join(lines) + "\n")
        return edgeseq.must(
            "predict", model, "--input", file, "--input-format", "influx" if kind == "influx" else "auto"
        )

    within, beyond = answer([name for name in names if not name.endswith("+4")]), answer(names)
    assert beyond.out == within.out
    assert "horizon" not in within.err
    assert beyond.err.count("'k0+4' is not used: the horizon is 3 steps") == 1
    assert "k1+4" not in beyond.err


@pytest.mark.parametrize("many", [False, True])
def test_what_an_open_interval_was_told_is_in_the_state(many: bool) -> None:
    """A stream that is saved in the midst of an interval goes on as one that was not, from a single one or a pool."""
    reading = replace(READING, every=MINUTE)
    checkpoint = make_checkpoint(known=2, horizon=HORIZON, features=2, period=MINUTE, reading=reading)
    content, begin = edgeseq_export.export(checkpoint).content, 1_700_000_040

    def fresh() -> Any:
        return NamedStreams(Pool(content)) if many else SingleStream(Predictor(content))

    def saved(stream: Any) -> Any:
        stream.acknowledge("a")
        after = fresh()
        if many:
            after.load(list(stream.changed()))
        else:
            after.restore(stream.saved())
        return after

    whole, broken, answers = fresh(), fresh(), 0
    for at in range(12):
        values, seconds = (at / 10, 1.0), begin + 20 * at
        said = (4.0, None, 5.0 + at % 5, None, None, 6.0) if at % 3 == 0 else ()  # what begins each interval
        wanted, found = whole.gather("a", values, seconds, said), broken.gather("a", values, seconds, said)
        assert len(found.periods) == len(wanted.periods)
        for one, other in zip(found.periods, wanted.periods, strict=True):
            assert isinstance(one.result, StepResult)
            assert isinstance(other.result, StepResult)
            np.testing.assert_array_equal(one.result.forecast, other.result.forecast)
            answers += 1
        broken = saved(broken)
    assert answers == 3


def test_info_names_them(edgeseq: CommandLine, model: Path) -> None:
    lines = [" ".join(line.split()) for line in edgeseq.must("info", model).out.splitlines()]
    assert "k1 3 to 9 in training; known ahead, over the horizon" in lines


def test_messages_bring_them_and_a_killed_service_goes_on(model: Path, tmp_path: Path) -> None:
    """Over MQTT, a stream for each topic: nothing of the window is lost that was acknowledged."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker, state = Broker(tmp_path / "broker"), tmp_path / "state"
    try:
        rows = [([at / 10, 0.5], [[at, 1.0], [2.0, at, 4.0]] if at % 3 else [[], []]) for at in range(8)]
        peer = Peer(broker, "forecasts/#")
        for start, end, times in ((0, 4, 1), (4, 8, 2)):
            service = Service(broker, model, "--state", state).wait_for_subscription(broker, times)
            for at in range(start, end):
                (one, two), window = rows[at]
                known = dict(zip(NAMES, window, strict=True))
                peer.publish("plant/a", {"time": 1_700_000_000 + 60 * at, "f0": one, "f1": two, "known": known})
            last = 1_700_000_000 + 60 * (end - 1)
            wait_until(lambda t=last: any(m["t"] == t for _, m, _ in peer.messages), "no forecasts")  # type: ignore[misc]
            assert service.stop(signal.SIGKILL if start == 0 else signal.SIGTERM) == (-9 if start == 0 else 0)
        found = {message["t"]: message for _, message, _ in peer.messages}  # one may be answered again after the kill
        wanted = in_python(rows, [1.7e9 + MINUTE * at for at in range(8)])  # type: ignore[arg-type]
        for (_, message), result in zip(sorted(found.items()), wanted, strict=True):
            np.testing.assert_allclose(message["forecast"], result.forecast[:, 0], rtol=1e-5, atol=1e-6)
            assert message.get("reason", "") == result.reason == "known"
        assert service.said().count("plant/a: not all of the next 3 values of k0, k1 are known") == 2
    finally:
        end_all()


@pytest.mark.parametrize("aggregate", ["mean", "max", "last", "sum"])
def test_a_raw_file_is_read_ahead_in_its_intervals(aggregate: str) -> None:
    """Three rows a minute: a sample sees what training would make of the minutes after its own."""
    random = np.random.default_rng(0)
    times, known = 1_700_000_040 + 20 * np.arange(60), random.uniform(3, 8, (60, 2)).round(2)
    lines = ["time,f0,f1,k0,k1", *(f"{time},0,0,{one},{two}" for time, (one, two) in zip(times, known, strict=True))]
    reading = replace(READING, every=60.0, aggregate=aggregate)
    samples = text_lines.read([line.encode() for line in lines], SPEC)
    found = [sample.known for sample in read_ahead(samples, SPEC, reading)]
    of_minutes = known.reshape(20, 3, 2)
    ways: dict[str, Any] = {
        "mean": np.mean,
        "max": np.max,
        "sum": np.sum,
        "last": lambda rows, axis: rows.take(-1, axis),
    }
    gathered = np.concatenate([ways[aggregate](of_minutes, axis=1), np.full((HORIZON, 2), np.nan)])
    for row, ahead in enumerate(found[:-3]):
        minute = row // 3
        wanted = gathered[minute + 1 : minute + 1 + HORIZON]
        np.testing.assert_allclose(np.array(ahead, float).reshape(HORIZON, 2), wanted, rtol=1e-12)
    assert found[-3:] == [()] * 3
