"""The filled cells of a column, or of several joined, in which times may be."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files.cells import is_empty, is_number, is_text
from edgeseq.series.files.iso_times import quick_iso
from edgeseq.series.files.number_style import Place
from edgeseq.series.files.written_times import WrittenTimes
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError

_MONTH = r"^(?:(?:0[1-9]|1[0-2])\.(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}\.(?:0[1-9]|1[0-2]))$"
NUMBER = r"^-?[0-9]{1,40}(?:[.,][0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?$"


@dataclass(frozen=True)
class Column:
    """The cells of a column, or of several joined, that are filled."""

    name: str
    cells: pl.Series
    """Text without blanks around it, numbers, or typed times."""
    rows: npt.NDArray[np.int64] | None
    """The table's row of each; None: all of them."""
    height: int
    """Of the table."""
    place: Place
    iso: WrittenTimes | None = None
    """What the cells say, where all are in one of the commonest forms."""

    @classmethod
    def of(cls, column: pl.Series, name: str, place: Place) -> Self:
        """Return the filled cells of a column (row,)."""
        height = len(column)
        rows = None
        if column.dtype == pl.String and not column.null_count() and (iso := quick_iso(column)):
            return cls(name, column, None, height, place, iso)
        if is_text(column.dtype):
            column = column.cast(pl.String).str.strip_chars()
        empty = is_empty(column) if column.null_count() or (column.dtype == pl.String and _has_blank(column)) else None
        if empty is not None and empty.any():
            rows = np.flatnonzero(~empty.to_numpy())
            column = column.gather(rows)
        return cls(name, column, rows, height, place)

    @classmethod
    def sample(cls, column: pl.Series, name: str, count: int) -> Self:
        """Return some of the filled cells, from all over the column."""
        at = np.unique(np.linspace(0, max(len(column) - 1, 0), min(count, len(column))).astype(np.int64))
        found = cls.of(column.gather(at), name, str)
        return found if len(found.cells) else cls.of(column.drop_nulls().head(count), name, str)

    @property
    def numbers(self) -> Float64 | None:
        """The cells as numbers; None where one of them is none."""
        if is_number(self.cells.dtype):
            return self.cells.cast(pl.Float64).to_numpy().astype(np.float64)
        if self.cells.dtype != pl.String or not len(self.cells) or not self.cells[0][-1:].isdigit():
            return None
        if not self.cells.str.contains(NUMBER).all():
            return None
        return (
            self.cells.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
        )

    @property
    def is_months(self) -> bool:
        """Whether the cells would be months if the column is a time: 01.2024 or 2024.01, which are numbers as well."""
        return self.cells.dtype == pl.String and len(self.cells) > 1 and bool(self.cells.str.contains(_MONTH).all())

    def spread(self, filled: Float64) -> Float64:
        """Return what belongs to the filled cells as what belongs to the table's rows, NaN for the others."""
        if self.rows is None:
            return filled
        spread = np.full(self.height, np.nan)
        spread[self.rows] = filled
        return spread

    def refuse(self, at: int, problem: str) -> DataError:
        """Return what to raise over a filled cell."""
        row = at if self.rows is None else int(self.rows[at])
        return DataError(f"{self.place(row)}: column {self.name!r} {problem}")


def _has_blank(column: pl.Series) -> bool:
    return column.str.len_bytes().min() == 0
