"""Stretches of time that someone has labelled as anomalous, from a file."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgeseq_runtime import files
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import printable
from edgeseq_runtime.reading.times import TimeReader

_LARGEST = 10_000_000
"""Bytes: windows are few."""

Span = tuple[float, float]
"""First and last second since 1970 UTC; first and last row where samples have no times."""

Window = tuple[int, int]
"""First and last row of a series."""


def read_windows(path: str, *, series: str, timed: bool) -> list[Span]:
    """Return the windows in a file: JSON pairs of times, or of row numbers for a series without; or CSV of two columns.

    JSON is a list of pairs, or an object from a file's name to such a list, of which that is taken whose name `series`
    ends with or which ends with it. Raises `DataError` for anything else, for a file without windows that does
    not say `[]`, and for a window that ends before it begins.
    """
    text = files.read(path, _LARGEST).decode("utf-8-sig", errors="replace")
    is_json = text.lstrip()[:1] in ("[", "{")
    pairs = _of_json(path, text, series) if is_json else _of_csv(path, text)
    if not pairs and not is_json:
        raise DataError(f"{path}: expected windows, two times a line, got none; a file that says [] labels nothing")
    return [_span(path, pair, timed=timed) for pair in pairs]


def rows_within(spans: Sequence[Span], rows: int, seconds: Float64 | None) -> list[Window]:
    """Return the windows as rows of a series (first, last), in order; those that hold no row of it are left out.

    Windows that overlap are one: what lies in both was labelled twice.
    """
    found: list[Window] = []
    for first, last in sorted(spans):
        if seconds is None:
            begin, end = max(0, round(first)), min(rows - 1, round(last))
        else:
            begin = int(np.searchsorted(seconds, first))
            end = int(np.searchsorted(seconds, last, side="right")) - 1
        if begin > end:
            continue
        if found and begin <= found[-1][1]:
            begin, last_end = found.pop()
            end = max(end, last_end)
        found.append((begin, end))
    return found


def _of_json(path: str, text: str, series: str) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(f"{path}: expected JSON with pairs of times, got text that is none") from None
    if isinstance(content, dict):
        name = Path(series).name
        named = [pairs for key, pairs in content.items() if Path(key).name == name or Path(key).stem == Path(name).stem]
        if len(named) != 1:
            raise DataError(f"{path}: expected windows of one file named {printable(name)}, got {len(named)}")
        content = named[0]
    if not isinstance(content, list):
        raise DataError(f"{path}: expected a list of pairs [first, last]")
    return content


def _of_csv(path: str, text: str) -> list[Any]:
    """Return the first two cells of each line; a first line that names its columns is left out."""
    rows = [row[:2] for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    reader = TimeReader()
    has_names = bool(rows) and not all(cell.strip().isdecimal() or reader.is_time(cell.strip()) for cell in rows[0])
    if has_names and len(rows[0]) < 2:
        raise DataError(f"{path}: expected windows, two times a line, got text that is none")
    return rows[1:] if has_names else rows


def _span(path: str, pair: Any, *, timed: bool) -> Span:
    """Return a pair as numbers."""
    shown = printable(json.dumps(pair))[:80]
    if not isinstance(pair, list) or len(pair) != 2:
        raise DataError(f"{path}: expected a pair [first, last], got {shown}")
    first, last = (_place(path, str(place).strip(), timed=timed) for place in pair)
    if last < first:
        raise DataError(f"{path}: expected a window that ends after it begins, got {shown}")
    return first, last


def _place(path: str, text: str, *, timed: bool) -> float:
    if not timed:
        if not text.isdecimal():
            raise DataError(f"{path}: expected the number of a row, got {printable(text)}: this series has no times")
        return float(text)
    reader = TimeReader()
    if not reader.is_time(text):
        raise DataError(f"{path}: expected a time such as 2026-05-01T12:00, got {printable(text)}")
    return reader.seconds(text)
