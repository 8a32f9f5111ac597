"""Streams of which all that was learned lies in one row of words, and how that is taken back from a snapshot."""

from collections.abc import Mapping
from typing import ClassVar

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.streaming.row_arrays import RowArrays


class KeptRows(RowArrays):
    """Streams of which all that was learned lies in one array."""

    kept_as: ClassVar[str]
    """What a snapshot calls a stream's row."""

    memory: Float32
    """(stream, words)"""

    def arrays_of(self, row: int) -> dict[str, Float32]:
        """Return a copy of all that a snapshot has to keep of a stream."""
        self.gather()
        return {self.kept_as: self.memory[row].copy()}

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned; where that lacks, the stream has learned nothing yet."""
        self.erase(row)
        if self.kept_as in arrays:
            self.memory[row] = arrays[self.kept_as]
