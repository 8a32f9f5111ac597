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
"""Errors count as so many typical ones at most in means, so that one sample alone moves none far."""

NEAR, SLOW, SPREAD, VALUES = 0.12, 0.015, 0.05, 0.1
"""Weights of the newest sample in the short mean of errors, in the long one, in the mean of their squares, and in the
short mean of values."""

VALUE_CLIP = 6.0
"""Values count as so many typical distances from their mean at most in their short mean."""

LEAST_VALUES = 20.0
"""Samples that taught before a value is compared with those before."""

FORGETTING, LEVEL_FORGETTING = 1000.0, 2000.0
"""Samples that typical sizes of errors, and mean and distance of values, are means over."""

FIRST_COUNTS = 100.0
"""Samples that first sizes of errors, those over validation, count as."""

MOST_OF_SIZE = 3.0
"""An error counts as so many typical ones at most in the typical size itself."""

LEAST_OF_SIZE = 1e-3
"""A typical size does not fall below this share of its first value."""

RATE = 0.005
"""By which share gaps move once much has been seen; before, by the inverse of what was seen of a rung."""


@dataclass(frozen=True)
class First:
    """What scores are like before anything has come: normal, of which the quantiles are the first gaps."""

    deviation: float
    """Their standard deviation; 0: all gaps are 1."""
    mean: float = 0.0
    is_size: bool = False
    """Whether scores are absolute values."""


@dataclass(frozen=True)
class Kind:
    """One kind of surprise."""

    name: str
    """Of its score, see `scores`."""
    word: str
    """What an alarm of it is called."""
    first: First
    prior: float
    """Samples that the first gaps of its ladder count as."""
    weight: float = 1.0
    """Of its bits, beside those of other kinds."""


def _averaged(weight: float) -> float:
    """Return the standard deviation of an exponentially weighted mean of independent numbers, of their own."""
    return math.sqrt(weight / (2 - weight))


_ONE = 1.25
"""Standard deviation of normal numbers of which the mean of absolute values is 1."""

_SHORT, _LONG = _averaged(NEAR), _averaged(SLOW)
FIRST_SPREAD = math.pi / 2
"""Mean square of normal numbers of which the mean of absolute values is 1."""

_SQUARES = math.sqrt(2) * _averaged(SPREAD)
"""Standard deviation of the mean of squares of normal numbers, as a share of itself."""

_SOON, _LATER = 5.0, 80.0
"""What first gaps count as: of scores of single samples, and of means."""

_LATER_ELSEWHERE = 10.0
"""The same of means where nobody has measured a sensor like this one: its own samples soon count more."""

ERROR, NEAR_MEAN, SLOW_MEAN, LOUD, SILENT, RUN = "error", "near mean", "slow mean", "loud", "silent", "run"
HIGH, LOW, HIGH_MEAN, LOW_MEAN = "high", "low", "high mean", "low mean"

KINDS = (
    Kind(ERROR, "spike", First(_ONE, is_size=True), _SOON),
    Kind(NEAR_MEAN, "break", First(_ONE * _SHORT, is_size=True), _LATER),
    Kind(SLOW_MEAN, "drift", First(_ONE * _LONG, is_size=True), _LATER, weight=0.7),
    Kind(LOUD, "noise", First(FIRST_SPREAD * _SQUARES, mean=FIRST_SPREAD), _LATER, weight=0.95),
    Kind(SILENT, "noise", First(_SQUARES / FIRST_SPREAD, mean=1 / FIRST_SPREAD), _LATER, weight=0.5),
    Kind(RUN, "stuck", First(0.0), _LATER, weight=0.5),
    Kind(HIGH, "spike", First(_ONE), _SOON),
    Kind(LOW, "spike", First(_ONE), _SOON),
    Kind(HIGH_MEAN, "break", First(_ONE / 2), _LATER, weight=0.9),
    Kind(LOW_MEAN, "break", First(_ONE / 2), _LATER, weight=0.9),
)
"""In the order of ladders; of two that are as surprising the first gives the word."""


def kinds_for(*, takes_any: bool) -> tuple[Kind, ...]:
    """Return the kinds of a model, which may be one for any sensor."""
    return tuple(replace(kind, prior=min(kind.prior, _LATER_ELSEWHERE)) for kind in KINDS) if takes_any else KINDS


def first_ladder(first: First, rungs: int) -> list[float]:
    """Return the gaps and the mean excess of a ladder before anything has come.

    Gaps are those between quantiles, of which half as much lies beyond each; the excess is over the last of them.

    Where the first is 0, the median of scores that may be negative, a twentieth of the deviation stands for it.
    """
    if not first.deviation:
        return [1.0] * rungs + [1 / math.log(2)]
    normal, ends, end = NormalDist(), [0.0], 0.0
    for rung in range(1, rungs + 1):
        share = 0.5**rung / (2 if first.is_size else 1)
        end = -normal.inv_cdf(share)
        ends.append(max(first.mean + end * first.deviation, 0.05 * first.deviation))
    excess = (normal.pdf(end) / share - end) * first.deviation
    return [high - low for low, high in pairwise(ends)] + [excess]
