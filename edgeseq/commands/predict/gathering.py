"""What is said and counted of samples that are gathered in intervals, before the model sees them."""

from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime.printable import counted, shown
from edgeseq_runtime.rules import DISORDER, TIME

if TYPE_CHECKING:
    from edgeseq_runtime.io.sample import WrittenTime
    from edgeseq_runtime.service.streams import Streams


class Gathering:
    """Counts the samples of all streams; says where one has no time to gather it by, or comes too late."""

    def __init__(self, streams: "Streams") -> None:
        self._streams = streams
        self._samples = self._left_out = 0
        self._timeless: set[str] = set()

    def watch(self, where: str, stream: str, time: "WrittenTime", finding: str) -> None:
        """Look at what was found of a sample's time; `where` is what a note calls the sample."""
        self._samples += 1
        if finding == DISORDER:
            self._left_out += 1
            note(f"{where}: {shown(time)} is of an interval that is over; left out", kind="samples too late")
        if finding != TIME:
            self._timeless.discard(stream)
        elif stream not in self._timeless:
            self._timeless.add(stream)
            what = "it has no time" if time is None or time == "" else f"{shown(time)} is not a time to go by"
            assert self._streams.intervals, "samples are gathered"
            is_open = self._streams.intervals.state(stream) is not None
            outcome = (
                "taken into the interval that is open"
                if is_open
                else "left out, as no interval is open; --every none takes samples as they are"
            )
            note(f"{where}: {what}; {outcome}", kind="samples without a time")

    def say_open(self, *, is_saved: bool) -> None:
        """Say at the end what is lost, where no state is saved."""
        if is_saved or not self._streams.intervals:
            return
        intervals, samples = self._streams.intervals.waiting()
        if intervals:
            several = "is open" if intervals == 1 else "are open"
            note(f"{counted(intervals, 'interval')} {several}, with {counted(samples, 'sample')}: --state keeps them")

    def summary(self) -> str:
        """Return how many samples there were, for the line at the end."""
        left_out = f", {self._left_out} of them too late" if self._left_out else ""
        return f"; gathered from {counted(self._samples, 'sample')}{left_out}" if self._samples else ""
