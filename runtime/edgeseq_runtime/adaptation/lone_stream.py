"""One stream of one target, several steps ahead: what `adaptation` does for rows, in few calls of NumPy.

For so few numbers a call takes the same time whatever it does, and several times that where shapes are to be broadcast.
So all knots stand in one row, of which indices take what a call needs (`lone_places.py`), and the stream's own words
are changed where they lie.
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

_NEXT = np.array(1)

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
        values, words = layout.of_target["values"], len(layout.waits)
        self._begin = layout.head + values.offset
        self._values = row[self._begin : self._begin + layout.kept]
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
        """For how many further samples numbers may overflow."""
        self._find_waiting()
        self._find_telling()
        self._find_between()

    def _find_waiting(self) -> None:
        """Have arrays for what is compared with a truth."""
        words, knots = len(self._slots), len(self._layout.knots)
        waited = np.zeros(words + knots + 2, np.float32)
        waited[-1] = 1
        self._take_waited, self._waited = waited.take, waited[:words]
        self._made_at, self._came = waited[: words : len(self._layout.waits)], waited[words : words + knots]
        self._truth, self._less_off = np.zeros((), np.float32), np.zeros_like(self._learning.off)

    def _find_telling(self) -> None:
        """Have arrays for what is said at the knots."""
        layout, places, knots = self._layout, self._places, self._places.knots
        self._told = told = np.zeros(places.told_size, np.float32)
        told[places.told["one"][0]] = 1
        self._told_words: Any = memoryview(told.data)
        self._own, self._corrected, self._said = (
            told[places.told[name][0] :][:knots] for name in ("own", "corrected", "said")
        )
        self._base = places.told["base"][0]
        size = knots * (2 if layout.season else 1)
        self._ahead = told[:size]
        self._raw = np.zeros(size + 1, np.float32)
        self._raw_own, self._raw_before, _ = np.split(self._raw, [knots, size])
        self._raw_ahead, self._sample = self._raw[:size], self._raw[size:].reshape(())
        self._steps = np.array(layout.knots) - 1
        self._since = np.array(layout.since, np.int64)
        self._since_knots = self._since[self._steps] if layout.season else self._since
        self._before = np.zeros(len(self._since_knots), np.int64)
        """Of the values, counted on and on: those that are the seasonal naive forecasts."""
        self._seen, self._less = np.zeros((2, knots * layout.features), np.float32)
        self._seen_by_knot, self._one_of_features = self._seen.reshape(knots, -1), np.ones(layout.features, np.float32)
        self._weighed = np.zeros(knots * layout.experts, np.float32)
        self._weighed_by_knot, self._one_each = self._weighed.reshape(knots, -1), np.ones(layout.experts, np.float32)
        self._waits = np.zeros(knots * len(layout.waits), np.float32)

    def _find_between(self) -> None:
        """Have arrays for the steps between the knots."""
        layout, knots = self._layout, len(self._layout.knots)
        self._known = np.zeros(self._places.known_size, np.float32)
        self._trusts, self._alike, self._weights = np.split(
            self._known, [knots * layout.experts, knots * (layout.experts + 1)]
        )
        self._weights_by_knot = self._learning.weights.reshape(knots, -1)
        self._are_open = np.zeros(knots, np.float32)
        self._between = np.ascontiguousarray(layout.between.T)
        self._of_steps, self._product = np.zeros((2, 1 + bool(layout.season), layout.horizon), np.float32)
        self._clips = np.full_like(self._of_steps, correction.CLIP)
        self._no_clips = -self._clips

    def bind(self, scales: Float32, change: float) -> None:
        """Look at the row anew; `scales` (step,) and `change` are in the stream's own size."""
        layout = self._layout
        *self._at, self._place = (int(place) for place in self._row[: len(layout.knots) + 1].tolist())
        words = len(layout.waits)
        self._slots[:] = self._first_slots + np.repeat(self._at, words) * words
        self._before[:] = self._place - self._since_knots
        self._scales, self._change = scales, change
        self._scales_at_knots = scales[self._steps]
        self._scales_ahead = np.tile(scales[self._steps], 2 if layout.season else 1)
        self._calm = min(_CALM * float(scales.min()), math.sqrt(_LARGEST)) ** 2
        self._wary = layout.horizon + 1
        last = [self._row[self._begin + (self._place - 1 - back) % layout.kept] for back in range(CHANGES + 1)]
        self._last = last[0]
        self._changes = [self._change_between(*pair) for pair in pairwise(last)]
        self._learning.look_up()

    def _change_between(self, now: float, before: float) -> float:
        change = (now - before) / self._change
        return max(-_CLIP, min(_CLIP, change)) if math.isfinite(change) else 0.0

    def update(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `Adaptation.update` does; `forecasts` (step,) are changed in place."""
        self._look_ahead(sample, forecasts)
        if not are_within(self._raw, self._calm) or truth * truth > self._calm:
            self._wary = self._layout.horizon + 1
        if not self._wary:
            return self._update(truth, forecasts, is_warm=is_warm)
        self._wary -= 1
        with np.errstate(all="ignore"):
            return self._update(truth, forecasts, is_warm=is_warm)

    def _update(self, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        if truth == truth:  # noqa: PLR0124 - NaN is not itself
            self._learn(truth)
        self._say(is_warm=is_warm)
        knots = len(self._at)
        sums = self._learning.gate.tolist()
        are_open = [gain < -_MARGIN * worst for gain, worst in zip(sums, sums[knots:], strict=False)]
        changed = is_warm and True in are_open
        if changed and not self._wary and are_within(forecasts, self._calm):
            self._adapt(forecasts, are_open)
        elif changed:
            with np.errstate(all="ignore"):
                self._adapt(forecasts, are_open)
        self._move_on()
        return changed

    def _learn(self, truth: float) -> None:
        """Compare with a truth what waits for it."""
        places, off, less, came = self._places, self._learning.off, self._less_off, self._came
        self._words.take(self._slots, 0, self._waited, "clip")
        self._truth.fill(truth)
        subtract(self._truth, self._made_at, came)
        divide(came, self._scales_at_knots, came)
        self._take_waited(places.before, 0, off, "clip")
        self._take_waited(places.before_from, 0, less, "clip")
        subtract(off, less, off)
        self._learning.learn()

    def _look_ahead(self, sample: float, forecasts: Float32) -> None:
        """Keep a sample, and look at what is forecast at the knots."""
        self._row[self._begin + self._place] = sample
        self._sample[()] = sample
        sample = self._row[self._begin + self._place]
        forecasts.take(self._steps, 0, self._raw_own, "clip")
        if self._layout.season:
            self._values.take(self._before, 0, self._raw_before, "wrap")
        changes = self._changes
        changes[:] = [self._change_between(sample, self._last), *changes[:-1]]
        self._last = sample

    def _say(self, *, is_warm: bool) -> None:
        """Let what is said at the knots wait."""
        told, ahead, places, seen, less = self._told, self._ahead, self._places, self._seen, self._less
        subtract(self._raw_ahead, self._sample, ahead)
        divide(ahead, self._scales_ahead, ahead)
        if self._wary and self._layout.season:
            own, seasonal = np.split(ahead, 2)
            np.copyto(seasonal, own, where=~np.isfinite(seasonal))
        words = self._told_words
        words[self._base] = self._last
        words[self._base + 1], words[self._base + 2], words[self._base + 3] = self._changes
        told.take(places.seen, 0, seen, "clip")
        told.take(places.seen_from, 0, less, "clip")
        subtract(seen, less, seen)
        minimum(seen, _MOST, out=seen)
        maximum(seen, _SMALLEST, out=seen)
        multiply(seen, self._learning.weights, seen)
        corrected, said, weighed = self._corrected, self._said, self._weighed
        dot(self._seen_by_knot, self._one_of_features, corrected)
        minimum(corrected, _MOST, out=corrected)
        maximum(corrected, _SMALLEST, out=corrected)
        add(corrected, self._own, corrected)
        told.take(places.experts, 0, weighed, "clip")
        multiply(weighed, self._learning.shares, weighed)
        dot(self._weighed_by_knot, self._one_each, said)
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
        places, learning = self._places, self._learning
        self._are_open[:] = are_open
        self._are_open.take(self._learning.knot_of_expert, 0, self._trusts, "clip")
        multiply(self._trusts, learning.shares, self._trusts)
        dot(self._weights_by_knot, self._told.take(places.alike), self._alike)
        self._weights[:] = learning.weights
        between = dot(self._known.take(places.at_knots), self._between)
        steps, product = self._of_steps, self._product
        own = subtract(forecasts, self._sample, steps[0])
        divide(own, self._scales, own)
        if self._layout.season:
            off = subtract(self._values.take(self._place - self._since, mode="wrap"), self._sample, steps[1])
            divide(off, self._scales, off)
            subtract(off, own, off)
            if not are_finite(off):
                off[~np.isfinite(off)] = 0
        alike = 1 + len(steps)
        multiply(between[1:alike], steps, product)
        shift = subtract(product[1], product[0]) if self._layout.season else np.negative(product[0])
        minimum(steps, self._clips, out=steps)
        maximum(steps, self._no_clips, out=steps)
        multiply(between[alike + 1 :], steps, product)
        correcting = between[alike]
        for part in product:
            add(correcting, part, correcting)
        minimum(correcting, _MOST, out=correcting)
        maximum(correcting, _SMALLEST, out=correcting)
        multiply(correcting, between[0], correcting)
        add(shift, correcting, shift)
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
        add(self._before, _NEXT, self._before)
        for number, steps in self._turning:
            place = at[number] + 1
            if place == steps:
                place = 0
                self._slots_by_knot[number] -= steps * len(self._layout.waits)
            at[number] = row[number] = place
        self._place = (self._place + 1) % self._layout.kept
        row[len(at)] = self._place
