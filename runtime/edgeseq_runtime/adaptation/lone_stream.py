"""One stream of one target, several steps ahead: what `adaptation` does for rows, in few calls of NumPy.

For so few numbers a call takes the same time whatever it does, and several times that where shapes are to be broadcast.
So all numbers of a sample stand in one row, of which indices take what a call needs (`lone_places.py`), and the
stream's own words are changed where they lie.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy import add, divide, dot, maximum, minimum, multiply, subtract

from edgeseq_runtime.adaptation import correction, gate
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.adaptation.lone_learning import Learned, LoneLearning
from edgeseq_runtime.adaptation.lone_places import LonePlaces
from edgeseq_runtime.arrays import Float32, are_finite, are_within

_CLIP, _MARGIN = float(correction.CLIP), float(gate.MARGIN)

# NumPy takes an array without axes in half the time of a number.
_MOST, _SMALLEST = np.array(correction.CLIP), np.array(-correction.CLIP)

_LARGEST = float(np.finfo(np.float32).max)

_CALM = 1e12
"""In typical changes: while forecasts and samples are no larger than that, nothing overflows."""


class LoneStream:
    """The row of a stream. `bind` comes first, and after any change by others."""

    def __init__(self, layout: Layout, row: Float32) -> None:
        self._layout, self._places = layout, LonePlaces(layout)
        begin, taught = layout.head + layout.of_target["weights"].offset, layout.shared["taught"].offset
        kind = Learned(
            len(layout.knots), layout.features, layout.prior, correction.CLIP, correction.UNSURE, taught, begin
        )
        self._learning = LoneLearning(kind, row)
        self._words = row
        self._row: Any = memoryview(row.data)  # of which single numbers are read sooner than of an array
        self._begin = layout.head + layout.of_target["values"].offset
        self._values = row[self._begin : self._begin + layout.kept]
        words = len(layout.waits)
        begins = np.cumsum([0, *layout.knots[:-1]]) * words + layout.head + layout.of_target["waiting"].offset
        self._first_slots = (begins[:, None] + np.arange(words)).reshape(-1)
        self._slots = self._first_slots.copy()
        """Words of the row: of each knot the slot that is compared with the next truth."""
        self._slots_by_knot = self._slots.reshape(-1, words)
        self._further = np.repeat(np.where(np.array(layout.knots) > 1, words, 0), words)
        self._turning = [(number, steps) for number, steps in enumerate(layout.knots) if steps > 1]
        self._at: list[int] = []
        self._place = 0
        self._wary = 0
        """For how many further samples numbers may not be finite, or overflow."""
        self._find_waiting()
        self._find_telling()
        self._find_between()

    # Where all lies

    def _find_waiting(self) -> None:
        """Have arrays for what is compared with a truth."""
        words, knots = len(self._slots), len(self._layout.knots)
        waited = np.zeros(words + knots + 2, np.float32)
        waited[-1] = 1
        self._take_waited, self._waited = waited.take, waited[:words]
        self._bases, self._came = waited[: words : len(self._layout.waits)], waited[words : words + knots]
        self._truth, self._less_off = np.zeros((), np.float32), np.zeros_like(self._learning.off)

    def _find_telling(self) -> None:
        """Have the row of a sample's numbers, and arrays for what is said at the knots."""
        layout, places, knots = self._layout, self._places, len(self._layout.knots)
        now = np.zeros(places.size, np.float32)
        self._now: Any = memoryview(now.data)
        self._now[places.one] = 1
        self._numbers = {name: now[where] for name, where in places.at.items()}
        self._of_steps = now[: places.at["one"].start]
        size = layout.horizon * (1 + bool(layout.season))
        self._raw, self._here = np.zeros(size + 1, np.float32), np.zeros((), np.int64)
        self._raw_ahead, self._sample = self._raw[:size], self._raw[size:].reshape(())
        self._raw_before, self._raw_own = np.split(self._raw_ahead, [-layout.horizon])
        self._since = np.array(layout.since, np.int64)
        self._before = np.zeros_like(self._since)
        """Of the values: those that are the seasonal naive forecasts."""
        both = np.zeros(2 * knots * layout.features, np.float32)
        self._seen_and_less, (self._seen, self._less) = both, np.split(both, 2)
        self._seen_by_knot, self._one_of_features = self._seen.reshape(knots, -1), np.ones(layout.features, np.float32)
        self._weighed = np.zeros(knots * layout.experts, np.float32)
        self._weighed_by_knot, self._one_each = self._weighed.reshape(knots, -1), np.ones(layout.experts, np.float32)
        self._waits = np.zeros(knots * len(layout.waits), np.float32)

    def _find_between(self) -> None:
        """Have arrays for the steps between the knots."""
        layout, knots, parts = self._layout, len(self._layout.knots), 1 + bool(self._layout.season)
        known = np.zeros((2 * (1 + parts), knots), np.float32)  # shares, what is alike, and weights
        self._known, self._alike = known, known[1 + parts]
        self._trusts, _, self._weights = np.split(known.reshape(-1), [(1 + parts) * knots, (2 + parts) * knots])
        self._are_open = np.zeros_like(self._trusts)
        self._weights_by_knot = self._learning.weights.reshape(knots, -1)
        self._line = np.ascontiguousarray(layout.between.T)
        self._between = between = np.zeros((len(known), layout.horizon), np.float32)
        self._influence, self._correction = between[: 1 + parts], between[1 + parts :]
        self._flat_influence, self._weighing = self._influence.reshape(-1), between[2 + parts :].reshape(-1)
        self._clipped, self._one_each_part = np.zeros_like(self._weighing), np.ones(1 + parts, np.float32)
        self._shift = np.zeros(layout.horizon, np.float32)

    def bind(self, scales: Float32, change: float) -> None:
        """Look at the row anew; `scales` (step,) and `change` are in the stream's own size."""
        layout = self._layout
        *self._at, self._place = (int(place) for place in self._row[: len(layout.knots) + 1].tolist())
        words = len(layout.waits)
        self._slots[:] = self._first_slots + np.repeat(self._at, words) * words
        self._scales, self._change = scales, change
        self._scales_at_knots = scales[np.array(layout.knots) - 1]
        self._scales_ahead = np.tile(scales, 1 + bool(layout.season))
        last = [self._row[self._begin + (self._place - 1 - back) % layout.kept] for back in range(CHANGES + 1)]
        self._last = last[0]
        self._changes = [self._change_between(*pair) for pair in pairwise(last)]
        self._calm = min(_CALM * float(scales.min()), math.sqrt(_LARGEST)) ** 2
        self._wary = layout.horizon + 1
        self._learning.look_up()

    def _change_between(self, now: float, before: float) -> float:
        change = (now - before) / self._change
        if -_CLIP <= change <= _CLIP:
            return change
        return math.copysign(_CLIP, change) if math.isfinite(change) else 0.0

    # A sample

    def update(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `Adaptation.update` does; `forecasts` (step,) are changed in place."""
        self._look_ahead(sample, forecasts)
        if not are_within(self._raw, self._calm):
            self._wary = self._layout.horizon + 1
        if not self._wary:
            return self._update(truth, forecasts, is_warm=is_warm)
        self._wary -= 1
        with np.errstate(all="ignore"):
            return self._update(truth, forecasts, is_warm=is_warm)

    def _look_ahead(self, sample: float, forecasts: Float32) -> None:
        """Keep a sample, and look at what is forecast."""
        self._row[self._begin + self._place] = self._sample[()] = sample
        changes, sample = self._changes, self._row[self._begin + self._place]
        changes[:] = [self._change_between(sample, self._last), *changes[:-1]]
        self._last = sample
        self._raw_own[:] = forecasts
        if self._layout.season:
            self._here[()] = self._place
            subtract(self._here, self._since, self._before)
            self._values.take(self._before, 0, self._raw_before, "wrap")

    def _update(self, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        if truth == truth:  # noqa: PLR0124 - NaN is not itself
            self._learn(truth)
        self._say(is_warm=is_warm)
        sums = self._learning.gate.tolist()
        are_open = [gain < -_MARGIN * worst for gain, worst in zip(sums, sums[len(self._at) :], strict=False)]
        changed = is_warm and True in are_open
        if changed:
            self._adapt(forecasts, are_open)
        self._move_on()
        return changed

    def _learn(self, truth: float) -> None:
        """Compare with a truth what waits for it."""
        places, off, less, came = self._places, self._learning.off, self._less_off, self._came
        self._words.take(self._slots, 0, self._waited, "clip")
        self._truth[()] = truth
        subtract(self._truth, self._bases, came)
        divide(came, self._scales_at_knots, came)
        self._take_waited(places.before, 0, off, "clip")
        self._take_waited(places.before_from, 0, less, "clip")
        subtract(off, less, off)
        self._learning.learn()

    def _say(self, *, is_warm: bool) -> None:
        """Let what is said at the knots wait."""
        numbers, places, now, seen = self._numbers, self._places, self._now, self._seen
        ahead = numbers["ahead"]
        subtract(self._raw_ahead, self._sample, ahead)
        divide(ahead, self._scales_ahead, ahead)
        if self._wary and self._layout.season:
            np.copyto(numbers["seasonal"], numbers["own"], where=~np.isfinite(numbers["seasonal"]))
        now[places.base] = self._last
        now[places.change], now[places.change + 1], now[places.change + 2] = self._changes
        self._of_steps.take(places.at_knots, 0, numbers["ahead_at"], "clip")
        told, corrected = numbers["told"], numbers["corrected_at"]
        told.take(places.seen, 0, self._seen_and_less, "clip")
        subtract(seen, self._less, seen)
        minimum(seen, _MOST, out=seen)
        maximum(seen, _SMALLEST, out=seen)
        multiply(seen, self._learning.weights, seen)
        dot(self._seen_by_knot, self._one_of_features, corrected)
        minimum(corrected, _MOST, out=corrected)
        maximum(corrected, _SMALLEST, out=corrected)
        add(corrected, numbers["own_at"], corrected)
        weighed = self._weighed
        told.take(places.experts, 0, weighed, "clip")
        multiply(weighed, self._learning.shares, weighed)
        dot(self._weighed_by_knot, self._one_each, numbers["said_at"])
        waits = self._waits
        told.take(places.slots, 0, waits, "clip")
        if not is_warm:
            waits.fill(np.nan)
        elif self._wary:
            by_knot = waits.reshape(len(self._at), -1)
            by_knot[~np.isfinite(by_knot).all(axis=1)] = np.nan
        self._words[self._slots] = waits

    def _adapt(self, forecasts: Float32, are_open: list[bool]) -> None:
        """Adapt forecasts (step,) in place, of which some are to be: between the knots by what lies between."""
        numbers, places, learning = self._numbers, self._places, self._learning
        trusts, clipped, correcting, shift = self._trusts, self._clipped, numbers["correcting"], self._shift
        persistence = [-is_open for is_open in are_open]  # by which the network's forecast is drawn back to the sample
        self._are_open[:] = are_open * (self._layout.experts - 2) + persistence
        learning.shares.take(places.trusts, 0, trusts, "clip")
        multiply(trusts, self._are_open, trusts)
        dot(self._weights_by_knot, numbers["alike"], self._alike)
        learning.weights.take(places.weights, 0, self._weights, "clip")
        dot(self._known, self._line, self._between)
        if self._layout.season:
            subtract(numbers["seasonal"], numbers["own"], numbers["seasonal"])
        minimum(numbers["ahead"], _MOST, out=clipped)
        maximum(clipped, _SMALLEST, out=clipped)
        multiply(self._weighing, clipped, self._weighing)
        dot(self._one_each_part, self._correction, correcting)
        minimum(correcting, _MOST, out=correcting)
        maximum(correcting, _SMALLEST, out=correcting)
        multiply(self._flat_influence, numbers["influences"], self._flat_influence)
        dot(self._one_each_part, self._influence, shift)
        multiply(shift, self._scales, shift)
        add(shift, forecasts, shift)
        if are_finite(shift):
            forecasts[...] = shift
        else:
            np.copyto(forecasts, shift, where=np.isfinite(shift))

    def _move_on(self) -> None:
        """Have the next places be where the next sample is taken."""
        row, at = self._row, self._at
        add(self._slots, self._further, self._slots)
        for number, steps in self._turning:
            place = at[number] + 1
            if place == steps:
                place = 0
                self._slots_by_knot[number] -= steps * len(self._layout.waits)
            at[number] = row[number] = place
        self._place = (self._place + 1) % self._layout.kept
        row[len(at)] = self._place
