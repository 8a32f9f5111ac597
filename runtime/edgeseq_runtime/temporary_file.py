"""A file beside another one, which takes its place when it is complete.

Its name is random and it is made by `O_EXCL`: whoever may write to the folder too can neither guess it nor put a link
there. (`O_TMPFILE` would leave nothing after a kill, but many file systems lack it, and a file without a name cannot
replace another.) While it is written it is locked. So a temporary that is not locked was left by a kill, and the next
writer removes it; one that another process is at is left alone.
"""

import contextlib
import errno
import os
import re
import stat
from pathlib import Path
from typing import Self

from edgeseq_runtime import file_lock

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LEFT = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_ATTEMPTS = 100

_tidied: set[Path] = set()
"""Files beside which this process has looked for what a kill left: once is enough, and a folder may be large."""


class TemporaryFile:
    """Opens at once; a context manager that removes the file again, unless it has taken the target's place.

    `like` is what the target is now, if it is there: its permissions are kept, but for those to run as its owner or
    group, and so are its owner and group where the system allows that; one that is new gets what the umask leaves.
    Raises `OSError` in all that it does.
    """

    def __init__(self, target: Path, like: os.stat_result | None = None) -> None:
        self._target, self._like = target, like
        self._is_target = False
        if target not in _tidied:
            _tidied.add(target)
            _remove_left(target)
        self._descriptor, self.path = _create(target, 0o666 if like is None else like.st_mode & 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if not self._is_target:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def write(self, data: bytes) -> None:
        """Write all of it, and force it to the disk."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fsync(self._descriptor)

    def replace_target(self) -> None:
        """Take the target's place, with its permissions and owner."""
        if self._like is not None:
            hand_on(self._like, self._descriptor)
        if not file_lock.AVAILABLE:  # and so Windows, which renames no file that is open
            os.close(self._descriptor)
            self._descriptor = os.open(os.devnull, os.O_RDONLY)
        self.path.replace(self._target)
        self._is_target = True


def _create(target: Path, mode: int) -> tuple[int, Path]:
    """Make and lock a new file beside `target`."""
    for _ in range(_ATTEMPTS):
        path = target.with_name(f".{_stem(target)}.{os.urandom(8).hex()}.tmp")
        try:
            descriptor = os.open(path, _NEW, mode)
        except FileExistsError:
            continue
        if file_lock.try_lock(descriptor) and path.exists():
            return descriptor, path
        os.close(descriptor)  # another process, looking for what a kill left, was there before our lock
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _remove_left(target: Path) -> None:
    """Remove what a kill has left beside `target` of earlier writing."""
    ours = re.compile(rf"\.{re.escape(_stem(target))}\.[0-9a-f]{{16}}\.tmp")
    with contextlib.suppress(OSError):
        for path in target.parent.iterdir():
            if ours.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    _remove_if_left(path)


def _remove_if_left(path: Path) -> None:
    descriptor = os.open(path, _LEFT)
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if is_file and file_lock.AVAILABLE and file_lock.try_lock(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)
    if is_file and not file_lock.AVAILABLE:
        path.unlink()  # Windows refuses this for a file that somebody has open


def _stem(target: Path) -> str:
    """Return so much of the name that a file system's limit, 255 bytes or a little less, is kept with what is added."""
    return target.name[:50]


def hand_on(like: os.stat_result, descriptor: int) -> None:
    """Give an open file the permissions of another, and its owner and group where that is allowed."""
    if not hasattr(os, "fchown"):  # on Windows
        return
    mode, status = like.st_mode & 0o777, os.fstat(descriptor)
    is_ours = (status.st_uid, status.st_gid) == (like.st_uid, like.st_gid)
    if not (is_ours or _chown(descriptor, like.st_uid, like.st_gid) or _chown(descriptor, -1, like.st_gid)):
        mode = mode & 0o707 | (mode & 0o007) << 3  # another group gets what everybody gets
    with contextlib.suppress(PermissionError):  # of file systems that know no permissions
        os.fchmod(descriptor, mode)


def _chown(descriptor: int, owner: int, group: int) -> bool:
    """Whether the file has this owner (-1: whichever) and group now."""
    try:
        os.fchown(descriptor, owner, group)
    except OSError:
        return False
    return True
