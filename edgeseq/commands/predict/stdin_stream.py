"""Lines in, lines out. A slow reader of the output slows the reading of the input down: nothing is kept between."""

import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from edgeseq.commands.learned import in_words
from edgeseq.commands.notes import note
from edgeseq.commands.predict.formats import Format
from edgeseq.commands.predict.gathered_samples import GatheredSamples
from edgeseq.commands.predict.gathering import Gathering
from edgeseq.commands.predict.options import ERROR, SKIP
from edgeseq.commands.predict.output import Output
from edgeseq.commands.predict.pace import note_pace
from edgeseq.commands.predict.parts import Parts
from edgeseq.commands.predict.stand_ins import StandIns
from edgeseq.commands.predict.state_file import StateFile
from edgeseq.commands.predict.stats import Stats
from edgeseq.commands.predict.stored_samples import StoredSamples
from edgeseq.commands.predict.unread_times import UnreadTimes
from edgeseq.commands.predict.waiting_samples import WaitingSamples
from edgeseq.commands.shutdown import INTERRUPTED, PIPE_BUF, GracefulShutdown, ShutdownRequested
from edgeseq_runtime.errors import DataError, FileError, MissingSampleError
from edgeseq_runtime.printable import counted
from edgeseq_runtime.rules import KNOWN, PACE, TIME
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.service.single_stream import SingleStream
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE

if TYPE_CHECKING:
    from edgeseq.commands.predict.forecast_plot import ForecastPlot
    from edgeseq.commands.predict.terminal_view import TerminalView
    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.outcomes import Outcomes, StepResult
    from edgeseq_runtime.service.streams import Streams
    from edgeseq_runtime.spec import Spec

_BLOCK = 1 << 16
"""Bytes that are read at most at once."""

_TOLD_OF = [REASONS_BY_CODE.index(reason) for reason in (TIME, PACE, KNOWN)]
"""Reasons of which notes tell."""

Reader: TypeAlias = "Callable[[Iterable[bytes], Spec, Callable[[str], object]], Iterator[Sample]]"


