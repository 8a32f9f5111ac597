"""The equations of anomalies in Python's own floats, one target at a time: what the rows are compared with."""

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

RHO = [0.998, 0.985, 0.95, 0.9, 0.85, 0.8, 0.8, 0.75, 0.7, 0.7] + [0.5] * 12


RUNGS = 7
RATES = [0.02] * 17 + [0.1] * 5


def quantiles(deviation: float, *, mean: float = 0.0, sides: int = 1) -> tuple[list[float], float]:
    """Gaps between the quantiles of a normal score, or of its size, beyond which lie 2^-1, 2^-2, ...; none is 0.

    And the mean excess over the last of them: the integral of what lies beyond each number, over what lies beyond it.
    """
    normal = NormalDist()
    ends = [0.0] + [mean + normal.inv_cdf(1 - 2.0**-j / sides) * deviation for j in range(1, RUNGS + 1)]
    if ends[1] == 0:
        ends[1] = deviation / 20
    last = (ends[-1] - mean) / deviation
    beyond = sum(1 - normal.cdf(last + (k + 0.5) / 10_000) for k in range(60_000)) / 10_000
    return [b - a for a, b in pairwise(ends)], deviation * beyond / (1 - normal.cdf(last))


def squeezed(bits: float) -> float:
    """What bits by an exponential tail, beyond the kinds' last rung, count as."""
    return bits / (1 + bits / 20)


def largest_of(count: int, *, kinds: bool = False) -> list[float]:
    """Gaps between the quantiles of the largest of so many exponential numbers, in bits; or in those of kinds."""
    shares = np.cumprod([1.0, *RHO])[1:]
    ends = [0.0, *-np.log2(-np.expm1(np.log1p(-shares) / count))]
    if kinds:
        ends = [end if end < RUNGS else RUNGS + squeezed(end - RUNGS) for end in ends]
    return np.diff(ends).tolist()


class Ladder:
    """Gaps, each with the share of what reaches it that is to pass; its last gap goes on."""

    def __init__(self, gaps: list[float]) -> None:
        self.gaps = list(gaps)

    def bits(self, score: float) -> float:
        """What a score is worth."""
        below, bits = 0.0, 0.0
        for j, (gap, rho) in enumerate(zip(self.gaps, RHO, strict=True)):
            if score < below + gap or j == len(self.gaps) - 1:
                return min(100.0, bits - (score - below) / gap * math.log2(rho))
            below += gap
            bits -= math.log2(rho)
        raise AssertionError

    def learn(self, score: float) -> None:
        """Move the gaps that a score came to."""
        below = 0.0
        for j, rho in enumerate(RHO):
            gap = self.gaps[j]
            if score < below + gap:
                self.gaps[j] = max(gap * math.exp(-RATES[j] * rho), 1e-6)
                return
            self.gaps[j] = gap * math.exp(RATES[j] * (1 - rho))
            below += gap


class OfKind:
    """Gaps that half of what reaches them is to pass, and an exponential tail beyond."""

    def __init__(self, first: tuple[list[float], float], prior: float, weight: float) -> None:
        self.gaps, self.excess, self.prior, self.weight = list(first[0]), first[1], prior, weight
        self.beyond = False

    def bits(self, score: float) -> float:
        """What a score is worth beside those of other kinds."""
        below = 0.0
        for j, gap in enumerate(self.gaps):
            if score < below + gap:
                return self.weight * (j + (score - below) / gap)
            below += gap
        return self.weight * (RUNGS + squeezed((score - below) / self.excess / math.log(2)))

    def learn(self, score: float, count: int) -> None:
        """Move the gaps that a score came to; and the mean excess where an excursion begins."""
        below, was_beyond, self.beyond = 0.0, self.beyond, False
        for j, gap in enumerate(self.gaps):
            rate = max(0.005, 1 / (self.prior + count / 2**j))
            if score < below + gap:
                self.gaps[j] = max(gap / (1 + rate), 1e-6)
                return
            self.gaps[j] = gap * (1 + rate)
            below += gap
        self.beyond = True
        if not was_beyond:
            taken = min(score - below, 8 * self.excess)
            self.excess = max(self.excess + (taken - self.excess) / min(100, 20 + count / 2**RUNGS), 1e-6)


def clip(number: float, most: float) -> float:
    return min(max(number, -most), most)


