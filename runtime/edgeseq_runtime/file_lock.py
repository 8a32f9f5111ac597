"""A file that belongs to one process: a lock that the system lifts when the process ends, however that happens."""

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeseq_runtime.errors import FileError

fcntl: Any
try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

AVAILABLE = fcntl is not None
"""Whether this system has such locks."""

LONGEST_NAME = 240
"""Bytes of a file's name up to which the lock's name can hold it; file systems allow 255."""

_OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@contextmanager
def exclusive(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the file at `path` for this process; it need not be there yet. Raises `FileError` where another one does.

    The lock is on an empty file beside it, `.NAME.lock`, since the file itself is replaced when it is written; it is
    removed at the end, and one that a kill left holds nobody up. Where the system or the file system has no locks,
    nothing is held.
    """
    if not AVAILABLE:
        yield
        return
    lock = _lock_path(Path(os.path.realpath(path)))
    descriptor = _acquire(lock, path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()  # while it is held: whoever waits for it finds it gone, and makes another
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file, or return False where another process has; True as well where there are no locks."""
    try:
        if AVAILABLE:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some file systems have none
        return True
    return True


def _acquire(lock: Path, path: str | os.PathLike[str]) -> int:
    while True:
        try:
            descriptor = os.open(lock, _OPEN, 0o600)  # for others not even to read: whoever can open it can hold it
        except OSError as error:
            raise FileError(f"cannot use {path}: its lock {lock}: {error.strerror}") from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size:
            os.close(descriptor)
            raise FileError(f"cannot use {path}: its lock {lock} is no empty file")
        if not try_lock(descriptor):
            os.close(descriptor)
            raise FileError(f"another process uses {path}")
        if _is_at(descriptor, lock):
            return descriptor
        os.close(descriptor)  # its holder ended, and removed it, while we opened it


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _lock_path(target: Path) -> Path:
    name = target.name
    if len(os.fsencode(name)) > LONGEST_NAME:
        import hashlib  # brings OpenSSL, which is not needed otherwise

        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return target.with_name(f".{name}.lock")