class StdinStream:
    """From lines to lines; a sample is acknowledged when its forecast was written."""

    def __init__(
        self,
        streams: "Streams",
        read: Reader,
        output_format: Format,
        state_file: StateFile,
        *,
        unreadable: str,
        join_wait: float = 0.0,
        view: "TerminalView | None" = None,
        plot: "ForecastPlot | None" = None,
    ) -> None:
        self._streams = streams
        self._read = read
        self._format = output_format
        self._state_file = state_file
        self._unreadable = unreadable
        self._view = view
        self._plot = plot
        self._left_out = 0
        self._parts = Parts(tuple(feature.name for feature in streams.spec.measured), join_wait)
        self._unread_times, self._stand_ins = UnreadTimes(streams.spec), StandIns(streams.spec)
        self._gathering = Gathering(streams)
        self.stats = Stats("from a line to its forecast")

    def run(self, source: str, shutdown: GracefulShutdown) -> int:
        """Stream a file until it ends or a signal asks for an end; return the exit code."""
        try:
            with shutdown.waiting():
                file = _open_source(source)  # a pipe has to wait for its writer
            with file:
                self._stream(file.fileno(), shutdown)
        except ShutdownRequested:
            pass
        except BrokenPipeError:
            note("the output was closed")
            return 1
        return INTERRUPTED if shutdown.received is signal.SIGINT else 0

    def summary(self) -> str:
        """Return one line about all samples answered."""
        left_out = f"; {counted(self._left_out, 'line')} left out" if self._left_out else ""
        learned = in_words(self._streams.learned())
        return f"{self.stats.summary()}{self._gathering.summary()}{left_out}{learned and f'; {learned}'}"

    def _stream(self, source: int, shutdown: GracefulShutdown) -> None:
        from edgeseq_runtime.io import text_lines

        self._output = Output(shutdown)
        header = self._format.header()
        if header is not None:
            self._output.write(header)
        if self._streams.intervals:
            self._answer_gathered(source, shutdown)
            return
        if isinstance(self._streams, NamedStreams):
            self._answer_waiting(source, shutdown, self._streams)
            return
        blocks = _read_blocks(source, shutdown, self._answer_due, self._parts.patience)
        samples = self._kept(self._read(text_lines.split(blocks, note), self._streams.spec, note))
        if isinstance(self._streams, SingleStream) and not self._view and stat.S_ISREG(os.fstat(source).st_mode):
            self._answer_stored(samples, self._streams)
            return
        for sample in samples:
            self._answer(sample)

    def _answer_due(self) -> None:
        """Take the parts of samples that have waited for the rest for long enough."""
        for sample in self._parts.due():
            self._answer(sample)

    def _answer(self, sample: "Sample") -> None:
        """Take a sample and write what comes of it; acknowledge it then."""
        begin = time.perf_counter()
        result = self._step(sample)
        if self._view:
            self._view.hide()
        self._output.write(self._format.line(sample, result))
        if self._state_file.active:
            self._streams.acknowledge(sample.stream or "")
            self._state_file.save_if_due()
        self.stats.add(result, time.perf_counter() - begin)
        if self._view:
            self._view.show(sample, result)
        if self._plot:
            self._plot.add(sample, result)

    def _answer_gathered(self, source: int, shutdown: GracefulShutdown) -> None:
        """Take samples that are gathered in intervals."""
        from edgeseq_runtime.io import text_lines

        gathered = GatheredSamples(
            self._streams, self._gathering, self._checked, self._write_period, self._pass_on, self._state_file
        )
        blocks = _read_blocks(source, shutdown, gathered.end_due, gathered.patience)
        try:
            gathered.answer(self._read(text_lines.split(blocks, note), self._streams.spec, note))
        finally:
            self._gathering.say_open(is_saved=self._state_file.active)

    def _checked(self, sample: "Sample") -> "Sample":
        sample = self._check(sample)
        if self._unread_times.watches_zone:
            self._unread_times.watch_zone(f"line {sample.line}", sample.time)
        return sample

    def _pass_on(self, sample: "Sample") -> None:
        """Write the line of a sample itself, where lines are kept."""
        line = self._format.passthrough(sample)
        if line is not None:
            self._output.write(line)

    def _write_period(self, sample: "Sample", result: "StepResult", seconds: float) -> None:
        """Write the line of an interval that is over."""
        if result.reason == PACE:
            note_pace(f"line {sample.line}", self._streams.pace(sample.stream or ""), self._streams.spec.period)
        self._stand_ins.watch(f"line {sample.line}", sample.stream or "", result)
        if self._view:
            self._view.hide()
        self._output.write(self._format.line(sample, result))
        self.stats.add(result, seconds)
        if self._view:
            self._view.show(sample, result)
        if self._plot:
            self._plot.add(sample, result)

    def _answer_stored(self, samples: "Iterator[Sample]", stream: SingleStream) -> None:
        """Take samples that are there already, many at once."""
        stored = StoredSamples(stream, self._step, self._watch_all, self._format, self._output, self._state_file)
        for chunk, outcomes, seconds in stored.answer(samples):
            self.stats.add_all(outcomes, seconds)
            if self._plot:
                for sample, result in zip(chunk, outcomes, strict=True):
                    self._plot.add(sample, result)

    def _answer_waiting(self, source: int, shutdown: GracefulShutdown, streams: NamedStreams) -> None:
        """Take samples of many streams, as many at once as there are to read."""
        from edgeseq_runtime.io import text_lines

        waiting = WaitingSamples(
            streams,
            self._parts,
            self._check,
            self._watch,
            self._format,
            self._output,
            self._state_file,
            self.stats,
        )
        blocks = _read_blocks(source, shutdown, waiting.flush, self._parts.patience)
        waiting.answer(self._read(text_lines.split(blocks, note), streams.spec, note))

    def _kept(self, samples: "Iterable[Sample]") -> "Iterator[Sample]":
        """Yield the samples of the one stream that are not left out, put together where they come in parts."""
        for sample in samples:
            if not sample.problem or self._unreadable == ERROR or not self._is_left_out(sample):
                yield from self._parts.join(sample)
            else:
                self._check(sample)
        yield from self._parts.rest()

    def _check(self, sample: "Sample") -> "Sample":
        """Say that a line is no sample; return it, of no stream where it is left out.

        Raises `DataError` where that ends it.
        """
        if not sample.problem:
            return sample
        if self._unreadable == ERROR:
            raise DataError(f"line {sample.line}: {sample.problem}")
        is_left_out = self._is_left_out(sample)
        self._left_out += is_left_out
        outcome = "left out" if is_left_out else "taken as missing"
        note(f"line {sample.line}: {sample.problem}; {outcome}", kind=f"lines {outcome}")
        return sample._replace(stream=None) if is_left_out else sample

    def _is_left_out(self, sample: "Sample") -> bool:
        """Whether a line that is no sample is of another kind, or all such are left out."""
        return sample.stream is None or self._unreadable == SKIP

    def _step(self, sample: "Sample") -> "StepResult":
        """Take a sample of the one stream."""
        self._check(sample)
        try:
            result = self._streams.step(sample.stream or "", sample.values, sample.time, sample.known)
        except (DataError, MissingSampleError) as error:
            raise DataError(f"line {sample.line}: {error}") from None
        self._watch(sample, result)
        return result

    def _watch_all(self, chunk: "Sequence[Sample]", outcomes: "Outcomes") -> None:
        """Say what is to be said of samples that were taken."""
        for sample in chunk if self._unread_times.watches_zone else ():
            self._unread_times.watch_zone(f"line {sample.line}", sample.time)
        if self._unread_times or self._stand_ins or any(code in outcomes.reasons for code in _TOLD_OF):
            for sample, result in zip(chunk, outcomes, strict=True):
                self._watch(sample, result)

    def _watch(self, sample: "Sample", result: "StepResult") -> None:
        """Say what is to be said of a sample that was taken."""
        if result.reason == PACE:
            note_pace(f"line {sample.line}", self._streams.pace(sample.stream or ""), self._streams.spec.period)
        if self._unread_times.watches_zone:
            self._unread_times.watch_zone(f"line {sample.line}", sample.time)
        if result.reason == TIME or self._unread_times:
            self._unread_times.watch(f"line {sample.line}", sample.stream or "", sample.time, result)
        if result.reason == KNOWN or self._stand_ins:
            self._stand_ins.watch(f"line {sample.line}", sample.stream or "", result)


def _read_blocks(
    source: int,
    shutdown: GracefulShutdown,
    before: Callable[[], None] | None = None,
    patience: Callable[[], float | None] = lambda: None,
) -> Iterator[bytes]:
    """Yield what comes, as it comes, until the end of the input; `before` is called before each wait.

    `patience` says after how many seconds it is to be called again, should nothing come.
    """
    while True:
        if before:
            before()
        try:
            block = shutdown.read(source, _BLOCK, patience())
        except OSError as error:
            raise FileError(f"cannot read the input: {error.strerror or error}") from error
        if block is None:
            continue
        if not block:
            return
        yield block


def _open_source(source: str) -> FileIO:
    if source == "-":
        if sys.stdin is None:
            raise DataError("there is no input: stdin is closed")
        if PIPE_BUF:
            os.set_blocking(0, True)  # else a pause would look like the end
        return open(0, "rb", buffering=0, closefd=False)
    path = Path(source)
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{source} is empty")
    return path.open("rb", buffering=0)