class Target:
    """One target of a stream."""

    def __init__(self, size: float) -> None:
        self.size, self.floor = size, size / 1000
        self.count = 0
        self.near = self.slow = 0.0
        self.spread = math.pi / 2
        self.run, self.last = 0, math.nan
        self.mean, self.deviation, self.values = math.nan, 0.0, 0.0
        self.event, self.taught, self.quiet = False, 0, 0
        squares = math.sqrt(2 * 0.05 / 1.95)
        self.ladders = {
            "error": OfKind(quantiles(1.25, sides=2), 5, 1.0),
            "near": OfKind(quantiles(1.25 * math.sqrt(0.12 / 1.88), sides=2), 80, 1.0),
            "slow": OfKind(quantiles(1.25 * math.sqrt(0.015 / 1.985), sides=2), 80, 0.7),
            "loud": OfKind(quantiles(math.pi / 2 * squares, mean=math.pi / 2), 80, 0.95),
            "silent": OfKind(quantiles(squares / (math.pi / 2), mean=2 / math.pi), 80, 0.5),
            "run": OfKind(([1.0] * RUNGS, 1 / math.log(2)), 80, 0.5),
            "high": OfKind(quantiles(1.25), 5, 1.0),
            "low": OfKind(quantiles(1.25), 5, 1.0),
            "high mean": OfKind(quantiles(0.625), 80, 0.9),
            "low mean": OfKind(quantiles(0.625), 80, 0.9),
        }
        self.last_ladder = Ladder(largest_of(4, kinds=True))

    def take(self, error: float, value: float) -> tuple[float, str, bool]:
        """Return the bits of a sample, of which kind, and whether it teaches."""
        z = error / self.size
        inner = clip(z, 4)
        self.near += 0.12 * (inner - self.near)
        self.slow += 0.015 * (inner - self.slow)
        self.spread += 0.05 * (inner**2 - self.spread)
        self.run = self.run + 1 if value == self.last else 0
        self.last = value
        beyond = self.value(value)
        self.values += 0.1 * (clip(beyond, 6) - self.values)
        scores = {
            "error": abs(z),
            "near": abs(self.near),
            "slow": abs(self.slow),
            "loud": self.spread,
            "silent": 1 / max(self.spread, 1e-6),
            "run": float(self.run),
            "high": max(beyond, 0.0),
            "low": max(-beyond, 0.0),
            "high mean": max(self.values, 0.0),
            "low mean": max(-self.values, 0.0),
        }
        bits = {name: ladder.bits(scores[name]) for name, ladder in self.ladders.items()}
        kind = max(bits, key=lambda name: bits[name])
        found = self.last_ladder.bits(bits[kind])
        teaches = self.teaches(found)
        if teaches:
            for name, ladder in self.ladders.items():
                ladder.learn(scores[name], self.count)
            self.last_ladder.learn(bits[kind])
        since = min(self.count + 100, 1000)
        self.size = max(self.size + (min(abs(error), 3 * self.size) - self.size) / since, self.floor)
        self.count += teaches
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
        """Move the event on; return whether a sample of so many bits teaches."""
        if bits > 10:
            self.taught = self.taught if self.event else 0
            self.event, self.quiet = True, 0
        elif self.event:
            self.quiet += 1
            self.event = self.quiet <= 50
        if not self.event or bits <= 6.6:
            return True
        self.taught += 1
        return not 30 < self.taught <= 300


def stream(
    errors: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    size: float,
    rate: float,
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return the bits of samples (time, target + 1), the last of all together, and the kind of each alarm.

    `errors` (time, horizon, target), `values` (time, target).
    """
    targets = errors.shape[2]
    parts = [Target(size) for _ in range(targets)]
    together = Ladder(largest_of(targets))
    bits, kinds, pause = np.full((len(values), targets + 1), np.nan), [], 0
    for at, (error, value) in enumerate(zip(errors, values, strict=True)):
        known = [target for target in range(targets) if np.isfinite(error[0, target])]
        kinds.append("")
        if not known:
            continue
        made = {t: parts[t].take(error[0, t], value[t]) for t in known}
        first = max(known, key=lambda t: made[t][0])
        most, kind, teaches = made[first]
        found = most if targets == 1 else together.bits(most)
        if targets > 1 and teaches:
            together.learn(most)
        bits[at, known], bits[at, -1] = [made[t][0] for t in known], found
        if found > -math.log2(rate) and not pause:
            kinds[-1], pause = kind, 100
        else:
            pause = max(pause - 1, 0)
    return bits, kinds
