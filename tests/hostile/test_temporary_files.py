"""What is written lies beside its target under a name that nobody can guess, link or share."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseq_runtime import files, temporary_file
from edgeseq_runtime.errors import FileError
from edgeseq_runtime.temporary_file import TemporaryFile

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root may give files away")
SOMEBODY, THEIR_GROUP = 12345, 12346


@pytest.fixture(autouse=True)
def every_write_tidies_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the first one of each process does."""
    monkeypatch.setattr(temporary_file, "_tidied", set())


def left(target: Path) -> Path:
    """A temporary of `target` as a kill leaves it."""
    path = target.with_name(f".{target.name}.0123456789abcdef.tmp")
    path.write_bytes(b"half")
    return path


def put(plant: str, path: Path, victim: Path) -> None:
    """Put something where a file is to be made."""
    plants: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(victim),
        "hard link": lambda: path.hardlink_to(victim),
        "pipe": lambda: os.mkfifo(path),
        "file": path.touch,
        "folder": path.mkdir,
    }
    plants[plant]()


@pytest.mark.parametrize("plant", ["link", "hard link", "pipe", "file", "folder"])
def test_the_name_that_version_0_1_used_means_nothing(tmp_path: Path, plant: str) -> None:
    """Whoever put something there chose which file was overwritten, or had the writer wait for ever."""
    target, planted, victim = tmp_path / "s.state", tmp_path / ".s.state.tmp", tmp_path / "victim"
    victim.write_text("precious")
    put(plant, planted, victim)
    before = planted.lstat()
    files.check_writable(target)
    files.write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()
    assert victim.read_text() == "precious"
    assert planted.lstat() == before


def test_names_differ_from_one_write_to_the_next_and_are_the_owners_alone(tmp_path: Path) -> None:
    names = set()
    for _ in range(20):
        with TemporaryFile(tmp_path / "file"):
            (name,) = os.listdir(tmp_path)
            names.add(name)
    assert len(names) == 20
    assert os.listdir(tmp_path) == []


def test_a_name_that_is_taken_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither through a link: the name is another one then, or none at all."""
    numbers = [bytes(8), bytes(8), b"12345678"]
    monkeypatch.setattr(os, "urandom", lambda _: numbers.pop(0) if len(numbers) > 1 else numbers[0])
    victim, planted = tmp_path / "victim", tmp_path / f".file.{bytes(8).hex()}.tmp"
    victim.write_text("precious")
    planted.symlink_to(victim)
    files.write_atomically(tmp_path / "file", b"new")
    assert victim.read_text() == "precious"
    monkeypatch.setattr(os, "urandom", bytes)
    with pytest.raises(FileError, match=r"cannot write .*/file: File exists"):
        files.write_atomically(tmp_path / "file", b"newer")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_what_a_kill_leaves_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    target = tmp_path / "file"
    code = f"""
        import os, signal
        from pathlib import Path
        from edgeseq_runtime.temporary_file import TemporaryFile
        with TemporaryFile(Path({str(target)!r})) as temporary:
            temporary.write(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 1
    others = [left(tmp_path / "other"), tmp_path / ".file.notes.tmp", tmp_path / ".file.tmp"]
    for other in others:
        other.touch()
    files.write_atomically(target, b"new")
    assert sorted(os.listdir(tmp_path)) == sorted([target.name, *(other.name for other in others)])


def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    with TemporaryFile(tmp_path / "file") as temporary:
        files.write_atomically(tmp_path / "file", b"theirs")
        temporary.write(b"ours")
        temporary.replace_target()
    assert (tmp_path / "file").read_bytes() == b"ours"
    assert os.listdir(tmp_path) == ["file"]


def test_many_who_write_one_file_at_once_all_succeed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them tidies up each time; a reader meets whole files only."""
    target, failed = tmp_path / "file", []
    contents = [bytes([number]) * 10_000 for number in range(4)]
    files.write_atomically(target, contents[0])
    monkeypatch.setattr(temporary_file, "_tidied", _Forgetful())

    def write(content: bytes) -> None:
        try:
            for _ in range(50):
                files.write_atomically(target, content)
        except FileError as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert target.read_bytes() in contents
    assert not failed
    assert os.listdir(tmp_path) == ["file"]


class _Forgetful(set[Path]):
    """Remembers nothing."""

    def add(self, _: Path) -> None:
        pass


@pytest.mark.parametrize("plant", ["link", "pipe", "folder"])
def test_what_only_looks_like_left_is_not_followed(tmp_path: Path, plant: str) -> None:
    victim, target = tmp_path / "victim", tmp_path / "file"
    victim.write_text("precious")
    planted = left(target)
    planted.unlink()
    put(plant, planted, victim)
    files.write_atomically(target, b"new")
    assert victim.read_text() == "precious"
    assert os.path.lexists(planted)


@pytest.mark.parametrize("length", [50, 51, 240, 250, 255])
@pytest.mark.parametrize("letter", ["a", "ü"])
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path, length: int, letter: str) -> None:
    target = tmp_path / (letter * (length // len(letter.encode())))
    files.check_writable(target)
    for content in (b"old", b"new"):
        files.write_atomically(target, content)
    assert target.read_bytes() == b"new"
    with pytest.raises(FileError, match="File name too long"):
        files.check_writable(tmp_path / ("a" * 256))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o755, 0o4755, 0o2755, 0o6711, 0o1644])
def test_permissions_are_kept_but_for_those_to_be_somebody_else(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    files.write_atomically(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode & 0o777


@as_root
def test_roots_save_keeps_the_owner_and_the_group(tmp_path: Path) -> None:
    """Else the service's own user cannot write its state afterwards."""
    path = tmp_path / "file"
    path.touch()
    os.chown(path, SOMEBODY, THEIR_GROUP)
    path.chmod(0o640)
    files.write_atomically(path, b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (SOMEBODY, THEIR_GROUP, 0o640)


@pytest.mark.skipif(not hasattr(os, "fchown"), reason="this system has no owners")
def test_where_the_group_cannot_be_kept_the_new_one_gets_what_everybody_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user without root's rights replaces a file that a foreign group could write."""

    def refuse(*_: object) -> None:
        raise PermissionError

    path = tmp_path / "file"
    path.touch()
    path.chmod(0o664)
    status = list(path.stat())
    status[stat.ST_UID], status[stat.ST_GID] = SOMEBODY, THEIR_GROUP
    monkeypatch.setattr(os, "fchown", refuse)
    with TemporaryFile(path, os.stat_result(status)) as temporary:
        temporary.replace_target()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
