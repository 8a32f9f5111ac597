"""Times by a place's clock as times of UTC, the hour that comes twice and the one that never comes included."""

import numpy as np
import numpy.typing as npt

from edgeseq.series.files.time_cells import no_day
from edgeseq.series.files.time_column import Column
from edgeseq.series.files.written_times import WrittenTimes
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.printable import counted, shown
from edgeseq_runtime.reading.notation import Notation
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import LATEST, TimeReader
from edgeseq_runtime.reading.zones import zone_of


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
        raise no_day(column, Notation(form))
    reader = TimeReader(Reading(time_format=form, zone=zone))
    seconds, after = np.empty(len(column.cells)), np.nan
    for at, cell in enumerate(column.cells.to_list()):
        if not reader.is_time(cell):
            raise column.refuse(at, f"holds {cell!r}, which is no time of {zone}")
        after = seconds[at] = reader.seconds(cell, after)
    return seconds
