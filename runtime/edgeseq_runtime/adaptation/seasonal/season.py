"""The season of a stream, found while samples come: after how many of them it moves again as it did.

For each lag a running mean is kept, in multiples of the stream's scale: by how much the change over the last `APART`
samples differs from the change so many samples before. Changes are compared and not values: so a drift hides no season.
Beside them stands by how much the stream moves within `APART` samples, which is what a forecast without a season is off
by. A season is a lag at which the mean has a local minimum that lies clearly below that.

With each sample a group of lags is looked at, and the best of it challenges the season that there is.
"""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation.seasonal.layout import GROUPS, LAGS, LONGEST
from edgeseq_runtime.arrays import Float32

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

APART = 17
"""Samples over which changes are taken. A season of just as many does not show in them; hardly any has 17."""

MEMORY = 2000
"""Samples over which the running means go."""

LARGEST = np.float32(1000.0)
"""In multiples of the scale: what a difference counts at most."""

SHORTEST = 3
"""Samples of the shortest season: a local minimum has neighbours."""

LEAST_COMPARED = 60
"""Samples over which a lag must have been compared, and not fewer than the lag itself, before it can be a season."""

CLEARLY, NO_LONGER = np.float32(0.8), np.float32(0.88)
"""Share of `moved` below which a lag can become the season, and above which the season is none any more."""

_ROUNDS = np.float32(MEMORY / GROUPS)
"""What a running mean goes over at most, in comparisons."""

OLDEST = 4096
"""Samples after which no more are counted."""

_LEAST = np.float32(1e-30)


def lags_of(clock: Whole) -> Whole:
    """Return the lags (stream, LAGS) that are looked at with the sample of that number (stream,)."""
    return clock[:, None] % GROUPS * LAGS + np.arange(1, LAGS + 1)


def take_in(mean: Float32, differences: Float32, compared: Float32, every: int = 1) -> Float32:
    """Return the running mean of the differences' sizes, (stream, ...); what is not a number is left out.

    `compared` is how many there have been, this one included, and fewer than 1 counts as 1. They come `every` so many
    samples.
    """
    gain = np.maximum(1 / np.maximum(compared, 1), np.float32(every / MEMORY))
    after = mean + gain * (np.minimum(np.abs(differences), LARGEST) - mean)
    return np.where(np.isfinite(differences), after, mean)


def compare(repeats: Float32, lags: Whole, differences: Float32, seen: Float32) -> None:
    """Take the differences (stream, lag) of changes into their means `repeats` (stream, LONGEST), in place.

    `seen` (stream, 1) is how many samples there have been.
    """
    rows = np.arange(len(lags))[:, None]
    before = repeats[rows, lags - 1]
    repeats[rows, lags - 1] = take_in(before, differences, rounds(lags, seen), GROUPS)


def rounds(lags: Whole, seen: Float32) -> Float32:
    """Return how often lags have been compared, after so many samples."""
    return np.asarray(np.floor((seen - np.float32(APART) - lags.astype(np.float32)) / np.float32(GROUPS)) + 1)


def challenge(season: Whole, lags: Whole, repeats: Float32, moved: Float32, seen: Float32) -> Whole:
    """Return the season (stream,) after the lags (stream, lag) have been compared; 0 is none.

    `moved` (stream, 1) is by how much the stream moves without a season. Two seasons are as good as one: a longer lag
    has to be better than the present season by more than chance makes it, and a shorter one may be as much worse.
    """
    rows = np.arange(len(season))
    near = np.clip(lags[:, :1] - 2 + np.arange(LAGS + 2), 0, LONGEST - 1)  # with a neighbour on either side
    shares = repeats[rows[:, None], near] / (moved + _LEAST)
    middle = shares[:, 1:-1]
    is_low = (middle < shares[:, :-2]) & (middle < shares[:, 2:])
    is_seen = (lags >= SHORTEST) & (seen - APART - lags >= np.maximum(lags, LEAST_COMPARED))
    found = np.where(is_low & is_seen, middle, LARGEST)
    least = found.argmin(axis=1)
    as_good = found <= (found[rows, least] * (1 + 2 * _chance(lags[rows, least], seen)))[:, None]
    best = as_good.argmax(axis=1)  # the first of them
    challenger, share = lags[rows, best], found[rows, best]
    now = repeats[rows, np.maximum(season - 1, 0)] / (moved[:, 0] + _LEAST)
    season = np.where(now > NO_LONGER, 0, season)
    chance = _chance(np.maximum(challenger, season), seen)
    limit = np.where(challenger > season, 1 / (1 + 2 * chance), 1 + chance) * now
    wins = (share < CLEARLY) & (challenger != season) & ((season == 0) | (share < limit))
    return np.asarray(np.where(wins, challenger, season))


def _chance(lags: Whole, seen: Float32) -> Float32:
    """Return by what share the means of lags (stream,) differ by chance."""
    return np.asarray(1 / np.sqrt(np.clip(rounds(lags, seen[:, 0]), 1, _ROUNDS)))
