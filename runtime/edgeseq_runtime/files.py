"""Files: written so that a reader never meets half of one, whatever stops the writer; read once, up to a limit."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable
from itertools import combinations, product
from pathlib import Path
from typing import TypeAlias

from edgeseq_runtime.errors import FileError, UsageError
from edgeseq_runtime.temporary_file import TemporaryFile

AnyPath: TypeAlias = str | os.PathLike[str]

READ_LIMIT = 256_000_000
"""Bytes that `read` takes at most, where the caller names no limit."""

PIPE_LIMIT = 128_000_000
"""The same of a pipe, whose size is not known before it was read."""


def write_atomically(path: AnyPath, data: bytes) -> None:
    """Write `data` to `path`: whole and on the disk, or not at all.

    A file that is replaced hands its permissions on, and its owner where the system allows that; one that is new gets
    those that the umask leaves. A link is followed; a terminal or a pipe is written to directly, since it cannot be
    replaced. Raises `FileError` where the folder is unwritable or the disk full; what stood at `path` is then as
    before.
    """
    try:
        if is_special(path):
            _write_directly(Path(path), data)
        else:
            _replace(Path(os.path.realpath(path)), data)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def build_atomically(path: AnyPath, build: Callable[[Path], None]) -> None:
    """As `write_atomically`, but `build` writes the content itself, to the file whose path it is given.

    What is at `path` already must be a regular file.
    """
    target = Path(os.path.realpath(path))
    try:
        with TemporaryFile(target, like=_status(target)) as temporary:
            build(temporary.path)
            temporary.write(b"")
            temporary.replace_target()
        _sync_folder(target.parent)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def check_writable(path: AnyPath) -> None:
    """Raise `FileError` now where a later `write_atomically` to `path` could not even begin.

    Hours of work should not end at a folder that does not exist.
    """
    try:
        if not is_special(path):
            with TemporaryFile(Path(os.path.realpath(path))):
                pass
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {path}: {_reason(error)}") from error


def check_regular(path: AnyPath) -> None:
    """Raise `FileError` where something stands at `path` that is no regular file, but for the null device."""
    try:
        status = _status(path)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read {path}: {_reason(error)}") from error
    if status and not (stat.S_ISREG(status.st_mode) or _is_null(status)):
        raise FileError(f"{path} is {_kind(status)}, not a file")


def distinct(outputs: Iterable[tuple[str, AnyPath | None]], inputs: Iterable[tuple[str, AnyPath | None]]) -> None:
    """Raise `UsageError` where a file to write is one of those to read, or is to be written twice.

    Each is a pair: what the user knows it by, such as -o or MODEL, and its path, or None where there is none. Links,
    hard links and other ways to write a path are seen through; a terminal or a pipe may stand for several.
    """
    written = [(name, path) for name, path in outputs if path]
    read = [(name, path) for name, path in inputs if path]
    for (name, path), (other, its_path) in (*product(written, read), *combinations(written, 2)):
        if _is_same(path, its_path):
            raise UsageError(f"{name} and {other} are the same file, {path}")


def make_folder(path: AnyPath, mode: int = 0o777) -> None:
    """Make a folder, and those above it, where there is none yet; `mode` is its own. Raises `FileError`."""
    try:
        Path(path).mkdir(mode=mode, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot make the folder {path}: {_reason(error)}") from error


def read(path: AnyPath, limit: int = READ_LIMIT) -> bytes:
    """Return the content of the file at `path`, or of a pipe up to its end.

    It is opened once and read once. Raises `FileError` for more than `limit` bytes, and for a device.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            return _read(descriptor, limit)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read {path}: {_reason(error)}") from error


def _read(descriptor: int, limit: int) -> bytes:
    status = os.fstat(descriptor)
    is_file = stat.S_ISREG(status.st_mode)
    is_device = stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode)
    if is_device and not (_is_null(status) or os.isatty(descriptor)):
        raise OSError(errno.EINVAL, "it is a device, not a file")
    limit = limit if is_file else min(limit, PIPE_LIMIT)
    at_once = max(status.st_size + 1, 1 << 16) if is_file else 1 << 16
    chunks: list[bytes] = []
    left = 0 if status.st_size > limit else limit + 1
    while left:
        chunk = os.read(descriptor, min(left, at_once))
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        left -= len(chunk)
    raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes, the most that is read")


def is_checkpoint(content: bytes) -> bool:
    """Whether these bytes are a checkpoint's, a safetensors file: the length of a JSON header, then the header."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") < len(content)


def is_cut_checkpoint(content: bytes) -> bool:
    """Whether these bytes begin as a checkpoint does, and end within its header."""
    return content[8:10] == b'{"' and content[4:8] == bytes(4) and not is_checkpoint(content)


def _reason(error: OSError | ValueError) -> str:
    """Return the system's words; a path with a NUL is a `ValueError`."""
    return getattr(error, "strerror", None) or str(error)


def _status(path: AnyPath) -> os.stat_result | None:
    """Return what stands at `path`, at the end of links; None where nothing does. Raises `OSError`."""
    try:
        return Path(path).stat()  # an empty path is the current folder
    except FileNotFoundError:
        return None


def is_special(path: AnyPath) -> bool:
    """Whether there is something at `path` that can be written to, but not be replaced.

    Asked of the path itself: /dev/stdout leads to a pipe that has no path of its own.
    """
    status = _status(path)
    if status is None or stat.S_ISREG(status.st_mode):
        return False
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        raise OSError(errno.EINVAL, f"it is {_kind(status)}, not a file")
    return True


def _is_null(status: os.stat_result) -> bool:
    """Whether this is the null device, which is an empty file to whoever reads it."""
    return os.path.samestat(status, Path(os.devnull).stat())


def _kind(status: os.stat_result) -> str:
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((kind for test, kind in kinds.items() if test(status.st_mode)), "a device")


def _is_same(path: AnyPath, other: AnyPath) -> bool:
    """Whether two paths are one file, or will be once they are written."""
    try:
        one, two = Path(path).stat(), Path(other).stat()
    except OSError:  # one is not there yet
        return _resolved(path) == _resolved(other)
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, two)


def _resolved(path: AnyPath) -> str:
    return os.path.normcase(os.path.realpath(path))


def _write_directly(target: Path, data: bytes) -> None:
    """Write to what is there already; it is neither made nor emptied, should it have become a file meanwhile."""
    with os.fdopen(os.open(target, os.O_WRONLY | getattr(os, "O_BINARY", 0)), "wb") as file:
        file.write(data)


def _replace(target: Path, data: bytes) -> None:
    """Write beside `target`, force to the disk, then rename: the one operation that is atomic."""
    with TemporaryFile(target, like=_status(target)) as temporary:
        temporary.write(data)
        temporary.replace_target()
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
