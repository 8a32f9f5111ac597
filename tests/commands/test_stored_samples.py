"""A file in blocks: bit by bit what its lines one after the other give, whatever ends it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.commands.predict import stored_samples
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.backends.native.build import can_build
from edgeseq_runtime.exactness import blocks_are_exact
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.service import single_stream
from edgeseq_runtime.spec import Residuals
from tests.conftest import CommandLine

ODD = ("", "n/a", "99", "1e30", "abc", "3.0000001", "-3")
PROVIDERS = ["cpu", pytest.param("native", marks=pytest.mark.skipif(not can_build(), reason="there is no compiler"))]


def written_model(folder: Path, horizon: int) -> Path:
    made = make_checkpoint(horizon=horizon, period=600.0)
    residuals = Residuals((0.05, 0.5, 0.95), (((-0.2, 0.0, 0.2),),) * horizon)
    path = folder / "m.onnx"
    path.write_bytes(edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals))))
    return path


def written_samples(folder: Path, count: int, *, timed: bool, odd: float) -> Path:
    """A walk in which values, times, or both are odd now and then."""
    random = np.random.default_rng(0)
    moment = datetime(2024, 1, 1)
    rows = ["time,f0"] if timed else []
    for value in 0.5 * random.standard_normal(count):
        kind = random.random()
        moment += timedelta(minutes=10 * int(random.choice([1, 3, 40, 0]) if kind < odd else 1))
        time = "noon" if odd < kind < 1.5 * odd else f"{moment:%Y-%m-%d %H:%M:%S}"
        cell = random.choice(ODD) if 1.5 * odd < kind < 3 * odd else f"{value:.4f}"
        rows.append(f"{time},{cell}" if timed else cell)
    path = folder / "samples"
    path.write_text("\n".join(rows) + "\n")
    return path


def answers(words: list[object], source: Path, *, piped: bool) -> tuple[int, bytes, list[str]]:
    """Exit code, output and notes of `predict`, without how long it took."""
    command = [sys.executable, "-m", "edgeseq", "predict", *map(str, words)]
    if piped:
        done = subprocess.run(command, input=source.read_bytes(), capture_output=True, check=False)
    else:
        with source.open("rb") as lines:
            done = subprocess.run(command, stdin=lines, capture_output=True, check=False)
    notes = done.stderr.decode().splitlines()
    return done.returncode, done.stdout, [note.rpartition("; ")[0] if " us each" in note else note for note in notes]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("horizon", "timed", "odd", "options"),
    [
        (1, False, 0.0, []),
        (1, False, 0.003, ["--stuck", "flag", "--stuck-after", 2]),
        (1, True, 0.003, ["--intervals"]),
        (3, True, 0.003, ["--format", "csv"]),
        (3, True, 0.0, ["--missing", "skip", "--range", "impute"]),
    ],
)
def test_what_comes_of_a_file_is_what_comes_of_its_lines(
    tmp_path: Path, provider: str, horizon: int, timed: bool, odd: float, options: list[object]
) -> None:
    """Output, notes, and the state that is left; the same for the values and times that are odd."""
    model = written_model(tmp_path, horizon)
    source = written_samples(tmp_path, 1500, timed=timed, odd=odd)
    words = [model, "--provider", provider, "--unreadable", "missing", *options]
    by_line = answers([*words, "--state", tmp_path / "one"], source, piped=True)
    in_blocks = answers([*words, "--state", tmp_path / "other"], source, piped=False)
    assert by_line[0] == 0, by_line[2]
    assert in_blocks == by_line
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_file_whose_first_line_is_an_error_leaves_no_state(tmp_path: Path) -> None:
    """Neither do its lines one after the other: a state is of a stream that has seen a sample."""
    model, source = written_model(tmp_path, 1), tmp_path / "samples"
    source.write_text("1,2\n0.1\n")
    for piped in (True, False):
        code, out, _ = answers([model, "--state", tmp_path / "state"], source, piped=piped)
        assert (code, out) == (1, b"")
        assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("line", ["abc", "99"])
def test_an_error_names_the_same_line_after_the_same_output(tmp_path: Path, line: str) -> None:
    """What cannot be read, and what a rule refuses, in the middle of a block."""
    model, source = written_model(tmp_path, 1), tmp_path / "samples"
    source.write_text("0.1\n" * 900 + f"{line}\n" + "0.1\n" * 99)
    found = [answers([model, "--range", "error"], source, piped=piped) for piped in (True, False)]
    assert found[0] == found[1]
    assert found[0][0] == 1
    assert found[0][1].count(b"\n") == 900
    assert "line 901" in found[0][2][-1]


def test_an_output_that_fails_within_a_block_leaves_the_state_after_the_last_line(
    edgeseq: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 700th line is the last that the disk has room for, in part; blocks of 100, saved after each."""
    model, state = written_model(tmp_path, 1), tmp_path / "state"
    source = written_samples(tmp_path, 1000, timed=False, odd=0.0)
    whole = edgeseq.must("predict", model, "--input", source).out.encode().splitlines(keepends=True)
    room = sum(map(len, whole[:650])) + 5
    write = os.write

    def limited(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not bytes(data).startswith((b'{"t"', whole[650][5:10])):
            return write(descriptor, data)  # a note
        if not room:
            raise OSError(28, "No space left on device")
        count = min(room, len(data))
        room -= count
        return write(descriptor, data[:count])

    monkeypatch.setattr(os, "write", limited)
    answer = edgeseq("predict", model, "--input", source, "--state", state)
    monkeypatch.undo()
    assert answer.code == 1
    assert "No space left on device" in answer.err
    p = Predictor(model)
    p.restore(state.read_bytes())
    assert p.samples == 650
    cells = source.read_text().split()[:651]
    np.testing.assert_array_equal(p.step(float(cells[650])), np.array([json.loads(whole[650])["forecast"]], np.float32))


def test_blocks_that_are_not_exact_are_stepped_through(
    edgeseq: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the check finds a difference, no block is ever run; where it finds none, most samples are in blocks."""
    model = written_model(tmp_path, 1)
    source = written_samples(tmp_path, 1500, timed=False, odd=0.0)
    lengths: list[int] = []
    process = Predictor.process

    def counted(self: Predictor, samples: np.ndarray, times: object = None, known: object = None) -> object:
        lengths.append(len(samples))
        return process(self, samples, times, known)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "process", counted)
    outputs = []
    for exact in (True, False):
        lengths.clear()
        monkeypatch.setattr(single_stream, "blocks_are_exact", lambda _predictor, exact=exact: exact)
        outputs.append(edgeseq.must("predict", model, "--input", source).out)
        assert sum(lengths) == (1500 - 512 if exact else 0)
    assert outputs[0] == outputs[1]
    assert stored_samples.BY_STEPS == 512


def test_the_check_sees_a_difference_in_the_last_bit(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says nothing is different where a block is the steps; the stream itself stays as it is."""
    p = Predictor(model)
    p.step(0.5)
    before = p.snapshot()
    step = Predictor.step

    def by_steps(self: Predictor, samples: np.ndarray, _times: object = None, _known: object = None) -> Outcomes:
        results = [StepResult(step(self, sample), self.status, self.warm, number=0) for sample in samples]
        return Outcomes.of(results, (self.spec.horizon, len(self.spec.targets)))

    monkeypatch.setattr(Predictor, "process", by_steps)
    assert blocks_are_exact(p)
    other = lambda self, *sample: np.nextafter(step(self, *sample), np.float32(9))  # noqa: E731
    monkeypatch.setattr(Predictor, "step", other)
    assert not blocks_are_exact(p)
    assert p.snapshot() == before
