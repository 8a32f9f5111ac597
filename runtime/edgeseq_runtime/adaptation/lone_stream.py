"""One stream of one target, in a tenth of the time: what `adaptation` does for rows, without a call too many.

A call of NumPy takes longer than what it computes for a few knots. So everything here is a flat array of one length that
was made before, the row's own words are changed where they lie, and what is to be broadcast is taken by numbers that
were found before. Whatever is unusual, of a forecast that waits or of a sample, is left to `adaptation`.
"""

import math

import numpy as np

from edgeseq_runtime.adaptation import correction, experts
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.arrays import Float32

MEMORY = np.float32(0.999)
"""Weight in the gate's sums of a squared error after each further one."""

WORST = np.float32(64.0)
"""The largest squared error, in squared typical changes, that the gate counts."""

MARGIN = np.float32(2.0)
"""The gate opens where the network has lost more than so many of its largest squared errors."""

MOST_TAUGHT = 2.0**24
"""Where float32 stops counting."""

_BEGUN = 1e-15
"""What every expert has lost once where rates are to be made without a thought of nothing having come."""

_ROOM = 0.99 * float(correction.MOST * correction.UNSURE)
"""Of a covariance's mean diagonal: below it, its limit need not be looked at."""

_CLIP = float(correction.CLIP)


