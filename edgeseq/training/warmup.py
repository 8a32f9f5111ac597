"""The warm-up that a trained model needs: after how many samples a fresh stream forecasts as well as a long one."""

import numpy as np
import numpy.typing as npt

from edgeseq.model.scaling import per_output
from edgeseq.series import Part
from edgeseq.series.ahead import graph_inputs
from edgeseq.series.gaps import Filled, fill
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.backends.base import Session

_STARTS = 48
"""Fresh streams that are compared with one that began long before."""

_EXCESS = 1.05
"""Mean square error, as a multiple of the long stream's, at which a fresh stream counts as warm."""


def measure_warmup(session: Session, part: Part, longest: int) -> int:
    """Return after how many samples a fresh stream forecasts as well as a long one: the spec's warm-up to `longest`.

    Fresh streams are started at many places of `part`, which is all that comes before the test part. Returns `longest`
    where the part has too few samples to tell.
    """
    spec = session.spec
    filled = fill(part.values, spec.gap_limit)
    starts = _starts(filled, longest, longest + spec.horizon)
    if not len(starts) or longest <= spec.warmup:
        return max(longest, spec.warmup)
    samples = graph_inputs(filled.values, len(spec.features), spec.horizon)
    long = _long_forecasts(session, filled, samples)
    rows = starts + np.arange(longest)[:, None]  # (age, start)
    fresh, _ = session.advance(samples[rows], session.fresh(len(starts)))
    targets = len(spec.targets)
    ahead = rows[..., None] + np.arange(1, spec.horizon + 1)
    truth = filled.values[ahead][..., :targets].reshape(*rows.shape, -1)
    deviation = per_output([feature.std for feature in spec.target_features], spec.horizon)
    errors = (np.square((forecasts - truth) / deviation).mean(axis=(1, 2)) for forecasts in (fresh, long[rows]))
    return warmup_from_errors(*errors, least=spec.warmup)


def warmup_from_errors(fresh: Float64, long: Float64, *, least: int) -> int:
    """Return the first age, `least` or more, from which on fresh streams are as good as long ones.

    `fresh` and `long` (age,) are mean square errors. They are compared in blocks of ages, from the end backwards, until
    a block exceeds what is allowed.
    """
    block = max(4, len(fresh) // 16)
    edges = np.arange(least - 1, len(fresh), block)
    warm = len(fresh)
    for start in edges[::-1]:
        if fresh[start : start + block].mean() > _EXCESS * long[start : start + block].mean():
            break
        warm = int(start) + 1
    return warm


def _starts(filled: Filled, before: int, after: int) -> npt.NDArray[np.int64]:
    """Return places, evenly spread, with `before` and `after` samples around each in the same segment."""
    ranges = [
        np.arange(start + before, stop - after) for start, stop in filled.segments if stop - start > before + after
    ]
    places = np.concatenate(ranges) if ranges else np.zeros(0, np.int64)
    return places[:: max(1, len(places) // _STARTS)]


def _long_forecasts(session: Session, filled: Filled, samples: Float32) -> Float32:
    """Return the forecasts of streams that run through each segment, (time, outputs)."""
    forecasts = np.zeros((len(filled.values), session.spec.outputs), np.float32)
    for start, stop in filled.segments:
        y, _ = session.advance(samples[start:stop, None], session.fresh())
        forecasts[start:stop] = y[:, 0]
    return forecasts
