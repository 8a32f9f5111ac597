"""Files are written whole or not at all."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseq_runtime import Predictor, files
from edgeseq_runtime.errors import FileError
from edgeseq_runtime.temporary_file import TemporaryFile


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_file_has_the_permissions_that_any_program_would_give(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "ours", b"")
    (tmp_path / "any").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_folder_is_made_with_those_above_it_or_the_reason_is_told(tmp_path: Path) -> None:
    for _ in range(2):  # one that is there already is no error
        files.make_folder(tmp_path / "a" / "b", mode=0o700)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"cannot make the folder .*/file/c: Not a directory"):
        files.make_folder(tmp_path / "file" / "c")


def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    files.write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_is_written_to_not_replaced() -> None:
    with pytest.raises(FileError, match="No space left on device"):
        files.write_atomically("/dev/full", b"x")
    assert not Path("/dev/full").is_file()


def test_a_pipe_is_written_to_by_the_name_of_a_stream() -> None:
    """/dev/stdout leads to a pipe, which stands at no path of its own."""
    code = (
        "from edgeseq_runtime import files; files.check_writable(p := '/dev/stdout'); files.write_atomically(p, b'x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"x", b"")


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_a_model_file_may_go_to_a_pipe_and_nothing_else_goes_there(brief_path: Path, quantize: str) -> None:
    words = ["export", str(brief_path), "-o", "/dev/stdout", "--quantize", quantize]
    done = subprocess.run([sys.executable, "-m", "edgeseq", *words], capture_output=True, check=True)
    assert Predictor(done.stdout).spec.quantize == quantize
    assert f"wrote /dev/stdout: {len(done.stdout):,} bytes" in done.stderr.decode()


def test_a_check_does_no_harm_to_a_file_that_is_being_written(tmp_path: Path) -> None:
    with TemporaryFile(tmp_path / "file") as temporary:
        temporary.write(b"half")
        files.check_writable(tmp_path / "file")
        temporary.replace_target()
    assert (tmp_path / "file").read_bytes() == b"half"


@pytest.mark.parametrize("path", ["lacking/file", "."])
def test_what_cannot_be_written_is_known_before_the_work(tmp_path: Path, path: str) -> None:
    with pytest.raises(FileError, match="cannot write"):
        files.check_writable(tmp_path / path)
    with pytest.raises(FileError, match="cannot write"):
        files.write_atomically(tmp_path / path, b"x")
    files.check_writable(tmp_path / "fine")
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="absent: No such file"):
        files.read(tmp_path / "absent")
