"""Lines of samples that are gathered in intervals: a line comes out for each interval that is over.

It is written when the first sample after it comes, or, where samples are of now, when the wall clock says that it is
over.
"""

import math
import time
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime.errors import DataError, EdgeseqError, TooManyStreamsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edgeseq.commands.predict.gathering import Gathering
    from edgeseq.commands.predict.state_file import StateFile
    from edgeseq_runtime.io.sample import Sample
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.service.streams import Period, Streams


class GatheredSamples:
    """Gathers samples of one stream, or of several by name, and answers for the intervals that are over.

    `check` says what is to be said of a line that is no sample, or raises; `write` writes the line of an interval, as
    that of a sample, and what goes with it; `passed` is given the lines of samples, which may be passed on.
    """

    def __init__(
        self,
        streams: "Streams",
        gathering: "Gathering",
        check: "Callable[[Sample], Sample]",
        write: "Callable[[Sample, StepResult, float], None]",
        passed: "Callable[[Sample], None]",
        state_file: "StateFile",
    ) -> None:
        assert streams.intervals, "samples are gathered"
        self._streams, self._intervals, self._gathering = streams, streams.intervals, gathering
        self._check, self._write, self._passed = check, write, passed
        self._state_file = state_file
        self._lines: dict[str, Sample] = {}  # the last of each stream that is live

    def answer(self, samples: "Iterable[Sample]") -> None:
        """Take all samples. Raises `DataError` where one is to end it."""
        for sample in samples:
            self._take(sample)

    def _take(self, sample: "Sample") -> None:
        sample = self._check(sample)
        self._passed(sample)
        if sample.stream is None or sample.problem or (sample.time is None and not any(map(_is_there, sample.values))):
            return
        begin = time.perf_counter()
        try:
            moment = sample.time if sample.seconds is None else sample.seconds
            answer = self._streams.gather(sample.stream, sample.values, moment, sample.known)
        except TooManyStreamsError as error:
            note(f"line {sample.line}: {error}; left out", kind="lines left out")
            return
        except EdgeseqError as error:
            raise DataError(f"line {sample.line}: {error}") from None
        self._gathering.watch(f"line {sample.line}", sample.stream, sample.time, answer.finding)
        self._finish(sample, answer.periods, begin)
        if self._intervals.due() is not None:
            self._lines[sample.stream] = sample

    def _finish(self, sample: "Sample", periods: "list[Period]", begin: float) -> None:
        """Write the lines of intervals that are over with a sample; acknowledge all that the stream has taken."""
        for period in periods:
            if isinstance(period.result, EdgeseqError):
                raise DataError(f"line {sample.line}: {period.result}") from None
            gathered = sample._replace(time=period.time, values=period.values, text="")
            self._write(gathered, period.result, (time.perf_counter() - begin) / len(periods))
        if self._state_file.active:
            self._streams.acknowledge(sample.stream or "")
            self._state_file.save_if_due()

    def end_due(self) -> None:
        """End the intervals that are over by the wall clock: what waits for further lines calls it before."""
        while due := self._streams.end_due():
            for name, periods in due:
                self._finish(self._lines[name], periods, time.perf_counter())

    def patience(self) -> float | None:
        """Return for how many seconds further lines may be waited for; None: for ever."""
        return self._intervals.due()


def _is_there(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
