"""The blend: the network's forecast, and shares of the two seasonal ones, learned at each knot by `correction`."""

import numpy as np

from edgeseq_runtime.adaptation import correction
from edgeseq_runtime.arrays import Float32

CLIP = np.float32(15.0)
"""Of what is seen and learned, in multiples of the scale. More than in other models: the scale follows what comes,
and a stream that mostly stands still jumps by many of them."""

UNSURE = np.float32(0.02)
"""The variance that a weight begins with, in units of the errors'."""


def clipped(numbers: Float32) -> Float32:
    """Return numbers between -CLIP and CLIP."""
    return correction.clipped(numbers, CLIP)


def parts(own: Float32, naive: Float32, change: Float32) -> Float32:
    """Return what the blend adds shares of, (3, ...)."""
    return clipped(np.stack([own, naive - own, change - own]))
