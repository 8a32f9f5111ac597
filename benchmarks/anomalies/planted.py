"""What is planted in a made-up series at a known place, for counting how soon it is found.

Sizes are in deviations of what the best one-step forecast cannot know (`Made.deviation`, where the event begins): the
noise about a level or a season, the innovations of an autoregressive series. So an event of one size is as visible in
all of them at its first sample. It is added to what is measured: an autoregressive series does not go on from it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.anomalies.normal_series import SERIES, Made


def spike(kind: str, seed: int, n: int, at: int, size: float = 6.0) -> Made:
    """Plant one sample that is `size` deviations off."""
    made = _normal(kind, seed, n)
    made.values[at] += size * made.deviation[at]
    return made


def shift(kind: str, seed: int, n: int, at: int, size: float = 2.0) -> Made:
    """Plant a level that moves by `size` deviations and stays."""
    made = _normal(kind, seed, n)
    made.values[at:] += size * made.deviation[at]
    return made


def doubled(kind: str, seed: int, n: int, at: int) -> Made:
    """Plant noise that doubles."""
    return _louder(kind, seed, n, at, 2.0)


def silent(kind: str, seed: int, n: int, at: int) -> Made:
    """Plant noise that falls to a twentieth."""
    return _louder(kind, seed, n, at, 0.05)


def stuck(kind: str, seed: int, n: int, at: int) -> Made:
    """Plant a sensor that says its last value from then on."""
    made = _normal(kind, seed, n)
    made.values[at:] = made.values[at - 1]
    return made


def drift(kind: str, seed: int, n: int, at: int, slope: float = 0.1) -> Made:
    """Plant a level that moves by `slope` deviations a sample."""
    made = _normal(kind, seed, n)
    made.values[at:] += slope * made.deviation[at] * np.arange(1, n - at + 1)
    return made


PLANTED: Mapping[str, Callable[..., Made]] = {
    event.__name__: event for event in (spike, shift, doubled, stuck, silent, drift)
}


def _normal(kind: str, seed: int, n: int) -> Made:
    return SERIES[kind](np.random.default_rng(seed), n)


def _louder(kind: str, seed: int, n: int, at: int, times: float) -> Made:
    return SERIES[kind](np.random.default_rng(seed), n, np.where(np.arange(n) < at, 1.0, times))
