"""Several forecasts as one: each is weighed by how it has done, so that the whole is never far behind the best of them.

Bernstein online aggregation: O. Wintenberger, Machine Learning 106 (2017), with second-order rates of learning for each
expert and the gradient of the squared error. Its regret against the best expert grows with the logarithm of their
number and the root of the time. Each target and each knot of the horizon is weighed by itself.

All sums stay finite for as long as a device lives: a loss is at most 2 CLIP FAR = 600, its square 360,000, and 10^8 of
them are 4 * 10^13, while float32 reaches to 10^38 and stops adding up long before.
"""

from collections.abc import Sequence

import numpy as np

from edgeseq_runtime.adaptation.correction import CLIP
from edgeseq_runtime.arrays import Float32

RATE = np.float32(0.5)
"""Of the rates in the paper: at all of them, an expert that was lucky at first costs an exact model much."""

LEAST = np.float32(1e-30)
"""Is added to what is divided by, which is zero before anything has come."""

FAR = np.float32(50.0)
"""In typical changes: an expert that is further off than that from the whole loses no more."""

PATIENCE = np.float32(0.1)
"""The least logarithm of an expert's prior that its rate is made of."""


def losses(forecasts: Float32, said: Float32, came: Float32) -> Float32:
    """Return what experts have lost (expert, ...) with `forecasts` (expert, ...), of which `said` (...) was made."""
    off = np.minimum(np.maximum(said - came, -CLIP), CLIP) * np.float32(2)
    return np.asarray(off * np.minimum(np.maximum(forecasts - said, -FAR), FAR))


def rates(prior: Sequence[float], variance: Float32, largest: Float32) -> Float32:
    """Return the rates of learning (expert, ...) at sums of squared losses and largest losses, (expert, ...)."""
    rate = np.empty_like(variance)
    for number, trust in enumerate(prior):
        np.divide(RATE**2 * max(-np.log(np.float32(trust)), PATIENCE), variance[number] + LEAST, out=rate[number])
    return np.asarray(np.minimum(np.sqrt(rate, out=rate), RATE / 2 / (largest + LEAST)))


def weights(prior: Sequence[float], rate: Float32, regret: Float32) -> Float32:
    """Return each expert's weight (expert, ...); they sum to 1."""
    found = rate * regret
    for number, trust in enumerate(prior):
        np.subtract(np.log(np.float32(trust)), found[number], out=found[number])
    found -= found.max(axis=0)
    found = np.exp(found) * rate
    return np.asarray(found / found.sum(axis=0))
