"""Many streams in a database, of which each save writes only those that have changed.

SQLite changes a file in place, where all other files are replaced. So it is the log beside it (`NAME-wal`) that makes
a save whole or nothing; both belong to this process alone, by a lock of ours and by SQLite's, and the log needs no
shared memory. What SQLite does not do is notice damage (`tables`), or read on behind it (`salvage`): a database with
any damage is therefore written anew, from all rows that are whole, and the damaged one is kept beside it.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from edgeseq_runtime import files
from edgeseq_runtime.errors import FileError, SnapshotError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.stores import companions, connection, streams_0_1, tables
from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.stores.log import Log
from edgeseq_runtime.stores.salvage import Salvage

if TYPE_CHECKING:
    import sqlite3

Source: TypeAlias = Callable[[], Iterator[tuple[int, StreamRow]]]
"""What yields streams, each with the save that it is from."""

_NAMED = 10
"""Streams that a note names."""

_LOST, _OLDER = "lost, and beginning anew:", "going on from an earlier save:"

_REPLACE_STREAM = "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_REPLACE_LISTED = "INSERT OR REPLACE INTO listing VALUES (?, ?, ?, ?, ?)"


class SavedStreams(Protocol):
    """What a database saves."""

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the model file."""

    def changed(self) -> Iterator[StreamRow]:
        """Yield what is to be saved, of which `snapshot` is None where only the marks are new."""

    def kept(self) -> None:
        """Note that all of it is saved."""

    def load(self, rows: Iterable[StreamRow]) -> str:
        """Go on with these streams; return in words from where. Raises `SnapshotError`; none has then begun."""


