"""Writing files so that a reader never meets half of one, whatever stops the writer."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from edgeseq_runtime.errors import EdgeseqError


class FileError(EdgeseqError, OSError):
    """A file that cannot be read or written; the text names it and gives the system's reason."""


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path`: whole and on the disk, or not at all.

    A link is followed; a device or a pipe is written to directly, since it cannot be replaced. Raises
    `FileError` where the folder is unwritable or the disk full; what stood at `path` is then untouched.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            _write_directly(target, data)
        else:
            _replace(target, data)
    except OSError as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `FileError` now where a later `write_atomically` to `path` could not even begin.

    Hours of work should not end at a folder that does not exist.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        if not target.exists() or target.is_file():
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            os.close(descriptor)
            Path(temporary).unlink()
    except OSError as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def read(path: str | os.PathLike[str]) -> bytes:
    """Return the content of the file at `path`. Raises `FileError`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _write_directly(target: Path, data: bytes) -> None:
    with target.open("wb") as file:
        file.write(data)


def _replace(target: Path, data: bytes) -> None:
    """Write beside `target`, force to the disk, then rename: the one operation that is atomic."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode(target))
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _mode(target: Path) -> int:
    """Permission bits: those of the file replaced, else what `open` would have given."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
