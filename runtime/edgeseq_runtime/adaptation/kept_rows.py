"""What every adaptation keeps of a stream, one row of words, and how that is taken back from a snapshot."""

from collections.abc import Mapping

import numpy as np

from edgeseq_runtime.adaptation import correction
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.streaming.row_arrays import RowArrays

KEPT = "adaptation.memory"
"""What a snapshot calls a stream's row."""


class KeptRows(RowArrays):
    """Streams of which all that was learned lies in one array."""

    memory: Float32
    """(stream, words)"""

    def arrays_of(self, row: int) -> dict[str, Float32]:
        """Return a copy of all that a snapshot has to keep of a stream."""
        self.gather()
        return {KEPT: self.memory[row].copy()}

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned; where that lacks, the stream has learned nothing yet."""
        self.erase(row)
        if KEPT in arrays:
            self.memory[row] = arrays[KEPT]


def is_covariance(matrices: Float32, unsure: np.float32) -> bool:
    """Whether matrices (..., feature, feature) can be covariances that began with `unsure` on their diagonal."""
    diagonal = np.diagonal(matrices, axis1=-2, axis2=-1)
    most = 1.01 * correction.MOST * unsure * diagonal.shape[-1]
    return bool(np.isfinite(matrices).all() and (diagonal > 0).all() and (diagonal.sum(axis=-1) <= most).all())
