"""The equations of anomalies in Python's own floats, one target at a time: what the rows are compared with."""

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

RHO = [0.99, 0.95, 0.9, 0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.7] + [0.5] * 12


def quantiles(deviation: float, *, mean: float = 0.0, sides: int = 1, tail: float = 1e-6) -> list[float]:
    """Gaps between the quantiles of a normal score, or of its size, beyond which lie 2^-1, 2^-2, ...; none is 0."""
    ends = [0.0] + [mean + NormalDist().inv_cdf(1 - 2.0**-j / sides) * deviation for j in range(1, 17)]
    if ends[1] == 0:
        ends[1] = deviation / 20
    gaps = [b - a for a, b in pairwise(ends)]
    first = math.ceil(-math.log2(tail))
    return [gaps[min(j, first)] for j in range(16)]


def largest_of(count: int) -> list[float]:
    """Gaps between the quantiles of the largest of so many exponential numbers, counted in bits."""
    shares = np.cumprod([1.0, *RHO])[1:]
    return np.diff([0.0, *-np.log2(-np.expm1(np.log1p(-shares) / count))]).tolist()


class Ladder:
    """Gaps, each with the share of what reaches it that is to pass."""

    def __init__(self, gaps: list[float], rho: list[float], prior: float | None = None, least: float = 0.025) -> None:
        self.gaps, self.rho, self.prior, self.least = list(gaps), rho, prior, least

    def bits(self, score: float) -> float:
        """What a score is worth."""
        below, bits = 0.0, 0.0
        for j, (gap, rho) in enumerate(zip(self.gaps, self.rho, strict=True)):
            if score < below + gap or j == len(self.gaps) - 1:
                return min(100.0, bits - (score - below) / gap * math.log2(rho))
            below += gap
            bits -= math.log2(rho)
        raise AssertionError

    def learn(self, score: float, count: int) -> None:
        """Move the gaps that a score came to."""
        below = 0.0
        for j, rho in enumerate(self.rho):
            rate = self.least if self.prior is None else max(self.least, 1 / (self.prior + count / 2**j))
            up, down = math.exp(rate * (1 - rho)), math.exp(-rate * rho)
            if self.prior is not None:
                up, down = 1 + rate, 1 / (1 + rate)
            gap = self.gaps[j]
            if score < below + gap:
                self.gaps[j] = max(gap * down, 1e-6)
                return
            self.gaps[j] = gap * up
            below += gap

    def stretch(self, score: float, trained: int) -> None:
        """Let what is the largest of so many be about one of them."""
        lowest = 4
        while 2 ** (lowest - 3) <= trained:
            lowest += 1
        if lowest < 16 and score >= sum(self.gaps[: lowest + 1]):
            begin = sum(self.gaps[:lowest])
            self.gaps[lowest:] = [max(gap, score - begin) for gap in self.gaps[lowest:]]


def clip(number: float, most: float) -> float:
    return min(max(number, -most), most)


class Sums:
    """A two-sided CUSUM with an allowance of 1."""

    def __init__(self) -> None:
        self.rise = self.fall = 0.0

    def add(self, error: float) -> float:
        """Return the larger sum with an error added, before the allowance is taken."""
        rise, fall = self.rise + error, self.fall - error
        self.rise, self.fall = min(max(rise - 1, 0), 20), min(max(fall - 1, 0), 20)
        return max(rise, fall)


