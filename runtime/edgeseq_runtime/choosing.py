"""Which of several providers runs a model fastest: each is tried for a moment."""

import time
from collections.abc import Callable

_MOMENT = 0.05
"""Seconds that each provider is timed for, after its first step."""


def seconds_a_step(step: Callable[[], object]) -> float:
    """Return the least time that a step takes, of all that fit in a moment; the first one sets up, and is left out."""
    step()
    best, end = float("inf"), time.perf_counter() + _MOMENT
    while (begin := time.perf_counter()) < end:
        step()
        best = min(best, time.perf_counter() - begin)
    return best
