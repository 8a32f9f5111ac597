"""Influx line protocol as a table: the points of one series with one time are one row."""

from collections.abc import Iterable, Sequence

import polars as pl

from edgeseq.series.files.columns import Columns, Value
from edgeseq.series.files.table import Table, Written, from_columns
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import influx
from edgeseq_runtime.printable import counted
from edgeseq_runtime.reading import lines

SERIES, TIME = "series", "time"
"""The columns of the series key, measurement and tags as they are written, and of the time."""


def read(path: str, data: bytes, notes: Sequence[str] = ()) -> Table:
    """Return the table of a file, given its text in UTF-8: the time, the series, its tags, and the fields.

    Times are nanoseconds since 1970, as the protocol says. Raises `DataError` for a line that is no point; the last one
    is left out where it has no end.
    """
    rows: dict[tuple[str, int | None, int], dict[str, Value]] = {}
    numbers: list[int] = []
    notes = list(notes)
    again = 0
    every = data.split(b"\n")
    unended = bool(every[-1].strip())
    for number, line in enumerate(every, start=1):
        text = line.decode("utf-8", "replace").strip()
        if not text or lines.is_comment(text):
            continue
        try:
            point = influx.parse(text)
            time = _time(point.time)
        except DataError as error:
            if unended and number == len(every) and rows:
                notes.append(f"line {number}, the last, is cut: left out")
                break
            raise DataError(f"line {number}: {error}") from None
        # Points without a time are never one.
        row = rows.setdefault((point.key, time, number if time is None else 0), {})
        if not row:
            numbers.append(number)
            row.update({TIME: time, SERIES: point.key, **influx.tags(point.key)})
        fields = {name: _field(value) for name, value in point.fields.items()}
        again += any(name in row and row[name] != value for name, value in fields.items())
        row.update(fields)
    _check_unit(rows, numbers)
    if again:
        notes.append(f"{counted(again, 'point')} of a series and time that are there already: the later value is taken")
    columns = Columns()
    for row in rows.values():
        columns.add(row)
    series = columns.series()
    if TIME in series and series[TIME].dtype == pl.Int64:
        series[TIME] = series[TIME].cast(pl.Datetime("ns", "UTC"))
    written = Written(notes=tuple(notes))
    return from_columns(
        path, [str(name) for name in series], list(series.values()), lambda row: f"line {numbers[row]}", written
    )


def _check_unit(rows: Iterable[tuple[str, int | None, int]], numbers: Sequence[int]) -> None:
    """Raise `DataError` where all times of several points seem to count something else than nanoseconds.

    One alone is taken as it is: nothing is guessed from its size.
    """
    times = [(number, time) for number, (_, time, _) in zip(numbers, rows, strict=True) if time is not None]
    units = {influx.in_other_unit(time) for _, time in times}
    if len(times) > 1 and len(units) == 1 and (unit := units.pop()):
        (number, time), zeros = times[0], {"s": 9, "ms": 6, "us": 3}[unit]
        raise DataError(
            f"line {number}: the time {time} seems to be in {unit}, and line protocol has nanoseconds: "
            f"write {time}{'0' * zeros}"
        )


def _time(time: int | str | None) -> int | None:
    if isinstance(time, str) or (time is not None and abs(time) >= 2**63):
        raise DataError(f"the time {time} is not a number of nanoseconds since 1970")
    return time


def _field(value: float | str) -> Value:
    """Return a field's value; a text without its quotes."""
    if isinstance(value, str):
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value
