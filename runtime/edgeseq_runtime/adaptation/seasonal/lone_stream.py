"""The only stream of a model for any sensor: what `Learning` does for rows, in few calls of NumPy.

For so few numbers a call takes the same time whatever it does, and several times that where shapes are to be broadcast.
So all numbers of a sample stand in one row, of which indices take what a call needs. What a forecast was made of is
kept until its truth has come, so that nothing is computed twice: see `lone_past.py`.
"""

from typing import Any

import numpy as np
from numpy import add, arcsinh, divide, dot, maximum, minimum, multiply, remainder, subtract

from edgeseq_runtime.adaptation import gate
from edgeseq_runtime.adaptation.lone_learning import Learned, LoneLearning
from edgeseq_runtime.adaptation.seasonal import blend
from edgeseq_runtime.adaptation.seasonal.layout import BLENDED, PRIOR, VALUES, WAITS, Layout
from edgeseq_runtime.adaptation.seasonal.lone_past import LonePast
from edgeseq_runtime.adaptation.seasonal.lone_places import LonePlaces
from edgeseq_runtime.adaptation.seasonal.lone_recent import LoneRecent
from edgeseq_runtime.adaptation.seasonal.lone_season import LoneSeason
from edgeseq_runtime.arrays import Float32, are_finite, are_within

# NumPy takes an array without axes in half the time of a number.
_MOST, _SMALLEST = np.array(blend.CLIP), np.array(-blend.CLIP)

_MARGIN = float(gate.MARGIN)

_CALM, _LARGE, _LEAST = 1e12, 1e18, 1e-20
"""In scales, as they are, and of a scale: while samples are no larger, and scales no smaller, nothing overflows."""


