"""Times as they are written in files: ISO 8601, YYYYMMDD, epoch seconds and their fractions, Parquet's own."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files import cells
from edgeseq.series.files.cells import is_number, is_text
from edgeseq.series.files.number_style import Place
from edgeseq.series.files.table import Table
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.io.grammar import EPOCHS, TIME_NAMES
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import LATEST_TIME

Seconds = npt.NDArray[np.float64]

_DATE = re.compile(r"(1[6-9]|2[0-9])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TYPED = (pl.Date, pl.Datetime)
"""Parquet's own times."""

_COMMON = r"^\d{4}-\d\d-\d\d([ T])\d\d:\d\d:[0-5]\d$"
"""The form that most files have, and polars reads ten times as fast as Python."""


@dataclass(frozen=True)
class TimeColumns:
    """The columns that hold a table's times, how they are written, and what they say."""

    names: tuple[str, ...] = ()
    """Joined by a blank where there are several; none: samples go by their order."""
    seconds: Seconds | None = None
    """Since 1970 UTC (row,), NaN where the cells are empty; None where there are no times."""
    time_format: str = ""
    zone: str = ""
    zoned: bool = False
    """These three as `Reading` has them."""
    notes: tuple[str, ...] = ()
    """What was decided, and what was in doubt; a line each."""

    def told(self, reading: Reading) -> Reading:
        """Return the decision about a file with that about its times."""
        return replace(reading, time=self.names, time_format=self.time_format, zone=self.zone, zoned=self.zoned)

    def at(self, rows: npt.NDArray[np.int64], place: Place) -> Seconds:
        """Return the times of some of the rows (row,). Raises `DataError` where one is empty; `place` takes its row."""
        assert self.seconds is not None
        seconds = self.seconds[rows]
        empty = np.flatnonzero(np.isnan(seconds))
        if len(empty):
            raise DataError(f"{place(int(rows[empty[0]]))}: column {' '.join(self.names)!r} is empty")
        return seconds


def find(
    table: Table,
    taken: Sequence[str] = (),
    asked: str | Sequence[str] | None = None,
    time_format: str | None = None,
    zone: str = "",
    groups: npt.NDArray[np.int64] | None = None,
) -> TimeColumns:
    """Find the times of a table: which columns hold them and how they are written, decided over all of their cells.

    `taken` are columns that hold something else. `asked` names the columns, "COL" or "COL,COL", or is "none"; None
    looks for columns that hold times. `time_format` and `zone` are as in `Reading`; None: how they are written is found
    out. `groups` says by a number whose sample each row is (row,), since the hour that comes twice in autumn is told
    apart by each sensor's own order. Raises `UsageError` for columns that are not there and where several may be meant,
    and `DataError` for cells that hold no times, with the line.
    """
    if asked is None:
        free = [name for name in table.names if name not in taken]
        candidates = [name for name in free if name.lower() in TIME_NAMES]
        candidates = candidates or [
            name for name in free if table.is_plain(name) and looks_like_time(table.column(name))
        ]
        if len(candidates) > 1:
            raise UsageError(f"several columns look like times: {', '.join(candidates)}; name one with --time")
        names = tuple(candidates)
    else:
        names = () if asked == "none" else (table.require(asked if isinstance(asked, str) else asked[0]),)
    if not names:
        return TimeColumns()
    column = table.column(names[0])
    filled = np.flatnonzero(~cells.is_empty(column).to_numpy())
    seconds = np.full(table.height, np.nan)
    seconds[filled] = to_seconds(column.gather(filled), lambda row: table.place(int(filled[row])))
    return TimeColumns(names, seconds)


def to_seconds(column: pl.Series, place: Place) -> Seconds:
    """Return a column's times as seconds since 1970 (UTC where no zone is given), (time,).

    The first cell that is filled decides the form. Raises `DataError`, naming the line, for a cell that is not of that
    form, is empty, or has no zone where the first has one.
    """
    if not (is_text(column.dtype) or is_number(column.dtype) or column.dtype in _TYPED):
        raise DataError(f"column {column.name!r} holds {column.dtype}, not times")
    if column.dtype in _TYPED:
        seconds = column.dt.epoch("us") / 1e6
    elif is_number(column.dtype) and not _DATE.fullmatch(first(column)):
        seconds = _from_epoch(column)
    else:
        text = column.cast(pl.String, strict=False).str.strip_chars()
        seconds = _from_epoch(text) if _is_epoch(first(column)) else _from_iso(text)
    values = seconds.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
    wrong = np.flatnonzero(~(np.abs(values) < LATEST_TIME))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{place(row)}: column {column.name!r} {_problem(column, row)}")
    return values


def looks_like_time(column: pl.Series) -> bool:
    """Whether a column holds dates or dates with a time; a bare number is neither, it could be anything."""
    if column.dtype in _TYPED:
        return True
    if not (column.dtype == pl.String or column.dtype.is_integer()):
        return False
    cell = first(column)
    return _DATE.fullmatch(cell) is not None if cell.isdigit() else _moment(cell) is not None


def first(column: pl.Series) -> str:
    """Return the first cell that is not empty, as text."""
    filled = column.drop_nulls()
    if column.dtype == pl.String:
        filled = filled.filter(filled.str.strip_chars() != "")
    return str(filled[0]).strip() if len(filled) else ""


def _is_epoch(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return not _DATE.fullmatch(cell)


def _from_epoch(column: pl.Series) -> pl.Series:
    number = column.cast(pl.Float64, strict=False)
    values = number.fill_null(np.nan).to_numpy().astype(np.float64)
    sizes = np.abs(values)
    return pl.Series(values / np.select([sizes >= least for least, _ in EPOCHS], [per for _, per in EPOCHS], 1.0))


def _from_iso(text: pl.Series) -> pl.Series:
    if text.str.contains(_COMMON).fill_null(value=False).all():
        layout = f"%Y-%m-%d{first(text)[10]}%H:%M:%S"
        parsed = text.str.to_datetime(layout, strict=False, time_unit="us")
        if not parsed.has_nulls():
            return parsed.to_physical() / 1e6
    return pl.Series(list(_one_by_one(text)), dtype=pl.Float64)


def _one_by_one(text: pl.Series) -> Iterator[float | None]:
    """Yield the seconds of each cell, None where it is no time or differs from the first in having a zone."""
    start = _moment(first(text))
    zoned = start is not None and start.tzinfo is not None
    for cell in text.to_list():
        moment = _moment(cell or "")
        if moment is None or (moment.tzinfo is not None) != zoned:
            yield None
        else:
            yield (moment if zoned else moment.replace(tzinfo=UTC)).timestamp()


def _moment(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None


def _problem(column: pl.Series, row: int) -> str:
    """Return what is wrong with a cell that is no time, or not one like the others."""
    cell = column[row]
    if cell is None or str(cell).strip() == "":
        return "is empty"
    if isinstance(cell, str) and (moment := _moment(cell.strip())) and not _is_epoch(first(column)):
        return f"holds {cell!r}, {'with' if moment.tzinfo else 'without'} a zone, unlike {first(column)!r}"
    return f"holds {cell!r}, not a time"
