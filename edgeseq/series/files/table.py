"""Tables: the columns of a file by name, and where each row stands in it.

polars was chosen because it reads Parquet and turns text into numbers quickly, in one wheel without further packages.
CSV is taken apart by Python's own reader, which knows the line of each row whatever is quoted in it.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files import csv_text
from edgeseq_runtime.errors import DataError, UsageError


@dataclass(frozen=True)
class Table:
    """A file's columns; a CSV's cells are text, those of Parquet are what they are."""

    path: str
    names: tuple[str, ...]
    """Without blanks around them; a column without a name is called after its place: "column 1"."""
    unnamed: frozenset[str]
    """Which of these the file has no name for."""
    height: int
    """How many rows there are."""
    kinds: Mapping[str, pl.DataType]
    column: Callable[[str], pl.Series]
    """Read one column, which carries the name it has here."""
    lines: npt.NDArray[np.int64] | None = None
    """The line of each row; None where the file has no lines."""
    rows: npt.NDArray[np.int64] | None = None
    """The file's rows that these are; None: all of them."""

    def place(self, row: int) -> str:
        """Return where a row is found, for an error: "line 7", or "row 6" in a file without lines."""
        row = row if self.rows is None else int(self.rows[row])
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def where(self, rows: npt.NDArray[np.int64]) -> "Table":
        """Return the table of some of the rows."""

        def column(name: str) -> pl.Series:
            return self.column(name).gather(rows)

        return replace(self, height=len(rows), column=column, rows=rows)

    def is_plain(self, name: str) -> bool:
        """Whether a column may hold numbers or times; lists, structures and bytes do not."""
        kind = self.kinds[name]
        return not (kind.is_nested() or kind in (pl.Binary, pl.Object))

    def require(self, name: str) -> str:
        """Return the name of a column that has to be there. Raises `UsageError`."""
        if name not in self.names:
            raise UsageError(f"there is no column {name!r}; the columns are {', '.join(self.names)}")
        return name


def open_table(path: str) -> Table:
    """Open a CSV or Parquet file. Raises `DataError` for one that cannot be read or has no rows."""
    table = _parquet(path) if path.lower().endswith((".parquet", ".pq")) else _csv(path)
    if not table.height:
        raise DataError(f"{path} has a header but no rows")
    return table


def _csv(path: str) -> Table:
    header, columns, lines = csv_text.read(path)
    names, unnamed = _names(path, header)
    by_name = {name: column.alias(name) for name, column in zip(names, columns, strict=True)}
    kinds = dict.fromkeys(names, pl.String())
    return Table(path, names, unnamed, len(lines), kinds, by_name.__getitem__, lines)


def _parquet(path: str) -> Table:
    """Open a Parquet file; a column is read when it is asked for, so that the others do not matter."""

    def rows(query: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        try:
            with _muted_stderr():
                return query(pl.scan_parquet(path, glob=False, hive_partitioning=False)).collect()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise DataError(f"cannot read {path}: {reason}") from error

    schema = rows(lambda frame: frame.head(0)).schema
    names, unnamed = _names(path, schema.names())
    originals = dict(zip(names, schema.names(), strict=True))

    @cache
    def column(name: str) -> pl.Series:
        return rows(lambda frame: frame.select(originals[name])).to_series().alias(name)

    height = int(rows(lambda frame: frame.select(pl.len())).item())
    return Table(path, names, unnamed, height, dict(zip(names, schema.dtypes(), strict=True)), column)


@contextlib.contextmanager
def _muted_stderr() -> Iterator[None]:
    """Keep polars from writing on stderr, past Python: what it panics over in a damaged file is raised as well."""
    try:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # nobody listens anyway
        yield
        return
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _names(path: str, header: Sequence[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the columns' names, and which of them the file does not give. Raises `DataError` for twins."""
    stripped = [name.strip() for name in header]
    names = tuple(name or f"column {place}" for place, name in enumerate(stripped, start=1))
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise DataError(f"the header of {path} has several columns called {twins[0]!r}: give each its own name")
    return names, frozenset(name for name, given in zip(names, stripped, strict=True) if not given)
