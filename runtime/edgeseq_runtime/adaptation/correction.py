"""A linear correction of forecasts, learned on the device by recursive least squares.

R. Plackett, Biometrika 37 (1950), with exponential forgetting: S. Haykin, Adaptive Filter Theory (2002), chapter 9.
Each target and each knot of the horizon has its own. It begins as no correction at all.

Why it stays bounded: what is seen and what is learned from is clipped to `CLIP`, so that the sum of forgotten squares
that the weights are a minimum of grows by no more than its square a sample; and the covariance's trace is limited.
Together they let the weights grow with the root of the time at most, and the correction itself is clipped as well.
"""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32

FORGETTING = np.float32(0.9997)
"""Weight of an error after each further one: what is 3,300 samples old counts a third."""

UNSURE = np.float32(0.003)
"""The variance that a weight begins with, in units of the errors': how far the first of them may move it."""

MOST = np.float32(100.0)
"""Multiples of that variance that the mean of all may reach. Where nothing new is seen, forgetting lets it grow."""

CLIP = np.float32(6.0)
"""Of what is seen and learned, in typical changes: one glitch teaches no more than that."""

_KEPT = np.float32(1) / FORGETTING

_LEAST = np.float32(1e-30)


def learn(
    weights: Float32,
    covariance: Float32,
    seen: Float32,
    errors: Float32,
    where: npt.NDArray[np.bool_] | bool = True,
    unsure: np.float32 = UNSURE,
) -> None:
    """Learn from the errors (...) of uncorrected forecasts: change weights (feature, ...) and covariance in place.

    `covariance` is (feature, feature, ...). `seen` (feature, ...) are the features that the forecasts were made with;
    zero, as the errors are, but `where` (...).
    """
    direction = np.einsum("ij...,j...->i...", covariance, seen)
    spread = np.einsum("i...,i...->...", seen, direction)
    certainty = np.maximum(spread, 0) + FORGETTING
    weights += (errors - np.einsum("i...,i...->...", weights, seen)) / certainty * direction
    direction /= np.sqrt(certainty)  # of which the product with itself is symmetric to the bit
    covariance -= direction[:, None] * direction
    let_grow(covariance, where, unsure)
    broken = spread < 0
    if np.count_nonzero(broken):  # what float32 rounds off has made it no covariance any more
        covariance[..., broken] = unsure * np.eye(len(seen), dtype=np.float32)[..., None]


def let_grow(covariance: Float32, where: npt.NDArray[np.bool_] | bool = True, unsure: np.float32 = UNSURE) -> None:
    """Forget: let covariances (feature, feature, ...) grow in place, up to their limit, `where` (...)."""
    trace = np.einsum("ii...->...", covariance)
    limit = MOST * unsure * np.float32(len(covariance))
    growth = np.minimum(_KEPT, limit / np.maximum(trace, _LEAST))
    covariance *= growth if where is True else np.where(where, growth, np.float32(1))


def clipped(numbers: Float32, most: np.float32 = CLIP) -> Float32:
    """Return numbers between -most and most."""
    return np.asarray(np.minimum(np.maximum(numbers, -most), most))


def is_covariance(matrices: Float32, unsure: np.float32 = UNSURE) -> bool:
    """Whether matrices (..., feature, feature) can be covariances that began with `unsure` on their diagonal."""
    diagonal = np.diagonal(matrices, axis1=-2, axis2=-1)
    most = 1.01 * MOST * unsure * diagonal.shape[-1]
    return bool(np.isfinite(matrices).all() and (diagonal > 0).all() and (diagonal.sum(axis=-1) <= most).all())
