"""CSV files as columns of text, with the line of the file that each row begins on.

polars takes apart what can only be read in one way: rows that are lines, all with as many cells, whose quotes stand
around whole cells. Everything else goes through Python's reader, which names the line of what is wrong.
"""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import polars as pl

from edgeseq.series.files import layout
from edgeseq.series.files.layout import Layout, Line
from edgeseq.series.files.table import Table, Written, from_columns
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted
from edgeseq_runtime.reading import lines

_AT_ONCE = 2_000
"""Rows that are held as Python's lists before they become columns, which take far less memory."""

_HEAD = 1 << 18
"""Bytes by which the layout is found."""

_HEAD_LINES = 400

_NO_SEPARATOR = "\x1f"
"""For rows of one cell: a character that no text has."""

_SPACED = re.compile(rb"[ \t]+")


class _Rows(NamedTuple):
    """Rows of a file."""

    columns: list[pl.Series]
    place: Callable[[int], int]
    """The line that a row begins on."""
    notes: tuple[str, ...] = ()


class _Block(NamedTuple):
    """Lines that stand in a row for one layout of columns."""

    data: bytes
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
    return from_columns(path, found.names, rows.columns, lambda row: f"line {rows.place(row)}", written)


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


def _read(path: str, data: bytes, found: Layout) -> _Rows:
    body = _from_line(data, found.first)
    if found.separator == lines.BLANKS:
        body = b"\n".join(_SPACED.sub(b" ", line.strip()) for line in body.split(b"\n"))
    is_quoted = b'"' in body
    if is_quoted and not _are_quotes_plain(body, found.separator or _NO_SEPARATOR):
        return _by_python(path, body, found)
    if body.count(b"\r") != body.count(b"\r\n"):
        return _by_python(path, body, found)
    blocks, cuts, notes = _blocks(body, found)
    if is_quoted and cuts:  # they may stand within a cell
        return _by_python(path, body, found)
    parts = [_by_polars(block.data, found) for block in blocks]
    if any(part is None for part in parts):
        return _by_python(path, body, found)
    ordered = [[part[at] for at in block.order] for part, block in zip(parts, blocks, strict=True) if part is not None]
    columns = ordered[0] if len(ordered) == 1 else [pl.concat(column) for column in zip(*ordered, strict=True)]
    begun = [cut - found.first - before for before, cut in enumerate(cuts)]

    def place(row: int) -> int:
        return found.first + row + bisect_right(begun, row)

    return _Rows(_without_end(columns), place, notes)


def _from_line(data: bytes, first: int) -> bytes:
    """Return the bytes from a line on."""
    at = 0
    end = re.compile(rb"\r\n|\r|\n")
    for _ in range(first - 1):
        match = end.search(data, at)
        if match is None:
            return b""
        at = match.end()
    return data[at:]


def _are_quotes_plain(body: bytes, separator: str) -> bool:
    """Whether every quote stands at the edge of a cell; what is within cells is for the count of the cells to tell."""
    mark = separator.encode()
    opening = body.count(mark + b'"') + body.count(b'\n"') + body.startswith(b'"')
    closing = body.count(b'"' + mark) + body.count(b'"\n') + body.count(b'"\r\n') + body.endswith(b'"')
    return opening == closing and opening + closing == body.count(b'"') and mark + b'"' + mark not in body


def _blocks(body: bytes, found: Layout) -> tuple[list[_Block], list[int], tuple[str, ...]]:
    """Return the rows without comments and headers that come again, the numbers of those lines, and what to say."""
    usual = list(range(len(found.names)))
    spans = sorted({*_comments(body), *_headers(body, found)})
    if not spans:
        return [_Block(body, usual)], [], ()
    cuts: list[int] = []
    blocks: list[_Block] = []
    kept: list[bytes] = []
    at = counted_to = headers = comments = 0
    line, order = found.first, usual
    for start, end in spans:
        text = body[start:end].decode("utf-8", "replace").rstrip("\r\n")
        line += body.count(b"\n", counted_to, start)
        counted_to = start
        cuts.append(line)
        kept.append(body[at:start])
        at = end
        comments += lines.is_comment(text)
        new = _order(text, found)
        headers += new is not None
        if new and new != order:
            blocks.append(_Block(b"".join(kept), order))
            order, kept = new, []
    blocks.append(_Block(b"".join([*kept, body[at:]]), order))
    return blocks, cuts, _told(headers, comments)


