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
from edgeseq.series.files.cells import Numbers
from edgeseq.series.files.opening import open_table
from edgeseq.series.files.options import ReadingOptions
from edgeseq.series.files.table import Table
from edgeseq.series.files.times import TimeColumns
from edgeseq.series.resampling import Samples, Spacing
from edgeseq.series.series import Series
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.printable import counted, listed
from edgeseq_runtime.reading.overrides import NONE
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.streaming.sensors import LEAST_SAMPLES

_USUAL = ReadingOptions()

Row = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Contents:
    """All rows of a file as times and numbers, and how they were read."""

    table: Table
    columns: tuple[str, ...]
    """Those in use: the targets first, then the other features, then those known ahead."""
    targets: int
    known: int
    times: TimeColumns
    numbers: Numbers
    """Of the columns."""

    def told(self, options: ReadingOptions) -> Reading:
        """Return the decision about the file: what the user says and what each part has found."""
        written = self.table.written
        said = replace(options.over(Reading()), sort=options.sort, skip_rows=written.skip_rows, header=written.header)
        return self.numbers.told(self.times.told(said))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided, and what was in doubt; a line each."""
        return (*self.table.written.notes, *self.times.notes, *self.numbers.notes)


def read(path: str, options: ReadingOptions = _USUAL) -> Series:
    """Read a series from a file.

    Raises `UsageError` for a column that is not there and for a file that holds several sensors, and `DataError` for
    what the cells hold, with the line.
    """
    return _one(path, _opened(path, options), options)


def _one(path: str, table: Table, options: ReadingOptions) -> Series:
    """Return the one series that a table holds."""
    contents = _contents(table, options)
    taken = {*contents.columns, *contents.times.names}
    free = [name for name in contents.table.names if name not in taken]
    if free and contents.times.seconds is not None and options.id != NONE:
        sensors.check_one(contents.table, contents.times, free)
    name = Path(path.removesuffix(".gz").removesuffix(".zst")).stem
    return _series(name, contents, None, options)


def read_by(path: str, options: ReadingOptions, *, id_may_lack: bool = False) -> tuple[dict[str, Series], list[str]]:
    """Read a file in which the column `options.id` says whose sample each row is; return the series of each.

    In the order in which they appear; a row whose cell is empty is nobody's. Then a line for each sensor that is left
    out, since it has too few rows. With `id_may_lack` a file without that column is of one sensor, whose name is "".
    Raises what `read` does.
    """
    table = _opened(path, options)
    if id_may_lack and options.id not in table.names:
        return {"": _one(path, table, replace(options, id=None))}, []
    contents = _contents(table, options)
    groups = cells.groups(contents.table.column(table.require(options.id or "")))
    few = [name for name, rows in groups.items() if len(rows) < LEAST_SAMPLES]
    left_out = [f"{name} is left out: it has {counted(len(groups[name]), 'row')}" for name in few]
    if len(few) == len(groups):
        raise DataError(f"{path}: no sensor of {options.id} has {LEAST_SAMPLES} rows or more")
    return {name: _series(name, contents, groups[name], options) for name in groups if name not in few}, left_out


def _opened(path: str, options: ReadingOptions) -> Table:
    return open_table(path, options.skip_rows, options.header)


def _contents(table: Table, options: ReadingOptions) -> Contents:
    """Read all rows of the columns in use."""
    sensor = [table.require(options.id or "")] if options.tells_apart else []
    named = _named(table, options)
    groups = _numbered(table, sensor[0]) if sensor else None
    found = times.find(table, (*named, *sensor), options.time, options.time_format, options.zone or "", groups)
    targets = tuple(dict.fromkeys(options.targets)) or (_only_numeric_column(table, {*found.names, *sensor}),)
    features = tuple(dict.fromkeys((*targets, *options.features)))
    known = tuple(dict.fromkeys(options.known))
    twice = [name for name in known if name in features]
    if twice:
        raise UsageError(f"{twice[0]} is a target or a feature; it cannot be known ahead as well")
    columns = (*features, *known)
    _check_spacing(table.path, columns, found, options)
    taken = {*columns, *found.names, *sensor}
    others = [name for name in table.names if name not in taken and table.is_plain(name)]
    numbers = cells.read_all(
        [table.column(name) for name in columns],
        (table.column(name) for name in others if cells.is_text(table.kinds[name])),
        table.place,
        units=[_known_unit(name, table, options) for name in columns],
        decimal=options.decimal,
        missing=options.na,
    )
    return Contents(table, columns, len(targets), len(known), found, numbers)


def _numbered(table: Table, sensor: str) -> Row:
    """Return whose sample each row is, by a number; -1 is nobody's."""
    numbers = np.full(table.height, -1, np.int64)
    for number, rows in enumerate(cells.groups(table.column(sensor)).values()):
        numbers[rows] = number
    return numbers


