"""Lines in, lines out. A slow reader of the output slows the reading of the input down: nothing is kept between."""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from edgeseq.commands.options.common import note
from edgeseq.commands.predict.formats import Form
from edgeseq.commands.predict.state_file import StateFile
from edgeseq.commands.predict.stats import Stats
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown, ShutdownRequested
from edgeseq_runtime.errors import DataError, FileError, MissingSampleError

if TYPE_CHECKING:
    from edgeseq.commands.predict.terminal_view import Live
    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.service import StepResult, Streams
    from edgeseq_runtime.spec import Spec

_BLOCK = 1 << 16
"""Bytes that are read at most at once."""

Reader: TypeAlias = "Callable[[Iterable[bytes], Spec], Iterator[Sample]]"


class StdinStream:
    """From lines to lines; a sample is acknowledged when its forecast was written."""

    def __init__(
        self,
        streams: "Streams",
        read: Reader,
        form: Form,
        keeper: StateFile,
        *,
        unreadable: str,
        live: "Live | None" = None,
    ) -> None:
        self._streams = streams
        self._read = read
        self._form = form
        self._keeper = keeper
        self._unreadable = unreadable
        self._live = live
        self.tally = Stats("from a line to its forecast")

    def run(self, source: str, politeness: GracefulShutdown) -> int:
        """Stream a file until it ends or a signal asks for an end; return the exit code."""
        try:
            with politeness.waiting():
                file = _open(source)  # a pipe has to wait for its writer
            with file:
                self._stream(file.fileno(), politeness)
        except ShutdownRequested:
            pass
        except BrokenPipeError:
            note("the output was closed")
            return 1
        return INTERRUPTED if politeness.asked is signal.SIGINT else 0

    def summary(self) -> str:
        """Return one line about all samples answered."""
        return self.tally.summary()

    def _stream(self, source: int, politeness: GracefulShutdown) -> None:
        from edgeseq_runtime.io import text_lines

        header = self._form.header()
        if header is not None:
            _put(header, politeness)
        for sample in self._read(text_lines.split(_blocks(source, politeness)), self._streams.spec):
            begin = time.perf_counter()
            answer = self._answer(sample)
            if answer is None or sample.stream is None:
                self._leave_out(sample, politeness)
                continue
            if self._live:
                self._live.hide()
            _put(self._form.line(sample, answer), politeness)
            if self._keeper.active:
                self._streams.acknowledge(sample.stream)
                self._keeper.progress()
            self.tally.add(answer.status, time.perf_counter() - begin, answer.reason)
            if self._live:
                self._live.show(sample, answer)

    def _leave_out(self, sample: "Sample", politeness: GracefulShutdown) -> None:
        line = self._form.leftover(sample)
        if line is not None:
            _put(line, politeness)

    def _answer(self, sample: "Sample") -> "StepResult | None":
        """Take a sample; None where a line does not even say whose it is."""
        if sample.problem:
            if self._unreadable == "error":
                raise DataError(f"line {sample.line}: {sample.problem}")
            fate = "left out" if sample.stream is None else "taken as missing"
            note(f"line {sample.line}: {sample.problem}; {fate}")
        if sample.stream is None:
            return None
        try:
            return self._streams.step(sample.stream, sample.values, sample.time)
        except (DataError, MissingSampleError) as error:
            raise DataError(f"line {sample.line}: {error}") from None


def _blocks(source: int, politeness: GracefulShutdown) -> Iterator[bytes]:
    """Yield what comes, as it comes, until the end of the input."""
    while True:
        politeness.ready(reading=source)
        try:
            block = os.read(source, _BLOCK)
        except OSError as error:
            raise FileError(f"cannot read the input: {error.strerror or error}") from error
        if not block:
            return
        yield block


def _put(line: str, politeness: GracefulShutdown) -> None:
    """Write a line at once. What cannot be written is not kept in a buffer, so it is never written later.

    Only waiting is interrupted, never writing: a line that was written must count as written. In the middle of a
    line it takes a second signal.
    """
    data = memoryview(f"{line}\n".encode(errors="replace"))
    stdout, patience = sys.stdout.fileno(), 1
    while data:
        politeness.ready(writing=stdout, patience=patience)
        with contextlib.suppress(BlockingIOError):
            data, patience = data[os.write(stdout, data[: select.PIPE_BUF]) :], 2


def _open(source: str) -> FileIO:
    if source == "-":
        if sys.stdin is None:
            raise DataError("there is no input: stdin is closed")
        os.set_blocking(0, True)  # else a pause would look like the end
        return open(0, "rb", buffering=0, closefd=False)
    path = Path(source)
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{source} is empty")
    return path.open("rb", buffering=0)
