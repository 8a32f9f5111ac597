"""Seasonal adaptation as its description says it: one stream, float64, loops over lags and knots. Slow and plain."""

import math

import numpy as np
import numpy.typing as npt

from tests.runtime.adaptation.reference import Knot

Numbers = npt.NDArray[np.float64]

PRIOR = np.array([0.9, 0.05, 0.0125, 0.0125, 0.0125, 0.0125])
LONGEST = 341
APART = 17


class SeasonSearch:
    """The means of all lags, and the season."""

    def __init__(self) -> None:
        self.means, self.moved = np.zeros(LONGEST + 2), 0.0
        self.seen = self.season = 0

    def take(self, values: list[float], unit: float, number: int) -> None:
        """Take the last of the `values`, which is the sample of that number."""
        self.seen = min(self.seen + 1, 4096)
        change = values[-1] - self._back(values, APART)
        self.moved = self._mean(self.moved, change / unit, self.seen - APART, 1)
        lags = range(number % 11 * 31 + 1, number % 11 * 31 + 32)
        for lag in lags:
            before = self._back(values, lag) - self._back(values, lag + APART)
            count = (self.seen - APART - lag) // 11 + 1
            self.means[lag] = self._mean(self.means[lag], (change - before) / unit, count, 11)
        shares = {lag: self.means[lag] / (self.moved + 1e-30) for lag in lags if self._is_low(lag)}
        best, share = 0, 1000.0
        if shares:
            least = min(shares, key=shares.__getitem__)
            best = next(lag for lag in shares if shares[lag] <= shares[least] * (1 + 2 * self._chance(least)))
            share = shares[best]
        now = self.means[self.season] / (self.moved + 1e-30)
        if self.season and now > 0.88:
            self.season = 0
        chance = self._chance(max(best, self.season))
        is_better = not self.season or share < now * (1 / (1 + 2 * chance) if best > self.season else 1 + chance)
        if share < 0.8 and best != self.season and is_better:
            self.season = best

    def _is_low(self, lag: int) -> bool:
        here, enough = self.means[lag], self.seen - APART - lag >= max(lag, 60)
        return 2 < lag < LONGEST and enough and here < self.means[lag - 1] and here < self.means[lag + 1]

    def _chance(self, lag: int) -> float:
        return 1 / math.sqrt(min(max((self.seen - APART - lag) // 11 + 1, 1), 2000 / 11))

    @staticmethod
    def _back(values: list[float], back: int) -> float:
        return values[-1 - back] if back < len(values) else math.nan

    @staticmethod
    def _mean(mean: float, difference: float, count: int, every: int) -> float:
        if not math.isfinite(difference):
            return mean
        return mean + max(1 / max(count, 1), every / 2000) * (min(abs(difference), 1000) - mean)


class SeasonalReference:
    """The adaptation of one stream; `growth` (step,) are typical changes in multiples of the scale."""

    def __init__(self, knots: list[int], growth: Numbers) -> None:
        self.growth, self.horizon = growth, len(growth)
        self.ahead = sorted({min(step, self.horizon) for step in (1, 8, self.horizon)})
        self.knots = [Knot(steps, 3, PRIOR, 15, 0.02) for steps in knots]
        self.features = 10 + len(self.ahead)
        self.weights = np.zeros((len(knots), self.features))
        self.covariance = 0.05 * np.eye(self.features)
        self.search = SeasonSearch()
        self.values: list[float] = []
        self.units: list[float] = []
        self.last: list[float] = []
        """What the network forecast for its last step, as changes; NaN where that does not count."""
        self.waiting: list[list[Numbers | None]] = []
        """Of each sample, what waits at each knot: own, blended, corrected, said."""
        self.number = self.taught = 0

    def forget(self) -> None:
        """Begin afresh."""
        self.values, self.units, self.last, self.waiting = [], [], [], []

    def update(self, x: float, truth: float, forecasts: Numbers, unit: float, *, warm: bool) -> Numbers:
        """Take a sample and the network's forecasts (horizon,); return the adapted ones."""
        self.values.append(x)
        if math.isfinite(truth) and unit > 0:
            self.search.take(self.values, unit, self.number)
        self.units.append(unit)
        self.number += 1
        if math.isfinite(truth):
            self._learn(truth)
        return self._forecast(forecasts, warm=warm and unit > 0)

    def _learn(self, truth: float) -> None:
        known = []
        for number, knot in enumerate(self.knots):
            waited = self.waiting[-knot.steps][number] if len(self.waiting) >= knot.steps else None
            if waited is not None:
                known.append((number, knot, waited))
        if not known:
            return
        self.taught += 1
        for number, knot, (own, blended, corrected, said) in known:
            x, scale = self.values[-1 - knot.steps], self.units[-1 - knot.steps] * self.growth[knot.steps - 1]
            naive, change = self._seasonal(knot.steps, knot.steps, own, scale)
            parts = np.clip([own, naive - own, change - own], -15, 15)
            knot.waiting[0] = x, np.array([own, corrected, blended, 0, naive, change]), said, parts
            knot.learn(truth, scale)
            if number == 0:
                self._take_in(self._seen(1))
            seen = self._seen(knot.steps)
            direction = self.covariance @ seen
            error = np.clip((truth - x) / scale - blended, -15, 15) - self.weights[number] @ seen
            self.weights[number] += error / max(1, seen @ direction) * direction

    def _take_in(self, seen: Numbers) -> None:
        direction = self.covariance @ seen
        self.covariance -= np.outer(direction, direction) / (0.9997 + seen @ direction)
        self.covariance *= min(1 / 0.9997, 100 * 0.05 * self.features / np.trace(self.covariance))

    def _forecast(self, forecasts: Numbers, *, warm: bool) -> Numbers:
        x, scales = self.values[-1], self.units[-1] * self.growth
        with np.errstate(all="ignore"):
            own = (forecasts - x) / scales
        self.last.append(own[-1] if warm else math.nan)
        if not warm:
            self.waiting.append([None] * len(self.knots))
            return forecasts
        both = np.array([self._seasonal(step, 0, own[step - 1], scales[step - 1]) for step in range(1, len(own) + 1)])
        parts = np.clip(np.stack([own, both[:, 0] - own, both[:, 1] - own], axis=1), -15, 15)
        corrections = np.clip(self.weights @ self._seen(0, own[-1]), -15, 15)
        waits: list[Numbers | None] = []
        shares = np.zeros((len(self.knots), len(PRIOR)))
        for number, knot in enumerate(self.knots):
            at = knot.steps - 1
            blended = own[at] + np.clip(knot.weights @ parts[at], -15, 15)
            made = np.array([own[at], blended + corrections[number], blended, 0, *both[at]])
            waits.append(np.array([own[at], blended, made[1], knot.shares() @ made]))
            shares[number] = knot.is_open * knot.shares()
        self.waiting.append(waits)
        out = own.copy()
        weights = np.array([knot.weights for knot in self.knots])
        for step in range(1, len(own) + 1):
            at = step - 1
            blend = np.clip(self._between(step, weights) @ parts[at], -15, 15)
            made = np.array([blend + self._between(step, corrections), blend, -own[at], *(both[at] - own[at])])
            out[at] += self._between(step, shares)[1:] @ made
        return x + out * scales

    def _between(self, step: int, known: Numbers) -> Numbers:
        places = np.log([knot.steps for knot in self.knots])
        columns = [np.interp(math.log(step), places, column) for column in known.reshape(len(places), -1).T]
        return np.array(columns).reshape(known.shape[1:])

    def _value(self, back: int) -> float:
        return self.values[-1 - back] if back < len(self.values) else math.nan

    def _whole(self, ahead: int) -> int:
        return math.ceil(ahead / self.search.season) * self.search.season

    def _seasonal(self, ahead: int, back: int, own: float, scale: float) -> tuple[float, float]:
        if not self.search.season:
            return own, own
        then = self._value(back + self._whole(ahead) - ahead)
        naive, change = (then - self._value(back)) / scale, (then - self._value(back + self._whole(ahead))) / scale
        return (naive if math.isfinite(naive) else own), (change if math.isfinite(change) else own)

    def _seen(self, back: int, last: float | None = None) -> Numbers:
        """Return what the correction saw so many samples ago."""
        unit, x = self.units[-1 - back], self._value(back)
        seen = [1.0, self.last[-back] if last is None else last]
        for near, far in ((0, 1), (1, 2), (2, 3), (3, 4), (4, 8), (8, 16), (16, 32)):
            change = self._value(back + near) - self._value(back + far)
            seen.append(math.asinh(change / (unit * math.sqrt(far - near))))
        if self.search.season:
            seen.append((self._value(back + self.search.season) - x) / unit)
            for ahead in self.ahead:
                then = self._value(back + self._whole(ahead) - ahead)
                seen.append((then - x) / (unit * self.growth[ahead - 1]))
        else:
            seen += [0.0] * (1 + len(self.ahead))
        return np.array([np.clip(one, -15, 15) if math.isfinite(one) else 0.0 for one in seen])
