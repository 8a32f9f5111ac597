"""A model file streamed over a series, and compared with the baselines on the same forecasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from edgeseq.evaluation import baselines, intervals
from edgeseq.evaluation.baselines import Baselines, Origins
from edgeseq.evaluation.intervals import Interval
from edgeseq.evaluation.learning import Learner, adapted_forecasts, is_unfitted, learners
from edgeseq.evaluation.metrics import Forecasts, Metrics, compute_metrics, rounded
from edgeseq.evaluation.samples import Samples, Streamer
from edgeseq.model import running_scale
from edgeseq.series import Part, Parts
from edgeseq.series.gaps import fill
from edgeseq.series.series import Values
from edgeseq.text import decimals_of
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import RUNNING, Figures, Residuals, Score, Spec
from edgeseq_runtime.streaming.sensors import Scale

TIE = 1e-3
"""Two errors that differ by a smaller share than this are called equal."""

_GRAINS = 32
"""How many of float32's steps an error is that comes from rounding: of samples, of their times, and in sums of them."""

_FINE = 0.01
"""In deviations: a larger error is rounding only where a single step of float32 is as large."""

LEAD = 50_000
"""Rows that a stream takes before the first forecast that counts, at most, unless its warm-up is longer."""

Chosen: TypeAlias = slice | Origins
"""Some of the origins, by their numbers."""


@dataclass(frozen=True)
class Comparison:
    """A model and the baselines, scored on the same forecasts."""

    samples: int
    """How many forecasts were scored."""
    model: Metrics
    baselines: Mapping[str, Metrics]
    rounding: float = field(default=0.0, kw_only=True)
    """The standardised squared error up to which nothing shows but how the data were rounded to float32."""
    adapted: Metrics | None = field(default=None, kw_only=True)
    """The model with adaptation; None where that was not asked for."""

    @property
    def judged(self) -> Metrics:
        """What is held against the baselines: the model as a device runs it, with adaptation where that is on."""
        return self.adapted or self.model

    @property
    def losses(self) -> list[str]:
        """Names of the baselines that beat the model, by the standardised squared error."""
        own = self.judged.total.mse_standardized
        return [name for name, scored in self._rivals() if own > max((1 + TIE) * scored, self.rounding)]

    @property
    def exact(self) -> list[str]:
        """Names of the baselines that are exact, as the model is: their errors and its own are rounding."""
        is_exact = self.judged.total.mse_standardized <= self.rounding
        return [name for name, scored in self._rivals() if is_exact and 0 < scored <= self.rounding]

    @property
    def ties(self) -> list[str]:
        """Names of the baselines that are as good as the model, but for less than `TIE`."""
        own, exact = self.judged.total.mse_standardized, self.exact
        rivals = [(name, scored) for name, scored in self._rivals() if name not in exact]
        return [name for name, scored in rivals if own <= (1 + TIE) * scored and scored <= (1 + TIE) * own]

    def figures(self) -> Figures:
        """Return what goes into the spec."""
        others = {name: rounded(scored.total) for name, scored in self.baselines.items()}
        adapted = rounded(self.adapted.total) if self.adapted else None
        return Figures(self.samples, rounded(self.model.total), others, adapted)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        others = {name: scored.to_dict() for name, scored in self.baselines.items()}
        adapted = {"adapted": self.adapted.to_dict()} if self.adapted else {}
        return {"samples": self.samples, **self.model.to_dict(), **adapted, "baselines": others}

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
    adapted_intervals: tuple[Interval, ...] = ()
    """What came within the same intervals around the forecasts with adaptation."""
    adapted_crps: float | None = None
    by_sensor: Mapping[str, Comparison] = field(default_factory=dict)
    """The same forecasts for each of several sensors, all in the typical one's numbers; empty for one."""
    baseline_forecasts: Mapping[str, Forecasts] = field(default_factory=dict)
    """The baselines' forecasts at the same origins, by name."""
    seconds: Float64 | None = None
    """When each of `values` was measured, since 1970 UTC (time,); None where that is not known."""
    adapted_forecasts: Forecasts | None = None
    """The model's with adaptation, at the same origins; None where that was not asked for."""

    @property
    def judged_forecasts(self) -> Forecasts:
        """Those of `judged`."""
        return self.forecasts if self.adapted_forecasts is None else self.adapted_forecasts

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
        if self.adapted:
            fields["adapted"] |= _intervals_to_dict(self.adapted_intervals, self.adapted_crps)
        return fields | _intervals_to_dict(self.intervals, self.crps)


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
    adapted: Forecasts | None = None
    """The model's with adaptation; None where that was not asked for."""

    @classmethod
    def collect(
        cls,
        predictor: Streamer,
        fitted: Baselines,
        values: Values,
        at: Origins,
        seconds: Float64 | None = None,
        spec: Spec | None = None,
    ) -> "ForecastSet":
        """Stream `values` once, from their beginning, and keep the forecasts made at the rows `at`.

        `seconds` are the values' times (time,), where they are known; `spec` says what is known of the series, where
        the model's own does not.
        """
        spec = spec or predictor.spec
        forecasts = forecasts_at(predictor, values, at)
        truth = _known_truth(spec, values, at, forecasts)
        others = {name: forecast(values, at) for name, forecast in fitted.forecasters.items()}
        return cls(spec, values, at, forecasts, truth, others, fitted.left_out, seconds, fitted.naive_error)

    def with_adaptation(self, predictor: Predictor, streams: Sequence[Learner]) -> "ForecastSet":
        """Return the same with the forecasts of streams that go on learning. Raises what `adapted_forecasts` does."""
        return replace(self, adapted=adapted_at(predictor, self.values, self.origins, streams))

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
            adapted=None
            if self.adapted is None
            else compute_metrics(self.spec, self.adapted[chosen], truth, self.naive_error),
        )

    def evaluate(self, chosen: Chosen = slice(None)) -> Evaluation:
        """Judge the forecasts at some of the origins. Raises `DataError` where none of them counts."""
        spec, truth = self.spec, self.truth[chosen]
        _check_scored(spec, truth)
        adapted = None if self.adapted is None else self.adapted[chosen]
        scale = running_scales(spec, self.values)[self.origins[chosen]] if spec.scaling == RUNNING else None
        return Evaluation(
            **vars(self.compare(chosen)),
            spec=spec,
            values=self.values,
            origins=self.origins[chosen],
            forecasts=self.model[chosen],
            left_out=self.left_out,
            intervals=intervals.measure_coverage(spec, self.model[chosen], truth, scale),
            crps=intervals.crps(spec, self.model[chosen], truth, scale),
            adapted_intervals=() if adapted is None else intervals.measure_coverage(spec, adapted, truth, scale),
            adapted_crps=None if adapted is None else intervals.crps(spec, adapted, truth, scale),
            baseline_forecasts={name: forecasts[chosen] for name, forecasts in self.baselines.items()},
            seconds=self.seconds,
            adapted_forecasts=adapted,
        )


