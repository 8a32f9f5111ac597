"""One stream of one target: what `adaptation` does for rows, number by number.

A call of NumPy takes as long as ten operations of Python. For one stream there is so little to compute that most of it
is done without; the covariance alone is left to NumPy. The row's own words are changed where they lie.
"""

import math
from array import array
from itertools import pairwise
from typing import Any

import numpy as np

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.arrays import Float32, are_finite

_CLIP, _FAR, _LEAST, _RATE = (float(number) for number in (correction.CLIP, experts.FAR, experts.LEAST, experts.RATE))
_FORGETTING = float(correction.FORGETTING)
_MEMORY, _WORST, _MARGIN = float(gate.MEMORY), float(gate.WORST), float(gate.MARGIN)

_ROOM = 0.99 * float(correction.MOST * correction.UNSURE)
"""Of a covariance's mean diagonal: below it, its limit need not be looked at."""


_LARGEST = float(np.finfo(np.float32).max)


def _clipped(number: float) -> float:
    return number if -_CLIP <= number <= _CLIP else math.copysign(_CLIP, number)


class _Knot:
    """What is learned at one number of steps ahead: where it lies in the row, and arrays to compute with."""

    def __init__(self, layout: Layout, row: Float32, number: int) -> None:
        self.steps = layout.knots[number]
        parts = {name: part.offset + layout.head for name, part in layout.of_target.items()}
        features = layout.features
        self.first = parts["waiting"] + sum(layout.knots[:number]) * len(layout.waits)
        self.sums = range(number * layout.experts, (number + 1) * layout.experts)
        """Of the experts, within the regrets, the variances and the ranges of all knots."""
        self.gain, self.worst = parts["gain"] + number, parts["worst"] + number
        begin = parts["weights"] + number * features
        self.weights: Float32 = row[begin : begin + features]
        begin = parts["covariance"] + number * features**2
        self.covariance: Float32 = row[begin : begin + features**2].reshape(features, features)
        self.seen, self.direction, self.spare = np.zeros((3, features), np.float32)
        self.outer = np.zeros((features, features), np.float32)
        self.column = self.direction[:, None]
        self.see: Any = memoryview(self.seen.data)
        self.place = 0
        self.scale = 1.0
        self.shift = 0.0
        """By how much what was said last differs from the network's forecast."""
        self.diagonal = 0.0
        """At least the mean of the covariance's diagonal."""


