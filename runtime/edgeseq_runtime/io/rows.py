"""Rows of a table as samples: lines of CSV below a header, or bare numbers in the order of the model's features."""

from collections.abc import Mapping, Sequence

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.known_columns import KnownColumns
from edgeseq_runtime.io.sample import Tell, Values, WrittenTime, as_stream
from edgeseq_runtime.io.time_columns import TimeColumns
from edgeseq_runtime.printable import counted, listed
from edgeseq_runtime.reading import fields, lines
from edgeseq_runtime.reading.numbers import RowReader, readers
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Spec

_MOST_TIME_CELLS = 2
"""Cells of a row without a header that may be its date and its time."""


class Rows:
    """Reads the lines of one table, one by one, and what else stands between its rows."""

    def __init__(
        self, spec: Spec, reading: Reading, columns: Mapping[str, str] | None = None, tell: Tell | None = None
    ) -> None:
        """Read as `reading` says; `columns` says how a feature's column, or that of the time, is called here."""
        self._reading = reading
        self._features = [feature.name for feature in spec.measured]
        self._named = [(columns or {}).get(name, name) for name in self._features]
        self._values = RowReader(readers(spec.measured, reading, of_fleet=bool(spec.sensors)))
        self._times = TimeColumns(spec, reading, tell)
        self._known_columns = KnownColumns(spec, reading, columns or {}, tell)
        self._one = len(self._features) == 1
        self._said: str | None = None  # the separator that a line has told of
        self._header: list[str] | None = None
        self._header_line = ""
        self._is_first = False  # the line after the header
        self._is_commented = False  # the header is a comment, and no row has come yet
        self._separator: str | None = None
        self._at: list[int] = []
        self._at_time: list[int] = []
        self._at_stream: int | None = None
        self.stream: str | None = ""
        """Whose the last row is, also where it is no sample; None where that cannot be told, "" without a column."""
        self.known: tuple[Values, Values] = ((), ())
        """What the last row says of the columns known ahead: values ahead, and values now."""

    def begins_with(self, text: str, *, skipped: bool = False) -> bool | None:
        """Begin with a first line that is no comment; return whether it is a sample, None where nothing has begun.

        Raises `DataError` for one that has neither the model's columns nor values; with `skipped`, where lines before
        the table are known, it is passed over.
        """
        said = lines.separator_line(text)
        if said is not None:
            self._said = said
            return None
        if self._is_header(text):
            return False
        separator = self._said or lines.separator(text)
        for mark in dict.fromkeys([separator, lines.BLANKS]) if self._reading.header else ():
            if lines.fitted(lines.split(text, mark), len(self._reading.header)) is not None:
                self._begin(list(self._reading.header), mark)
                return True
        cells = lines.split(text, separator)
        is_header = lines.looks_like_header(cells) and any(lines.looks_like_header([word]) for word in text.split())
        if skipped and (is_header or not self._is_bare(text)):
            return None
        if not is_header:
            return True
        lacking = next(name for name in self._named if name not in cells)
        raise DataError(f"the input has no column {lacking!r}; its columns are {listed(cells)}")

    def __call__(self, text: str) -> tuple[WrittenTime, Values] | None:
        """Return the time and the values in a line; None for one that is no row: a header again, or units below it.

        A row whose stream has no name is nobody's, and none, as in training. Raises `DataError` for a line that
        should be a row and is none.
        """
        self.stream = "" if self._at_stream is None else None
        self.known = ((), ())
        try:
            row = self._bare(text) if self._header is None else self._row(text)
        except DataError:
            if self._is_first and lines.is_units_row(lines.split(text, self._separator)):
                self._is_first = False
                return None
            if self._is_header(text):
                return None
            raise
        if row is None:  # nobody's
            return None
        if self._is_first:
            self._is_first = False
            if all(value is None for value in row[1]) and lines.is_units_row(lines.split(text, self._separator)):
                return None
        elif None in row[1] and text == self._header_line:  # a column may be called as a missing value is written
            return None
        return row

    def _is_header(self, text: str) -> bool:
        """Whether a line names the model's columns; it then holds for the lines after it."""
        text = lines.uncommented(text) if lines.is_comment(text) else text
        marks = [mark for mark in lines.SEPARATORS if mark in text]
        for separator in dict.fromkeys([self._said or lines.separator(text), *marks, lines.BLANKS]):
            cells = lines.split(text, separator)
            names = lines.column_names(cells)
            for other in (name for name in self._named if name not in names):
                fields.rename_unique(names, other)
            if all(name in names for name in self._named):
                self._header_line = text
                self._begin(names, separator)
                return True
        return False

    def is_commented_header(self, text: str) -> bool:
        """Whether a comment names the model's columns, as some writers have it: `# time temp`."""
        self._is_commented = self._header is None and self._is_header(text)
        return self._is_commented

    @property
    def is_table(self) -> bool:
        """Whether a header has told of several columns, so that a blank line is no row."""
        return len(self._header or ()) > 1

    def _begin(self, names: list[str], separator: str | None) -> None:
        twice = next((name for name in self._named if names.count(name) > 1), None)
        if twice:
            raise DataError(f"the input has {names.count(twice)} columns {twice!r}")
        self._header, self._separator, self._is_first = names, separator, True
        self._at = [names.index(name) for name in self._named]
        self._known_columns.begin(names)
        self._times.begin(names)
        self._at_time = [names.index(name) for name in self._times.columns]
        column = self._reading.id
        self._at_stream = names.index(column) if column in names else None

    def _row(self, text: str) -> tuple[WrittenTime, Values] | None:
        assert self._header is not None
        if self._is_commented:  # which may be parted otherwise than the rows
            self._separator, self._is_commented = self._parting(text, len(self._header)), False
        cells = lines.split(text, self._separator)
        if len(cells) == len(self._header) + 1 and tuple(self._header) == self._reading.header[1:]:
            self._begin(list(self._reading.header), self._separator)  # R names the rows, and not that column
        if len(cells) != len(self._header):
            cells = self._refitted(cells, self._header)
        elif len(cells) == 1 and "," in text and self._reading.decimal != ",":  # which may part cells
            raise DataError(f"{self._features[0]} is {text[:40]!r}, not a number")
        if self._at_stream is not None:
            self.stream = as_stream(cells[self._at_stream], self._reading.id)
            if not self.stream:
                return None
        values = self._values.cells([cells[at] for at in self._at])
        if self._known_columns:
            self.known = self._known_columns.of_row(cells)
        if len(self._at_time) == 1:
            return cells[self._at_time[0]], values
        if not self._times.settled:
            names = self._header
            lacking = self._times.settle(lambda name: cells[names.index(name)])
            self._at_time = [names.index(name) for name in self._times.columns]
            if not self._at_time:
                return lacking, values
        return " ".join(cells[at] for at in self._at_time).strip() if self._at_time else None, values

    def _parting(self, text: str, width: int) -> str | None:
        """Return what parts a row into so many cells; what parts the header, where nothing does."""
        marks = (self._said or lines.separator(text), lines.BLANKS)
        fitting = (mark for mark in marks if lines.fitted(lines.split(text, mark), width) is not None)
        return next(fitting, self._separator)

    def _refitted(self, cells: list[str], header: list[str]) -> list[str]:
        """Return a row of more or fewer cells than the header as it is meant: separators at its end, or a blank."""
        width = len(header)
        fitted = lines.fitted(cells, width)
        if fitted is None and len(cells) < width and all(map(_is_nameless, header[len(cells) :])):
            fitted = cells + [""] * (width - len(cells))
        if fitted is None and self._separator == lines.BLANKS and len(cells) == width + 1 and len(self._at_time) == 1:
            at = self._at_time[0]
            fitted = [*cells[:at], f"{cells[at]} {cells[at + 1]}", *cells[at + 2 :]]
        if fitted is None:
            raise DataError(f"expected {counted(width, 'cell')} as in the header, got {len(cells)}")
        return fitted

    def _bare(self, text: str) -> tuple[WrittenTime, Values]:
        text = text.strip()
        if self._one and "," not in text:
            try:
                return None, self._values.cells((text,))
            except DataError:
                pass
        cells = self._bare_cells(text)
        beyond = len(cells) - len(self._features)
        if 0 < beyond <= _MOST_TIME_CELLS:
            moment = " ".join(cells[:beyond])
            if self._times.is_moment(moment):
                return moment, self._values.cells(cells[beyond:])
        if beyond:
            names, count = listed(self._features), counted(len(self._features), "value")
            raise DataError(f"the model expects {count} ({names}), got {len(cells)}")
        return None, self._values.cells(cells)

    def _is_bare(self, text: str) -> bool:
        try:
            self._bare(text)
        except DataError:
            return False
        return True

    def _bare_cells(self, text: str) -> Sequence[str]:
        separator = self._said or lines.separator(text)
        if separator == "," and self._reading.decimal == ",":
            separator = None
        return lines.split(text, separator) if separator or '"' in text else text.split()


def _is_nameless(name: str) -> bool:
    return name.startswith("column ")