def typical_predictor(model: bytes) -> Predictor:
    """Return what streams the parts that a model was trained on through its file, on the CPU, without adaptation.

    Those of several sensors are in the typical one's numbers already.
    """
    session = open_session(model, provider="cpu")
    sensor = Scale.identity(session.spec) if session.spec.sensors else None
    return Predictor(session, rules=AS_THEY_ARE, sensor=sensor, adapt=False)


def evaluate_test_part(
    predictor: Predictor,
    parts: Parts,
    sensors: Sequence[str] = (),
    *,
    adapt: bool = False,
    spec: Spec | None = None,
) -> Evaluation:
    """Stream the test part through a model file and score its forecasts, and the baselines', of it.

    The state is warmed up on what precedes the part. A forecast counts where the stream is warm and the truth
    was measured. `sensors` are the names of those whose parts lie one after the other, where they are not those that
    the model was trained on. With `adapt` the part is streamed once more, with adaptation from the validation part on,
    or from the beginning for a model for any sensor; `predictor` itself has none; `spec` says what is known of the
    series, where the model's own does not. Raises
    `DataError` where no forecast counts.
    """
    spec = spec or predictor.spec
    at = parts.test.origins(spec.horizon)
    fitted = baselines.fit(spec, parts)
    collected = ForecastSet.collect(predictor, fitted, parts.test.values, at, parts.test.seconds, spec)
    if adapt:
        streams = learners(parts.test, parts.validation, all_new=is_unfitted(predictor.spec))
        collected = collected.with_adaptation(predictor, streams)
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
    samples = Samples(spec, values)
    forecasts = np.empty((len(at), spec.horizon, len(spec.targets)))
    for chosen in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) > lead) + 1):
        if not len(chosen):
            continue
        first, last = at[chosen[0]], at[chosen[-1]]
        start, stop = max(0, first - lead), len(values) if last == at[-1] else last + spec.gap_limit + 2
        predictor.reset()
        made = samples.run(predictor, start, stop)
        made[~fill(values[start:stop], spec.gap_limit).warm(spec.warmup)] = np.nan
        forecasts[chosen] = made[at[chosen] - start]
    return forecasts


