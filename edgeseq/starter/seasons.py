"""Seasons: what comes again after a period, in several shapes. Each function returns (count, length)."""

import numpy as np

from edgeseq.starter.drawing import log_uniform, unit
from edgeseq_runtime.arrays import Float64

COMMON = (7, 12, 24, 24, 24, 48, 60, 96, 96, 144, 168, 288, 288, 365)
"""Samples in a day, a week, an hour or a year at the rates at which sensors are commonly read."""

SHORTEST, LONGEST = 4, 1000

_HARMONICS = 6
_KNOTS = 12


def periods(random: np.random.Generator, count: int) -> Float64:
    """Return a period for each series in samples, (count, 1): half of them common ones, the others of any length."""
    common = random.choice(COMMON, (count, 1)).astype(np.float64)
    return np.where(random.random((count, 1)) < 0.5, common, log_uniform(random, SHORTEST, LONGEST, count))


def phases(random: np.random.Generator, count: int, length: int) -> Float64:
    """Return where in its season each series is, 0 to 1, (count, length)."""
    turns = np.arange(length) / periods(random, count) + random.random((count, 1))
    return turns % 1


def harmonic(random: np.random.Generator, count: int, length: int) -> Float64:
    """A sine with a few harmonics, weaker the higher they are."""
    phase = phases(random, count, length)
    steepness = random.uniform(0.8, 3.5, (count, 1))
    values = np.zeros((count, length))
    for number in range(1, _HARMONICS + 1):
        size = random.standard_normal((count, 1)) / number**steepness
        values += size * np.sin(2 * np.pi * (number * phase + random.random((count, 1))))
    return unit(values)


def drawn_by_hand(random: np.random.Generator, count: int, length: int) -> Float64:
    """Straight lines between knots whose heights are drawn once: a day as nobody would think of it."""
    at = phases(random, count, length) * _KNOTS
    heights = random.standard_normal((count, _KNOTS))
    left = at.astype(np.int64)
    from_left = at - left
    before = np.take_along_axis(heights, left % _KNOTS, axis=1)
    after = np.take_along_axis(heights, (left + 1) % _KNOTS, axis=1)
    return unit(before + from_left * (after - before))


def sawtooth(random: np.random.Generator, count: int, length: int) -> Float64:
    """A rise and a fall, one of them shorter than the other, down to a jump."""
    phase = phases(random, count, length)
    top = random.uniform(0, 1, (count, 1))
    rising = phase / np.maximum(top, 1e-9)
    falling = (1 - phase) / np.maximum(1 - top, 1e-9)
    return unit(np.where(phase < top, rising, falling))


def pulse(random: np.random.Generator, count: int, length: int) -> Float64:
    """On for a share of the period, off for the rest."""
    return unit((phases(random, count, length) < random.uniform(0.04, 0.96, (count, 1))).astype(np.float64))


def peak(random: np.random.Generator, count: int, length: int) -> Float64:
    """One bump in a period, of Gauss's shape, and nothing between."""
    away = (phases(random, count, length) - 0.5) / log_uniform(random, 0.02, 0.25, count)
    return unit(np.exp(-0.5 * away**2))


def with_days_off(random: np.random.Generator, count: int, length: int) -> Float64:
    """A day's shape that is smaller on two days in seven, as where people work."""
    period = random.choice((24, 24, 48, 96, 144, 288), (count, 1))
    at = np.arange(length) + random.integers(0, 7 * 288, (count, 1))
    phase = at / period % 1
    width = random.uniform(0.05, 0.25, (count, 1))
    shape = np.exp(-0.5 * ((phase - 0.4) / width) ** 2) + random.random((count, 1)) * np.exp(
        -0.5 * ((phase - 0.75) / width) ** 2
    )
    is_off = at // period % 7 >= 5
    return unit(shape * np.where(is_off, random.uniform(0, 0.9, (count, 1)), 1))


SHAPES = (harmonic, drawn_by_hand, sawtooth, pulse, peak, with_days_off)
"""All shapes of a season."""
