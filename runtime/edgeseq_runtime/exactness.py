"""Whether samples in blocks give what they give one by one, bit by bit: that depends on processor and library."""

from copy import copy

import numpy as np

from edgeseq_runtime.predictor import Predictor

_LENGTHS = (*range(1, 17), 33, 100, 200)
"""Of the blocks that are tried: libraries multiply matrices of few rows, and few rows left over, in other ways."""

_BEGIN = 1.7e9
"""Seconds since 1970."""


def blocks_are_exact(predictor: Predictor) -> bool:
    """Try both ways on some hundred made-up samples of a stream like this one, which is left alone."""
    by_step, by_block = copy(predictor), copy(predictor)
    by_step.reset()
    by_block.reset()
    features, period = predictor.spec.measured, predictor.spec.period
    random = np.random.default_rng(0)
    spread = random.standard_normal((sum(_LENGTHS), len(features)))
    samples = [f.mean for f in features] + 0.5 * spread * [f.std for f in features]
    times = (_BEGIN + (period or 0.0) * np.arange(len(samples))).tolist() if period else None
    begin = 0
    for length in _LENGTHS:
        part = slice(begin, begin + length)
        begin += length
        found = by_block.process(samples[part], times[part] if times else None)
        for row, sample in enumerate(samples[part]):
            forecast = by_step.step(sample, times[part][row] if times else None)
            if forecast.tobytes() != found.forecasts[row].tobytes():
                return False
            if found.interval and by_step.interval()[0].tobytes() != found.interval[0][row].tobytes():
                return False
    return True
