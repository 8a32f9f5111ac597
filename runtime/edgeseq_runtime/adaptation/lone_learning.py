"""What one stream learns at its knots when a truth comes, several steps ahead: what `Learning.learn` does for rows.

A call of NumPy for a few numbers takes as long as one for a hundred, and several times that where shapes are to be
broadcast. So all knots stand in one row, and indices take for each number those that it meets. What is learned is
changed where it lies in the stream's row, where weights and covariances, the experts' sums, and the gate's are
neighbours, and so one array each.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy import absolute, add, divide, dot, exp, maximum, minimum, multiply, sqrt, subtract

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.arrays import Float32

Flags = npt.NDArray[np.bool_]

_FORGETTING = float(correction.FORGETTING)

# NumPy takes an array without axes in half the time of a number.
_LEAST, _FORGOTTEN, _MEMORY, _WORST = map(np.array, (experts.LEAST, correction.FORGETTING, gate.MEMORY, gate.WORST))
_GROWTH = np.array(np.float32(1) / correction.FORGETTING)

_HIGH, _LITTLE = 60.0, 1e-20
"""Of a score, of which float32 holds the exponential up to 88, and of the sum of a knot's shares."""


@dataclass(frozen=True)
class Learned:
    """What is learned at each knot, and where it lies in a stream's row."""

    knots: int
    features: int
    """What a correction sees."""
    prior: tuple[float, ...]
    """Trust in each expert before anything has come."""
    clip: np.float32
    """Of what a correction sees and learns from."""
    unsure: np.float32
    """The variance that a correction's weights begin with."""
    taught: int
    """The row's word that counts."""
    begin: int
    """The first word of the weights, behind which lie covariances, regret, variance, range, gain and worst."""
    extra: int = 0
    """Further errors at each knot, which others learn from."""


