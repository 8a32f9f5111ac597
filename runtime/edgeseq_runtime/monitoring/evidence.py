"""How sure it is that an interval is too wide, or too narrow, for what comes: whether its width is to move in haste.

Two cumulative sums (E. Page, Continuous inspection schemes, Biometrika 41, 1954) of the logarithm by which what came is
likelier if truths are missed with another probability than the interval's: `SELDOM`, the interval is too wide, or
`OFTEN`, it is too narrow. A sum that falls below 0 begins anew; one that reaches its limit is proof. Here both are
shares of that limit, from 0 to 1.

Forecasts further ahead share most of their errors with those before and after them, so that each truth tells less of
them: the limit grows with the step ahead.
"""

import math

import numpy as np

from edgeseq_runtime.arrays import Float32

SELDOM, OFTEN = 0.03, 0.3
"""The probabilities of a miss that are looked for."""

PROOF = 7.0
"""The limit one step ahead: what came is 1,100 times as likely. It takes 94 hits in a row, or 7 misses."""

SHARED = 0.3
"""By so much of `PROOF` the limit grows with each further step ahead."""

HASTE = np.float32(10)
"""A width moves so many times as far while there is proof."""

TOO_WIDE, TOO_NARROW = range(2)


def scores(horizon: int, targets: int, alpha: float) -> tuple[Float32, Float32]:
    """Return what a hit adds, and what a miss adds to that, each (2, horizon, target): too wide, too narrow.

    `alpha` is the interval's own probability of a miss.
    """
    limits = PROOF * (1 + SHARED * np.arange(horizon))
    hit, miss = (
        np.array([math.log(there / here) for there in wanted])
        for wanted, here in (((1 - SELDOM, 1 - OFTEN), 1 - alpha), ((SELDOM, OFTEN), alpha))
    )
    shape = (2, horizon, targets)
    added, more = (np.broadcast_to(one[:, None, None] / limits[:, None], shape) for one in (hit, miss - hit))
    return np.ascontiguousarray(added, np.float32), np.ascontiguousarray(more, np.float32)
