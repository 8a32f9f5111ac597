"""Whether the series still is what the model was trained for: how often one-step errors leave what validation showed.

A tenth of the one-step truths lay outside the validation part's 90 % interval; that is what is usual, see `drift`.
Normal noise that doubles gives a share of 0.41.
"""

import math
from collections.abc import Mapping

import numpy as np

from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.monitoring.conformal import LEVEL, Quantiles
from edgeseq_runtime.monitoring.drift import ALARM, CLEAR, MEMORY, RAISED, Drift
from edgeseq_runtime.spec import Spec

SHARES = "monitor.shares"


class ValidatedDrift(Drift):
    """The flags of streams of a model that was trained on their series."""

    learned = SHARES, RAISED
    shares: Float32
    """(stream, target): the running share of one-step truths outside the interval, 0.1 where all is as over validation.
    """

    def __init__(self, spec: Spec, room: int) -> None:
        super().__init__(room)
        quantiles = Quantiles(spec)
        self.low, self.high = (quantiles.at(level)[0].copy() for level in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        """(target,): between which an error is as over validation."""
        self._begin("shares", (len(spec.targets),), np.float32, 1 - LEVEL)
        self._ranges = list(zip(self.low.tolist(), self.high.tolist(), strict=True))
        self._bind()

    def update(self, rows: Rows, errors: Float32) -> None:
        """Move on by the one-step errors (stream, target) in the typical sensor's numbers; see `Drift`."""
        outside = ~((errors >= self.low) & (errors <= self.high))
        share = self.shares[rows].astype(np.float64)
        share += np.where(np.isnan(errors), 0, outside - share) / MEMORY
        self.shares[rows] = share
        self.raised[rows] = self._flags(share.max(axis=1), self.raised[rows])

    def update_one(self, errors: list[float]) -> bool:
        """Move the first stream on by its one-step errors (target,); see `Drift`."""
        worst, (raised, shares) = 0.0, self._first
        for target, (error, (low, high)) in enumerate(zip(errors, self._ranges, strict=True)):
            moved = shares[target]
            if not math.isnan(error):
                moved += ((not low <= error <= high) - moved) / MEMORY
                shares[target] = moved
            worst = max(worst, moved)
        if worst > ALARM:
            raised[0] = 1
        elif worst < CLEAR:
            raised[0] = 0
        return bool(raised[0])

    def arrays_of(self, row: int) -> dict[str, Float32]:
        """Return what a snapshot has to keep of a stream."""
        return {SHARES: self.shares[row], RAISED: self.raised[row : row + 1]}

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned."""
        self.shares[row], self.raised[row] = arrays[SHARES], arrays[RAISED][0]
