"""Copies of a series at other rates: what a sum of sinusoids would look like if it were slower or faster."""

from collections.abc import Sequence

import numpy as np

from edgeseq.series.gaps import Filled
from edgeseq.series.series import Values
from edgeseq_runtime.arrays import Float64

GAIN = 0.7
"""Copies are scaled by up to exp(0.7): to half and to twice their size."""

SHIFT = 0.5
"""And shifted by up to half a deviation."""

RATES = (0.8, 0.87, 0.94, 1.06, 1.15, 1.25)
"""Samples of the original for one of the copy."""


def at_other_rates(train: Filled, rates: Sequence[float] = RATES) -> list[Filled]:
    """Return one copy of each segment for each rate, between samples by cubic interpolation (Lagrange's, 1795).

    Copies hold no gaps: what was made of a sample that was filled in is part of them, but does not count as measured.
    """
    return [_copy(train, start, stop, rate) for rate in rates for start, stop in train.segments if stop - start > 4]


def _copy(train: Filled, start: int, stop: int, rate: float) -> Filled:
    at = np.arange(1.0, stop - start - 2, rate)
    at = at[at < stop - start - 2]  # which `arange` reaches where its steps round
    row = np.floor(at).astype(np.int64)
    around = start + row + np.arange(-1, 3)[:, None]  # (4, time)
    values = _between(train.values[around].astype(np.float64), at - row)
    return Filled(
        values=values,
        observed=train.observed[around].all(axis=0),
        segments=((0, len(values)),),
        missing=0,
        interpolated=0,
        left=0,
    )


def _between(four: Float64, u: Float64) -> Values:
    """Return values (time, feature) from the cubics through four samples each, (4, time, feature).

    `u` (time,) is where between the second and the third they are wanted, 0 to 1.
    """
    u = u[:, None]
    before, here, after, beyond = four
    cubic = (
        -u * (u - 1) * (u - 2) / 6 * before
        + (u + 1) * (u - 1) * (u - 2) / 2 * here
        - (u + 1) * u * (u - 2) / 2 * after
        + (u + 1) * u * (u - 1) / 6 * beyond
    )
    return np.asarray(cubic, np.float32)
