"""Noise around whatever there is. Each function returns (count, length) of deviation about 1."""

import numpy as np

from edgeseq.starter.drawing import happens, last_drawn, leaky_sum, log_uniform, unit
from edgeseq_runtime.arrays import Float64


def white(random: np.random.Generator, count: int, length: int) -> Float64:
    """Independent noise: Gauss's, Laplace's, heavy tails, or to one side."""
    kinds = (
        random.standard_normal((count, length)),
        random.laplace(size=(count, length)) / np.sqrt(2),
        np.clip(random.standard_t(3, (count, length)), -30, 30) / np.sqrt(3),
        random.exponential(size=(count, length)) - 1,
    )
    return np.choose(random.choice(4, (count, 1), p=(0.55, 0.15, 0.15, 0.15)), kinds)


def changing(random: np.random.Generator, count: int, length: int) -> Float64:
    """White noise whose size wanders over a factor of some, or changes at once."""
    slow = unit(leaky_sum(random.standard_normal((count, length)), 1 - 1 / log_uniform(random, 20, 500, count)))
    breaks = happens(random, log_uniform(random, 30, 1000, count), length)
    sudden = last_drawn(breaks, random.standard_normal((count, length)))
    size = np.where(random.random((count, 1)) < 0.5, slow, sudden)
    return unit(white(random, count, length) * np.exp(np.clip(size, -3, 3)))


KINDS = (white, changing)
"""All noise."""