class StateDatabase:
    """A `Store` of many streams. Its file is made by the first save that has something to save."""

    def __init__(self, path: str | os.PathLike[str], streams: SavedStreams) -> None:
        self._name = path  # as the user knows it
        self._path = Path(os.path.realpath(path))
        self._streams = streams
        self._database: sqlite3.Connection | None = None
        self._status: os.stat_result | None = None  # of the file that this process has made, or gone on from
        self._rest: Source = _nothing  # what a file that is made anew begins with
        self._numbers: dict[str, int] = {}  # the streams' ids
        self._save = 0  # the number of the last save
        self._saving = threading.Lock()  # a signal may have another thread save

    def resume(self, *, fresh: bool) -> list[str]:
        """Go on from the file, where there is one; with `fresh` one that cannot be read is kept beside it."""
        try:
            return self._resume(fresh=fresh) if self._path.is_file() else []
        except FileError:
            raise
        except OSError as error:
            raise FileError(f"cannot read {self._name}: {error.strerror}") from error

    def _resume(self, *, fresh: bool) -> list[str]:
        companions.check(self._path)
        with self._path.open("rb") as file:
            start = file.read(len(streams_0_1.MAGIC))
        if fresh:
            return [] if start.startswith(b"edgeseq-") or self._is_sound() else self._begin_anew()
        if start == streams_0_1.MAGIC:
            return self._convert()
        try:
            return [self._go_on()]
        except connection.DamageError:
            self._disconnect()
        return self._repair()

    def save(self) -> None:
        """Save what has changed, in one transaction."""
        if not self._saving.acquire(blocking=False):
            raise FileError(f"cannot write {self._name}: it is being written")
        try:
            with connection.errors_named(self._name):
                self._save_changed()
        except FileError as error:
            if self._is_ours():  # whatever state the connection is in, the next save begins with one of its own
                self._disconnect()
            if connection.is_damage(error.__cause__):
                self._status, self._rest = None, self._salvaged
            raise
        finally:
            self._saving.release()

    def close(self) -> None:
        """Put what the log holds into the database, and give both back."""
        with self._saving:
            self._disconnect()

    # Saving

    def _save_changed(self) -> None:
        rows = self._streams.changed()
        first = next(rows, None)
        if first is None or files.is_special(self._path):  # the null device keeps nothing
            return
        rows = chain([first], rows)
        if self._is_ours():
            if self._database is None:
                self._database = connection.open_(self._path)
            self._database.execute("BEGIN IMMEDIATE")
            numbers = _write(self._database, self._save + 1, rows, self._numbers)
            self._database.execute("COMMIT")
            self._numbers |= numbers
            self._save += 1
        else:
            self._make(rows)
        self._streams.kept()

    def _is_ours(self) -> bool:
        """Whether the file is still the one that is open, or was; somebody may have removed it."""
        try:
            return self._status is not None and os.path.samestat(self._status, self._path.stat())
        except OSError:
            return False

    def _make(self, changed: Iterable[StreamRow] = ()) -> None:
        """Make the file, whole or not at all: what there is to begin with, and after it what has changed."""
        rest = self._rest if self._database is None else partial(_rows, self._database)
        numbers, last = dict[str, int](), self._save

        def fill(path: Path) -> None:
            nonlocal last
            with connection.errors_named(self._name), closing(connection.new(path)) as new:
                new.execute("BEGIN")
                for sql in tables.SCHEMA:
                    new.execute(sql)
                new.execute("INSERT INTO model VALUES (?, ?, ?, ?)", tables.model_row(self._streams.digest))
                for save, row in rest():
                    numbers.update(_write(new, save, [row], numbers))
                    last = max(last, save)
                last += 1
                numbers.update(_write(new, last, changed, numbers))
                new.execute("COMMIT")
            connection.seal(path, companions.salts(self._path))

        companions.remove_journal(self._path)
        files.build_atomically(self._path, fill)
        self._disconnect()
        companions.remove_superseded(self._path)
        self._status, self._rest = self._path.stat(), _nothing
        self._numbers, self._save = numbers, last

    def _disconnect(self) -> None:
        if self._database is not None:
            with suppress(Exception):  # what it cannot put into the database is still in the log
                self._database.close()
            self._database = None

    # Going on

    def _go_on(self) -> str:
        """Go on from a database without damage. Raises `connection.DamageError`."""
        companions.remove_superseded(self._path)
        if not connection.has_sound_header(self._path) or not Log(self._path).is_whole:
            raise connection.DamageError
        with connection.errors_named(self._name, reading=True):
            self._database = connection.open_(self._path)
            connection.check(self._database)
            self._check_model(self._database)
            listed = _listed(self._database)
            said = self._streams.load(_checked(self._database, listed))
        self._status = self._path.stat()
        self._numbers = {name: number for name, (number, _) in listed.items()}
        self._save = 1 + max((save for _, save in listed.values()), default=0)  # 1 may be in a log that was cut off
        if self._status.st_nlink > 1:  # what else is linked to it, such as a copy of yesterday, stays as it is
            self._status = None
        return said

    def _check_model(self, database: "sqlite3.Connection") -> None:
        found = database.execute("SELECT * FROM model").fetchall()
        if len(found) != 1 or not tables.is_model_row(found[0]):
            raise connection.DamageError
        if found[0][-1] != self._streams.digest:
            raise SnapshotError("the snapshot belongs to another model file")

    def _convert(self) -> list[str]:
        """Go on from a file of version 0.1, and put a database in its place."""
        self._rest = self._of_version_0_1
        said = self._streams.load(row for _, row in self._rest())
        return [said, self._made(f"{self._name} is a database now, where version 0.1 had a container")]

    def _repair(self) -> list[str]:
        """Go on from a damaged database, as far as its rows are whole, and put one without damage in its place."""
        with Salvage(self._path) as salvage:
            if not salvage.streams and not salvage.listed:
                raise SnapshotError("this is not a state of edgeseq's streams, or nothing of it is left")
            said = self._streams.load(row for _, row in salvage.rows())
            lost = sorted(salvage.listed.keys() - salvage.streams.keys())
            older = sorted(name for name, (save, _) in salvage.streams.items() if save < salvage.listed.get(name, 0))
        self._rest = self._salvaged
        losses = [f"{words} {_named(names)}" for words, names in ((_LOST, lost), (_OLDER, older)) if names]
        aside = _keep_aside(self._path)
        what = "; ".join([f"{self._name} was damaged", *(losses or ["no stream is lost"]), aside])
        return [said, self._made(what)]

    def _made(self, said: str) -> str:
        """Make the file now if it can be made, else with the first save that can."""
        try:
            self._make()
        except FileError as error:
            return f"{said}; {error}; that is tried again when the state is saved"
        return said

    def _is_sound(self) -> bool:
        """Whether the file can be read."""
        try:
            companions.remove_superseded(self._path)
            if not connection.has_sound_header(self._path) or not Log(self._path).is_whole:
                return False
            with connection.errors_named(self._name, reading=True), closing(connection.open_(self._path)) as database:
                connection.check(database)
        except connection.DamageError:
            return False
        return True

    def _begin_anew(self) -> list[str]:
        return [f"{self._name} cannot be read as a state of many streams; {_keep_aside(self._path)}"]

    def _of_version_0_1(self) -> Iterator[tuple[int, StreamRow]]:
        for row in streams_0_1.unpack(files.read(self._path)):
            yield 0, row

    def _salvaged(self) -> Iterator[tuple[int, StreamRow]]:
        with Salvage(self._path) as salvage:
            yield from salvage.rows()


