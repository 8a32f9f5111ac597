"""What wanders: walks, autoregressive parts, trends. Each function returns (count, length)."""

import numpy as np

from edgeseq.starter.drawing import happens, last_drawn, leaky_sum, log_uniform, unit
from edgeseq_runtime.arrays import Float64


def walk(random: np.random.Generator, count: int, length: int) -> Float64:
    """A random walk; its steps are Gauss's, or have heavy tails."""
    gauss = random.standard_normal((count, length))
    heavy = np.clip(random.standard_t(3, (count, length)), -30, 30)
    return unit(np.cumsum(np.where(random.random((count, 1)) < 0.7, gauss, heavy), axis=1))


def smooth_walk(random: np.random.Generator, count: int, length: int) -> Float64:
    """A walk whose change goes on for a while: an integrated autoregressive part."""
    change = leaky_sum(random.standard_normal((count, length)), 1 - 1 / log_uniform(random, 1.5, 60, count))
    return unit(np.cumsum(change, axis=1))


def autoregressive(random: np.random.Generator, count: int, length: int) -> Float64:
    """An autoregressive part of order one that forgets within 1 to 300 samples; one in eight swings."""
    kept = 1 - 1 / log_uniform(random, 1.2, 300, count)
    swings = random.random((count, 1)) < 0.125
    return unit(leaky_sum(random.standard_normal((count, length)), np.where(swings, -0.9 * kept, kept)))


def resonant(random: np.random.Generator, count: int, length: int) -> Float64:
    """An autoregressive part of order two that rings: a period of which no two turns are alike."""
    period = log_uniform(random, 4, 300, count)
    radius = 1 - 1 / (period * log_uniform(random, 0.5, 10, count) + 1)
    first, second = (2 * radius * np.cos(2 * np.pi / period))[:, 0], -(radius**2)[:, 0]
    values = np.ascontiguousarray(random.standard_normal((count, length)).T)
    values[1] += first * values[0]
    for row in range(2, length):
        values[row] += first * values[row - 1] + second * values[row - 2]
    return unit(np.ascontiguousarray(values.T))


def trend(random: np.random.Generator, count: int, length: int) -> Float64:
    """A straight line, or one whose slope is drawn anew now and then."""
    breaks = happens(random, log_uniform(random, 100, 1e5, count), length)
    slope = last_drawn(breaks, random.standard_normal((count, length)))
    return unit(np.cumsum(slope, axis=1))


KINDS = (walk, smooth_walk, autoregressive, resonant, trend)
"""All that wanders."""
