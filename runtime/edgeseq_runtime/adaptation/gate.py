"""The gate at each knot: adapted forecasts go out only while they have done clearly better than the network's own.

It opens where, over some hundred samples, the network has lost more than `MARGIN` of its largest squared errors
against what was said instead: one lucky forecast opens none.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32

MEMORY = np.float32(0.995)
"""Weight in the gate's sums of a squared error after each further one."""

WORST = np.float32(64.0)
"""The largest squared error, in squared typical changes, that the gate counts."""

MARGIN = np.float32(2.0)
"""The gate opens where the network has lost more than so many of its largest squared errors."""

MOST_TAUGHT = 2.0**24
"""Samples that taught, where float32 stops counting."""


def learn(
    views: Mapping[str, Float32], where: npt.NDArray[np.bool_] | bool, came: Float32, own: Float32, said: Float32
) -> None:
    """Count, `where` a truth came, by how much what was said has been better than the network's own forecasts.

    `came`, `own` and `said` are (..., knot), in typical changes; `gain` and `worst` of the views change in place.
    """
    lost, lost_by_all = (np.minimum(np.square(came - forecast), WORST) for forecast in (own, said))
    gain, worst = views["gain"], views["worst"]
    np.copyto(gain, MEMORY * gain + (lost_by_all - lost), where=where)
    np.copyto(worst, np.maximum(MEMORY * worst, lost), where=where)
