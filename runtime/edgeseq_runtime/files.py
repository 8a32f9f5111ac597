"""Writing files so that a reader never meets half of one, whatever stops the writer."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from edgeseq_runtime.errors import FileError


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path`: whole and on the disk, or not at all.

    A link is followed; a device or a pipe is written to directly, since it cannot be replaced. Raises
    `FileError` where the folder is unwritable or the disk full; what stood at `path` is then untouched.
    """
    try:
        if _is_special(path):
            _write_directly(Path(path), data)
        else:
            _replace(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `FileError` now where a later `write_atomically` to `path` could not even begin.

    Hours of work should not end at a folder that does not exist.
    """
    try:
        if Path(path).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not _is_special(path):
            _try(_temporary(Path(os.path.realpath(path))))
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def make_folder(path: str | os.PathLike[str], mode: int = 0o777) -> None:
    """Make a folder, and those above it, where there is none yet; `mode` is its own. Raises `FileError`."""
    try:
        Path(path).mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {path}: {_reason(error)}") from error


def read(path: str | os.PathLike[str]) -> bytes:
    """Return the content of the file at `path`. Raises `FileError`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _is_special(path: str | os.PathLike[str]) -> bool:
    """Whether there is something at `path` that is no regular file.

    Asked of the path itself: /dev/stdout leads to a pipe that has no path of its own.
    """
    return Path(path).exists() and not Path(path).is_file()


def _try(temporary: Path) -> None:
    """Make sure that `temporary` can be opened, without harm to one that is being written."""
    try:
        temporary.open("xb").close()
    except FileExistsError:
        temporary.open("ab").close()
    else:
        temporary.unlink()


def _write_directly(target: Path, data: bytes) -> None:
    with target.open("wb") as file:
        file.write(data)


def _replace(target: Path, data: bytes) -> None:
    """Write beside `target`, force to the disk, then rename: the one operation that is atomic."""
    temporary = _temporary(target)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _temporary(target: Path) -> Path:
    """Return the one name beside `target` that writing it uses, so that what a kill leaves is overwritten next time."""
    return target.with_name(f".{target.name}.tmp")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_checkpoint(content: bytes) -> bool:
    """Whether these bytes are a checkpoint's, a safetensors file: the length of a JSON header, then the header."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)
