"""The intervals that samples are gathered in, in training and on the device: their numbers, and when each begins."""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.reading.reading import SUM
from edgeseq_runtime.reading.zones import zone_of

MICROSECONDS = 1_000_000
"""In a second. Whole ones keep rounding out of it."""

_DAY = 86400 * MICROSECONDS

_LONGEST_HOLD = 10_000
"""Intervals that a value may hold for: so many may be over when the next sample comes."""

Int64 = npt.NDArray[np.int64]


class Intervals:
    """Intervals of `every` seconds, numbered. Each holds its start, not its end.

    They begin at multiples of their length since 1970 UTC; those of whole days, where `zone` is given, at multiples on
    the zone's own clock: at midnight there. All times here are whole microseconds since 1970 UTC.
    """

    def __init__(self, every: float, zone: str = "") -> None:
        self.length = round(every * MICROSECONDS)
        """Microseconds; of days in a zone, those in which its clock is not set."""
        self._zone = zone_of(zone) if zone and self.length % _DAY == 0 else None

    @property
    def follows_zone(self) -> bool:
        """Whether the zone matters."""
        return self._zone is not None

    def number(self, moment: int) -> int:
        """Return the interval that holds a moment."""
        return (moment + self._offset(moment)) // self.length

    def numbers(self, moments: Int64) -> Int64:
        """Return the interval that holds each moment."""
        return (moments + self._offsets(moments)) // self.length

    def start(self, number: int) -> int:
        """Return when an interval begins."""
        clock = number * self.length
        return clock - self._offset(clock - self._offset(clock))

    def starts(self, numbers: Int64) -> Int64:
        """Return when each of these intervals begins."""
        clock = numbers * self.length
        return clock - self._offsets(clock - self._offsets(clock))

    def _offset(self, moment: int) -> int:
        """Return how far the zone's clock is ahead of UTC."""
        return whole(self._zone.offset(moment / MICROSECONDS)) if self._zone else 0

    def _offsets(self, moments: Int64) -> Int64 | int:
        return all_whole(self._zone.offsets(moments / MICROSECONDS)) if self._zone else 0


def whole(seconds: float) -> int:
    """Return a time as whole microseconds."""
    return round(seconds * MICROSECONDS)


def all_whole(seconds: Float64) -> Int64:
    """Return times as whole microseconds."""
    return np.rint(seconds * MICROSECONDS).astype(np.int64)


def check_gathering(every: float | None, aggregate: str, hold: float | None) -> None:
    """Raise `UsageError` where these do not go together."""
    if hold is None:
        return
    if every is None:
        raise UsageError("--hold needs --every: the intervals that the held values are averaged over")
    if aggregate == SUM:
        raise UsageError("--aggregate sum cannot be had with --hold: a value that holds is not counted again")
    if hold > _LONGEST_HOLD * every:
        raise UsageError(f"--hold may be at most {_LONGEST_HOLD} times --every")
