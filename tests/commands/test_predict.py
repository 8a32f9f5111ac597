"""`edgeseq predict`: a line in, a line out, at once, whatever happens around it."""

import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor, files
from tests.conftest import Answer, CommandLine

VALUES = [0.1, 0.25, 0.2, 0.4, 0.3, 0.5]


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "edgeseq", "predict", *map(str, words)]


def run(*words: object, text: str) -> Answer:
    done = subprocess.run(command(*words), input=text, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def lines(values: Sequence[float | None]) -> str:
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
    assert answer.err.splitlines()[-1].startswith("8 samples: 1 imputed, 7 ok; ")


def test_forecasts_adapt_as_the_model_says_unless_the_user_does(tmp_path: Path) -> None:
    """A series that rises, of which the random network knows nothing."""
    values = [0.3 * number for number in range(60)]
    for adapt in (True, False):
        content = edgeseq_export.export(make_checkpoint(horizon=3, adapt=adapt)).content
        (tmp_path / "model.onnx").write_bytes(content)
        wanted = {on: Predictor(content, adapt=on).run(values)[:, :, 0].tolist() for on in (True, False)}
        assert wanted[True] != wanted[False]
        for option, on in (((), adapt), (("--adapt",), True), (("--no-adapt",), False)):
            answer = run(tmp_path / "model.onnx", *option, text=lines(values))
            forecasts = [json.loads(line)["forecast"] for line in answer.out.splitlines()]
            np.testing.assert_allclose(forecasts, wanted[on], rtol=1e-6, atol=1e-6)
            assert ("; learned from " in answer.err) is on


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
    assert json.loads(answer.out) == {
        "t": 0,
        "forecast": [None] * 3,
        "status": "missing",
        "reason": "absent",
        "warm": False,
    }


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
    assert "the output was closed" in err.splitlines()
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


def test_the_state_is_saved_in_between_where_that_is_asked(model_path: Path, tmp_path: Path) -> None:
    """So that a power cut costs no more than that."""
    state = tmp_path / "state"
    with subprocess.Popen(
        command(model_path, "--state", state, "--state-every", 1),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for value in VALUES[:4]:
            process.stdin.write(f"{value}\n".encode())
            process.stdin.flush()
            process.stdout.readline()
        process.kill()
    p = Predictor(model_path)
    p.restore(state.read_bytes())
    assert p.samples >= 3  # the fourth forecast was written, its state perhaps not yet
    wanted = Predictor(model_path)
    wanted.run(VALUES[: p.samples])
    np.testing.assert_allclose(p.step(0.7), wanted.step(0.7), rtol=1e-6, atol=1e-6)


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
        assert "4 samples: 4 ok" in process.stderr.read()
    rest = run(model_path, "--state", state, text=lines(VALUES[4:])).out
    assert rest == "".join(run(model_path, text=lines(VALUES)).out.splitlines(keepends=True)[4:])


@pytest.mark.parametrize("content", [b"junk", b""])
def test_a_damaged_state_file_is_refused_and_stays(model_path: Path, tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "state"
    state.write_bytes(content)
    answer = run(model_path, "--state", state, text="1\n")
    assert answer.code == 1
    assert answer.err == f"edgeseq: {state}: this is not a snapshot of edgeseq; use --fresh to start over\n"
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


@pytest.mark.parametrize(
    ("redirection", "code", "err"),
    [
        ("<&-", 1, "edgeseq: there is no input: stdin is closed"),
        (">&-", 1, "edgeseq: cannot write the output: Bad file descriptor"),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 1, ""),
        pytest.param(
            "2>/dev/full",
            0,
            "",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full"),
        ),
    ],
)
def test_a_closed_stream_is_no_surprise(
    model_path: Path, tmp_path: Path, redirection: str, code: int, err: str
) -> None:
    """Neither is a file that is opened later taken for the closed stream: the state holds nothing but itself."""
    state = tmp_path / "state"
    script = f"{shlex.join(command(model_path, '--state', state))} {redirection}"
    done = subprocess.run(["/bin/sh", "-c", script], input="0.1\n", capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert [line for line in done.stderr.splitlines() if not line[0].isdigit()] == ([err] if err else [])
    assert state.exists() == (code == 0)
    if state.exists():
        Predictor(model_path).restore(state.read_bytes())


@pytest.mark.parametrize(("option", "name"), [("--state", "MODEL"), ("--input", "--input")])
def test_the_state_file_is_none_of_the_files_to_read(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, option: str, name: str
) -> None:
    link = tmp_path / "link"
    link.symlink_to(model_path)
    before = model_path.read_bytes()
    words = ["--state", link] if option == "--state" else ["--state", tmp_path / "in", "--input", tmp_path / "in"]
    (tmp_path / "in").write_text("1\n")
    answer = edgeseq("predict", model_path, *words)
    assert answer.code == 2
    assert answer.err == f"edgeseq: --state and {name} are the same file, {words[1]}\n"
    assert model_path.read_bytes() == before
    assert (tmp_path / "in").read_text() == "1\n"


def test_a_device_may_stand_for_the_state_file(model_path: Path) -> None:
    answer = run(model_path, "--state", os.devnull, text="0.1\n")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 1


def test_an_input_that_cannot_be_read_is_told_from_an_output(model_path: Path) -> None:
    with Path(os.devnull).open("w") as unreadable:
        done = subprocess.run(command(model_path), stdin=unreadable, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "edgeseq: cannot read the input: Bad file descriptor"


def test_an_input_that_does_not_block_is_waited_for(model_path: Path) -> None:
    """A pipe that another program set so; a pause in it must not be taken for its end."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with subprocess.Popen(
        command(model_path), stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.close(reading)
        assert process.stdout is not None
        for number in range(2):
            time.sleep(0.2)  # the pause
            os.write(writing, b"0.5\n")
            assert json.loads(process.stdout.readline())["t"] == number
        os.close(writing)
        assert process.wait(30) == 0


def test_no_number_of_signals_loses_the_state(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that asks for the end, and more of either kind while the state is being written."""
    state, write = tmp_path / "state", files.write_atomically

    def disturbed(path: str, data: bytes) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        write(path, data)

    monkeypatch.setattr(files, "write_atomically", disturbed)
    (tmp_path / "in").write_text("0.1\n0.2\n")
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert edgeseq("predict", model_path, "--state", state, "--input", tmp_path / "in").code == 0
    p = Predictor(model_path)
    p.restore(state.read_bytes())
    assert p.samples == 2
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_output_is_written_whatever_the_locale(model_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(
        command(model_path, "--input-format", "influx"),
        input="Mañana f0=1\n".encode(),
        capture_output=True,
        env=environment,
        check=True,
    )
    assert json.loads(done.stdout)["stream"] == "Mañana"


def is_asleep(process: int) -> bool:
    """Whether a process waits for something other than a processor."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def fill(process: "subprocess.Popen[bytes]", data: bytes) -> int:
    """Write until the process sleeps over a full pipe, look after look; return how many bytes it took."""
    assert process.stdin is not None
    accepted, looks, deadline = 0, 0, time.monotonic() + 60
    while looks < 20:
        assert accepted < 1 << 20, "the input is read on and on"
        assert time.monotonic() < deadline, "the process does not come to rest"
        try:
            accepted += os.write(process.stdin.fileno(), data)
            looks = 0
        except BlockingIOError:
            looks = looks + 1 if is_asleep(process.pid) else 0
            time.sleep(0.01)
    return accepted


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="whether a process sleeps is read from Linux's /proc")
@pytest.mark.parametrize("form", ["auto", "influx"])
def test_an_output_that_nobody_reads_slows_the_input_down(model_path: Path, form: str) -> None:
    """A producer may hand over what the pipes hold and no more, so nothing can fill memory.

    When the output is read, all goes on.
    """
    words = ["--input-format", form, *(["--format", "influx"] if form == "influx" else [])]
    line = b"0.5\n" if form == "auto" else b"m,a=1 f0=0.5000\n"  # pages hold a whole number of them
    with subprocess.Popen(
        command(model_path, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        accepted = fill(process, line * 1000)
        assert select.select([process.stdout], [], [], 30)[0], "no answer within 30 seconds"
        accepted += fill(process, line * 1000)
        assert fill(process, line * 1000) == 0, "the input was read on"
        process.stdin.close()
        assert sum(1 for _ in process.stdout) == accepted // len(line)
        assert process.wait(30) == 0
