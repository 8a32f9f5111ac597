"""What a sample's scores are: made of errors of forecasts of it, as multiples of typical ones, and of the sample."""

from collections.abc import Mapping

import numpy as np

from edgeseq_runtime.anomalies import kinds, layout
from edgeseq_runtime.anomalies.kinds import Kind
from edgeseq_runtime.anomalies.ladder import MOST_SCORE
from edgeseq_runtime.arrays import Float32

LARGEST = np.float32(1e30)
"""Errors and samples count as so much at most, so that what is computed of them is a number."""

LEAST_SPREAD = np.float32(1e-6)
"""Of which the score of silence is the inverse at most."""

NOTHING = np.float32(0)

Views = Mapping[str, Float32]


def take(views: Views, found: tuple[Kind, ...], errors: Float32, far: Float32, samples: Float32) -> Float32:
    """Take samples (target, stream), and errors of forecasts of them one step and farther ahead; return their scores.

    (target, kind, stream). Errors are numbers but for the farther ones, NaN where there are none.
    """
    size = errors / views[layout.SIZE]
    clipped = _clipped(size, kinds.CLIP)
    distant = np.where(np.isnan(far), NOTHING, _clipped(far / views[layout.FAR_SIZE], kinds.CLIP))
    slow, spread = views[layout.SLOW], views[layout.SPREAD]
    slow += np.float32(kinds.SLOW) * (clipped - slow)
    spread += np.float32(kinds.SPREAD) * (np.abs(clipped) - spread)
    run, last = views[layout.RUN], views[layout.LAST]
    np.copyto(run, np.where(samples == last, run + 1, np.float32(0)))
    last[...] = samples
    value = _take_value(views, samples)
    values = views[layout.VALUES]
    most = np.float32(kinds.VALUE_CLIP)
    values += np.float32(kinds.VALUES) * (np.minimum(np.maximum(value, -most), most) - values)
    made = {
        kinds.ERROR: np.minimum(np.abs(size), MOST_SCORE),
        kinds.NEAR_SUM: _take_sums(views[layout.RISE], views[layout.FALL], _clipped(size, kinds.SUM_CLIP)),
        kinds.FAR_SUM: _take_sums(views[layout.FAR_RISE], views[layout.FAR_FALL], distant),
        kinds.SLOW_MEAN: np.abs(slow),
        kinds.LOUD: spread,
        kinds.SILENT: 1 / np.maximum(spread, LEAST_SPREAD),
        kinds.RUN: run,
        kinds.HIGH: np.maximum(value, NOTHING),
        kinds.LOW: np.maximum(-value, NOTHING),
        kinds.HIGH_MEAN: np.maximum(values, NOTHING),
        kinds.LOW_MEAN: np.maximum(-values, NOTHING),
    }
    return np.stack([made[kind.name] for kind in found], axis=1)


def _take_sums(rise: Float32, fall: Float32, errors: Float32) -> Float32:
    """Add errors to their sums upwards and downwards, all (target, stream); return the larger before the allowance.

    A two-sided CUSUM, see `kinds.ALLOWANCE`. With the allowance taken, most scores would be 0, and no ladder can tell
    those apart.
    """
    upwards, downwards = rise + errors, fall - errors
    for sums, grown in ((rise, upwards), (fall, downwards)):
        left = np.maximum(grown - np.float32(kinds.ALLOWANCE), NOTHING)
        np.minimum(left, np.float32(kinds.MOST_SUM), out=sums)
    return np.asarray(np.maximum(upwards, downwards))


def _take_value(views: Views, samples: Float32) -> Float32:
    """Return how far samples are from the running mean of those before, of the mean distance; move both on."""
    mean, deviation, count = views[layout.MEAN], views[layout.DEVIATION], seen(views)
    anchor = views.get(layout.ANCHOR)
    if anchor is None:
        np.copyto(mean, samples, where=np.isnan(mean))
        distance = samples - mean
    else:
        distance = np.where(np.isnan(anchor), NOTHING, mean + (samples - anchor))
    far, varies = distance, deviation > 0
    ratio = np.minimum(np.maximum(distance / deviation, -MOST_SCORE), MOST_SCORE)
    value = np.where(varies & (count >= np.float32(kinds.LEAST_VALUES)), ratio, NOTHING)
    most = np.float32(kinds.CLIP) * deviation
    distance = np.where(varies, np.minimum(np.maximum(distance, -most), most), distance)
    since = np.minimum(count + 1, np.float32(kinds.LEVEL_FORGETTING))
    if anchor is None:
        mean += distance / since
    else:
        is_near = distance == far
        np.copyto(anchor, samples, where=is_near)
        mean[...] = np.where(is_near, distance, mean) - distance / since
    deviation += (np.abs(distance) - deviation) / since
    return value


def seen(views: Views) -> Float32:
    """Return how many samples of their own streams' values and sizes of errors are means of, (target, stream)."""
    return views[layout.SEEN] if layout.SEEN in views else views[layout.COUNT]


def take_sizes(views: Views, errors: Float32, far: Float32, least: tuple[Float32, Float32]) -> None:
    """Move typical sizes of errors on, (target, stream); `least` (target, 1) each is below what none falls."""
    since = np.minimum(seen(views) + np.float32(kinds.FIRST_COUNTS), np.float32(kinds.FORGETTING))
    for name, found, lowest in zip((layout.SIZE, layout.FAR_SIZE), (errors, far), least, strict=True):
        size = views[name]
        counted = np.minimum(np.abs(found), np.float32(kinds.MOST_OF_SIZE) * size)
        moved = np.maximum(size + (counted - size) / since, lowest)
        np.copyto(size, moved, where=~np.isnan(found))


def _clipped(numbers: Float32, most: float) -> Float32:
    return np.minimum(np.maximum(numbers, np.float32(-most)), np.float32(most))
