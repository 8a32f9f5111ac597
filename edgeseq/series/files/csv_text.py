"""CSV files as columns of text, with the line of the file that each row begins on.

polars takes apart what can only be read in one way: rows that are lines, all with as many cells, whose quotes stand
around whole cells. Everything else goes through Python's reader, which names the line of what is wrong.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import polars as pl

from edgeseq.series.files import csv_exact, csv_repeats, layout
from edgeseq.series.files.csv_exact import Rows
from edgeseq.series.files.layout import NO_SEPARATOR, Layout, Line
from edgeseq.series.files.table import Table, Written, from_columns
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading import lines

_HEAD = 1 << 18
"""Bytes by which the layout is found."""

_HEAD_LINES = 400

_SPACED = re.compile(rb"[ \t]+")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANK = re.compile(rb"^\r?$", re.MULTILINE)


class _Block(NamedTuple):
    """Lines whose cells stand in one order."""

    data: bytes
    start: int
    """Where they begin in the data."""
    first: int
    """The line there, counted from 1 in the data."""
    order: list[int]
    """Which of these lines' cells each column is."""


def read(
    path: str, data: bytes, notes: Sequence[str] = (), skip_rows: int | None = None, header: bool | None = None
) -> Table:
    """Return the table of a CSV file, given its text in UTF-8.

    A row of empty cells only, or a blank line, has empty cells throughout; those at the end of the file are left out.
    Raises `DataError` for a quote that does not end, and for a row with more or fewer cells than the header.
    """
    try:
        found = layout.find(
            list(islice(_head(data, skip_rows or 0), _HEAD_LINES + (skip_rows or 0))), skip_rows, header
        )
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    rows = _read(path, data, found)
    names = lines.column_names(found.names)
    written = Written(
        separator=found.separator,
        header=tuple(names) if found.bare else (),
        header_line=found.header.number if found.header else None,
        skip_rows=found.skip_rows,
        units={name: unit for name, unit in zip(names, found.units, strict=False) if unit},
        notes=(*notes, *found.notes, *rows.notes),
    )
    return from_columns(path, found.names, rows.columns, lambda row: f"line {rows.line(row)}", written)


def _head(data: bytes, skip_rows: int) -> Iterator[Line]:
    """Yield the first lines, those joined between which a quoted cell goes on."""
    size = _HEAD
    for _ in range(6):  # long lines, or many to skip
        physical = data[:size].splitlines(keepends=True)
        if size >= len(data) or len(physical) > skip_rows + 10:
            break
        size *= 16
    if size < len(data):
        physical.pop()  # cut
    number, held = 1, b""
    for count, line in enumerate(physical, start=1):
        held += line
        if held.count(b'"') % 2 and count - number < _HEAD_LINES and count < len(physical):
            continue
        yield Line(number, held.decode("utf-8", "replace").rstrip("\r\n"))
        number, held = count + 1, b""


def _read(path: str, data: bytes, found: Layout) -> Rows:
    start = _offset(data, found.first)
    if found.separator == lines.BLANKS:
        body = b"\n".join(_SPACED.sub(b" ", line.strip()) for line in data[start:].split(b"\n"))
        data, start = body, 0
    return _by_lines(data, start, found) or csv_exact.read(path, data[start:], found)


def _offset(data: bytes, first: int) -> int:
    """Return where a line begins."""
    at = 0
    for _ in range(first - 1):
        match = _LINE_END.search(data, at)
        if match is None:
            return len(data)
        at = match.end()
    return at


def _by_lines(data: bytes, start: int, found: Layout) -> Rows | None:
    """Return rows that are lines, from `start` on; None where they can be anything else."""
    is_quoted = data.find(b'"', start) >= 0
    if is_quoted and not _are_quotes_plain(data, start, found.separator or NO_SEPARATOR):
        return None
    if b"\r" in data and data.count(b"\r", start) != data.count(b"\r\n", start):
        return None
    spans = csv_repeats.spans(data, start, found)
    if spans and is_quoted:  # they may stand within a cell
        return None
    blocks, cuts, notes = _blocks(data, start, spans, found)
    parts = [_by_polars(block, found) for block in blocks]
    if any(part is None for part in parts):
        return None
    ordered = [[part[at] for at in block.order] for part, block in zip(parts, blocks, strict=True) if part is not None]
    columns = ordered[0] if len(ordered) == 1 else [pl.concat(column) for column in zip(*ordered, strict=True)]
    begun = [cut - found.first - before for before, cut in enumerate(cuts)]

    def line(row: int) -> int:
        return found.first + row + bisect_right(begun, row)

    return Rows(_without_end(columns), line, notes)


