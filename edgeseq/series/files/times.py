"""Times as they are written in files: ISO 8601, YYYYMMDD, epoch seconds and their fractions, Parquet's own."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files.cells import Place, is_number, is_text
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.grammar import EPOCHS
from edgeseq_runtime.spec import LATEST_TIME

Seconds = npt.NDArray[np.float64]

_DATE = re.compile(r"(1[6-9]|2[0-9])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TYPED = (pl.Date, pl.Datetime)
"""Parquet's own times."""

_COMMON = r"^\d{4}-\d\d-\d\d([ T])\d\d:\d\d:[0-5]\d$"
"""The form that most files have, and polars reads ten times as fast as Python."""


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
