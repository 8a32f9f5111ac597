"""Progress of a training as lines: what a log gets in the place of a bar."""

import time
from collections.abc import Callable

from edgeseq.commands.notes import note
from edgeseq.text import duration

_PAUSE = 30.0
"""Seconds from one line to the next."""


class ProgressLog:
    """Says from time to time how far a run is, and how long it still takes."""

    def __init__(self, what: str, start: float, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._start, self._total = what, start, total
        self._clock = clock
        self._begin = self._last = clock()

    def show(self, done: float, described: str) -> None:
        """Say how much is done, unless something was said within the last half minute."""
        now = self._clock()
        if now - self._last < _PAUSE or done <= self._start:
            return
        self._last = now
        left = round((now - self._begin) / (done - self._start) * (self._total - done))
        note(f"{self._what} {int(done)} of {self._total}, {described}, about {_rounded(left)} left")


def _rounded(seconds: int) -> str:
    """Return a duration as exactly as a guess may be."""
    unit = next((size for size in (3600, 60) if seconds >= 2 * size), 1)
    return duration(round(seconds / unit) * unit) if seconds else "0 s"
