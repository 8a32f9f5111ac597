"""Figures: a model file streamed over the test part, beside the baselines, on the same forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.evaluation import baselines
from edgeseq.evaluation.baselines import Forecasts
from edgeseq.series import Part, Parts
from edgeseq.series.gaps import fill
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Figures, Residuals, Score, Spec

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Scored:
    """One forecaster's errors."""

    total: Score
    per_horizon: tuple[tuple[float, float], ...]
    """(RMSE, MAE) of each step ahead, in the target's unit."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `evaluate --json` prints them."""
        return {
            "rmse": self.total.rmse,
            "mae": self.total.mae,
            "mse_standardized": self.total.mse_standardized,
            "mae_standardized": self.total.mae_standardized,
            "per_horizon": [{"rmse": _or_none(rmse), "mae": _or_none(mae)} for rmse, mae in self.per_horizon],
        }


@dataclass(frozen=True)
class Evaluation:
    """A model's forecasts over a test part, judged."""

    spec: Spec
    part: Part
    forecasts: Forecasts
    samples: int
    """How many forecasts were scored."""
    model: Scored
    baselines: Mapping[str, Scored]

    @property
    def losses(self) -> list[str]:
        """Names of the baselines that the model does not beat."""
        own = self.model.total.mse_standardized
        return [name for name, scored in self.baselines.items() if scored.total.mse_standardized < own]

    def figures(self) -> Figures:
        """Return what goes into the spec."""
        return Figures(
            self.samples,
            _rounded(self.model.total),
            {name: _rounded(scored.total) for name, scored in self.baselines.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `evaluate --json` prints them."""
        return {
            "samples": self.samples,
            **self.model.to_dict(),
            "baselines": {name: scored.to_dict() for name, scored in self.baselines.items()},
        }


def evaluate(predictor: Predictor, parts: Parts) -> Evaluation:
    """Stream the test part through a model file and score its forecasts, and the baselines', of it.

    The state is warmed up on what precedes the part. A forecast counts where the stream is warm and the truth
    was measured. Raises `DataError` where none does.
    """
    spec = predictor.spec
    made = stream(predictor, parts.test)
    truth = baselines.truths(spec, parts.test)
    truth = np.where(np.isfinite(made), truth, np.nan)
    if not np.isfinite(truth).any():
        raise DataError(
            f"nothing to score: the test part has no measured sample {spec.warmup} samples after a start or gap"
        )
    others = baselines.forecasts(spec, parts)
    return Evaluation(
        spec=spec,
        part=parts.test,
        forecasts=made,
        samples=int(np.isfinite(truth).any(axis=(1, 2)).sum()),
        model=score(spec, made, truth),
        baselines={name: score(spec, other, truth) for name, other in others.items()},
    )


def stream(predictor: Predictor, part: Part) -> Forecasts:
    """Return a model's forecasts at the part's origins, NaN where the stream was not warm."""
    predictor.reset()
    made = predictor.run(part.values).astype(np.float64)
    made[~_warm(predictor.spec, part)] = np.nan
    return made[baselines.origins(part, predictor.spec.horizon)]


def score(spec: Spec, made: Forecasts, truth: Forecasts) -> Scored:
    """Score forecasts where the truth is known; standardised errors are in the training part's deviations."""
    error = made - truth
    standardized = error / np.array([feature.std for feature in spec.target_features])
    return Scored(
        Score(_rms(error), _mean_abs(error), _rms(standardized) ** 2, _mean_abs(standardized)),
        tuple((_rms(error[:, ahead]), _mean_abs(error[:, ahead])) for ahead in range(spec.horizon)),
    )


def residuals(predictor: Predictor, part: Part) -> Residuals:
    """Return quantiles of truth minus forecast over a part, for each horizon step and target."""
    spec = predictor.spec
    error = baselines.truths(spec, part) - stream(predictor, part)
    quantiles = np.nanquantile(error, QUANTILES, axis=0)  # (level, horizon, target)
    nested = [[[_short(level) for level in target] for target in step] for step in quantiles.transpose(1, 2, 0)]
    return Residuals(QUANTILES, tuple(tuple(tuple(target) for target in step) for step in nested))


def _warm(spec: Spec, part: Part) -> npt.NDArray[np.bool_]:
    """Which rows' forecasts count: warm, and not within a gap so long that the stream starts afresh."""
    warm = np.zeros(len(part.values), bool)
    for start, stop in fill(part.values, spec.gap_limit).segments:
        warm[start + spec.warmup - 1 : stop] = True
    return warm


def _rms(error: npt.NDArray[np.float64]) -> float:
    known = error[np.isfinite(error)]
    return float(np.sqrt(np.mean(np.square(known)))) if len(known) else float("nan")


def _mean_abs(error: npt.NDArray[np.float64]) -> float:
    known = error[np.isfinite(error)]
    return float(np.mean(np.abs(known))) if len(known) else float("nan")


def _or_none(value: float) -> float | None:
    """JSON has no NaN."""
    return None if np.isnan(value) else value


def _short(value: float) -> float:
    """Four digits: a figure for reading, in a file that is to be small."""
    return float(f"{value:.4g}")


def _rounded(total: Score) -> Score:
    return Score(*(_short(value) for value in vars(total).values()))
