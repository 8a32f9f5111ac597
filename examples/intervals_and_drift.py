"""Prediction intervals that hold what they promise, and a flag that rises when the series is no longer the same.

    python intervals_and_drift.py

The intervals begin as the quantiles of the residuals over the validation part, and adapt to what comes.
"""

from itertools import pairwise

import numpy as np

import edgeseq
import edgeseq_export
from edgeseq_runtime import Predictor

random = np.random.default_rng(0)


def pump(samples: int, noise: float) -> np.ndarray:
    """Return a made-up pressure in bar, (time,): a cycle of 40 samples, and noise of this deviation."""
    return 5 + np.sin(np.arange(samples) * 2 * np.pi / 40) + noise * random.standard_normal(samples)


np.savetxt("pump.csv", pump(2000, noise=0.1), header="pressure", comments="", fmt="%.4f")
series, parts = edgeseq.load("pump.csv", time="none")
checkpoint = edgeseq.fit(series, parts, hidden=12, steps=60)
predictor = Predictor(edgeseq_export.export(checkpoint).content, monitor=True)


def stream(samples: np.ndarray) -> float:
    """Stream samples; return the share of them that lay within the 90 % interval given one sample before."""
    hits, counted = 0, 0
    for sample, following in pairwise(samples):
        predictor.step(sample)
        if predictor.warm:
            lower, upper = predictor.interval(0.9)  # each float32, shape (horizon, target), in bar
            hits += int(lower[0, 0] <= following <= upper[0, 0])
            counted += 1
    return hits / counted


coverage = stream(pump(1001, noise=0.1))
print(f"as in training: {coverage:.1%} of the samples within the 90 % interval; drift: {predictor.drift}")

lower, upper = predictor.interval(0.9)
print(f"next sample: {lower[0, 0]:.2f} to {upper[0, 0]:.2f} bar")

stream(pump(201, noise=0.5))  # a worn valve: five times the noise
lower, upper = predictor.interval(0.9)
print(f"five times the noise: drift: {predictor.drift}; the interval is now {upper[0, 0] - lower[0, 0]:.2f} bar wide")
