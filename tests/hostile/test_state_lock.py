"""A state belongs to one process: the second is told so in one line, before it has done anything."""

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeseq_runtime import Predictor, file_lock, files
from edgeseq_runtime.errors import FileError
from tests.conftest import CommandLine

pytestmark = pytest.mark.skipif(not file_lock.AVAILABLE, reason="this system has no locks that end with a process")


@contextmanager
def first(model: Path, state: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has answered a sample and saved its state, and waits for more."""
    words = [sys.executable, "-m", "edgeseq", "predict", model, "--state", state, "--state-every", "1"]
    with subprocess.Popen(
        list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):  # the second is answered after the first was saved
            process.stdin.write("0.1\n")
            process.stdin.flush()
            process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_the_second_process_is_refused_and_the_first_goes_on(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path
) -> None:
    state, source, link = tmp_path / "state", tmp_path / "in", tmp_path / "link"
    source.write_text("0.5\n")
    link.symlink_to(state)
    with first(model_path, state) as process:
        for path in (state, link):
            for option in ([], ["--fresh"]):
                answer = edgeseq("predict", model_path, "--state", path, "--input", source, *option)
                assert (answer.code, answer.out) == (1, "")
                assert answer.err == f"edgeseq: another process uses {path}\n"
        process.communicate("0.2\n", timeout=30)
        assert process.returncode == 0
    predictor = Predictor(model_path)
    predictor.restore(state.read_bytes())
    assert predictor.samples == 3
    assert sorted(os.listdir(tmp_path)) == ["in", "link", "model.onnx", "state"]


def test_a_process_that_was_killed_holds_nobody_up(edgeseq: CommandLine, model_path: Path, tmp_path: Path) -> None:
    state, source = tmp_path / "state", tmp_path / "in"
    source.write_text("0.5\n")
    with first(model_path, state) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / ".state.lock").exists()
    assert "resumed after" in edgeseq.must("predict", model_path, "--state", state, "--input", source).err
    assert not (tmp_path / ".state.lock").exists()


def test_each_state_has_a_lock_of_its_own_however_long_its_name(tmp_path: Path) -> None:
    names = ["a", "b", "x" * 250, "x" * 251, "ü" * 127]
    for at, name in enumerate(names):
        with file_lock.exclusive(tmp_path / name):
            for other in names[at + 1 :]:
                with file_lock.exclusive(tmp_path / other):
                    pass
            with pytest.raises(FileError, match="another process uses"), file_lock.exclusive(tmp_path / name):
                pass
    assert os.listdir(tmp_path) == []


def test_the_lock_outlasts_the_file_which_is_replaced_with_each_save(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with file_lock.exclusive(state):
        for _ in range(3):
            files.write_atomically(state, b"new")
            with pytest.raises(FileError, match="another process uses"), file_lock.exclusive(state):
                pass


def test_others_can_neither_read_nor_hold_the_lock(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with file_lock.exclusive(tmp_path / "state"):
            assert stat.S_IMODE((tmp_path / ".state.lock").stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize("plant", ["link", "dangling link", "pipe", "folder", "file"])
def test_what_is_planted_in_the_locks_place_is_neither_followed_nor_removed(tmp_path: Path, plant: str) -> None:
    victim, lock = tmp_path / "victim", tmp_path / ".state.lock"
    victim.write_text("precious")
    plants: dict[str, Callable[[], object]] = {
        "link": lambda: lock.symlink_to(victim),
        "dangling link": lambda: lock.symlink_to(tmp_path / "nothing"),
        "pipe": lambda: os.mkfifo(lock),
        "folder": lock.mkdir,
        "file": lambda: lock.write_text("somebody's"),
    }
    plants[plant]()
    refused = pytest.raises(FileError, match=r"cannot use .*/state: its lock .*/\.state\.lock")
    with refused, file_lock.exclusive(tmp_path / "state"):
        pass
    assert victim.read_text() == "precious"
    assert os.path.lexists(lock)
    assert not (tmp_path / "nothing").exists()


def test_of_many_at_once_one_holds_it_at_any_moment(tmp_path: Path) -> None:
    """Also while one of them removes the lock at its end, and the next opens it."""
    holders, most, got = [], [], []

    def compete() -> None:
        for _ in range(300):
            try:
                with file_lock.exclusive(tmp_path / "state"):
                    holders.append(1)
                    most.append(len(holders))
                    holders.pop()
                    got.append(1)
            except FileError:
                pass

    threads = [threading.Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert got
    assert os.listdir(tmp_path) == []


def test_a_file_system_without_locks_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(file_lock.fcntl, "flock", refuse)
    with file_lock.exclusive(tmp_path / "state"):
        files.write_atomically(tmp_path / "state", b"new")
    assert os.listdir(tmp_path) == ["state"]