class Target:
    """One target of a stream."""

    def __init__(self, size: float, far_size: float, horizon: int) -> None:
        self.horizon, self.size, self.far_size = horizon, size, far_size
        self.floors = size / 1000, far_size / 1000
        self.count = 0
        self.slow = 0.0
        self.near, self.far = Sums(), Sums()
        self.spread = 1.0
        self.run, self.last = 0, math.nan
        self.mean, self.deviation, self.values = math.nan, 0.0, 0.0
        self.event, self.taught, self.quiet = False, 0, 0
        sums = [1.146, 0.701, 0.599, 0.555] + [0.544] * 12
        spread = quantiles(0.75 * math.sqrt(0.05 / 1.95), mean=1.0)
        first = {
            "error": (quantiles(1.25, sides=2, tail=1e-4), 5, 200, 1.0),
            "near sum": (sums, 80, 4000, 1.0),
            "far sum": (sums, 10, 200, 1.0),
            "slow": (quantiles(1.25 * math.sqrt(0.015 / 1.985), sides=2), 80, 4000, 0.9),
            "loud": (spread, 80, 4000, 1.0),
            "silent": (spread, 80, 4000, 0.85),
            "run": ([1.0] * 16, 80, 4000, 0.9),
            "high": (quantiles(1.25, tail=1e-4), 5, 200, 1.0),
            "low": (quantiles(1.25, tail=1e-4), 5, 200, 1.0),
            "high mean": (quantiles(0.625), 80, 4000, 1.0),
            "low mean": (quantiles(0.625), 80, 4000, 1.0),
        }
        if horizon == 1:
            del first["far sum"]
        steady = ("near sum", "far sum", "loud")
        self.ladders = {
            name: Ladder(gaps, [0.5] * 16, prior, 0.005 if name in steady else 0.02)
            for name, (gaps, prior, _, _) in first.items()
        }
        self.trained = {name: trained for name, (_, _, trained, _) in first.items()}
        self.weights = {name: weight for name, (_, _, _, weight) in first.items()}
        self.last_ladder = Ladder(largest_of(4), RHO)

    def take(self, error: float, far: float, value: float) -> tuple[float, str, bool]:
        """Return the bits of a sample, of which kind, and whether it teaches the last ladder."""
        z = error / self.size
        inner = clip(z, 4)
        distant = 0.0 if math.isnan(far) else clip(far / self.far_size, 4)
        near, far_sum = self.near.add(clip(z, 8)), self.far.add(distant)
        self.slow += 0.015 * (inner - self.slow)
        self.spread += 0.05 * (abs(inner) - self.spread)
        self.run = self.run + 1 if value == self.last else 0
        self.last = value
        beyond = self.value(value)
        self.values += 0.1 * (clip(beyond, 6) - self.values)
        scores = {
            "error": abs(z),
            "near sum": near,
            "far sum": far_sum,
            "slow": abs(self.slow),
            "loud": self.spread,
            "silent": 1 / max(self.spread, 1e-6),
            "run": float(self.run),
            "high": max(beyond, 0.0),
            "low": max(-beyond, 0.0),
            "high mean": max(self.values, 0.0),
            "low mean": max(-self.values, 0.0),
        }
        bits = {name: self.weights[name] * ladder.bits(scores[name]) for name, ladder in self.ladders.items()}
        kind = max(bits, key=lambda name: bits[name])
        found = self.last_ladder.bits(bits[kind])
        teaches = self.teaches(found)
        for name, ladder in self.ladders.items():
            ladder.stretch(scores[name], self.count + self.trained[name])
            ladder.learn(scores[name], self.count)
        if teaches:
            self.last_ladder.learn(bits[kind], self.count)
        since = min(self.count + 100, 1000)
        self.size = max(self.size + (min(abs(error), 3 * self.size) - self.size) / since, self.floors[0])
        if not math.isnan(far):
            moved = self.far_size + (min(abs(far), 3 * self.far_size) - self.far_size) / since
            self.far_size = max(moved, self.floors[1])
        self.count += 1
        return found, kind, teaches

    def value(self, value: float) -> float:
        """Return how far a value is from the mean of those before, of the mean distance."""
        if math.isnan(self.mean):
            self.mean = value
        distance, found = value - self.mean, 0.0
        if self.deviation > 0:
            found = distance / self.deviation if self.count >= 20 else 0.0
            distance = clip(distance, 4 * self.deviation)
        since = min(self.count + 1, 2000)
        self.mean += distance / since
        self.deviation += (abs(distance) - self.deviation) / since
        return found

    def teaches(self, bits: float) -> bool:
        """Move the event on; return whether a sample of so many bits teaches the last ladder."""
        if bits > 10:
            self.taught = self.taught if self.event else 0
            self.event, self.quiet = True, 0
        elif self.event:
            self.quiet += 1
            self.event = self.quiet <= 50
        if not self.event or bits <= 6.6:
            return True
        self.taught = max(self.taught + 1, 31 if bits > 19 else 0)
        return not 30 < self.taught <= 300


def stream(
    errors: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    sizes: tuple[float, float],
    rate: float,
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return the bits of samples (time, target + 1), the last of all together, and the kind of each alarm.

    `errors` (time, horizon, target), `values` (time, target).
    """
    horizon, targets = errors.shape[1:]
    parts = [Target(*sizes, horizon) for _ in range(targets)]
    together = Ladder(largest_of(targets), RHO)
    bits, kinds, pause = np.full((len(values), targets + 1), np.nan), [], 0
    for at, (error, value) in enumerate(zip(errors, values, strict=True)):
        known = [target for target in range(targets) if np.isfinite(error[0, target])]
        kinds.append("")
        if not known:
            continue
        made = {t: parts[t].take(error[0, t], error[min(horizon, 12) - 1, t], value[t]) for t in known}
        first = max(known, key=lambda t: made[t][0])
        most, kind, teaches = made[first]
        found = most if targets == 1 else together.bits(most)
        if targets > 1 and teaches:
            together.learn(most, 0)
        bits[at, known], bits[at, -1] = [made[t][0] for t in known], found
        if found > -math.log2(rate) and not pause:
            kinds[-1], pause = kind, 100
        else:
            pause = max(pause - 1, 0)
    return bits, kinds