def _nothing() -> Iterator[tuple[int, StreamRow]]:
    return iter(())


def _write(
    database: "sqlite3.Connection", save: int, rows: Iterable[StreamRow], known: Mapping[str, int]
) -> dict[str, int]:
    """Write streams, as the save of that number; return the ids of those that are new."""
    new = dict[str, int]()
    for row in rows:
        number = known.get(row.name)
        if number is None:
            number = new[row.name] = len(known) + len(new) + 1
        whole = row if row.snapshot is not None else _with_its_snapshot(database, number, row)
        database.execute(_REPLACE_STREAM, tables.stream_row(number, save, whole))
        database.execute(_REPLACE_LISTED, tables.listing_row(number, save, row.name))
    return new


def _rows(database: "sqlite3.Connection") -> Iterator[tuple[int, StreamRow]]:
    """Yield what a database holds; what is damaged is left out."""
    for _, *row in database.execute("SELECT * FROM streams ORDER BY id"):
        found = tables.read_stream(row)
        if found:
            yield found


def _with_its_snapshot(database: "sqlite3.Connection", number: int, row: StreamRow) -> StreamRow:
    """Return a row of which only the marks are new with the snapshot that is saved already."""
    for _, *old in database.execute("SELECT * FROM streams WHERE id = ?", (number,)):
        found = tables.read_stream(old)
        if found:
            return replace(found[1], marks=row.marks)
    raise connection.DamageError


def _listed(database: "sqlite3.Connection") -> dict[str, tuple[int, int]]:
    """Return the id and the last save of each stream by name. Raises `connection.DamageError`."""
    listed = dict[str, tuple[int, int]]()
    for number, *row in database.execute("SELECT * FROM listing ORDER BY id"):
        found = tables.read_listing(row)
        if not found or found[1] in listed or number != len(listed) + 1:
            raise connection.DamageError
        listed[found[1]] = number, found[0]
    return listed


def _checked(database: "sqlite3.Connection", listed: dict[str, tuple[int, int]]) -> Iterator[StreamRow]:
    """Yield all streams. Raises `connection.DamageError` unless they are those that are listed."""
    count = 0
    for number, *row in database.execute("SELECT * FROM streams ORDER BY id"):
        found = tables.read_stream(row)
        if not found or listed.get(found[1].name) != (number, found[0]):
            raise connection.DamageError
        count += 1
        yield found[1]
    if count != len(listed):
        raise connection.DamageError


def _named(names: list[str]) -> str:
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(shown(name, 80) for name in names[:_NAMED]) + rest


def _keep_aside(path: Path) -> str:
    """Keep a damaged file, and its log, beside its place; return in words where."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        try:
            os.link(path, aside)
        except FileExistsError:
            raise
        except OSError:  # of file systems without links
            _copy(path, aside)
        with suppress(OSError):
            _copy(companions.log(path), companions.log(aside))
    except FileExistsError:
        return f"{aside}, an earlier one, stays; this one is not kept"
    except OSError as error:
        return f"the damaged file cannot be kept as {aside}: {error.strerror}"
    return f"the damaged file is kept as {aside}"


def _copy(path: Path, aside: Path) -> None:
    with path.open("rb") as source, aside.open("xb") as target:
        aside.chmod(path.stat().st_mode & 0o777)
        while chunk := source.read(1 << 20):
            target.write(chunk)
