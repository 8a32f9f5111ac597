"""The layout of a CSV file: what parts its cells, which line names its columns, and where its rows begin.

Found out from the first lines alone. What stands before the table is unlike it: other lines have other numbers of
cells, and where they have not, words stand where the table has numbers and times.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted, listed
from edgeseq_runtime.reading import lines

NO_SEPARATOR = "\x1f"
"""For rows of one cell: a character that no text has."""

_LOOKED_AHEAD = 40
"""Lines by which a line before them is judged."""

_PREAMBLE = 200
"""Lines that may stand before a header that is to be found without help."""

_LINE_END = re.compile(r"\r\n|\r|\n")

_ONE_VALUE = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
"""A decimal comma where a line has one cell."""

_STATISTICS = frozenset("avg smp min max std tot sum mean inst sample average minimum maximum".split())  # noqa: SIM905
"""What data loggers write below their columns' names and units."""

_SEPARATOR_WORDS = {lines.BLANKS: "blanks", "|": "bars"}
"""Separators that are told of."""


_LONGEST_NAME = 1_000
"""Characters; what is longer is no column's name."""


class Line(NamedTuple):
    """One line of a table, or several where a quoted cell holds line ends."""

    number: int
    """Of the first of them, counted from 1."""
    text: str
    """Without the line end behind it."""

    @property
    def next(self) -> int:
        """The number of the line behind it."""
        return self.number + 1 + len(_LINE_END.findall(self.text))


@dataclass(frozen=True)
class Layout:
    """How a table is laid out."""

    separator: str | None
    names: tuple[str, ...]
    """One for each cell of a row, as the file gives them; all are empty where it gives none."""
    header: Line | None
    """The line that gives them."""
    first: int
    """The line at which rows begin."""
    bare: bool = False
    """Whether the names are given by no line of the table."""
    units: tuple[str, ...] = ()
    """One for each column, "" where none is given."""
    units_line: str | None = None
    """The line that gives them, if one does."""
    skip_rows: int = 0
    """Lines before the header that are neither comments nor blank."""
    notes: tuple[str, ...] = ()


def find(head: Sequence[Line], skip_rows: int | None = None, header: bool | None = None) -> Layout:
    """Return the layout of a file that begins with these lines.

    `skip_rows` lines are left out, where the user says how many, and then nothing else but comments; `header` says
    whether a line names the columns, None looks. Raises `DataError`, which says what the file "has" or "holds" or "is".
    """
    skipped = [line for line in head if line.number > (skip_rows or 0)]
    table = [line for line in skipped if line.text.strip() and not lines.is_comment(line.text)]
    said = lines.separator_line(table[0].text) if table else None
    table = table[1:] if said else table
    if not table:
        raise DataError("holds no line but comments" if any(line.text.strip() for line in skipped) else "is empty")
    begin = 0 if skip_rows else _begin(table, said)
    separator = _separator(table, begin, said)
    body = _Body.of(table[begin:], separator)
    if header is False:
        return _without_header(table[begin], body, separator, begin, skip_rows)
    at, names = body.header(looked_for=header is None and not skip_rows)
    if at is None:
        comment = _from_comment(skipped, table[begin], separator, body.width) if header is None else None
        return _without_header(table[begin], body, separator, begin, skip_rows, comment)
    return _with_header(table, begin + at, names, separator, body, skip_rows)


def _begin(table: Sequence[Line], said: str | None) -> int:
    """Return the first line that has as many cells as those after it."""
    for at in range(min(len(table), _PREAMBLE)):
        after = [line.text for line in table[at + 1 : at + 1 + _LOOKED_AHEAD]]
        mark = said or _mark(table[at].text, after[:5])
        cells = _cells(table[at].text, mark)
        alike = sum(_is_as_wide(text, mark, cells) for text in after)
        # The first line is believed more easily: what differs from it may be a fault of the file.
        enough = len(after) / 2 if at == 0 else max(2, 0.8 * len(after))
        if alike >= enough:
            return at
    return 0


