"""Ladders: how far up a score lies among those that came before, in bits, and how the rungs are learned.

A ladder is a list of gaps. A score climbs from 0: it passes a rung where it is at least the sum of the gaps up to it.
Of the scores that reach a rung a share `rho` is to pass it, so it is worth -log2(rho) bits: of all scores a share 2^-b
passes rungs that are worth b together. Within the gap where a score stops its bits grow linearly.

A gap is learned as quantiles are tracked in adaptive conformal inference (I. Gibbs, E. Candes, Adaptive conformal
inference under distribution shift, NeurIPS 2021; A. Angelopoulos, E. Candes, R. Tibshirani, Conformal PID control for
time series prediction, NeurIPS 2023), on the logarithm of the gap: a score that passes widens it, one that stops
in it narrows it, as much as makes both cancel where the share that passes is rho. Over T scores that reached it the
share that passed is rho but for (range of the gap's logarithm) / (rate T), whatever the series does.

Beyond a kind's last rung the tail is exponential (peaks over threshold: A. Davison, R. Smith, Models for exceedances
over high thresholds, J. R. Statist. Soc. B 52, 1990), with the mean excess over that rung as its scale. Only the first
sample of an excursion teaches that mean: the ramp of an anomaly would soon make the anomaly usual. What lies very far
out is worth less than an exponential tail says, since tails may be heavier (`heavier`). The last ladder, which the most
bits of all kinds climb, makes a rate of that: its own rungs go on to the rates that are asked for.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.anomalies.kinds import RATE
from edgeseq_runtime.arrays import Float32

Flags: TypeAlias = npt.NDArray[np.bool_]

Lanes: TypeAlias = npt.NDArray[np.intp]
"""Places among ladders that are climbed at once."""

RUNGS = 7
"""Of a kind's ladder; half of what reaches one passes it. After their gaps stands the mean excess over the last."""

SHARES = (0.998, 0.985, 0.95, 0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.7, *(0.5,) * 12)
"""Of what reaches a rung of the last ladder, the share that passes it. Its scores are the most bits of all kinds."""

LAST_RATES = (0.02,) * 17 + (0.1,) * 5
"""By which share the last ladder's gaps move: the highest, which few scores reach, by more."""

TOGETHER = 4
"""Independent kinds whose most bits the last ladder's first gaps are those of."""

KINDS_TOGETHER, LAST_TOGETHER = 3, 10
"""The lowest rungs, which are looked at for all lanes; few reach those above."""

LEAST_GAP = np.float32(1e-6)

BITS_OF_EXCESS = np.float32(math.log2(math.e))
"""What a mean excess is worth by an exponential tail."""

MOST_BEYOND = 20.0
"""Bits beyond a kind's last rung that even the largest score does not reach."""
SHRINKS = np.float32(1 / MOST_BEYOND)

FIRST_EXCESSES, MOST_EXCESSES = np.float32(20), np.float32(100)
"""What the first mean excess counts as, and how many the mean is over at most."""
OF_SAMPLES = np.float32(0.5**RUNGS)
"""The share of samples that lie beyond the last rung."""

MOST_OF_EXCESS = np.float32(8)
"""An excess counts as so many mean ones at most in the mean itself."""

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
LAST_UP = np.array([math.exp(rate * (1 - share)) for share, rate in zip(SHARES, LAST_RATES, strict=True)], np.float32)
LAST_DOWN = np.array([math.exp(-rate * share) for share, rate in zip(SHARES, LAST_RATES, strict=True)], np.float32)


def heavier(bits: Any) -> Any:
    """Return what bits beyond a kind's last rung by an exponential tail count as: at most `MOST_BEYOND`."""
    return bits / (1 + bits * SHRINKS)


def gaps_of_most(together: int) -> list[float]:
    """Return a last ladder's gaps for the most bits of so many independent ones."""
    return [high - low for low, high in pairwise(_ends_of_most(together))]


def first_last_gaps() -> list[float]:
    """Return the last ladder's first gaps: for the most bits of `TOGETHER` kinds with exponential tails."""
    ends = [end if end <= RUNGS else RUNGS + float(heavier(end - RUNGS)) for end in _ends_of_most(TOGETHER)]
    return [high - low for low, high in pairwise(ends)]


