"""What switches: level shifts, regimes, heating and cooling, spikes. Each function returns (count, length)."""

import numpy as np

from edgeseq.starter.drawing import happens, last_drawn, leaky_sum, log_uniform, unit
from edgeseq_runtime.arrays import Float64


def level_shifts(random: np.random.Generator, count: int, length: int) -> Float64:
    """A level that jumps for good, now and then."""
    jumps = happens(random, log_uniform(random, 50, 2000, count), length)
    return unit(np.cumsum(jumps * random.standard_normal((count, length)), axis=1))


def regimes(random: np.random.Generator, count: int, length: int) -> Float64:
    """Two to four levels, between which it changes at random, to stay for a while."""
    levels = random.standard_normal((count, 4))
    of = random.integers(2, 5, (count, 1))
    changes = happens(random, log_uniform(random, 3, 500, count), length)
    chosen = last_drawn(changes, (random.random((count, length)) * of).astype(np.int64).astype(np.float64))
    return unit(np.take_along_axis(levels, chosen.astype(np.int64), axis=1))


def on_off(random: np.random.Generator, count: int, length: int) -> Float64:
    """On and off, each for a time of its own that varies little or much."""
    return unit(_is_on(random, count, length).astype(np.float64))


def relaxation(random: np.random.Generator, count: int, length: int) -> Float64:
    """What follows on and off with inertia: y[t] = y[t - 1] + (x[t] - y[t - 1]) / inertia, as a room its heater."""
    kept = 1 - 1 / log_uniform(random, 2, 200, count)
    return unit(leaky_sum(_is_on(random, count, length) * 1.0, kept))


def thermostat(random: np.random.Generator, count: int, length: int) -> Float64:
    """A temperature between two limits: heated from the lower one up to the upper one, then left to cool."""
    heating, cooling = (1 / log_uniform(random, 5, 200, count)[:, 0] for _ in range(2))
    above, below = (random.uniform(0.2, 3, count) for _ in range(2))
    noise = 0.02 * random.standard_normal((length, count))
    values = np.empty((length, count))
    level, is_on = random.random(count), random.random(count) < 0.5
    for row in range(length):
        is_on = np.where(level > 1, False, np.where(level < 0, True, is_on))
        # It would end at 1 + above, or at -below.
        level = level + np.where(is_on, heating * (1 + above - level), cooling * (-below - level)) + noise[row] * 0.5
        values[row] = level
    return unit(np.ascontiguousarray(values.T))


def spikes(random: np.random.Generator, count: int, length: int) -> Float64:
    """Events to one side, each gone at once or after some samples; their sizes are exponential."""
    events = happens(random, log_uniform(random, 8, 500, count), length)
    sizes = events * random.exponential(1, (count, length)) * random.choice((1.0, 1.0, 1.0, -1.0), (count, 1))
    kept = np.where(random.random((count, 1)) < 0.5, 0, random.uniform(0, 0.95, (count, 1)))
    return unit(leaky_sum(sizes, kept))


def _is_on(random: np.random.Generator, count: int, length: int) -> Float64:
    """Return 1 where it is on, else 0, (count, length); a stay lasts its mean times 1 - spread to 1 + spread."""
    means = log_uniform(random, 2, 200, 2 * count).reshape(2, count)
    spread = random.uniform(0, 1, count)
    left, is_on = random.random(count) * means[0], np.zeros(count, np.int64)
    values = np.empty((length, count))
    draws = random.uniform(-1, 1, (length, count))
    series = np.arange(count)
    for row in range(length):
        ends = left < 1
        is_on = np.where(ends, 1 - is_on, is_on)
        left = np.where(ends, left + means[is_on, series] * (1 + spread * draws[row]), left) - 1
        values[row] = is_on
    return np.ascontiguousarray(values.T)


KINDS = (level_shifts, regimes, on_off, relaxation, thermostat, spikes)
"""All that switches."""
