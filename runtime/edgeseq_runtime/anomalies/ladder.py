"""Ladders: how far up a score lies among those that came before, in bits, and how the rungs are learned.

A ladder is a list of gaps. A score climbs from 0: it passes a rung where it is at least the sum of the gaps up to it.
Of the scores that reach a rung a share `rho` is to pass it, so it is worth -log2(rho) bits: of all scores a share 2^-b
passes rungs that are worth b together. Within the gap where a score stops, and beyond the last rung, its bits grow
linearly: the tail is exponential there.

A gap is learned as quantiles are tracked in adaptive conformal inference (I. Gibbs, E. Candes, Adaptive conformal
inference under distribution shift, NeurIPS 2021; A. Angelopoulos, E. Candes, R. Tibshirani, Conformal PID control for
time series prediction, NeurIPS 2023), on the logarithm of the gap: a score that passes widens it, one that stops
in it narrows it, as much as makes both cancel where the share that passes is rho. Over T scores that reached it the
share that passed is rho but for (range of the gap's logarithm) / (rate T), whatever the series does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.anomalies.kinds import RATE
from edgeseq_runtime.arrays import Float32

Flags: TypeAlias = npt.NDArray[np.bool_]

Rates: TypeAlias = Sequence[Float32 | np.float32] | Float32
"""By which gaps move: of each rung."""

RUNGS = 16
"""Of a kind's ladder; half of what reaches one passes it."""

SHARES = (0.99, 0.95, 0.9, 0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.7, *(0.5,) * 12)
"""Of what reaches a rung of the last ladder, the share that passes it. Its scores are the most bits of all kinds."""

LAST_RATE = 0.02
"""By which share the last ladder's gaps move."""

TOGETHER = 4
"""Independent kinds whose most bits the last ladder's first gaps are those of."""

LEAST_GAP = np.float32(1e-6)

LEAST_STRETCHED = 10
"""Rungs below this one are never stretched."""

MOST_TRAINED = 1 << (RUNGS - 3)
"""Samples from which on no rung is."""

MOST_BITS = np.float32(100.0)
"""What is less likely than 1e-30 counts as that."""

MOST_SCORE = np.float32(1e9)
"""Scores count as so much at most, so that sums of gaps stay numbers."""

# By which gaps move once they have settled.
UP = np.float32(1) + np.float32(RATE)
DOWN = np.float32(1) / UP
SETTLED = np.float32(1 / RATE)
"""Samples of a rung from which on its gap moves by `RATE`."""

BELOW = np.array([-math.log2(math.prod(SHARES[:rung])) for rung in range(len(SHARES))], np.float32)
"""What the last ladder's rungs below each are worth together, in bits."""
WORTH = np.array([-math.log2(share) for share in SHARES], np.float32)
LAST_UP = np.array([math.exp(LAST_RATE * (1 - share)) for share in SHARES], np.float32)
LAST_DOWN = np.array([math.exp(-LAST_RATE * share) for share in SHARES], np.float32)


def first_last_gaps(together: int) -> list[float]:
    """Return the last ladder's first gaps: for the most bits of so many independent ones."""
    ends, share = [0.0], 1.0
    for passing in SHARES:
        share *= passing
        ends.append(-math.log2(-math.expm1(math.log1p(-share) / together)))
    return [high - low for low, high in pairwise(ends)]


@dataclass(frozen=True)
class Climb:
    """What became of scores (...) on their ladders."""

    passed: Flags
    """(rung, ...): which rungs they passed, up to the highest that any has."""
    stops: npt.NDArray[np.int8]
    """(...): in which rung each stopped; beyond the last one: the last."""
    share: Float32
    """(...): of the gap there that it has passed; beyond the last rung more than 1."""


def climb(gaps: Float32, scores: Float32) -> Climb:
    """Let scores (...) climb ladders (rung, ...)."""
    rungs = len(gaps)
    begin, end, gap = np.zeros_like(scores), np.zeros_like(scores), gaps[0].copy()
    passed = np.zeros((rungs, *scores.shape), np.bool_)
    for rung in range(rungs):
        end += gaps[rung]
        np.greater_equal(scores, end, out=passed[rung])
        if rung:
            passed[rung] &= passed[rung - 1]  # a gap may be narrower than the one that a score stopped in
        if rung + 1 == rungs or not passed[rung].any():
            break
        np.copyto(begin, end, where=passed[rung])
        np.copyto(gap, gaps[rung + 1], where=passed[rung])
    stops = passed[: min(rung + 1, rungs - 1)].sum(axis=0, dtype=np.int8)
    return Climb(passed[: rung + 1], stops, (scores - begin) / gap)


def bits_of_kinds(found: Climb, weights: Float32) -> Float32:
    """Return the bits of scores on the kinds' ladders, weighed."""
    return np.asarray(np.minimum(found.stops + found.share, MOST_BITS) * weights)


def bits_of_last(found: Climb) -> Float32:
    """Return the bits of scores on a last ladder."""
    return np.asarray(np.minimum(BELOW[found.stops] + found.share * WORTH[found.stops], MOST_BITS))


def learn(gaps: Float32, passed: Flags, teaches: Flags, ups: Rates, downs: Rates) -> None:
    """Move gaps (rung, ...) by each rung's rates after scores that passed rungs (rung, ...), where they teach (...)."""
    reached = teaches
    for rung, through in enumerate(passed):
        moved = gaps[rung] * np.where(through, ups[rung], downs[rung])
        np.copyto(gaps[rung], np.maximum(moved, LEAST_GAP), where=reached)
        reached = reached & through


def stretch(gaps: Float32, scores: Float32, found: Climb, trained: Float32, teaches: Flags) -> Climb:
    """Widen the rungs that few samples have reached where a score went beyond; return how scores climb then.

    What is the largest of N samples is about one of N. With N samples that count as `trained`, the rungs from two above
    the number of N's bits on are as wide at least as the score is beyond the begin of the lowest of them.
    """
    if len(found.passed) <= LEAST_STRETCHED:
        return found
    beyond = np.argwhere(found.passed[LEAST_STRETCHED] & teaches)
    is_any = False
    for place in map(tuple, beyond.tolist()):
        lowest = int(trained[place]).bit_length() + 2
        if lowest >= len(found.passed) or not found.passed[(lowest, *place)]:
            continue
        begin = np.float32(0)
        for rung in range(lowest):
            begin += gaps[(rung, *place)]
        upper = gaps[lowest:]
        for rung in range(len(upper)):
            upper[(rung, *place)] = max(upper[(rung, *place)], scores[place] - begin)
        is_any = True
    return climb(gaps, scores) if is_any else found


def rates(priors: Float32, counts: Float32, rungs: int) -> tuple[Rates, Rates]:
    """Return by how much gaps of kinds' ladders move up and down, for so many rungs, each a number or (..., kind, ...).

    `priors` and `counts` are the samples that first gaps count as, and those that have taught since.
    """
    ups: list[Any] = []
    downs: list[Any] = []
    for rung in range(rungs):
        seen = priors + counts * np.float32(0.5**rung)
        if (seen >= SETTLED).all():
            ups.append(UP)
            downs.append(DOWN)
        else:
            ups.append(1 + np.maximum(1 / seen, np.float32(RATE)))
            downs.append(1 / ups[-1])
    return ups, downs