def _named(table: Table, options: ReadingOptions) -> tuple[str, ...]:
    """Return the columns that the user names as samples. Raises `UsageError` where they are something else."""
    named = (*options.targets, *options.features, *options.known)
    for name in named:
        other = "known ahead" if name in options.known else "a target or a feature"
        if table.require(name) in (options.time_columns or ()):
            raise UsageError(f"{name} is the time column; it cannot be {other} as well")
        if name == options.id:
            raise UsageError(f"{name} says whose sample a row is; it cannot be {other} as well")
    return named


def _only_numeric_column(table: Table, taken: set[str]) -> str:
    """Return the one column of numbers; one without a name is a row's number, not a sample."""
    free = [name for name in table.names if name not in taken and name not in table.unnamed]
    numeric = [name for name in free if table.is_plain(name) and cells.mostly_numbers(table.column(name))]
    if not numeric:
        held = listed(f"{name} ({cells.first_cell(table.column(name))})" for name in free if table.is_plain(name))
        held = held or listed(table.names)
        raise DataError(f"{table.path} has no column of numbers; its columns are {held}{table.header_note}")
    if len(numeric) > 1:
        raise UsageError(
            f"{table.path} has several columns of numbers: {', '.join(numeric)}{table.header_note}; "
            "name one with --target"
        )
    return table.require(numeric[0])


def _check_spacing(path: str, columns: Sequence[str], found: TimeColumns, options: ReadingOptions) -> None:
    """Refuse what needs times where there are none, and time features that are there already."""
    every = options.over(Reading()).every
    if not found.names and (every or options.sort or options.clocks):
        option = "--every" if every else "--sort" if options.sort else "--time-features"
        raise UsageError(f"{option} needs a time column; name it with --time")
    taken = [name for name in options.clocks if name in columns]
    if taken:
        raise UsageError(f"{path} has a column {taken[0]!r} of its own: rename it, or leave out that time feature")


def _series(name: str, contents: Contents, rows: Row | None, options: ReadingOptions) -> Series:
    """Return some of the rows, or all, as a series, in even steps where they have times."""
    even, reading = None, contents.told(options)
    if contents.times.names:
        even = resampling.evenly(_samples(contents, rows), _spacing(reading, options))
    columns = (*contents.columns, *options.clocks)
    units = (*contents.numbers.units, *(options.units.get(name, "") for name in options.clocks))
    values = even.values if even else contents.numbers.values if rows is None else contents.numbers.values[rows]
    if contents.known:
        order = _known_last(len(contents.columns) - contents.known, contents.known, len(columns))
        columns, units = (tuple(each[column] for column in order) for each in (columns, units))
        values = values[:, order]
    return Series(
        name=name,
        columns=columns,
        units=units,
        targets=contents.targets,
        values=values,
        rows=even.rows if even else np.arange(contents.table.height if rows is None else len(rows)),
        time=" ".join(contents.times.names) or None,
        period=even.period if even else None,
        clocks=len(options.clocks),
        known=contents.known,
        seconds=even.seconds if even else None,
        reading=reading,
        notes=(*contents.notes, *(even.notes if even else ())),
    )


def _known_last(measured: int, known: int, count: int) -> list[int]:
    """Return the order of columns in which those known ahead stand behind the features of the time."""
    clocks = range(measured + known, count)
    return [*range(measured), *clocks, *range(measured, measured + known)]


def _spacing(reading: Reading, options: ReadingOptions) -> Spacing:
    return Spacing(
        every=reading.every,
        aggregate=reading.aggregate,
        hold=reading.hold,
        zone=reading.zone,
        sort=options.sort,
        gap_limit=options.gap_limit,
        expected=options.period,
        clocks=tuple(options.clocks),
    )


def _samples(contents: Contents, rows: Row | None) -> Samples:
    """Return some of the rows, or all, with their times; one that has neither a time nor a value is left out."""
    table, seconds = contents.table, contents.times.seconds
    assert seconds is not None, "there are times"
    without = np.flatnonzero(np.isnan(seconds))
    if len(without):
        empty = [cells.is_empty(table.column(name).gather(without)).to_numpy() for name in contents.columns]
        rows = np.arange(table.height) if rows is None else rows
        rows = np.setdiff1d(rows, without[np.logical_and.reduce(empty)], assume_unique=True)
    written = [table.column(name) for name in contents.times.names]

    def place(row: int) -> str:
        at = row if rows is None else int(rows[row])
        said = " ".join(str(column[at]) for column in written)
        return f"{table.place(at)}: {' '.join(contents.times.names)} {said}"

    if rows is None:
        return Samples(seconds, contents.numbers.values, place)
    return Samples(contents.times.at(rows, table.place), contents.numbers.values[rows], place)


def _known_unit(name: str, table: Table, options: ReadingOptions) -> str:
    """Return a column's unit as the user gives it or the file, beside the names or within one; "" where none does."""
    return {**table.written.units, **options.units}.get(name, _unit(name))


def _unit(name: str) -> str:
    """Return the unit in brackets at the end of a column's name, empty where there is none."""
    before, bracket = name.rstrip()[:-1], name.rstrip()[-1:]
    unit = before[max(before.rfind("["), before.rfind("(")) + 1 :]
    is_unit = bracket in ("]", ")") and len(unit) < len(before) and not set(unit) & set("])")
    return unit if is_unit else ""
