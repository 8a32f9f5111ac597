"""The times of a table: which of its columns hold them, how they are written, and what they say.

Everything is decided over whole columns: what one cell means, another may tell.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from edgeseq.series.files import cells
from edgeseq.series.files.local_clocks import in_utc
from edgeseq.series.files.notations import AmbiguousTimesError, fitting
from edgeseq.series.files.number_style import Place
from edgeseq.series.files.table import Table
from edgeseq.series.files.time_cells import is_written, read_column
from edgeseq.series.files.time_column import Column
from edgeseq.series.files.written_times import WrittenTimes
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.guessing import TIME_OF_DAY
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.time_names import HOURS, PART_FORM, PARTS, is_usual
from edgeseq_runtime.reading.times import is_number

_LOOK = 64
"""Cells by which a column is judged at first."""

_PACKED_CLOCK = re.compile(r"([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9])?")

_LIKE_TIME = re.compile(r"[0-9]{1,4}[-/. ][0-9A-Za-z]{1,9}[-/. ][0-9]{1,4}|[0-9]:[0-9]{2}|[0-9]{4}[-/]W?[0-9]{1,2}")


@dataclass(frozen=True)
class TimeColumns:
    """The columns that hold a table's times, how they are written, and what they say."""

    names: tuple[str, ...] = ()
    """Joined by a blank where there are several; none: samples go by their order."""
    seconds: Float64 | None = None
    """Since 1970 UTC (row,), NaN where the cells are empty; None where there are no times."""
    time_format: str = ""
    zone: str = ""
    zoned: bool = False
    """These three as `Reading` has them."""
    notes: tuple[str, ...] = ()
    """What was decided, and what was in doubt; a line each."""

    def told(self, reading: Reading) -> Reading:
        """Return the decision about a file with that about its times."""
        return replace(reading, time=self.names, time_format=self.time_format, zone=self.zone, zoned=self.zoned)

    def at(self, rows: npt.NDArray[np.int64], place: Place) -> Float64:
        """Return the times of some of the rows (row,). Raises `DataError` where one is empty; `place` takes its row."""
        assert self.seconds is not None
        seconds = self.seconds if len(rows) == len(self.seconds) else self.seconds[rows]
        empty = np.flatnonzero(np.isnan(seconds))
        if len(empty):
            raise DataError(f"{place(int(rows[empty[0]]))}: column {' '.join(self.names)!r} is empty")
        return seconds


def find(
    table: Table,
    taken: Sequence[str] = (),
    asked: str | Sequence[str] | None = None,
    time_format: str | None = None,
    zone: str = "",
    groups: npt.NDArray[np.int64] | None = None,
) -> TimeColumns:
    """Find the times of a table: which columns hold them and how they are written, decided over all of their cells.

    `taken` are columns that hold something else. `asked` names the columns, "COL" or "COL,COL", or is "none"; None
    looks for columns that hold times. `time_format` and `zone` are as in `Reading`; None: how they are written is found
    out. `groups` says by a number whose sample each row is (row,), since the hour that comes twice in autumn is told
    apart by each sensor's own order. Raises `UsageError` for columns that are not there and where several may be meant,
    and `DataError` for cells that hold no times, with the line.
    """
    names = _asked(table, asked) if asked is not None else None
    notes: tuple[str, ...] = ()
    if names is None:
        names, notes = _looked_for(table, taken, time_format)
    if not names:
        return TimeColumns(notes=notes)
    column = _joined(table, names)
    told = _form_of_parts(names) if time_format is None else time_format
    written = read_column(column, told, named=asked is not None or is_usual(column.name))
    seconds, more = in_utc(column, written, zone, groups)
    return TimeColumns(
        names, seconds, written.time_format, zone, written.zoned, (*notes, *_told(names, written, zone), *more)
    )