class LoneLearning:
    """What is learned in a stream's row, and arrays to learn with.

    `off` is to be written before `learn`: at each knot what the network and what was said were off by, forecast minus
    truth; further errors; what the correction saw; and by how much each expert's forecast differed from what was said.
    `errors`, `missed`, `extra`, `seen` and `apart` are its parts.
    """

    def __init__(self, kind: Learned, row: Float32) -> None:
        self._kind = kind
        self._words: Any = memoryview(row.data)  # of which single numbers are read sooner than of an array
        knots, features, number = kind.knots, kind.features, len(kind.prior)
        weights, sums = knots * features, knots * number
        sizes = (weights, weights * features, sums, sums, sums, knots, knots)
        ends = np.cumsum(sizes)
        self._all: Float32 = row[kind.begin : kind.begin + ends[-1]]
        self.weights, covariance, self._regret, self._variance, self._range, self._gain, self._worst = np.split(
            self._all, ends[:-1]
        )
        self._linear, self._lost, self.gate = self._all[: ends[1]], self._all[ends[2] : ends[4]], self._all[ends[4] :]
        self._covariance = np.moveaxis(covariance.reshape(knots, features, features), 0, -1)
        self._owner = np.concatenate([np.repeat(np.arange(knots), size // knots) for size in sizes])
        self._room = 0.99 * float(correction.MOST * kind.unsure)
        """Of a covariance's mean diagonal: below it, its limit need not be looked at."""
        self._diagonal = 0.0
        """At least the mean of each covariance's diagonal."""
        self.shares = np.zeros(sums, np.float32)
        """(knot, expert) in a row: the experts' weights, as they are after the last truth."""
        self._find_off()
        self._find_weighing()
        self._find_correcting()

    def _find_off(self) -> None:
        """Have arrays for what is compared with a truth."""
        kind, knots = self._kind, self._kind.knots
        self.sizes = knots, knots, knots * kind.extra, knots * kind.features, knots * len(kind.prior)
        ends = np.cumsum(self.sizes)
        self.off = np.zeros(ends[-1], np.float32)
        self.errors, self.missed, self.extra, self.seen, self.apart = np.split(self.off, ends[:-1])
        clips = (kind.clip, correction.CLIP, kind.clip, kind.clip, experts.FAR)
        self._most = np.repeat(np.array(clips, np.float32), self.sizes)
        self._smallest = -self._most
        self._both_off, self._squares = self.off[: 2 * knots], np.zeros(2 * knots, np.float32)
        self._lost_by_own, self._lost_by_all = np.split(self._squares, 2)
        self._gained = np.zeros(knots, np.float32)

    def _find_weighing(self) -> None:
        """Have arrays for the experts."""
        knots, prior = self._kind.knots, self._kind.prior
        log_prior = np.log(np.array(prior, np.float32))
        self._log_prior = np.tile(log_prior, knots)
        patience = experts.RATE**2 * np.maximum(-self._log_prior, experts.PATIENCE)
        self._allowed = np.concatenate([patience, np.full_like(patience, experts.RATE / 2)])
        self._rates = np.zeros_like(self._allowed)
        self._rate, self._most_rate = np.split(self._rates, 2)
        self._loss, self._spare, self._scores = np.zeros((3, len(patience)), np.float32)
        self._scores_by_knot = self._scores.reshape(knots, -1)
        self._knot_of_expert = np.repeat(np.arange(knots), len(prior))
        self._shares_by_knot = self.shares.reshape(knots, -1)
        self._whole = np.zeros(knots, np.float32)
        self._one_each = np.ones(len(prior), np.float32)

    def _find_correcting(self) -> None:
        """Have arrays for the corrections.

        Weights and covariances are rows (knot + knot * feature, feature), each of which belongs to a knot.
        """
        knots, features = self._kind.knots, self._kind.features
        self._met, self._other = np.zeros((2, len(self._linear)), np.float32)
        self._met_by_row = self._met.reshape(-1, features)
        rows = len(self._met_by_row)
        self._knot_of_row = np.concatenate([np.arange(knots), np.repeat(np.arange(knots), features)])
        self._row = np.repeat(np.arange(rows), features)
        self._column = (self._knot_of_row[:, None] * features + np.arange(features)).reshape(-1)
        """Which of the features (knot, feature) each of the numbers meets."""
        self._sums, self._sizes = np.zeros((2, rows), np.float32)
        self._corrected, self._direction = np.split(self._sums, [knots])
        self._product = np.zeros(knots * features, np.float32)
        self._product_by_knot = self._product.reshape(knots, features)
        self._spread, self._certainty = np.zeros((2, knots), np.float32)
        self._one_of_features = np.ones(features, np.float32)
        self._find_growing()

    def _find_growing(self) -> None:
        """Have arrays to let the covariances grow."""
        knots, features, weights = self._kind.knots, self._kind.features, len(self.weights)
        self._growth = np.ones(len(self._linear), np.float32)
        self._growth[weights:] *= _GROWTH
        self._covariances = self._linear[weights:]
        self._on_diagonal = (np.arange(knots)[:, None] * features**2 + np.arange(0, features**2, features + 1)).reshape(
            -1
        )
        self._variances = np.zeros(knots * features, np.float32)
        self._variances_by_knot = self._variances.reshape(knots, features)
        self._most_trace = np.array(correction.MOST * self._kind.unsure * np.float32(features))
        self._trace, self._growth_by_knot = np.zeros((2, knots), np.float32)
        self._knot_of_covariance = np.repeat(np.arange(knots), features**2)
        self._growth_now = np.zeros_like(self._covariances)

    def look_up(self) -> None:
        """Look at the row anew."""
        self._diagonal = self._largest_diagonal()
        self._find_rates()
        self._weigh()

    def _largest_diagonal(self) -> float:
        return float(np.einsum("iik->k", self._covariance).max()) / self._kind.features

    def learn(self) -> Flags | None:
        """Learn from `off`, which is clipped then; return the knots of which something is known (knot,); None: all."""
        if math.isfinite(sum(self.missed.tolist())):
            self._learn_all()
            return None
        known = np.asarray(np.isfinite(self.missed))
        if known.any():
            unknown = ~known[self._owner]
            before = self._all[unknown]
            self.off[~np.isfinite(self.off)] = 0
            self._learn_all()
            self._all[unknown] = before
            self.look_up()
        return known

    def _learn_all(self) -> None:
        taught = self._words[self._kind.taught]
        if taught < gate.MOST_TAUGHT:
            self._words[self._kind.taught] = taught + 1
        self._learn_gate()
        off = self.off
        minimum(off, self._most, out=off)
        maximum(off, self._smallest, out=off)
        self._lose()
        self._weigh()
        self._correct()

    def _learn_gate(self) -> None:
        squares, gained = self._squares, self._gained
        multiply(self._both_off, self._both_off, squares)
        minimum(squares, _WORST, out=squares)
        subtract(self._lost_by_all, self._lost_by_own, gained)
        multiply(self.gate, _MEMORY, self.gate)
        add(self._gain, gained, self._gain)
        maximum(self._worst, self._lost_by_own, out=self._worst)

    def _lose(self) -> None:
        """Let experts lose."""
        loss, spare = self._loss, self._spare
        self.missed.take(self._knot_of_expert, 0, loss, "clip")
        multiply(loss, self.apart, loss)
        add(loss, loss, loss)
        absolute(loss, spare)
        maximum(self._range, spare, out=self._range)
        multiply(loss, loss, spare)
        add(self._variance, spare, self._variance)
        self._find_rates()
        multiply(self._rate, spare, spare)
        add(spare, loss, spare)
        add(self._regret, spare, self._regret)

    def _find_rates(self) -> None:
        """Have `rate` be the experts' rates of learning."""
        rates, rate = self._rates, self._rate
        add(self._lost, _LEAST, rates)
        divide(self._allowed, rates, rates)
        sqrt(rate, rate)
        minimum(rate, self._most_rate, out=rate)

    def _weigh(self) -> None:
        """Have `shares` be the experts' weights.

        The best score of each knot seldom is far from 0, and then need not be looked for.
        """
        scores = self._scores
        multiply(self._rate, self._regret, scores)
        subtract(self._log_prior, scores, scores)
        if scores.item(scores.argmax()) > _HIGH or not self._share_out():
            scores -= self._scores_by_knot.max(axis=1).repeat(len(self._one_each))
            self._share_out()

    def _share_out(self) -> bool:
        """Make shares of the scores; return False where they are too small for that."""
        shares, spare, whole = self.shares, self._spare, self._whole
        exp(self._scores, shares)
        multiply(shares, self._rate, shares)
        dot(self._shares_by_knot, self._one_each, whole)
        if min(whole.tolist()) < _LITTLE:
            return False
        whole.take(self._knot_of_expert, 0, spare, "clip")
        divide(shares, spare, shares)
        return True

    def _correct(self) -> None:
        """Learn what the corrections of what was seen were off by.

        A row of weights, and each of a covariance, loses a multiple of the same direction: all are one product.
        """
        met, other, sums, sizes = self._met, self._other, self._sums, self._sizes
        self.seen.take(self._column, 0, met, "clip")
        multiply(self._linear, met, met)
        dot(self._met_by_row, self._one_of_features, sums)
        multiply(self._direction, self.seen, self._product)
        dot(self._product_by_knot, self._one_of_features, self._spread)
        add(self._corrected, self.errors, self._corrected)  # by how much they were too large
        is_broken = min(self._spread.tolist()) < 0
        certainty = self._certainty
        add(np.maximum(self._spread, 0) if is_broken else self._spread, _FORGOTTEN, certainty)
        sqrt(certainty, certainty)
        certainty.take(self._knot_of_row, 0, sizes, "clip")
        divide(sums, sizes, sums)
        sums.take(self._row, 0, met, "clip")
        self._direction.take(self._column, 0, other, "clip")
        multiply(met, other, met)  # symmetric to the bit
        subtract(self._linear, met, self._linear)
        self._let_grow()
        if is_broken:  # what float32 rounds off has made it no covariance any more
            unsure = self._kind.unsure * np.eye(self._kind.features, dtype=np.float32)
            self._covariance[..., self._spread < 0] = unsure[..., None]
            self._diagonal = self._largest_diagonal()

    def _let_grow(self) -> None:
        """Forget: covariances grow, up to a limit, of which nothing need be known while they are far from it."""
        self._diagonal /= _FORGETTING
        if self._diagonal < self._room:
            multiply(self._linear, self._growth, self._linear)
        else:
            trace, growth = self._trace, self._growth_by_knot
            self._covariances.take(self._on_diagonal, 0, self._variances, "clip")
            dot(self._variances_by_knot, self._one_of_features, trace)
            maximum(trace, _LEAST, out=trace)
            divide(self._most_trace, trace, growth)
            minimum(growth, _GROWTH, out=growth)
            growth.take(self._knot_of_covariance, 0, self._growth_now, "clip")
            multiply(self._covariances, self._growth_now, self._covariances)
            self._diagonal = max(trace.tolist()) / _FORGETTING / self._kind.features
