"""The kinds of surprise that are looked for, and all constants of their statistics: one table.

Each kind has a score, which is large where a sample is unlike those before. A kind's scores climb a ladder of its own
(`ladder`), so that the kinds need not be of one size.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

WORDS = ("spike", "break", "drift", "stuck", "noise")
"""What an anomaly may be called. Its code is one more than its position; 0: there is none."""

ANOMALIES_BY_CODE = ("", *WORDS)

CLIP = 4.0
"""Errors count as so many typical ones at most in means, so that one sample alone moves none far."""

NEAR, SLOW, SPREAD = 0.15, 0.015, 0.05
"""Weights of the newest sample in the short mean of errors, in the long one, and in the mean of their sizes."""

STEPS = 12
"""Steps ahead at which the farther errors are taken, where the horizon is that long."""

FORGETTING, LEVEL_FORGETTING = 1000.0, 2000.0
"""Samples that typical sizes of errors, and level and spread of values, are means over."""

FIRST_COUNTS = 20.0
"""Samples that first sizes of errors, those over validation, count as."""

MOST_OF_SIZE = 3.0
"""An error counts as so many typical ones at most in the typical size itself."""

LEAST_OF_SIZE = 1e-3
"""A typical size does not fall below this share of its first value."""

RATE = 0.01
"""By which share gaps move once much has been seen; before, by the inverse of what was seen of a rung."""


@dataclass(frozen=True)
class Kind:
    """One kind of surprise."""

    name: str
    """Of its score, see `scores`."""
    word: str
    """What an alarm of it is called."""
    prior: float
    """Samples that the first gaps of its ladder count as."""
    mean: float | None
    """Of scores that are about normal before anything has come; None: whose absolute values are, about 0."""
    deviation: float
    """Their standard deviation; 0: all gaps are 1 at first."""
    tail: float
    """Share beyond which gaps do not follow the normal distribution."""
    growth: float = 1.0
    """How many times as wide as the gap before each gap is there."""


def _averaged(weight: float) -> float:
    """Return the standard deviation of an exponentially weighted mean of independent numbers, of their own."""
    return math.sqrt(weight / (2 - weight))


_ERROR = 1.25
"""Standard deviation of normal numbers of which the mean of absolute values is 1."""

ERROR, NEAR_MEAN, FAR_MEAN, SLOW_MEAN, LOUD, SILENT, RUN, LEVEL = (
    "error",
    "near mean",
    "far mean",
    "slow mean",
    "loud",
    "silent",
    "run",
    "level",
)

KINDS = (
    Kind(ERROR, "spike", 5.0, None, _ERROR, 1e-3),
    Kind(NEAR_MEAN, "break", 80.0, None, _ERROR * _averaged(NEAR), 1e-6),
    Kind(FAR_MEAN, "break", 80.0, None, 2 * _ERROR * _averaged(NEAR), 1e-6),
    Kind(SLOW_MEAN, "drift", 80.0, None, _ERROR * _averaged(SLOW), 1e-6),
    Kind(LOUD, "noise", 80.0, 1.0, 0.75 * _averaged(SPREAD), 1e-6),
    Kind(SILENT, "noise", 80.0, 1.0, 0.75 * _averaged(SPREAD), 1e-6),
    Kind(RUN, "stuck", 80.0, None, 0.0, 1.0),
    Kind(LEVEL, "spike", 5.0, None, _ERROR, 1e-3),
)
"""In the order of ladders; of two that are as surprising the first gives the word."""


def kinds_for(horizon: int) -> tuple[Kind, ...]:
    """Return the kinds of a model: one step ahead there are no farther errors."""
    return tuple(kind for kind in KINDS if horizon > 1 or kind.name != FAR_MEAN)


def first_gaps(kind: Kind, rungs: int) -> list[float]:
    """Return the gaps of a kind's ladder before anything has come."""
    if not kind.deviation:
        return [1.0] * rungs
    normal, ends = NormalDist(), [0.0]
    for rung in range(1, rungs + 1):
        share = 2.0**-rung
        if kind.mean is None:
            ends.append(-normal.inv_cdf(share / 2) * kind.deviation)
        else:
            ends.append(max(kind.mean - normal.inv_cdf(share) * kind.deviation, ends[-1] + 1e-3))
    gaps = [high - low for low, high in pairwise(ends)]
    first = next((rung for rung in range(rungs) if 2.0**-rung <= kind.tail), rungs)
    for rung in range(first, rungs):
        gaps[rung] = gaps[first] * kind.growth ** (rung - first)
    return gaps
