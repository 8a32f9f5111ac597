"""`edgeseq predict`: a line in, a line out, at once, whatever happens around it."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq_runtime import Predictor
from tests.conftest import Answer, CommandLine
from tests.made_up import make_checkpoint

VALUES = [0.1, 0.25, 0.2, 0.4, 0.3, 0.5]


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "edgeseq", "predict", *map(str, words)]


def run(*words: object, text: str) -> Answer:
    done = subprocess.run(command(*words), input=text, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def lines(values: list[object]) -> str:
    return "".join(f"{'' if value is None else value}\n" for value in values)


def test_each_line_carries_what_the_predictor_says(model_path: Path) -> None:
    values = [*VALUES, None, 0.2]
    answer = run(model_path, text=lines(values))
    p = Predictor(model_path)
    for number, (value, line) in enumerate(zip(values, answer.out.splitlines(), strict=True)):
        forecast = p.step(value)
        found = json.loads(line)
        assert found["t"] == number
        assert found["status"] == p.status
        assert found["warm"] == p.warm
        np.testing.assert_array_equal(np.array(found["forecast"], np.float32), forecast[:, 0])
    assert answer.code == 0
    assert answer.err.startswith("8 samples: 1 imputed, 7 ok; ")
    assert len(answer.err.splitlines()) == 1


def test_times_are_passed_on_as_they_were_written(model_path: Path) -> None:
    answer = run(model_path, text="date,f0\n2020-01-01,1\n2020-01-02,\n")
    assert [json.loads(line)["t"] for line in answer.out.splitlines()] == ["2020-01-01", "2020-01-02"]
    answer = run(model_path, text='{"t": 1577836800.5, "f0": 1}\n{"f0": 2}\n')
    assert [json.loads(line)["t"] for line in answer.out.splitlines()] == [1577836800.5, 1]


def test_csv_comes_out_with_a_header(model_path: Path) -> None:
    answer = run(model_path, "--format", "csv", text="0.5\n\n")
    header, first, second = answer.out.splitlines()
    assert header == "t,f0+1,f0+2,f0+3,status,warm"
    cells = first.split(",")
    np.testing.assert_array_equal(np.array(cells[1:4], np.float32), Predictor(model_path).step(0.5)[:, 0])
    assert (cells[0], cells[4:]) == ("0", ["ok", "false"])
    assert second.split(",")[4] == "imputed"


def test_several_targets_come_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(edgeseq_export.build(make_checkpoint(features=3, targets=2, horizon=2)))
    answer = run(path, text="f2,f0,f1\n3,1,2\n")
    forecast = json.loads(answer.out)["forecast"]
    wanted = Predictor(path).step([1.0, 2.0, 3.0])
    assert list(forecast) == ["f0", "f1"]
    np.testing.assert_array_equal(np.array([forecast["f0"], forecast["f1"]], np.float32), wanted.T)
    header = run(path, "--format", "csv", text="1,2,3\n").out.splitlines()[0]
    assert header == "t,f0+1,f1+1,f0+2,f1+2,status,warm"


def test_a_stream_without_a_forecast_says_null(model_path: Path) -> None:
    answer = run(model_path, text="nan\n")
    assert json.loads(answer.out) == {"t": 0, "forecast": [None] * 3, "status": "missing", "warm": False}


def test_a_file_serves_as_well(edgeseq: CommandLine, model_path: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(lines(VALUES))
    answer = edgeseq.must("predict", model_path, "--input", source)
    assert answer.out == run(model_path, text=lines(VALUES)).out


def test_every_forecast_is_there_before_the_next_sample_is_sent(model_path: Path) -> None:
    """A live pipe: the answer to each line comes while the pipe stays open."""
    with subprocess.Popen(
        command(model_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number, value in enumerate(VALUES):
            process.stdin.write(f"{value}\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], 30)
            assert ready, "no answer within 30 seconds"
            assert json.loads(process.stdout.readline())["t"] == number
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_closed_output_ends_the_stream_with_one_line(model_path: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_text(lines([0.1] * 50_000))
    with subprocess.Popen(
        command(model_path, "--input", source), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(30) == 1
    assert err.splitlines()[0] == "the output was closed"
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_ends_the_stream_with_one_line(model_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(model_path), input="0.5\n", stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "edgeseq: cannot write the output: No space left on device"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_stream_goes_on_from_its_state_file(model_path: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    whole = run(model_path, text=lines(VALUES))
    first = run(model_path, "--state", state, text=lines(VALUES[:4]))
    second = run(model_path, "--state", state, text=lines(VALUES[4:]))
    assert first.out + second.out == whole.out
    assert "resumed after 4 samples" in second.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_the_stream_and_saves_the_state(
    model_path: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    state = tmp_path / "state"
    with subprocess.Popen(
        command(model_path, "--state", state),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for value in VALUES[:4]:
            process.stdin.write(f"{value}\n")
        process.stdin.flush()
        for _ in VALUES[:4]:
            process.stdout.readline()
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stderr.read().startswith("4 samples: 4 ok")
    rest = run(model_path, "--state", state, text=lines(VALUES[4:])).out
    assert rest == "".join(run(model_path, text=lines(VALUES)).out.splitlines(keepends=True)[4:])


@pytest.mark.parametrize("content", [b"junk", b""])
def test_a_damaged_state_file_is_refused_and_stays(model_path: Path, tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "state"
    state.write_bytes(content)
    answer = run(model_path, "--state", state, text="1\n")
    assert answer.code == 1
    assert answer.err == "edgeseq: this is not a snapshot of edgeseq\n"
    assert answer.out == ""
    assert state.read_bytes() == content


def test_a_line_that_is_no_sample_ends_the_stream_after_those_before_it(model_path: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    answer = run(model_path, "--state", state, text="0.1\nabc\n0.2\n")
    assert answer.code == 1
    assert len(answer.out.splitlines()) == 1
    assert answer.err.splitlines()[-1] == "edgeseq: line 2: f0 is 'abc', not a number"
    p = Predictor(model_path)
    p.restore(state.read_bytes())
    assert p.samples == 1


def test_or_counts_as_missing_where_the_user_wants_it(model_path: Path) -> None:
    answer = run(model_path, "--unreadable", "missing", text="0.1\nabc\n0.2\n")
    assert [json.loads(line)["status"] for line in answer.out.splitlines()] == ["ok", "imputed", "ok"]
    assert "line 2: f0 is 'abc', not a number; taken as missing" in answer.err
    assert answer.code == 0


@pytest.mark.parametrize(("policy", "statuses", "code"), [("skip", ["ok", "skipped", "ok"], 0), ("error", ["ok"], 1)])
def test_policies_for_missing_samples(model_path: Path, policy: str, statuses: list[str], code: int) -> None:
    answer = run(model_path, "--missing", policy, text="0.1\n\n0.2\n")
    assert [json.loads(line)["status"] for line in answer.out.splitlines()] == statuses
    assert answer.code == code
    assert ("line 2: the sample has no finite value for f0" in answer.err) == (code == 1)


def test_the_output_is_written_whatever_the_locale(model_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(
        command(model_path),
        input='{"t": "Mañana", "f0": 1}\n'.encode(),
        capture_output=True,
        env=environment,
        check=True,
    )
    assert json.loads(done.stdout)["t"] == "Mañana"
