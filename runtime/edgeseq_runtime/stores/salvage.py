"""Streams out of the bytes of a damaged database, without SQLite.

A row is found by its mark, wherever it lies, so that no damage elsewhere costs it: not the file's header, nor the pages
that lead to it, nor what else is on its own page. A row too long for its page goes on in others, each of which begins
with the number of the next. The log holds pages too. Of several copies of a stream the one that was saved last counts.

The layout is that of https://www.sqlite.org/fileformat2.html.
"""

import mmap
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeAlias

from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.stores.log import Log
from edgeseq_runtime.stores.tables import LISTED, PAGE, STREAM, read_listing, read_stream

_MARKS = re.compile(rb"edgeseq-(?:stream|listed)-1")
_MOST_LOCAL = PAGE - 35
_LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23

Place: TypeAlias = tuple[int | None, int]
"""Where a mark is: the number of a frame of the log, or None for the database, and the offset in that file."""


class Salvage:
    """What a database and its log hold; a context manager, which has them open."""

    def __init__(self, database: Path) -> None:
        self._files = ExitStack()
        self._database, self._log = self._open(database), Log(database)
        self.streams: dict[str, tuple[int, Place]] = {}
        """The last save of each stream that is whole, and where it is."""
        self.listed: dict[str, int] = {}
        """The last save of which is known that there was one."""
        for place in self._places():
            self._take(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def rows(self) -> Iterator[tuple[int, StreamRow]]:
        """Yield the last save of each stream that is whole, in the order in which they were found."""
        for save, place in self.streams.values():
            found = read_stream(self._row(place) or ())
            assert found
            yield save, found[1]

    def _open(self, path: Path) -> bytes | mmap.mmap:
        if not path.exists() or not path.stat().st_size:
            return b""
        file = self._files.enter_context(path.open("rb"))
        return self._files.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def _places(self) -> Iterator[Place]:
        for match in _MARKS.finditer(self._database):
            yield None, match.start()
        for match in _MARKS.finditer(self._log.content, 0, self._log.end):
            yield self._log.frame_at(match.start()), match.start()

    def _take(self, place: Place) -> None:
        row = self._row(place) or ()
        stream, listing = read_stream(row), read_listing(row)
        if stream and stream[0] > self.streams.get(stream[1].name, (-1,))[0]:
            self.streams[stream[1].name] = stream[0], place
        if listing:
            self.listed[listing[1]] = max(listing[0], self.listed.get(listing[1], -1))

    def _row(self, place: Place) -> list[Any] | None:
        """Return the columns of a row, without its id; None where they cannot be read."""
        frame, at = place
        file = self._database if frame is None else self._log.content
        for size in range(5, 40):  # of the record's header, which ends where the mark begins
            start = at - size
            if start >= 0 and file[start] == size and file[start + 1] == 0:
                types = _varints(file[start + 1 : at])
                widths = [_width(kind) for kind in types]
                content = self._payload(frame, file, start, size + sum(widths))
                return None if content is None else _columns(content[size:], types[1:], widths[1:])
        return None

    def _payload(self, frame: int | None, file: bytes | mmap.mmap, start: int, size: int) -> bytes | None:
        """Return the record of so many bytes that begins at `start`."""
        local = size if size <= _MOST_LOCAL else _LEAST_LOCAL + (size - _LEAST_LOCAL) % (PAGE - 4)
        if local > _MOST_LOCAL:
            local = _LEAST_LOCAL
        begin = 0 if frame is None else self._log.page_begin(frame)
        is_longer = size > len(self._database) + len(self._log.content)
        if is_longer or (start - begin) % PAGE + local + 4 * (local < size) > PAGE:
            return None
        parts, rest = [file[start : start + local]], size - local
        following = file[start + local : start + local + 4]
        while rest > 0:
            page = self._page(int.from_bytes(following, "big"), frame)
            if len(page) < PAGE:
                return None
            parts.append(page[4 : 4 + rest])
            following, rest = page[:4], rest - (PAGE - 4)
        return b"".join(parts)

    def _page(self, number: int, frame: int | None) -> bytes:
        """Return a page as it was when the commit of a frame was made; of the database where `frame` is None."""
        page = self._log.page(number, frame) if frame is not None else None
        if page is not None:
            return page
        return self._database[(number - 1) * PAGE : number * PAGE] if number > 0 else b""


def _varints(data: bytes) -> list[int]:
    numbers, number = [], 0
    for byte in data:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    return numbers


def _width(kind: int) -> int:
    """Return the bytes of a column of this serial type."""
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind] if kind < 12 else (kind - 12) // 2


def _columns(body: bytes, types: Sequence[int], widths: Sequence[int]) -> list[Any]:
    row: list[Any] = []
    at = 0
    for kind, width in zip(types, widths, strict=True):
        part, at = body[at : at + width], at + width
        if kind >= 12:
            row.append(part if kind % 2 == 0 else part.decode("utf-8", "replace"))
        else:
            row.append(kind - 8 if kind in (8, 9) else int.from_bytes(part, "big", signed=True))
    return row


assert len(STREAM) == len(LISTED)