class LoneStream:
    """The row of a stream; `look_up` follows any change by others."""

    def __init__(self, layout: Layout, growth: Float32, row: Float32) -> None:
        self._layout, self._words = layout, row
        self._row: Any = memoryview(row.data)  # of which single numbers are read sooner than of an array
        self._places = places = LonePlaces(layout, growth)
        self._views = {name: row[part.offset : part.offset + part.size] for name, part in layout.parts.items()}
        parts, knots = layout.parts, len(layout.knots)
        begin, taught = parts["weights"].offset, parts["taught"].offset
        kind = Learned(knots, BLENDED, PRIOR, blend.CLIP, blend.UNSURE, taught, begin, extra=1)
        self._learning, self._recent = LoneLearning(kind, row), LoneRecent(layout, row)
        self._search, self._past = LoneSeason(layout, row), LonePast(layout, places, row)
        self._value_at, self._unit_at = parts["values"].offset, parts["units"].offset
        self._clock = self._season = -1
        self._wary = 0
        """For how many further samples numbers may not be finite, or overflow."""
        self._find_numbers()
        self._find_compared()
        self._find_said()
        self._find_between()

    def look_up(self) -> None:
        """Look at the row anew before the next sample."""
        self._clock = -1

    # Where all lies

    def _find_numbers(self) -> None:
        """Have the row of a sample's numbers."""
        places = self._places
        self._now = now = np.zeros(places.size, np.float32)
        self._now_words: Any = memoryview(now.data)
        self._of_steps, self._made = now[: places.at["own_at"].start], now[places.at["zero"].start :]
        self._at = {name: now[where] for name, where in places.at.items()}
        self._record = now[places.at["one"].start :]
        self._truth, self._unit = (np.zeros((), np.float32) for _ in range(2))
        self._place, self._turn = np.zeros((), np.int64), np.zeros((), np.int64)
        self._values = np.zeros(2 * places.steps, np.float32)

    def _find_compared(self) -> None:
        """Have arrays for what is compared with a truth."""
        learning, knots = self._learning, len(self._layout.knots)
        count = len(learning.off)
        self._waited = np.zeros(2 * count + 3 * knots, np.float32)
        self._before, self._before_from, self._scales_then = np.split(self._waited, [count, 2 * count])
        self._came = self._before_from[: 3 * knots]

    def _find_said(self) -> None:
        """Have arrays for what is said at the knots."""
        learning, knots = self._learning, len(self._layout.knots)
        self._both_parts = np.zeros(2 * knots * BLENDED, np.float32)
        self._parts, self._parts_from = np.split(self._both_parts, 2)
        self._parts_by_knot, self._one_of_parts = self._parts.reshape(knots, -1), np.ones(BLENDED, np.float32)
        self._added = np.zeros(2 * knots, np.float32)
        self._blending, self._correcting = np.split(self._added, 2)
        self._weighed = np.zeros_like(learning.shares)
        self._weighed_by_knot, self._one_each = self._weighed.reshape(knots, -1), np.ones(len(PRIOR), np.float32)
        self._waits = np.zeros(knots * len(WAITS), np.float32)
        self._slots = np.zeros(knots * len(WAITS), np.int64)

    def _find_between(self) -> None:
        """Have arrays for the steps between the knots."""
        layout, learning, knots = self._layout, self._learning, len(self._layout.knots)
        self._known = np.zeros((len(PRIOR) - 1 + BLENDED + 1, knots), np.float32)
        trusts, weights, self._correction_at_knots = np.split(
            self._known.reshape(-1), [(len(PRIOR) - 1) * knots, -knots]
        )
        self._trusts, self._weights_at_knots = trusts, weights
        self._are_open = np.zeros_like(trusts)
        self._between = np.zeros((len(self._known), layout.horizon), np.float32)
        self._trusted, self._weighing = self._between[: len(PRIOR) - 1].reshape(-1), self._between[-1 - BLENDED : -1]
        self._flat_weighing = self._weighing.reshape(-1)
        self._influence = np.zeros_like(self._trusted)
        self._influence_by_part = self._influence.reshape(-1, layout.horizon)
        self._one_each_part = np.ones(len(self._influence_by_part), np.float32)
        self._clipped = np.zeros(BLENDED * layout.horizon, np.float32)
        self._clipped_by_part = self._clipped.reshape(BLENDED, -1)
        self._shift = np.zeros(layout.horizon, np.float32)
        self._weights = learning.weights

    def _bind(self) -> None:
        """Look at the row anew."""
        self._clock = int(self._row[0])
        self._wary = self._layout.horizon + 1
        self._learning.look_up()
        self._recent.bind()
        self._search.bind()
        season = int(self._views["season"].item())
        if season != self._season:
            self._look(season)
        self._past.look_back(self._clock)

    def _look(self, season: int) -> None:
        """Have the indices of this season."""
        self._season = season
        places = self._places
        places.look(season)
        self._back = places.back
        self._indices = np.zeros_like(places.back)
        count = len(places.back) // 2
        self._taken = self._values[: 2 * count]
        self._later, self._earlier = np.split(self._taken, 2)
        self._forecast = self._later[places.own_of_taken]
        self._multiples = self._now[places.begin : places.begin + count]
        self._sizes = self._now[places.begin_of_sizes : places.begin_of_sizes + count]
        if not season:
            self._at["naive"].fill(0)
            self._at["change"].fill(0)

    # A sample

    def update(self, sample: float, truth: float, unit: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `SeasonalAdaptation.update` does; `forecasts` (step,) are changed in place."""
        if self._clock < 0:
            self._bind()
        clock = self._clock
        self._row[self._value_at + clock % VALUES] = sample
        season = self._search.update(clock, truth, unit)
        if season != self._season:
            self._look(season)
            self._past.look_back(clock)
        self._look_ahead(clock, forecasts)
        if unit < _LEAST or not are_within(self._taken, min(_CALM * unit, _LARGE) ** 2):
            self._wary = self._layout.horizon + 1
        if not self._wary:
            return self._update(sample, truth, unit, forecasts, is_warm=is_warm)
        self._wary -= 1
        with np.errstate(all="ignore"):
            return self._update(sample, truth, unit, forecasts, is_warm=is_warm)

    def _look_ahead(self, clock: int, forecasts: Float32) -> None:
        """Look at what is forecast, and at the samples that the seasonal forecasts and the correction need."""
        self._place[()] = clock % VALUES
        subtract(self._place, self._back, self._indices)
        self._views["values"].take(self._indices, 0, self._taken, "wrap")
        self._forecast[:] = forecasts

    def _update(self, sample: float, truth: float, unit: float, forecasts: Float32, *, is_warm: bool) -> bool:
        clock = self._clock
        if truth == truth:  # noqa: PLR0124 - NaN is not itself
            self._learn(truth)
        self._row[self._unit_at + clock % self._layout.horizon] = unit
        self._see(sample, unit)
        self._say(clock, is_warm=is_warm)
        self._row[0] = self._clock = (clock + 1) % self._layout.turns
        are_open = self._find_open() if is_warm else []
        if True not in are_open:
            return False
        self._adapt(forecasts, are_open)
        return True

    def _learn(self, truth: float) -> None:
        """Compare with a truth what waits for it."""
        learning, recent = self._learning, self._recent
        self._truth[()] = truth
        self._past.take(self._places.compared, self._waited)
        came = self._came
        subtract(self._truth, came, came)
        divide(came, self._scales_then, came)
        subtract(self._before, self._before_from, learning.off)
        known = learning.learn()
        if known is None or True in known:
            self._past.take(self._places.seen_twice, recent.seen_twice)
            recent.learn(learning.extra, known)

    def _see(self, sample: float, unit: float) -> None:
        """Have what is forecast, and what the correction sees, in multiples of the scale."""
        now, words, at = self._multiples, self._now_words, self._at
        self._unit[()] = unit
        subtract(self._later, self._earlier, now)
        multiply(self._places.per, self._unit, self._sizes)
        divide(now, self._sizes, now)
        words[self._places.last] = words[self._places.last_own]
        words[self._places.base] = sample
        arcsinh(at["changes"], at["changes"])
        seen = at["seen"]
        minimum(seen, _MOST, out=seen)
        maximum(seen, _SMALLEST, out=seen)
        if self._wary:
            seen[np.isnan(seen)] = 0
            if self._season:
                known = np.isfinite(at["naive"])
                np.copyto(at["change"], at["own"], where=~(known & np.isfinite(at["change"])))
                np.copyto(at["naive"], at["own"], where=~known)
        words[self._places.one] = 1

    def _say(self, clock: int, *, is_warm: bool) -> None:
        """Let what is said at the knots wait for its truth."""
        places, made, at, added = self._places, self._made, self._at, self._added
        self._of_steps.take(places.at_knots, 0, at["at_knots"], "clip")
        made.take(places.parts, 0, self._both_parts, "clip")
        parts = self._parts
        subtract(parts, self._parts_from, parts)
        minimum(parts, _MOST, out=parts)
        maximum(parts, _SMALLEST, out=parts)
        multiply(parts, self._weights, parts)
        dot(self._parts_by_knot, self._one_of_parts, self._blending)
        self._recent.correct(at["seen"], self._correcting)
        minimum(added, _MOST, out=added)
        maximum(added, _SMALLEST, out=added)
        add(at["own_at"], self._blending, at["blended_at"])
        add(at["blended_at"], self._correcting, at["corrected_at"])
        weighed = self._weighed
        made.take(places.experts, 0, weighed, "clip")
        multiply(weighed, self._learning.shares, weighed)
        dot(self._weighed_by_knot, self._one_each, at["said_at"])
        waits = self._waits
        made.take(places.waits, 0, waits, "clip")
        if self._wary or not is_warm:
            self._leave_out(is_warm=is_warm)
        self._turn[()] = clock * len(WAITS)
        remainder(self._turn, places.ring, self._slots)
        add(self._slots, places.first_slot, self._slots)
        self._words[self._slots] = waits
        self._past.add(self._record)

    def _leave_out(self, *, is_warm: bool) -> None:
        """Have nothing wait at the knots where it does not count, or is not finite."""
        by_knot = self._waits.reshape(-1, len(WAITS))
        by_knot[~(np.isfinite(by_knot).all(axis=1) & is_warm)] = np.nan
        for word, name in enumerate(WAITS):
            self._at[f"{name}_at"][:] = by_knot[:, word]
        if np.isnan(by_knot[-1, 0]):
            self._now_words[self._places.last] = 0  # as it will be found in the stream's row

    def _find_open(self) -> list[bool]:
        """Return which gates are open; not where what is said is not finite."""
        sums = self._learning.gate.tolist()
        are_open = [gain < -_MARGIN * worst for gain, worst in zip(sums, sums[len(sums) // 2 :], strict=False)]
        if self._wary:
            finite = np.isfinite(self._at["said_at"]).tolist()
            are_open = [is_open and counts for is_open, counts in zip(are_open, finite, strict=True)]
        return are_open

    def _adapt(self, forecasts: Float32, are_open: list[bool]) -> None:
        """Adapt forecasts (step,) in place: between the knots by what lies between."""
        places, at, learning = self._places, self._at, self._learning
        persistence = [-is_open for is_open in are_open]  # by which the network's forecast is drawn back to the sample
        self._are_open[:] = are_open * (len(PRIOR) - 2) + persistence
        learning.shares.take(places.trusts, 0, self._trusts, "clip")
        multiply(self._trusts, self._are_open, self._trusts)
        self._weights.take(places.weights, 0, self._weights_at_knots, "clip")
        self._correction_at_knots[:] = self._correcting
        dot(self._known, self._layout.between, self._between)
        own, naive, change = at["own"], at["naive"], at["change"]
        if self._season:
            subtract(naive, own, naive)
            subtract(change, own, change)
        clipped = self._clipped
        minimum(at["parts"], _MOST, out=clipped)
        maximum(clipped, _SMALLEST, out=clipped)
        multiply(clipped, self._flat_weighing, clipped)
        blending = at["blending"]
        dot(self._one_of_parts, self._clipped_by_part, blending)
        minimum(blending, _MOST, out=blending)
        maximum(blending, _SMALLEST, out=blending)
        add(blending, self._between[-1], at["both"])
        influence, shift = self._influence, self._shift
        multiply(at["influences"], self._trusted, influence)
        dot(self._one_each_part, self._influence_by_part, shift)
        multiply(shift, at["sizes_of_own"], shift)
        add(shift, forecasts, shift)
        if are_finite(shift):
            forecasts[...] = shift
        else:
            np.copyto(forecasts, shift, where=np.isfinite(shift))
