"""A model file streamed over a series, and compared with the baselines on the same forecasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import numpy as np

from edgeseq.evaluation import baselines, intervals
from edgeseq.evaluation.baselines import Baselines, Origins
from edgeseq.evaluation.intervals import Interval
from edgeseq.evaluation.metrics import Forecasts, Metrics, compute_metrics, rounded
from edgeseq.series import Part, Parts
from edgeseq.series.ahead import over_horizon
from edgeseq.series.gaps import fill
from edgeseq.series.series import Values
from edgeseq.text import decimals_of
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import Figures, Residuals, Score, Spec
from edgeseq_runtime.streaming.sensors import Scale

TIE = 1e-3
"""Two errors that differ by a smaller share than this are called equal."""

_GRAINS = 32
"""How many of float32's steps an error is that comes from rounding: of samples, of their times, and in sums of them."""

LEAD = 50_000
"""Rows that a stream takes before the first forecast that counts, at most, unless its warm-up is longer."""

Chosen: TypeAlias = slice | Origins
"""Some of the origins, by their numbers."""


class Streamer(Protocol):
    """What forecasts a stream: a `Predictor`, or what was compiled."""

    @property
    def spec(self) -> Spec:
        """What it says of itself."""

    def reset(self) -> None:
        """Start afresh."""

    def run(self, samples: Any, *, known: Any = None) -> Float32:
        """Take samples (time, feature), NaN where one is missing; return forecasts (time, horizon, target).

        `known` (time, horizon, column) is what is known ahead, of a model with such columns.
        """


@dataclass(frozen=True)
class Comparison:
    """A model and the baselines, scored on the same forecasts."""

    samples: int
    """How many forecasts were scored."""
    model: Metrics
    baselines: Mapping[str, Metrics]
    rounding: float = field(default=0.0, kw_only=True)
    """The standardised squared error up to which nothing shows but how the data were rounded to float32."""

    @property
    def losses(self) -> list[str]:
        """Names of the baselines that beat the model, by the standardised squared error."""
        own = self.model.total.mse_standardized
        return [name for name, scored in self._rivals() if own > max((1 + TIE) * scored, self.rounding)]

    @property
    def exact(self) -> list[str]:
        """Names of the baselines that are exact, as the model is: their errors and its own are rounding."""
        is_exact = self.model.total.mse_standardized <= self.rounding
        return [name for name, scored in self._rivals() if is_exact and 0 < scored <= self.rounding]

    @property
    def ties(self) -> list[str]:
        """Names of the baselines that are as good as the model, but for less than `TIE`."""
        own, exact = self.model.total.mse_standardized, self.exact
        rivals = [(name, scored) for name, scored in self._rivals() if name not in exact]
        return [name for name, scored in rivals if own <= (1 + TIE) * scored and scored <= (1 + TIE) * own]

    def figures(self) -> Figures:
        """Return what goes into the spec."""
        others = {name: rounded(scored.total) for name, scored in self.baselines.items()}
        return Figures(self.samples, rounded(self.model.total), others)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        others = {name: scored.to_dict() for name, scored in self.baselines.items()}
        return {"samples": self.samples, **self.model.to_dict(), "baselines": others}

    def _rivals(self) -> list[tuple[str, float]]:
        return [(name, scored.total.mse_standardized) for name, scored in self.baselines.items()]


