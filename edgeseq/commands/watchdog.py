"""The last resort against a process that does not end: a second signal, whatever the main thread is at."""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Collection

GRACE = 1.0
"""Seconds from the second signal to the end of the process, where the main thread has not left its work."""

GRACE_TO_SAVE = 10.0
"""The same from the moment when it has: it may be saving."""

AVAILABLE = hasattr(select, "poll")
"""Whether this system can wait for a pipe, as POSIX systems can."""

_TEXT = b"edgeseq: ended by a second signal; what was not saved yet is lost\n"
_ALL_AT_ONCE = 4096


class Watchdog:
    """Ends the process after a second one of `signals`.

    Python looks at signals between its own instructions only: a call into a library, or a write that nobody takes, may
    last for ever. But C's handler writes each signal's number into a pipe at once (`signal.set_wakeup_fd`), and a
    thread reads it, since libraries that compute for long let other threads run. Files are whole whenever it strikes:
    they are replaced, not changed. Made and closed in the main thread; it costs nothing in between.
    """

    def __init__(self, signals: Collection[int]) -> None:
        self.left_at: float | None = None
        """When the main thread left its work, by `time.monotonic`; to be set by who made this."""
        self._signals = frozenset(signals)
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
                count, last = count + len(asked), asked[-1] if asked else last
                if count > 1 and end_at is None:
                    end_at = time.monotonic() + GRACE
            elif self.left_at is not None and time.monotonic() < self.left_at + GRACE_TO_SAVE:
                end_at = self.left_at + GRACE_TO_SAVE
            else:
                _end(last)
        os.close(self._source)
        os.close(self._forward)


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    return reader, writer


def _end(number: int) -> None:
    """End the process as after this signal, with a word where stderr takes it at once."""
    poller = select.poll()
    poller.register(2, select.POLLOUT)
    if any(event & select.POLLOUT for _, event in poller.poll(0)):
        with contextlib.suppress(OSError):
            os.write(2, _TEXT)
    os._exit(128 + number)
