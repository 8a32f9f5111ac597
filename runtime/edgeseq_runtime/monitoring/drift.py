"""Whether the series still is what the model was trained for: how often one-step errors leave what validation showed.

A tenth of the one-step truths lay outside the validation part's 90 % interval. The running share of those that do now,
an exponentially weighted mean over some 100 samples, is compared with that. A share cannot be moved by one wild value,
and its chance fluctuations are known whatever the distribution of the errors is: where nothing has changed the chance
of a share above 0.25 is less than 1 in 10 million (Chernoff's bound is 3e-8 for errors that do not depend on each
other). Normal noise that doubles gives a share of 0.41.
"""

import math

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.monitoring.conformal import LEVEL, Quantiles
from edgeseq_runtime.spec import Spec

MEMORY = 100
"""Samples over which the share is a mean."""

ALARM, CLEAR = 0.25, 0.15
"""The share above which the flag is raised, and the one below which it is lowered: it does not flutter."""


class Drift:
    """The drift flag of one stream."""

    def __init__(self, spec: Spec) -> None:
        quantiles = Quantiles(spec)
        self._low, self._high = (quantiles.at(level)[0].tolist() for level in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        self.shares: Float32 = np.full(len(spec.targets), 1 - LEVEL, np.float32)
        """(target,): the running share of one-step truths outside the interval, 0.1 where all is as over validation."""
        self.raised: Float32 = np.zeros(1, np.float32)
        """(1,): the flag, 0 or 1; an array, as the rest of a stream's state is."""

    def update(self, errors: Float32) -> None:
        """Move on by the one-step errors (target,), truth minus forecast; NaN where there is none."""
        worst = 0.0
        for at, (error, share) in enumerate(zip(errors.tolist(), self.shares.tolist(), strict=True)):
            outside = not self._low[at] <= error <= self._high[at]
            moved = share if math.isnan(error) else share + (outside - share) / MEMORY
            self.shares[at] = moved
            worst = max(worst, moved)
        if worst > ALARM:
            self.raised[0] = 1
        elif worst < CLEAR:
            self.raised[0] = 0

    def forget(self) -> None:
        """Begin anew."""
        self.shares[...] = 1 - LEVEL
        self.raised[...] = 0
