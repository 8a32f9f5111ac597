"""Whether the series still is what the model was trained for: how often one-step errors leave what validation showed.

A tenth of the one-step truths lay outside the validation part's 90 % interval. The running share of those that do now,
an exponentially weighted mean over some 100 samples, is compared with that. A share cannot be moved by one wild value,
and its chance fluctuations are known whatever the distribution of the errors is: where nothing has changed the chance
of a share above 0.25 is less than 1 in 10 million (Chernoff's bound is 3e-8 for errors that do not depend on each
other). Normal noise that doubles gives a share of 0.41.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.monitoring.conformal import LEVEL, Quantiles
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.row_arrays import RowArrays

MEMORY = 100
"""Samples over which the share is a mean."""

ALARM, CLEAR = 0.25, 0.15
"""The share above which the flag is raised, and the one below which it is lowered: it does not flutter."""


class Drift(RowArrays):
    """The drift flags of streams."""

    shares: Float32
    """(stream, target): the running share of one-step truths outside the interval, 0.1 where all is as over validation.
    """
    raised: Float32
    """(stream,): the flag, 0 or 1."""

    def __init__(self, spec: Spec, room: int) -> None:
        super().__init__(room)
        quantiles = Quantiles(spec)
        self.low, self.high = (quantiles.at(level)[0].copy() for level in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        """(target,): between which an error is as over validation."""
        self._begin("shares", (len(spec.targets),), np.float32, 1 - LEVEL)
        self._begin("raised", (), np.float32)
        self._ranges = list(zip(self.low.tolist(), self.high.tolist(), strict=True))
        self._bind()

    def _bind(self) -> None:
        """Find the first stream's numbers, which `update_one` has no time to look for."""
        self._first: list[Any] = [memoryview(numbers.data) for numbers in (self.shares[0], self.raised[:1])]

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        super().make_room(count)
        self._bind()

    def update(self, rows: Rows, errors: Float32) -> None:
        """Move on by the one-step errors (stream, target), truth minus forecast; NaN where there is none."""
        outside = ~((errors >= self.low) & (errors <= self.high))
        share = self.shares[rows].astype(np.float64)
        share += np.where(np.isnan(errors), 0, outside - share) / MEMORY
        self.shares[rows] = share
        worst = share.max(axis=1)
        self.raised[rows] = np.where(worst > ALARM, 1, np.where(worst < CLEAR, 0, self.raised[rows]))

    def update_one(self, errors: list[float]) -> bool:
        """Move the first stream on by its one-step errors (target,); return its flag.

        As `update` does it, without arrays: these are the numbers of one stream.
        """
        worst, (shares, raised) = 0.0, self._first
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

    def update_through(self, errors: Float32) -> npt.NDArray[np.bool_]:
        """Move the first stream on by the errors (time, target) of samples in a row; return its flag after each."""
        return np.array([self.update_one(row) for row in errors.tolist()], np.bool_)
