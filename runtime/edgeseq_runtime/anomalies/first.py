"""The row of a stream that has seen nothing, and whether a row can be one at all."""

import numpy as np

from edgeseq_runtime.anomalies import layout
from edgeseq_runtime.anomalies.kinds import CLIP, LEVEL_FORGETTING, MOST_SUM, STEPS, VALUE_CLIP, WORDS, first_gaps
from edgeseq_runtime.anomalies.ladder import LEAST_GAP, MOST_BITS, MOST_SCORE, RUNGS, TOGETHER, first_last_gaps
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.anomalies.learned import take
from edgeseq_runtime.anomalies.scores import LARGEST
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.monitoring.conformal import Quantiles
from edgeseq_runtime.spec import Spec

OF_HALF_WIDTH = {0.5: 1.2, 0.9: 0.49}
"""The mean size of normal errors, of half the width of the interval that holds so many of them."""

MOST_LEARNED, MOST_LEARNED_ELSEWHERE = 20_000.0, 100.0
"""Samples that what a model file brings counts as at most: a device's own series may differ; and of a model for any
sensor, for which it was learned of many others."""


def first_sizes(spec: Spec) -> tuple[Float32, Float32]:
    """Return the typical sizes of errors over validation, one step and farther ahead, each (target,).

    By the inner half of them or by nine tenths, whichever says more: outer ones may be far out. Where they are zero,
    the typical change from sample to sample.
    """
    quantiles = Quantiles(spec)
    widths = {level: quantiles.at((1 + level) / 2) - quantiles.at((1 - level) / 2) for level in OF_HALF_WIDTH}
    sizes = np.max([share * widths[level] / 2 for level, share in OF_HALF_WIDTH.items()], axis=0)
    changes = np.array([feature.change for feature in spec.features[: len(spec.targets)]], np.float64)
    usable = np.where(np.isfinite(changes) & (changes > 0), changes, 1.0)
    near, far = (np.where(sizes[step] > 0, sizes[step], usable) for step in (0, min(spec.horizon, STEPS) - 1))
    return near.clip(1e-30, float(LARGEST)).astype(np.float32), far.clip(1e-30, float(LARGEST)).astype(np.float32)


def first_row(spec: Spec, words: Layout) -> Float32:
    """Return the row of a stream that has seen nothing (words,): with what the model file has learned, where it has."""
    columns = np.zeros((words.words, 1), np.float32)
    views = words.views(columns)
    near, far = first_sizes(spec)
    views[layout.SIZE][...], views[layout.FAR_SIZE][...] = near[:, None], far[:, None]
    views[layout.SPREAD][...] = 1
    views[layout.MEAN][...] = 0 if words.is_running else np.nan
    gaps = np.array([first_gaps(kind.first, RUNGS) for kind in words.kinds], np.float32).T
    views[layout.GAPS][...] = gaps[:, None, :, None]
    views[layout.LAST_GAPS][...] = np.array(first_last_gaps(TOGETHER), np.float32)[:, None, None]
    if words.targets > 1:
        views[layout.TOGETHER][...] = np.array(first_last_gaps(words.targets), np.float32)[:, None]
    if spec.anomalies:
        take(words, views, spec.anomalies, MOST_LEARNED_ELSEWHERE if words.takes_any else MOST_LEARNED)
    for name in (*layout.SUMS, layout.SLOW, layout.VALUES, layout.RUN, layout.MOST):
        views[name][...] = 0
    views[layout.PAUSE][...] = views[layout.ALARM][...] = 0
    for name in (layout.BITS, layout.OWN_BITS, layout.LAST, layout.ANCHOR):
        if name in views:
            views[name][...] = np.nan
    return np.asarray(columns[:, 0])


def might_be(words: Layout, columns: Float32) -> bool:
    """Whether columns (word, stream) can be what streams have learned."""
    views = words.views(columns)
    counted = {
        layout.COUNT: 2.0**24,
        layout.RUN: 2.0**24,
        layout.TAUGHT: 2.0**24,
        layout.QUIET: 2.0**24,
        layout.EVENT: 1.0,
        layout.PAUSE: 2.0**24,
        layout.ALARM: float(len(WORDS)),
    }
    if words.is_running:
        counted[layout.SEEN] = LEVEL_FORGETTING
    between = {layout.SLOW: CLIP, layout.VALUES: VALUE_CLIP}
    gaps = [name for name in (layout.GAPS, layout.LAST_GAPS, layout.TOGETHER) if name in views]
    unknown = {
        layout.BITS: float(MOST_BITS),
        layout.MOST: float(MOST_BITS),
        layout.OWN_BITS: float(MOST_BITS),
        layout.LAST: float(LARGEST),
        layout.MEAN: 2 * float(LARGEST),
    }
    if words.is_running:
        unknown[layout.ANCHOR] = float(LARGEST)
    return bool(
        all((views[name] == np.floor(views[name])).all() for name in counted)
        and all(((views[name] >= 0) & (views[name] <= most)).all() for name, most in counted.items())
        and all((np.abs(views[name]) <= most).all() for name, most in between.items())
        and all(((views[name] > 0) & (views[name] <= LARGEST)).all() for name in (layout.SIZE, layout.FAR_SIZE))
        and all(((views[name] >= 0) & (views[name] <= MOST_SUM)).all() for name in layout.SUMS)
        and ((views[layout.SPREAD] >= 0) & (views[layout.SPREAD] <= CLIP)).all()
        and ((views[layout.DEVIATION] >= 0) & (views[layout.DEVIATION] <= 4 * LARGEST)).all()
        and all(((views[name] >= LEAST_GAP) & (views[name] <= 2 * MOST_SCORE)).all() for name in gaps)
        and all((np.isnan(views[n]) | (np.abs(views[n]) <= most)).all() for n, most in unknown.items())
    )
