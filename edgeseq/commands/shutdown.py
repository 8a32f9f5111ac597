"""SIGINT and SIGTERM: one line where nothing is lost, a polite request where work is to be taken up again."""

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class ShutdownRequested(KeyboardInterrupt):
    """An end was asked for, where the work may be left."""


class GracefulShutdown:
    """Notes signals, and acts on them only where the work may be left: within `waiting` and `wait`.

    So the work itself, and saving it at the end, is safe from any number of them. A signal that the caller has
    switched off stays so.
    """

    _wakeup: int
    """A pipe's end at which a byte arrives with each signal, whatever Python is at."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        """The first signal."""
        self._count = 0
        self._leave_at = 0  # how many signals it takes to leave; 0: none will do

    def __enter__(self) -> Self:
        handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._wakeup, self._wakeup_writer = os.pipe()
        for end in (self._wakeup, self._wakeup_writer):
            os.set_blocking(end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._wakeup_writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._receive) for number in handled}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before, warn_on_full_buffer=False)
        for end in (self._wakeup, self._wakeup_writer):
            os.close(end)

    def wait(self, *, reading: int | None = None, writing: int | None = None, signals: int = 1) -> None:
        """Wait until a descriptor can be read or written. Raises `ShutdownRequested` after `signals` signals.

        A signal that arrives on the way into the wait, too late for Python to look at it before, ends it too: a plain
        read would sleep over it.
        """
        readers = [end for end in (reading, self._wakeup) if end is not None]
        writers = [end for end in (writing,) if end is not None]
        while True:
            with self.waiting(signals):
                readable, writable, _ = select.select(readers, writers, [])
            if self._wakeup not in readable:
                return
            with contextlib.suppress(BlockingIOError):
                os.read(self._wakeup, select.PIPE_BUF)
            if reading in readable or writable:
                return

    @contextmanager
    def waiting(self, signals: int = 1) -> Iterator[None]:
        """Around a call that may take forever. Raises `ShutdownRequested` after `signals` signals."""
        self._leave_at = signals
        try:
            self._leave_if_due()
            yield
        finally:
            self._leave_at = 0

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.received = self.received or signal.Signals(number)
        self._count += 1
        self._leave_if_due()

    def _leave_if_due(self) -> None:
        if 0 < self._leave_at <= self._count:
            self._leave_at = 0  # a further signal must not disturb the way out
            raise ShutdownRequested


def install_interrupt_handler() -> None:
    """Let Ctrl-C end the process with one line, whatever it is at.

    While modules are imported it ends at once: an exception raised in the middle of a C++ library's start-up becomes
    another one, or an abort. Elsewhere it is the usual `KeyboardInterrupt`, so that files are tidied up.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, b"edgeseq: interrupted\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
