"""What a series shows, so that the user need not say it: season, shifting level, predictability, warm-up."""

from dataclasses import replace

import numpy as np

from edgeseq.series.gaps import Filled
from edgeseq_runtime.arrays import Float64

DEFAULT_WARMUP = 10
LONGEST_WARMUP = 96
"""Samples. A longer season is learned from the training part; no stream waits for one to pass."""

_LAGS = 8
_BLOCKS = 5

_MOST_SEASONS = 14
"""In a longer one, such as days in a week or two."""

_BETTER = 0.9
"""Of the shorter season's naive error: what a longer one must be below, in a series of any length."""

_CHANCE = 4.0
"""By so many times the inverse root of its length, in a short series, the better of two seasons may be so by chance."""

_MATTERS = 0.01
"""By so much of the variance, at least, a longer season's naive error must be lower."""

_AS_GOOD = 1.15
"""Of the lowest naive error: the shortest of the longer seasons that is below is taken."""


def season_length(train: Filled) -> int | None:
    """Return the number of samples in one season of the first target, or None where none shows.

    The first high peak of the autocorrelation, of the changes or of the values less their trend, whichever has
    the higher one: drifts hide a season in the values, noise hides it in the changes. Where several of these make a
    longer season, as days make a week, that is taken if its naive forecast is clearly better.
    """
    start, stop = max(train.segments, key=lambda segment: segment[1] - segment[0])
    values = train.values[start:stop, 0].astype(np.float64)
    if len(values) < 12:
        return None
    time = np.arange(len(values))
    detrended = values - np.polyval(np.polyfit(time, values, 1), time)
    chance = 10 / np.sqrt(len(values))  # how high peaks of noise may reach
    candidates = (
        # A drift alone makes a wave or two in the autocorrelation of the values: a season must come ten times.
        _first_high_peak(detrended, len(values) // 10, least=max(0.3, chance)),
        _first_high_peak(np.diff(values), len(values) // 3, least=max(0.15, chance)),
    )
    season = max(candidates, key=lambda candidate: candidate[0])[1]
    return season and _of_several(_autocorrelation(values), season, len(values) // 3)


def _of_several(correlation: Float64, season: int, longest: int) -> int:
    """Return the season of several seasons whose naive forecast is clearly better than one's; else the one."""
    seasons = season * np.arange(1, _MOST_SEASONS + 1)
    errors = 1 - correlation[seasons[seasons < longest]]
    better = min(_BETTER, 1 - _CHANCE / np.sqrt(len(correlation)))
    if not len(errors) or errors.min() >= min(better * errors[0], errors[0] - _MATTERS):
        return season
    return int(seasons[np.argmax(errors <= _AS_GOOD * errors.min())])


def _first_high_peak(x: Float64, longest: int, least: float) -> tuple[float, int | None]:
    """Return height and lag of the first high peak of the autocorrelation of x (time,), at lags below `longest`.

    A peak's height is how far it stands above the deepest valley before it, but at most twice its own correlation:
    the changes of mere noise have a valley at lag 1. High is what reaches four fifths of the highest. For a wave of
    four samples with a little noise:

        lag            0     1     2     3     4     5     6     7     8
        correlation  1.0   0.0  -0.9   0.0   0.9   0.0  -0.9   0.0   0.8
        valley       1.0   0.0  -0.9  -0.9  -0.9  -0.9  -0.9  -0.9  -0.9
        height                                1.8                     1.6    the peaks only

    Both peaks are high, and the first is returned: (1.8, 4). Returns (0, None) where none is `least` high.
    """
    correlation = _smoothed(_autocorrelation(x)[:longest])
    inner = correlation[1:-1]
    peaks = 1 + np.flatnonzero((inner >= correlation[:-2]) & (inner > correlation[2:]))
    valleys = np.minimum.accumulate(correlation)
    heights = np.minimum(correlation - valleys, 2 * correlation)[peaks]
    if not len(peaks) or heights.max() < least:
        return 0.0, None
    first = int(np.argmax(heights >= 0.8 * heights.max()))
    return float(heights[first]), int(peaks[first])


def less_known(train: Filled, features: int) -> Filled:
    """Return a training part whose `features`, the first columns, lack what the columns known ahead say of them.

    On a line, by least squares: season and level are then looked for in the rest.
    """
    known = train.values[:, features:]
    if not known.shape[1]:
        return train
    rows = np.isfinite(train.values).all(axis=1)
    x = np.column_stack([known[rows].astype(np.float64), np.ones(int(rows.sum()))])
    values = train.values.copy()
    solution, *_ = np.linalg.lstsq(x, values[rows, :features].astype(np.float64), rcond=None)
    values[rows, :features] -= x @ solution
    return replace(train, values=values)


def level_shifts(train: Filled, column: int) -> bool:
    """Whether the column's level wanders, so that the values to come may lie where training never was.

    Judged by the means of five consecutive blocks: for a level that stays they differ little.
    """
    values = np.concatenate([train.values[start:stop, column] for start, stop in train.segments])
    means = [block.mean(dtype=np.float64) for block in np.array_split(values, _BLOCKS)]
    return bool(np.std(means) > 0.25 * values.std(dtype=np.float64))


def innovation(train: Filled) -> float:
    """Return how much of the first target's change nobody can foresee: 0 (nothing) to 1 (all).

    The size of what a linear regression on the last eight changes leaves, as a share of the change's.
    """
    rows, following = [], []
    for start, stop in train.segments:
        change = np.diff(train.values[start:stop, 0].astype(np.float64))
        if len(change) > _LAGS:
            windows = np.lib.stride_tricks.sliding_window_view(change, _LAGS + 1)
            rows.append(windows[:, :-1])
            following.append(windows[:, -1])
    if not rows:
        return 1.0
    x, y = np.concatenate(rows), np.concatenate(following)
    if not y.any():  # only the first samples changed, which tells nothing
        return 1.0
    solution, *_ = np.linalg.lstsq(x, y, rcond=None)
    return min(1.0, float(np.linalg.norm(y - x @ solution)) / float(np.linalg.norm(y)))


def follows_linear_recurrence(train: Filled) -> bool:
    """Whether the first target is a sum of a few sinusoids and exponentials, as far as float32 shows.

    Then each value follows from earlier ones by a linear recurrence (G. U. Yule, Phil. Trans. R. Soc. A 226, 1927). It
    is looked for at the series' own pace, between samples so far apart that they are hardly correlated: any smooth
    series extends linearly from one sample to the next.
    """
    start, stop = max(train.segments, key=lambda segment: segment[1] - segment[0])
    values = train.values[start:stop, 0].astype(np.float64)
    values -= values.mean()
    apart = np.flatnonzero(_autocorrelation(values) < 0.5)
    if not len(apart) or len(values) < _LAGS * (apart[0] + 4):
        return False
    rows = np.arange(_LAGS * apart[0], len(values))
    earlier = values[rows[:, None] - apart[0] * np.arange(1, _LAGS + 1)]
    solution, *_ = np.linalg.lstsq(earlier, values[rows], rcond=1e-10)
    return bool((values[rows] - earlier @ solution).std() < 1e-4 * values.std())


def default_warmup(season_length: int | None, samples: int) -> int:
    """Return how many samples a fresh stream takes before its forecasts count."""
    season = season_length if season_length and season_length <= LONGEST_WARMUP else 0
    return max(1, min(max(season, DEFAULT_WARMUP), samples // 10))


def _smoothed(correlation: Float64) -> Float64:
    """Average each lag with its neighbours, a fortieth of it to either side: noise makes small peaks beside large."""
    sums = np.concatenate([[0.0], np.cumsum(correlation)])
    lags = np.arange(len(correlation))
    low, high = lags - lags // 40, np.minimum(lags + lags // 40 + 1, len(correlation))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _autocorrelation(x: Float64) -> Float64:
    """Return the autocorrelation of x (time,) at every lag, by FFT (Wiener-Khinchin)."""
    x = x - x.mean()
    spectrum = np.fft.rfft(x, 2 * len(x))
    products = np.fft.irfft(spectrum * spectrum.conj())[: len(x)]
    correlation = products / np.arange(len(x), 0, -1)
    return correlation / correlation[0] if correlation[0] > 0 else correlation
