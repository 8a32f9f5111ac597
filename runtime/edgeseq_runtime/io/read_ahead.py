"""Values known ahead that a file holds: a column at the later rows is what was known at the earlier ones.

A sample is held back until the rows of its stream reach over the horizon, or the file ends. Where samples are gathered
in intervals, so are the values: one for each interval.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.sample import Sample, Values
from edgeseq_runtime.reading.intervals import Intervals, whole
from edgeseq_runtime.reading.reading import LAST, MAX, SUM, Reading
from edgeseq_runtime.reading.times import TimeReader
from edgeseq_runtime.spec import Spec

_MOST = 100_000
"""Samples that are held back at once: a stream that ends early must not have the whole file in memory."""


@dataclass
class _Step:
    """What the rows of one step, or of one interval, say."""

    place: float
    """When it is, in steps."""
    said: list[Values]
    """The values of each row."""
    values: Values | None = None
    """What stands for all of them, once there are no more."""


@dataclass
class _Stream:
    """The steps of one stream that a sample held back may want."""

    steps: deque[_Step] = field(default_factory=deque)
    last: float = math.nan
    """The time of the last row in seconds."""


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
        self._intervals = None if reading.every is None else Intervals(reading.every, reading.zone)
        self._aggregate = reading.aggregate
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
        if self._intervals and stream.steps and stream.steps[-1].place == place:
            stream.steps[-1].said.append(sample.now)
        else:
            stream.steps.append(_Step(place, [sample.now]))
        self._held.append((sample, place))

    def _place(self, stream: _Stream, sample: Sample) -> float:
        """Return when a sample is, in steps."""
        if self._period is None:
            return stream.steps[-1].place + 1 if stream.steps else 0.0
        try:
            seconds = self._times.seconds(sample.moment, stream.last)
        except DataError:
            seconds = math.nan
        if math.isnan(seconds):
            between = 0.0 if self._intervals else self._period
            seconds = stream.last + between if stream.steps else 0.0
        stream.last = seconds
        return self._intervals.number(whole(seconds)) if self._intervals else seconds / self._period

    def ready(self) -> Iterator[Sample]:
        """Yield the samples that need no further rows."""
        while self._held:
            sample, place = self._held[0]
            if sample.stream is not None and len(self._held) < _MOST:
                newest = self._streams[sample.stream].steps[-1].place
                if newest < place + self._horizon + (
                    1 if self._intervals else -0.5
                ):  # an interval is over with the next
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
        steps = self._streams[sample.stream].steps
        while len(steps) > 1 and steps[0].place < place:
            steps.popleft()
        count = self._columns
        ahead: list[float | None] = [*sample.known] if sample.known else [None] * (self._horizon * count)
        for step in steps:
            distance = round(step.place - place) if math.isfinite(step.place - place) else 0
            if 1 <= distance <= self._horizon:
                for at, value in enumerate(self._values_of(step), start=(distance - 1) * count):
                    ahead[at] = value if ahead[at] is None else ahead[at]
        is_said = any(value is not None for value in ahead)
        return sample._replace(known=tuple(ahead) if is_said else ())

    def _values_of(self, step: _Step) -> Values:
        """Return what stands for the rows of a step, which no row comes to any more."""
        if step.values is None:
            columns = zip(*filter(None, step.said), strict=True)
            step.values = tuple(self._gathered([v for v in column if v is not None]) for column in columns)
        return step.values

    def _gathered(self, values: Sequence[float]) -> float | None:
        if not values:
            return None
        if len(values) == 1 or self._aggregate == LAST:
            return values[-1]
        if self._aggregate == MAX:
            return max(values)
        return sum(values) if self._aggregate == SUM else sum(values) / len(values)