def _are_quotes_plain(data: bytes, start: int, separator: str) -> bool:
    """Whether every quote stands at the edge of a cell; what is within cells is for the count of the cells to tell."""
    mark = separator.encode()
    opening = data.count(mark + b'"', start) + data.count(b'\n"', start) + data.startswith(b'"', start)
    closing = sum(data.count(b'"' + after, start) for after in (mark, b"\n", b"\r\n")) + data.endswith(b'"')
    is_alone = data.find(mark + b'"' + mark, start) >= 0
    return opening == closing and opening + closing == data.count(b'"', start) and not is_alone


def _blocks(
    data: bytes, start: int, spans: list[tuple[int, int]], found: Layout
) -> tuple[list[_Block], list[int], tuple[str, ...]]:
    """Return the rows without some of the lines, the numbers of those, and what to say of them."""
    usual = list(range(len(found.names)))
    if not spans:
        return [_Block(data, start, found.first if start else 1, usual)], [], ()
    cuts: list[int] = []
    blocks: list[_Block] = []
    kept: list[bytes] = []
    at = counted_to = start
    headers = comments = 0
    line, order = found.first, usual
    for begin, end in spans:
        text = data[begin:end].decode("utf-8", "replace").rstrip("\r\n")
        line += data.count(b"\n", counted_to, begin)
        counted_to = begin
        cuts.append(line)
        kept.append(data[at:begin])
        at = end
        comments += lines.is_comment(text)
        new = csv_repeats.order(text, found)
        headers += new is not None
        if new and new != order:
            blocks.append(_Block(b"".join(kept), 0, 1, order))
            order, kept = new, []
    blocks.append(_Block(b"".join([*kept, data[at:]]), 0, 1, order))
    return blocks, cuts, csv_repeats.told(headers, comments)


def _by_polars(block: _Block, found: Layout) -> list[pl.Series] | None:
    """Return the columns of lines that can be read in one way only; None for others."""
    data, start, first, _ = block
    separator, width = found.separator or NO_SEPARATOR, len(found.names)
    if not found.separator and NO_SEPARATOR.encode() in data:
        return None
    if start >= len(data):
        return [pl.Series(dtype=pl.String)] * width
    if not data.endswith(b"\n"):  # polars overlooks an empty cell too many at the end
        data += b"\n"
    is_quoted = data.find(b'"', start) >= 0
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema={f"{place}": pl.String for place in range(width)},
            separator=separator,
            quote_char='"' if is_quoted else None,
            skip_lines=first - 1,
            infer_schema=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if is_quoted and frame.height != data.count(b"\n", start):
        return None
    columns = frame.get_columns()
    # No row has more cells, or polars would have said so; where one has fewer, the last cell is null.
    if columns[-1].null_count() and width > 1 and not _are_whole(columns, data, start, separator):
        return None
    return columns


def _are_whole(columns: list[pl.Series], data: bytes, start: int, separator: str) -> bool:
    """Whether no row but blank lines has too few cells."""
    marks = data.count(separator.encode(), start)
    if data.find(b'"', start) >= 0:
        marks -= sum(int(column.str.count_matches(separator, literal=True).sum()) for column in columns)
    lacking = (len(columns) - 1) * len(columns[0]) - marks
    return not lacking or lacking == (len(columns) - 1) * _blank_lines(data, start)


def _blank_lines(data: bytes, start: int) -> int:
    return sum(1 for _ in _BLANK.finditer(data, start)) - 1


def _without_end(columns: list[pl.Series]) -> list[pl.Series]:
    """Return columns without the rows of empty cells at their end."""
    height = len(columns[0])
    while height and not any((column[height - 1] or "").strip() for column in columns):
        height -= 1
    return columns if height == len(columns[0]) else [column.head(height) for column in columns]
