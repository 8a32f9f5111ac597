"""Tables: the columns of a file by name, and where each row stands in it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.printable import listed
from edgeseq_runtime.reading import lines
from edgeseq_runtime.reading.reading import Reading

Place = Callable[[int], str]
"""Says where a row is found, for errors: "line 7"."""


@dataclass(frozen=True)
class Written:
    """How the text of a table is written, as far as it was found out before its cells are looked at."""

    separator: str | None = None
    """What parts the cells; None where nothing does, or where the file is no CSV."""
    header: tuple[str, ...] = ()
    """Names of the columns where no line of the table gives them."""
    header_line: int | None = None
    """The line that was taken for the header; None where none was."""
    skip_rows: int = 0
    """Lines before the header that are neither comments nor blank, nor part of the table."""
    units: Mapping[str, str] = field(default_factory=dict)
    """By column, where the file gives them beside the names."""
    notes: tuple[str, ...] = ()
    """What was decided, and what was in doubt; a line each."""

    def told(self, reading: Reading) -> Reading:
        """Return the decision about a file with that about its lines."""
        return replace(reading, header=self.header, skip_rows=self.skip_rows)


@dataclass(frozen=True)
class Table:
    """A file's columns; a CSV's cells are text, those of Parquet are what they are."""

    path: str
    names: tuple[str, ...]
    """Without blanks around them; a column without a name is called after its place: "column 1"."""
    unnamed: frozenset[str]
    """Which of these the file has no name for, where it has names for others."""
    height: int
    """How many rows there are."""
    kinds: Mapping[str, pl.DataType]
    column: Callable[[str], pl.Series]
    """Read one column, which carries the name it has here."""
    place_of: Place | None = None
    """Where a row of the file is found; None: by its number alone."""
    rows: npt.NDArray[np.int64] | None = None
    """The file's rows that these are; None: all of them."""
    written: Written = Written()
    """How its text is written."""
    twins: Mapping[str, str] = field(default_factory=dict)
    """What the file calls those columns whose name it gives to several."""

    def place(self, row: int) -> str:
        """Return where a row is found, for an error: "line 7", or "row 6" in a file without lines."""
        row = row if self.rows is None else int(self.rows[row])
        return self.place_of(row) if self.place_of else f"row {row + 1}"

    def where(self, rows: npt.NDArray[np.int64]) -> "Table":
        """Return the table of some of the rows."""

        def column(name: str) -> pl.Series:
            return self.column(name).gather(rows)

        return replace(self, height=len(rows), column=column, rows=rows if self.rows is None else self.rows[rows])

    def is_plain(self, name: str) -> bool:
        """Whether a column may hold numbers or times; lists, structures and bytes do not."""
        kind = self.kinds[name]
        return not (kind.is_nested() or kind in (pl.Binary, pl.Object))

    def require(self, name: str) -> str:
        """Return the name of a column that has to be there. Raises `UsageError`, and `DataError` for one of twins."""
        if name in self.twins:
            raise DataError(
                f"the header of {self.path} has several columns called {self.twins[name]!r}: give each its own name"
            )
        if name not in self.names:
            raise UsageError(f"there is no column {name!r}; the columns are {listed(self.names)}{self._header()}")
        return name

    def _header(self) -> str:
        """Return which line was taken for the header, where that is not the obvious one."""
        if self.written.header:
            return " (no line was taken for a header)"
        line = self.written.header_line
        return "" if line in (None, 1) else f" (line {line} was taken for the header)"


def named(header: Sequence[str]) -> tuple[tuple[str, ...], frozenset[str], dict[str, str]]:
    """Return the columns' names, which of them the file does not give, and what it calls those that are twins.

    Of twins, the later ones get their place behind the name, so that no two columns are called the same.
    """
    given = lines.column_names(header)
    counts = Counter(given)
    seen: set[str] = set()
    names = []
    for place, name in enumerate(given, start=1):
        unique = f"{name} (column {place})" if name in seen else name
        names.append(unique)
        seen.add(unique)
    unnamed = frozenset(name for name, cell in zip(names, header, strict=True) if not cell.strip())
    unnamed = frozenset() if len(unnamed) == len(names) else unnamed
    twins = {name: word for name, word in zip(names, given, strict=True) if counts[word] > 1}
    return tuple(names), unnamed, twins


def from_columns(
    path: str,
    header: Sequence[str],
    columns: Sequence[pl.Series],
    place_of: Place | None,
    written: Written,
) -> Table:
    """Return the table of columns in memory, named by the cells of a header."""
    names, unnamed, twins = named(header)
    by_name = {name: column.alias(name) for name, column in zip(names, columns, strict=True)}
    kinds = {name: column.dtype for name, column in by_name.items()}
    height = len(columns[0]) if columns else 0
    return Table(path, names, unnamed, height, kinds, by_name.__getitem__, place_of, None, written, twins)
