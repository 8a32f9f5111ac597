"""Times as they come with samples, read as seconds since 1970 by the one decision about how they are written."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading import number_times
from edgeseq_runtime.reading.notation import Moment, Notation
from edgeseq_runtime.reading.number_times import EPOCHS, FIRST_PLAUSIBLE, FORMS, LAST_PLAUSIBLE, UNITS, by_size
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.zones import zone_of

Time: TypeAlias = str | float | datetime | np.datetime64 | None
"""ISO 8601, seconds since 1970, or milli-, micro- or nanoseconds, unless a `Reading` says otherwise; without a zone it
is UTC. A leap second is the one before it."""

MONTH = 2_629_746.0
"""Seconds of a month where months are what passes: the twelfth of the Gregorian calendar's mean year."""

LATEST = 253_402_300_800.0
"""Seconds from 1970 to the year 10000. What is further away, either way, is no time: a stream that began there could
not tell times of today apart, with the digits that a float has."""

_LONGEST_NUMBER, _LONGEST_TEXT = 400, 100
"""Characters."""

_LEAST_FRACTIONS = min(least for least, _ in EPOCHS)
"""Numbers below it are seconds."""

_ANNOTATED = re.compile(r"(?P<time>.*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2}))(?:\[[^\[\]]*\])+")
"""RFC 9557: a time with its offset, then the zone's name or a calendar in brackets, as Java writes times."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = datetime(1970, 1, 1)

Flags: TypeAlias = npt.NDArray[np.bool_]


class TimeReader:
    """Reads times as a `Reading` says; without one, ISO 8601 and epochs by their size. Raises `UsageError`."""

    seconds: Callable[..., float]
    """Takes a time and, by choice, that of the stream's sample before, which tells the hour that comes twice in autumn
    apart; returns seconds since 1970 UTC, NaN for None. Raises `DataError` for what is no time."""

    def __init__(self, reading: Reading | None = None) -> None:
        reading = reading or Reading()
        self.form = reading.time_format
        self.notation = Notation(self.form) if "%" in self.form else None
        self.zone = zone_of(reading.zone) if reading.zone else None
        self._quick = (-_LEAST_FRACTIONS, _LEAST_FRACTIONS) if self.form == "s" else (math.inf, -math.inf)
        if not self.form or (self.notation and not self.notation.is_digits):
            self._quick = (FIRST_PLAUSIBLE, LAST_PLAUSIBLE)
        """Numbers between which are seconds since 1970, without a closer look."""
        self.knows = bool(reading.time)
        """Whether the model was trained on times: a number that is decades away from any is none then."""
        self._is_usual = not (self.form or self.zone or self.knows)
        self.seconds = to_seconds if self._is_usual else self._seconds

    def _seconds(self, time: Time, after: float = math.nan) -> float:
        if type(time) is float and self._quick[0] <= time < self._quick[1]:
            return time
        if time is None:
            return math.nan
        try:
            if isinstance(time, str):
                seconds = self._from_text(time.strip(), after)
            elif isinstance(time, np.datetime64):
                seconds = self._utc(float(_read_datetimes(np.array([time]))[0]), after)
            elif isinstance(time, datetime):
                seconds = self._from_datetime(time, after)
            else:
                seconds = self._from_number(float(time), after, time)
            if not -LATEST < seconds < LATEST and not math.isnan(seconds):
                raise ValueError  # noqa: TRY301 - the same word for all that is no time
        except (ValueError, TypeError, OverflowError):
            raise DataError(f"{shown(time)} is not a time") from None
        return seconds

    def _from_text(self, text: str, after: float) -> float:
        if self.notation:
            moment = self.notation.read(text)
            if moment:
                return self._from_moment(moment, after)
        elif self.form and is_number(pointed := text.replace(",", ".")):
            return self._from_number(float(pointed), after)
        if is_epoch(text):
            return self._from_number(float(text), after)
        return self._from_datetime(_from_iso(text), after)

    def _from_moment(self, moment: Moment, after: float) -> float:
        if moment.offset is not None:
            return (moment.clock - int(moment.offset) * 1_000_000) / 1e6
        if not moment.zone:
            return self._utc(moment.clock / 1e6, after)
        if not self.zone:
            raise ValueError(moment.zone)
        seconds = self.zone.utc(moment.clock / 1e6, after, moment.zone)
        if not self.zone.knows(moment.zone, seconds):
            raise ValueError(moment.zone)
        return seconds

    def _from_datetime(self, moment: datetime, after: float) -> float:
        if moment.tzinfo:
            return (moment - _EPOCH).total_seconds()
        return self._utc((moment - _EPOCH_WITHOUT_ZONE).total_seconds(), after)

    def _from_number(self, number: float, after: float, given: Any = None) -> float:
        if math.isnan(number):
            return number
        if self.form in FORMS:
            seconds = number_times.second_of(number, self.form)
            return seconds if self.form in UNITS else self._utc(seconds, after)
        if self.notation and self.notation.is_digits and number == int(number):
            digits = str(int(given if given is not None else number))
            moment = self.notation.read(digits)
            if moment is None:
                raise ValueError(digits)
            return self._from_moment(moment, after)
        seconds = number / by_size(number)
        if self.knows and not FIRST_PLAUSIBLE <= seconds < LAST_PLAUSIBLE:
            raise ValueError(number)
        return seconds

    def _utc(self, clock: float, after: float) -> float:
        """Return when the zone's clock shows this; without a zone it is UTC's."""
        return self.zone.utc(clock, after) if self.zone and not math.isnan(clock) else clock

    def is_time(self, time: Time) -> bool:
        """Whether it can be read."""
        try:
            self.seconds(time)
        except DataError:
            return False
        return True

    def read_all(
        self, times: "Sequence[Time] | npt.NDArray[Any]", after: Float64 | None = None
    ) -> tuple[Float64, Flags]:
        """Return times as `seconds` has them, and which of them cannot be read, (time,) each; those have NaN.

        `after` are those of the samples before, (time,). Raises `DataError` for an array of more axes.
        """
        if self._is_usual:
            return read_times(times)
        _require_one_axis(times)
        if self._takes_arrays(times):
            seconds, unread = read_times(times)
            if self.knows:
                unread |= (seconds < FIRST_PLAUSIBLE) | (seconds >= LAST_PLAUSIBLE)
                seconds[unread] = np.nan
            return seconds, unread
        before = [math.nan] * len(times) if after is None else after.tolist()
        return self._each(times, before)

    def read_run(self, times: "Sequence[Time] | npt.NDArray[Any]", after: float = math.nan) -> tuple[Float64, Flags]:
        """Return the same for times of one stream that follow each other, and the one `after`."""
        if not self.zone:
            return self.read_all(times)
        _require_one_axis(times)
        seconds, unread = np.full(len(times), np.nan), np.zeros(len(times), np.bool_)
        for place, time in enumerate(times):
            try:
                seconds[place] = self.seconds(time, after)
            except DataError:
                unread[place] = True
            after = seconds[place] if seconds[place] == seconds[place] else after
        return seconds, unread

    def _takes_arrays(self, times: Any) -> bool:
        """Whether times are numbers whose size tells what they are, so that all may be read at once."""
        if self._quick[0] != FIRST_PLAUSIBLE:
            return False
        if isinstance(times, np.ndarray):
            return times.dtype.kind in "iuf"
        return all(type(time) is float for time in times)

    def _each(self, times: Any, before: list[float]) -> tuple[Float64, Flags]:
        seconds, unread = np.full(len(times), np.nan), np.zeros(len(times), np.bool_)
        for place, (time, after) in enumerate(zip(times, before, strict=True)):
            try:
                seconds[place] = self.seconds(time, after)
            except DataError:
                unread[place] = True
        return seconds, unread

    def says_zone(self, time: Time) -> bool | None:
        """Whether a time says which zone it is of; None where that does not matter: a number is UTC by itself."""
        if isinstance(time, datetime):
            return time.tzinfo is not None
        if not isinstance(time, str) or is_number(time.strip()):
            return None
        text = time.strip()
        moment = self.notation.read(text) if self.notation else None
        if moment:
            return moment.offset is not None or bool(moment.zone)
        try:
            return _from_iso(text).tzinfo is not None
        except ValueError:
            return None


def to_seconds(time: Time, _after: float = math.nan) -> float:
    """Return a time as seconds since 1970 UTC, NaN for None. Raises `DataError` for what is no time."""
    if type(time) is float and -_LEAST_FRACTIONS < time < _LEAST_FRACTIONS:
        return time  # the usual, and quick
    if time is None:
        return math.nan
    try:
        if isinstance(time, str):
            text = time.strip()
            time = float(text) if is_epoch(text) else _from_iso(text)
        elif isinstance(time, np.datetime64):
            return float(_read_datetimes(np.array([time]))[0])
        if isinstance(time, datetime):
            return (time - (_EPOCH if time.tzinfo else _EPOCH_WITHOUT_ZONE)).total_seconds()
        number = float(time)
        seconds = number / by_size(number)
        if abs(seconds) >= LATEST:
            raise ValueError  # noqa: TRY301 - the same word for all that is no time
    except (ValueError, TypeError, OverflowError):
        raise DataError(f"{shown(time)} is not a time") from None
    return seconds


def is_number(text: str) -> bool:
    """Whether a text is a number as times are: digits, with a point and a sign at most."""
    if len(text) > _LONGEST_NUMBER or not text.isascii():
        return False
    return text.replace(".", "", 1).removeprefix("-").isdigit()


def is_epoch(text: str) -> bool:
    """Whether the text is an epoch; eight digits are a date."""
    return len(text) != 8 and is_number(text)


def without_annotation(text: str) -> str:
    """Return a time without the zone's name that stands in brackets behind its offset, which says all (RFC 9557)."""
    annotated = _ANNOTATED.fullmatch(text) if text[-1:] == "]" else None
    return annotated["time"] if annotated else text


