"""Progress of a training as lines: what a log gets in the place of a bar, and what each phase of a long one says."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edgeseq.commands.notes import note
from edgeseq.text import duration

_PAUSE = 30.0
"""Seconds from one line to the next."""

_PAUSE_IN_PHASE = 5.0
"""The same within a phase that has no steps."""

_LONG = 200_000
"""Samples from which on phases are told; of a shorter series each takes a moment."""

_LARGE = 20_000_000
"""Bytes of a file from which on it is told that it is read."""


class PhaseLog:
    """Says as each phase of a long training begins, and within it from time to time how far it is."""

    def __init__(self, samples: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_quiet = samples < _LONG
        self._clock, self._phase, self._last = clock, "", 0.0

    def say(self, phase: str, detail: str) -> None:
        """Say what is done, unless something was said of the same phase within the last five seconds."""
        now = self._clock()
        if self._is_quiet or (phase == self._phase and now - self._last < _PAUSE_IN_PHASE):
            return
        self._phase, self._last = phase, now
        note(f"{phase}: {detail}")


def tell_of_reading(names: Sequence[str]) -> None:
    """Say that large files are read."""
    paths = [path for path in map(Path, names) if path.is_file()]
    size = sum(path.stat().st_size for path in paths)
    if size >= _LARGE:
        note(f"reading {', '.join(path.name for path in paths)}: {size / 1e6:,.0f} MB")


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
