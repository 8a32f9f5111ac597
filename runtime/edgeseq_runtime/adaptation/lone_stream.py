"""One stream of one target: what `adaptation` does for rows, number by number.

A call of NumPy takes as long as ten operations of Python. For one stream there is so little to compute that most of it is
done without; the covariance alone is left to NumPy. The row's own words are changed where they lie.
"""

import math
from array import array
from typing import Any

import numpy as np

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.arrays import Float32

_CLIP, _FAR, _LEAST, _RATE = (float(number) for number in (correction.CLIP, experts.FAR, experts.LEAST, experts.RATE))
_FORGETTING = float(correction.FORGETTING)
_MEMORY, _WORST, _MARGIN = float(gate.MEMORY), float(gate.WORST), float(gate.MARGIN)

_ROOM = 0.99 * float(correction.MOST * correction.UNSURE)
"""Of a covariance's mean diagonal: below it, its limit need not be looked at."""


class _Knot:
    """What is learned at one number of steps ahead: where it lies in the row, and arrays to compute with."""

    def __init__(self, layout: Layout, row: Float32, number: int) -> None:
        self.steps = layout.knots[number]
        parts = {name: part.offset + layout.head for name, part in layout.of_target.items()}
        weighed, features = layout.experts, layout.features
        self.first = parts["waiting"] + sum(layout.knots[:number]) * len(layout.waits)
        self.sums = [
            slice(parts[name] + number * weighed, parts[name] + (number + 1) * weighed)
            for name in ("regret", "variance", "range")
        ]
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
        self.diagonal = 0.0
        """At least the mean of the covariance's diagonal."""


