"""SIGINT, SIGTERM, SIGHUP: one line where nothing is lost, a polite request where work is to be taken up again."""

import math
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

from edgeseq.commands import watchdog
from edgeseq.commands.watchdog import Watchdog

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Those that ask for an end; SIGHUP comes when a terminal or an ssh session is closed."""

INTERRUPTED = watchdog.INTERRUPTED
"""Exit code after Ctrl-C."""

PIPE_BUF: int = getattr(select, "PIPE_BUF", 0) if watchdog.AVAILABLE else 0
"""Bytes that a pipe takes at once when `poll` says that it can be written; 0 where nothing says so but of sockets."""

_LONGEST = 3600.0
"""Seconds that one wait lasts, where it has an end: a `poll` has one at some weeks."""


class ShutdownRequested(KeyboardInterrupt):
    """An end was asked for, where the work may be left."""


class GracefulShutdown:
    """Notes signals, and acts on them only where the work may be left: within `waiting`, `wait` and `read`.

    So the work itself, and saving it at the end, is left by any number of them as it should be. Where it is not left
    at all, since a library computes or nobody takes what is written, a second signal ends the process (`Watchdog`);
    with `save`, which keeps what the work has done so far and may be called in another thread, a first one does so too
    where Python does not even come to notice it. A signal that the caller has switched off, as nohup does, stays so.
    """

    def __init__(self, save: Callable[[], None] | None = None) -> None:
        self._save = save
        self.received: signal.Signals | None = None
        """The first signal."""
        self._count = 0
        self._leave_at = 0  # how many signals it takes to leave; 0: none will do

    def __enter__(self) -> Self:
        handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._watchdog = Watchdog(handled, self._save) if PIPE_BUF else None
        self._pollers: dict[tuple[int | None, int | None], select.poll] = {}
        self._before = {number: signal.signal(number, self._receive) for number in handled}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._watchdog:
            self._watchdog.close()

    def read(self, source: int, size: int, patience: float | None = None) -> bytes | None:
        """Wait for a descriptor and read what is there, `size` bytes at most. Raises `ShutdownRequested`.

        None where nothing comes within `patience` seconds; where only sockets can be waited for, there is no end to it.
        """
        if self._watchdog:
            return os.read(source, size) if self.wait(reading=source, patience=patience) else None
        with self.waiting():
            return os.read(source, size)

    def wait(
        self,
        *,
        reading: int | None = None,
        writing: int | None = None,
        signals: int = 1,
        patience: float | None = None,
    ) -> bool:
        """Wait until a descriptor can be read or written. Raises `ShutdownRequested` after `signals` signals.

        False where that takes longer than `patience` seconds, or an hour.

        A signal that arrives on the way into the wait, too late for Python to look at it before, ends it too: a plain
        read would sleep over it. Where only sockets can be waited for, the wait is over at once, and it is the
        read or write itself that waits.
        """
        if self._watchdog is None:
            with self.waiting(signals):
                return True
        signalled = self._watchdog.signalled
        poller = self._pollers.get((reading, writing)) or self._poller(reading, writing, signalled)
        milliseconds = None if patience is None else math.ceil(1000 * min(patience, _LONGEST))
        while True:
            self._leave_at = signals
            try:  # `waiting`, without a generator: this is called for each line
                self._leave_if_due()
                ready = poller.poll(milliseconds)
            finally:
                self._leave_at = 0
            if all(descriptor != signalled for descriptor, _ in ready):
                return bool(ready)
            self._watchdog.drain()
            if len(ready) > 1:
                return True

    def _poller(self, reading: int | None, writing: int | None, signalled: int) -> "select.poll":
        """Return what waits for these descriptors. It knows no highest number, as `select` does."""
        poller = self._pollers[reading, writing] = select.poll()
        for descriptor, event in ((reading, select.POLLIN), (writing, select.POLLOUT), (signalled, select.POLLIN)):
            if descriptor is not None:
                poller.register(descriptor, event)
        return poller

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
        if self._watchdog:
            self._watchdog.notice()
        self.received = self.received or signal.Signals(number)
        self._count += 1
        self._leave_if_due()

    def _leave_if_due(self) -> None:
        if 0 < self._leave_at <= self._count:
            self._leave_at = 0  # a further signal must not disturb the way out
            if self._watchdog:
                self._watchdog.leave()
            raise ShutdownRequested


def install_interrupt_handler() -> None:
    """Let Ctrl-C end the process with one line, whatever it is at.

    While modules are imported it ends at once: an exception raised in the middle of a C++ library's start-up becomes
    another one, or an abort. Elsewhere it is the usual `KeyboardInterrupt`, so that files are tidied up. A second one
    ends the process even within a library that computes; SIGTERM and SIGHUP always do.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupt)
        if watchdog.AVAILABLE and not _is_memory_limited():
            Watchdog([signal.SIGINT])


def _is_memory_limited() -> bool:
    """Whether libraries that are yet to be loaded could miss the addresses that a thread reserves (`ulimit -v`)."""
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _interrupt(_number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, b"edgeseq: interrupted\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
