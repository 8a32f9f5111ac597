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
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32

Flags: TypeAlias = npt.NDArray[np.bool_]

Lanes: TypeAlias = npt.NDArray[np.intp]
"""Places among ladders that are climbed at once."""

RUNGS = 16
"""Of a kind's ladder; half of what reaches one passes it."""

SHARES = (0.99, 0.95, 0.9, 0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.7, *(0.5,) * 12)
"""Of what reaches a rung of the last ladder, the share that passes it. Its scores are the most bits of all kinds."""

LAST_RATE = 0.025
"""By which share the last ladder's gaps move."""

TOGETHER = 4
"""Independent kinds whose most bits the last ladder's first gaps are those of."""

KINDS_TOGETHER, LAST_TOGETHER = 3, 10
"""The lowest rungs, which are looked at for all lanes; few reach those above."""

LEAST_GAP = np.float32(1e-6)

TRUSTED_BEYOND = 3
"""Rungs above the number of the bits of a count of samples that are not stretched yet."""

LEAST_STRETCHED = 10
"""Rungs below this one are never stretched."""

MOST_TRAINED = 1 << (RUNGS - TRUSTED_BEYOND - 1)
"""Samples from which on no rung is."""

MOST_BITS = np.float32(100.0)
"""What is less likely than 1e-30 counts as that."""

MOST_SCORE = np.float32(1e9)
"""Scores count as so much at most, so that sums of gaps stay numbers."""

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
    """What became of scores (lane,) on their ladders: rung by rung, first of all, then of those that are left."""

    low: Flags
    """(rung, lane): which of the lowest rungs each passed."""
    high: list[tuple[Lanes, Flags]]
    """Of each rung after these: which lanes reached it, and which of those passed it."""
    stops: Lanes
    """(lane,): in which rung each stopped; beyond the last one: the last."""
    share: Float32
    """(lane,): of the gap there that it has passed; beyond the last rung more than 1."""


def climb(gaps: Float32, scores: Float32, together: int) -> Climb:
    """Let scores (lane,) climb ladders (rung, lane); all go the first rungs `together`, 2 at least."""
    end, low = gaps[0], np.empty((together, len(scores)), np.bool_)
    begin, gap = np.zeros_like(scores), gaps[0]
    np.greater_equal(scores, end, out=low[0])
    for rung in range(1, together):
        begin, gap = np.where(low[rung - 1], end, begin), np.where(low[rung - 1], gaps[rung], gap)
        end = end + gaps[rung]
        np.greater_equal(scores, end, out=low[rung])
    stops = np.add.reduce(low, axis=0, dtype=np.intp)
    high: list[tuple[Lanes, Flags]] = []
    lanes = np.flatnonzero(low[-1])
    left, ends = scores.take(lanes), end.take(lanes)
    for rung in range(together, len(gaps)):
        if not len(lanes):
            break
        own = gaps[rung].take(lanes)
        begin[lanes], gap[lanes], stops[lanes] = ends, own, rung
        ends = ends + own
        passed = left >= ends
        high.append((lanes, passed))
        lanes, left, ends = lanes[passed], left[passed], ends[passed]
    return Climb(low, high, stops, (scores - begin) / gap)


def bits_of_last(found: Climb) -> Float32:
    """Return the bits of scores on a last ladder."""
    return np.asarray(np.minimum(BELOW[found.stops] + found.share * WORTH[found.stops], MOST_BITS))


def bits_of_kinds(found: Climb, weights: Float32) -> Float32:
    """Return the bits of scores on the kinds' ladders (kind, stream), by kinds' weights (kind, 1)."""
    bits = np.minimum(found.stops.astype(np.float32) + found.share, MOST_BITS)
    return np.asarray(bits.reshape(len(weights), -1) * weights)


class LastRates:
    """By which the last ladder's gaps move."""

    @staticmethod
    def of(rung: int, _lanes: Lanes | None) -> tuple[Any, Any]:
        """Return by how much the gaps of a rung move up and down."""
        return LAST_UP[rung], LAST_DOWN[rung]


class KindRates:
    """By which the kinds' gaps move.

    `priors` (kind,) are the samples that first gaps count as, `rates` (kind,) by which share gaps move once more have
    been seen than their inverse, `counts` (stream,) the samples that have taught since.
    """

    def __init__(self, priors: Float32, rates: Float32, counts: Float32) -> None:
        self._priors, self._counts, self._least = priors, counts, counts.min()
        self._rates = rates.repeat(len(counts))
        self._unsettled = (1 / rates - priors).max()
        """Samples that came to a rung, until all kinds' gaps there move by their rates."""

    def of(self, rung: int, lanes: Lanes | None) -> tuple[Any, Any]:
        """Return by how much the gaps of a rung move up and down: all, or those of some lanes."""
        share, rates = np.float32(0.5**rung), self._rates if lanes is None else self._rates[lanes]
        if self._least * share < self._unsettled:
            if lanes is None:
                seen = (self._priors[:, None] + self._counts * share).reshape(-1)
            else:
                streams = len(self._counts)
                seen = self._priors[lanes // streams] + self._counts[lanes % streams] * share
            rates = np.maximum(1 / seen, rates)
        up = 1 + rates
        return up, 1 / up


def learn(gaps: Float32, found: Climb, teaches: Flags | None, rates: KindRates | LastRates) -> None:
    """Move gaps (rung, lane) after scores that climbed, where they teach (lane,); None: all do."""
    for rung, passed in enumerate(found.low):
        up, down = rates.of(rung, None)
        moved = gaps[rung] * np.where(passed, up, down)
        np.maximum(moved, LEAST_GAP, out=moved)
        if rung:
            reached = found.low[rung - 1] if teaches is None else found.low[rung - 1] & teaches
            np.putmask(gaps[rung], reached, moved)
        elif teaches is None:
            gaps[0] = moved
        else:
            np.putmask(gaps[0], teaches, moved)
    for rung, (lanes, passed) in enumerate(found.high, len(found.low)):
        if teaches is not None:
            kept = teaches[lanes]
            lanes, passed = lanes[kept], passed[kept]  # noqa: PLW2901
        up, down = rates.of(rung, lanes)
        gaps[rung, lanes] = np.maximum(gaps[rung, lanes] * np.where(passed, up, down), LEAST_GAP)


def stretch(gaps: Float32, scores: Float32, found: Climb, trained: Float32) -> Climb:
    """Widen the rungs that few samples have reached where a score went beyond; return how scores climb then.

    What is the largest of N samples is about one of N. With N samples that count as `trained` (lane,), the rungs from
    `TRUSTED_BEYOND` above the number of N's bits on are as wide at least as the score is beyond the begin of the lowest
    of them.
    """
    place = LEAST_STRETCHED - len(found.low)
    if len(found.high) <= place:
        return found
    lanes, passed = found.high[place]
    is_any = False
    for lane in lanes[passed].tolist():
        lowest = int(trained[lane]).bit_length() + TRUSTED_BEYOND
        if lowest >= len(gaps):
            continue
        begin = np.add.accumulate(gaps[:lowest, lane])[-1]
        if scores[lane] >= begin + gaps[lowest, lane]:
            gaps[lowest:, lane] = np.maximum(gaps[lowest:, lane], scores[lane] - begin)
            is_any = True
    return climb(gaps, scores, len(found.low)) if is_any else found
