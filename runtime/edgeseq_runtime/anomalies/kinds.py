"""The kinds of surprise that are looked for, and all constants of their statistics: one table.

Each kind has a score, which is large where a sample is unlike those before. A kind's scores climb a ladder of its own
(`ladder`), so that the kinds need not be of one size.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import NormalDist

WORDS = ("spike", "break", "drift", "stuck", "noise")
"""What an anomaly may be called. Its code is one more than its position; 0: there is none."""

ANOMALIES_BY_CODE = ("", *WORDS)

CLIP = 4.0
"""Errors count as so many typical ones at most in means and in sums of farther ones, so that one sample alone moves
none far."""

SUM_CLIP = 8.0
"""The same in sums of errors one step ahead: there, two or three large ones in a row are to be no chance."""

ALLOWANCE, MOST_SUM = 1.0, 20.0
"""Typical errors: what sums lose with each sample, and what they grow to at most, so that they end soon after a shift.

The allowance of a CUSUM is half the shift that it finds soonest (E. Page, Continuous inspection schemes, Biometrika 41,
1954): here a level that moves by twice the typical error, which is 1.6 deviations of normal errors."""

SLOW, SPREAD, VALUES = 0.015, 0.05, 0.1
"""Weights of the newest sample in the long mean of errors, in the mean of their sizes, and in the short mean of
values."""

VALUE_CLIP = 6.0
"""Values count as so many typical distances from their mean at most in their short mean."""

LEAST_VALUES = 20.0
"""Samples that taught before a value is compared with those before."""

STEPS = 12
"""Steps ahead at which the farther errors are taken, where the horizon is that long."""

FORGETTING, LEVEL_FORGETTING = 1000.0, 2000.0
"""Samples that typical sizes of errors, and mean and distance of values, are means over."""

FIRST_COUNTS = 100.0
"""Samples that first sizes of errors, those over validation, count as."""

MOST_OF_SIZE = 3.0
"""An error counts as so many typical ones at most in the typical size itself."""

LEAST_OF_SIZE = 1e-3
"""A typical size does not fall below this share of its first value."""

RATE, STEADY = 0.02, 0.005
"""By which share gaps move once much has been seen; before, by the inverse of what was seen of a rung.

The steady rate is that of sums, and of means over some ten samples. Each sample of a shift or of louder noise passes
all lower rungs of their ladders: at 2 % they would be 1.8 times as wide after thirty samples, and the event no longer
surprising.
"""


@dataclass(frozen=True)
class First:
    """What scores are like before anything has come: the first gaps, or the normal numbers whose quantiles they are."""

    deviation: float = 0.0
    """The standard deviation of normal scores."""
    mean: float = 0.0
    is_size: bool = False
    """Whether scores are absolute values."""
    tail: float = 1e-6
    """Share beyond which all gaps are alike."""
    gaps: tuple[float, ...] = ()
    """The gaps themselves, where scores are not normal; those above are as the last one."""


@dataclass(frozen=True)
class Kind:
    """One kind of surprise."""

    name: str
    """Of its score, see `scores`."""
    word: str
    """What an alarm of it is called."""
    first: First
    prior: float
    """Samples that the first gaps of its ladder count as where they are learned."""
    trained: float
    """Samples that they count as where a score goes beyond all: see `ladder.stretch`."""
    weight: float = 1.0
    """Of its bits, beside those of other kinds."""
    rate: float = RATE
    """By which share its gaps move once much has been seen."""


def _averaged(weight: float) -> float:
    """Return the standard deviation of an exponentially weighted mean of independent numbers, of their own."""
    return math.sqrt(weight / (2 - weight))


_ONE = 1.25
"""Standard deviation of normal numbers of which the mean of absolute values is 1."""

_LONG = _averaged(SLOW)
_SIZES = First(0.75 * _averaged(SPREAD), mean=1.0)
_SUMS = First(gaps=(1.146, 0.701, 0.599, 0.555, 0.544))
"""Of sums of independent normal errors: up to 2^-4 counted in 11 million of them. Beyond, their tail is exponential,
with the exponent at which exp(exponent (error - allowance)) is 1 in the mean, 2 ALLOWANCE / _ONE^2 (D. Siegmund,
Sequential Analysis, 1985)."""

_SOON, _LATER = (5.0, 200.0), (80.0, 4000.0)
"""What first gaps count as: of scores of single samples, and of means and sums."""

_GUESSED = (10.0, 200.0)
"""The same of sums where first gaps are a guess, so that samples soon count more: of errors far ahead, which depend
on one another as the series has it, and of all where nobody has measured a sensor like this one."""

ERROR, NEAR_SUM, FAR_SUM, SLOW_MEAN, LOUD, SILENT, RUN = (
    "error",
    "near sum",
    "far sum",
    "slow mean",
    "loud",
    "silent",
    "run",
)
HIGH, LOW, HIGH_MEAN, LOW_MEAN = "high", "low", "high mean", "low mean"

KINDS = (
    Kind(ERROR, "spike", First(_ONE, is_size=True, tail=1e-4), *_SOON),
    Kind(NEAR_SUM, "break", _SUMS, *_LATER, rate=STEADY),
    Kind(FAR_SUM, "break", _SUMS, *_GUESSED, rate=STEADY),
    Kind(SLOW_MEAN, "drift", First(_ONE * _LONG, is_size=True), *_LATER, weight=0.9),
    Kind(LOUD, "noise", _SIZES, *_LATER, rate=STEADY),
    Kind(SILENT, "noise", _SIZES, *_LATER, weight=0.85),
    Kind(RUN, "stuck", First(gaps=(1.0,)), *_LATER, weight=0.9),
    Kind(HIGH, "spike", First(_ONE, tail=1e-4), *_SOON),
    Kind(LOW, "spike", First(_ONE, tail=1e-4), *_SOON),
    Kind(HIGH_MEAN, "break", First(_ONE / 2), *_LATER),
    Kind(LOW_MEAN, "break", First(_ONE / 2), *_LATER),
)
"""In the order of ladders; of two that are as surprising the first gives the word."""


def kinds_for(horizon: int, *, takes_any: bool = False) -> tuple[Kind, ...]:
    """Return the kinds of a model, which may be one for any sensor. One step ahead there are no farther errors."""
    found = tuple(kind for kind in KINDS if horizon > 1 or kind.name != FAR_SUM)
    return tuple(map(_learned_sooner, found)) if takes_any else found


def _learned_sooner(kind: Kind) -> Kind:
    prior, trained = min((kind.prior, kind.trained), _GUESSED)
    return replace(kind, prior=prior, trained=trained)


def first_gaps(first: First, rungs: int) -> list[float]:
    """Return the gaps of a ladder before anything has come: between quantiles, of which half as much lies beyond each.

    Where the first is 0, the median of scores that may be negative, a twentieth of the deviation stands for it.
    """
    if first.gaps:
        return [*first.gaps, *[first.gaps[-1]] * (rungs - len(first.gaps))]
    normal, ends = NormalDist(), [0.0]
    for rung in range(1, rungs + 1):
        share = 0.5**rung / (2 if first.is_size else 1)
        end = first.mean - normal.inv_cdf(share) * first.deviation
        ends.append(end if end > 0 else 0.05 * first.deviation)
    gaps = [high - low for low, high in pairwise(ends)]
    untrusted = next((rung for rung in range(rungs) if 0.5**rung <= first.tail), rungs - 1)
    return gaps[:untrusted] + [gaps[untrusted]] * (rungs - untrusted)
