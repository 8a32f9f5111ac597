"""What a stream has learned of its samples' surprises, in a form that outlasts changes of the layout: for a model file.

Ladders go by their kinds' names, each its gaps and then the mean excess over the last rung. A reader takes them where
all of its own kinds are there and have as many rungs as its own; else a stream begins as it would without.
"""

from collections.abc import Mapping

import numpy as np

from edgeseq_runtime.anomalies import layout
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import LearnedAnomalies

FEWEST = 100
"""Samples below which nothing worth keeping has been learned."""

OF_MANY = 0.4
"""Of the logarithm of a fresh stream's gaps, the share of those that were learned of many sensors; the rest is that of
normal scores. A ladder of many is as wide as that of the least regular among them: on it alone, an error of ten
deviations is none. Chosen on made-up series."""


def learned(words: Layout, row: Float32) -> LearnedAnomalies | None:
    """Return what a stream's row (words,) has learned; None where that were too few samples."""
    views = words.views(row.reshape(-1, 1))
    if views[layout.COUNT].min() < FEWEST:
        return None
    gaps, last = views[layout.GAPS][..., 0], views[layout.LAST_GAPS][..., 0]  # (rung, target, kind), (rung, target)
    together = views[layout.TOGETHER][:, 0] if layout.TOGETHER in views else np.zeros(0, np.float32)
    return LearnedAnomalies(
        samples=tuple(map(float, views[layout.COUNT].reshape(-1))),
        means=tuple(map(float, views[layout.MEAN].reshape(-1))),
        deviations=tuple(map(float, views[layout.DEVIATION].reshape(-1))),
        ladders={
            kind.name: tuple(_numbers(gaps[:, target, place]) for target in range(words.targets))
            for place, kind in enumerate(words.kinds)
        },
        last=tuple(_numbers(last[:, target]) for target in range(words.targets)),
        together=_numbers(together),
    )


def take(words: Layout, views: Mapping[str, Float32], known: LearnedAnomalies, most: float) -> None:
    """Write what a model file has learned into a fresh row's views; it counts as `most` samples at most.

    What the file has for other targets, kinds or rungs, as an older one does, is left: streams learn their own. Where
    the scale runs, its means are those of another sensor.
    """
    gaps, last = views[layout.GAPS], views[layout.LAST_GAPS]
    ladders = [known.ladders.get(kind.name, ()) for kind in words.kinds]
    fits = [_fits(ladder, gaps[:, :, place, 0].T) for place, ladder in enumerate(ladders)]
    if len(known.samples) != words.targets or not _fits(known.last, last[..., 0].T) or not all(fits):
        return
    views[layout.COUNT][...] = np.minimum(np.array(known.samples, np.float32), np.float32(most))[:, None]
    if not words.is_running:
        views[layout.MEAN][...] = np.array(known.means, np.float32)[:, None]
        views[layout.DEVIATION][...] = np.array(known.deviations, np.float32)[:, None]
    last[..., 0] = _begun(words, last[..., 0], known.last)
    for place, ladder in enumerate(ladders):
        gaps[:, :, place, 0] = _begun(words, gaps[:, :, place, 0], ladder)
    if layout.TOGETHER in views and len(known.together) == len(views[layout.TOGETHER]):
        views[layout.TOGETHER][:, 0] = known.together


def _begun(words: Layout, normal: Float32, known: tuple[tuple[float, ...], ...]) -> Float32:
    """Return the gaps (rung, target) that a stream begins with."""
    found = np.array(known, np.float32).T
    if not words.takes_any:
        return found
    between = normal ** (1 - OF_MANY) * found**OF_MANY
    return np.array([_numbers(row) for row in between], np.float32)  # the same on every machine


def _fits(ladder: tuple[tuple[float, ...], ...], own: Float32) -> bool:
    """Whether a file's ladders, one for each target, have the rungs of `own` (target, rung)."""
    return len(ladder) == len(own) and all(len(gaps) == own.shape[1] for gaps in ladder)


def _numbers(values: Float32) -> tuple[float, ...]:
    """Return numbers to four digits, which is more than ladders know."""
    return tuple(float(f"{value:.4g}") for value in values.tolist())
