"""A disk that is full, or a state that cannot be written, does not end the stream: it is said once, and tried again."""

import contextlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseq.commands.predict import state_file
from edgeseq.commands.predict.state_file import StateFile
from edgeseq_runtime import Predictor, files
from edgeseq_runtime.errors import FileError
from edgeseq_runtime.service.single_stream import SingleStream
from tests.helpers.small_disk import mounted


class Disk:
    """A stand-in: full or not; counts what was tried, and keeps what was written."""

    def __init__(self) -> None:
        self.full = False
        self.tried = 0
        self.content = b""

    def write(self, path: str, content: bytes) -> None:
        self.tried += 1
        if self.full:
            raise FileError(f"cannot write {path}: No space left on device")
        self.content = content


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(files, "write_atomically", disk.write)
    return disk


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(state_file, "note", said.append)
    return said


def test_a_stretch_of_failures_is_said_once_and_each_due_save_is_tried(
    model: bytes, disk: Disk, said: list[str]
) -> None:
    """What may be acknowledged: all, until a save fails; then nothing, until one succeeds."""
    streams = SingleStream(Predictor(model))
    state = StateFile("s", streams, every=2)
    kept = []
    for number in range(12):
        disk.full = 3 <= number < 8
        streams.step("", 0.1)
        streams.acknowledge("")
        kept.append(state.save_if_due())
    #        due:    1     3      5      7     9     11
    assert kept == [True] * 3 + [False] * 6 + [True] * 3
    assert disk.tried == 6
    assert said == [
        "warning: cannot write s: No space left on device; forecasts continue, and saving is tried again",
        "s is saved again",
    ]
    resumed = Predictor(model)
    resumed.restore(disk.content)
    assert resumed.samples == 12


def test_what_failed_is_tried_again_without_further_samples(
    model: bytes, disk: Disk, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a message would wait for the next one to be acknowledged."""
    streams = SingleStream(Predictor(model))
    state = StateFile("s", streams, every=1)
    streams.step("", 0.1)
    streams.acknowledge("")
    disk.full = True
    assert not state.save_if_due()
    disk.full = False
    assert not state.save_if_due(0)
    assert disk.tried == 1
    monkeypatch.setattr(state_file, "RETRY", 0.0)
    assert state.save_if_due(0)
    assert state.save_if_due(0)
    assert disk.tried == 2
    assert len(said) == 2


@pytest.mark.parametrize("every", [0, 3])
def test_what_is_not_due_counts_as_kept(model: bytes, disk: Disk, every: int) -> None:
    """Whoever asked for few saves has said how much may be lost."""
    state = StateFile("s", SingleStream(Predictor(model)), every)
    assert state.save_if_due(2)
    assert StateFile(None, SingleStream(Predictor(model)), 1).save_if_due()
    assert disk.tried == 0


def limited(model: Path, state: Path, size: int, lines: int) -> subprocess.CompletedProcess[str]:
    """Stream where no file may grow beyond `size` bytes: as on a full disk, but that anybody can have it."""
    code = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
        from edgeseq.__main__ import main
        main()
    """
    words = [sys.executable, "-c", textwrap.dedent(code), "predict", str(model), "--state", str(state)]
    return subprocess.run(
        [*words, "--state-every", "2"], input="0.1\n" * lines, capture_output=True, text=True, check=False
    )


def test_the_stream_goes_on_to_its_end_and_the_old_state_stays(model_path: Path, tmp_path: Path) -> None:
    """The last save says what is lost: exit code 1."""
    pytest.importorskip("resource")
    state = tmp_path / "state"
    assert limited(model_path, state, 10**6, 4).returncode == 0
    before = state.read_bytes()
    done = limited(model_path, state, 100, 9)
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["ok"] * 9
    said = done.stderr.splitlines()
    assert done.returncode == 1
    assert [line for line in said if line.startswith("warning: ")] == [
        f"warning: cannot write {state}: File too large; forecasts continue, and saving is tried again"
    ]
    assert said[-1] == f"edgeseq: cannot write {state}: File too large"
    assert state.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["model.onnx", "state"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "64k") as place:
        yield place


def test_the_state_is_saved_once_there_is_room(model_path: Path, small_disk: Path) -> None:
    """Full from the first save on; then somebody makes room, and no sample is lost."""
    state, ballast = small_disk / "state", small_disk / "ballast"
    words = [sys.executable, "-m", "edgeseq", "predict", str(model_path), "--state", str(state), "--state-every", "1"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None

        def answer() -> str:
            process.stdin.write("0.1\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            return process.stdout.readline()  # type: ignore[union-attr]

        answer()
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        for _ in range(3):
            answer()
        assert process.stderr.readline().startswith(f"warning: cannot write {state}: No space left on device; ")
        ballast.unlink()
        for _ in range(2):
            answer()
        assert process.stderr.readline() == f"{state} is saved again\n"
        process.stdin.close()
        assert process.wait(30) == 0
        process.stdin = None
    predictor = Predictor(model_path)
    predictor.restore(state.read_bytes())
    assert predictor.samples == 6
