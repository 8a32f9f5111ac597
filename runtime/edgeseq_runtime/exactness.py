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
    noise = random.standard_normal((len(samples), predictor.spec.horizon, len(predictor.spec.known)))
    ahead = [f.mean for f in predictor.spec.known] + 0.5 * noise * [f.std for f in predictor.spec.known]
    known = ahead if predictor.spec.known else None
    begin = 0
    for length in _LENGTHS:
        part = slice(begin, begin + length)
        begin += length
        found = by_block.process(samples[part], times[part] if times else None, None if known is None else known[part])
        for row, sample in enumerate(samples[part]):
            told = None if known is None else known[part][row]
            forecast = by_step.step(sample, times[part][row] if times else None, told)
            if forecast.tobytes() != found.forecasts[row].tobytes():
                return False
            if found.interval and by_step.interval()[0].tobytes() != found.interval[0][row].tobytes():
                return False
    return True
