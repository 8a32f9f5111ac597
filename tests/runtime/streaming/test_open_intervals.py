"""What the wall clock ends: intervals of streams that are live, and never over samples that are on their way."""

from edgeseq.testing import make_spec
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.streaming.open_intervals import Gathered, OpenIntervals

MINUTE = 60.0
BEGIN = 1_700_000_040.0
"""Where a minute begins."""


class Clock:
    """A wall clock that is set by hand, in seconds after `BEGIN`."""

    def __init__(self) -> None:
        self.at = 0.0
        reading = Reading(time=("time",), zoned=True, every=MINUTE)
        self.intervals = OpenIntervals(make_spec(period=MINUTE), reading, 100, lambda: BEGIN + self.at)

    def join(self, at: float, seconds: float, value: float) -> tuple[list[Gathered], str]:
        """Let a sample of a time come at another."""
        self.at = at
        return self.intervals.join("a", (value,), BEGIN + seconds)

    def ended(self, at: float) -> list[float]:
        """The values of intervals that the clock ends."""
        self.at = at
        return [one.values[0] for _, gathered in self.intervals.take_due(10) for one in gathered]


def test_the_clock_ends_no_interval_whose_samples_were_held_up() -> None:
    """They come one after the other when the minute is over already: all of them count, as if they had come in time."""
    clock = Clock()
    for at, seconds, value in ((70.0, 15.0, 1.0), (70.5, 30.0, 2.0), (72.0, 59.0, 6.0)):
        assert clock.ended(at - 0.1) == []
        assert clock.join(at, seconds, value) == ([], "")
    assert clock.ended(73.9) == []
    assert clock.ended(74.0) == [3.0]


def test_after_a_broken_connection_samples_have_time_to_come() -> None:
    clock = Clock()
    clock.join(15.0, 15.0, 1.0)
    clock.at = 75.0
    clock.intervals.postpone()
    assert clock.ended(76.9) == []
    assert clock.join(76.9, 50.0, 2.0) == ([], "")
    assert clock.ended(79.0) == [1.5]
