"""What one stream of one target learns when a truth comes, several steps ahead: what `Learning.learn` does for rows.

All knots stand in one row, see `lone_places.py`. What is learned is changed where it lies in the stream's row, where
weights and covariances, the experts' sums, and the gate's are neighbours, and so one array each.
"""

import math
from typing import Any

import numpy as np
from numpy import absolute, add, divide, dot, exp, maximum, minimum, multiply, sqrt, subtract

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.adaptation.layout import Layout
from edgeseq_runtime.adaptation.lone_places import LonePlaces
from edgeseq_runtime.arrays import Float32

_ROOM = 0.99 * float(correction.MOST * correction.UNSURE)
"""Of a covariance's mean diagonal: below it, its limit need not be looked at."""

_FORGETTING = float(correction.FORGETTING)

# NumPy takes an array without axes in half the time of a number.
_LEAST, _FORGOTTEN, _MEMORY, _WORST = map(np.array, (experts.LEAST, correction.FORGETTING, gate.MEMORY, gate.WORST))


class LoneLearning:
    """What is learned in a stream's row, and arrays to learn with."""

    def __init__(self, layout: Layout, places: LonePlaces, row: Float32) -> None:
        self._layout, self._places = layout, places
        self._words: Any = memoryview(row.data)
        self._taught = layout.shared["taught"].offset
        knots, features = len(layout.knots), layout.features
        part = layout.of_target
        begin = layout.head + part["weights"].offset
        self._all: Float32 = row[begin : layout.head + part["worst"].offset + knots]
        ends = np.cumsum([part[name].size for name in list(part)[list(part).index("weights") :]])
        self.weights, covariance, self._regret, self._variance, self._range, self._gain, self._worst = np.split(
            self._all, ends[:-1]
        )
        self._linear, self._lost, self.gate = self._all[: ends[1]], self._all[ends[2] : ends[4]], self._all[ends[4] :]
        self._covariance = np.moveaxis(covariance.reshape(knots, features, features), 0, -1)
        self._owner = np.concatenate([np.repeat(np.arange(knots), part[name].size // knots) for name in list(part)[2:]])
        self._diagonal = 0.0
        """At least the mean of each covariance's diagonal."""
        self.shares = np.zeros(knots * layout.experts, np.float32)
        """(knot, expert) in a row: the experts' weights, as they are after the last truth."""
        self._find_waiting()
        self._find_weighing()
        self._find_correcting()

    def _find_waiting(self) -> None:
        """Have arrays for what is compared with a truth."""
        layout, knots, words = self._layout, len(self._layout.knots), len(self._layout.waits)
        waited = np.zeros(knots * words + knots + 2, np.float32)
        waited[-1] = 1
        self.waited = waited[: knots * words]
        """Where the slots that wait for the next truth are to be written, one after the other."""
        self._take_waited, self._base, self._came = waited.take, self.waited[::words], waited[-knots - 2 : -2]
        self._truth = np.zeros((), np.float32)
        ends = np.cumsum([knots, knots, knots * layout.features, knots * layout.experts])
        self._off, self._less = np.zeros((2, ends[-1]), np.float32)
        self._errors, self._missed, self._seen, self._apart = np.split(self._off, ends[:-1])
        self._both_off, self._squares = self._off[: 2 * knots], np.zeros(2 * knots, np.float32)
        self._lost_by_own, self._lost_by_all = np.split(self._squares, 2)
        self._gained = np.zeros(knots, np.float32)
        self._most = np.where(np.arange(ends[-1]) < ends[2], correction.CLIP, experts.FAR)
        self._smallest = -self._most

    def _find_weighing(self) -> None:
        """Have arrays for the experts."""
        knots, weighed = len(self._layout.knots), self._layout.experts * len(self._layout.knots)
        log_prior = np.log(np.array(self._layout.prior, np.float32))
        self._log_prior = np.tile(log_prior, knots)
        patience = experts.RATE**2 * np.maximum(-self._log_prior, experts.PATIENCE)
        self._allowed = np.concatenate([patience, np.full(weighed, experts.RATE / 2, np.float32)])
        self._rates = np.zeros(2 * weighed, np.float32)
        self._rate, self._most_rate = np.split(self._rates, 2)
        self._loss, self._spare = np.zeros((2, weighed), np.float32)
        self._shares_by_knot = self.shares.reshape(knots, -1)
        self._whole = np.zeros(knots, np.float32)
        self._one_each = np.ones(self._layout.experts, np.float32)

    def _find_correcting(self) -> None:
        """Have arrays for the corrections."""
        knots, features = len(self._layout.knots), self._layout.features
        self._met, self._other = np.zeros((2, len(self._linear)), np.float32)
        self._met_by_row = self._met.reshape(-1, features)
        self._sums, self._sizes = np.zeros((2, len(self._met_by_row)), np.float32)
        self._corrected, self._direction = np.split(self._sums, [knots])
        self._product = np.zeros(knots * features, np.float32)
        self._product_by_knot = self._product.reshape(knots, features)
        self._spread, self._certainty = np.zeros((2, knots), np.float32)
        self._one_of_features = np.ones(features, np.float32)
        self._growth = np.ones(len(self._linear), np.float32)
        self._growth[len(self.weights) :] /= correction.FORGETTING

    def look_up(self) -> None:
        """Look at the row anew."""
        self._diagonal = self._largest_diagonal()
        self._find_rates()
        self._weigh()

    def _largest_diagonal(self) -> float:
        return float(np.einsum("iik->k", self._covariance).max()) / self._layout.features

    def learn(self, truth: float, scales: Float32) -> None:
        """Compare with a truth what waits for it, in typical changes of so many steps (knot,)."""
        self._truth.fill(truth)
        came, off, less = self._came, self._off, self._less
        subtract(self._truth, self._base, came)
        divide(came, scales, came)
        self._take_waited(self._places.before, 0, off, "clip")
        self._take_waited(self._places.before_from, 0, less, "clip")
        subtract(off, less, off)
        if math.isfinite(sum(self._missed.tolist())):
            self._learn_all()
            return
        known = np.isfinite(self._missed)
        if known.any():
            unknown = ~known[self._owner]
            before = self._all[unknown]
            off[~np.isfinite(off)] = 0
            self._learn_all()
            self._all[unknown] = before
            self.look_up()

    def _learn_all(self) -> None:
        taught = self._words[self._taught]
        if taught < gate.MOST_TAUGHT:
            self._words[self._taught] = taught + 1
        self._learn_gate()
        off = self._off
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
        self._missed.take(self._places.knot_of_expert, 0, loss, "clip")
        multiply(loss, self._apart, loss)
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
        """Have `shares` be the experts' weights."""
        shares, spare, whole, knot = self.shares, self._spare, self._whole, self._places.knot_of_expert
        multiply(self._rate, self._regret, shares)
        subtract(self._log_prior, shares, shares)
        maximum.reduce(self._shares_by_knot, 1, out=whole)
        whole.take(knot, 0, spare, "clip")
        subtract(shares, spare, shares)
        exp(shares, shares)
        multiply(shares, self._rate, shares)
        dot(self._shares_by_knot, self._one_each, whole)
        whole.take(knot, 0, spare, "clip")
        divide(shares, spare, shares)

    def _correct(self) -> None:
        """Learn what the corrections of what was seen were off by.

        A row of weights, and each of a covariance, loses a multiple of the same direction: all are one product.
        """
        met, other, sums, sizes, places = self._met, self._other, self._sums, self._sizes, self._places
        self._seen.take(places.column, 0, met, "clip")
        multiply(self._linear, met, met)
        dot(self._met_by_row, self._one_of_features, sums)
        multiply(self._direction, self._seen, self._product)
        dot(self._product_by_knot, self._one_of_features, self._spread)
        add(self._corrected, self._errors, self._corrected)  # by how much they were too large
        is_broken = min(self._spread.tolist()) < 0
        certainty = self._certainty
        add(np.maximum(self._spread, 0) if is_broken else self._spread, _FORGOTTEN, certainty)
        sqrt(certainty, certainty)
        certainty.take(places.knot_of_row, 0, sizes, "clip")
        divide(sums, sizes, sums)
        sums.take(places.row, 0, met, "clip")
        self._direction.take(places.column, 0, other, "clip")
        multiply(met, other, met)  # symmetric to the bit
        subtract(self._linear, met, self._linear)
        self._let_grow()
        if is_broken:  # what float32 rounds off has made it no covariance any more
            features = self._layout.features
            unsure = correction.UNSURE * np.eye(features, dtype=np.float32)
            self._covariance[..., self._spread < 0] = unsure[..., None]
            self._diagonal = self._largest_diagonal()

    def _let_grow(self) -> None:
        """Forget: covariances grow, up to a limit, of which nothing need be known while they are far from it."""
        self._diagonal /= _FORGETTING
        if self._diagonal < _ROOM:
            multiply(self._linear, self._growth, self._linear)
        else:
            correction.let_grow(self._covariance)
            self._diagonal = self._largest_diagonal()
