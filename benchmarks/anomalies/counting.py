"""Counting: how many p-values lie below a rate, how uniform they are, and how soon an event is found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

RATES = (1e-2, 1e-3, 1e-4)
UNIFORM_OVER = 100_000
"""Samples of a block that is compared with the uniform distribution."""


@dataclass(frozen=True)
class Tally:
    """False alarms of a detector on a series in which nothing is wrong."""

    samples: int
    """Of which it said something."""
    ratios: Sequence[float]
    """Alarms over those that each of `RATES` promises, before any hold-off."""
    distance: float | None = None
    """Kolmogorov-Smirnov, p-values to uniform, ties randomised: the median of blocks; None: it has no p-values."""
    farthest: float | None = None
    """That of the worst block."""


def tally(p_values: Floats, random: np.random.Generator) -> Tally:
    """Count p-values (n,); NaN is none."""
    known = p_values[np.isfinite(p_values)].astype(float)
    ratios = [float((known < rate).mean() / rate) for rate in RATES]
    blocks = max(1, len(known) // UNIFORM_OVER)
    distances = [uniform_distance(block, random) for block in np.array_split(known, blocks)]
    return Tally(len(known), ratios, float(np.median(distances)), max(distances))


def tally_alarms(alarms: npt.NDArray[np.bool_]) -> Tally:
    """Count the alarms (n, rate) of a detector that is set to each of `RATES`."""
    return Tally(len(alarms), (alarms.mean(axis=0) / RATES).tolist())


def uniform_distance(p_values: Floats, random: np.random.Generator) -> float:
    """Return the Kolmogorov-Smirnov distance of p-values (n,) to the uniform distribution on (0, 1).

    A p-value that comes several times stands for all between it and the next smaller one: that many random ones.
    """
    values, which, times = np.unique(p_values, return_inverse=True, return_counts=True)
    below = np.concatenate(([0.0], values[:-1]))
    width = np.where(times > 1, values - below, 0.0)
    spread = np.sort(p_values - width[which] * random.random(len(p_values)))
    n = len(spread)
    rank = np.arange(n)
    return float(max(np.max((rank + 1) / n - spread), np.max(spread - rank / n)))


@dataclass(frozen=True)
class Found:
    """How soon an event was found, in trials."""

    trials: int
    at_once: int
    """Trials in which its first sample had a p-value below the rate."""
    in_time: int
    """Trials in which one of its first `within` had."""
    within: int
    """Samples."""
    median: float | None
    """Samples until it was found, 1: at once; in the median over all trials; None: not found in half of them."""
    words: dict[str, int]
    """What the alarms said: word -> trials, of the first alarm since the event, in time."""


def found(p_values: Floats, words: npt.NDArray[np.str_], rate: float, within: int) -> Found:
    """Count over trials: p-values (trial, n) and anomalies (trial, n) of the samples since the event began."""
    hits = p_values < rate
    delays = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1.0, np.inf)
    median = float(np.median(delays))
    in_time = words[:, :within]
    first = [next((word for word in row.tolist() if word), "") for row in in_time]
    return Found(
        len(hits),
        int(hits[:, 0].sum()),
        int((delays <= within).sum()),
        within,
        median if np.isfinite(median) else None,
        {word: first.count(word) for word in sorted(set(first) - {""})},
    )
