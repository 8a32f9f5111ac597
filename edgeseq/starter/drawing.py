"""What the makers of series share: numbers drawn for each series, and recurrences over all series at once."""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64


def log_uniform(random: np.random.Generator, low: float, high: float, count: int) -> Float64:
    """Return `count` numbers between `low` and `high`, (count, 1); each factor between is as likely."""
    return np.exp(random.uniform(np.log(low), np.log(high), (count, 1)))


def happens(random: np.random.Generator, every: Float64, length: int) -> npt.NDArray[np.bool_]:
    """Return when something happens that happens once in `every` (count, 1) samples on average, (count, length)."""
    return random.random((len(every), length)) * every < 1


def unit(values: Float64) -> Float64:
    """Return the series (count, length) with mean 0 and deviation 1; a constant one is 0."""
    centred = values - values.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    scale = np.abs(values).max(axis=1, keepdims=True)
    varies = deviation > 1e-9 * scale
    return np.where(varies, centred / np.where(varies, deviation, 1), 0)


def leaky_sum(values: Float64, kept: Float64) -> Float64:
    """Return y[t] = kept y[t - 1] + values[t] of each series (count, length), from y = 0; `kept` is (count, 1)."""
    summed = np.ascontiguousarray(values.T)
    factor = kept[:, 0]
    for row in range(1, len(summed)):
        summed[row] += factor * summed[row - 1]
    return np.ascontiguousarray(summed.T)


def last_drawn(drawn: npt.NDArray[np.bool_], values: Float64) -> Float64:
    """Return the values (count, length), each held from where it was `drawn` until the next is; the first is drawn."""
    rows = np.where(drawn, np.arange(drawn.shape[1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(rows, axis=1), axis=1)
