"""What a sensor does to what it measures. Each function takes and returns series (count, length)."""

import numpy as np

from edgeseq.starter.drawing import happens, last_drawn, log_uniform
from edgeseq_runtime.arrays import Float64


def clip(random: np.random.Generator, values: Float64) -> Float64:
    """Cut off what lies below or above a limit: a share of the samples at either end, most often at the lower."""
    count = len(values)
    low = np.where(random.random(count) < 0.7, random.uniform(0, 0.6, count), 0)
    high = np.where(random.random(count) < 0.3, random.uniform(0.7, 1, count), 1)
    ordered = np.sort(values, axis=1)
    last = values.shape[1] - 1
    limits = (np.take_along_axis(ordered, (share * last).astype(np.int64)[:, None], axis=1) for share in (low, high))
    return np.asarray(np.clip(values, *limits))


def quantise(random: np.random.Generator, values: Float64) -> Float64:
    """Round to a multiple of a step between a hundredth of the deviation and all of it."""
    step = log_uniform(random, 0.01, 1, len(values)) * np.maximum(values.std(axis=1, keepdims=True), 1e-300)
    return np.asarray(np.round(values / step) * step)


def hold(random: np.random.Generator, values: Float64) -> Float64:
    """Read the sensor every few samples only, or when it pleases; between, its last value stands."""
    count, length = values.shape
    every = log_uniform(random, 1.5, 20, count)
    regular = (np.arange(length) + random.integers(0, 20, (count, 1))) % np.ceil(every) < 1
    drawn = np.where(random.random((count, 1)) < 0.5, regular, happens(random, every, length))
    return last_drawn(drawn, values)


def stand_still(random: np.random.Generator, values: Float64) -> Float64:
    """Let the value stand for long stretches, as where nothing happens or the sensor hangs."""
    count, length = values.shape
    changes = happens(random, log_uniform(random, 60, 1000, count), length)
    chosen = (random.random((count, length)) < random.uniform(0.2, 0.8, (count, 1))).astype(np.float64)
    stands = last_drawn(changes, chosen) > 0
    return last_drawn(~stands | changes, values)


def count_events(random: np.random.Generator, values: Float64) -> Float64:
    """Take the series as the logarithm of a rate, and count events at that rate."""
    count = len(values)
    spread = random.uniform(0.2, 1.2, (count, 1))
    rate = log_uniform(random, 0.2, 300, count) * np.exp(np.clip(spread * values, -4, 4))
    return random.poisson(rate).astype(np.float64)


def exponentiate(random: np.random.Generator, values: Float64) -> Float64:
    """Take the series as a logarithm: what is above zero and skewed."""
    return np.exp(np.clip(random.uniform(0.2, 1.2, (len(values), 1)) * values, -4, 4))
