"""The state of many streams and the files beside it: whose they are, who may write to them, and a disk that is full."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeseq_runtime.errors import FileError
from edgeseq_runtime.stores import connection
from tests.conftest import CommandLine
from tests.helpers.small_disk import mounted
from tests.runtime.stores.memory_streams import resumed, saved, snapshot

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root may give files away")
SOMEBODY = 12345


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state of two streams."""
    state = tmp_path / "state"
    streams, store, _ = resumed(state)
    for name in ("a", "b"):
        streams.put(name, 1, snapshot(name, 1))
    store.save()
    store.close()
    return state


@contextmanager
def running(path: Path) -> Iterator[None]:
    """While a process of ours has the database open, and has written to it."""
    streams, store, _ = resumed(path)
    streams.put("a", 2, snapshot("a", 2))
    store.save()
    try:
        yield
    finally:
        store.close()


def made_writable(path: Path) -> None:
    """Make a file that anybody may write to."""
    path.touch()
    path.chmod(0o666)


# What is planted beside it


@pytest.mark.parametrize("part", ["-wal", "-journal"])
@pytest.mark.parametrize("plant", ["link", "dangling link", "hard link", "pipe", "folder", "writable"])
def test_what_is_planted_beside_a_state_is_refused_and_untouched(path: Path, part: str, plant: str) -> None:
    """SQLite would put what it holds into the database, or write over it."""
    victim, planted = path.with_name("victim"), Path(f"{path}{part}")
    victim.write_text("precious")
    plants: dict[str, Callable[[], object]] = {
        "link": lambda: planted.symlink_to(victim),
        "dangling link": lambda: planted.symlink_to(path.with_name("nothing")),
        "hard link": lambda: os.link(victim, planted),
        "pipe": lambda: os.mkfifo(planted),
        "folder": planted.mkdir,
        "writable": lambda: made_writable(planted),
    }
    plants[plant]()
    before, inode = path.read_bytes(), planted.lstat().st_ino
    for fresh in (False, True):
        with pytest.raises(FileError, match=rf"cannot use .*state: .*state{part} "):
            resumed(path, fresh=fresh)
    assert (path.read_bytes(), victim.read_text(), planted.lstat().st_ino) == (before, "precious", inode)
    assert not path.with_name("nothing").exists()


@pytest.mark.parametrize("plant", ["link", "pipe", "writable"])
def test_what_is_planted_before_the_first_save_is_refused_too(tmp_path: Path, plant: str) -> None:
    victim, planted = tmp_path / "victim", tmp_path / "state-wal"
    victim.write_text("precious")
    streams, store, _ = resumed(tmp_path / "state")
    streams.put("a", 1, b"x")
    store.save()
    plants: dict[str, Callable[[], object]] = {
        "link": lambda: planted.symlink_to(victim),
        "pipe": lambda: os.mkfifo(planted),
        "writable": lambda: made_writable(planted),
    }
    plants[plant]()
    streams.put("a", 2, b"y")
    with pytest.raises(FileError, match="cannot use"):
        store.save()
    planted.unlink()
    store.save()
    store.close()
    assert victim.read_text() == "precious"
    assert saved(tmp_path / "state") == streams.rows


@as_root
def test_a_log_of_somebody_else_is_refused(path: Path) -> None:
    planted = Path(f"{path}-wal")
    planted.touch(0o600)
    os.chown(planted, SOMEBODY, SOMEBODY)
    with pytest.raises(FileError, match="belongs to somebody else"):
        resumed(path)


# Owner and permissions


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_log_may_be_read_by_whom_the_state_may(path: Path, mode: int) -> None:
    """It holds the same."""
    path.chmod(mode)
    with running(path):
        assert stat.S_IMODE(Path(f"{path}-wal").stat().st_mode) == mode
        assert sorted(os.listdir(path.parent)) == ["state", "state-wal"]
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert os.listdir(path.parent) == ["state"]


@as_root
def test_roots_save_keeps_the_owner_of_all_files(path: Path) -> None:
    """Else the service's own user cannot go on from them after a kill."""
    os.chown(path, SOMEBODY, SOMEBODY)
    with running(path):
        for part in ("", "-wal"):
            status = Path(f"{path}{part}").stat()
            assert (status.st_uid, status.st_gid) == (SOMEBODY, SOMEBODY)