def adapted_at(predictor: Predictor, values: Values, at: Origins, streams: Sequence[Learner]) -> Forecasts:
    """Return the same where the streams go on learning."""
    forecasts = adapted_forecasts(predictor, values, streams)
    forecasts[~fill(values, predictor.spec.gap_limit).warm(predictor.spec.warmup)] = np.nan
    return forecasts[at]


def score_part(predictor: Streamer, part: Part) -> tuple[int, Score]:
    """Return how many forecasts over a part count, and the score of them. Raises `DataError` where none does."""
    at = part.origins(predictor.spec.horizon)
    return _scored(predictor.spec, part, at, forecasts_at(predictor, part.values, at))


def score_adapted(predictor: Predictor, part: Part, earlier: Part | None = None) -> tuple[int, Score]:
    """Return the same with adaptation from the beginning of an earlier part on, or else of this one.

    `predictor` itself has none. Raises `DataError` as `score_part` does.
    """
    at = part.origins(predictor.spec.horizon)
    return _scored(predictor.spec, part, at, adapted_at(predictor, part.values, at, learners(part, earlier)))


def residual_quantiles(predictor: Streamer, part: Part) -> Residuals | None:
    """Return quantiles of truth minus forecast over a part, for each horizon step and target.

    Of a model whose scale runs along they are in multiples of what that was at the forecast. None where a step has too
    few forecasts that count: a short part, or one with gaps.
    """
    spec, at = predictor.spec, part.origins(predictor.spec.horizon)
    errors = baselines.truths(spec, part.values, at) - forecasts_at(predictor, part.values, at)
    if spec.scaling == RUNNING:
        scale = running_scales(spec, part.values)[at]
        errors /= np.where(scale > 0, scale, np.nan)[:, None, None]
    return intervals.quantiles(errors)


def running_scales(spec: Spec, values: Values) -> Float64:
    """Return the scale that runs along with a series (time, 1), after each row (time,); NaN between its segments."""
    filled = fill(values, spec.gap_limit)
    made = np.full(len(values), np.nan)
    for start, stop in filled.segments:
        made[start:stop] = running_scale.scales(filled.values[start:stop, 0].astype(np.float64))
    return made


def _rounding(spec: Spec) -> float:
    """Return the largest standardised squared error that rounding to float32 explains, of any target."""
    sizes = (max(abs(target.minimum), abs(target.maximum)) / (target.std or 1.0) for target in spec.target_features)
    step = float(np.finfo(np.float32).eps) * max(sizes)
    return min(_GRAINS * step, max(step, _FINE)) ** 2


def _known_truth(spec: Spec, values: Values, at: Origins, forecasts: Forecasts) -> Forecasts:
    """Return what came, NaN where it was not measured or no forecast counts."""
    return np.where(np.isfinite(forecasts), baselines.truths(spec, values, at), np.nan)


def _check_scored(spec: Spec, truth: Forecasts) -> None:
    if not len(truth):
        raise DataError(f"nothing to score: the part is shorter than the horizon of {spec.horizon} samples")
    if not np.isfinite(truth).any():
        raise DataError(f"nothing to score: the part has no measured sample {spec.warmup} samples after a start or gap")


def _scored(spec: Spec, part: Part, at: Origins, forecasts: Forecasts) -> tuple[int, Score]:
    truth = _known_truth(spec, part.values, at, forecasts)
    _check_scored(spec, truth)
    return _counted(truth), rounded(compute_metrics(spec, forecasts, truth).total)


def _intervals_to_dict(measured: Sequence[Interval], crps: float | None) -> dict[str, Any]:
    return {"intervals": [interval.to_dict() for interval in measured], "crps": crps}


def _counted(truth: Forecasts) -> int:
    return int(np.isfinite(truth).any(axis=(1, 2)).sum())
