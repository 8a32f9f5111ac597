"""Columns of times in ISO 8601: the commonest forms at once, all others by their parts."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files import notations
from edgeseq.series.files.written_times import WrittenTimes
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.times import TimeReader

Refusal: TypeAlias = Callable[[int, str], DataError]
"""What to raise over the cell of that number, with what is wrong."""

_ISO = (
    r"^(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})(?:[T ](?P<H>[0-9]{2}):(?P<M>[0-9]{2})"
    r"(?::(?P<S>[0-5][0-9])(?:[.,](?P<f>[0-9]+))?)?(?:(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})(?:\[[^\[\]]*\])*)?)?$"
)

_AT_ONCE = 1 << 18
"""Cells that are read in one piece of memory."""


def quick_iso(text: pl.Series) -> WrittenTimes | None:
    """Return the times of a column in one of the forms that polars reads at once; None where it is in another."""
    if text.dtype != pl.String or not len(text):
        return None
    first = text[0]
    mark, length = first[10:11], len(first.encode())
    layouts = {
        10: "%Y-%m-%d",
        16: f"%Y-%m-%d{mark}%H:%M",
        19: f"%Y-%m-%d{mark}%H:%M:%S",
        20: f"%Y-%m-%d{mark}%H:%M:%SZ",
    }
    if length not in layouts or first[4] != "-" or (length > 10 and mark not in "T "):
        return None
    seconds = np.empty(len(text))
    # In one piece of memory after the other, which is far quicker than in one for all.
    for start in range(0, len(text), _AT_ONCE):
        part = _quick_part(text.slice(start, _AT_ONCE), length, layouts[length])
        if part is None:
            return None
        np.divide(part, 1e6, out=seconds[start : start + _AT_ONCE])
    zoned = length == 20
    return WrittenTimes(seconds, zoned, "", zoned, has_clock=length > 10)


def _quick_part(text: pl.Series, length: int, layout: str) -> npt.NDArray[np.int64] | None:
    """Return microseconds since 1970; None where a cell has another length, or tells of a leap second."""
    lengths = text.str.len_bytes()
    if lengths.min() != length or lengths.max() != length or lengths.null_count():
        return None
    if length >= 19 and text.str.ends_with(":60" if length == 19 else ":60Z").any():
        return None
    try:
        # Hardly any time comes twice: a cache of those read before takes longer than it saves.
        parsed = text.str.to_datetime(layout, strict=False, time_unit="us", cache=False)
    except pl.exceptions.PolarsError:
        return None
    return None if parsed.null_count() else parsed.to_physical().to_numpy()


def whole_iso(text: pl.Series, refuse: Refusal) -> WrittenTimes | None:
    """Return the times of a column in ISO 8601 of any form; None where its first cell is in another notation."""
    reader = TimeReader()
    if not reader.is_time(text[0]) or text[0].endswith(("UTC", "GMT")):
        return None
    parts = text.str.extract_groups(_ISO).struct.unnest()
    read = notations.read_parts(parts, frozenset("YmdHMSfz"))
    assert read.offset is not None, "zones are among the parts"
    seconds = (read.clock - np.nan_to_num(read.offset)) / 1e6
    zoned = parts["z"].is_not_null().to_numpy().copy()
    for at in np.flatnonzero(np.isnan(seconds)).tolist():
        cell = text[at]
        if not reader.is_time(cell):
            raise no_time(text, refuse)
        seconds[at], zoned[at] = reader.seconds(cell), bool(reader.says_zone(cell))
    other = np.flatnonzero(zoned != zoned[0])
    if len(other):
        at = int(other[0])
        with_zone = "with" if zoned[at] else "without"
        raise refuse(at, f"holds {text[at]!r}, {with_zone} a zone, unlike {text[0]!r}")
    has_clock = bool(len(text[0]) > len("2024-01-01"))
    return WrittenTimes(seconds, bool(zoned[0]), "", bool(zoned[0]), has_clock=has_clock)


def no_time(text: pl.Series, refuse: Refusal) -> DataError:
    """Return what to raise over the first cell that is no time."""
    reader = TimeReader()
    at = next((at for at, cell in enumerate(text.to_list()) if not reader.is_time(cell)), 0)
    return refuse(at, f"holds {shown(text[at])}, not a time")
