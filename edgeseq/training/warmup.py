"""How long a fresh stream takes until its forecasts are as good as those of one that never ends."""

import numpy as np
import numpy.typing as npt

from edgeseq.model.scaling import per_output
from edgeseq.series import Part
from edgeseq.series.gaps import Filled, fill
from edgeseq_runtime.backends.base import Session

_STARTS = 48
"""Fresh streams that are compared with one that began long before."""

_EXCESS = 1.05
"""Mean square error, as a multiple of the long stream's, at which a fresh stream counts as settled."""


def settled_after(session: Session, part: Part, longest: int) -> int:
    """Return after how many samples a fresh stream forecasts as a long one does: the spec's warm-up to `longest`.

    Measured over all that comes before the test part: streams begin afresh at many places. `longest` where there are
    too few samples to tell.
    """
    spec = session.spec
    filled = fill(part.values, spec.gap_limit)
    starts = _starts(filled, longest, longest + spec.horizon)
    if not len(starts) or longest <= spec.warmup:
        return max(longest, spec.warmup)
    long = _long(session, filled)
    rows = starts + np.arange(longest)[:, None]  # (age, start)
    fresh, _ = session.advance(filled.values[rows], session.fresh(len(starts)))
    targets = len(spec.targets)
    ahead = rows[..., None] + np.arange(1, spec.horizon + 1)
    truth = filled.values[ahead][..., :targets].reshape(*rows.shape, -1)
    deviation = per_output([feature.std for feature in spec.target_features], spec.horizon)
    own, other = (np.square((made - truth) / deviation).mean(axis=(1, 2)) for made in (fresh, long[rows]))
    return _first_settled(own, other, spec.warmup)


def _first_settled(own: npt.NDArray[np.float64], other: npt.NDArray[np.float64], least: int) -> int:
    """Return the first age from which on the errors by age, in blocks, stay within the excess that is allowed."""
    block = max(4, len(own) // 16)
    edges = np.arange(least - 1, len(own), block)
    settled = len(own)
    for start in edges[::-1]:
        if own[start : start + block].mean() > _EXCESS * other[start : start + block].mean():
            break
        settled = int(start) + 1
    return settled


def _starts(filled: Filled, before: int, after: int) -> npt.NDArray[np.int64]:
    """Return places, evenly spread, with `before` and `after` samples around each in the same segment."""
    rooms = [
        np.arange(start + before, stop - after) for start, stop in filled.segments if stop - start > before + after
    ]
    places = np.concatenate(rooms) if rooms else np.zeros(0, np.int64)
    return places[:: max(1, len(places) // _STARTS)]


def _long(session: Session, filled: Filled) -> npt.NDArray[np.float32]:
    """Return the forecasts of streams that run through each segment, (time, outputs)."""
    made = np.zeros((len(filled.values), session.spec.outputs), np.float32)
    for start, stop in filled.segments:
        y, _ = session.advance(filled.values[start:stop, None], session.fresh())
        made[start:stop] = y[:, 0]
    return made