def _ends_of_most(together: int) -> list[float]:
    ends, share = [0.0], 1.0
    for passing in SHARES:
        share *= passing
        ends.append(-math.log2(-math.expm1(math.log1p(-share) / together)))
    return ends


@dataclass(frozen=True)
class Climb:
    """What became of scores (lane,) on their ladders: rung by rung, first of all, then of those that are left."""

    low: Flags
    """(rung, lane): which of the lowest rungs each passed."""
    high: list[tuple[Lanes, Flags]]
    """Of each rung after these: which lanes reached it, and which of those passed it."""
    stops: Lanes
    """(lane,): in which gap each stopped; beyond the last one: the last."""
    over: Float32
    """(lane,): how far beyond the begin of that gap."""
    share: Float32
    """(lane,): of the gap that it has passed; beyond the last rung more than 1."""


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
    over = scores - begin
    return Climb(low, high, stops, over, over / gap)


def bits_of_last(found: Climb) -> Float32:
    """Return the bits of scores on a last ladder."""
    return np.asarray(np.minimum(BELOW[found.stops] + found.share * WORTH[found.stops], MOST_BITS))


def bits_of_kinds(found: Climb, weights: Float32) -> Float32:
    """Return the bits of scores on the kinds' ladders (kind, stream), by kinds' weights (kind, 1)."""
    share, beyond = found.share, found.stops == RUNGS
    if beyond.any():
        share = np.where(beyond, heavier(share * BITS_OF_EXCESS), share)
    bits = found.stops.astype(np.float32) + share
    return np.asarray(bits.reshape(len(weights), -1) * weights)


class LastRates:
    """By which the last ladder's gaps move."""

    @staticmethod
    def of(rung: int, _lanes: Lanes | None) -> tuple[Any, Any]:
        """Return by how much the gaps of a rung move up and down."""
        return LAST_UP[rung], LAST_DOWN[rung]


class KindRates:
    """By which the kinds' gaps move.

    `priors` (kind,) are the samples that first gaps count as, `counts` (stream,) those that have taught since.
    """

    def __init__(self, priors: Float32, counts: Float32) -> None:
        self._priors, self._counts = priors, counts
        self._least = priors.min(), counts.min()

    def of(self, rung: int, lanes: Lanes | None) -> tuple[Any, Any]:
        """Return by how much the gaps of a rung move up and down: all, or those of some lanes, or one number."""
        share = np.float32(0.5**rung)
        if self._least[0] + self._least[1] * share >= SETTLED:
            return UP, DOWN
        if lanes is None:
            seen = (self._priors[:, None] + self._counts * share).reshape(-1)
        else:
            streams = len(self._counts)
            seen = self._priors[lanes // streams] + self._counts[lanes % streams] * share
        up = 1 + np.maximum(1 / seen, np.float32(RATE))
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
    for rung, (lanes, passed) in enumerate(found.high[: len(gaps) - len(found.low)], len(found.low)):
        if teaches is not None:
            kept = teaches[lanes]
            lanes, passed = lanes[kept], passed[kept]  # noqa: PLW2901
        up, down = rates.of(rung, lanes)
        gaps[rung, lanes] = np.maximum(gaps[rung, lanes] * np.where(passed, up, down), LEAST_GAP)


def learn_excess(excess: Float32, was_beyond: Float32, found: Climb, teaches: Flags | None, counts: Float32) -> None:
    """Move kinds' mean excess (lane,) where an excursion beyond the last rung begins, of streams that `counts` taught.

    `was_beyond` (lane,), 1 where the sample before was beyond it, becomes so of this one.
    """
    beyond = found.stops == RUNGS
    begins = beyond & (was_beyond == 0) if teaches is None else beyond & (was_beyond == 0) & teaches
    np.copyto(was_beyond, beyond, where=True if teaches is None else teaches)
    lanes = np.flatnonzero(begins)
    if len(lanes):
        mean, seen = excess[lanes], FIRST_EXCESSES + counts[lanes % len(counts)] * OF_SAMPLES
        over = np.minimum(found.over[lanes], MOST_OF_EXCESS * mean)
        excess[lanes] = np.maximum(mean + (over - mean) / np.minimum(seen, MOST_EXCESSES), LEAST_GAP)
