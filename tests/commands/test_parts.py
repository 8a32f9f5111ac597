"""Features of one sample that come apart: by hand with a clock of its own, and through a pipe."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.commands.predict.parts import Parts
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.io.sample import Sample
from edgeseq_runtime.reading.reading import Reading

LINES = """room,host=a f0=1 1700000000000000000
room,host=b f0=7,f1=8 1700000000000000000
room,host=a f1=2 1700000000000000000
room,host=a f1=4 1700003600000000000
room,host=a f0=3 1700003600000000000
room,host=a f0=5 1700007200000000000
"""


def part(number: int, time: Any, *values: float | None, stream: str = "a") -> Sample:
    return Sample(number, time, values, stream=stream, lacks=None in values)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_parts_of_one_time_become_one_sample_whatever_comes_between() -> None:
    parts = Parts(("f0", "f1", "f2"), 2.0, Clock())
    assert parts.join(part(1, 0, 1, None, None)) == []
    assert [s.line for s in parts.join(part(2, 0, 1, 2, 3, stream="b"))] == [2]
    assert parts.join(part(3, 0, None, 2, None)) == []
    assert [(s.line, s.values) for s in parts.join(part(4, 0, None, None, 3))] == [(1, (1, 2, 3))]


def test_a_part_waits_for_no_longer_than_is_said() -> None:
    clock = Clock()
    parts = Parts(("f0", "f1"), 2.0, clock)
    parts.join(part(1, 0, 1, None))
    clock.now = 1.5
    assert (parts.due(), parts.patience()) == ([], 0.5)
    clock.now = 2.0
    assert [s.values for s in parts.due()] == [(1, None)]
    assert parts.patience() is None


def test_a_part_of_another_time_or_of_the_same_feature_is_another_sample() -> None:
    parts = Parts(("f0", "f1"), 2.0, Clock())
    parts.join(part(1, 0, 1, None))
    assert [s.line for s in parts.join(part(2, 1, None, 2))] == [1]
    assert [s.line for s in parts.join(part(3, 1, None, 3))] == [2]
    assert [s.line for s in parts.rest()] == [3]


def test_what_never_comes_together_waits_no_more_until_it_would_have(capfd: pytest.CaptureFixture[str]) -> None:
    parts = Parts(("temp", "hot"), 2.0, Clock())
    answered = [s.line for at in range(6) for s in parts.join(part(at, at, 1, None))]
    assert answered == [0, 1, 2, 3, 4, 5]
    assert capfd.readouterr().err == "a: temp and hot never come together: such samples lack a feature\n"
    assert [s.line for s in parts.join(part(6, 5, None, 2))] == [6], "this one would have been the rest of the last"
    assert parts.join(part(7, 6, 1, None)) == []
    assert [s.values for s in parts.join(part(8, 6, None, 2))] == [(1, 2)]


def test_a_sample_with_a_value_that_is_missing_waits_for_nothing() -> None:
    sample = Sample(1, 0, (1, None))
    assert Parts(("f0", "f1"), 2.0, Clock()).join(sample) == [sample]


def timed(made: Checkpoint, time_column: str, reading: Reading | None = None) -> Checkpoint:
    """Return a checkpoint that knows the name of its times."""
    return replace(made, spec=replace(made.spec, time=time_column, reading=reading))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A model of two features that knows times."""
    path = tmp_path / "two.onnx"
    path.write_bytes(edgeseq_export.build(timed(make_checkpoint(features=2, period=3600.0), "time")))
    return path


def command(model: Path, *words: object) -> list[str]:
    return [sys.executable, "-m", "edgeseq", "predict", str(model), *map(str, words)]