def _from_iso(text: str) -> datetime:
    """Read ISO 8601. Raises `ValueError`; `datetime` knows no second 60, and no zone in letters."""
    if len(text) > _LONGEST_TEXT or not text.isascii():  # of digits without end, `datetime` makes fractions
        raise ValueError(text)
    text = without_annotation(text)
    if text.endswith((" UTC", " GMT")):
        text = text[:-4].replace(" +0000", "") + "+00:00"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        date, mark, time = text.partition("T" if "T" in text else " ")
        at = 6 if time[2:3] == ":" else 4
        if time[at : at + 2] != "60":
            raise
        return datetime.fromisoformat(f"{date}{mark}{time[:at]}59{time[at + 2 :]}")


def is_one(times: Any) -> bool:
    """Whether it is one time, not several."""
    return isinstance(times, str) or not hasattr(times, "__len__") or getattr(times, "ndim", 1) == 0


def require_one_each(times: Any, count: int, what: str = "samples") -> None:
    """Raise `DataError` unless there is a time for each of so many samples, or streams."""
    if is_one(times):
        raise DataError(f"times: expected one for each of {count} {what}, got {shown(times)}")
    if len(times) != count:
        raise DataError(f"{count} {what} have {len(times)} times")


def read_times(times: "Sequence[Time] | npt.NDArray[Any]") -> tuple[Float64, Flags]:
    """Return times as `to_seconds` has them, NaN for None, and which of them cannot be read, (time,) each.

    Raises `DataError` for an array of more axes.
    """
    numbers = np.asarray(times) if isinstance(times, np.ndarray) or all(type(time) is float for time in times) else None
    _require_one_axis(times if numbers is None else numbers)
    if numbers is not None and numbers.dtype.kind == "M":
        return _read_datetimes(numbers), np.zeros(len(numbers), np.bool_)
    if numbers is not None and numbers.dtype.kind in "iuf":
        return _read_numbers(numbers.astype(np.float64))
    seconds, unread = np.full(len(times), np.nan), np.zeros(len(times), np.bool_)
    for place, time in enumerate(times):
        try:
            seconds[place] = to_seconds(time)
        except DataError:
            unread[place] = True
    return seconds, unread


def _require_one_axis(times: Any) -> None:
    if isinstance(times, np.ndarray) and times.ndim != 1:
        raise DataError(f"times have shape {times.shape}; expected one time for each sample, (time,)")


def _read_numbers(numbers: Float64) -> tuple[Float64, Flags]:
    size = np.abs(numbers)
    seconds = numbers / np.select([size >= least for least, _ in EPOCHS], [count for _, count in EPOCHS], 1.0)
    unread = np.abs(seconds) >= LATEST
    seconds[unread] = np.nan
    return seconds, unread


def _read_datetimes(times: npt.NDArray[Any]) -> Float64:
    """Return NumPy's times, NaN for those that are none; to the microsecond, as `datetime` is."""
    return np.where(np.isnat(times), np.nan, times.astype("M8[us]").astype(np.float64) / 1e6)
