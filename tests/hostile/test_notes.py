"""What the program says itself: one line that moves no cursor, of bounded length, that waits for nobody."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import edgeseq_export
from edgeseq.commands import notes
from edgeseq.commands.notes import Notes
from edgeseq.evaluation.report_text import heading
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.text import table
from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.printable import LONGEST, printable
from tests.conftest import CommandLine

ESCAPES = "\x1b]52;c;cm0gLXJm\x07 \x1b[2J \x9b31m \u202e \u2028 \r\n \ud800 \0 end"
"""The clipboard, a cleared screen, C1, text from right to left, three kinds of line breaks, half a character, NUL."""


@contextmanager
def stderr_is(number: int) -> Iterator[None]:
    """Have this process's stderr be another descriptor."""
    before, stream = os.dup(2), sys.stderr
    os.dup2(number, 2)
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - closed with the descriptor
    try:
        yield
    finally:
        sys.stderr = stream
        os.dup2(before, 2)
        os.close(before)


def said(*acts: str, times: int = 1, kind: str = "") -> list[str]:
    """Return the lines that come of saying things a number of times, and of the end."""
    reader, writer = os.pipe()
    with stderr_is(writer):
        ours = Notes()
        for act in acts * times:
            ours.note(act, kind)
        ours.close()
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as lines:
        return lines.read().split("\n")[:-1]


def test_a_note_is_one_line_that_moves_no_cursor() -> None:
    [line] = said(f"topic {ESCAPES}")
    assert line.startswith("topic \N{REPLACEMENT CHARACTER}]52;c;")
    assert line.endswith(" end")
    assert line.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        printable(ESCAPES),
        str(EdgeseqError(ESCAPES)),
        table((ESCAPES,), [("x",)]).split("\n")[0],
        table(("x",), [(ESCAPES,)]).split("\n")[-1],
    ],
)
def test_errors_and_tables_are_printable_too(text: str) -> None:
    assert text.isprintable()
    assert text.endswith("end")


def test_umlauts_and_other_scripts_stay_as_they_are() -> None:
    assert printable("Füllstand 温度 °C … →") == "Füllstand 温度 °C … →"


def test_what_is_said_is_of_bounded_length() -> None:
    """A megabyte in a name does not become a megabyte in a log."""
    assert [len(line) for line in said("x" * 10**6)] == [LONGEST]
    assert len(str(EdgeseqError("y " * 10**6))) == LONGEST
    assert said("z" * LONGEST) == ["z" * LONGEST]


def test_notes_of_a_kind_are_thinned_out_and_counted() -> None:
    """The same but for numbers is said once; of different ones ten are."""
    lines = said("a bad one", times=5000, kind="bad ones")
    assert lines == ["a bad one", "and 4999 more bad ones"]
    assert said("line 1: bad", "line 2: bad", kind="bad ones") == ["line 1: bad", "and 1 more bad ones"]
    words = [chr(ord("a") + at) for at in range(20)]
    assert said(*words, kind="bad ones") == [*words[:10], "and 10 more bad ones"]


def test_a_minute_later_the_next_of_a_kind_tells_how_many_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 10**6, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    lines = said("a bad one", times=7, kind="bad ones")
    assert lines == [
        "a bad one",
        "a bad one (and 2 more bad ones before)",
        "a bad one (and 2 more bad ones before)",
    ]


def test_a_full_pipe_delays_nothing_and_what_was_dropped_is_counted() -> None:
    """A thousand notes after the pipe is full cost one patience, not a thousand."""
    reader, writer = os.pipe()
    with stderr_is(writer):
        ours, begin = Notes(), time.monotonic()
        for _ in range(1000):
            ours.note("x" * 200)
        assert time.monotonic() - begin < 2
        first = os.read(reader, 1 << 20)
        ours.note("there is room again")
    os.close(writer)
    rest = os.read(reader, 1 << 20).decode().split("\n")
    os.close(reader)
    written = first.count(b"\n")
    assert written > 100
    assert rest[-3:] == [f"{1000 - written} lines could not be written here", "there is room again", ""]


def test_a_stderr_whose_reader_is_gone_or_that_is_closed_does_no_harm() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with stderr_is(writer):
        Notes().note("to nobody")
    os.close(writer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        Notes().note("to nobody")
        Notes().fail("to nobody")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_stream_goes_on_and_ends_when_asked_where_nobody_reads_its_notes(model_path: Path) -> None:
    """5,000 lines of rubbish, each a note, with stderr a pipe that nobody reads; then a polite kill."""
    command = [sys.executable, "-m", "edgeseq", "predict", str(model_path), "--unreadable", "missing"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"0.1\n" + b"rubbish\n" * 5000)
        process.stdin.flush()
        for _ in range(5001):
            assert process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        process.stdin.close()


def test_info_of_a_file_with_escapes_in_every_text_is_printable(
    checkpoint: Checkpoint, tmp_path: Path, edgeseq: CommandLine
) -> None:
    feature = replace(checkpoint.spec.features[0], name=f"f {ESCAPES[:-20]}", unit=ESCAPES[:-20])
    spec = replace(
        checkpoint.spec,
        series=ESCAPES[:-20],
        features=(feature,),
        targets=(feature.name,),
        producer={ESCAPES[:-20]: ESCAPES[:-20]},
        data_sha256=ESCAPES[:-20],
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(edgeseq_export.build(replace(checkpoint, spec=spec)))
    out = edgeseq.must("info", path).out
    assert out.replace("\n", "").isprintable()
    assert len(out.split("\n")) == len(edgeseq.must("info", path).out.split("\n"))
    assert heading(spec).isprintable()


def test_the_live_line_shows_names_without_their_escapes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    feature = replace(checkpoint.spec.features[0], name="f\x1b]0;PWNED\x07", unit="\x1b[31m")
    spec = replace(checkpoint.spec, features=(feature,), targets=(feature.name,))
    path = tmp_path / "m.onnx"
    path.write_bytes(edgeseq_export.build(replace(checkpoint, spec=spec)))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edgeseq", "predict", str(path), "--live"]
    subprocess.run(command, input=b"0.1\n0.2\n", stdout=subprocess.DEVNULL, stderr=theirs, check=True)
    os.close(theirs)
    seen = os.read(ours, 1 << 16)
    os.close(ours)
    assert b"\x1b]0" not in seen
    assert "f\N{REPLACEMENT CHARACTER}]0;PWNED".encode() in seen


def test_a_usage_error_with_escapes_is_one_printable_line(edgeseq: CommandLine) -> None:
    done = edgeseq("predict", "no\x1b[2Jsuch\nfile")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err


def test_there_is_one_place_that_writes_notes() -> None:
    """Commands say things by `notes`, not by writing to stderr themselves."""
    folder = Path(notes.__file__).parent
    writers = {
        path.name
        for path in folder.rglob("*.py")
        if ", err=True" in path.read_text() or "sys.stderr.write" in path.read_text()
    }
    assert writers == {"notes.py"}
