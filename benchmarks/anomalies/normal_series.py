"""Made-up series in which nothing is wrong, for counting false alarms.

Each function makes one kind. It takes a random generator, how many samples, and `louder`: what the noise is multiplied
by, one number or one for each sample, which is how noise that grows or falls silent is planted. A day has 96 samples,
as at one each quarter of an hour.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Louder = Floats | float

DAY = 96
"""Samples."""
_LEVEL = 20.0
_SWING = 5.0
"""The daily sine's amplitude; the noise about it has deviation 1."""


@dataclass(frozen=True)
class Made:
    """A series, and the measure of what is planted in it."""

    values: Floats
    """(n,)"""
    deviation: Floats
    """(n,) the deviation, at each sample, of what even the best one-step forecast cannot know."""


def gaussian(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make Gaussian noise about a daily sine."""
    return _about_the_day(random.standard_normal(n) * louder)


def laplace(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make Laplace noise about a daily sine."""
    return _about_the_day(random.laplace(0, np.sqrt(0.5), n) * louder)


def student_5(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make noise with Student's t distribution, 5 degrees of freedom, about a daily sine."""
    return _about_the_day(random.standard_t(5, n) * np.sqrt(3 / 5) * louder)


def student_3(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make noise with Student's t distribution, 3 degrees of freedom, about a daily sine."""
    return _about_the_day(random.standard_t(3, n) * np.sqrt(1 / 3) * louder)


def uniform(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make uniform noise about a daily sine."""
    return _about_the_day(random.uniform(-np.sqrt(3), np.sqrt(3), n) * louder)


def gamma(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make skewed noise about a daily sine: gamma of shape 2, skewness 1.4."""
    return _about_the_day((random.gamma(2, 1, n) - 2) / np.sqrt(2) * louder)


def lognormal(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make skewed noise about a daily sine: lognormal of sigma 0.5, skewness 1.75."""
    sigma = 0.5
    mean = np.exp(sigma**2 / 2)
    deviation = mean * np.sqrt(np.expm1(sigma**2))
    return _about_the_day((random.lognormal(0, sigma, n) - mean) / deviation * louder)


def autoregressive(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make AR(1) of coefficient 0.9 about a level; its own deviation is 2.3 times its innovations'."""
    return Made(_LEVEL + _recursive(random.standard_normal(n) * louder, 0.9), np.ones(n))


def moving_average(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make ARMA(1, 1) about a level: x = 0.7 x' + e + 0.5 e', where ' is the sample before."""
    innovations = random.standard_normal(n) * louder
    driven = innovations + 0.5 * np.concatenate(([0.0], innovations[:-1]))
    return Made(_LEVEL + _recursive(driven, 0.7), np.ones(n))


def daily_spread(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make Gaussian noise about a daily sine, whose deviation goes from 0.3 to 1.7 and back within a day."""
    deviation = 1 + 0.7 * np.sin(2 * np.pi * np.arange(n) / DAY + 1)
    return Made(_day(n) + deviation * random.standard_normal(n) * louder, deviation)


def garch(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make noise about a daily sine that is restless at times: GARCH(1, 1), variance = 0.05 + 0.1 e'^2 + 0.85 v'."""
    standard = random.standard_normal(n)

    def following(variance: float, shock: float) -> float:
        return 0.05 + variance * (0.85 + 0.1 * shock * shock)

    variances = accumulate(standard[:-1].tolist(), following, initial=1.0)
    deviation = np.sqrt(np.fromiter(variances, float, n))
    return Made(_day(n) + deviation * standard * louder, deviation)


def rounded(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make Gaussian noise about a daily sine, rounded to steps as coarse as the noise's deviation."""
    made = gaussian(random, n, louder)
    return Made(np.round(made.values), made.deviation)


def counts(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make counts: Poisson with a rate from 2 to 6 within a day."""
    rate = 4 + 2 * np.sin(2 * np.pi * np.arange(n) / DAY)
    noise = random.poisson(rate) - rate
    return Made(np.maximum(np.round(rate + noise * louder), 0), np.sqrt(rate))


def walk(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make Gaussian noise about a level that walks at random, by 0.02 of the noise's deviation a sample."""
    level = _LEVEL + np.cumsum(0.02 * random.standard_normal(n))
    return Made(level + random.standard_normal(n) * louder, np.ones(n))


def growing_spread(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make Gaussian noise about a daily sine, whose deviation doubles with each million samples."""
    deviation = 2.0 ** (np.arange(n) / 1e6)
    return Made(_day(n) + deviation * random.standard_normal(n) * louder, deviation)


def bursts(random: np.random.Generator, n: int, louder: Louder = 1.0) -> Made:
    """Make Gaussian noise about a daily sine with bursts that belong to it: 20 samples, 4 times as loud, each 500."""
    begins = random.random(n) < 1 / 500
    within = np.convolve(begins, np.ones(20))[:n] > 0
    deviation = np.where(within, 4.0, 1.0)
    return Made(_day(n) + deviation * random.standard_normal(n) * louder, np.ones(n))


SERIES: Mapping[str, Callable[..., Made]] = {
    made.__name__.replace("_", " "): made
    for made in (
        *(gaussian, laplace, student_5, student_3, uniform, gamma, lognormal, autoregressive, moving_average),
        *(daily_spread, garch, rounded, counts, walk, growing_spread, bursts),
    )
}


def _about_the_day(noise: Floats) -> Made:
    return Made(_day(len(noise)) + noise, np.ones(len(noise)))


def _day(n: int) -> Floats:
    """Return a daily sine about the level."""
    return _LEVEL + _SWING * np.sin(2 * np.pi * np.arange(n) / DAY)


def _recursive(driven: Floats, coefficient: float) -> Floats:
    """Return x where x = coefficient x' + driven; x' of the first is zero."""
    following = accumulate(driven.tolist(), lambda before, new: coefficient * before + new)
    return np.fromiter(following, float, len(driven))