def _told(headers: int, comments: int) -> tuple[str, ...]:
    notes = []
    if headers:
        notes.append(f"header: comes again {'once' if headers == 1 else f'{headers} times'} within the file; left out")
    if comments:
        notes.append(f"text: {counted(comments, 'comment line')} among the rows left out")
    return tuple(notes)


def _comments(body: bytes) -> Iterator[tuple[int, int]]:
    if body.lstrip(b" \t").startswith(b"#") or any(mark in body for mark in (b"\n#", b"\n #", b"\n\t#")):
        for match in re.finditer(rb"^[ \t]*#[^\n]*\n?", body, re.MULTILINE):
            yield match.span()


def _headers(body: bytes, found: Layout) -> Iterator[tuple[int, int]]:
    """Yield where the header stands again, perhaps in another order of the columns, and the units below it."""
    name = max(found.names, key=len).strip().encode() if found.header else b""
    if not name or found.header is None:
        return
    size, slack = len(found.header.text.encode()), 2 * len(found.names) + 2
    units = found.units_line and found.units_line.strip().encode()
    at = body.find(name)
    while at >= 0:
        start, end = body.rfind(b"\n", 0, at) + 1, (body.find(b"\n", at) + 1) or len(body)
        if abs(end - start - size) <= slack and _order(body[start:end].decode("utf-8", "replace"), found):
            yield start, end
            after = (body.find(b"\n", end) + 1) or len(body)
            if units and body[end:after].strip() == units:
                yield end, after
        at = body.find(name, end)


def _order(text: str, found: Layout) -> list[int] | None:
    """Return which cell of rows below a line each column is, where the line is the header again; else None."""
    if found.header is None:
        return None
    text = text.strip("\r\n ")
    if text == found.header.text.strip("\r\n "):
        return list(range(len(found.names)))
    cells = [cell.strip().strip('"').strip() for cell in (text.split(found.separator) if found.separator else [text])]
    names = [name.strip() for name in found.names]
    if len(cells) != len(names) or sorted(cells) != sorted(names) or len(set(names)) < len(names):
        return None
    return [cells.index(name) for name in names]


def _by_polars(data: bytes, found: Layout) -> list[pl.Series] | None:
    """Return the columns of lines that can be read in one way only; None for others."""
    separator, width = found.separator or _NO_SEPARATOR, len(found.names)
    if not found.separator and _NO_SEPARATOR.encode() in data:
        return None
    if not data:
        return [pl.Series(dtype=pl.String)] * width
    if not data.endswith(b"\n"):  # polars overlooks an empty cell too many at the end
        data += b"\n"
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema={f"{place}": pl.String for place in range(width)},
            separator=separator,
            quote_char='"' if b'"' in data else None,
            infer_schema=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if frame.height != data.count(b"\n"):
        return None
    marks = data.count(separator.encode())
    if b'"' in data:
        marks -= sum(int(column.str.count_matches(separator, literal=True).sum()) for column in frame.get_columns())
    lacking = (width - 1) * frame.height - marks
    # No row has more cells, or polars would have said so: none has fewer where those that lack are of blank lines.
    if lacking and lacking != (width - 1) * _blank_lines(data):
        return None
    return frame.get_columns()


def _blank_lines(data: bytes) -> int:
    return sum(1 for _ in re.finditer(rb"^\r?$", data, re.MULTILINE)) - 1


def _by_python(path: str, body: bytes, found: Layout) -> _Rows:
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
            if new := _order((found.separator or _NO_SEPARATOR).join(cells), found):
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
    return _Rows(columns, numbers.__getitem__, (*_told(headers, source.comments), *notes))


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
    separator = found.separator or _NO_SEPARATOR
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


def _without_end(columns: list[pl.Series]) -> list[pl.Series]:
    """Return columns without the rows of empty cells at their end."""
    height = len(columns[0])
    while height and not any((column[height - 1] or "").strip() for column in columns):
        height -= 1
    return columns if height == len(columns[0]) else [column.head(height) for column in columns]