def _separator(table: Sequence[Line], begin: int, said: str | None) -> str | None:
    return said or _mark(table[begin].text, [line.text for line in table[begin + 1 : begin + 6]])


def _mark(text: str, after: Sequence[str]) -> str | None:
    """Return what parts the cells of a line; R's rows have a name more than its header, which blanks may part."""
    width = len(text.split())
    if width > 1 and len(after) > 1 and all(len(_cells(row, lines.BLANKS)) == width + 1 for row in after):
        return lines.separator(text) or lines.BLANKS
    return lines.separator(text, *after)


def _is_as_wide(text: str, separator: str | None, header: list[str]) -> bool:
    """Whether a line has as many cells, or one more, or lacks a last one that is empty."""
    if separator is None:
        return lines.separator(text) is None or _ONE_VALUE.fullmatch(text.strip()) is not None
    cells, width = _cells(text, separator), len(header)
    is_shorter = len(cells) == width - 1 and not header[-1]
    return len(cells) in (width, width + 1) or is_shorter or lines.fitted(cells, width) is not None


def _cells(text: str, separator: str | None) -> list[str]:
    try:
        return lines.split(text.strip("\r\n"), separator)
    except DataError:  # said by whoever reads the rows, with its line
        return text.split(separator)


@dataclass(frozen=True)
class _Body:
    """Lines from a possible header on, taken apart."""

    rows: list[list[str]]
    width: int
    """Cells of most of the rows."""

    @classmethod
    def of(cls, table: Sequence[Line], separator: str | None) -> "_Body":
        rows = [_cells(line.text, separator) for line in table[: 2 * _LOOKED_AHEAD]]
        later = rows[1:][-_LOOKED_AHEAD:] or rows
        widths = [len(row) for row in later]
        width = max(widths, key=lambda width: (widths.count(width), width == len(rows[0])))
        return cls(rows, width)

    def header(self, *, looked_for: bool) -> tuple[int | None, tuple[str, ...]]:
        """Return which line is the header, None where none is, and the names of the columns.

        Where it is not looked for, it is the first line.
        """
        first = self.named(self.rows[0])
        if not looked_for or first is None:
            return 0, tuple(self.rows[0] if first is None else first)
        leading = self._leading()
        if not leading:
            return None, ("",) * self.width
        at = self._best(leading) if self.width > 1 else 0
        return at, tuple(self.named(self.rows[at]) or self.rows[at])

    def _best(self, leading: Sequence[int]) -> int:
        """Return which of the lines above the table names its columns: below it, others describe them only."""
        names = [at for at in leading if lines.looks_like_header(self.rows[at])]
        names = [at for at in names if not _are_units(self.rows[at])] or names or [0]
        described = (at for at in names if all(map(_is_description, self.rows[at + 1 : leading[-1] + 1])))
        return next(described, names[-1])

    def named(self, cells: Sequence[str]) -> list[str] | None:
        """Return a header's cells, one for each cell of a row; None where their numbers do not go together."""
        if len(cells) == self.width:
            return list(cells)
        later = [row for row in self.rows[1:] if len(row) == self.width]
        if len(cells) == self.width - 1 and len(cells) > 1 and later:
            if not any(row[-1] for row in later):  # rows end with a separator, the header does not
                return [*cells, ""]
            return ["", *cells]  # R names the rows, and not the column that holds their names
        if len(cells) == self.width + 1 and not cells[-1]:
            return list(cells[:-1])
        return None

    def _leading(self) -> list[int]:
        """Return the lines at the start in which words stand above the table's numbers and times."""
        typical = [row for row in self.rows[1:][-20:] if len(row) == self.width]

        def is_above(cells: list[str]) -> bool:
            named = self.named(cells)
            if named is None:
                return False
            if not typical:
                return lines.looks_like_header(cells)
            return 2 * sum(lines.looks_like_header(named, row) for row in typical) > len(typical)

        if not is_above(self.rows[0]):
            return []
        if typical and is_above(typical[-1]):  # words everywhere
            return [0]
        count = next((at for at, row in enumerate(self.rows) if not is_above(row)), len(self.rows))
        return list(range(min(count, _PREAMBLE)))