@dataclass(frozen=True)
class Evaluation(Comparison):
    """A model's forecasts over a stretch of a series, judged."""

    spec: Spec
    values: Values
    """The stream that was forecast."""
    origins: Origins
    forecasts: Forecasts
    """The model's, NaN where the stream was not warm."""
    left_out: Mapping[str, str]
    """Baselines that the series does not have -> why."""
    intervals: tuple[Interval, ...]
    """What the model's residuals promise, and what came; empty where it carries none."""
    crps: float | None = None
    """Continuous ranked probability score of the intervals, in the targets' units; see `intervals.crps`."""
    by_sensor: Mapping[str, Comparison] = field(default_factory=dict)
    """The same forecasts for each of several sensors, all in the typical one's numbers; empty for one."""
    baseline_forecasts: Mapping[str, Forecasts] = field(default_factory=dict)
    """The baselines' forecasts at the same origins, by name."""
    seconds: Float64 | None = None
    """When each of `values` was measured, since 1970 UTC (time,); None where that is not known."""

    @property
    def decimals(self) -> int | None:
        """After how many decimals the targets' numbers end; None where they use all digits, or are nobody's own."""
        return None if self.spec.sensors else decimals_of(self.values[:, : len(self.spec.targets)])

    @property
    def best_baseline(self) -> str | None:
        """Name of the baseline with the lowest standardised squared error."""
        scores = {name: value for name, value in self._rivals() if np.isfinite(value)}
        return min(scores, key=scores.__getitem__) if scores else None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        fields = super().to_dict() | {"left_out": dict(self.left_out)}
        if self.by_sensor:
            fields["by_sensor"] = {name: comparison.to_dict() for name, comparison in self.by_sensor.items()}
        if not self.intervals:
            return fields
        return fields | {"intervals": [interval.to_dict() for interval in self.intervals], "crps": self.crps}


@dataclass(frozen=True)
class ForecastSet:
    """The forecasts of the model and of the baselines at the same origins of one stream, and the truth."""

    spec: Spec
    values: Values
    origins: Origins
    model: Forecasts
    truth: Forecasts
    """NaN where it was not measured, or the model had no forecast that counts."""
    baselines: Mapping[str, Forecasts]
    left_out: Mapping[str, str]
    seconds: Float64 | None = None
    """When each of the values was measured (time,); None where that is not known."""
    naive_error: Float64 | None = None
    """The naive forecast's over the training part (target,), which errors are scaled by."""

    @classmethod
    def collect(
        cls, predictor: Streamer, fitted: Baselines, values: Values, at: Origins, seconds: Float64 | None = None
    ) -> "ForecastSet":
        """Stream `values` once, from their beginning, and keep the forecasts made at the rows `at`.

        `seconds` are the values' times (time,), where they are known.
        """
        spec = predictor.spec
        forecasts = forecasts_at(predictor, values, at)
        truth = _known_truth(spec, values, at, forecasts)
        others = {name: forecast(values, at) for name, forecast in fitted.forecasters.items()}
        return cls(spec, values, at, forecasts, truth, others, fitted.left_out, seconds, fitted.naive_error)

    def compare(self, chosen: Chosen = slice(None)) -> Comparison:
        """Score the forecasts at some of the origins."""
        truth = self.truth[chosen]
        return Comparison(
            samples=_counted(truth),
            model=compute_metrics(self.spec, self.model[chosen], truth, self.naive_error),
            baselines={
                name: compute_metrics(self.spec, forecasts[chosen], truth, self.naive_error)
                for name, forecasts in self.baselines.items()
            },
            rounding=_rounding(self.spec),
        )

    def evaluate(self, chosen: Chosen = slice(None)) -> Evaluation:
        """Judge the forecasts at some of the origins. Raises `DataError` where none of them counts."""
        _check_scored(self.spec, self.truth[chosen])
        return Evaluation(
            **vars(self.compare(chosen)),
            spec=self.spec,
            values=self.values,
            origins=self.origins[chosen],
            forecasts=self.model[chosen],
            left_out=self.left_out,
            intervals=intervals.measure_coverage(self.spec, self.model[chosen], self.truth[chosen]),
            crps=intervals.crps(self.spec, self.model[chosen], self.truth[chosen]),
            baseline_forecasts={name: forecasts[chosen] for name, forecasts in self.baselines.items()},
            seconds=self.seconds,
        )


def typical_predictor(model: bytes) -> Predictor:
    """Return what streams the parts that a model was trained on through its file, on the CPU.

    Those of several sensors are in the typical one's numbers already.
    """
    session = open_session(model, provider="cpu")
    sensor = Scale.identity(session.spec) if session.spec.sensors else None
    return Predictor(session, rules=AS_THEY_ARE, sensor=sensor)


