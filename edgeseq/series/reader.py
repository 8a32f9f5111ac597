"""Series from files: CSV with a header, or Parquet, read by polars.

polars was chosen because it reads both in one wheel without further packages, and can leave every cell as
text, so that an error can name the line.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series import gaps, times
from edgeseq.series.series import Series
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.lines import MISSING_WORDS, TIME_NAMES

_FIRST_LINE = 2
"""Line of the file with the first row; the header is line 1."""

_UNIT = re.compile(r".*[\[(](?P<unit>[^\])]+)[\])]\s*")
"""A unit in brackets at the end of a column's name."""


def read(
    path: str,
    *,
    targets: Sequence[str] = (),
    features: Sequence[str] = (),
    time: str | None = None,
    units: Mapping[str, str] | None = None,
    gap_limit: int = gaps.LIMIT,
) -> Series:
    """Read a series from a file.

    Without `targets` the file must have one numeric column. `time` names the time column; None looks for an
    obvious one, "none" goes by the order of the rows. `units` by column; where a name ends with a unit in brackets,
    that is taken. Raises `UsageError` for a column that is not there and
    `DataError` for what the cells hold, with the line.
    """
    table = _read_table(path)
    if not table.height:
        raise DataError(f"{path} has a header but no rows")
    time_column = _time_column(table, time)
    targets = list(dict.fromkeys(targets)) or [_only_numeric_column(table, time_column, path)]
    columns = [*targets, *(name for name in dict.fromkeys(features) if name not in targets)]
    for name in columns:
        _require_column(table, name)
    values = np.stack([_numbers(table[name]) for name in columns], axis=1)
    rows, period = np.arange(table.height), None
    if time_column and table.height > 1:
        seconds = times.to_seconds(table[time_column].to_list(), time_column, _FIRST_LINE)
        values, rows, period = gaps.insert_missing(seconds, values, gap_limit)
    return Series(
        name=Path(path).stem,
        columns=tuple(columns),
        units=tuple((units or {}).get(name, _unit(name)) for name in columns),
        targets=len(targets),
        values=values,
        rows=rows,
        time=time_column,
        period=period,
    )


def _read_table(path: str) -> pl.DataFrame:
    """Read all cells as text."""
    try:
        if path.lower().endswith((".parquet", ".pq")):
            return pl.read_parquet(path).cast(pl.String)
        with Path(path).open("rb") as file:
            header = file.readline(1 << 20).decode("utf-8-sig", "replace")
        separator = next((mark for mark in ";\t," if mark in header), ",")
        table = pl.read_csv(path, infer_schema=False, separator=separator, encoding="utf8-lossy")
    except pl.exceptions.NoDataError:
        raise DataError(f"{path} is empty") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"cannot read {path}: {reason}") from error
    return table.rename({name: name.strip() for name in table.columns})


def _time_column(table: pl.DataFrame, wanted: str | None) -> str | None:
    if wanted == "none":
        return None
    if wanted is not None:
        _require_column(table, wanted)
        return wanted
    named = [name for name in table.columns if name.lower() in TIME_NAMES]
    dated = [name for name in table.columns if times.looks_like_time((table[name][0] or "").strip())]
    candidates = named or dated
    if len(candidates) > 1:
        raise UsageError(f"several columns look like times: {', '.join(candidates)}; name one with --time")
    return candidates[0] if candidates else None


def _only_numeric_column(table: pl.DataFrame, time: str | None, path: str) -> str:
    """Return the one column of numbers; one with a few stray words in it counts, so that these get named."""
    numeric = [name for name in table.columns if name != time and _mostly_numbers(table[name])]
    if not numeric:
        raise DataError(f"{path} has no column of numbers; its columns are {', '.join(table.columns)}")
    if len(numeric) > 1:
        raise UsageError(f"{path} has several columns of numbers: {', '.join(numeric)}; name one with --target")
    return numeric[0]


def _require_column(table: pl.DataFrame, name: str) -> None:
    if name not in table.columns:
        raise UsageError(f"there is no column {name!r}; the columns are {', '.join(table.columns)}")


def _as_numbers(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the cells as float64, null where they are none, and which cells are filled."""
    text = cells.str.strip_chars()
    filled = text.is_not_null() & ~text.str.to_lowercase().is_in(list(MISSING_WORDS))
    return text.cast(pl.Float64, strict=False), filled


def _mostly_numbers(cells: pl.Series) -> bool:
    numbers, filled = _as_numbers(cells)
    return bool((numbers.is_not_null() & filled).sum() * 2 > filled.sum())


def _numbers(cells: pl.Series) -> npt.NDArray[np.float32]:
    """Return a column (time,), NaN where a cell is empty. Raises `DataError` for text, naming its line."""
    numbers, filled = _as_numbers(cells)
    wrong = (filled & numbers.is_null()).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"line {row + _FIRST_LINE}: column {cells.name!r} holds {cells[row]!r}, not a number")
    column = numbers.to_numpy().astype(np.float64)
    column[~np.isfinite(column)] = np.nan
    if not np.isfinite(column).any():
        raise DataError(f"column {cells.name!r} holds no numbers at all")
    if np.nanmax(np.abs(column)) > np.finfo(np.float32).max:
        raise DataError(f"column {cells.name!r} holds numbers too large for float32")
    return column.astype(np.float32)


def _unit(name: str) -> str:
    found = _UNIT.fullmatch(name)
    return found["unit"] if found else ""
