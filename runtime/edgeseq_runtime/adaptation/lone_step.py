"""One stream of one target, one step ahead: what `adaptation` does for rows, number by number.

A call of NumPy takes as long as ten operations of Python. For one stream and one step there is so little to compute
that most of it is done without; the covariance alone is left to NumPy. The row's own words are changed where they lie.
"""

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise
from math import exp, isfinite, sqrt
from typing import Any

import numpy as np

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.arrays import Float32

_CLIP, _FAR, _LEAST, _RATE = (float(number) for number in (correction.CLIP, experts.FAR, experts.LEAST, experts.RATE))
_FORGETTING, _HALF_RATE = float(correction.FORGETTING), 0.5 * _RATE
_MEMORY, _WORST, _MARGIN = float(gate.MEMORY), float(gate.WORST), float(gate.MARGIN)

_ROOM = 0.99 * float(correction.MOST * correction.UNSURE)
"""Of a covariance's mean diagonal: below it, its limit need not be looked at."""

_LARGEST = float(np.finfo(np.float32).max)


def _words(array: Float32) -> Any:
    """Return what reads and writes single numbers sooner than the array itself."""
    return memoryview(array.data)


def _clipped(number: float) -> float:
    return number if -_CLIP <= number <= _CLIP else math.copysign(_CLIP, number)


def _bounded(number: float) -> float:
    return number if -_FAR <= number <= _FAR else math.copysign(_FAR, number)


