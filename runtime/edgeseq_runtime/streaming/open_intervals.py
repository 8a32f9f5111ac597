"""The open intervals of streams by name, and when the wall clock says that one is over."""

import math
import time as clocks
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import Time, TimeReader
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.averaging import Averaging, Closed, Open
from edgeseq_runtime.streaming.times_ahead import TimesAhead
from edgeseq_runtime.streaming.validation import RawSample, Reader, as_float32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NOW = 5.0
"""Seconds that a sample may be under way and be of now, where intervals are shorter."""

_PATIENCE, _MOST_PATIENCE = 0.1, 2.0
"""Of an interval, and seconds at most: how long after its end, and after the last, samples may be on their way."""


class Gathered(NamedTuple):
    """A sample of the model, gathered from those of an interval that is over."""

    time: str | float
    """When the interval began, written as the times of its samples are."""
    moment: datetime
    values: tuple[float, ...]
    is_timeless: bool
    """Whether the time of a sample in it is not known."""


class OpenIntervals:
    """Gathers samples of any streams. `now` returns the wall clock's time in seconds since 1970 UTC."""

    def __init__(self, spec: Spec, reading: Reading, late_limit: int, now: Callable[[], float] = clocks.time) -> None:
        self._averaging = Averaging(reading, len(spec.measured), late_limit)
        self._values, self._measured = Reader(spec), len(spec.measured)
        self._times, self._now = TimeReader(reading), now
        self._patience = min(_PATIENCE * self._averaging.every, _MOST_PATIENCE)
        period = spec.period or self._averaging.every
        self._starts = TimesAhead(replace(spec, reading=reading, period=period), range(1))
        self._open: dict[str, Open] = {}
        self._live: dict[str, tuple[float, Time]] = {}  # when each live one is over, and how its last time was written
        self._next = math.inf  # the least of these

    def join(self, name: str, sample: RawSample, time: Time) -> tuple[list[Gathered], str]:
        """Take a sample of a stream; return the intervals that are over with it, and what was odd about its time.

        Raises `DataError` for what is no sample; all is then as before.
        """
        values = as_float32(np.array(self._values.read(sample)[: self._measured], np.float64)).tolist()
        before = self._open.get(name)
        try:
            seconds = self._times.seconds(time, math.nan if before is None else before.latest / 1e6)
        except DataError:
            seconds = math.nan
        joined = self._averaging.join(before, values, seconds)
        if joined.open is not None:
            self._open[name] = joined.open
        if not joined.finding:
            self._watch(name, time, seconds)
        return [self._gathered(closed, time) for closed in joined.closed], joined.finding

    def _watch(self, name: str, time: Time, seconds: float) -> None:
        """Note whether the stream is live: its samples are of now, not of a file."""
        if abs(self._now() - seconds) <= max(self._averaging.every, _NOW):
            self._live[name] = self._over(name), time
            self._next = min(self._next, self._live[name][0])
        else:
            self._live.pop(name, None)

    def _over(self, name: str) -> float:
        """Return when an interval is over: a sample that has just come late may have others behind it."""
        return max(self._averaging.end(self._open[name]), self._now()) + self._patience

    def postpone(self) -> None:
        """Let samples that were held up be on their way: end no interval before they have had time to come."""
        earliest = self._now() + self._patience
        self._live = {name: (max(over, earliest), like) for name, (over, like) in self._live.items()}

    def _gathered(self, closed: Closed, like: Time) -> Gathered:
        written = self._starts.after(like, closed.seconds) if isinstance(like, str | int | float) else None
        moment = _EPOCH + timedelta(seconds=closed.seconds)
        return Gathered(written[0] if written else closed.seconds, moment, closed.values, closed.is_timeless)

    def due(self) -> float | None:
        """Return in how many seconds the wall clock ends an interval; None where it ends none."""
        return max(0.0, self._next - self._now()) if self._live else None

    def take_due(self, most: int) -> list[tuple[str, list[Gathered]]]:
        """End those that are over by the wall clock, of `most` streams at once; return what stands for each."""
        now = self._now()
        if now < self._next:
            return []
        names = [name for name, (over, _) in self._live.items() if over <= now][:most]
        return [(name, self._end(name)) for name in names] if names else self._none_due()

    def _end(self, name: str) -> list[Gathered]:
        closed, after = self._averaging.close(self._open[name])
        self._open[name] = after
        _, like = self._live[name]
        if self._averaging.is_blank(after):
            del self._live[name]
        else:  # a value that holds
            self._live[name] = self._over(name), like
        return [self._gathered(one, like) for one in closed]

    def _none_due(self) -> list[tuple[str, list[Gathered]]]:
        self._next = min((over for over, _ in self._live.values()), default=math.inf)
        return []

    def waiting(self) -> tuple[int, int]:
        """Return how many intervals hold samples, and how many samples all of them."""
        counts = [open_.samples for open_ in self._open.values() if open_.samples]
        return len(counts), sum(counts)

    def state(self, name: str) -> Open | None:
        """Return what is open of a stream, which does not change."""
        return self._open.get(name)

    def arrays(self, state: Open | None) -> dict[str, Float32]:
        """Return it as arrays of a snapshot."""
        return self._averaging.arrays(state)

    def like(self) -> dict[str, Float32]:
        """Return arrays of the shapes that `arrays` has."""
        return self._averaging.like()

    def put(self, name: str, state: Open | None) -> None:
        """Go on with what was open of a stream."""
        self._open.pop(name, None)
        self._live.pop(name, None)
        if state is not None:
            self._open[name] = state

    def load(self, name: str, arrays: Mapping[str, Float32]) -> bool:
        """Go on with a snapshot's arrays; return whether what was open in it is lost: it was gathered otherwise."""
        state, lost = self._averaging.load(arrays)
        self.put(name, state)
        return lost
