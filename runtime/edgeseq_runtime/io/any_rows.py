"""Rows of a table for a model of any sensor: below a header or without one, each column of numbers is a stream."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.any_names import TIME, AnyNames, split_paths
from edgeseq_runtime.io.sample import Sample, Tell, as_stream
from edgeseq_runtime.printable import counted, listed
from edgeseq_runtime.reading import lines
from edgeseq_runtime.reading.numbers import NumberReader
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import TimeReader

_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+")


class AnyRows:
    """Reads the lines of one table, one by one: `samples` returns those of a line."""

    def __init__(
        self,
        reading: Reading,
        paths: Mapping[str, str] | None = None,
        tell: Tell | None = None,
        *,
        timed: bool = True,
    ) -> None:
        """Read as `AnyNames` does; with `paths` only the columns that these name, by the names that these give them."""
        self._reading, self._tell, self._timed = reading, tell, timed
        self._paths, self._time_path = split_paths(paths or {}, reading)
        self._said: str | None = None  # the separator that a line has told of
        self._comment = self._header = ""
        self._columns: list[str] = []
        self._separator: str | None = None
        self._parted_time: int | None = None  # where a blank in a time has made two cells of it
        self._is_first = False  # below the header
        self._is_named = False  # by a header
        self._has_told_of_nobody = False
        self._names: AnyNames | None = None

    def comment(self, text: str) -> None:
        """See a comment: the last one before the rows may name the columns."""
        self._comment = "" if self._names else lines.uncommented(text)

    def samples(self, text: str, line: int) -> list[Sample]:
        """Return the samples of a line that is no comment: none of a header, of the units below it or of a blank one.

        Raises `DataError` for one that is no row of this table.
        """
        if self._names is None:
            said = lines.separator_line(text)
            if said is not None:
                self._said = said
                return []
            if not text:
                return []
            if not self._header and self._is_header(text):
                self._header, self._is_first = text, True
                return []
        if (text and text == self._header) or (not text and len(self._columns) > 1):
            return []
        cells = self._cells(text)
        if self._is_first and self._are_units(cells):
            return []
        if self._names is None:
            self._begin(text)
            cells = self._cells(text)
        self._is_first = False
        assert self._names, "the table has begun"
        if self._columns == [""]:
            return [self._names.number(cells[0], line)]
        return self._of_row(self._fitted(cells), line)

    def _is_header(self, text: str) -> bool:
        cells = lines.split(text, self._said or lines.separator(text))
        return lines.looks_like_header(cells) and any(lines.looks_like_header([word]) for word in text.split())

    def _are_units(self, cells: list[str]) -> bool:
        """Whether cells below the header are units, none of which is a number; 1 is one beside others."""
        without = sum(cell in ("", "-", "1") for cell in cells)
        are_words = not any(_is_number(cell, self._reading) for cell in cells if cell not in ("", "-", "1"))
        return lines.is_units_row(cells) and are_words and ("1" not in cells or len(cells) - without > 1)

    def _cells(self, text: str) -> list[str]:
        if self._names is None:  # a first row, or the units above it
            return lines.split(text, self._parting(text))
        return lines.split(text, self._separator)

    def _parting(self, text: str) -> str | None:
        """Return what parts the cells of a first row."""
        if self._said:
            return self._said
        above = self._header or self._comment
        if above:
            return lines.separator(above, text)
        separator = lines.separator(text)
        if separator == "," and self._reading.decimal == ",":
            separator = None
        if separator is None and len(text.split()) > 1 and not _is_number(text, self._reading):
            return lines.BLANKS
        return separator

    def _begin(self, text: str) -> None:
        """Begin with the first row: decide what the columns are called, and how their numbers are written."""
        self._separator = self._parting(text)
        cells = lines.split(text, self._separator)
        above = self._header or self._comment
        names = lines.split(above, self._separator) if above else []
        if self._header or (len(names) == len(cells) and lines.looks_like_header(names)):
            columns, named = lines.column_names(names), True
        else:
            columns, named = lines.column_names([""] * len(cells)), False
        if self._separator == lines.BLANKS:
            self._join_time(cells, columns, named=named)
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice:
            raise DataError(f"the input has {columns.count(twice)} columns {twice!r}")
        reading = self._reading
        if self._separator == ";" and reading.decimal == "." and any(map(_DECIMAL_COMMA.fullmatch, cells)):
            reading = reading.replaced(decimal=",")
        self._check(columns)
        time = (TIME,) if self._time_path else ()
        nameless = [name for name, own in zip(columns, names, strict=False) if not own] if named else []
        self._names = AnyNames(
            reading, self._tell, timed=self._timed, named=named, time=time, aside=nameless, only=self._paths or None
        )
        self._columns, self._is_named = columns if len(columns) > 1 or named else [""], named

    def _join_time(self, cells: list[str], columns: list[str], *, named: bool) -> None:
        """Take a date and a time of day, parted by a blank as other cells are, for one cell."""
        if named and len(cells) != len(columns) + 1:
            return
        reader = TimeReader()
        for at, pair in enumerate(pairwise(cells)):
            if ":" in pair[1] and reader.is_time(" ".join(pair)):
                self._parted_time = at
                if not named:
                    columns.pop()
                return

    def _check(self, columns: list[str]) -> None:
        """Raise `DataError` where a column that a user names is not there."""
        named = [*self._paths.values(), *([self._time_path] if self._time_path else self._reading.time)]
        named += [self._reading.id] if self._reading.id else []
        lacking = next((name for name in named if name not in columns), None)
        if lacking:
            raise DataError(f"the input has no column {lacking!r}; its columns are {listed(columns)}")

    def _fitted(self, cells: list[str]) -> list[str]:
        """Return a row with as many cells as there are columns."""
        width, at = len(self._columns), self._parted_time
        if at is not None and len(cells) == width + 1:
            cells = [*cells[:at], f"{cells[at]} {cells[at + 1]}", *cells[at + 2 :]]
        fitted = lines.fitted(cells, width)
        if fitted is None:
            raise DataError(f"expected {counted(width, 'cell')}, got {len(cells)}")
        return fitted

    def _of_row(self, row: list[str], line: int) -> list[Sample]:
        assert self._names, "the table has begun"
        cells: dict[str, Any] = dict(zip(self._columns, row, strict=True))
        owner = ""
        if self._reading.id:
            owner = as_stream(cells.pop(self._reading.id), self._reading.id)
            if not owner:  # nobody's, as in training
                if self._tell and not self._has_told_of_nobody:
                    self._tell(f"line {line}: no {self._reading.id}, which names the stream; such lines are left out")
                    self._has_told_of_nobody = True
                return []
        if self._paths or self._time_path:
            cells = self._chosen(cells)
        found = self._names.samples(cells, line, owner)
        if (owner or not self._is_named) and self._names.is_single(cells):
            field = "" if not self._is_named else found[0].field if found else ""
            return [sample._replace(stream=owner, field=field) for sample in found]
        return found

    def _chosen(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return a row with the columns that a user names under the names that they are to have."""
        time = {TIME: self._time_path} if self._time_path else {}
        named = {**self._paths, **time}
        rest = {name: cell for name, cell in cells.items() if name not in named.values()}
        return {**rest, **{name: cells[column] for name, column in named.items()}}


def _is_number(text: str, reading: Reading) -> bool:
    try:
        NumberReader("", decimal=reading.decimal, thousands=reading.thousands, missing=reading.missing)(text)
    except DataError:
        return False
    return True
