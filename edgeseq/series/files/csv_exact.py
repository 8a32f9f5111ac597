"""CSV by Python's own reader: rows of every kind, and the line of what is wrong with one."""

import csv
import io
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import polars as pl

from edgeseq.series.files import csv_repeats
from edgeseq.series.files.layout import NO_SEPARATOR, Layout
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted
from edgeseq_runtime.reading import lines

_AT_ONCE = 2_000
"""Rows that are held as Python's lists before they become columns, which take far less memory."""


class Rows(NamedTuple):
    """Rows of a file."""

    columns: list[pl.Series]
    line: Callable[[int], int]
    """The line that a row begins on."""
    notes: tuple[str, ...] = ()
    """What was left out; a line each."""


def read(path: str, body: bytes, found: Layout) -> Rows:
    """Return the rows as Python's reader has them. Raises `DataError`, with the line."""
    width, usual = len(found.names), list(range(len(found.names)))
    chunks: list[list[pl.Series]] = [[pl.Series(dtype=pl.String)] * width]
    numbers: list[int] = []
    notes: tuple[str, ...] = ()
    height = headers = 0
    order = usual
    source = _Lines(body, found.first)
    rows = _python_rows(path, source, found)
    unended = not body.endswith((b"\n", b"\r"))
    while some := list(islice(rows, _AT_ONCE)):
        kept: list[list[str]] = []
        for line, cells, last in some:
            if new := csv_repeats.order((found.separator or NO_SEPARATOR).join(cells), found):
                headers, order = headers + 1, new
                continue
            if last and unended and 0 < len(cells) < width:
                notes = (f"line {line}, the last, has {counted(len(cells), 'cell')} of {width} and no end: left out",)
                continue
            row = _checked(line, cells, found)
            kept.append(row if order == usual else [row[at] for at in order])
            numbers.append(line)
            height = len(numbers) if any(map(str.strip, row)) else height
        if kept:
            chunks.append([pl.Series(column, dtype=pl.String) for column in zip(*kept, strict=True)])
    columns = [pl.concat(column).head(height) for column in zip(*chunks, strict=True)]
    return Rows(columns, numbers.__getitem__, (*csv_repeats.told(headers, source.comments), *notes))


class _Lines:
    """The lines of a text, without comments where a row begins; the reader asks for one when it needs it."""

    def __init__(self, body: bytes, first: int) -> None:
        self.comments = 0
        """How many were left out."""
        self.begin = first
        """The line at which the row begins that is read."""
        self.begins = True
        """Whether the next line begins a row."""
        self._next = first
        self._file = io.TextIOWrapper(io.BytesIO(body), "utf-8", "replace", newline="")

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            number, self._next = self._next, self._next + 1
            if self.begins:
                if lines.is_comment(line):
                    self.comments += 1
                    continue
                self.begin, self.begins = number, False
            yield line


def _python_rows(path: str, source: _Lines, found: Layout) -> Iterator[tuple[int, list[str], bool]]:
    """Yield each row with the line that it begins on, and whether it is the last: a quoted cell may hold line ends."""
    separator = found.separator or NO_SEPARATOR
    reader = csv.reader(iter(source), delimiter=separator, skipinitialspace=True, strict=True)
    before: tuple[int, list[str]] | None = None
    try:
        for cells in reader:
            source.begins = True
            if before:
                yield *before, False
            before = source.begin, cells
    except csv.Error as error:
        line = source.begin
        raise DataError(f"cannot read {path}: line {line}: a quoted cell does not end as it should ({error})") from None
    if before:
        yield *before, True


def _checked(line: int, cells: list[str], found: Layout) -> list[str]:
    width = len(found.names)
    if len(cells) == width:
        return cells
    if not any(cells):
        return [""] * width
    fitted = lines.fitted(cells, width) or (lines.fitted([*cells, ""], width) if not found.names[-1] else None)
    if fitted is None:
        number = found.header.number if found.header else None
        where = "in the header" if number == 1 else f"in line {number}, taken for the header" if number else "before"
        raise DataError(f"line {line}: expected {counted(width, 'cell')} as {where}, got {len(cells)}")
    return fitted