def evaluate_test_part(predictor: Streamer, parts: Parts, sensors: Sequence[str] = ()) -> Evaluation:
    """Stream the test part through a model file and score its forecasts, and the baselines', of it.

    The state is warmed up on what precedes the part. A forecast counts where the stream is warm and the truth
    was measured. `sensors` are the names of those whose parts lie one after the other, where they are not those that
    the model was trained on. Raises `DataError` where no forecast counts.
    """
    spec = predictor.spec
    at = parts.test.origins(spec.horizon)
    collected = ForecastSet.collect(predictor, baselines.fit(spec, parts), parts.test.values, at, parts.test.seconds)
    if len(parts.test.stretches) == 1:
        return collected.evaluate()
    edges = [int(np.searchsorted(at, stop)) for _, stop in parts.test.stretches]
    names = sensors or [sensor.name for sensor in spec.sensors]
    each = {name: collected.compare(slice(*pair)) for name, pair in zip(names, pairwise([0, *edges]), strict=True)}
    return replace(collected.evaluate(), by_sensor=each)


def forecasts_at(predictor: Streamer, values: Values, at: Origins) -> Forecasts:
    """Return a model's forecasts at the rows `at` of a stream, rising; NaN where it was not warm.

    Of what lies before them, and between two of them, the last `LEAD` rows are streamed: the state knows no more.
    """
    spec = predictor.spec
    lead = max(LEAD, 10 * spec.warmup)
    forecasts = np.empty((len(at), spec.horizon, len(spec.targets)))
    for chosen in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) > lead) + 1):
        if not len(chosen):
            continue
        first, last = at[chosen[0]], at[chosen[-1]]
        stretch = values[max(0, first - lead) : None if last == at[-1] else last + spec.gap_limit + 2]
        predictor.reset()
        made = _streamed(predictor, stretch)
        made[~fill(stretch, spec.gap_limit).warm(spec.warmup)] = np.nan
        forecasts[chosen] = made[at[chosen] - max(0, first - lead)]
    return forecasts


def _streamed(predictor: Streamer, values: Values) -> Float32:
    """Return a model's forecasts of a stream of samples (time, column), (time, horizon, target)."""
    spec = predictor.spec
    if not spec.known:
        return predictor.run(values)
    features = len(spec.features)
    return predictor.run(values[:, :features], known=over_horizon(values[:, features:], spec.horizon))


def score_part(predictor: Streamer, part: Part) -> tuple[int, Score]:
    """Return how many forecasts over a part count, and the score of them. Raises `DataError` where none does."""
    spec = predictor.spec
    at = part.origins(spec.horizon)
    forecasts = forecasts_at(predictor, part.values, at)
    truth = _known_truth(spec, part.values, at, forecasts)
    _check_scored(spec, truth)
    return _counted(truth), rounded(compute_metrics(spec, forecasts, truth).total)


def residual_quantiles(predictor: Streamer, part: Part) -> Residuals | None:
    """Return quantiles of truth minus forecast over a part, for each horizon step and target.

    None where a step has too few forecasts that count: a short part, or one with gaps.
    """
    at = part.origins(predictor.spec.horizon)
    return intervals.quantiles(
        baselines.truths(predictor.spec, part.values, at) - forecasts_at(predictor, part.values, at)
    )


def _rounding(spec: Spec) -> float:
    """Return the largest standardised squared error that rounding to float32 explains, of any target."""
    steps = (max(abs(target.minimum), abs(target.maximum)) / (target.std or 1.0) for target in spec.target_features)
    return float((_GRAINS * np.finfo(np.float32).eps * max(steps)) ** 2)


def _known_truth(spec: Spec, values: Values, at: Origins, forecasts: Forecasts) -> Forecasts:
    """Return what came, NaN where it was not measured or no forecast counts."""
    return np.where(np.isfinite(forecasts), baselines.truths(spec, values, at), np.nan)


def _check_scored(spec: Spec, truth: Forecasts) -> None:
    if not len(truth):
        raise DataError(f"nothing to score: the part is shorter than the horizon of {spec.horizon} samples")
    if not np.isfinite(truth).any():
        raise DataError(f"nothing to score: the part has no measured sample {spec.warmup} samples after a start or gap")


def _counted(truth: Forecasts) -> int:
    return int(np.isfinite(truth).any(axis=(1, 2)).sum())