class LoneStream:
    """The row of a stream. `bind` comes first, and after any change by others."""

    def __init__(self, layout: Layout, row: Float32) -> None:
        self._layout = layout
        self._row: Any = memoryview(row.data)  # of which single numbers are read sooner than of an array
        self._knots = [_Knot(layout, row, number) for number in range(len(layout.knots))]
        begin = layout.head + layout.of_target["values"].offset
        self._begin, self._values = begin, row[begin : begin + layout.kept]
        self._season, self._words = layout.season, len(layout.waits)
        self._taught = layout.shared["taught"].offset
        begin, knots = layout.head + layout.of_target["weights"].offset, len(layout.knots)
        self._weights = row[begin : begin + knots * layout.features].reshape(knots, layout.features)
        begin, self._weighed = layout.head + layout.of_target["regret"].offset, layout.experts * len(layout.knots)
        self._sums = slice(begin, begin + 3 * self._weighed)
        self._log_prior = [math.log(trust) for trust in layout.prior]
        self._patience = [_RATE**2 * max(-trust, float(experts.PATIENCE)) for trust in self._log_prior]
        self._kept_on = np.full((layout.features, layout.features), 1 / correction.FORGETTING, np.float32)
        self._between = np.ascontiguousarray(layout.between.T)
        self._at_knots = np.zeros((layout.experts + 2, len(layout.knots)), np.float32)
        self._since = np.array(layout.since, np.int64)
        self._steps_ahead, self._clips = (
            np.zeros((2, layout.horizon), np.float32),
            np.full((2, layout.horizon), _CLIP, np.float32),
        )
        self._place = 0

    def bind(self, scales: Float32, change: float) -> None:
        """Look at the row anew; `scales` (step,) and `change` are in the stream's own size."""
        places = [int(place) for place in self._row[: len(self._knots) + 1].tolist()]
        self._place = places[-1]
        self._scales, self._change = scales, change
        for knot, place in zip(self._knots, places, strict=False):
            knot.place, knot.scale = place, float(scales[knot.steps - 1])
            knot.diagonal = self._diagonal_of(knot)
        kept = self._layout.kept
        last = [self._row[self._begin + (self._place - 1 - back) % kept] for back in range(CHANGES + 1)]
        self._last = last[0]
        self._changes = [self._change_between(*pair) for pair in pairwise(last)]

    def _change_between(self, now: float, before: float) -> float:
        change = (now - before) / self._change
        return _clipped(change) if math.isfinite(change) else 0.0

    def _diagonal_of(self, knot: _Knot) -> float:
        return float(knot.covariance.trace()) / self._layout.features

    def update(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `Adaptation.update` does; `forecasts` (step,) are changed in place."""
        sums = self._row[self._sums].tolist()
        shares, learned = [], False
        for knot in self._knots:
            came = truth == truth and self._learn(knot, truth, sums)  # noqa: PLR0124 - NaN is not itself
            shares.append(self._weigh(knot, sums))
            learned = learned or came
        if learned:
            self._row[self._sums] = array("f", sums)
        if learned and self._row[self._taught] < gate.MOST_TAUGHT:
            self._row[self._taught] += 1
        self._row[self._begin + self._place] = sample
        sample = self._row[self._begin + self._place]
        changes = self._changes
        changes[:] = [self._change_between(sample, self._last), *changes[:-1]]
        self._last = sample
        are_open = [
            self._say(knot, share, changes, sample, forecasts, is_warm=is_warm)
            for knot, share in zip(self._knots, shares, strict=True)
        ]
        changed = is_warm and any(are_open)
        if changed:
            self._adapt(sample, forecasts, shares, are_open)
        self._move_on()
        return changed

    def _learn(self, knot: _Knot, truth: float, sums: list[float]) -> bool:
        """Compare with a truth what waits for it; return whether there was anything."""
        at = knot.first + knot.place * self._words
        base, own, *words = self._row[at : at + self._words].tolist()
        seasonal = words.pop(0) if self._season else None
        corrected, said, *changes = words
        came = (truth - base) / knot.scale
        missed = came - said
        if not math.isfinite(missed):
            return False
        row = self._row
        error = came - own
        lost = min(error * error, _WORST)
        row[knot.gain] = _MEMORY * row[knot.gain] + (min(missed * missed, _WORST) - lost)
        row[knot.worst] = max(_MEMORY * row[knot.worst], lost)
        forecasts = (own, corrected, 0.0) if seasonal is None else (own, corrected, 0.0, seasonal)
        self._lose(knot, sums, forecasts, said, -2 * _clipped(missed))
        self._see(knot, own, seasonal, changes)
        self._correct(knot, _clipped(error))
        return True

    def _lose(self, knot: _Knot, sums: list[float], forecasts: tuple[float, ...], said: float, off: float) -> None:
        """Let experts lose, where the whole was off by `off` / 2."""
        for at, forecast, patience in zip(knot.sums, forecasts, self._patience, strict=True):
            loss = off * max(-_FAR, min(_FAR, forecast - said))
            variance = sums[at + self._weighed] + loss * loss
            largest = max(sums[at + 2 * self._weighed], abs(loss))
            rate = min(math.sqrt(patience / (variance + _LEAST)), 0.5 * _RATE / (largest + _LEAST))
            sums[at] += loss * (1 + rate * loss)
            sums[at + self._weighed], sums[at + 2 * self._weighed] = variance, largest

    def _weigh(self, knot: _Knot, sums: list[float]) -> list[float]:
        """Return the experts' weights."""
        rates, scores = [], []
        for at, trust, patience in zip(knot.sums, self._log_prior, self._patience, strict=True):
            by_time = math.sqrt(patience / (sums[at + self._weighed] + _LEAST))
            rate = min(by_time, 0.5 * _RATE / (sums[at + 2 * self._weighed] + _LEAST))
            rates.append(rate)
            scores.append(trust - rate * sums[at])
        most = max(scores)
        shares = [math.exp(score - most) * rate for score, rate in zip(scores, rates, strict=True)]
        whole = sum(shares)
        return [share / whole for share in shares]

    def _see(self, knot: _Knot, own: float, seasonal: float | None, changes: list[float]) -> None:
        """Have the knot's `seen` be what the correction sees of a forecast."""
        middle = () if seasonal is None else (_clipped(seasonal - own),)
        knot.see[:] = array("f", (1.0, _clipped(own), *middle, *changes))

    def _correct(self, knot: _Knot, error: float) -> None:
        """Learn what the correction of what is seen was off by."""
        seen, direction, spare = knot.seen, knot.direction, knot.spare
        np.dot(knot.covariance, seen, direction)
        spread = float(np.dot(direction, seen))
        certainty = max(spread, 0.0) + _FORGETTING
        left = (error - float(np.dot(knot.weights, seen))) / certainty
        np.multiply(direction, left, spare)
        np.add(knot.weights, spare, knot.weights)
        if spread < 0:  # what float32 rounds off has made it no covariance any more
            knot.covariance[...] = correction.UNSURE * np.eye(len(seen), dtype=np.float32)
            knot.diagonal = float(correction.UNSURE)
            return
        np.multiply(direction, 1 / math.sqrt(certainty), direction)
        np.multiply(knot.column, direction, knot.outer)
        np.subtract(knot.covariance, knot.outer, knot.covariance)
        self._let_grow(knot)

    def _let_grow(self, knot: _Knot) -> None:
        """Forget: the covariance grows, up to a limit, of which nothing need be known while it is far from it."""
        knot.diagonal /= _FORGETTING
        if knot.diagonal < _ROOM:
            np.multiply(knot.covariance, self._kept_on, knot.covariance)
        else:
            correction.let_grow(knot.covariance)
            knot.diagonal = self._diagonal_of(knot)

    def _say(
        self,
        knot: _Knot,
        shares: list[float],
        changes: list[float],
        sample: float,
        forecasts: Float32,
        *,
        is_warm: bool,
    ) -> bool:
        """Let what is said at a knot wait; return whether it is to go out."""
        own = (float(forecasts[knot.steps - 1]) - sample) / knot.scale
        seasonal = None
        if self._season:
            before = self._row[self._begin + (self._place - (-knot.steps % self._season)) % self._layout.kept]
            seasonal = (before - sample) / knot.scale
            seasonal = seasonal if math.isfinite(seasonal) else own
        self._see(knot, own, seasonal, changes)
        corrected = own + _clipped(float(np.dot(knot.weights, knot.seen)))
        said = shares[0] * own + shares[1] * corrected
        words = [sample, own, corrected, said, *changes]
        size = abs(own)
        if seasonal is not None:
            words[3] = said + shares[3] * seasonal
            words.insert(2, seasonal)
            size += abs(seasonal)
        if not (is_warm and size < _LARGEST):
            words = [math.nan] * self._words
        at = knot.first + knot.place * self._words
        self._row[at : at + self._words] = array("f", words)
        knot.shift = (words[-1 - CHANGES] - own) * knot.scale
        return bool(self._row[knot.gain] < -_MARGIN * self._row[knot.worst])

    def _adapt(self, sample: float, forecasts: Float32, shares: list[list[float]], are_open: list[bool]) -> None:
        """Adapt forecasts (step,) in place, of which some are to be."""
        if len(forecasts) == 1:
            adapted = float(forecasts[0]) + self._knots[0].shift
            if abs(adapted) < _LARGEST:
                forecasts[0] = adapted
            return
        open_shares = [
            [is_open * trust for trust in share[1:]] for is_open, share in zip(are_open, shares, strict=True)
        ]
        known, weights = self._at_knots, self._weights
        known[: len(open_shares[0])] = np.array(open_shares, np.float32).T
        known[-3] = np.dot(weights[:, -CHANGES:], np.array(self._changes, np.float32)) + weights[:, 0]
        known[-2:] = weights.T[1:3]  # without a season there is nothing that the last is for
        with np.errstate(all="ignore"):
            found = forecasts + self._shift(sample, forecasts) * self._scales
        if are_finite(found):
            forecasts[...] = found
        else:
            np.copyto(forecasts, found, where=np.isfinite(found))

    def _shift(self, sample: float, forecasts: Float32) -> Float32:
        """Return what `Learning.shift` does, (step,), of what is known at the knots."""
        between = np.dot(self._at_knots, self._between)
        last = np.float32(sample)
        own, off = steps = self._steps_ahead
        np.divide(forecasts - last, self._scales, own)
        if self._season:
            before = self._values.take(self._place - self._since, mode="wrap")
            np.subtract((before - last) / self._scales, own, off)
            if not are_finite(off):
                off[~np.isfinite(off)] = 0
        clips = self._clips
        seen = np.maximum(np.minimum(steps, clips), -clips) * between[-2:]
        correcting = np.maximum(np.minimum(seen[0] + seen[1] + between[-3], clips[0]), -clips[0])
        shift = between[0] * correcting - between[1] * own
        return np.asarray(shift + between[2] * off if self._season else shift)

    def _move_on(self) -> None:
        """Have the next places be where the next sample is taken."""
        for number, knot in enumerate(self._knots):
            knot.place = (knot.place + 1) % knot.steps
            self._row[number] = knot.place
        self._place = (self._place + 1) % self._layout.kept
        self._row[len(self._knots)] = self._place
