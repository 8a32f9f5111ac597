"""Values known ahead that a file holds: a column at the later rows is what was known at the earlier ones.

A sample is held back until the rows of its stream reach over the horizon, or the file ends.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.sample import Sample, Values
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import TimeReader
from edgeseq_runtime.spec import Spec

_MOST = 100_000
"""Samples that are held back at once: a stream that ends early must not have the whole file in memory."""


@dataclass
class _Stream:
    """The rows of one stream that a sample held back may want."""

    rows: deque[tuple[float, Values]] = field(default_factory=deque)
    """Each one's time, in periods or rows, and its values now."""
    last: float = math.nan
    """The time of the last one in seconds."""


def read_ahead(samples: Iterable[Sample], spec: Spec, reading: Reading) -> Iterator[Sample]:
    """Yield samples with the values that their columns known ahead have in the rows after them, by their times.

    What a sample says itself comes first. Without times, or a period, rows are a step from each other.
    """
    if not spec.known:
        yield from samples
        return
    ahead = _ReadAhead(spec, reading)
    for sample in samples:
        ahead.add(sample)
        yield from ahead.ready()
    yield from ahead.rest()


class _ReadAhead:
    """Samples that are held back, in their order."""

    def __init__(self, spec: Spec, reading: Reading) -> None:
        self._times, self._period = TimeReader(reading), spec.period
        self._columns, self._horizon = len(spec.known), spec.horizon
        self._streams: dict[str, _Stream] = {}
        self._held: deque[tuple[Sample, float]] = deque()

    def add(self, sample: Sample) -> None:
        """Take the next sample of the file."""
        if sample.stream is None:
            self._held.append((sample, math.nan))
            return
        stream = self._streams.setdefault(sample.stream, _Stream())
        place = self._place(stream, sample)
        stream.rows.append((place, sample.now))
        self._held.append((sample, place))

    def _place(self, stream: _Stream, sample: Sample) -> float:
        """Return when a sample is, in periods or rows."""
        if self._period is None:
            return stream.rows[-1][0] + 1 if stream.rows else 0.0
        try:
            seconds = self._times.seconds(sample.moment, stream.last)
        except DataError:
            seconds = math.nan
        if math.isnan(seconds):
            seconds = stream.last + self._period if stream.rows else 0.0
        stream.last = seconds
        return seconds / self._period

    def ready(self) -> Iterator[Sample]:
        """Yield the samples that need no further rows."""
        while self._held:
            sample, place = self._held[0]
            if sample.stream is not None and len(self._held) < _MOST:
                newest = self._streams[sample.stream].rows[-1][0]
                if newest < place + self._horizon - 0.5:
                    return
            yield self._next()

    def rest(self) -> Iterator[Sample]:
        """Yield the samples whose horizon reaches beyond the file's end."""
        while self._held:
            yield self._next()

    def _next(self) -> Sample:
        sample, place = self._held.popleft()
        if sample.stream is None:
            return sample
        rows = self._streams[sample.stream].rows
        rows.popleft()  # its own
        steps, count = self._horizon, self._columns
        ahead: list[float | None] = [*sample.known] if sample.known else [None] * (steps * count)
        for later, now in rows:
            step = round(later - place) if math.isfinite(later - place) else 0
            for column, value in enumerate(now if 1 <= step <= steps else ()):
                at = (step - 1) * count + column
                ahead[at] = value if ahead[at] is None else ahead[at]
        is_said = any(value is not None for value in ahead)
        return sample._replace(known=tuple(ahead) if is_said else ())