class LoneStep:
    """The row of a stream. `bind` comes first, and after any change by others."""

    def __init__(self, layout: Layout, row: Float32) -> None:
        assert layout.horizon == layout.targets == 1, "one knot"
        parts = {name: slice(part.offset, part.offset + part.size) for name, part in layout.of_target.items()}
        parts = {name: slice(at.start + layout.head, at.stop + layout.head) for name, at in parts.items()}
        self._row = _words(row)
        self._season, self._kept, self._features = layout.season, layout.kept, layout.features
        self._begin, self._waiting = parts["values"].start, parts["waiting"]
        self._gain, self._worst = parts["gain"].start, parts["worst"].start
        self._taught = layout.shared["taught"].offset
        self._sums, self._experts = slice(parts["regret"].start, parts["range"].stop), layout.experts
        self._log_prior = [math.log(trust) for trust in layout.prior]
        self._patience = [_RATE**2 * max(-trust, float(experts.PATIENCE)) for trust in self._log_prior]
        self._nothing_lost = (0.0,) * layout.experts
        self._find_correction(row[parts["weights"].start : parts["covariance"].stop])
        self._place = 0
        self._diagonal = 0.0
        """At least the mean of the covariance's diagonal."""

    def _find_correction(self, words: Float32) -> None:
        """Have arrays to correct with; `words` are the weights and the covariance."""
        self._linear = words.reshape(-1, self._features)  # the weights are its first row
        self._weights, self._covariance = self._linear[0], self._linear[1:]
        self._outer, self._growth = np.zeros_like(self._linear), np.ones_like(self._linear)
        self._growth[1:] /= correction.FORGETTING
        self._seen, self._products = np.zeros(self._features, np.float32), np.zeros(len(self._linear), np.float32)
        self._see, self._product = _words(self._seen), _words(self._products)
        self._see[0] = 1
        self._direction = self._products[1:]
        self._column, self._across = self._products[:, None], self._direction[None]
        self._size = np.zeros((), np.float32)  # NumPy takes it in half the time of a number
        self._resize = _words(self._size)

    def bind(self, scales: Float32, change: float) -> None:
        """Look at the row anew; `scales` (1,) and `change` are in the stream's own size."""
        self._place = int(self._row[1])
        self._scale, self._change = float(scales[0]), change
        self._diagonal = float(self._covariance.trace()) / self._features
        last = [self._row[self._begin + (self._place - 1 - back) % self._kept] for back in range(CHANGES + 1)]
        self._last = last[0]
        self._changes = [self._change_between(*pair) for pair in pairwise(last)]

    def _change_between(self, now: float, before: float) -> float:
        change = (now - before) / self._change
        return _clipped(change) if isfinite(change) else 0.0

    def update(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `Adaptation.update` does; `forecasts` (1,) are changed in place."""
        row = self._row
        sums = row[self._sums].tolist()
        losses = self._learn(truth) if truth == truth else None  # noqa: PLR0124 - NaN is not itself
        shares = self._weigh(sums, losses or self._nothing_lost)
        if losses:
            row[self._sums] = array("f", sums)
            if row[self._taught] < gate.MOST_TAUGHT:
                row[self._taught] += 1
        place = self._begin + self._place
        row[place] = sample
        sample = row[place]
        changes = self._changes
        changes[:] = [self._change_between(sample, self._last), *changes[:-1]]
        self._last = sample
        forecast = forecasts.item(0)
        adapted = forecast + self._say(shares, sample, forecast, is_warm=is_warm) * self._scale
        self._place = (self._place + 1) % self._kept
        row[1] = self._place
        is_open = is_warm and row[self._gain] < -_MARGIN * row[self._worst]
        if is_open and abs(adapted) < _LARGEST:
            forecasts[0] = adapted
        return bool(is_open)

    def _learn(self, truth: float) -> Sequence[float] | None:
        """Compare with a truth what waits for it; return what experts lose, None where nothing has waited."""
        row = self._row
        base, own, *words = row[self._waiting].tolist()
        seasonal = words.pop(0) if self._season else None
        corrected, said, *changes = words
        came = (truth - base) / self._scale
        missed, error = came - said, came - own
        if not isfinite(missed):
            return None
        lost = min(error * error, _WORST)
        row[self._gain] = _MEMORY * row[self._gain] + (min(missed * missed, _WORST) - lost)
        row[self._worst] = max(_MEMORY * row[self._worst], lost)
        self._look(own, seasonal, changes)
        self._correct(_clipped(error))
        forecasts = (own, corrected, 0.0) if seasonal is None else (own, corrected, 0.0, seasonal)
        off = -2 * _clipped(missed)
        return [off * _bounded(forecast - said) for forecast in forecasts]

    def _weigh(self, sums: list[float], losses: Sequence[float]) -> list[float]:
        """Let experts lose; return their weights after that. Comparisons take less time than `min` and `max`."""
        rates, scores, count = [], [], self._experts
        for at, (loss, trust, patience) in enumerate(zip(losses, self._log_prior, self._patience, strict=True)):
            sums[count + at] = variance = sums[count + at] + loss * loss
            largest = sums[2 * count + at]
            if loss > largest or -loss > largest:
                sums[2 * count + at] = largest = abs(loss)
            rate, most = sqrt(patience / (variance + _LEAST)), _HALF_RATE / (largest + _LEAST)
            rate = rate if rate < most else most
            sums[at] = regret = sums[at] + loss * (1 + rate * loss)
            rates.append(rate)
            scores.append(trust - rate * regret)
        best = max(scores)
        shares = [exp(score - best) * rate for score, rate in zip(scores, rates, strict=True)]
        whole = sum(shares)
        return [share / whole for share in shares]

    def _look(self, own: float, seasonal: float | None, changes: Sequence[float]) -> None:
        """Have `seen` be what the correction sees of a forecast; its first number is 1."""
        see = self._see
        see[1] = _clipped(own)
        if seasonal is not None:
            see[2] = _clipped(seasonal - own)
        first = self._features - CHANGES
        see[first], see[first + 1], see[first + 2] = changes

    def _correct(self, error: float) -> None:
        """Learn what the correction of what is seen was off by.

        The weights, and each row of the covariance, lose a multiple of the same direction: all are one product.
        """
        linear, seen, products, outer = self._linear, self._seen, self._products, self._outer
        np.dot(linear, seen, products)
        spread = float(np.dot(self._direction, seen))
        self._product[0] -= error
        self._resize[()] = 1 / sqrt((spread if spread > 0 else 0.0) + _FORGETTING)
        np.multiply(products, self._size, products)
        np.dot(self._column, self._across, outer)
        np.subtract(linear, outer, linear)
        self._diagonal /= _FORGETTING
        if spread < 0:  # what float32 rounds off has made it no covariance any more
            self._covariance[...] = correction.UNSURE * np.eye(self._features, dtype=np.float32)
            self._diagonal = float(correction.UNSURE)
        elif self._diagonal < _ROOM:
            np.multiply(linear, self._growth, linear)
        else:
            correction.let_grow(self._covariance)
            self._diagonal = float(self._covariance.trace()) / self._features

    def _say(self, shares: list[float], sample: float, forecast: float, *, is_warm: bool) -> float:
        """Let what is said wait; return by how much it differs from the network's forecast, in typical changes."""
        own, seasonal = (forecast - sample) / self._scale, None
        if self._season:
            before = self._row[self._begin + (self._place + 1 - self._season) % self._kept]
            seasonal = (before - sample) / self._scale
            seasonal = seasonal if isfinite(seasonal) else own
        self._look(own, seasonal, self._changes)
        corrected = own + _clipped(float(np.dot(self._weights, self._seen)))
        said = shares[0] * own + shares[1] * corrected
        words, size = [sample, own, corrected, said, *self._changes], abs(own)
        if seasonal is not None:
            said = words[3] = said + shares[3] * seasonal
            words.insert(2, seasonal)
            size += abs(seasonal)
        if not (is_warm and size < _LARGEST):
            words = [math.nan] * len(words)
        self._row[self._waiting] = array("f", words)
        return said - own
