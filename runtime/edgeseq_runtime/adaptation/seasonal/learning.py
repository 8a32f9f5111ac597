"""What streams of a model for any sensor learn: a sample each, and the forecasts after it.

Three forecasts are made of the network's, each of the one before. The blend adds shares of two seasonal forecasts: the
value a season before (seasonal naive), and the change since then (seasonal change). The correction adds what the last
changes tell about the blend's error. Experts weigh these, persistence and the two seasonal ones by what came.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.adaptation.gate import MARGIN, MOST_TAUGHT
from edgeseq_runtime.adaptation.seasonal import blend, recent, season
from edgeseq_runtime.adaptation.seasonal.blend import clipped
from edgeseq_runtime.adaptation.seasonal.layout import (
    BLEND,
    COARSE,
    CORRECTED,
    FINE,
    OWN,
    PRIOR,
    SAID,
    VALUES,
    WAITS,
    Layout,
)
from edgeseq_runtime.adaptation.seasonal.season import Flags, Whole
from edgeseq_runtime.arrays import Float32, are_finite

_NOW = np.zeros(1, np.int64)
_WORDS = np.arange(len(WAITS))


@dataclass(frozen=True)
class Moment:
    """A sample each of streams."""

    words: Float32
    """The streams' rows, one after the other."""
    begins: Whole
    """(stream, 1): where each begins."""
    views: Mapping[str, Float32]
    """Of the rows, by name; what belongs to each expert or each part of a blend, has these first."""
    clock: Whole
    """(stream, 1): the number of the sample."""
    samples: Float32
    """(stream, 1): as the network saw them."""
    truths: Float32
    """(stream, 1): the same, NaN where they teach nothing."""
    forecasts: Float32
    """(stream, horizon): the network's, which become the adapted ones."""
    warm: Flags
    """(stream,): whether forecasts count."""
    units: Float32
    """(stream, 1): the streams' scales."""


