"""Times as they come with samples, read as seconds since 1970."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.grammar import EPOCHS, LONGEST_NUMBER
from edgeseq_runtime.printable import shown

Time: TypeAlias = str | float | datetime | np.datetime64 | None
"""ISO 8601, seconds since 1970, or milli-, micro- or nanoseconds; without a zone it is UTC. A leap second is the one
before it."""

_BEYOND = 253_402_300_800.0
"""Seconds from 1970 to the year 10000. What is further away, either way, is no time: a stream that began there could
not tell times of today apart, with the digits that a float has."""

_LEAST_FRACTIONS = min(least for least, _ in EPOCHS)
"""Numbers below it are seconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = datetime(1970, 1, 1)


def to_seconds(time: Time) -> float:
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
        seconds = number / next((fractions for least, fractions in EPOCHS if abs(number) >= least), 1.0)
        if abs(seconds) >= _BEYOND:
            raise ValueError  # noqa: TRY301 - the same word for all that is no time
    except (ValueError, TypeError, OverflowError):
        raise DataError(f"{shown(time)} is not a time") from None
    return seconds


def is_time(time: Time) -> bool:
    """Whether `to_seconds` can read it."""
    try:
        to_seconds(time)
    except DataError:
        return False
    return True


def is_epoch(text: str) -> bool:
    """Whether the text is an epoch; eight digits are a date."""
    return len(text) != 8 and len(text) <= LONGEST_NUMBER and text.replace(".", "", 1).lstrip("-").isdigit()


def _from_iso(text: str) -> datetime:
    """Read ISO 8601. Raises `ValueError`; `datetime` knows no second 60."""
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


def read_times(times: Sequence[Time] | npt.NDArray[np.generic]) -> tuple[Float64, npt.NDArray[np.bool_]]:
    """Return times as `to_seconds` has them, NaN for None, and which of them cannot be read, (time,) each.

    Raises `DataError` for an array of more axes.
    """
    numbers = np.asarray(times) if isinstance(times, np.ndarray) or all(type(time) is float for time in times) else None
    if numbers is not None and numbers.ndim != 1:
        raise DataError(f"times have shape {numbers.shape}; expected one time for each sample, (time,)")
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


def _read_numbers(numbers: Float64) -> tuple[Float64, npt.NDArray[np.bool_]]:
    size = np.abs(numbers)
    seconds = numbers / np.select([size >= least for least, _ in EPOCHS], [count for _, count in EPOCHS], 1.0)
    unread = np.abs(seconds) >= _BEYOND
    seconds[unread] = np.nan
    return seconds, unread


def _read_datetimes(times: npt.NDArray[Any]) -> Float64:
    """Return NumPy's times, NaN for those that are none; to the microsecond, as `datetime` is."""
    return np.where(np.isnat(times), np.nan, times.astype("M8[us]").astype(np.float64) / 1e6)
