"""The files that SQLite keeps beside a database: its log, or its journal where there is no log.

They hold pages that SQLite puts into the database when it opens it, and it opens them by name. So one that somebody
else has put there is refused, and the log is made by us, before SQLite looks for it: nobody can put it there between.
"""

import contextlib
import os
import stat
import struct
from pathlib import Path

from edgeseq_runtime import temporary_file
from edgeseq_runtime.errors import FileError

SALTS = (60, 68)
"""Where a database of ours holds the salts of a log that is not its own: two fields that SQLite leaves to us.

A database takes another one's place in one step, but its log only afterwards. Killed in between, the next process
would find the new database with the log of the old one, and SQLite would put the two together.
"""

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_HEADER = 32


def log(database: Path) -> Path:
    """Return the path of a database's log."""
    return database.with_name(f"{database.name}-wal")


def journal(database: Path) -> Path:
    """Return the path of a database's journal."""
    return database.with_name(f"{database.name}-journal")


def check(database: Path) -> None:
    """Raise `FileError` where something else than a file of the database's owner or ours is in their place."""
    for path in (log(database), journal(database)):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FileError(f"cannot use {database}: {path}: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise FileError(f"cannot use {database}: {path} is no file of its own")
        if not _is_as_safe(status, database):
            raise FileError(f"cannot use {database}: {path} belongs to somebody else, or others may write to it")


def make(database: Path, *, log_is_used: bool) -> None:
    """Make the log, or else the journal, with the owner and the permissions of the database. Raises `FileError`."""
    check(database)
    path = log(database) if log_is_used else journal(database)
    like = database.stat()
    try:
        descriptor = os.open(path, _NEW, like.st_mode & 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    try:
        temporary_file.hand_on(like, descriptor)
    finally:
        os.close(descriptor)


def salts(database: Path) -> bytes:
    """Return the salts of the log that is there, which tell it from all others; zeros where there is none."""
    with contextlib.suppress(OSError), log(database).open("rb") as file:
        header = file.read(_HEADER)
        if len(header) == _HEADER:
            return header[16:24]
    return bytes(8)


def remove_superseded(database: Path) -> None:
    """Remove a log that is another database's, whose place this one has taken."""
    its_salts = salts(database)
    with database.open("rb") as file:
        header = file.read(100)
    if any(its_salts) and len(header) == 100 and its_salts == b"".join(header[at : at + 4] for at in SALTS):
        log(database).unlink()


def remove_journal(database: Path) -> None:
    """Remove a journal: what it would undo is not needed by whoever takes all rows that are whole."""
    with contextlib.suppress(FileNotFoundError):
        journal(database).unlink()


def mark_superseded(descriptor: int, its_salts: bytes) -> None:
    """Write into a new database whose log it does not own."""
    for at, salt in zip(SALTS, struct.unpack("4s4s", its_salts), strict=True):
        os.lseek(descriptor, at, os.SEEK_SET)
        os.write(descriptor, salt)


def _is_as_safe(status: os.stat_result, database: Path) -> bool:
    """Whether nobody may write to a file of this status who may not write to the database."""
    try:
        its = database.stat()
        owners, mode = {its.st_uid}, its.st_mode
    except FileNotFoundError:
        owners, mode = set(), 0o600
    ours = os.geteuid() if hasattr(os, "geteuid") else status.st_uid
    return status.st_uid in owners | {ours, 0} and not status.st_mode & 0o022 & ~mode
