"""Times as they are written in files: ISO 8601, YYYYMMDD, epoch seconds or milliseconds."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.errors import DataError

_DATE = re.compile(r"(1[6-9]|2[0-9])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_MILLISECONDS = 1e11
"""Epoch numbers from here on are milliseconds: as seconds this would be the year 5138."""


def to_seconds(cells: Sequence[str | None], column: str, first_line: int) -> npt.NDArray[np.float64]:
    """Return the times as seconds since 1970 (UTC where no zone is given), (time,).

    The first cell decides the form. Raises `DataError`, naming the line, for a cell that is not of that form
    and for a time that does not come after the one before it.
    """
    convert = _converter(next((cell for cell in cells if cell), ""))
    seconds = np.empty(len(cells))
    for position, cell in enumerate(cells):
        try:
            seconds[position] = convert((cell or "").strip())
        except (ValueError, OverflowError):
            line = first_line + position
            raise DataError(f"line {line}: column {column!r} holds {cell or ''!r}, not a time") from None
    _check_order(seconds, cells, column, first_line)
    return seconds


def looks_like_time(cell: str) -> bool:
    """Whether the text is a date or a date with a time; a bare number is not, it could be anything."""
    try:
        _from_iso(cell)
    except ValueError:
        return False
    return not cell.isdigit() or _DATE.fullmatch(cell) is not None


def _converter(first: str) -> Callable[[str], float]:
    if _DATE.fullmatch(first):
        return _from_iso
    try:
        float(first)
    except ValueError:
        return _from_iso
    return _from_epoch


def _from_iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _from_epoch(text: str) -> float:
    number = float(text)
    if not np.isfinite(number):
        raise ValueError(text)
    return number / 1000 if abs(number) >= _MILLISECONDS else number


def _check_order(seconds: npt.NDArray[np.float64], cells: Sequence[str | None], column: str, first_line: int) -> None:
    wrong = np.flatnonzero(np.diff(seconds) <= 0)
    if len(wrong):
        at = int(wrong[0]) + 1
        what = "repeats" if seconds[at] == seconds[at - 1] else "goes back behind"
        raise DataError(
            f"line {first_line + at}: {column} {cells[at]} {what} {cells[at - 1]} in the line before; "
            "times must increase"
        )
