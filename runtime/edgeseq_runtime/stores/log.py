"""The log of a database, as bytes: which of its frames count, and whether SQLite reads them all.

SQLite reads a log up to the first frame that is damaged, and takes what follows for remains; all saves in it are then
gone without a word. So whoever opens a database looks here first.

A log is a header and frames, each a page with 24 bytes before it: the page's number; the size of the database, if it
ends a commit; two salts, which all frames of a round have and the header too; two sums over all frames so far. With
each round the log is written from the beginning again, over frames of the round before.
"""

import struct
from bisect import bisect_left
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from edgeseq_runtime.stores import companions
from edgeseq_runtime.stores.tables import PAGE

_HEADER, _FRAME_HEADER = 32, 24
_FRAME = _FRAME_HEADER + PAGE


class Log:
    """The log of a database as it is, with nothing where there is none.

    Those frames count that are of the present round, up to its last commit. What follows was cut off by a kill while it
    was written, and does not count, unless one of these frames is damaged: its commit may be one that SQLite no
    longer sees.
    """

    def __init__(self, database: Path) -> None:
        self.content = b""
        with suppress(FileNotFoundError):
            self.content = companions.log(database).read_bytes()
        frames = range((len(self.content) - _HEADER) // _FRAME)
        heads = [struct.unpack_from(">II8s", self.content, _HEADER + number * _FRAME) for number in frames]
        present = list(takewhile(lambda number: _are_near(heads[number][2], self.content[16:24]), frames))
        whole = len(list(takewhile(self._is_whole_frame, present)))
        self._commits = [number for number in present if heads[number][1]]
        count = self._commits[-1] + 1 if self._commits else 0
        if whole < len(present):
            count = len(present)
            self._commits.append(count - 1)
        self.is_whole = whole >= count
        """Whether SQLite reads all that counts, since no frame of it is damaged."""
        self._frames: dict[int, list[int]] = {}  # by page, the numbers of the frames that hold it
        for number, (page, _, _) in enumerate(heads[:count]):
            self._frames.setdefault(page, []).append(number)
        self.end = _HEADER + count * _FRAME if count else 0
        """Where that ends which counts."""

    def frame_at(self, offset: int) -> int:
        """Return the number of the frame at an offset."""
        return (offset - _HEADER) // _FRAME

    def page_begin(self, frame: int) -> int:
        """Return the offset of a frame's page."""
        return _HEADER + frame * _FRAME + _FRAME_HEADER

    def page(self, number: int, frame: int) -> bytes | None:
        """Return a page as it was after the commit that a frame belongs to; None where the log has none of it."""
        end = self._commits[bisect_left(self._commits, frame)]
        for candidate in reversed(self._frames.get(number, ())):
            if candidate <= end:
                begin = self.page_begin(candidate)
                return self.content[begin : begin + PAGE]
        return None

    def _is_whole_frame(self, number: int) -> bool:
        """Whether a frame has the checksum that follows from the frame before, the first one from the header."""
        at = _HEADER + number * _FRAME
        if number:
            one, two = struct.unpack_from(">II", self.content, at - _FRAME + 16)
        else:
            one, two = self._summed(self.content[:24], 0, 0)
            if (one, two) != struct.unpack_from(">II", self.content, 24):
                return False
        sums = self._summed(self.content[at : at + 8] + self.content[at + 24 : at + _FRAME], one, two)
        return self.content[at + 8 : at + 16] == self.content[16:24] and sums == struct.unpack_from(
            ">II", self.content, at + 16
        )

    def _summed(self, data: bytes, one: int, two: int) -> tuple[int, int]:
        """Return the log's checksums, continued."""
        words = struct.unpack(f"{'>' if self.content[3] & 1 else '<'}{len(data) // 4}I", data)
        for first, second in zip(words[::2], words[1::2], strict=True):
            one = one + first + two & 0xFFFFFFFF
            two = two + second + one & 0xFFFFFFFF
        return one, two


def _are_near(salts: bytes, others: bytes) -> bool:
    """Whether salts are the same, but for a byte that was damaged; those of another round differ in most bytes."""
    return sum(one != other for one, other in zip(salts, others, strict=True)) <= 1
