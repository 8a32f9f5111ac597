"""Samples of a stream gathered in intervals, each of which becomes one sample of the model when it is over.

What training does with whole columns (`edgeseq.series.intervals`) is done here sample by sample, and gives the very
numbers: float64 sums in the order of the samples. An interval is over with the first sample after it. What is open is
part of the stream's state; it is never changed in place, so that whoever keeps a state need not copy it.

A sample within the open interval may come in any order, but where values hold: there it must not be older than the one
before. An older one is left out; after `late_limit` of those in a row the clock was set back, and a new interval
begins. One whose time is not known joins the open interval, as taken at the time of its newest sample. So does one that
is `FAR_AHEAD` intervals ahead, unless the next goes on from there.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.reading.intervals import MICROSECONDS, Intervals, check_gathering, whole
from edgeseq_runtime.reading.reading import AGGREGATES, LAST, MAX, MEAN, Reading
from edgeseq_runtime.reading.times import LATEST
from edgeseq_runtime.rules import DISORDER, FAR_AHEAD, TIME

_NOTHING = -(1 << 62)
"""Stands for a time at which nothing is held."""

_LATEST = whole(LATEST)

PREFIX = "averaging."
SETTINGS, OPEN, NUMBERS, MOMENTS = (f"{PREFIX}{name}" for name in ("settings", "open", "numbers", "moments"))
"""What arrays of a snapshot are called."""


class Column(NamedTuple):
    """What is known of a feature in the open interval."""

    total: float = 0.0
    """The sum of its values, times the microseconds that each held where values hold; or the last or greatest one."""
    weight: int = 0
    """How many they were, or how long they held."""
    value: float = math.nan
    """The last one, which may be older than the interval where values hold."""
    at: int = _NOTHING
    """When that was taken."""


@dataclass(frozen=True, slots=True)
class Open:
    """An interval that is not over. Times are microseconds since 1970 UTC."""

    number: int
    columns: tuple[Column, ...]
    latest: int
    """The time of its newest sample; where it has none yet, its start."""
    samples: int = 0
    timeless: int = 0
    """How many of them have a time that is not known."""
    late: int = 0
    """Samples in a row that were too old."""
    ahead: int = 0
    """A time far ahead that waits to be confirmed; 0 where none does."""


class Closed(NamedTuple):
    """What stands for an interval that is over."""

    seconds: float
    """When it began, since 1970 UTC."""
    values: tuple[float, ...]
    """One for each measured feature, NaN where it had no finite value."""
    is_timeless: bool
    """Whether the time of a sample in it is not known."""


class Joined(NamedTuple):
    """What became of a sample."""

    closed: list[Closed]
    """The intervals that are over with it, in their order."""
    open: Open | None
    """What is open after it."""
    finding: str
    """TIME or DISORDER, where its time is not known or too old; empty where nothing was odd."""


class Averaging:
    """How samples are gathered. Raises `UsageError` where the reading says what does not go together."""

    def __init__(self, reading: Reading, features: int, late_limit: int) -> None:
        assert reading.every is not None, "there are intervals"
        check_gathering(reading.every, reading.aggregate, reading.hold)
        self.every = reading.every
        self.intervals = Intervals(reading.every, reading.zone)
        self._aggregate = reading.aggregate
        self._hold = 0 if reading.hold is None else whole(reading.hold)
        self._late_limit = late_limit
        self._far = FAR_AHEAD * self.intervals.length
        self._blank = (Column(),) * features
        zone = zlib.crc32(reading.zone.encode()) if self.intervals.follows_zone else 0
        self._settings = [self.intervals.length, AGGREGATES.index(reading.aggregate), self._hold, zone]

    def join(self, before: Open | None, values: Sequence[float], seconds: float) -> Joined:
        """Return what becomes of a sample; `values` are float32, NaN where one is missing, and so are `seconds`."""
        if math.isnan(seconds):
            return self._join_timeless(before, values)
        moment = whole(seconds)
        number = self.intervals.number(moment)
        if before is None:
            return Joined([], self._with(self._begun(number), values, moment), "")
        is_late = moment < before.latest if self._hold else number < before.number
        if is_late and before.late < self._late_limit:
            return Joined([], replace(before, late=before.late + 1), DISORDER)
        if is_late:
            return Joined(self._closed(before), self._with(self._begun(number), values, moment), DISORDER)
        is_far = moment - before.latest > self._far
        if is_far and not (before.ahead and 0 < moment - before.ahead <= self._far):
            joined = self._join_timeless(before, values)
            assert joined.open is not None, "there was an interval"
            return joined._replace(open=replace(joined.open, ahead=moment))
        closed: list[Closed] = []
        while before.number < number:
            closed += self._closed(before)
            before = self._next(before, number)
        return Joined(closed, self._with(before, values, moment), "")

    def close(self, before: Open) -> tuple[list[Closed], Open]:
        """End an interval whose time is over; return what stands for it, if anything does, and the next one."""
        return self._closed(before), self._next(before, before.number + 1)

    def end(self, before: Open) -> float:
        """Return when an interval is over, in seconds since 1970 UTC."""
        return self.intervals.start(before.number + 1) / MICROSECONDS

    def is_blank(self, before: Open) -> bool:
        """Whether nothing stands in an interval yet."""
        return not before.samples and not any(self._is_held(column, before.latest) for column in before.columns)

    def _join_timeless(self, before: Open | None, values: Sequence[float]) -> Joined:
        if before is None:
            return Joined([], None, TIME)
        joined = self._with(before, values, before.latest)
        return Joined([], replace(joined, timeless=before.timeless + 1), TIME)

    def _begun(self, number: int) -> Open:
        return Open(number, self._blank, self.intervals.start(number))

    def _next(self, before: Open, number: int) -> Open:
        """Return the interval after one that is over, without samples: the next where a value holds, else `number`."""
        if not self._hold:
            return self._begun(number)
        start = self.intervals.start(before.number + 1)
        columns = tuple(
            Column(value=column.value, at=column.at) if self._is_held(column, start) else Column()
            for column in before.columns
        )
        held = Open(before.number + 1, columns, start)
        return self._begun(number) if self.is_blank(held) else held

    def _is_held(self, column: Column, moment: int) -> bool:
        return bool(self._hold) and column.at + self._hold > moment

    def _with(self, before: Open, values: Sequence[float], moment: int) -> Open:
        """Return an interval with a sample that lies in it."""
        start = self.intervals.start(before.number) if self._hold else 0
        columns = tuple(
            self._added(column, value, moment, start) if math.isfinite(value) else column
            for column, value in zip(before.columns, values, strict=True)
        )
        return Open(before.number, columns, max(before.latest, moment), before.samples + 1, before.timeless)

    def _added(self, column: Column, value: float, moment: int, start: int) -> Column:
        if self._hold:
            return Column(*self._held_until(column, start, moment), value, moment)
        weight = column.weight + 1
        if self._aggregate == LAST:
            return Column(value, weight, value, moment) if moment >= column.at else column._replace(weight=weight)
        if self._aggregate == MAX:
            return Column(max(column.total, value) if column.weight else value, weight)
        return Column(column.total + value, weight)

    def _held_until(self, column: Column, start: int, moment: int) -> tuple[float, int]:
        """Return total and weight with the last value, which held from when it was taken up to a moment at most."""
        length = min(moment, column.at + self._hold) - max(column.at, start)
        if length <= 0:
            return column.total, column.weight
        weight = column.weight + length
        if self._aggregate == MEAN:
            return column.total + column.value * length, weight
        is_new = self._aggregate == LAST or not column.weight or column.value > column.total
        return column.value if is_new else column.total, weight

    def _closed(self, before: Open) -> list[Closed]:
        """Return what stands for an interval; nothing where nothing came and nothing was held."""
        start = self.intervals.start(before.number)
        columns = before.columns
        if self._hold:
            end = self.intervals.start(before.number + 1)
            columns = tuple(Column(*self._held_until(column, start, end)) for column in columns)
        if not before.samples and not any(column.weight for column in columns):
            return []
        values = tuple(self._value(column) for column in columns)
        return [Closed(start / MICROSECONDS, values, before.timeless > 0)]

    def _value(self, column: Column) -> float:
        if not column.weight:
            return math.nan
        return column.total / column.weight if self._aggregate == MEAN else column.total

    # What is saved

    def arrays(self, before: Open | None) -> dict[str, Float32]:
        """Return an open interval as arrays of a snapshot; nothing where none is."""
        if before is None:
            return {}
        counts = before.number, before.latest, before.samples, before.timeless, before.late, before.ahead
        return {
            SETTINGS: _from_integers(self._settings),
            OPEN: _from_integers(counts),
            NUMBERS: _from_floats([number for column in before.columns for number in (column.total, column.value)]),
            MOMENTS: _from_integers([number for column in before.columns for number in (column.weight, column.at)]),
        }

    def like(self) -> dict[str, Float32]:
        """Return arrays of the shapes that `arrays` has."""
        return self.arrays(self._begun(0))

    def load(self, arrays: Mapping[str, Float32]) -> tuple[Open | None, bool]:
        """Return the open interval of a snapshot, and whether it has one that was gathered otherwise, which is lost."""
        if any(name not in arrays for name in (SETTINGS, OPEN, NUMBERS, MOMENTS)):
            return None, SETTINGS in arrays
        if _integers(arrays[SETTINGS]) != self._settings:
            return None, True
        number, latest, samples, timeless, late, ahead = _integers(arrays[OPEN])
        floats, integers = _floats(arrays[NUMBERS]), _integers(arrays[MOMENTS])
        columns = tuple(map(Column, floats[::2], integers[::2], floats[1::2], integers[1::2]))
        found = Open(number, columns, latest, samples, timeless, late, ahead)
        if not self._might_be(found):
            raise SnapshotError("the snapshot has an open interval that no stream has")
        return found, False

    def _might_be(self, found: Open) -> bool:
        counts = [found.samples, found.timeless, found.late, *(column.weight for column in found.columns)]
        times = [found.latest, found.ahead, *(column.at for column in found.columns if column.at != _NOTHING)]
        if min(counts) < 0 or max(counts) > -_NOTHING or not all(abs(time) < _LATEST for time in times):
            return False
        return self.intervals.number(found.latest) == found.number


# A snapshot's arrays are float32; of a number of 64 bits each has 16, from the lowest on.


def _from_floats(numbers: Sequence[float]) -> Float32:
    return np.array(numbers, "<f8").view("<u2").astype(np.float32).reshape(len(numbers), 4)


def _from_integers(numbers: Sequence[int]) -> Float32:
    return np.array(numbers, "<i8").view("<u2").astype(np.float32).reshape(len(numbers), 4)


def _bits(array: Float32) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
    with np.errstate(invalid="ignore"):
        return np.ascontiguousarray(np.clip(np.nan_to_num(array), 0, 65535).astype("<u2"))


def _floats(array: Float32) -> list[float]:
    return [float(number) for number in _bits(array).view("<f8").ravel()]


def _integers(array: Float32) -> list[int]:
    return [int(number) for number in _bits(array).view("<i8").ravel()]
