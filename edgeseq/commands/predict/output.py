"""Standard output: lines are written at once, and counted when they are out in full."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator

from edgeseq.commands.shutdown import PIPE_BUF, GracefulShutdown

_BLOCK = 1 << 16
"""Bytes that are written at most at once."""

_BREAK = ord("\n")


class Output:
    """What cannot be written is not kept in a buffer, so it is never written later.

    Only waiting is interrupted, never writing: a line that was written must count as written. In the middle of a line
    it takes a second signal.
    """

    def __init__(self, shutdown: GracefulShutdown) -> None:
        self._shutdown = shutdown
        self.written = 0
        """Line breaks that are out."""

    def write(self, line: str) -> None:
        """Write a line."""
        self._write(f"{line}\n".encode(errors="replace"), PIPE_BUF or _BLOCK)

    def write_all(self, lines: Iterable[str]) -> None:
        """Write lines in few calls."""
        most = _most_at_once(sys.stdout.fileno())
        for piece in _pieces(lines, most):
            self._write(piece, most)

    def _write(self, data: bytes, most: int) -> None:
        stdout, done = sys.stdout.fileno(), 0
        while done < len(data):
            is_within = done and data[done - 1] != _BREAK
            self._shutdown.wait(writing=stdout, signals=2 if is_within else 1)
            with contextlib.suppress(BlockingIOError):
                before, done = done, done + os.write(stdout, data[done : done + most])
                self.written += data.count(b"\n", before, done)


def _most_at_once(stdout: int) -> int:
    """Return how many bytes are written without waiting, once one is: files take all."""
    is_file = stat.S_ISREG(os.fstat(stdout).st_mode)
    return _BLOCK if is_file or not PIPE_BUF else PIPE_BUF


def _pieces(lines: Iterable[str], most: int) -> Iterator[bytes]:
    """Yield whole lines as bytes, as many together as are written at once; a longer line by itself."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        data = f"{line}\n".encode(errors="replace")
        if size + len(data) > most and waiting:
            yield b"".join(waiting)
            waiting, size = [], 0
        waiting.append(data)
        size += len(data)
    if waiting:
        yield b"".join(waiting)