class LoneStream:
    """The row of a stream. `bind` comes first, and after any change by others."""

    def __init__(self, layout: Layout, row: Float32) -> None:
        self._layout, self._row = layout, memoryview(row.data)
        self._write: Any = self._row
        self._knots = [_Knot(layout, row, number) for number in range(len(layout.knots))]
        begin = layout.head + layout.of_target["values"].offset
        self._begin, self._values = begin, row[begin : begin + layout.kept]
        self._season, self._words = layout.season, len(layout.waits)
        self._said, self._taught = layout.waits.index("said"), layout.shared["taught"].offset
        self._log_prior = [math.log(trust) for trust in layout.prior]
        self._patience = [_RATE**2 * max(-trust, float(experts.PATIENCE)) for trust in self._log_prior]
        self._kept_on = np.full((layout.features, layout.features), 1 / correction.FORGETTING, np.float32)
        self._between = np.ascontiguousarray(layout.between.T)
        self._at_knots = np.zeros((layout.experts + 2, len(layout.knots)), np.float32)
        self._since = np.array(layout.since, np.int64)
        self._place = 0

    def bind(self, scales: Float32, change: float) -> None:
        """Look at the row anew; `scales` (step,) and `change` are in the stream's own size."""
        places = [int(place) for place in self._row[: len(self._knots) + 1].tolist()]
        self._place = places[-1]
        self._scales, self._change = scales, change
        for knot, place in zip(self._knots, places, strict=False):
            knot.place, knot.scale = place, float(scales[knot.steps - 1])
            knot.diagonal = self._diagonal_of(knot)

    def _diagonal_of(self, knot: _Knot) -> float:
        return float(knot.covariance.trace()) / self._layout.features

    def update(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `Adaptation.update` does; `forecasts` (step,) are changed in place."""
        shares, learned = [], False
        for knot in self._knots:
            learned = (truth == truth and self._learn(knot, truth)) or learned  # noqa: PLR0124 - NaN is not itself
            shares.append(self._weigh(knot))
        if learned and self._row[self._taught] < gate.MOST_TAUGHT:
            self._write[self._taught] += 1
        self._write[self._begin + self._place] = sample
        sample = self._row[self._begin + self._place]
        changes = self._last_changes()
        is_open = False
        for knot, share in zip(self._knots, shares, strict=True):
            opens = self._say(knot, share, changes, sample, forecasts, is_warm=is_warm)
            is_open = is_open or opens
        changed = is_open and is_warm and self._adapt(sample, forecasts, shares, changes)
        self._move_on()
        return changed

    def _learn(self, knot: _Knot, truth: float) -> bool:
        """Compare with a truth what waits for it; return whether there was anything."""
        at = knot.first + knot.place * self._words
        base, own, *words = self._row[at : at + self._words].tolist()
        seasonal = words.pop(0) if self._season else None
        corrected, said, *changes = words
        came = (truth - base) / knot.scale
        missed = came - said
        if not math.isfinite(missed):
            return False
        row = self._write
        error = came - own
        lost = min(error * error, _WORST)
        row[knot.gain] = _MEMORY * row[knot.gain] + (min(missed * missed, _WORST) - lost)
        row[knot.worst] = max(_MEMORY * row[knot.worst], lost)
        forecasts = (own, corrected, 0.0) if seasonal is None else (own, corrected, 0.0, seasonal)
        self._lose(knot, forecasts, said, -2 * max(-_CLIP, min(_CLIP, missed)))
        self._see(knot, own, seasonal, changes)
        self._correct(knot, max(-_CLIP, min(_CLIP, error)))
        return True

    def _lose(self, knot: _Knot, forecasts: tuple[float, ...], said: float, off: float) -> None:
        """Let experts lose, where the whole was off by `off` / 2."""
        regrets, variances, ranges = (self._row[part].tolist() for part in knot.sums)
        for number, forecast in enumerate(forecasts):
            loss = off * max(-_FAR, min(_FAR, forecast - said))
            variance = variances[number] + loss * loss
            largest = max(ranges[number], abs(loss))
            variances[number], ranges[number] = variance, largest
            rate = min(math.sqrt(self._patience[number] / (variance + _LEAST)), 0.5 * _RATE / (largest + _LEAST))
            regrets[number] += loss * (1 + rate * loss)
        for part, numbers in zip(knot.sums, (regrets, variances, ranges), strict=True):
            self._write[part] = array("f", numbers)

    def _weigh(self, knot: _Knot) -> list[float]:
        """Return the experts' weights."""
        regrets, variances, ranges = (self._row[part].tolist() for part in knot.sums)
        rates, scores = [], []
        for number, trust in enumerate(self._log_prior):
            by_time = math.sqrt(self._patience[number] / (variances[number] + _LEAST))
            rate = min(by_time, 0.5 * _RATE / (ranges[number] + _LEAST))
            rates.append(rate)
            scores.append(trust - rate * regrets[number])
        most = max(scores)
        shares = [math.exp(score - most) * rate for score, rate in zip(scores, rates, strict=True)]
        whole = sum(shares)
        return [share / whole for share in shares]

    def _see(self, knot: _Knot, own: float, seasonal: float | None, changes: list[float]) -> None:
        """Have the knot's `seen` be what the correction sees of a forecast."""
        middle = () if seasonal is None else (max(-_CLIP, min(_CLIP, seasonal - own)),)
        knot.see[:] = array("f", (1.0, max(-_CLIP, min(_CLIP, own)), *middle, *changes))

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

    def _last_changes(self) -> list[float]:
        """Return the changes before the last sample, in typical ones."""
        row, begin, at = self._row, self._begin, self._place
        values = [row[begin + (at - back) % self._layout.kept] for back in range(CHANGES + 1)]
        changes = []
        for number in range(CHANGES):
            change = (values[number] - values[number + 1]) / self._change
            changes.append(max(-_CLIP, min(_CLIP, change)) if math.isfinite(change) else 0.0)
        return changes

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
        corrected = own + max(-_CLIP, min(_CLIP, float(np.dot(knot.weights, knot.seen))))
        said = shares[0] * own + shares[1] * corrected
        words = [sample, own, corrected, said, *changes]
        if seasonal is not None:
            words[3] = said + shares[3] * seasonal
            words.insert(2, seasonal)
        at = knot.first + knot.place * self._words
        self._write[at : at + self._words] = array("f", words)
        if not (is_warm and math.isfinite(sum(self._row[at : at + self._words].tolist()))):
            self._write[at : at + self._words] = array("f", [math.nan] * self._words)
        return self._row[knot.gain] < -_MARGIN * self._row[knot.worst]

    def _adapt(self, sample: float, forecasts: Float32, shares: list[list[float]], changes: list[float]) -> bool:
        """Adapt forecasts (step,) in place, of which some are to be."""
        known = self._at_knots
        for number, (knot, share) in enumerate(zip(self._knots, shares, strict=True)):
            is_open = self._row[knot.gain] < -_MARGIN * self._row[knot.worst]
            weights = knot.weights.tolist()
            alike = weights[0] + sum(
                weight * change for weight, change in zip(weights[-CHANGES:], changes, strict=True)
            )
            ours = [is_open * trust for trust in share[1:]]
            known[:, number] = [*ours, alike, weights[1], weights[2] if self._season else 0.0]
        with np.errstate(all="ignore"):
            adapted = forecasts + self._shift(sample, forecasts) * self._scales
        np.copyto(forecasts, adapted, where=np.isfinite(adapted))
        return True

    def _shift(self, sample: float, forecasts: Float32) -> Float32:
        """Return what `Learning.shift` does, (step,), of what is known at the knots."""
        between = np.dot(self._at_knots, self._between)
        last = np.float32(sample)
        own = (forecasts - last) / self._scales
        alike, by_own, by_season = between[-3:]
        correcting = alike + by_own * correction.clipped(own)
        shift = -between[1] * own
        if self._season:
            before = self._values.take(self._place - self._since, mode="wrap")
            seasonal = (before - last) / self._scales
            off = np.where(np.isfinite(seasonal), seasonal - own, np.float32(0))
            shift += between[2] * off
            correcting += by_season * correction.clipped(off)
        return np.asarray(shift + between[0] * correction.clipped(correcting))

    def _move_on(self) -> None:
        """Have the next places be where the next sample is taken."""
        for number, knot in enumerate(self._knots):
            knot.place = (knot.place + 1) % knot.steps
            self._write[number] = knot.place
        self._place = (self._place + 1) % self._layout.kept
        self._write[len(self._knots)] = self._place
