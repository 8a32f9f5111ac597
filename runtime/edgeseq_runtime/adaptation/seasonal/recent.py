"""The second correction: what the last changes, and the season before, tell about the error of the blend.

Recursive least squares as in `correction`, but all knots see the same features and so share one covariance. It has
taken in the features up to those of the sample before; a knot whose truth came learns from those that were seen when
the forecast was made. The step is never longer than what would undo the error, whatever float32 rounds off.
"""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation.correction import FORGETTING, MOST
from edgeseq_runtime.adaptation.seasonal.blend import clipped
from edgeseq_runtime.arrays import Float32

Flags = npt.NDArray[np.bool_]

UNSURE = np.float32(0.05)
"""The variance that a weight begins with, in units of the errors'."""

LARGEST = np.float32(100.0)
"""Of a weight."""

_KEPT = np.float32(1) / FORGETTING

_LEAST = np.float32(1e-30)


def learn(weights: Float32, covariance: Float32, seen: Float32, errors: Float32, known: Flags) -> None:
    """Learn from the errors (stream, knot) of the blend, where they are `known`: change the first two in place.

    `weights` and `seen` are (stream, knot, feature), `covariance` (stream, feature, feature); `seen` of the first knot
    is that of the sample before.
    """
    _take_in(covariance, np.where(known[:, :1], seen[:, 0], np.float32(0)), known[:, 0])
    off = np.where(known, errors - np.einsum("skf,skf->sk", weights, seen), np.float32(0))
    direction = np.matmul(seen, covariance)
    reach = np.einsum("skf,skf->sk", direction, seen)
    weights += (off / np.maximum(reach, 1))[..., None] * direction
    np.clip(weights, -LARGEST, LARGEST, out=weights)


def _take_in(covariance: Float32, seen: Float32, known: Flags) -> None:
    direction = np.matmul(covariance, seen[..., None])[..., 0]
    spread = np.einsum("sf,sf->s", seen, direction)
    direction /= np.sqrt(np.maximum(spread, 0) + FORGETTING)[:, None]
    covariance -= direction[:, :, None] * direction[:, None]
    trace = np.einsum("sff->s", covariance)
    limit = MOST * UNSURE * np.float32(covariance.shape[-1])
    growth = np.minimum(_KEPT, limit / np.maximum(trace, _LEAST))
    covariance *= np.where(known, growth, np.float32(1))[:, None, None]
    broken = spread < 0
    if np.count_nonzero(broken):  # what float32 rounds off has made it no covariance any more
        covariance[broken] = UNSURE * np.eye(covariance.shape[-1], dtype=np.float32)


def correct(weights: Float32, seen: Float32) -> Float32:
    """Return the correction (stream, knot) of what is seen now, (stream, feature)."""
    return clipped(np.matmul(weights, seen[..., None])[..., 0])
