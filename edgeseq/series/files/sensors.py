"""Several sensors in one table: which column tells them apart, where rows that share a time show that."""

import re
import shlex
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files import cells
from edgeseq.series.files.table import Table
from edgeseq.series.files.times import TimeColumns
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.printable import listed

_NAMES = frozenset(
    [
        "entity",
        "sensor",
        "device",
        "node",
        "station",
        "site",
        "room",
        "location",
        "meter",
        "channel",
        "tag",
        "topic",
        "host",
        "probe",
        "asset",
        "machine",
        "point",
        "series",
        "id",
        "uid",
        "uuid",
        "mac",
        "serial",
    ]
)
"""Words in the names of columns that say whose sample a row is."""

_HOUR = re.compile(r"([01]?[0-9]|2[0-5])(:?[0-5][0-9])?( ?-.*)?")
"""Hours, from 0 to 23 or from 1 to 24, alone or as the begin of an interval; a 25th where a clock is put back."""

_DAY = 86_400

_MOST = 0.2
"""Share of the rows that may be different words: more would be a row's own number or a remark."""

_MIXED = 0.3
"""How often neighbours in time must differ, as a share of what chance would give: summer time changes twice a year."""

_IN_ORDER = 0.99
"""Share of a sensor's steps that must go forwards."""


def check_one(table: Table, times: TimeColumns, free: Sequence[str]) -> None:
    """Raise `UsageError` where the rows are samples of several sensors by one of the free columns, which it names.

    Rows that come one after the other in time are not looked at any further, unless a column's name says that it tells
    sensors apart.
    """
    seconds = times.seconds
    assert seconds is not None
    rows = np.flatnonzero(~np.isnan(seconds))
    broken = bool((np.diff(seconds[rows]) <= 0).any())
    found = [(name, codes) for name in free if (codes := _codes(table, name, seconds, rows, broken=broken)) is not None]
    if not found:
        return
    name, codes = min(found, key=lambda pair: (not _is_name(pair[0]), int(pair[1].max())))
    words = table.column(name).gather(rows).cast(pl.String).str.strip_chars().unique(maintain_order=True).to_list()
    shared = "" if not broken else "share a time or do not come in order: they "
    hours = ""
    if len(times.names) == 1 and _may_be_hours(words, seconds[rows]):
        hours = f"; if {name} is the time of day, --time {shlex.quote(f'{times.names[0]},{name}')} says so"
    raise UsageError(
        f"{table.path}: rows {shared}are samples of {int(codes.max()) + 1} sensors, which {name} tells apart "
        f"({listed(words[:3])}{', ...' if len(words) > 3 else ''}): --id {name} makes a stream of each{hours}"
    )


def _may_be_hours(words: Sequence[str], seconds: Float64) -> bool:
    """Whether a column may be a time of day beside times that are dates alone, each of which has its hours."""
    return bool((seconds % _DAY == seconds[0] % _DAY).all()) and all(map(_HOUR.fullmatch, words))


def _codes(
    table: Table, name: str, seconds: Float64, rows: npt.NDArray[np.int64], *, broken: bool
) -> npt.NDArray[np.int64] | None:
    """Return each row's sensor as a number (row,), None where the column does not tell sensors apart."""
    if not table.is_plain(name):
        return None
    column = table.column(name).gather(rows)
    is_word = cells.is_text(column.dtype) and not cells.mostly_numbers(column)
    if not (is_word or (broken and _is_whole(column))) or not (broken or _is_name(name)):
        return None
    words = column.cast(pl.String).str.strip_chars()
    if words.is_null().any() or (words == "").any():
        return None
    codes = words.rank("dense").to_numpy().astype(np.int64) - 1
    count = int(codes.max(initial=-1)) + 1
    if not 1 < count <= max(_MOST * len(rows), 2):
        return None
    at = seconds[rows]
    in_time = codes[np.lexsort((codes, at))] if broken else codes
    shares = np.bincount(codes) / len(codes)
    mixed = np.mean(np.diff(in_time) != 0) >= _MIXED * (1 - np.sum(shares**2))
    steps = np.diff(at[order := np.argsort(codes, kind="stable")])[np.diff(codes[order]) == 0]
    return codes if mixed and len(steps) and np.mean(steps > 0) >= _IN_ORDER else None


def _is_whole(column: pl.Series) -> bool:
    """Whether a column holds whole numbers only, as the numbers of sensors are."""
    if column.dtype.is_integer():
        return True
    return cells.is_text(column.dtype) and bool(column.cast(pl.String).str.contains(r"^\s*\d{1,18}\s*$").all())


def _is_name(name: str) -> bool:
    """Whether a column is called as one that says whose sample a row is."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    return not _NAMES.isdisjoint(words)
