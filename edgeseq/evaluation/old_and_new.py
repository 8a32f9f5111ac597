"""An old model and a new one on the same samples: which forecasts better, and whether more than by chance."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgeseq.evaluation import baselines
from edgeseq.evaluation.evaluate import adapted_at, forecasts_at, typical_predictor
from edgeseq.evaluation.learning import MOST_LEARNED, Learner, learners
from edgeseq.evaluation.metrics import Forecasts, compute_metrics, rounded
from edgeseq.series import Parts
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.spec import Score, Spec

STATIC, ADAPTED = "static", "adapted"

LEAST_BLOCK = 10
"""Forecasts in a block of errors, at least, and as many as the horizon: those of neighbours go together."""

LEAST_BLOCKS, MOST_BLOCKS = 4, 10
"""Blocks that the test part is cut into."""

_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Student's t that one of forty exceeds by chance, for 1 ... 9 degrees of freedom."""


@dataclass(frozen=True)
class Verdict:
    """What the newest part showed."""

    samples: int
    """Forecasts that both models made."""
    scores: Mapping[tuple[str, str], Score]
    """("old" or "new", `STATIC` or `ADAPTED`) -> errors, on the same forecasts."""
    as_used: tuple[str, str]
    """How the old and the new model run by their files: static or adapted."""
    lower: float
    """How much lower the new model's squared error is, as a share of the old one's; below 0 it is higher."""
    certainty: float
    """The difference in its standard errors; NaN where there are too few forecasts to tell."""
    needed: float
    """How many of these there must be for the new model to be called better."""

    @property
    def is_better(self) -> bool:
        """Whether the new model is better, and by more than chance explains."""
        return self.certainty > self.needed

    def score(self, which: str) -> Score:
        """Return the errors of "old" or "new" as it is used."""
        return self.scores[which, self.as_used[which == "new"]]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        models = {
            name: {k: vars(score) for (n, k), score in self.scores.items() if n == name} for name in ("old", "new")
        }
        return {
            "better": self.is_better,
            "samples": self.samples,
            "lower": round(self.lower, 6),
            "standard_errors": None if math.isnan(self.certainty) else round(self.certainty, 3),
            "needed": self.needed,
            "as_used": dict(zip(("old", "new"), self.as_used, strict=True)),
            **models,
        }


def compare(old: bytes, new: bytes, parts: Parts) -> Verdict:
    """Stream a test part through two model files, static and adapted, and compare them where both have a forecast.

    Each counts as its file would run it. Errors are standardised by the new model's training part. Raises `DataError`
    where there is no forecast to compare.
    """
    forecasts: dict[tuple[str, str], Forecasts] = {}
    as_used = []
    for name, content in (("old", old), ("new", new)):
        predictor = typical_predictor(content)
        spec, at = predictor.spec, parts.test.origins(predictor.spec.horizon)
        forecasts[name, STATIC] = forecasts_at(predictor, parts.test.values, at)
        with contextlib.suppress(UsageError):  # of a network that cannot adapt
            streams = _streams(parts, from_training=name == "old")
            forecasts[name, ADAPTED] = adapted_at(predictor, parts.test.values, at, streams)
        as_used.append(ADAPTED if spec.adapt and (name, ADAPTED) in forecasts else STATIC)
    known = np.logical_and.reduce([np.isfinite(values) for values in forecasts.values()])
    truth = np.where(known, baselines.truths(spec, parts.test.values, at), np.nan)
    if not np.isfinite(truth).any():
        raise DataError("the newest part has no sample that both models forecast once they are warm")
    scores = {which: rounded(compute_metrics(spec, values, truth).total) for which, values in forecasts.items()}
    squares = [_squares(spec, forecasts[name, kind], truth) for name, kind in zip(("old", "new"), as_used, strict=True)]
    lower, certainty, needed = significance(squares[0], squares[1], spec.horizon)
    samples = int(np.isfinite(truth).any(axis=(1, 2)).sum())
    return Verdict(samples, scores, (as_used[0], as_used[1]), lower, certainty, needed)


def _streams(parts: Parts, *, from_training: bool) -> list[Learner]:
    """Return what learns before the test part: from the validation part on, or from the training part of one stream.

    All of these are new to the old model, which would have learned from them. The new one knows its training part.
    """
    streams = learners(parts.test, parts.validation)
    if not from_training or len(streams) > 1:
        return streams
    (one,) = streams
    first = parts.test.start - min(MOST_LEARNED, len(parts.train) + parts.validation.samples)
    return [replace(one, learns=max(one.begin, first))]


def significance(old: Float64, new: Float64, horizon: int) -> tuple[float, float, float]:
    """Return how much lower the new squared errors are, in how many standard errors, and how many it takes.

    `old` and `new` (origin,), NaN where nothing was scored. The standard error is that of the mean difference in
    consecutive blocks of equal length (batch means), which are so long that forecasts of one sample are in two at
    most. What is called better by chance is one in forty (Student's t).
    """
    known = np.isfinite(old) & np.isfinite(new)
    difference = (old - new)[known]
    lower = float(difference.mean() / old[known].mean()) if old[known].any() else 0.0
    blocks = min(MOST_BLOCKS, len(difference) // max(LEAST_BLOCK, horizon))
    if blocks < LEAST_BLOCKS:
        return lower, math.nan, _STUDENT[LEAST_BLOCKS - 2]
    means = np.array([block.mean() for block in np.array_split(difference, blocks)])
    error = float(means.std(ddof=1) / np.sqrt(blocks))
    certainty = float(means.mean()) / error if error else math.copysign(math.inf, lower) if lower else 0.0
    return lower, certainty, _STUDENT[blocks - 2]


def _squares(spec: Spec, forecasts: Forecasts, truth: Forecasts) -> Float64:
    """Return the mean standardised squared error of each origin, NaN where nothing is known."""
    deviations = np.array([feature.std for feature in spec.target_features])
    squares = ((forecasts - truth) / deviations) ** 2
    counted = np.isfinite(squares).sum(axis=(1, 2))
    return np.asarray(np.where(counted, np.nansum(squares, axis=(1, 2)) / np.maximum(counted, 1), np.nan))