def answers(model: Path, text: str, *words: object) -> list[dict[str, Any]]:
    done = subprocess.run(command(model, *words), input=text, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_of_one_series_and_time_are_one_sample(two: Path) -> None:
    found = answers(two, LINES, "--input-format", "influx")
    mine = [answer for answer in found if answer["stream"] == "room,host=a"]
    assert [(a["t"], a["status"]) for a in mine] == [
        (1700000000000000000, "ok"), (1700003600000000000, "ok"), (1700007200000000000, "imputed"),
    ]  # fmt: skip
    p = Predictor(two)
    for answer, values, at in zip(mine, [(1, 2), (3, 4)], (1.7e9, 1.7e9 + 3600), strict=False):
        np.testing.assert_allclose(answer["forecast"], p.step(values, at)[:, 0], rtol=1e-5)


def test_objects_of_one_time_are_one_sample(two: Path) -> None:
    lines = [
        {"time": "2024-01-01T00:00", "f0": 1},
        {"time": "2024-01-01T00:00", "f1": 2},
        {"time": "2024-01-01T01:00", "f0": 3, "f1": 4},
    ]
    found = answers(two, "\n".join(map(json.dumps, lines)))
    assert [answer["status"] for answer in found] == ["ok", "ok"]
    apart = answers(two, "\n".join(map(json.dumps, lines)), "--join-wait", "none")
    assert len(apart) == 3


def test_a_live_part_is_answered_after_the_wait(two: Path) -> None:
    """While the pipe stays open."""
    with subprocess.Popen(
        command(two, "--join-wait", "200ms", "--missing", "skip"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"time":"2024-01-01T00:00","f0":1,"f1":2}\n{"time":"2024-01-01T01:00","f0":1}\n')
        process.stdin.flush()
        os.set_blocking(process.stdout.fileno(), False)
        out, deadline = b"", time.monotonic() + 60
        while out.count(b"\n") < 2 and time.monotonic() < deadline:
            out += process.stdout.read() or b""
            time.sleep(0.02)
        process.stdin.close()
        assert [json.loads(line)["status"] for line in out.splitlines()] == ["ok", "skipped"]
        assert process.wait(30) == 0


KINDS = '{"f0":1,"f1":2}\n{"batt":90}\nonline\n{"f0":"junk","f1":2}\n{"f0":3,"f1":4}\n'


@pytest.mark.parametrize(
    ("words", "statuses", "said"),
    [
        (("--unreadable", "skip"), ["ok", "ok"], "3 lines left out"),
        (("--unreadable", "missing"), ["ok", "imputed", "ok"], "2 lines left out"),
    ],
)
def test_lines_of_another_kind_are_left_out_and_counted(
    two: Path, words: tuple[str, ...], statuses: list[str], said: str
) -> None:
    done = subprocess.run(command(two, *words), input=KINDS, capture_output=True, text=True, check=True, timeout=60)
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == statuses
    assert said in done.stderr
    assert "line 2: no value for f0, f1; the object has batt; left out" in done.stderr


def test_a_line_of_another_kind_ends_a_stream_where_nothing_else_is_said(two: Path) -> None:
    done = subprocess.run(command(two), input=KINDS, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "line 2: no value for f0, f1; the object has batt" in done.stderr


def test_a_field_may_stand_anywhere(two: Path) -> None:
    """In an object by its path, in CSV under another name; a name that the model lacks is refused."""
    fields = ("--field", "f0=DS.Temp", "--field", "time=When")
    (one,) = answers(two, '{"When":"2024-01-01T00:00","DS":{"Temp":1},"f1":2}\n', *fields)
    (other,) = answers(two, "when;DS.Temp;f1\n2024-01-01T00:00;1;2\n", *fields[:2], "--field", "time=when")
    assert one == other
    assert one["t"] == "2024-01-01T00:00"
    done = subprocess.run(
        command(two, "--field", "x=y"), input="1,2\n", capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "the model has no feature 'x': expected f0, f1, or time" in done.stderr


def test_a_file_is_known_by_its_content(two: Path, tmp_path: Path) -> None:
    """Parquet, gzip, line protocol, a log with topics: the same samples, the same forecasts."""
    import gzip

    import polars as pl

    frame = pl.DataFrame({"time": ["2024-01-01T00:00:00", "2024-01-01T01:00:00"], "f0": [0.1, 0.2], "f1": [0.3, 0.4]})
    csv, rows = frame.write_csv(), frame.to_dicts()
    (tmp_path / "csv").write_text(csv)
    (tmp_path / "gzip").write_bytes(gzip.compress(csv.encode()))
    frame.with_columns(pl.col("time").str.to_datetime()).write_parquet(tmp_path / "parquet")
    (tmp_path / "topics").write_text("".join(f"room/a {json.dumps(row)}\n" for row in rows))
    (tmp_path / "influx").write_text(
        "".join(
            f"room f0={row['f0']},f1={row['f1']} {1704067200 + 3600 * at}000000000\n" for at, row in enumerate(rows)
        )
    )
    wanted = [answer["forecast"] for answer in answers(two, "", "--input", tmp_path / "csv")]
    assert len(wanted) == 2
    for name in ("gzip", "parquet", "topics", "influx"):
        found = answers(two, "", "--input", tmp_path / name)
        np.testing.assert_allclose([answer["forecast"] for answer in found], wanted, rtol=1e-6, atol=1e-7)


def test_a_model_that_goes_by_order_takes_every_row_whatever_a_time_says(tmp_path: Path) -> None:
    path = tmp_path / "order.onnx"
    path.write_bytes(edgeseq_export.build(make_checkpoint()))
    found = answers(path, "Date,Time,f0\n2024-01-02,10:00,0.1\n2024-01-01,09:00,0.2\n2024-01-01,09:00,0.3\n")
    assert [(answer["t"], answer["status"]) for answer in found] == [
        ("2024-01-02", "ok"), ("2024-01-01", "ok"), ("2024-01-01", "ok"),
    ]  # fmt: skip


def test_the_order_of_date_and_time_is_that_of_training(tmp_path: Path) -> None:
    path = tmp_path / "both.onnx"
    reading = Reading(time=("Date", "Time"))
    path.write_bytes(edgeseq_export.build(timed(make_checkpoint(period=3600.0), "Date", reading)))
    found = answers(path, "Time,Date,f0\n00:00,2024-01-01,0.1\n01:00,2024-01-01,0.2\n04:00,2024-01-01,0.3\n")
    assert [answer.get("reason", "") for answer in found] == ["", "", "gap"]
