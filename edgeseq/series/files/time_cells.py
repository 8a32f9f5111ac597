"""The cells of a time column, read: typed times, numbers, ISO 8601 and other notations, and local clocks as UTC."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files import notations, number_times
from edgeseq.series.files.cells import is_empty, is_number, is_text
from edgeseq.series.files.number_style import Place
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import counted, shown
from edgeseq_runtime.reading.guessing import guessed
from edgeseq_runtime.reading.notation import Notation
from edgeseq_runtime.reading.number_times import DAYS, FORMS, UNITS, YEAR
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import LATEST, TimeReader, is_epoch
from edgeseq_runtime.reading.zones import zone_of

_TYPED = (pl.Date, pl.Datetime)
"""Parquet's own times."""

_ISO = (
    r"^(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})(?:[T ](?P<H>[0-9]{2}):(?P<M>[0-9]{2})"
    r"(?::(?P<S>[0-5][0-9])(?:[.,](?P<f>[0-9]+))?)?(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_MONTH = r"^(?:(?:0[1-9]|1[0-2])\.(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}\.(?:0[1-9]|1[0-2]))$"
_NUMBER = r"^-?[0-9]{1,40}(?:[.,][0-9]{0,40})?(?:[eE][+-]?[0-9]{1,3})?$"

_AT_ONCE = 1 << 18
"""Cells that are read in one piece of memory."""

_CENTURIES = 2_240_611_200.0
"""2041: where years of two digits lead beyond it, the century may be the wrong one."""


@dataclass(frozen=True)
class Column:
    """The cells of a column, or of several joined, that are filled."""

    name: str
    cells: pl.Series
    """Text without blanks around it, numbers, or typed times."""
    rows: npt.NDArray[np.int64] | None
    """The table's row of each; None: all of them."""
    height: int
    """Of the table."""
    place: Place
    iso: "WrittenTimes | None" = None
    """What the cells say, where all are in one of the commonest forms."""

    @classmethod
    def of(cls, column: pl.Series, name: str, place: Place) -> Self:
        """Return the filled cells of a column (row,)."""
        height = len(column)
        rows = None
        if column.dtype == pl.String and not column.null_count() and (iso := _quick_iso(column)):
            return cls(name, column, None, height, place, iso)
        if is_text(column.dtype):
            column = column.cast(pl.String).str.strip_chars()
        empty = is_empty(column) if column.null_count() or (column.dtype == pl.String and _has_blank(column)) else None
        if empty is not None and empty.any():
            rows = np.flatnonzero(~empty.to_numpy())
            column = column.gather(rows)
        return cls(name, column, rows, height, place)

    @classmethod
    def sample(cls, column: pl.Series, name: str, count: int) -> Self:
        """Return some of the filled cells, from all over the column."""
        at = np.unique(np.linspace(0, max(len(column) - 1, 0), min(count, len(column))).astype(np.int64))
        found = cls.of(column.gather(at), name, str)
        return found if len(found.cells) else cls.of(column.drop_nulls().head(count), name, str)

    @property
    def numbers(self) -> Float64 | None:
        """The cells as numbers; None where one of them is none."""
        if is_number(self.cells.dtype):
            return self.cells.cast(pl.Float64).to_numpy().astype(np.float64)
        if self.cells.dtype != pl.String or not len(self.cells) or not self.cells[0][-1:].isdigit():
            return None
        if not self.cells.str.contains(_NUMBER).all():
            return None
        return (
            self.cells.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
        )

    @property
    def is_months(self) -> bool:
        """Whether the cells would be months if the column is a time: 01.2024 or 2024.01, which are numbers as well."""
        return self.cells.dtype == pl.String and len(self.cells) > 1 and bool(self.cells.str.contains(_MONTH).all())

    def spread(self, filled: Float64) -> Float64:
        """Return what belongs to the filled cells as what belongs to the table's rows, NaN for the others."""
        if self.rows is None:
            return filled
        spread = np.full(self.height, np.nan)
        spread[self.rows] = filled
        return spread

    def refuse(self, at: int, problem: str) -> DataError:
        """Return what to raise over a filled cell."""
        row = at if self.rows is None else int(self.rows[at])
        return DataError(f"{self.place(row)}: column {self.name!r} {problem}")


def _has_blank(column: pl.Series) -> bool:
    return column.str.len_bytes().min() == 0


@dataclass(frozen=True)
class WrittenTimes:
    """A column's times, and how they are written."""

    clock: Float64
    """Seconds since 1970 of the filled cells (cell,): UTC's where they are `utc`, else a place's clock."""
    utc: npt.NDArray[np.bool_] | bool
    """Which of them, or whether all, are UTC's."""
    time_format: str
    zoned: bool
    words: str = ""
    """How they are written, where that is not as usual."""
    has_clock: bool = True
    """Whether they tell the time of day."""
    notes: tuple[str, ...] = ()


def read_column(column: Column, time_format: str | None, *, named: bool) -> WrittenTimes:
    """Read the filled cells of a column, in the given form, or in that which all of them fit.

    `named` says that the column is the time by its name, or by what a user says. Raises `DataError`, with the line.
    """
    kind = column.cells.dtype
    if kind in _TYPED:
        clock = column.cells.dt.epoch("us").to_numpy().astype(np.float64) / 1e6
        zoned = isinstance(kind, pl.Datetime) and kind.time_zone is not None
        return WrittenTimes(clock, zoned, "", zoned, has_clock=kind == pl.Datetime)
    if not (is_text(kind) or is_number(kind)):
        raise DataError(f"column {column.name!r} holds {kind}, not times")
    if time_format is None:
        return _found_out(column, named=named)
    return _as_told(column, time_format)


def _found_out(column: Column, *, named: bool) -> WrittenTimes:
    iso = column.iso or _quick_iso(column.cells)
    if iso is not None:
        return iso
    if named and column.is_months:
        return _in_notation(column, column.cells)
    numbers = column.numbers
    if numbers is not None:
        form = number_times.form_of(numbers, named=named)
        if form is None and number_times.are_other_days(numbers):
            days = "days as Matlab or astronomers count them, which are not read; --time-format s takes them as seconds"
            raise column.refuse(0, f"holds {shown(column.cells[0])}: {days}")
        if form is None or form.is_counter:
            form = number_times.counter_of(column.name)
        return _from_numbers(column, numbers, form)
    text = column.cells
    if is_epoch(text[0]):
        at = int((~text.str.contains(_NUMBER)).arg_true()[0])
        raise column.refuse(at, f"holds {shown(text[at])}, not a time")
    try:
        return _whole_iso(column) or _in_notation(column, text)
    except notations.AmbiguousTimesError:
        raise
    except DataError as error:  # the first cell may be ISO 8601 by chance: 2024-01-01 10, before 2024-01-02 9
        try:
            return _in_notation(column, text)
        except DataError:
            raise error from None


def _as_told(column: Column, form: str) -> WrittenTimes:
    numbers = column.numbers
    if form in FORMS:
        if numbers is None:
            raise column.refuse(0, f"holds {shown(column.cells[0])}, not a number as {form} is")
        return _from_numbers(column, numbers, number_times.NumberForm(form, "numbers"))
    if not form and numbers is not None:
        return _from_numbers(column, numbers, _usual_numbers(column, numbers))
    if not form:
        iso = column.iso or _quick_iso(column.cells) or _whole_iso(column)
        if iso is None:
            raise _no_time(column, TimeReader())
        return iso
    notation = Notation(form)
    clock, utc = _read(column, notation)
    return _written(column, notation, clock, utc)


def _usual_numbers(column: Column, numbers: Float64) -> number_times.NumberForm:
    """Return what numbers stand for to a reader of ISO 8601: epochs, seconds from anywhere, or eight digits."""
    found = number_times.form_of(numbers, named=True)
    if found and (found.form in (*DAYS, YEAR) or ("%" in found.form and found.form != "%Y%m%d")):
        raise column.refuse(0, f"holds {shown(column.cells[0])}: {found.words}, not as the model was trained on")
    return found or number_times.COUNTER


def _from_numbers(column: Column, numbers: Float64, form: number_times.NumberForm) -> WrittenTimes:
    clock = number_times.clock_of(column.name, numbers, form.form or _unit_of(numbers))
    epoch = form.form in UNITS or not form.form
    notes: tuple[str, ...] = ()
    if form.is_counter:
        counted_from = f"{column.name} counts {form.words} from {numbers[0]:g}"
        notes = (f"{counted_from}: gaps are seen, but its dates are those of 1970",)
    words = "" if epoch and not form.form else f"{form.words} ({form.form})"
    return WrittenTimes(
        clock, epoch, form.form, epoch, words, has_clock="%" not in form.form or "%H" in form.form, notes=notes
    )


def _unit_of(numbers: Float64) -> str:
    size = float(np.median(np.abs(numbers)))
    return next((name for name, least in (("ns", 1e17), ("us", 1e14), ("ms", 1e11)) if size >= least), "s")


def _quick_iso(text: pl.Series) -> WrittenTimes | None:
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


def _whole_iso(column: Column) -> WrittenTimes | None:
    """Return the times of a column in ISO 8601 of any form; None where its first cell is in another notation."""
    reader, text = TimeReader(), column.cells
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
            raise _no_time(column, reader)
        seconds[at], zoned[at] = reader.seconds(cell), bool(reader.says_zone(cell))
    other = np.flatnonzero(zoned != zoned[0])
    if len(other):
        at = int(other[0])
        with_zone = "with" if zoned[at] else "without"
        raise column.refuse(at, f"holds {text[at]!r}, {with_zone} a zone, unlike {text[0]!r}")
    has_clock = bool(len(text[0]) > len("2024-01-01"))
    return WrittenTimes(seconds, bool(zoned[0]), "", bool(zoned[0]), has_clock=has_clock)


def _no_time(column: Column, reader: TimeReader) -> DataError:
    """Return what to raise over the first cell that is no time."""
    at = next((at for at, cell in enumerate(column.cells.to_list()) if not reader.is_time(cell)), 0)
    return column.refuse(at, f"holds {shown(column.cells[at])}, not a time")


def _in_notation(column: Column, text: pl.Series) -> WrittenTimes:
    """Return the times of a column in the one notation that all its cells fit. Raises `DataError`."""
    sample = Column.sample(text, column.name, 200).cells.to_list()
    fitting = notations.fitting(text, [text[0], *sample])
    readings = []
    for notation in fitting:
        clock, utc = _read(column, notation, refuse=False)
        if not np.isnan(clock).any():
            readings.append((notation, clock, utc))
    if not readings:
        raise _unfit(column, text)
    at = 0
    if len(readings) > 1:
        at = notations.chosen(column.name, text, [(notation, clock) for notation, clock, _ in readings])
    return _written(column, *readings[at])


def is_written(cell: str) -> bool:
    """Whether a cell is a time in a notation that is known, and no number."""
    if is_epoch(cell):
        return False
    return TimeReader().is_time(cell) or any(Notation(form).read(cell) for form in guessed(cell))


def _unfit(column: Column, text: pl.Series) -> DataError:
    """Return what to raise where no notation fits all cells: over the first one that the first's does not fit."""
    best, reach = None, 0
    for form in guessed(text[0]):
        fits = text.str.contains(Notation(form).pattern).fill_null(value=False)
        wrong = (~fits).arg_true()
        first = int(wrong[0]) if len(wrong) else len(text)
        if first > reach:
            best, reach = form, first
    if best is None:
        return column.refuse(0, f"holds {text[0]!r}, not a time that is known; --time-format says how it is written")
    if reach == len(text):
        return _no_day(column, Notation(best))
    return column.refuse(
        reach, f"holds {text[reach]!r}, not a time as {text[0]!r} is ({best}); --time-format says how all are written"
    )


def _no_day(column: Column, notation: Notation) -> DataError:
    cells = column.cells.to_list()
    at = next(
        (
            at
            for at, cell in enumerate(cells)
            if (moment := notation.read(cell)) is None or (moment.zone and moment.offset is None)
        ),
        0,
    )
    moment = notation.read(cells[at])
    if moment is None:
        return column.refuse(at, f"holds {cells[at]!r}, a day or an hour that there is not")
    return column.refuse(at, f"holds {cells[at]!r}: several zones are called {moment.zone}; --zone says which is meant")


def _read(column: Column, notation: Notation, *, refuse: bool = True) -> tuple[Float64, npt.NDArray[np.bool_] | bool]:
    """Return the seconds of cells in a notation, and which are UTC's. Raises `DataError` for one that is not so."""
    text = column.cells.cast(pl.String)
    read = notations.read(text, notation)
    if refuse and np.isnan(read.clock).any():
        at = int(np.flatnonzero(np.isnan(read.clock))[0])
        raise column.refuse(at, f"holds {text[at]!r}, which is not written as {notation.text}")
    if read.offset is None:
        return read.clock / 1e6, False
    known = np.isfinite(read.offset)
    return (read.clock - np.where(known, read.offset, 0)) / 1e6, bool(known.all()) or known


def _written(column: Column, notation: Notation, clock: Float64, utc: npt.NDArray[np.bool_] | bool) -> WrittenTimes:
    form = notation.text
    notes: tuple[str, ...] = ()
    if "y" in notation.groups and clock.max() > _CENTURIES:
        notes = (f"{column.name}: years of two digits are those from 1969 to 2068",)
    return WrittenTimes(
        clock, utc, form, bool(np.any(utc)), f"{_order(form)}{form}", has_clock=not notation.is_date, notes=notes
    )


def _order(form: str) -> str:
    day, month = form.find("%d"), form.find("%m")
    if min(day, month) < 0 or form.find("%Y") == 0:
        return ""
    return "day first: " if day < month else "month first: "


def in_utc(
    column: Column, written: WrittenTimes, zone: str, groups: npt.NDArray[np.int64] | None
) -> tuple[Float64, tuple[str, ...]]:
    """Return the times of the table's rows (row,) in seconds since 1970 UTC, and notes. Raises `DataError`."""
    seconds, notes = written.clock, written.notes
    if not np.all(written.utc):
        if isinstance(written.utc, np.ndarray):
            seconds = _each(column, written.time_format, zone)
        elif zone:
            seconds, skipped = _from_clock(column, written.clock, zone, groups)
            notes += skipped
    wrong = np.flatnonzero(~(np.abs(seconds) < LATEST))
    if len(wrong):
        raise column.refuse(int(wrong[0]), f"holds {shown(column.cells[int(wrong[0])])}, not a time")
    return column.spread(seconds), notes


def _from_clock(
    column: Column, clock: Float64, zone: str, groups: npt.NDArray[np.int64] | None
) -> tuple[Float64, tuple[str, ...]]:
    """Return the times at which a zone's clock shows `clock` (cell,), and a note about what it never shows."""
    early, late, skipped = zone_of(zone).utc_all(clock)
    seconds = early.copy()
    whose = None if groups is None else groups if column.rows is None else groups[column.rows]
    _tell_apart(seconds, early, late, np.flatnonzero(early != late), whose)
    count = int(skipped.sum())
    if not count:
        return seconds, ()
    at = int(skipped.argmax())
    row = at if column.rows is None else int(column.rows[at])
    others = f", as {counted(count - 1, 'other')} do not" if count > 1 else ""
    note = f"{column.place(row)}: {column.cells[at]} does not exist in {zone}{others}: taken as the hour after"
    return seconds, (note,)


def _tell_apart(
    seconds: Float64,
    early: Float64,
    late: Float64,
    twice: npt.NDArray[np.int64],
    whose: npt.NDArray[np.int64] | None,
) -> None:
    """Set the times of an hour that a clock shows twice: the second ones begin where a sensor's times do not go on."""
    last: dict[int, float] = {}
    for at in twice.tolist():
        sensor = -1 if whose is None else int(whose[at])
        if last.get(sensor, -np.inf) >= early[at]:
            seconds[at] = late[at]
        last[sensor] = float(seconds[at])


def _each(column: Column, form: str, zone: str) -> Float64:
    """Return the times of cells whose zones' names the given zone explains, one by one."""
    if not zone:
        raise _no_day(column, Notation(form))
    reader = TimeReader(Reading(time_format=form, zone=zone))
    seconds, after = np.empty(len(column.cells)), np.nan
    for at, cell in enumerate(column.cells.to_list()):
        if not reader.is_time(cell):
            raise column.refuse(at, f"holds {cell!r}, which is no time of {zone}")
        after = seconds[at] = reader.seconds(cell, after)
    return seconds
