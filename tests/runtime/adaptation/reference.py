"""Adaptation as its description says it: one stream and one target, float64, a loop over knots. Slow and plain."""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass
class Knot:
    """What is learned at one number of steps ahead."""

    steps: int
    features: int
    prior: Numbers
    clip: float = 6
    unsure: float = 0.003
    waiting: deque[tuple[float, Numbers, float, Numbers] | None] = field(default_factory=deque)
    """Of the last samples: base, experts' forecasts, what was said, and what the correction saw."""

    def __post_init__(self) -> None:
        experts = len(self.prior)
        self.waiting.extend([None] * self.steps)
        self.weights, self.covariance = np.zeros(self.features), self.unsure * np.eye(self.features)
        self.regret, self.variance, self.range = np.zeros(experts), np.zeros(experts), np.zeros(experts)
        self.gain, self.worst = 0.0, 0.0

    @property
    def is_open(self) -> bool:
        return self.gain < -2 * self.worst

    @property
    def edge(self) -> float:
        """How far the gate is from turning."""
        return abs(self.gain + 2 * self.worst)

    def rates(self) -> Numbers:
        patience = np.maximum(-np.log(self.prior), 0.1)
        return 0.5 * np.minimum(1 / (2 * self.range + 1e-30), np.sqrt(patience / (self.variance + 1e-30)))

    def shares(self) -> Numbers:
        score = np.log(self.prior) + np.log(self.rates()) - self.rates() * self.regret
        found = np.exp(score - score.max())
        return found / found.sum()

    def learn(self, truth: float, scale: float) -> bool:
        waited = self.waiting[0]
        if waited is None or math.isnan(truth):
            return False
        base, forecasts, said, seen = waited
        came, own = (truth - base) / scale, forecasts[0]
        lost, lost_by_all = min((came - own) ** 2, 64), min((came - said) ** 2, 64)
        self.gain, self.worst = 0.995 * self.gain + lost_by_all - lost, max(0.995 * self.worst, lost)
        loss = 2 * (said - np.clip(came, said - 6, said + 6)) * np.clip(forecasts - said, -50, 50)
        self.range, self.variance = np.maximum(self.range, abs(loss)), self.variance + loss**2
        self.regret = self.regret + loss * (1 + self.rates() * loss)
        error = np.clip(came - own, -self.clip, self.clip) - self.weights @ seen
        direction = self.covariance @ seen
        step = direction / (0.9997 + seen @ direction)
        self.weights = self.weights + step * error
        self.covariance = (self.covariance - np.outer(step, direction)) / 0.9997
        self.covariance *= min(1, 100 * self.unsure * self.features / np.trace(self.covariance))
        return True


class Reference:
    """The adaptation of one target of one stream."""

    def __init__(self, knots: list[int], season: int, scales: Numbers, change: float) -> None:
        prior = np.array([0.9, 0.05, 0.025, 0.025] if season else [0.925, 0.05, 0.025])
        self.season, self.scales, self.change = season, scales, change
        self.knots = [Knot(steps, 6 if season else 5, prior) for steps in knots]
        self.values: list[float] = []
        self.taught = 0

    def forget(self) -> None:
        self.values = []
        for knot in self.knots:
            knot.waiting = deque([None] * knot.steps)

    def update(self, x: float, truth: float, forecasts: Numbers, *, warm: bool) -> Numbers:
        """Take a sample and the network's forecasts (horizon,); return the adapted ones."""
        self.taught += max([knot.learn(truth, self.scales[knot.steps - 1]) for knot in self.knots])
        self.values.append(x)
        own = (forecasts - x) / self.scales
        seasonal = np.array([self._seasonal(step, own[step - 1]) for step in range(1, len(own) + 1)])
        changes = [np.clip(self._change(back), -6, 6) for back in range(3)]
        for knot in self.knots:
            at = knot.steps - 1
            middle = [seasonal[at] - own[at]] if self.season else []
            seen = np.clip([1, own[at], *middle, *changes], -6, 6)
            corrected = own[at] + np.clip(knot.weights @ seen, -6, 6)
            last = [seasonal[at]] if self.season else []
            experts = np.array([own[at], corrected, 0, *last])
            knot.waiting.popleft()
            knot.waiting.append((x, experts, knot.shares() @ experts, seen) if warm else None)
        if not warm:
            return forecasts
        shares = np.array([knot.is_open * knot.shares() for knot in self.knots])
        out = own.copy()
        for step in range(1, len(own) + 1):
            at = step - 1
            middle = [seasonal[at] - own[at]] if self.season else []
            seen = np.clip([1, own[at], *middle, *changes], -6, 6)
            weights = [self._between(step, column) for column in np.array([knot.weights for knot in self.knots]).T]
            correction = np.clip(weights @ seen, -6, 6)
            share = [self._between(step, column) for column in shares.T]
            out[at] += share[1] * correction + share[2] * (0 - own[at])
            out[at] += share[3] * (seasonal[at] - own[at]) if self.season else 0
        return x + out * self.scales

    def _between(self, step: int, known: Numbers) -> float:
        return float(np.interp(math.log(step), np.log([knot.steps for knot in self.knots]), known))

    def _seasonal(self, step: int, own: float) -> float:
        if not self.season:
            return own
        back = self.season * math.ceil(step / self.season) - step
        if back >= len(self.values):
            return own
        return (self.values[-1 - back] - self.values[-1]) / self.scales[step - 1]

    def _change(self, back: int) -> float:
        if back + 1 >= len(self.values):
            return 0.0
        return (self.values[-1 - back] - self.values[-2 - back]) / self.change
