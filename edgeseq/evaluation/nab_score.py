"""The score of the Numenta Anomaly Benchmark: early alarms within labelled windows, few outside.

A window met at its first row is worth one hit, at its last almost nothing, and only its best alarm counts. An alarm
outside costs, less so soon after a window. From Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms,
2015.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """What counts how much."""

    hit: float
    """Worth of an alarm in the first row of a window."""
    false_alarm: float
    """Cost of an alarm far from any window."""
    miss: float
    """Cost of a window without an alarm."""


PROFILES: Mapping[str, Profile] = {
    "standard": Profile(1, 0.11, 1),
    "low FP": Profile(1, 0.22, 1),
    "low FN": Profile(1, 0.11, 2),
}
STANDARD = PROFILES["standard"]


@dataclass(frozen=True)
class Labels:
    """The labelled windows of one series."""

    rows: int
    """Rows of the series."""
    windows: Sequence[tuple[int, int]]
    """First and last row of each window, both within it, in order and apart."""
    unscored: int = 0
    """Rows at the start that a detector may learn from: an alarm there counts nothing."""

    def __post_init__(self) -> None:
        """Refuse windows that overlap or leave the series."""
        after = 0
        for first, last in self.windows:
            if not after <= first <= last < self.rows:
                raise ValueError(f"windows: expected some of rows {after} to {self.rows - 1}, got {first} to {last}")
            after = last + 1

    @property
    def scored(self) -> list[tuple[int, int]]:
        """The windows that have a row that is scored."""
        return [window for window in self.windows if window[1] >= self.unscored]

    def worth(self, profile: Profile = STANDARD) -> Numbers:
        """Return what an alarm at each row is worth by itself, (rows,)."""
        worth = np.full(self.rows, -profile.false_alarm)
        row = np.arange(self.rows)
        for first, last in self.windows:
            width = last - first + 1
            past = row[last + 1 :] - last
            worth[last + 1 :] = profile.false_alarm * _decay(past / max(width - 1, 1))
            worth[first : last + 1] = profile.hit * _decay((row[first : last + 1] - last - 1) / width) / _decay(-1.0)
        worth[: self.unscored] = 0
        return worth


@dataclass(frozen=True)
class Curve:
    """One series' score for each threshold."""

    thresholds: Numbers
    """Falling, each once: an alarm is where the detector's score is at least that. Shape (thresholds,)."""
    score: Numbers
    """Not scaled, (thresholds,)."""
    silent: float
    """Without any alarm."""


@dataclass(frozen=True)
class Corpus:
    """Many series at one threshold."""

    threshold: float
    by_series: Sequence[float]
    """Not scaled, as the benchmark publishes them."""
    score: float
    """0: no alarm at all; 100: each window met at its first row, and no alarm outside."""


def curve(labels: Labels, scores: npt.ArrayLike, profile: Profile = STANDARD) -> Curve:
    """Return the score at each threshold that makes a difference; scores are (rows,), without NaN."""
    scores = np.asarray(scores, np.float64)
    if scores.shape != (labels.rows,):
        raise ValueError(f"scores: expected ({labels.rows},), got {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError("scores: expected numbers, got NaN")
    gain = labels.worth(profile)
    order = np.argsort(-scores, kind="stable")
    order = order[order >= labels.unscored]
    for first, last in labels.scored:  # within a window an alarm adds what it is better than the best before it
        inside = order[(order >= first) & (order <= last)]
        gain[inside] = np.diff(np.maximum.accumulate(gain[inside]), prepend=-profile.miss)
    silent = -profile.miss * len(labels.scored)
    total = silent + np.cumsum(gain[order])
    falling = scores[order]
    last_of_each = np.append(falling[1:] != falling[:-1], True) if len(falling) else np.zeros(0, bool)
    return Curve(falling[last_of_each], total[last_of_each], silent)


def score_at(labels: Labels, scores: npt.ArrayLike, threshold: float, profile: Profile = STANDARD) -> float:
    """Return one series' score, not scaled, with an alarm where a score is at least the threshold."""
    return _at(curve(labels, scores, profile), threshold)


def at_threshold(
    labels: Sequence[Labels], scores: Sequence[npt.ArrayLike], threshold: float, profile: Profile = STANDARD
) -> Corpus:
    """Return what one threshold gives on many series."""
    by_series = [score_at(*each, threshold, profile) for each in zip(labels, scores, strict=True)]
    return Corpus(threshold, by_series, scaled(sum(by_series), labels, profile))


def best(labels: Sequence[Labels], scores: Sequence[npt.ArrayLike], profile: Profile = STANDARD) -> Corpus:
    """Return the best that one threshold can do for all series, the highest of equal ones."""
    curves = [curve(*each, profile) for each in zip(labels, scores, strict=True)]
    steps = [np.diff(each.score, prepend=each.silent) for each in curves]
    thresholds, steps_of = np.concatenate([each.thresholds for each in curves]), np.concatenate(steps)
    order = np.argsort(-thresholds, kind="stable")
    falling = thresholds[order]
    total = sum(each.silent for each in curves) + np.cumsum(steps_of[order])
    last_of_each = np.append(falling[1:] != falling[:-1], True)
    threshold = math.inf
    if len(falling):
        totals = total[last_of_each]
        if totals.max() > sum(each.silent for each in curves):
            threshold = float(falling[last_of_each][totals.argmax()])
    by_series = [_at(each, threshold) for each in curves]
    return Corpus(threshold, by_series, scaled(sum(by_series), labels, profile))


def scaled(total: float, labels: Sequence[Labels], profile: Profile = STANDARD) -> float:
    """Return a sum of scores where 0 is no alarm at all and 100 is perfect; NaN where there is no window."""
    windows = sum(len(each.scored) for each in labels)
    if not windows:
        return math.nan
    silent = -profile.miss * windows
    return 100 * (total - silent) / (profile.hit * windows - silent)


def _at(known: Curve, threshold: float) -> float:
    passed = int(np.sum(known.thresholds >= threshold))
    return float(known.score[passed - 1]) if passed else known.silent


def _decay(position: npt.ArrayLike) -> Numbers:
    """Return the benchmark's sigmoid, 1 far before 0 and -1 beyond 3."""
    position = np.asarray(position, np.float64)
    return np.where(position > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, 3))) - 1)
