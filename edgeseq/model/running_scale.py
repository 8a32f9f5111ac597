"""A scale that runs along with the stream: what frees a network of unit, scale and offset. The constants of it.

The equations stand in docs/starter.md. They are computed in torch (`starter.normalising`), in NumPy,
in the model file's graph and in C.
"""

import numpy as np

from edgeseq_runtime.arrays import Float64

LEVELS = (4.0, 16.0, 64.0, 256.0, 1024.0)
"""Samples over which the exponential means of the level go."""

SCALES = (30.0, 500.0)
"""The same for the mean absolute change; the larger of the two is the stream's scale."""

SPREAD = 500.0
"""The same for the mean distance from the level of `LEVELS[3]`."""

HABITS = 64.0
"""The same for what the changes are like: how rare they are, and how alike to the one before."""

OLDEST = 4096.0
"""Samples after which a stream grows no older."""

TINY = 1e-30
"""Stands for a scale of zero where something is divided by it."""

FLOOR = 0.01
"""Added to a ratio before its logarithm is taken."""

YOUNG = 2.0
"""How much farther off forecasts may be while a stream is young: the scale times 1 + YOUNG / sqrt(age)."""

STATES = 4 + len(LEVELS) + len(SCALES) + 2
"""Numbers in the state `stream`: last sample, age, levels, scales, spread, the scaled change, rarity, likeness."""

FEATURES = 7 + len(LEVELS)
"""Numbers that the network sees of a sample."""

KNOTS = (1, 4, 14, 48)
"""Steps ahead for which the network says how far the stream returns to each of its levels."""

SHARES = len(LEVELS) * len(KNOTS)
"""Numbers that say so: level by level."""


def between_knots(horizon: int) -> Float64:
    """Return what each knot counts at each step ahead, (knot, horizon): linear in the step's logarithm."""
    ahead = np.log(np.arange(1, horizon + 1))
    return np.stack([np.interp(ahead, np.log(KNOTS), row) for row in np.eye(len(KNOTS))])


def scales(samples: Float64) -> Float64:
    """Return what the state `scale` is after each sample (time,) of a fresh stream: by how much forecasts may be off.

    0 while the stream has been constant.
    """
    changes = np.abs(np.diff(samples, prepend=samples[:1]))
    made, means = np.empty(len(samples)), np.zeros(len(SCALES))
    for row, change in enumerate(changes):
        gains = np.maximum(1 / max(row, 1), 1 / np.array(SCALES))
        means += gains * (change - means)
        made[row] = means.max()
    age = np.minimum(np.arange(1, len(samples) + 1), OLDEST)
    return np.asarray(made * (1 + YOUNG / np.sqrt(age)))
