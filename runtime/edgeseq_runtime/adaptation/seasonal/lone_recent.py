"""The second correction of the only stream: what `recent` does for rows, with few calls of NumPy."""

import math

import numpy as np
import numpy.typing as npt
from numpy import add, divide, dot, maximum, minimum, multiply, subtract

from edgeseq_runtime.adaptation import correction
from edgeseq_runtime.adaptation.seasonal import recent
from edgeseq_runtime.adaptation.seasonal.layout import Layout
from edgeseq_runtime.arrays import Float32

Flags = npt.NDArray[np.bool_]

_FORGETTING = float(correction.FORGETTING)

# NumPy takes an array without axes in half the time of a number.
_ONE, _KEPT = np.array(np.float32(1)), np.array(np.float32(1) / correction.FORGETTING)
_LARGEST, _SMALLEST = np.array(recent.LARGEST), np.array(-recent.LARGEST)

_GROWTH, _LIMIT = 1 / _FORGETTING, float(correction.MOST * recent.UNSURE)

_ROOM = 0.99 * _LIMIT
"""Of the covariance's mean diagonal: below it, its limit need not be looked at."""


class LoneRecent:
    """What is learned in a stream's row, and arrays to learn with."""

    def __init__(self, layout: Layout, row: Float32) -> None:
        parts, knots, features = layout.parts, len(layout.knots), layout.recent
        flat, covariance = (
            row[part.offset : part.offset + part.size] for part in (parts["recent_weights"], parts["recent_covariance"])
        )
        self._weights, self._covariance = flat, covariance.reshape(features, features)
        self._weights_by_knot, self._variances = flat.reshape(knots, features), self._covariance.diagonal()
        self._diagonal = 0.0
        """At least the mean of the covariance's diagonal."""
        self.seen_twice = np.zeros(2 * knots * features, np.float32)
        """(2, knot, feature) in a row: what was seen when the forecasts were made, to be written before `learn`."""
        self._seen = self.seen_twice[: knots * features].reshape(knots, features)
        self._last = self._seen[0]
        self._direction, self._outer = np.zeros(features, np.float32), np.zeros_like(self._covariance)
        self._column, self._across = self._direction[:, None], self._direction[None]
        self._size = np.zeros((), np.float32)
        self._met = np.zeros_like(self.seen_twice)
        self._met_weights, self._directions = np.split(self._met, 2)
        self._directions_by_knot = self._directions.reshape(knots, features)
        self._products = np.zeros_like(self._met)
        self._products_by_knot = self._products.reshape(2 * knots, features)
        self._sums, self._one_of_features = np.zeros(2 * knots, np.float32), np.ones(features, np.float32)
        self._off, self._reach = np.split(self._sums, 2)
        self._knot = np.repeat(np.arange(knots), features)
        self._steps = np.zeros(knots * features, np.float32)

    def bind(self) -> None:
        """Look at the row anew."""
        self._diagonal = float(self._covariance.trace()) / len(self._covariance)

    def learn(self, errors: Float32, known: Flags | None) -> None:
        """Learn from `seen_twice` and the errors (knot,) of the blend, forecast minus truth, where they are `known`."""
        if known is None or known[0]:
            self._take_in()
        self._met_weights[:] = self._weights
        dot(self._seen, self._covariance, self._directions_by_knot)
        multiply(self._met, self.seen_twice, self._products)
        dot(self._products_by_knot, self._one_of_features, self._sums)
        off, reach, steps = self._off, self._reach, self._steps
        maximum(reach, _ONE, out=reach)
        add(off, errors, off)
        divide(off, reach, off)
        if known is not None:
            off[~known] = 0
        off.take(self._knot, 0, steps, "clip")
        multiply(steps, self._directions, steps)
        subtract(self._weights, steps, self._weights)
        minimum(self._weights, _LARGEST, out=self._weights)
        maximum(self._weights, _SMALLEST, out=self._weights)

    def _take_in(self) -> None:
        """Let the covariance, which all knots share, take in what was seen with the sample before."""
        covariance, direction = self._covariance, self._direction
        dot(covariance, self._last, direction)
        spread = float(dot(direction, self._last))
        self._size[()] = 1 / math.sqrt(max(spread, 0.0) + _FORGETTING)
        multiply(direction, self._size, direction)
        dot(self._column, self._across, self._outer)
        subtract(covariance, self._outer, covariance)
        self._diagonal /= _FORGETTING
        if spread < 0:  # what float32 rounds off has made it no covariance any more
            covariance[...] = recent.UNSURE * np.eye(len(covariance), dtype=np.float32)
            self._diagonal = float(recent.UNSURE)
        elif self._diagonal < _ROOM:
            multiply(covariance, _KEPT, covariance)
        else:
            trace = float(dot(self._variances, self._one_of_features))
            self._size[()] = min(_GROWTH, _LIMIT * len(covariance) / trace)
            multiply(covariance, self._size, covariance)
            self._diagonal = float(self._size) * trace / len(covariance)

    def correct(self, seen: Float32, corrections: Float32) -> None:
        """Write the corrections (knot,), not clipped yet, of what is seen now, (feature,)."""
        dot(self._weights_by_knot, seen, corrections)
