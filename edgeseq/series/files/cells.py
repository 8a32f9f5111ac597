"""Cells as numbers: what a column holds, be it text or typed."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import grammar

Place = Callable[[int], str]
"""Tells where a row is found, for errors."""

_COMMA, _GROUPED = f"^{grammar.DECIMAL_COMMA}$", f"^{grammar.GROUPED}$"

_UNGROUPED = r"^[+-]?\d{4,}$"
"""A number that would have a comma if commas parted thousands."""


def numbers(column: pl.Series, place: Place) -> npt.NDArray[np.float32]:
    """Return a column (time,), NaN where a cell is empty or infinite. Raises `DataError`, naming the line."""
    if is_text(column.dtype):
        parsed = _parsed(column, place)
    elif is_number(column.dtype) or column.dtype in (pl.Boolean, pl.Null):
        parsed = column.cast(pl.Float64)
    else:
        raise DataError(f"column {column.name!r} holds {column.dtype}, not numbers")
    values = parsed.to_numpy().astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        raise DataError(f"column {column.name!r} holds no numbers at all")
    large = np.flatnonzero(np.abs(values) > np.finfo(np.float32).max)
    if len(large):
        row = int(large[0])
        raise DataError(f"{place(row)}: column {column.name!r} holds {column[row]}, which is too large for float32")
    return values.astype(np.float32)


def groups(column: pl.Series) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows of each word in a column, in the order in which they appear; empty cells are nobody's."""
    text = column.cast(pl.String).str.strip_chars()
    rows_by_word: dict[str, list[int]] = {}
    for row, word in enumerate(text.to_list()):
        if word:
            rows_by_word.setdefault(word, []).append(row)
    return {word: np.array(rows, np.int64) for word, rows in rows_by_word.items()}


def mostly_numbers(column: pl.Series) -> bool:
    """Whether a column is one of numbers, text with a few stray words among numbers included."""
    if not is_text(column.dtype):
        return is_number(column.dtype)
    text = _stripped(column)
    known = _cast(text).is_not_null() | text.str.contains(_COMMA)
    return bool(known.sum() * 2 > text.is_not_null().sum())


def is_number(kind: pl.DataType) -> bool:
    """Whether a column of this kind holds integers, decimals or floats."""
    return kind.is_numeric()


def is_text(kind: pl.DataType) -> bool:
    """Whether a column of this kind holds words."""
    return kind in (pl.String, pl.Categorical, pl.Enum)


def is_empty(column: pl.Series) -> pl.Series:
    """Return which cells hold nothing at all."""
    if is_text(column.dtype):
        return column.is_null() | (column.cast(pl.String).str.strip_chars() == "")
    return column.is_null()


def _stripped(column: pl.Series) -> pl.Series:
    """Return the cells without blanks around them, null where they stand for a missing value."""
    text = column.cast(pl.String).str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(list(grammar.MISSING_WORDS)), None)


def _cast(text: pl.Series) -> pl.Series:
    return text.cast(pl.Float64, strict=False)


def _parsed(column: pl.Series, place: Place) -> pl.Series:
    text = _stripped(column)
    parsed = _cast(text)
    if (text.is_not_null() & parsed.is_null()).any():
        text = _with_points(text, place)
        parsed = _cast(text)
    wrong = (text.is_not_null() & parsed.is_null()).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{place(row)}: column {column.name!r} holds {column[row]!r}, not a number")
    return parsed


def _with_points(text: pl.Series, place: Place) -> pl.Series:
    """Return the cells with decimal points for decimal commas, where the column leaves no doubt that it has such.

    Commas are decimal if no cell of the column has a point and one of them shows it: "21,5" cannot be 215, nor "1,250"
    be 1250 in a column that writes 1300 without a comma.
    """
    commas = text.str.contains(_COMMA).fill_null(value=False)
    if not commas.any() or text.str.contains(".", literal=True).any():
        return text
    grouped = text.str.contains(_GROUPED).fill_null(value=False)
    if not (commas & ~grouped).any() and not text.str.contains(_UNGROUPED).any():
        row = int(commas.arg_true()[0])
        raise DataError(
            f"{place(row)}: column {text.name!r} holds {text[row]!r}: a decimal comma or a thousands separator? "
            "write the column with decimal points"
        )
    return text.str.replace(",", ".", literal=True)
