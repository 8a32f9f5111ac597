"""Events: surprising samples close together, which are to be one alarm, and not to become normal while they last.

An event begins with a sample of more than `BEGINS` bits and ends after `ENDS` samples in a row without. Of its
surprising samples, those of more than `SURPRISING` bits, the first `TEACHES` teach the ladders, and those after the
first `LASTS`: what stays for good becomes normal.
"""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.anomalies import layout
from edgeseq_runtime.anomalies.scores import Views
from edgeseq_runtime.arrays import Float32

BEGINS, SURPRISING = np.float32(10.0), np.float32(6.6)
"""Bits: p-values of 0.001 and 0.01."""

ENDS, TEACHES, LASTS = np.float32(50), np.float32(60), np.float32(300)

PAUSE = np.float32(100)
"""Samples after an alarm without another."""

MOST_COUNTED = np.float32(2.0**24)
"""Where float32 stops counting."""


def move(views: Views, bits: Float32) -> npt.NDArray[np.bool_]:
    """Move events on by samples of so many bits (target, stream); return which samples teach."""
    event, taught, quiet = (views[name] for name in (layout.EVENT, layout.TAUGHT, layout.QUIET))
    is_high, was_on = bits > BEGINS, event > 0
    np.copyto(taught, np.float32(0), where=is_high & ~was_on)
    np.copyto(quiet, np.where(is_high, np.float32(0), np.where(was_on, quiet + 1, quiet)))
    event[...] = is_high | (was_on & (quiet <= ENDS))
    counts = (event > 0) & (bits > SURPRISING)
    taught += counts
    return np.asarray(~(counts & (taught > TEACHES) & (taught <= LASTS)))