class LoneStream:
    """The row of a stream, and what is needed to change it. `bind` comes first, and after any change by others."""

    is_known = False
    """Whether all samples are known that are kept."""

    def __init__(self, layout: Layout, row: Float32) -> None:
        self._layout = layout
        views = {name: view[0] for name, view in layout.views(row.reshape(1, -1)).items()}
        self._places, self._taught = views["places"], memoryview(views["taught"].data)
        parts = {name: views[name][0] for name in layout.of_target}
        self._values, self._waiting = parts["values"], parts["waiting"]
        self._kept = memoryview(self._values.data)
        self._weights, self._covariance = parts["weights"], parts["covariance"]
        self._flat_covariance, self._flat_weights = self._covariance.reshape(-1), self._weights.reshape(-1)
        self._regret, self._variance, self._range = (
            parts[name].reshape(-1) for name in ("regret", "variance", "range")
        )
        begin = layout.head + layout.of_target["gain"].offset
        self._gate = row[begin : begin + 2 * len(layout.knots)]
        self._gain, self._worst = parts["gain"], parts["worst"]
        self._begin_constants()
        self._begin_scratch()

    def _begin_constants(self) -> None:
        layout = self._layout
        knots, features, weighed, words = len(layout.knots), layout.features, layout.experts, len(layout.waits)
        lanes = np.arange(knots)[:, None]
        first = np.concatenate([[0], np.cumsum(layout.knots)[:-1]])
        self._first, self._steps = first, np.array(layout.knots) - 1
        self._next = np.concatenate(
            [start + (np.arange(size) + 1) % size for start, size in zip(first, layout.knots, strict=True)]
        )
        self._since = np.array(layout.since, np.int64)
        self._since_knots = self._since[self._steps] if layout.season else None
        # Where the words of slots stand, of which there are `knots` in a row and a zero and a one behind them.
        word = {name: number for number, name in enumerate(layout.waits)}
        zero, one = knots * words, knots * words + 1
        last = ["seasonal"] if layout.season else []
        forecasts = [lanes * words + word[name] for name in ("own", "corrected", *last)]
        self._at_experts = np.concatenate([*forecasts[:2], np.full((knots, 1), zero), *forecasts[2:]], axis=1).reshape(
            -1
        )
        seen = [lanes * words + word[name] for name in ("own", *last, *layout.waits[-CHANGES:])]
        self._at_features = np.concatenate([np.full((knots, 1), one), *seen], axis=1).reshape(-1)
        self._at_said = np.repeat(lanes * words + word["said"], weighed)
        self._lane_of_expert, self._lane_of_feature = np.repeat(lanes, weighed), np.repeat(lanes, features)
        square = np.arange(knots * features).reshape(knots, features)
        self._line = np.repeat(square, features, axis=1).reshape(-1)
        self._column = np.repeat(square, features, axis=0).reshape(-1)
        lines = np.arange(knots * features)
        self._diagonals = lines * features + lines % features
        self._log_prior = np.tile(np.log(np.array(layout.prior, np.float32)), knots)
        self._patience = experts.RATE**2 * np.maximum(-self._log_prior, experts.PATIENCE)
        self._quarter = np.full(knots * weighed, experts.RATE / 2, np.float32)
        self._one_each = np.ones(knots * weighed, np.float32)
        self._far = np.full(knots * weighed, experts.FAR, np.float32)
        self._clip, self._clips = (np.full(size, correction.CLIP, np.float32) for size in (knots, knots * features))
        self._minus_far, self._minus_clip, self._minus_clips = -self._far, -self._clip, -self._clips
        self._twice = np.full(knots, -2, np.float32)
        self._most, self._fading = np.full((2, knots), WORST, np.float32), np.full(2 * knots, MEMORY, np.float32)
        self._forgetting = np.full(knots, correction.FORGETTING, np.float32)
        self._kept_on = np.full(knots * features**2, 1 / correction.FORGETTING, np.float32)
        self._between = np.ascontiguousarray(layout.between.T)
        self._sum_features, self._sum_experts = np.ones(features, np.float32), np.ones(weighed, np.float32)

    def _begin_scratch(self) -> None:
        layout = self._layout
        knots, features, weighed, words = len(layout.knots), layout.features, layout.experts, len(layout.waits)
        self._slot_words = np.zeros(knots * words + 2, np.float32)
        self._slot_words[-1] = 1
        self._flat_slots = self._slot_words[:-2]
        self._slots = self._flat_slots.reshape(knots, words)
        slots = self._slots
        self._base, self._own, self._corrected, self._said = (
            slots[:, layout.waits.index(name)] for name in ("base", "own", "corrected", "said")
        )
        self._own_and_seasonal = slots.T[1 : 3 if layout.season else 2]
        self._last_changes = slots[:, -CHANGES:]
        self._sample = np.zeros((), np.float32)
        self._write_sample = memoryview(self._sample.reshape(1).data)
        self._came, self._off, self._error = (np.zeros(knots, np.float32) for _ in range(3))
        self._missed, self._lost = np.zeros((2, knots), np.float32), np.zeros((2, knots), np.float32)
        (self._own_missed, self._said_missed), (self._own_lost, self._said_lost) = self._missed, self._lost
        self._forecasts, self._loss, self._rate, self._spare = (np.zeros(knots * weighed, np.float32) for _ in range(4))
        self._forecasts_by_knot = self._forecasts.reshape(knots, weighed)
        self.shares = np.zeros((knots, weighed), np.float32)
        """The experts' weights, after `learn`."""
        self._flat_shares = self.shares.reshape(-1)
        self._columns = [self.shares[:, number] for number in range(weighed)]
        self._most_score = np.zeros(knots, np.float32)
        self._seen = np.zeros((knots, features), np.float32)
        self._flat_seen = self._seen.reshape(-1)
        self._seen_own, self._seen_seasonal = self._seen[:, 1], self._seen[:, 2]
        self._tall_seen = self._seen[:, :, None]
        self._direction = np.zeros((knots, features), np.float32)
        self._flat_direction = self._direction.reshape(-1)
        self._tall_direction = self._direction[:, :, None]
        self._products = np.zeros((2, knots, features), np.float32)
        self._sums = np.zeros((2, knots), np.float32)
        self._products_of_weights, self._products_of_direction = self._products
        self._corrected_by, self._spread = self._sums
        self._spread_out = np.zeros(knots * features, np.float32)
        self._diagonals_by_knot = self._spread_out.reshape(knots, features)
        self._outer, self._other = (np.zeros(knots * features**2, np.float32) for _ in range(2))
        self._now = np.zeros((2, knots), np.float32)  # the network's forecasts and the seasonal naive ones
        self._here = self._now[: 2 if layout.season else 1]
        self._now_own, self._now_seasonal = self._now
        self._changes = np.zeros(CHANGES, np.float32)
        self._write_changes = memoryview(self._changes.data)
        self._back = np.zeros(knots, np.int64)
        self._at_knots = np.zeros((weighed + 2, knots), np.float32)
        self._ahead = np.zeros((2, layout.horizon), np.float32)

    def bind(self, scales: Float32, change: float) -> None:
        """Look at the row anew; `scales` (step,) and `change` are in the stream's own size."""
        layout = self._layout
        places = self._places.astype(np.int64)
        self._at, self._place = self._first + places[:-1], int(places[-1])
        self._scales, self._change = scales, change
        at_knots = scales[self._steps]
        self._inverse = np.float32(1) / at_knots
        self._inverses = np.stack([self._inverse] * len(self._here))
        self._has_begun = False
        self.is_known = False
        self._look()
        order = (self._place - 1 - np.arange(CHANGES + 1)) % layout.kept
        last = self._values[order].tolist()
        for number in range(CHANGES):
            self._write_changes[number] = self._change_between(last[number], last[number + 1])
        self.mistrust()

    def mistrust(self) -> None:
        """Have the covariances been changed otherwise than by `learn`."""
        self._diagonal = float(np.trace(self._covariance, axis1=1, axis2=2).max()) / self._layout.features

    def _look(self) -> None:
        self._has_begun = self._has_begun or bool((self._range > _BEGUN).all())
        self.is_known = self.is_known or bool(np.isfinite(self._values).all())

    @property
    def places(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """The places of each knot's ring and of the samples'."""
        return np.append(self._at - self._first, self._place)

    def _change_between(self, now: float, before: float) -> float:
        change = (now - before) / self._change
        return max(-_CLIP, min(_CLIP, change)) if change - change == 0 else 0.0

    def learn(self, truth: float) -> bool:
        """Learn from a truth, NaN where it is not known, and find `shares`; False where that is not for here."""
        if not self._has_begun:
            self._look()
            if not self._has_begun:
                return False
        if truth != truth:
            self._rates()
            self._weigh()
            return True
        slots = self._slots
        self._waiting.take(self._at, 0, slots, "clip")
        if not math.isfinite(np.vdot(self._flat_slots, self._flat_slots)):
            return False
        came, missed, lost, off = self._came, self._missed, self._lost, self._off
        self._write_sample[0] = truth
        np.subtract(self._sample, self._base, came)
        np.multiply(came, self._inverse, came)
        np.subtract(came, self._own, self._own_missed)
        np.subtract(came, self._said, self._said_missed)
        # The gate
        np.multiply(missed, missed, lost)
        np.minimum(lost, self._most, out=lost)
        np.multiply(self._gate, self._fading, self._gate)
        np.add(self._gain, self._said_lost, self._gain)
        np.subtract(self._gain, self._own_lost, self._gain)
        np.maximum(self._worst, self._own_lost, out=self._worst)
        # Experts
        np.minimum(self._said_missed, self._clip, out=off)
        np.maximum(off, self._minus_clip, out=off)
        np.multiply(off, self._twice, off)
        self._lose()
        self._weigh()
        if self._taught[0] < MOST_TAUGHT:
            self._taught[0] += 1
        self._correct()
        return True

    def _lose(self) -> None:
        """Let experts lose, by what was missed, `_off`."""
        loss, spare, forecasts = self._loss, self._spare, self._forecasts
        words = self._slot_words
        words.take(self._at_experts, None, forecasts, "clip")
        words.take(self._at_said, None, spare, "clip")
        np.subtract(forecasts, spare, loss)
        np.minimum(loss, self._far, out=loss)
        np.maximum(loss, self._minus_far, out=loss)
        self._off.take(self._lane_of_expert, None, spare, "clip")
        np.multiply(loss, spare, loss)
        np.absolute(loss, spare)
        np.maximum(self._range, spare, out=self._range)
        np.multiply(loss, loss, spare)
        np.add(self._variance, spare, self._variance)
        self._rates()
        np.multiply(self._rate, loss, spare)
        np.add(spare, self._one_each, spare)
        np.multiply(spare, loss, spare)
        np.add(self._regret, spare, self._regret)

    def _rates(self) -> None:
        rate, spare = self._rate, self._spare
        np.divide(self._patience, self._variance, rate)
        np.sqrt(rate, rate)
        np.divide(self._quarter, self._range, spare)
        np.minimum(rate, spare, out=rate)

    def _weigh(self) -> None:
        """Find `shares`, of rates and regrets."""
        shares, rate, spare, most = self._flat_shares, self._rate, self._spare, self._most_score
        np.multiply(rate, self._regret, shares)
        np.subtract(self._log_prior, shares, shares)
        columns = self._columns
        np.maximum(columns[0], columns[1], out=most)
        for column in columns[2:]:
            np.maximum(most, column, out=most)
        most.take(self._lane_of_expert, None, spare, "clip")
        np.subtract(shares, spare, shares)
        np.exp(shares, shares)
        np.multiply(shares, rate, shares)
        np.dot(self.shares, self._sum_experts, most)
        most.take(self._lane_of_expert, None, spare, "clip")
        np.divide(shares, spare, shares)

    def _see(self) -> None:
        """Find what the correction sees of the slots."""
        seen = self._flat_seen
        self._slot_words.take(self._at_features, None, seen, "clip")
        if self._layout.season:
            np.subtract(self._seen_seasonal, self._seen_own, self._seen_seasonal)
        np.minimum(seen, self._clips, out=seen)
        np.maximum(seen, self._minus_clips, out=seen)

    def _correct(self) -> None:
        """Learn what the correction was off by."""
        self._see()
        error, spread, direction, other = self._error, self._spread, self._flat_direction, self._spread_out
        np.matmul(self._covariance, self._tall_seen, self._tall_direction)
        np.multiply(self._weights, self._seen, self._products_of_weights)
        np.multiply(self._direction, self._seen, self._products_of_direction)
        np.dot(self._products, self._sum_features, self._sums)
        np.minimum(self._own_missed, self._clip, out=error)
        np.maximum(error, self._minus_clip, out=error)
        if min(spread.tolist()) < 0:
            weights, covariance = correction.learn(
                self._weights.T, np.moveaxis(self._covariance, 0, -1), self._seen.T, error
            )
            self._weights[...], self._covariance[...] = weights.T, np.moveaxis(covariance, -1, 0)
            self.mistrust()
            return
        np.subtract(error, self._corrected_by, error)
        np.add(spread, self._forgetting, spread)
        np.divide(error, spread, error)
        error.take(self._lane_of_feature, None, other, "clip")
        np.multiply(other, direction, other)
        flat = self._flat_weights
        np.add(flat, other, flat)
        np.sqrt(spread, spread)
        spread.take(self._lane_of_feature, None, other, "clip")
        np.divide(direction, other, direction)
        covariance, outer = self._flat_covariance, self._outer
        direction.take(self._line, None, outer, "clip")
        direction.take(self._column, None, self._other, "clip")
        np.multiply(outer, self._other, outer)
        np.subtract(covariance, outer, covariance)
        self._let_grow()

    def _let_grow(self) -> None:
        """Forget: covariances grow, up to their limit, of which nothing need be known while they are far from it."""
        covariance, grown = self._flat_covariance, self._diagonal / float(correction.FORGETTING)
        if grown < _ROOM:
            np.multiply(covariance, self._kept_on, covariance)
            self._diagonal = grown
        else:
            self._flat_covariance.take(self._diagonals, None, self._spread_out, "clip")
            np.dot(self._diagonals_by_knot, self._sum_features, self._spread)
            self._diagonal = max(self._spread.tolist()) / (self._layout.features * float(correction.FORGETTING))
            if self._diagonal < _ROOM:
                np.multiply(covariance, self._kept_on, covariance)
            else:
                correction.let_grow(np.moveaxis(self._covariance, 0, -1))

    def take(self, sample: float) -> None:
        """Keep a sample."""
        before = self._kept[self._place - 1]
        self._kept[self._place] = sample
        changes = self._write_changes
        changes[2], changes[1] = changes[1], changes[0]
        changes[0] = self._change_between(self._kept[self._place], before)
        self._write_sample[0] = sample
        if not self.is_known:
            self._look()

    def move_on(self) -> None:
        """Have the next places be where the next sample is taken."""
        self._next.take(self._at, None, self._back, "clip")
        self._at, self._back = self._back, self._at
        self._place = (self._place + 1) % self._layout.kept
        np.subtract(self._at, self._first, self._places[:-1])
        self._places[-1] = self._place

    def forecast(self, forecasts: Float32, shares: Float32) -> bool | None:
        """Let what is said at the knots wait, and adapt forecasts (step,) in place, as the experts' `shares` have it.

        Return whether they have changed; None where that is not for here. The sample was taken before.
        """
        slots, sample = self._slots, self._sample
        if not math.isfinite(np.vdot(forecasts, forecasts)):
            return None
        forecasts.take(self._steps, None, self._now_own, "clip")
        if self._since_knots is not None:
            np.subtract(self._place, self._since_knots, self._back)
            self._values.take(self._back, None, self._now_seasonal, "wrap")
        here = self._here
        np.subtract(here, sample, here)
        np.multiply(here, self._inverses, here)
        self._base[...] = sample
        self._own_and_seasonal[...] = here
        self._last_changes[...] = self._changes
        self._see()
        np.multiply(self._weights, self._seen, self._direction)
        correcting = self._error
        np.dot(self._direction, self._sum_features, correcting)
        np.minimum(correcting, self._clip, out=correcting)
        np.maximum(correcting, self._minus_clip, out=correcting)
        np.add(correcting, self._now_own, self._corrected)
        weighed = self._forecasts
        self._slot_words.take(self._at_experts, None, weighed, "clip")
        np.multiply(weighed, shares.reshape(-1), weighed)
        np.dot(self._forecasts_by_knot, self._sum_experts, self._came)
        self._said[...] = self._came
        if not math.isfinite(np.vdot(self._flat_slots, self._flat_slots)):
            return None
        self._waiting[self._at] = slots
        gate, knots = self._gate.tolist(), len(self._at)
        margin = -float(MARGIN)
        if not any(gain < margin * worst for gain, worst in zip(gate[:knots], gate[knots:], strict=True)):
            return False
        return self._adapt(forecasts, shares)

    def _adapt(self, forecasts: Float32, shares: Float32) -> bool:
        """Adapt forecasts (step,) in place, of which some are to be."""
        shares = shares * (self._gain < -MARGIN * self._worst)[:, None]
        if len(forecasts) == len(shares):  # there is nothing between the knots
            shift = shares.sum(axis=1) * (self._came - self._now[0])
        else:
            shift = self._shift(forecasts, shares)
        adapted = shift * self._scales + forecasts
        if math.isfinite(np.vdot(adapted, adapted)):
            forecasts[...] = adapted
        else:
            np.copyto(forecasts, adapted, where=np.isfinite(adapted))
        return True

    def _shift(self, forecasts: Float32, shares: Float32) -> Float32:
        """Return what `Adaptation._shift` does, (step,)."""
        weights, known = self._weights, self._at_knots
        seasonal = self._layout.season > 0
        known[0 : len(shares[0]) - 1] = shares.T[1:]
        known[-3] = np.dot(weights[:, -CHANGES:], self._changes) + weights[:, 0]
        known[-2] = weights[:, 1]
        known[-1] = weights[:, 2] if seasonal else 0
        between = np.dot(known, self._between)
        own, off = self._ahead
        np.divide(forecasts - self._sample, self._scales, own)
        if seasonal:
            before = self._values.take(self._place - self._since, None, None, "wrap")
            np.subtract((before - self._sample) / self._scales, own, off)
        seen = np.minimum(np.maximum(self._ahead, -self._clip[0]), self._clip[0]) * between[-2:]
        correcting = np.minimum(np.maximum(seen[0] + seen[1] + between[-3], -self._clip[0]), self._clip[0])
        shift = between[0] * correcting - between[1] * own
        return shift + between[2] * off if seasonal else shift
