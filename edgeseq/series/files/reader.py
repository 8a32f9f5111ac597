"""Series from files: which columns are meant, and what their cells become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseq.series import resampling
from edgeseq.series.files import cells, times
from edgeseq.series.files.opening import open_table
from edgeseq.series.files.options import ReadingOptions
from edgeseq.series.files.table import Table
from edgeseq.series.resampling import Samples, Spacing
from edgeseq.series.series import Series, Values
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.io.grammar import TIME_NAMES
from edgeseq_runtime.reading import durations
from edgeseq_runtime.reading.overrides import NONE

_USUAL = ReadingOptions()


@dataclass(frozen=True)
class Columns:
    """Which columns of a table make the series."""

    used: tuple[str, ...]
    """The targets first, then the other features."""
    targets: int
    time: str | None


def read(path: str, reading: ReadingOptions = _USUAL) -> Series:
    """Read a series from a file.

    Raises `UsageError` for a column that is not there and `DataError` for what the cells hold, with the line.
    """
    table = open_table(path, reading.skip_rows, reading.header)
    columns, spacing = _choose(table, reading), _spacing(reading)
    _check_spacing(path, columns, spacing)
    return _series(Path(path).stem, table, columns, spacing, reading.units)


def read_by(path: str, sensor: str, reading: ReadingOptions = _USUAL) -> dict[str, Series]:
    """Read a file in which the column `sensor` says whose sample each row is; return the series of each.

    In the order in which they appear; a row whose cell is empty is nobody's. Raises what `read` does.
    """
    table = open_table(path, reading.skip_rows, reading.header)
    columns, spacing = _choose(table, reading, sensor=table.require(sensor)), _spacing(reading)
    _check_spacing(path, columns, spacing)
    return {
        name: _series(name, table.where(rows), columns, spacing, reading.units)
        for name, rows in cells.groups(table.column(sensor)).items()
    }


def _spacing(reading: ReadingOptions) -> Spacing:
    every = durations.parse(reading.every) if reading.every not in (None, NONE) else None
    return Spacing(every, reading.sort, reading.gap_limit, reading.period, tuple(reading.clocks))


def _check_spacing(path: str, columns: Columns, spacing: Spacing) -> None:
    """Refuse what needs times where there are none, and time features that are there already."""
    if columns.time is None and (spacing.every or spacing.sort or spacing.clocks):
        option = "--every" if spacing.every else "--sort" if spacing.sort else "--time-features"
        raise UsageError(f"{option} needs a time column; name it with --time")
    taken = [name for name in spacing.clocks if name in columns.used]
    if taken:
        raise UsageError(f"{path} has a column {taken[0]!r} of its own: rename it, or leave out that time feature")


def _series(name: str, table: Table, columns: Columns, spacing: Spacing, units: Mapping[str, str]) -> Series:
    values = _values(table, columns)
    even = None
    if columns.time is not None:
        even = resampling.evenly(_samples(table, columns, columns.time, values), spacing)
    names = (*columns.used, *spacing.clocks)
    return Series(
        name=name,
        columns=names,
        units=tuple(units.get(column, _unit(column)) for column in names),
        targets=columns.targets,
        values=even.values if even else values,
        rows=even.rows if even else np.arange(table.height),
        time=columns.time,
        period=even.period if even else None,
        clocks=len(spacing.clocks),
        seconds=even.seconds if even else None,
    )


def _choose(table: Table, reading: ReadingOptions, sensor: str | None = None) -> Columns:
    """Decide which columns to use, by what the user names and else by what is obvious."""
    targets, features = reading.targets, reading.features
    for name in (*targets, *features):
        if table.require(name) == reading.time:
            raise UsageError(f"{name} is the time column; it cannot be a target or a feature as well")
        if name == sensor:
            raise UsageError(f"{name} says whose sample a row is; it cannot be a target or a feature as well")
    others = tuple(filter(None, [sensor]))
    time_column = _time_column(table, reading.time, taken=(*targets, *features, *others))
    first = tuple(dict.fromkeys(targets)) or (_only_numeric_column(table, [time_column, sensor]),)
    return Columns(tuple(dict.fromkeys((*first, *features))), len(first), time_column)


def _time_column(table: Table, wanted: str | None, taken: Sequence[str]) -> str | None:
    """Return the column with the times: the one wanted, else one that is called or looks like it, if only one does."""
    if wanted is not None:
        return None if wanted == "none" else table.require(wanted)
    free = [name for name in table.names if name not in taken]
    candidates = [name for name in free if name.lower() in TIME_NAMES]
    candidates = candidates or [
        name for name in free if table.is_plain(name) and times.looks_like_time(table.column(name))
    ]
    if len(candidates) > 1:
        raise UsageError(f"several columns look like times: {', '.join(candidates)}; name one with --time")
    return candidates[0] if candidates else None


def _only_numeric_column(table: Table, taken: Sequence[str | None]) -> str:
    """Return the one column of numbers; one without a name is a row's number, not a sample."""
    free = [name for name in table.names if name not in taken and name not in table.unnamed]
    numeric = [name for name in free if table.is_plain(name) and cells.mostly_numbers(table.column(name))]
    if not numeric:
        raise DataError(f"{table.path} has no column of numbers; its columns are {', '.join(table.names)}")
    if len(numeric) > 1:
        raise UsageError(f"{table.path} has several columns of numbers: {', '.join(numeric)}; name one with --target")
    return table.require(numeric[0])


def _values(table: Table, columns: Columns) -> Values:
    """Return the rows as numbers, (row, feature)."""
    return np.stack([cells.numbers(table.column(name), table.place) for name in columns.used], axis=1)


def _samples(table: Table, columns: Columns, time: str, values: Values) -> Samples:
    """Return the rows with their times; one that has neither a time nor a value is left out."""
    stamps = table.column(time)
    empty = [cells.is_empty(table.column(name)).to_numpy() for name in (time, *columns.used)]
    kept = np.flatnonzero(~np.logical_and.reduce(empty))
    stamps = stamps.gather(kept)

    def place(row: int) -> str:
        return table.place(int(kept[row]))

    seconds = times.to_seconds(stamps, place)
    return Samples(seconds, values[kept], place=lambda row: f"{place(row)}: {time} {stamps[row]}")


def _unit(name: str) -> str:
    """Return the unit in brackets at the end of a column's name, empty where there is none."""
    before, bracket = name.rstrip()[:-1], name.rstrip()[-1:]
    unit = before[max(before.rfind("["), before.rfind("(")) + 1 :]
    is_unit = bracket in ("]", ")") and len(unit) < len(before) and not set(unit) & set("])")
    return unit if is_unit else ""