def _asked(table: Table, asked: str | Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a user names; a name may have a comma itself."""
    if asked == "none":
        return ()
    if isinstance(asked, str):
        asked = (asked,) if asked in table.names else tuple(name.strip() for name in asked.split(","))
    return tuple(table.require(name) for name in asked)


def _joined(table: Table, names: Sequence[str]) -> Column:
    """Return the cells that are filled; of several columns joined by a blank, where one of them is."""
    first = table.column(names[0])
    if len(names) == 1:
        return Column.of(first, names[0], table.place)
    columns = [_as_text(table.column(name)) for name in names]
    text = pl.DataFrame({str(at): column for at, column in enumerate(columns)}).select(
        pl.concat_str(pl.all(), separator=" ").alias(names[0])
    )
    return Column.of(text.to_series(), " ".join(names), table.place)


def _as_text(column: pl.Series) -> pl.Series:
    """Return the cells of one of several columns as text, null where they are empty."""
    if column.dtype.is_float() and not column.is_nan().any() and (column.drop_nulls() % 1 == 0).all():
        column = column.cast(pl.Int64)
    text = column.cast(pl.String).str.strip_chars()
    return text.set(text == "", None)


def _looked_for(table: Table, taken: Sequence[str], form: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that hold times, and a line for each that may and does not."""
    free = [name for name in table.names if name not in taken and (table.is_plain(name) or is_usual(name))]
    looks = {name: _look_for(table, name, form) if form else _look(table, name) for name in free}
    dates = [name for name in free if looks[name].is_date]
    if dates:
        return _with_clock(table, _choose_dates(dates, looks), free, looks), ()
    parts = _parts(table, free)
    if parts:
        return parts, ()
    numbers = [name for name in free if looks[name].is_number_time]
    counters = [name for name in free if looks[name].is_counter]
    chosen = [name for name in numbers if is_usual(name)] or numbers or counters
    chosen = chosen or [name for name in free if is_usual(name) and table.kinds[name] == pl.Time]  # which is refused
    if len(chosen) > 1:
        raise UsageError(f"several columns look like times: {', '.join(chosen)}; name one with --time")
    notes = tuple(filter(None, (looks[name].doubt for name in free)))
    return tuple(chosen), () if chosen else notes[:1]


@dataclass(frozen=True)
class _Look:
    """What some of a column's cells hold."""

    is_date: bool = False
    """Dates, or dates with a time of day."""
    has_clock: bool = False
    """Whether they have a time of day."""
    is_clock: bool = False
    """Times of day without a date."""
    is_number_time: bool = False
    """Numbers that stand for dates."""
    is_counter: bool = False
    """Numbers that rise from no known time."""
    doubt: str = ""
    """What is to be said where the column is none of these."""


def _look_for(table: Table, name: str, form: str) -> _Look:
    """Return whether some of a column's cells are times as they are said to be written."""
    sample = Column.sample(table.column(name), name, _LOOK)
    try:
        read_column(sample, form, named=True)
    except DataError:
        return _Look()
    is_date, some = "%" in form, bool(len(sample.cells))
    return _Look(is_date=is_date and some, has_clock=True, is_number_time=some and not is_date and is_usual(name))


def _look(table: Table, name: str) -> _Look:
    column = table.column(name)
    if column.dtype in (pl.Date, pl.Datetime):
        return _Look(is_date=True, has_clock=column.dtype == pl.Datetime)
    if column.dtype == pl.Time:
        return _Look(is_clock=True)
    if not (cells.is_text(column.dtype) or cells.is_number(column.dtype)):
        return _Look(is_date=is_usual(name) and column.dtype != pl.Null)  # which is refused with what it holds
    sample = Column.sample(column, name, _LOOK)
    if not len(sample.cells):
        return _Look()
    usual = is_usual(name)
    if sample.numbers is not None and not (usual and sample.is_months):
        look = _look_at_numbers(column, name, sample, usual=usual)
        return replace(look, is_clock=usual and _is_packed_clock(sample.cells))
    first = str(sample.cells[0])
    are_clocks = all(TIME_OF_DAY.fullmatch(cell) and (":" in cell or "." in cell) for cell in sample.cells.to_list())
    if are_clocks and not _are_dotted_dates(sample.cells):
        return _Look(
            is_clock=True,
            doubt=f"{name!r} holds {shown(first)}, a time of day without its date: gaps are not seen" if usual else "",
        )
    try:
        written = read_column(sample, None, named=usual)
    except AmbiguousTimesError:  # which all cells may tell apart
        return _Look(is_date=True, has_clock=":" in first)
    except DataError:
        known = sum(is_written(cell) or (usual and is_number(cell)) for cell in sample.cells.to_list())
        if known * 2 > len(sample.cells) or (usual and known):  # the one that is none will be named
            return _Look(is_date=True, has_clock=":" in first)
        if usual or _LIKE_TIME.search(first):
            return _Look(
                doubt=f"{name!r} holds {shown(first)}, not a time that is known: gaps are not seen; "
                "--time-format says how it is written"
            )
        return _Look()
    return _Look(is_date=True, has_clock=written.has_clock)


@np.errstate(over="ignore", invalid="ignore")
def _look_at_numbers(column: pl.Series, name: str, sample: Column, *, usual: bool) -> _Look:
    from edgeseq.series.files.number_times import form_of, is_even

    assert sample.numbers is not None
    form = form_of(sample.numbers, named=usual)
    if form is None and not usual:
        return _Look()
    if form and "%" in form.form:
        return _Look(is_date=True, has_clock="%H" in form.form)
    numbers = Column.of(column, name, str).numbers
    if form and not form.is_counter and (usual or (numbers is not None and is_even(numbers))):
        return _Look(is_number_time=True)
    if numbers is not None and usual and _counts(name, numbers):
        return _Look(is_counter=True)
    if not usual or len(name) == 1:  # T is a temperature
        return _Look()
    first = shown(column.drop_nulls()[0])
    return _Look(doubt=f"{name!r} holds {first}, which is no time that is known: gaps are not seen")


def _are_dotted_dates(cells_: pl.Series) -> bool:
    """Whether all cells are dates such as 31.01.24, which 12.01.24 alone does not tell from a time of day."""
    return any(one.is_date and "y" in one.groups for one in fitting(cells_, cells_.to_list()))


def _is_packed_clock(cells_: pl.Series) -> bool:
    """Whether cells are times of day in digits alone, such as 093000."""
    return cells_.dtype == pl.String and all(_PACKED_CLOCK.fullmatch(cell) for cell in cells_.to_list())


def _counts(name: str, numbers: Float64) -> bool:
    """Whether the numbers of a column called as times are may be those of a clock that began somewhere."""
    from edgeseq.series.files.number_times import is_counter, is_even, is_regular

    if len(name) == 1:  # T is a temperature
        return is_counter(numbers) and (is_even(numbers) or len(numbers) == 2)
    if len(numbers) < 2 or is_counter(numbers):
        return True
    ordered = np.sort(numbers)
    are_few = 2 * len(np.unique(numbers)) < len(numbers) or (numbers != np.rint(numbers)).any()  # values, it seems
    return is_regular(ordered) or (not are_few and is_even(ordered))


def _choose_dates(dates: list[str], looks: "dict[str, _Look]") -> str:
    """Return the column of dates that is meant: one with a usual name, and one that tells the time of day, first."""
    for chosen in (
        [name for name in dates if is_usual(name) and looks[name].has_clock],
        [name for name in dates if is_usual(name)],
        [name for name in dates if looks[name].has_clock],
        dates,
    ):
        if len(chosen) == 1:
            return chosen[0]
        if chosen:
            raise UsageError(f"several columns look like times: {', '.join(chosen)}; name one with --time")
    raise AssertionError


def _with_clock(table: Table, date: str, free: Sequence[str], looks: "dict[str, _Look]") -> tuple[str, ...]:
    """Return a column of dates, with that of the times of day where dates come again."""
    if looks[date].has_clock:
        return (date,)
    column = table.column(date)
    if column.n_unique() == len(column):
        return (date,)
    clocks = [name for name in free if looks[name].is_clock] or [name for name in free if name.lower() in HOURS]
    if len(clocks) > 1:
        raise UsageError(
            f"{date} goes with one of {', '.join(clocks)}; name both with --time, e.g. --time {date},{clocks[0]}"
        )
    return (date, *clocks)


def _parts(table: Table, free: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of year, month, day and so on, where a table has them all apart."""
    by_name = {name.lower(): name for name in free}
    found: list[str] = []
    for names in PARTS:
        name = next((by_name[one] for one in names if one in by_name), None)
        if name is None:
            break
        found.append(name)
    if len(found) < 2 or not all(_is_whole(table.column(name)) for name in found):
        return ()
    return tuple(found)


def _is_whole(column: pl.Series) -> bool:
    numbers = Column.sample(column, column.name, _LOOK).numbers
    return numbers is not None and bool(len(numbers)) and bool((numbers == np.rint(numbers)).all())


def _form_of_parts(names: Sequence[str]) -> str | None:
    """Return how the parts of a date are written that lie in columns of their own, None where columns are others."""
    wanted = [one for one, names_of in zip(names, PARTS, strict=False) if one.lower() in names_of]
    if len(names) < 2 or len(wanted) < len(names):
        return None
    return " ".join(PART_FORM.split()[: len(names)])


def _told(names: Sequence[str], written: WrittenTimes, zone: str) -> tuple[str, ...]:
    """Return the line about a choice that is not the usual one."""
    if not written.words and len(names) == 1 and not zone:
        return ()
    clock = "" if written.zoned else f", {zone or 'UTC assumed'}"
    how = written.words or "ISO 8601"
    called = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return (f"time: {called}, {how}{clock}",)