def test_a_link_to_the_state_is_followed(path: Path) -> None:
    """The log lies beside the file itself, so that both names lead to the same streams."""
    link = path.parent / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    with running(link):
        assert os.listdir(link.parent) == ["link"]
    assert saved(path)["a"].samples == 2


@pytest.mark.skipif(IS_ROOT, reason="root may read everything")
def test_a_state_that_may_not_be_read_is_one_line(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(FileError, match=r"cannot read .*: Permission denied"):
        resumed(path)


def test_a_folder_in_its_place_is_one_line(tmp_path: Path) -> None:
    """Somebody may put one there while the streams go on."""
    streams, store, _ = resumed(tmp_path / "state")
    streams.put("a", 1, b"x")
    (tmp_path / "state").mkdir()
    with pytest.raises(FileError, match=r"cannot write .*: Is a directory"):
        store.save()
    (tmp_path / "state").rmdir()
    store.save()
    store.close()
    assert saved(tmp_path / "state") == streams.rows


# A second process


def test_others_can_neither_write_nor_read_while_it_is_open(path: Path) -> None:
    """The shell of SQLite, say: what it would put into the database would be lost, or would be too much."""
    with running(path):
        other = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("SELECT * FROM streams").fetchall()
        other.close()
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name, samples FROM streams").fetchall() == [(b"a", 2), (b"b", 1)]
    other.close()


def test_a_state_that_another_program_has_open_is_one_line(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FileError, match=r"^another process uses .*state$"):
        resumed(path)
    other.close()


def test_a_file_system_without_locks_does_without(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the lock of ours."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with running(path):
        pass
    assert saved(path)["a"].samples == 2


# A disk that is full


def test_a_full_disk_ends_nothing_and_loses_nothing(tmp_path: Path, model_path: Path) -> None:
    """No file may grow beyond a limit, which is as on a full disk, but that anybody can have it."""
    pytest.importorskip("resource")
    state = tmp_path / "state"
    lines = [f"a,s={number % 40} f0=0.{number % 9}" for number in range(400)]
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
        from edgeseq.__main__ import main
        main()
    """

    def predict(size: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", textwrap.dedent(code.format(size=size)), "predict", str(model_path)]
        options = ["--input-format", "influx", "--state", str(state), "--state-every", "10"]
        return subprocess.run(
            [*words, *options], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False, timeout=120
        )

    assert predict(10**8).returncode == 0
    done = predict(16_000)
    assert len(done.stdout.splitlines()) == 400
    said = done.stderr.splitlines()
    assert done.returncode == 1
    warnings = [line for line in said if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"warning: cannot write {state}")
    assert warnings[0].endswith("; forecasts continue, and saving is tried again")
    done = predict(10**8)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("resumed 40 streams after ")
    assert "damaged" not in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "400k") as place:
        yield place


@pytest.mark.parametrize("with_log", [True, False])
def test_what_could_not_be_saved_is_saved_once_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, *, with_log: bool
) -> None:
    monkeypatch.setattr(connection, "WITH_LOG", with_log)
    state, ballast = small_disk / "state", small_disk / "ballast"
    streams, store, _ = resumed(state)
    for number in range(20):
        streams.put(f"s{number}", 1, snapshot("s", 1))
    store.save()
    streams.put("s0", 2, snapshot("s", 2))
    store.save()
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    said = []
    for number in range(200):
        streams.put(f"s{number % 30}", 3 + number, snapshot("s", number))
        try:
            store.save()
        except FileError as error:
            said.append(str(error))
    assert len(said) > 10
    assert all("No space left on device" in text for text in said)
    ballast.unlink()
    store.save()
    store.close()
    assert saved(state) == streams.rows


# Through the command


def test_a_damaged_state_is_one_line_and_fresh_the_way_out(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path
) -> None:
    state, source = tmp_path / "state", tmp_path / "in"
    source.write_text("a,s=1 f0=0.5\n")
    state.write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    before = state.read_bytes()
    words = ("predict", model_path, "--input-format", "influx", "--input", source, "--state", state)
    answer = edgeseq(*words)
    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert answer.err.endswith("; use --fresh to start over\n")
    assert state.read_bytes() == before
    answer = edgeseq.must(*words, "--fresh")
    assert f"the damaged file is kept as {state}.damaged" in answer.err
    assert Path(f"{state}.damaged").read_bytes() == before
    assert "resumed 1 streams after 1 samples" in edgeseq.must(*words).err
