"""The cells of a time column, read: typed times, numbers, ISO 8601 and other notations."""

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files import notations, number_times
from edgeseq.series.files.cells import is_number, is_text
from edgeseq.series.files.iso_times import no_time, quick_iso, whole_iso
from edgeseq.series.files.time_column import NUMBER, Column
from edgeseq.series.files.written_times import WrittenTimes
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.guessing import guessed
from edgeseq_runtime.reading.notation import Notation
from edgeseq_runtime.reading.number_times import DAYS, FORMS, UNITS, YEAR
from edgeseq_runtime.reading.times import TimeReader, is_epoch

_TYPED = (pl.Date, pl.Datetime)
"""Parquet's own times."""

_CENTURIES = 2_240_611_200.0
"""2041: where years of two digits lead beyond it, the century may be the wrong one."""


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
    iso = column.iso or quick_iso(column.cells)
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
        at = int((~text.str.contains(NUMBER)).arg_true()[0])
        raise column.refuse(at, f"holds {shown(text[at])}, not a time")
    try:
        return whole_iso(column.cells, column.refuse) or _in_notation(column, text)
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
        iso = column.iso or quick_iso(column.cells) or whole_iso(column.cells, column.refuse)
        if iso is None:
            raise no_time(column.cells, column.refuse)
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
        return no_day(column, Notation(best))
    return column.refuse(
        reach, f"holds {text[reach]!r}, not a time as {text[0]!r} is ({best}); --time-format says how all are written"
    )


def no_day(column: Column, notation: Notation) -> DataError:
    """Return what to raise over the first cell that fits the notation and is no time."""
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
