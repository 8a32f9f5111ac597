"""Events: surprising samples close together, which are to be one alarm, and not to become normal while they last.

An event begins with a sample of more than `BEGINS` bits and ends after `ENDS` samples in a row without. Of its
surprising samples, those of more than `SURPRISING` bits, the first `TEACHES` teach the last ladder, which says how
surprising the most surprising kind is, and those after the first `LASTS`: what stays for good becomes normal. Once a
sample had more than `CERTAIN` bits, no more of them teach until then: normal samples come so far in one of 500,000, and
the next event is to be as surprising as this one. The kinds' own ladders learn of all samples.
"""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.anomalies import layout
from edgeseq_runtime.anomalies.scores import Views
from edgeseq_runtime.arrays import Float32

BEGINS, SURPRISING, CERTAIN = np.float32(10.0), np.float32(6.6), np.float32(19.0)
"""Bits: p-values of 0.001, 0.01 and 0.000002."""

ENDS, TEACHES, LASTS = np.float32(50), np.float32(30), np.float32(300)

PAUSE = np.float32(100)
"""Samples after an alarm without another."""

MOST_COUNTED = np.float32(2.0**24)
"""Where float32 stops counting."""


def move(views: Views, bits: Float32) -> npt.NDArray[np.bool_]:
    """Move events on by samples of so many bits (target, stream); return which samples teach the last ladder."""
    event, taught, quiet = (views[name] for name in (layout.EVENT, layout.TAUGHT, layout.QUIET))
    is_high, was_on = bits > BEGINS, event > 0
    np.copyto(taught, np.float32(0), where=is_high & ~was_on)
    np.copyto(quiet, np.where(is_high, np.float32(0), np.where(was_on, quiet + 1, quiet)))
    event[...] = is_high | (was_on & (quiet <= ENDS))
    counts = (event > 0) & (bits > SURPRISING)
    taught += counts
    np.copyto(taught, np.maximum(taught, TEACHES + 1), where=bits > CERTAIN)
    return np.asarray(~(counts & (taught > TEACHES) & (taught <= LASTS)))