class Learning:
    """Compares what waits with what came, and adapts forecasts: of rows that are laid out as `layout` has it."""

    def __init__(self, layout: Layout, growth: Float32) -> None:
        self._layout = layout
        self._growth = growth
        """(step,): typical changes over so many steps, in multiples of the scale."""
        self._knots = np.array(layout.knots)
        self._first = np.cumsum([0, *layout.knots[:-1]])
        self._steps = np.arange(1, layout.horizon + 1)
        self._ahead = np.array(layout.ahead)
        self._between = layout.between
        self._lags = np.array([*range(FINE + 1), *COARSE])
        self._spans = np.sqrt(np.diff(self._lags)).astype(np.float32)

    def take(self, moment: Moment) -> bool:
        """Learn from a sample and adapt the forecasts after it; return whether any has changed."""
        views, clock = moment.views, moment.clock
        self._put(moment, "values", clock % VALUES, moment.samples)
        self._search(moment)
        found = views["season"].astype(np.int64)
        shares = self._learn(moment, found)
        self._put(moment, "units", clock % self._layout.horizon, moment.units)
        return self._forecast(moment, found, shares)

    # The season

    def _search(self, moment: Moment) -> None:
        """Compare the sample with those before it, and let the best lag challenge the season."""
        views, clock = moment.views, moment.clock
        known = np.isfinite(moment.truths) & (moment.units > 0)
        seen = views["seen"]
        seen += known & (seen < season.OLDEST)
        lags = season.lags_of(clock[:, 0])
        units = np.asarray(np.where(known, moment.units, np.nan), np.float32)
        change = moment.samples - self._value(moment, np.array([season.APART]))
        change_before = self._value(moment, lags) - self._value(moment, lags + season.APART)
        moved = views["moved"]
        moved[...] = season.take_in(moved, change / units, seen - season.APART)
        differences = np.asarray((change - change_before) / units, np.float32)
        season.compare(views["repeats"], lags, differences, seen)
        now = views["season"].astype(np.int64)[:, 0]
        challenged = season.challenge(now, lags, views["repeats"], moved, seen)
        np.copyto(views["season"][:, 0], challenged, where=known[:, 0], casting="unsafe")

    # What came

    def _learn(self, moment: Moment, found: Whole) -> Float32:
        """Compare with truths what waits for them; return the experts' weights after that, (expert, stream, knot)."""
        views, knots = moment.views, self._knots
        waited = self._waiting(moment, self._first + moment.clock % knots)  # (stream, knot, word)
        own, blended, corrected, said = (waited[..., word] for word in (OWN, BLEND, CORRECTED, SAID))
        base, units = self._value(moment, knots), self._unit(moment, knots)
        scales = units * self._growth[knots - 1]
        came = (moment.truths - base) / scales
        known = np.isfinite(came - said)
        regret, variance, largest = (views[name] for name in ("regret", "variance", "range"))
        if not np.count_nonzero(known):
            return experts.weights(PRIOR, experts.rates(PRIOR, variance, largest), regret)
        naive, change = self._seasonal(moment, found, knots, knots, scales, own)
        forecasts = np.stack([own, corrected, blended, np.zeros_like(own), naive, change])
        loss = np.where(known, experts.losses(forecasts, said, came), np.float32(0))
        views["taught"][...] += known.any(axis=1, keepdims=True) & (views["taught"] < MOST_TAUGHT)
        gate.learn(views, known, came, own, said)
        np.maximum(largest, np.abs(loss), out=largest)
        variance += loss * loss
        rate = experts.rates(PRIOR, variance, largest)
        regret += loss * (1 + rate * loss)
        seen = np.where(known, blend.parts(own, naive, change), np.float32(0))
        errors = np.where(known, clipped(came - own), np.float32(0))
        correction.learn(views["weights"], views["covariance"], seen, errors, known, blend.UNSURE)
        last = self._waiting(moment, self._first[-1] + (moment.clock - knots) % knots[-1])[..., OWN]
        seen = self._recent(moment, found, knots, units, last)
        recent.learn(views["recent_weights"], views["recent_covariance"], seen, clipped(came - blended), known)
        return experts.weights(PRIOR, rate, regret)

    # What is said

    def _forecast(self, moment: Moment, found: Whole, shares: Float32) -> bool:
        """Let what is said at the knots wait, and adapt forecasts; return whether any has changed.

        `shares` are the experts' weights (expert, stream, knot).
        """
        views, knots = moment.views, self._knots
        scales = moment.units * self._growth
        own = (moment.forecasts - moment.samples) / scales
        naive, change = self._seasonal(moment, found, self._steps, _NOW, scales, own)
        at = knots - 1
        parts = blend.parts(own, naive, change)
        weights = views["weights"]
        blended = own[:, at] + clipped(np.einsum("i...,i...->...", weights, parts[..., at]))
        seen = self._recent(moment, found, _NOW, moment.units, own[:, -1:])[:, 0]
        correcting = recent.correct(views["recent_weights"], seen)
        forecasts = np.stack([own[:, at], blended + correcting, blended, 0 * blended, naive[:, at], change[:, at]])
        said = np.einsum("i...,i...->...", shares, forecasts)
        waits = np.stack([own[:, at], blended, blended + correcting, said], axis=-1)
        counts = np.isfinite(waits).all(axis=-1) & moment.warm[:, None]
        waits[~counts] = np.nan
        slots = (self._first + moment.clock % knots)[..., None] * len(WAITS) + _WORDS
        self._put(moment, "waiting", slots.reshape(len(waits), -1), waits.reshape(len(waits), -1))
        are_open = (views["gain"] < -MARGIN * views["worst"]) & counts
        if not np.count_nonzero(are_open):
            return False
        share = np.matmul(shares[1:] * are_open, self._between)
        blending = clipped(np.einsum("is...,is...->s...", np.matmul(weights, self._between), parts))
        correcting = np.matmul(correcting, self._between)
        shift = share[0] * (blending + correcting) + share[1] * blending
        shift += -share[2] * own + share[3] * (naive - own) + share[4] * (change - own)
        adapted = moment.forecasts + shift * scales
        np.copyto(moment.forecasts, adapted, where=np.isfinite(adapted))
        return True

    # What was

    def _value(self, moment: Moment, back: Whole) -> Float32:
        """Return the samples so many before the last one, (stream, ...)."""
        return self._read(moment, "values", (moment.clock - back) % VALUES)

    def _unit(self, moment: Moment, back: Whole) -> Float32:
        """Return the scales so many samples before, up to the horizon; that of the last one is not kept yet."""
        return self._read(moment, "units", (moment.clock - back) % self._layout.horizon)

    def _waiting(self, moment: Moment, slots: Whole) -> Float32:
        """Return what waits in slots (stream, slot), (stream, slot, word)."""
        found = self._read(moment, "waiting", (slots[..., None] * len(WAITS) + _WORDS).reshape(len(slots), -1))
        return found.reshape(*slots.shape, len(WAITS))

    def _read(self, moment: Moment, name: str, places: Whole) -> Float32:
        """Return what lies at places (stream, ...) of a part; NumPy takes it soonest from one long row."""
        return moment.words.take(places + (moment.begins + self._layout.parts[name].offset))

    def _put(self, moment: Moment, name: str, places: Whole, numbers: Float32) -> None:
        moment.words[places + (moment.begins + self._layout.parts[name].offset)] = numbers

    def _seasonal(
        self, moment: Moment, found: Whole, ahead: Whole, back: Whole, scales: Float32, own: Float32
    ) -> tuple[Float32, Float32]:
        """Return the two seasonal forecasts, so many steps `ahead` of the samples so many `back`, as changes from them.

        They are the network's `own` where the season before is not known.
        """
        since = _seasons(found, ahead)
        then = self._value(moment, back + since - ahead)
        naive = (then - self._value(moment, back)) / scales
        change = (then - self._value(moment, back + since)) / scales
        if are_finite(naive) and are_finite(change) and found.all():
            return naive, change
        known = np.isfinite(naive) & (found > 0)
        return np.where(known, naive, own), np.where(known & np.isfinite(change), change, own)

    def _recent(self, moment: Moment, found: Whole, back: Whole, units: Float32, last: Float32) -> Float32:
        """Return what the correction saw so many samples ago, (stream, back, feature), at those `units`.

        `last` is what the network forecast then for the last step, (stream, back).
        """
        spread = back[:, None]
        values = self._value(moment, (spread + self._lags).reshape(1, -1)).reshape(len(found), len(back), -1)
        units, base = units[..., None], values[..., :1]
        changes = np.arcsinh((values[..., :-1] - values[..., 1:]) / (units * self._spans))
        since = _seasons(found, self._ahead)  # (stream, ahead)
        further = np.concatenate([np.broadcast_to(found, (len(found), 1)), since - self._ahead], axis=1)
        then = self._value(moment, (spread + further[:, None]).reshape(len(found), -1))
        seasonal = (then.reshape(*values.shape[:2], -1) - base) / units
        seasonal[..., 1:] /= self._growth[self._ahead - 1]
        seasonal[(found == 0)[:, 0]] = 0
        one = np.ones((*values.shape[:2], 1), np.float32)
        seen = clipped(np.concatenate([one, last[..., None], changes, seasonal], axis=-1))
        return seen if are_finite(seen) else np.where(np.isfinite(seen), seen, np.float32(0))


def _seasons(found: Whole, ahead: Whole) -> Whole:
    """Return how many samples the whole seasons take that reach so many steps (step,) ahead, (stream, step)."""
    length = np.maximum(found, 1)
    return np.asarray(-(-ahead // length) * length)
