"""A connection to a database by SQLite, and what its errors mean."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseq_runtime.errors import DependencyError, FileError
from edgeseq_runtime.stores import companions
from edgeseq_runtime.stores.tables import PAGE, SCHEMA

if TYPE_CHECKING:
    import sqlite3

WITH_LOG = True
"""Whether databases have a log, which every file system can hold; a journal is synced thrice as often."""

_HEADER = 100
_FIXED = (
    (0, b"SQLite format 3\0"),
    (16, struct.pack(">H", PAGE)),
    (20, b"\0\x40\x20\x20"),  # no reserved bytes, and fractions that are always the same
    (44, struct.pack(">III", 4, 0, 0)),  # the schema's format, the cache's size, no automatic vacuum
    (56, struct.pack(">I", 1)),  # UTF-8
    (64, bytes(4)),
    (72, bytes(20)),
)
_CACHE_KB = 2000
_LARGEST_LOG = 8_000_000
"""Bytes to which a log is cut that a large save has made longer."""


class DamageError(Exception):
    """A database is not as SQLite or we have written it."""


def has_sound_header(path: Path) -> bool:
    """Whether a file begins as a database of ours does. SQLite would obey one that says something else."""
    with path.open("rb") as file:
        page = file.read(PAGE)
    fixed = all(page[at : at + len(value)] == value for at, value in _FIXED)
    return fixed and page[18:20] == _version() and all(sql.encode() in page for sql in SCHEMA)


def new(path: Path) -> "sqlite3.Connection":
    """Open an empty file that nobody knows yet, for a database. It is neither locked nor whole before it is closed."""
    database = _connect(f"{path.absolute().as_uri()}?nolock=1")
    for setting in (f"page_size = {PAGE}", "auto_vacuum = 0", "journal_mode = OFF", "synchronous = OFF"):
        database.execute(f"PRAGMA {setting}")
    return database


def seal(path: Path, superseded: bytes) -> None:
    """Say in a new database that it has a log, and which log is not its own."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    try:
        os.lseek(descriptor, 18, os.SEEK_SET)
        os.write(descriptor, _version())
        companions.mark_superseded(descriptor, superseded)
    finally:
        os.close(descriptor)


def open_(path: Path) -> "sqlite3.Connection":
    """Open a database for this process alone."""
    companions.make(path, log_is_used=WITH_LOG)
    locks = "" if _has_locks(companions.log(path) if WITH_LOG else companions.journal(path)) else "&vfs=unix-none"
    database = _connect(f"{path.as_uri()}?mode=rw{locks}")
    try:
        mode = "WAL" if WITH_LOG else "DELETE"
        # Exclusive first: the log then needs no memory that processes share, which not every file system has.
        for setting in ("locking_mode = EXCLUSIVE", f"journal_mode = {mode}", "synchronous = FULL"):
            database.execute(f"PRAGMA {setting}").fetchall()
        for setting in (f"cache_size = -{_CACHE_KB}", f"journal_size_limit = {_LARGEST_LOG}"):
            database.execute(f"PRAGMA {setting}").fetchall()
    except BaseException:
        database.close()
        raise
    return database


def check(database: "sqlite3.Connection") -> None:
    """Demand that the tables are ours, and all pages where they should be. Raises `DamageError`."""
    found = database.execute("SELECT sql FROM sqlite_schema ORDER BY rowid").fetchall()
    if tuple(sql for (sql,) in found) != SCHEMA or database.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
        raise DamageError


def is_damage(error: BaseException | None) -> bool:
    """Whether an error of SQLite's says that the database is damaged."""
    import sqlite3

    damage = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return isinstance(error, DamageError) or (isinstance(error, sqlite3.Error) and code in damage)


@contextmanager
def errors_named(path: str | os.PathLike[str], *, reading: bool = False) -> Iterator[None]:
    """Turn SQLite's errors into a `FileError` about the file; while it is read, damage into a `DamageError`."""
    import sqlite3

    try:
        yield
    except DamageError as error:
        if reading:
            raise
        raise FileError(f"cannot write {path}: it is damaged") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of an error's text
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise FileError(f"another process uses {path}") from error
        if reading and code not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM):
            raise DamageError from error
        reason = "No space left on device" if code == sqlite3.SQLITE_FULL else str(error)
        raise FileError(f"cannot {'read' if reading else 'write'} {path}: {reason}") from error
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    except MemoryError as error:
        raise FileError(f"cannot write {path}: out of memory") from error


def _connect(address: str) -> "sqlite3.Connection":
    try:
        import sqlite3
    except ImportError as error:  # Python may be built without
        raise DependencyError.cannot_load(error, "sqlite3, which keeps the state of many streams") from error
    database: Any = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
    database.text_factory = _text
    return database  # type: ignore[no-any-return]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")  # a damaged text is known by its row's hash


def _version() -> bytes:
    """Return what the header says of how the file is written and read: 2 with a log, 1 without."""
    return b"\2\2" if WITH_LOG else b"\1\1"


def _has_locks(path: Path) -> bool:
    """Whether the file system has locks of the kind that SQLite wants: where it has none, ours must do."""
    with suppress(ImportError):
        import fcntl

        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
    return True
