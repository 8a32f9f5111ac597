"""A backtest: forecasts from rolling origins over a whole series, and how their errors change with time."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from edgeseq.evaluation import baselines
from edgeseq.evaluation.evaluate import Comparison, Evaluation, ForecastSet
from edgeseq.series import Parts, Series
from edgeseq.series.series import Values
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Spec


@dataclass(frozen=True)
class Fold:
    """Some consecutive origins."""

    first: int
    """Row of the series with the first origin: the sample after which the forecast was made."""
    last: int
    comparison: Comparison

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {"first": self.first, "last": self.last, **self.comparison.to_dict()}


@dataclass(frozen=True)
class Backtest:
    """A model beside the baselines over a whole series."""

    judged: Evaluation
    """The forecasts of what came after the training part."""
    seen: Comparison
    """Those from origins within it, which flatter whoever has learned from it."""
    folds: tuple[Fold, ...]
    """The judged forecasts in consecutive folds, as many origins in each."""
    validation: tuple[int, int]
    """First and last row of the validation part, which is judged though it chose the weights."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them: those of the judged forecasts, then `seen` and `folds`."""
        folds = [fold.to_dict() for fold in self.folds]
        return {**self.judged.to_dict(), "seen": self.seen.to_dict(), "folds": folds}


def backtest(predictor: Predictor, series: Series, parts: Parts, *, stride: int = 1, folds: int = 5) -> Backtest:
    """Stream a whole series through a model file once, and judge the forecasts made after every `stride`-th sample.

    The baselines are those of `evaluate`: fitted on the training part, and not again. Raises `UsageError` for
    more folds than origins, `DataError` where no forecast after the training part counts.
    """
    spec = predictor.spec
    values = whole(spec, series, parts)
    first = max(len(parts.train) - 1, 0)  # all that is forecast after this row comes after the training part
    at = np.arange(first % stride, len(values) - spec.horizon, stride)
    seen = int(np.searchsorted(at, first))
    if 0 < len(at) - seen < folds:
        raise UsageError(f"{folds} folds of {len(at) - seen} forecasts: give fewer --folds or a smaller --stride")
    seconds = series.seconds if parts.split else None
    collected = ForecastSet.collect(predictor, baselines.fit(spec, parts), values, at, seconds)
    edges = np.linspace(seen, len(at), folds + 1).astype(int)
    return Backtest(
        judged=collected.evaluate(slice(seen, None)),
        seen=collected.compare(slice(seen)),
        folds=tuple(_fold(collected, start, stop) for start, stop in pairwise(edges.tolist())),
        validation=(parts.validation.start, len(parts.validation.values) - 1),
    )


def whole(spec: Spec, series: Series, parts: Parts) -> Values:
    """Return all samples as one stream.

    Where the test part is a stream of its own, as the sine's is, a gap that starts the stream afresh goes before it.
    """
    if parts.split:
        return series.values
    gap = np.full((spec.gap_limit + 1, len(spec.features)), np.nan, np.float32)
    return np.concatenate([series.values, gap, parts.test.values])


def _fold(collected: ForecastSet, start: int, stop: int) -> Fold:
    rows = collected.origins
    return Fold(int(rows[start]), int(rows[stop - 1]), collected.compare(slice(start, stop)))
