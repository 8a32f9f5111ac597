"""Samples gathered in intervals, each of which becomes one sample: the mean, sum, last or greatest of each column.

`edgeseq_runtime.streaming.averaging` does the same on the device, sample by sample, and gives the very numbers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeseq.series.series import Values
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.reading.intervals import MICROSECONDS, Intervals, all_whole
from edgeseq_runtime.reading.reading import LAST, MAX, MEAN

Int64 = npt.NDArray[np.int64]

_MOST = 200_000_000
"""Intervals that held values may reach over."""


@dataclass(frozen=True)
class Gathered:
    """What stands in intervals, those without any left out."""

    seconds: Float64
    """When each begins, since 1970; (interval,)."""
    values: Values
    """(interval, column); NaN where there is no finite value."""
    rows: Int64
    """The first row in each; of one that only holds an earlier value, the row before; (interval,)."""


def gather(
    seconds: Float64, values: Values, every: float, aggregate: str = MEAN, hold: float | None = None, zone: str = ""
) -> Gathered:
    """Return what stands for the samples in each interval that has any; times (row,) must not decrease.

    Intervals are those of `Intervals`. What counts are the finite values of each column. With `hold`, a value holds
    until the column's next one, at most so many seconds, and what counts is the signal that is so made: its mean over
    the part of the interval that is held, weighted by time; the value at the end of that part; or the greatest. The
    end of the data is that of the last sample's interval.
    """
    intervals = Intervals(every, zone)
    moments = all_whole(seconds)
    if hold is not None:
        return _gather_held(intervals, moments, values, aggregate, round(hold * MICROSECONDS))
    number = intervals.numbers(moments)
    begins = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
    slots = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(number)))
    columns = [_reduced(aggregate, values[:, column], slots, begins) for column in range(values.shape[1])]
    return Gathered(_seconds(intervals, number[begins]), _float32(columns), begins)


def _reduced(aggregate: str, column: Values, slots: Int64, begins: Int64) -> Float64:
    known = np.isfinite(column)
    if not known.all():
        column, slots = column[known], slots[known]
    count = np.bincount(slots, minlength=len(begins))
    found = np.full(len(begins), np.nan)
    if aggregate in (LAST, MAX):
        return _chosen(aggregate, column, slots, found)
    total = np.bincount(slots, column, len(begins))  # adds in the order of the rows, as a stream does
    return np.asarray(np.divide(total, count if aggregate == MEAN else 1, out=found, where=count > 0))


def _chosen(aggregate: str, column: Values, slots: Int64, found: Float64) -> Float64:
    """Return the last or the greatest value in each slot; `slots` are in order."""
    if len(slots):
        begins = np.flatnonzero(np.diff(slots, prepend=-1))
        ends = np.append(begins[1:], len(slots)) - 1
        found[slots[begins]] = column[ends] if aggregate == LAST else np.maximum.reduceat(column, begins)
    return found


def _gather_held(intervals: Intervals, moments: Int64, values: Values, aggregate: str, hold: int) -> Gathered:
    number = intervals.numbers(moments)
    end = intervals.start(int(number[-1]) + 1)
    pieces = [_pieces(intervals, moments, values[:, column], hold, end) for column in range(values.shape[1])]
    numbers = np.unique(np.concatenate([number, *(found for found, _, _ in pieces)]))
    columns = []
    for held, value, length in pieces:
        slots, found = np.searchsorted(numbers, held), np.full(len(numbers), np.nan)
        if aggregate in (LAST, MAX):
            columns.append(_chosen(aggregate, value, slots, found))
            continue
        weight = np.bincount(slots, length, len(numbers))
        total = np.bincount(slots, value * length, len(numbers))
        columns.append(np.divide(total, weight, out=found, where=weight > 0))
    rows = np.searchsorted(number, numbers)
    rows -= number[np.minimum(rows, len(number) - 1)] != numbers
    return Gathered(_seconds(intervals, numbers), _float32(columns), rows)


def _pieces(intervals: Intervals, moments: Int64, column: Values, hold: int, end: int) -> tuple[Int64, Values, Float64]:
    """Return the pieces of a held signal, none of which reaches over an interval's end, in order.

    The interval of each, its value, and its length in microseconds.
    """
    known = np.isfinite(column)
    moments, column = moments[known], column[known]
    until = np.minimum(np.append(moments[1:], end), np.minimum(moments + hold, end))
    lasting = until > moments
    moments, column, until = moments[lasting], column[lasting], until[lasting]
    first = intervals.numbers(moments)
    count = intervals.numbers(until - 1) - first + 1
    if count.sum() > _MOST:
        raise UsageError(f"--every is too short to hold values: they would reach over {count.sum()} intervals")
    rows = np.repeat(np.arange(len(count)), count)
    number = first[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    begins = np.maximum(moments[rows], intervals.starts(number))
    ends = np.minimum(until[rows], intervals.starts(number + 1))
    return number, column[rows], (ends - begins).astype(np.float64)


def _seconds(intervals: Intervals, numbers: Int64) -> Float64:
    return np.asarray(intervals.starts(numbers) / MICROSECONDS, np.float64)


def _float32(columns: list[Float64]) -> Values:
    with np.errstate(over="ignore"):
        return np.stack(columns, axis=1).astype(np.float32)
