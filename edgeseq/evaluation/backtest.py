"""A backtest: forecasts from rolling origins over a whole series, and how their errors change with time."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from edgeseq.evaluation import baselines
from edgeseq.evaluation.baselines import Origins
from edgeseq.evaluation.evaluate import Comparison, Evaluation, ForecastSet
from edgeseq.evaluation.learning import Learner, is_unfitted
from edgeseq.series import Parts, Series, fleet
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
    validation: tuple[int, int] | None
    """First and last row of the validation part, which is judged though it chose the weights; None: several parts."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them: those of the judged forecasts, then `seen` and `folds`."""
        folds = [fold.to_dict() for fold in self.folds]
        return {**self.judged.to_dict(), "seen": self.seen.to_dict(), "folds": folds}


@dataclass(frozen=True)
class Stretch:
    """The rows of one sensor in a series."""

    begin: int
    judged: int
    """First row after the training part."""
    stop: int

    def origins(self, horizon: int, stride: int) -> tuple[Origins, int]:
        """Return every `stride`-th origin, and how many of them lie within the training part."""
        first = max(self.judged - 1, self.begin)  # all that is forecast after this row comes after the training part
        at = np.arange(self.begin + (first - self.begin) % stride, self.stop - horizon, stride)
        return at, int(np.searchsorted(at, first))


def backtest(
    predictor: Predictor,
    series: Series,
    parts: Parts,
    *,
    stride: int = 1,
    folds: int = 5,
    adapt: bool = False,
    spec: Spec | None = None,
) -> Backtest:
    """Stream a whole series through a model file once, and judge the forecasts made after every `stride`-th sample.

    The baselines are those of `evaluate`: fitted on the training part, and not again. Where several sensors lie one
    after the other, a fold holds a stretch of each. With `adapt` the series is streamed once more, with adaptation from
    the end of the training part on, or from the beginning for a model for any sensor; `predictor` itself has none.
    `spec` says what is known of the series, where the
    model's own does not. Raises `UsageError` for more folds than origins, `DataError` where no forecast after the
    training part counts.
    """
    spec = spec or predictor.spec
    values = whole(spec, series, parts)
    stretches = _stretches(spec, series, parts, len(values))
    seen, judged = _in_folds(stretches, spec.horizon, stride, folds)
    at = np.concatenate([seen, *judged])
    seconds = series.seconds if parts.split else None
    collected = ForecastSet.collect(predictor, baselines.fit(spec, parts), values, at, seconds, spec)
    if adapt:
        all_new = is_unfitted(predictor.spec)
        streams = [Learner(each.begin, each.begin if all_new else each.judged, each.stop) for each in stretches]
        collected = collected.with_adaptation(predictor, streams)
    edges = np.cumsum([len(seen), *map(len, judged)]).tolist()
    evaluation = collected.evaluate(slice(len(seen), None))
    return Backtest(
        judged=replace(evaluation, by_sensor=_by_sensor(collected, series, parts, len(seen))),
        seen=collected.compare(slice(len(seen))),
        folds=tuple(_fold(collected, start, stop) for start, stop in pairwise(edges)),
        validation=None if len(series.sensors) > 1 else (parts.validation.start, len(parts.validation.values) - 1),
    )


def _stretches(spec: Spec, series: Series, parts: Parts, rows: int) -> list[Stretch]:
    """Return the rows of each sensor; of all, where there is one."""
    if len(parts.test.stretches) == 1:
        return [Stretch(0, len(parts.train), rows)]
    gap = fleet.gap_rows(spec.gap_limit)
    trained = [end - begin for begin, end in pairwise([*parts.begins, len(parts.train) + gap])]
    stops = [stop for _, stop in parts.test.stretches]
    begins = [0, *(stop + gap for stop in stops[:-1])]
    assert len(begins) == len(series.sensors) == len(trained)
    return [
        Stretch(begin, begin + count - gap, stop) for begin, count, stop in zip(begins, trained, stops, strict=True)
    ]


def _in_folds(stretches: list[Stretch], horizon: int, stride: int, folds: int) -> tuple[Origins, list[Origins]]:
    """Return the origins within the training parts, and those after them by fold."""
    seen: list[Origins] = []
    pieces: list[list[Origins]] = [[] for _ in range(folds)]
    for stretch in stretches:
        at, within = stretch.origins(horizon, stride)
        if 0 < len(at) - within < folds:
            raise UsageError(f"{folds} folds of {len(at) - within} forecasts: give fewer --folds or a smaller --stride")
        edges = np.linspace(within, len(at), folds + 1).astype(int)
        seen.append(at[:within])
        for fold, (start, stop) in zip(pieces, pairwise(edges.tolist()), strict=True):
            fold.append(at[start:stop])
    return np.concatenate(seen), [np.concatenate(fold) for fold in pieces]


def _by_sensor(collected: ForecastSet, series: Series, parts: Parts, first: int) -> dict[str, Comparison]:
    """Return the comparison of each of several sensors, over the forecasts from number `first` on."""
    if len(parts.test.stretches) == 1:
        return {}
    stops = np.array([stop for _, stop in parts.test.stretches])
    whose = np.searchsorted(stops, collected.origins, side="right")
    whose[:first] = -1
    return {
        sensor.name: collected.compare(np.flatnonzero(whose == number)) for number, sensor in enumerate(series.sensors)
    }


def whole(spec: Spec, series: Series, parts: Parts) -> Values:
    """Return all samples as one stream.

    Where the test part is a stream of its own, as the sine's is, a gap that starts the stream afresh goes before it.
    """
    if parts.split:
        return series.values
    gap = np.full((spec.gap_limit + 1, series.values.shape[1]), np.nan, np.float32)
    return np.concatenate([series.values, gap, parts.test.values])


def _fold(collected: ForecastSet, start: int, stop: int) -> Fold:
    rows = collected.origins
    return Fold(int(rows[start]), int(rows[stop - 1]), collected.compare(slice(start, stop)))
