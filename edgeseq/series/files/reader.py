"""How a file becomes a series: a table, its times, its numbers, and then samples in even steps.

What is decided on the way is the series' `Reading`, which goes into the model file; what was a choice, or is in doubt,
is a line of its `notes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.series import resampling
from edgeseq.series.files import cells, sensors, times
from edgeseq.series.files.options import ReadingOptions
from edgeseq.series.files.table import Table, open_table
from edgeseq.series.files.times import TimeColumns
from edgeseq.series.resampling import Samples, Spacing
from edgeseq.series.series import Series, Values
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.printable import counted
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.streaming.sensors import LEAST_SAMPLES

_USUAL = ReadingOptions()

Row = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Contents:
    """All rows of a file as times and numbers, and how they were read."""

    table: Table
    columns: tuple[str, ...]
    """Those in use: the targets first, then the other features."""
    targets: int
    times: TimeColumns
    values: Values
    """(row, feature)"""
    reading: Reading
    notes: tuple[str, ...]


def read(path: str, options: ReadingOptions = _USUAL) -> Series:
    """Read a series from a file.

    Raises `UsageError` for a column that is not there and for a file that holds several sensors, and `DataError` for
    what the cells hold, with the line.
    """
    return _one(path, open_table(path), options)


def _one(path: str, table: Table, options: ReadingOptions) -> Series:
    """Return the one series that a table holds."""
    contents = _contents(table, options)
    taken = {*contents.columns, *contents.times.names}
    free = [name for name in contents.table.names if name not in taken]
    if free and contents.times.seconds is not None:
        sensors.check_one(contents.table, contents.times.seconds, free)
    return _series(Path(path).stem, contents, np.arange(contents.table.height), options)


def read_by(path: str, options: ReadingOptions, *, id_may_lack: bool = False) -> tuple[dict[str, Series], list[str]]:
    """Read a file in which the column `options.id` says whose sample each row is; return the series of each.

    In the order in which they appear; a row whose cell is empty is nobody's. Then a line for each sensor that is left
    out, since it has too few rows. With `id_may_lack` a file without that column is of one sensor, whose name is "".
    Raises what `read` does.
    """
    table = open_table(path)
    if id_may_lack and options.id not in table.names:
        return {"": _one(path, table, replace(options, id=None))}, []
    contents = _contents(table, options)
    groups = cells.groups(contents.table.column(contents.reading.id))
    few = [name for name, rows in groups.items() if len(rows) < LEAST_SAMPLES]
    left_out = [f"{name} is left out: it has {counted(len(groups[name]), 'row')}" for name in few]
    if len(few) == len(groups):
        raise DataError(f"{path}: no sensor of {contents.reading.id} has {LEAST_SAMPLES} rows or more")
    return {name: _series(name, contents, groups[name], options) for name in groups if name not in few}, left_out


def _contents(table: Table, options: ReadingOptions) -> Contents:
    """Read all rows of the columns in use."""
    sensor = [table.require(options.id)] if options.id else []
    named = _named(table, options)
    groups = _numbered(table, sensor[0]) if sensor else None
    found = times.find(table, (*named, *sensor), options.time, options.time_format, options.zone or "", groups)
    targets = tuple(dict.fromkeys(options.targets)) or (_only_numeric_column(table, {*found.names, *sensor}),)
    columns = tuple(dict.fromkeys((*targets, *options.features)))
    _check_spacing(table.path, columns, found, options)
    return Contents(
        table=table,
        columns=columns,
        targets=len(targets),
        times=found,
        values=np.stack([cells.numbers(table.column(name), table.place) for name in columns], axis=1),
        reading=replace(found.told(options.over(Reading())), sort=options.sort),
        notes=found.notes,
    )


def _numbered(table: Table, sensor: str) -> Row:
    """Return whose sample each row is, by a number; -1 is nobody's."""
    numbers = np.full(table.height, -1, np.int64)
    for number, rows in enumerate(cells.groups(table.column(sensor)).values()):
        numbers[rows] = number
    return numbers


def _named(table: Table, options: ReadingOptions) -> tuple[str, ...]:
    """Return the columns that the user names as samples. Raises `UsageError` where they are something else."""
    named = (*options.targets, *options.features)
    for name in named:
        if table.require(name) in (options.time_columns or ()):
            raise UsageError(f"{name} is the time column; it cannot be a target or a feature as well")
        if name == options.id:
            raise UsageError(f"{name} says whose sample a row is; it cannot be a target or a feature as well")
    return named


def _only_numeric_column(table: Table, taken: set[str]) -> str:
    """Return the one column of numbers; one without a name is a row's number, not a sample."""
    free = [name for name in table.names if name not in taken and name not in table.unnamed]
    numeric = [name for name in free if table.is_plain(name) and cells.mostly_numbers(table.column(name))]
    if not numeric:
        raise DataError(f"{table.path} has no column of numbers; its columns are {', '.join(table.names)}")
    if len(numeric) > 1:
        raise UsageError(f"{table.path} has several columns of numbers: {', '.join(numeric)}; name one with --target")
    return numeric[0]


def _check_spacing(path: str, columns: Sequence[str], found: TimeColumns, options: ReadingOptions) -> None:
    """Refuse what needs times where there are none, and time features that are there already."""
    every = options.over(Reading()).every
    if not found.names and (every or options.sort or options.clocks):
        option = "--every" if every else "--sort" if options.sort else "--time-features"
        raise UsageError(f"{option} needs a time column; name it with --time")
    taken = [name for name in options.clocks if name in columns]
    if taken:
        raise UsageError(f"{path} has a column {taken[0]!r} of its own: rename it, or leave out that time feature")


def _series(name: str, contents: Contents, rows: Row, options: ReadingOptions) -> Series:
    """Return some of the rows as a series, in even steps where they have times."""
    even = None
    if contents.times.names:
        even = resampling.evenly(_samples(contents, rows), _spacing(contents.reading, options))
    names = (*contents.columns, *options.clocks)
    return Series(
        name=name,
        columns=names,
        units=tuple(options.units.get(column, _unit(column)) for column in names),
        targets=contents.targets,
        values=even.values if even else contents.values[rows],
        rows=even.rows if even else np.arange(len(rows)),
        time=" ".join(contents.times.names) or None,
        period=even.period if even else None,
        clocks=len(options.clocks),
        seconds=even.seconds if even else None,
        reading=contents.reading,
        notes=contents.notes,
    )


def _spacing(reading: Reading, options: ReadingOptions) -> Spacing:
    return Spacing(reading.every, options.sort, options.gap_limit, options.period, tuple(options.clocks))


def _samples(contents: Contents, rows: Row) -> Samples:
    """Return some of the rows with their times; one that has neither a time nor a value is left out."""
    table = contents.table
    empty = [cells.is_empty(table.column(name)).to_numpy() for name in (*contents.times.names, *contents.columns)]
    kept = rows[~np.logical_and.reduce(empty)[rows]]
    written = [table.column(name) for name in contents.times.names]

    def place(row: int) -> str:
        at = int(kept[row])
        said = " ".join(str(column[at]) for column in written)
        return f"{table.place(at)}: {' '.join(contents.times.names)} {said}"

    return Samples(contents.times.at(kept, table.place), contents.values[kept], place)


def _unit(name: str) -> str:
    """Return the unit in brackets at the end of a column's name, empty where there is none."""
    before, bracket = name.rstrip()[:-1], name.rstrip()[-1:]
    unit = before[max(before.rfind("["), before.rfind("(")) + 1 :]
    is_unit = bracket in ("]", ")") and len(unit) < len(before) and not set(unit) & set("])")
    return unit if is_unit else ""
