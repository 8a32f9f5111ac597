"""Zones of the IANA database: the time of a place's clock as UTC, and back."""

import math
from bisect import bisect_right
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import UsageError

_DAY = 86_400
_BLOCK = 366 * _DAY
"""Seconds whose changes are looked for at once."""

_STEP = 5 * _DAY
"""Of two looks at an offset: no zone has put its clock forth and back within less."""

_FIRST, _LAST = -62_135_596_800 + 2 * _BLOCK, 253_402_300_800 - 2 * _BLOCK
"""Seconds from 1970 between which `datetime` can tell."""

Flags: TypeAlias = npt.NDArray[np.bool_]


class Zone:
    """A zone's clock. Raises `UsageError` for a name that is not known here."""

    def __init__(self, name: str) -> None:
        try:
            self._info = ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # also of a name that is a folder of the database
            raise UsageError(
                f"the zone {name!r} is not known here; expected a name such as Europe/Berlin "
                "(where a system has no zones, pip install tzdata brings them)"
            ) from None
        self.name = name
        self._blocks: dict[int, tuple[list[float], list[float]]] = {}
        self._span = (math.inf, -math.inf, 0.0)  # from, until, and the offset between: most times lie in the same

    def offset(self, seconds: float) -> float:
        """Return the seconds that the clock is ahead of UTC, at a time in seconds since 1970 UTC."""
        begin, end, offset = self._span
        if begin <= seconds < end:
            return offset
        block = math.floor(min(max(seconds, _FIRST), _LAST) / _BLOCK)
        begins, offsets = self._changes(block)
        at = bisect_right(begins, seconds) - 1
        at = max(at, 0)
        end = begins[at + 1] if at + 1 < len(begins) else float((block + 1) * _BLOCK)
        self._span = (begins[at], end, offsets[at])
        return offsets[at]

    def offsets(self, seconds: Float64) -> Float64:
        """Return the same for times (...), NaN for NaN."""
        flat = np.asarray(seconds, np.float64).ravel()
        known = flat[np.isfinite(flat)]
        if not len(known):
            return np.full(np.shape(seconds), np.nan)
        ends = np.clip([known.min(), known.max()], _FIRST, _LAST)
        first, last = (math.floor(end / _BLOCK) for end in ends)
        begins, found = map(np.concatenate, zip(*map(self._changes, range(first, last + 1)), strict=True))
        at = np.searchsorted(begins, flat, side="right") - 1
        offsets = np.where(np.isnan(flat), np.nan, found[np.clip(at, 0, None)])
        return np.asarray(offsets.reshape(np.shape(seconds)))

    def local(self, seconds: Float64) -> Float64:
        """Return what the clock shows at times (...), as seconds since 1970 began on it."""
        return np.asarray(seconds + self.offsets(seconds))

    def utc(self, clock: float, after: float = math.nan, abbreviation: str = "") -> float:
        """Return the time at which the clock shows `clock`.

        Where it does so twice, the zone's abbreviation tells, and else the time of the sample before: the first of the
        two, unless that one is reached. What it skips is the time as long after the change.
        """
        early, late = sorted(clock - self.offset(clock + shift) for shift in (-_DAY, _DAY))
        if early == late:
            return early
        shows = [early + self.offset(early) == clock, late + self.offset(late) == clock]
        if all(shows):
            named = [self._abbreviation(moment) == abbreviation for moment in (early, late)] if abbreviation else []
            if any(named):
                return early if named[0] else late
            return late if after >= early else early
        if any(shows):
            return early if shows[0] else late
        return late  # with the offset from before the change

    def knows(self, abbreviation: str, seconds: float) -> bool:
        """Whether the zone is so called at a time."""
        return self._abbreviation(seconds) == abbreviation

    def _abbreviation(self, seconds: float) -> str:
        return datetime.fromtimestamp(seconds, self._info).tzname() or ""

    def utc_all(self, clock: Float64) -> tuple[Float64, Float64, Flags]:
        """Return the first and the last time at which the clock shows each of `clock` (time,), and which it skips."""
        ends = [clock - self.offsets(clock + shift) for shift in (-_DAY, _DAY)]
        early, late = np.minimum(*ends), np.maximum(*ends)
        first, second = (moment + self.offsets(moment) == clock for moment in (early, late))
        skipped = ~(first | second) & np.isfinite(clock)
        return np.where(first, early, late), np.where(second | skipped, late, early), skipped

    def _changes(self, block: int) -> tuple[list[float], list[float]]:
        """Return the times within a block of years from which an offset holds, the block's begin first, and it."""
        if block in self._blocks:
            return self._blocks[block]
        begin = block * _BLOCK
        begins, offsets = [float(begin)], [self._looked_up(begin)]
        for step in range(begin + _STEP, begin + _BLOCK + _STEP, _STEP):
            end = min(step, begin + _BLOCK - 1)
            offset = self._looked_up(end)
            if offset != offsets[-1]:
                low, high = end - _STEP, end
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (low, middle) if self._looked_up(middle) == offset else (middle, high)
                begins.append(float(high))
                offsets.append(offset)
        self._blocks[block] = begins, offsets
        return begins, offsets

    def _looked_up(self, seconds: int) -> float:
        moment = datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), UTC).astimezone(self._info)
        offset = moment.utcoffset()
        assert offset is not None
        return offset.total_seconds()


@lru_cache(maxsize=16)
def zone_of(name: str) -> Zone:
    """Return a zone, each once. Raises `UsageError`."""
    return Zone(name)


def local(seconds: Float64, name: str) -> Float64:
    """Return times (...) in seconds since 1970 UTC as a zone's clock shows them; without a name, as they are."""
    return zone_of(name).local(seconds) if name else seconds