def _are_units(cells: Sequence[str]) -> bool:
    """Whether a line holds units alone."""
    return all(lines.is_units_row([cell]) for cell in cells if cell)


def _is_description(cells: Sequence[str]) -> bool:
    """Whether a line below the names says something of the columns: their units, or what their values are."""
    filled = [cell for cell in cells if cell]
    return lines.is_units_row(cells) or (bool(filled) and all(cell.lower() in _STATISTICS for cell in filled))


def _with_header(
    table: Sequence[Line],
    at: int,
    names: tuple[str, ...],
    separator: str | None,
    body: _Body,
    skip_rows: int | None,
) -> Layout:
    header, notes = table[at], _said(separator)
    if len(max(names, key=len)) > _LONGEST_NAME:
        raise DataError(
            f"has a line {header.number} that is no header: a name in it has more than {_LONGEST_NAME} characters"
        )
    above = _cells(table[at - 1].text, separator) if at else []
    first, units_line = at + 1, None
    units: list[str] = []
    while first < len(table) and _is_description(cells := _cells(table[first].text, separator)):
        if not units and lines.is_units_row(cells):
            units, units_line = list(body.named(cells) or cells), table[first].text
        first += 1
    if not units and len(above) == len(names) and lines.is_units_row(above):
        units = above
    if at and not skip_rows:
        notes.append(
            f"header: line {header.number} ({listed(filter(None, names), 60)}); "
            f"{counted(at, 'line')} before it {'is' if at == 1 else 'are'} no part of the table"
        )
    if units:
        pairs = listed((f"{name} {unit}" for name, unit in zip(names, units, strict=False) if name and unit), 80)
        notes.append(f"units: given by the line beside the header ({pairs})")
    is_bare = not names[0] and len(names) == len(_cells(header.text, separator)) + 1
    return Layout(
        separator=separator,
        names=names,
        header=header,
        first=table[first - 1].next,
        bare=is_bare,
        units=tuple(_bare_unit(unit) for unit in units[: len(names)]),
        units_line=units_line,
        skip_rows=header.number if is_bare else skip_rows or (header.number - 1 if at else 0),
        notes=tuple(notes),
    )


def _without_header(
    first: Line,
    body: _Body,
    separator: str | None,
    before: int,
    skip_rows: int | None,
    comment: tuple[Line, tuple[str, ...]] | None = None,
) -> Layout:
    names = comment[1] if comment else ("",) * body.width
    notes = _said(separator)
    if comment:
        notes.append(f"header: the comment in line {comment[0].number} ({listed(names, 60)})")
    else:
        called = listed(lines.column_names(names), 60)
        notes.append(f"header: none, line {first.number} is a sample; the columns are called {called}")
    skipped = skip_rows or (first.number - 1 if before else 0)
    return Layout(separator, names, None, first.number, bare=True, skip_rows=skipped, notes=tuple(notes))


def _from_comment(
    head: Sequence[Line], first: Line, separator: str | None, width: int
) -> tuple[Line, tuple[str, ...]] | None:
    """Return the last comment before the first row and the names in it, where it names the columns."""
    comments = [line for line in head if line.number < first.number and lines.is_comment(line.text)]
    for line in reversed(comments[-3:]):
        text = lines.uncommented(line.text)
        for mark in (separator, lines.BLANKS, ","):
            cells = _cells(text, mark)
            if len(cells) == width and lines.looks_like_header(cells, _cells(first.text, separator)):
                return line, tuple(cells)
    return None


def _said(separator: str | None) -> list[str]:
    word = _SEPARATOR_WORDS.get(separator or "")
    return [f"text: cells are parted by {word}"] if word else []


def _bare_unit(unit: str) -> str:
    """Return a unit without the brackets around it."""
    inner = unit.strip()
    return inner[1:-1].strip() if inner[:1] in "[({<" and inner[-1:] in "])}>" and len(inner) > 2 else inner
