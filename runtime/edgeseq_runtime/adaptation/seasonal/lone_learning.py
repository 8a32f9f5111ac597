"""What one stream learns, in few calls of NumPy: what `Learning` does for rows, where all is known and finite.

For so few numbers a call takes the same time whatever it does. What each part of a step needs of the samples before is
taken at once, by indices that are made anew when the season changes. Whatever is unusual goes the way of rows.
"""

import numpy as np
from numpy import maximum, minimum

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.adaptation.seasonal import blend, recent, season
from edgeseq_runtime.adaptation.seasonal.layout import BLENDED, GROUPS, LAGS, LONGEST, PRIOR, WAITS, Layout
from edgeseq_runtime.adaptation.seasonal.learning import Learning, Moment
from edgeseq_runtime.adaptation.seasonal.season import Whole
from edgeseq_runtime.arrays import Float32, are_finite

_CLIP, _KEPT = blend.CLIP, np.float32(1) / correction.FORGETTING


class LoneLearning(Learning):
    """`Learning` for the only stream."""

    def __init__(self, layout: Layout, growth: Float32) -> None:
        super().__init__(layout, growth)
        self._views: dict[str, Float32] = {}
        self._whole: object = None
        """The views of the row, of which `_views` are the first and only ones."""
        self._season = -1
        knots = self._knots
        self._growth_at_knots = growth[knots - 1]
        self._slots = self._first[:, None] * len(WAITS) + np.arange(len(WAITS))
        self._lag_numbers = np.arange(1, LAGS + 1)
        self._log_prior = np.log(np.array(PRIOR, np.float32))
        self._patience = experts.RATE**2 * maximum(-self._log_prior, experts.PATIENCE)
        self._made = np.zeros((len(knots), len(PRIOR)), np.float32)
        self._seen = np.ones((len(knots), layout.recent), np.float32)
        self._seen_now = np.ones((1, layout.recent), np.float32)
        self._per = np.concatenate([[1], growth[self._ahead - 1]]).astype(np.float32)

    def take(self, moment: Moment) -> bool:
        """Learn from a sample and adapt the forecasts after it; return whether any has changed."""
        if self._whole is not moment.views:
            self._whole = moment.views
            named = self._layout.views(moment.words.reshape(1, -1))
            self._views = {name: view[0] for name, view in named.items()}
        return super().take(moment)

    def _look(self, found: int) -> None:
        """Have the indices of this season."""
        self._season = found
        knots, length = self._knots, max(found, 1)
        ahead, steps = (-(-some // length) * length for some in (self._ahead, self._steps))
        since = steps[knots - 1]
        seen = np.concatenate([self._lags, [length], ahead - self._ahead])
        self._back = np.concatenate([knots, since, knots + since, (knots[:, None] + seen).reshape(-1)])
        self._back_now = np.concatenate([steps - self._steps, steps, seen])

    def _search(self, moment: Moment) -> None:
        unit, sample, number = moment.units.item(), moment.samples.item(), moment.clock.item()
        views = self._views
        seen = min(views["seen"].item() + 1, season.OLDEST)
        first = number % GROUPS * LAGS
        lags = self._lag_numbers + first
        if seen - season.APART - first - LAGS < LAGS or not (unit > 0 and moment.truths.item() == sample):
            super()._search(moment)
            return
        back = np.concatenate([lags, lags + season.APART, [season.APART]])
        before = views["values"].take(number - back, mode="wrap")
        change = np.float32(sample) - before[-1]
        off = np.abs(change - (before[:LAGS] - before[LAGS:-1])) / np.float32(unit)
        if not are_finite(off):
            super()._search(moment)
            return
        views["seen"][0] = seen
        moved, repeats = views["moved"], views["repeats"]
        gain = max(1 / (seen - season.APART), 1 / season.MEMORY)
        moved += np.float32(gain) * (min(abs(change) / np.float32(unit), season.LARGEST) - moved)
        part = repeats[first : first + LAGS]
        gains = maximum(1 / season.rounds(lags, views["seen"]), np.float32(GROUPS / season.MEMORY))
        part += gains * (minimum(off, season.LARGEST) - part)
        now = int(views["season"].item())
        error = float(repeats[now - 1]) if now else float(season.LARGEST)
        compared = min(max((seen - season.APART - LONGEST) // GROUPS, 1), season.MEMORY / GROUPS)
        least = min(float(season.CLEARLY) * moved.item(), error * (1.01 + compared**-0.5))
        if part.min() < least or (now and error > float(season.NO_LONGER) * 0.99 * moved.item()):
            at = np.array([now])
            views["season"][0] = season.challenge(at, lags[None], repeats[None], moved[None], views["seen"][None])[0]

    def _learn(self, moment: Moment, found: Whole) -> Float32:
        if found.item() != self._season:
            self._look(found.item())
        views, knots, clock, count = self._views, self._knots, moment.clock.item(), len(self._knots)
        waits, truth = views["waiting"].reshape(-1), moment.truths.item()
        own, blended, corrected, said = waits.take(self._slots.T + clock % knots * len(WAITS))
        values = views["values"].take(clock - self._back, mode="wrap")
        base, then, before = values[: 3 * count].reshape(3, count)
        units = views["units"].take(clock - knots, mode="wrap")
        scales = units * self._growth_at_knots
        came = (np.float32(truth) - base) / scales
        made = self._made
        made[:, 0], made[:, 1], made[:, 2], made[:, 4], made[:, 5] = own, corrected, blended, own, own
        if self._season:
            made[:, 4], made[:, 5] = (then - base) / scales, (then - before) / scales
        seen = self._seen
        seen[:, 1] = waits.take((self._first[-1] + (clock - knots) % knots[-1]) * len(WAITS))
        self._look_at(seen, values[3 * count :].reshape(count, -1), units[:, None])
        if not (are_finite(came) and are_finite(made) and are_finite(said) and are_finite(seen)):
            return super()._learn(moment, found)
        views["taught"][0] = min(views["taught"].item() + 1, gate.MOST_TAUGHT)
        gate.learn(views, True, came, own, said)
        loss = experts.losses(made, said[:, None], came[:, None])
        regret, variance, largest = views["regret"], views["variance"], views["range"]
        maximum(largest, np.abs(loss), out=largest)
        variance += loss * loss
        rate = self._rates()
        regret += loss * (1 + rate * loss)
        self._learn_blend(came - own)
        self._learn_recent(seen, correction.clipped(came - blended, _CLIP))
        return self._weigh(rate)

    def _learn_blend(self, errors: Float32) -> None:
        weights, covariance, made = self._views["weights"], self._views["covariance"], self._made
        seen = np.empty((len(made), BLENDED), np.float32)
        seen[:, 0] = made[:, 0]
        np.subtract(made[:, 4:], made[:, :1], out=seen[:, 1:])
        seen = correction.clipped(seen, _CLIP)
        direction = np.matmul(covariance, seen[..., None])[..., 0]
        spread = np.einsum("kf,kf->k", direction, seen)
        certainty = maximum(spread, 0) + correction.FORGETTING
        off = correction.clipped(errors, _CLIP) - np.einsum("kf,kf->k", weights, seen)
        weights += (off / certainty)[:, None] * direction
        direction /= np.sqrt(certainty)[:, None]
        covariance -= direction[:, :, None] * direction[:, None]
        limit = correction.MOST * blend.UNSURE * np.float32(BLENDED)
        covariance *= minimum(_KEPT, limit / maximum(np.einsum("kff->k", covariance), 1e-30))[:, None, None]
        if spread.min() < 0:
            covariance[spread < 0] = blend.UNSURE * np.eye(BLENDED, dtype=np.float32)

    def _learn_recent(self, seen: Float32, errors: Float32) -> None:
        weights, covariance = self._views["recent_weights"], self._views["recent_covariance"]
        direction = covariance @ seen[0]
        spread = float(direction @ seen[0])
        direction /= np.float32((max(spread, 0.0) + float(correction.FORGETTING)) ** 0.5)
        covariance -= direction[:, None] * direction
        limit = correction.MOST * recent.UNSURE * np.float32(len(covariance))
        covariance *= min(_KEPT, limit / max(covariance.trace(), np.float32(1e-30)))
        if spread < 0:
            covariance[...] = recent.UNSURE * np.eye(len(covariance), dtype=np.float32)
        directions = seen @ covariance
        reach = maximum(np.einsum("kf,kf->k", directions, seen), 1)
        directions *= ((errors - np.einsum("kf,kf->k", weights, seen)) / reach)[:, None]
        weights += directions
        minimum(maximum(weights, -recent.LARGEST, out=weights), recent.LARGEST, out=weights)

    def _rates(self) -> Float32:
        rate = np.sqrt(self._patience / (self._views["variance"] + experts.LEAST))
        return np.asarray(minimum(rate, experts.RATE / 2 / (self._views["range"] + experts.LEAST), out=rate))

    def _weigh(self, rate: Float32) -> Float32:
        """Return the experts' weights (expert, 1, knot)."""
        score = self._log_prior - rate * self._views["regret"]
        score -= score.max(axis=1, keepdims=True)
        found = np.exp(score, out=score)
        found *= rate
        found /= found.sum(axis=1, keepdims=True)
        return np.asarray(found.T[:, None])

    def _look_at(self, seen: Float32, values: Float32, units: Float32) -> None:
        """Write what the correction sees of values (row, place) at units (row, 1), from the third feature on."""
        count = len(self._lags)
        changes = values[:, : count - 1] - values[:, 1:count]
        changes /= units * self._spans
        np.arcsinh(changes, out=seen[:, 2 : count + 1])
        if self._season:
            seasonal = values[:, count:] - values[:, :1]
            seasonal /= units * self._per
            seen[:, count + 1 :] = seasonal
        else:
            seen[:, count + 1 :] = 0
        minimum(maximum(seen, -_CLIP, out=seen), _CLIP, out=seen)

    def _forecast(self, moment: Moment, found: Whole, shares: Float32) -> bool:
        if found.item() != self._season:
            self._look(found.item())
        views, knots, clock, steps = self._views, self._knots, moment.clock.item(), len(self._steps)
        sample, unit = moment.samples[0], moment.units[0]
        scales = unit * self._growth
        off = np.empty((BLENDED, steps), np.float32)  # own, and by how much the seasonal ones differ from it
        np.subtract(moment.forecasts[0], sample, out=off[0])
        values = views["values"].take(clock - self._back_now, mode="wrap")
        if self._season:
            then = values[:steps]
            np.subtract(then, sample, out=off[1])
            np.subtract(then, values[steps : 2 * steps], out=off[2])
            off /= scales
            off[1:] -= off[0]
        else:
            off /= scales
            off[1:] = 0
        seen = self._seen_now
        seen[0, 1] = off[0, -1]
        self._look_at(seen, values[2 * steps :][None], moment.units)
        if not (moment.warm[0] and are_finite(off) and are_finite(seen)):
            return super()._forecast(moment, found, shares)
        parts, weights, at = correction.clipped(off, _CLIP), views["weights"], knots - 1
        near = off[:, at]
        own = near[0]
        blended = own + correction.clipped(np.einsum("kf,fk->k", weights, parts[:, at]), _CLIP)
        correcting = correction.clipped(views["recent_weights"] @ seen[0], _CLIP)
        made = self._made
        made[:, 0], made[:, 1], made[:, 2] = own, blended + correcting, blended
        np.add(near[1:].T, made[:, :1], out=made[:, 4:])
        share = shares[:, 0]
        slots = views["waiting"].reshape(-1)
        waits = np.stack([own, blended, made[:, 1], np.einsum("ik,ki->k", share, made)], axis=1)
        slots[self._slots + (clock % knots * len(WAITS))[:, None]] = waits
        are_open = views["gain"] < -gate.MARGIN * views["worst"]
        if not (are_finite(waits) and are_open.any()):
            if not are_finite(waits):
                return super()._forecast(moment, found, shares)
            return False
        known = np.concatenate([share[1:] * are_open, weights.T, correcting[None]]) @ self._between
        blending = correction.clipped(np.einsum("fs,fs->s", known[5:8], parts), _CLIP)
        shift = known[0] * (blending + known[8]) + known[1] * blending
        shift += known[3] * off[1] + known[4] * off[2] - known[2] * off[0]
        adapted = moment.forecasts[0] + shift * scales
        np.copyto(moment.forecasts[0], adapted, where=np.isfinite(adapted))
        return True
