"""The last resort against a process that does not end when it is asked to, whatever its main thread is at."""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Collection
from typing import NoReturn

GRACE = 1.0
"""Seconds that the main thread has to notice a first signal, and to leave its work after a second one."""

GRACE_TO_SAVE = 10.0
"""Seconds that it has once it has left its work: it may be saving."""

AVAILABLE = hasattr(select, "poll")
"""Whether this system can wait for a pipe, as POSIX systems can."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_STUCK = b"edgeseq: ended within a call that does not return\n"
_TWICE = b"edgeseq: ended by a second signal; what was not saved yet is lost\n"
_ALL_AT_ONCE = 4096


class Watchdog:
    """Ends the process after a second one of `signals`; with `save`, after a first one that is not even noticed.

    Python looks at signals between its own instructions only: a call into a library, or a write that nobody takes, may
    last for ever. But C's handler writes each signal's number into a pipe at once (`signal.set_wakeup_fd`), and a
    thread reads it, since libraries that compute for long let other threads run. There it calls `save`, if the main
    thread is within such a call. Files are whole whenever it strikes: they are replaced, not changed. Made and closed
    in the main thread; it costs nothing in between.
    """

    def __init__(self, signals: Collection[int], save: Callable[[], None] | None = None) -> None:
        self._signals, self._save = frozenset(signals), save
        self._left_at: float | None = None
        self._noticed = False
        self._at_work = threading.RLock()  # held while `_noticed` is set, and from the last decision to the end
        self.signalled, self._forward = _pipe()
        """Can be read after each signal, so that who waits for a descriptor can wait for a signal as well."""
        self._source, self._writer = _pipe()
        try:
            threading.Thread(target=self._watch, name="edgeseq-watchdog", daemon=True).start()
        except RuntimeError:  # no more threads: nobody watches, and each signal is written there directly
            os.close(self._source)
            os.close(self._writer)
            self._writer = self._forward
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def notice(self) -> None:
        """Say, in the main thread, that it is not within a call: it has noticed a signal."""
        with self._at_work:
            self._noticed = True

    def leave(self) -> None:
        """Say that the main thread leaves its work, and may be saving."""
        self._left_at = time.monotonic()

    def drain(self) -> None:
        """Take what makes `signalled` readable."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.signalled, _ALL_AT_ONCE)

    def close(self) -> None:
        """Have signals written to where they were before; the thread ends, and closes its own ends."""
        signal.set_wakeup_fd(self._before, warn_on_full_buffer=False)
        os.close(self._writer)
        os.close(self.signalled)

    def _watch(self) -> None:
        poller = select.poll()
        poller.register(self._source, select.POLLIN)
        count = last = 0
        end_at: float | None = None
        while True:
            patience = None if end_at is None else max(0.0, end_at - time.monotonic()) * 1e3
            if poller.poll(patience):
                numbers = os.read(self._source, _ALL_AT_ONCE)
                if not numbers:  # closed
                    break
                with contextlib.suppress(OSError):
                    os.write(self._forward, numbers)
                asked = [number for number in numbers if number in self._signals]
                if asked and count < 2:
                    end_at = time.monotonic() + GRACE
                count, last = count + len(asked), asked[-1] if asked else last
            elif self._left_at is not None and time.monotonic() < self._left_at + GRACE_TO_SAVE:
                end_at = self._left_at + GRACE_TO_SAVE
            else:
                once = INTERRUPTED if last == signal.SIGINT else 0  # as after a stop that went well
                self._end_if_stuck(once if count == 1 else 128 + last)
                if count > 1:
                    _end(_TWICE, 128 + last)
                end_at = None
        os.close(self._source)
        os.close(self._forward)

    def _end_if_stuck(self, code: int) -> None:
        """End the process if the main thread has not noticed any signal, and what it has done can be saved."""
        if self._save is None:
            return
        with self._at_work, contextlib.suppress(Exception):  # else a second signal is needed
            if not self._noticed:
                self._save()
                _end(_STUCK, code)


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    return reader, writer


def _end(text: bytes, code: int) -> NoReturn:
    """End the process, with a word where stderr takes it at once."""
    poller = select.poll()
    poller.register(2, select.POLLOUT)
    if any(event & select.POLLOUT for _, event in poller.poll(0)):
        with contextlib.suppress(OSError):
            os.write(2, text)
    os._exit(code)
