"""Prediction intervals: where the truth lies around a forecast, as it did over the validation part.

Split conformal prediction. V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (2005); J. Lei
et al., JASA 113 (2018): of n residuals that the training has not seen, the k-th smallest with k = ceil((n + 1) level)
is not exceeded by a further one with at least that probability. The residuals keep their sign, and each end of an
interval has a quantile of its own, so a forecaster that errs to one side gets an interval that leans there;
the coverage then is at least 1 less what both ends miss: Y. Romano, E. Patterson, E. Candes, NeurIPS (2019), theorem 2.

The guarantee wants residuals that could have come in any order. A series' residuals are not quite like that, and
the validation part has chosen the weights; so `evaluate` counts the coverage over the test part.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from edgeseq.evaluation.metrics import Forecasts, mean, or_none, short
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import Residuals, Spec

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)

Bounds: TypeAlias = tuple[Float64, Float64]
"""Lower and upper end of an interval around a forecast, each (horizon, target), in the target's unit."""


@dataclass(frozen=True)
class Interval:
    """How often the truth lay within an interval, and how wide that is; NaN where nothing could be counted."""

    level: float
    """The share of truths that it is made to hold."""
    coverage: float
    """The share that it held."""
    width: float
    """Mean width, in the target's unit."""
    per_horizon: tuple[tuple[float, float], ...]
    """(coverage, width) of each step ahead."""

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        steps = [{"coverage": or_none(coverage), "width": or_none(width)} for coverage, width in self.per_horizon]
        fields = {"level": self.level, "coverage": or_none(self.coverage), "width": or_none(self.width)}
        return {**fields, "per_horizon": steps}


def quantiles(error: Forecasts) -> Residuals | None:
    """Return the quantiles of residuals (origin, horizon, target), NaN where there is none.

    None where a step or target has too few for the outermost level: it takes 19 for 0.95.
    """
    nested = []
    for step in error.transpose(1, 2, 0):
        columns = [column[np.isfinite(column)] for column in step]
        if any(_rank(len(column), min(LEVELS)) < 1 for column in columns):
            return None
        nested.append(tuple(tuple(short(_quantile(np.sort(column), level)) for level in LEVELS) for column in columns))
    return Residuals(LEVELS, tuple(nested))


def bounds(residuals: Residuals) -> dict[float, Bounds]:
    """Return the intervals between two levels as far from 0 as from 1, the widest first; by their own level."""
    table = np.array(residuals.quantiles)  # (horizon, target, level)
    ends = {round(level, 6): table[..., at] for at, level in enumerate(residuals.levels)}
    pairs = [(low, round(1 - low, 6)) for low in sorted(ends) if low < 0.5]
    return {round(high - low, 6): (ends[low], ends[high]) for low, high in pairs if high in ends}


def measure_coverage(
    spec: Spec, forecasts: Forecasts, truth: Forecasts, scale: Float64 | None = None
) -> tuple[Interval, ...]:
    """Count how often the truth lay within each interval; none for a model that carries no residuals.

    `scale` (origin,) is what these are multiples of at each origin; None: they are in the targets' units.
    """
    if spec.residuals is None:
        return ()
    each = _columns(scale, len(truth))
    return tuple(_coverage(level, ends, forecasts, truth, each) for level, ends in bounds(spec.residuals).items())


def crps(spec: Spec, forecasts: Forecasts, truth: Forecasts, scale: Float64 | None = None) -> float | None:
    """Return the continuous ranked probability score of the intervals, in the targets' units; 0 is perfect.

    It is twice the integral of the quantile loss over all levels (F. Laio and S. Tamea, Hydrology and Earth System
    Sciences 11, 2007), here a sum over the few that the spec has, each standing for the levels nearest to it. None for
    a model that carries no residuals, or where nothing is known; `scale` as above.
    """
    if spec.residuals is None:
        return None
    levels, table = np.array(spec.residuals.levels), np.array(spec.residuals.quantiles)  # table: horizon, target, level
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    share, each = np.diff(edges), _columns(scale, len(truth))
    total, count = 0.0, 0
    for ahead in range(len(table)):
        error = truth[:, ahead] - forecasts[:, ahead]  # (origin, target)
        above = error[..., None] - table[ahead] * each[..., None]  # of the truth over each quantile
        loss = np.maximum(levels * above, (levels - 1) * above) @ share
        known = np.isfinite(error)
        total += float(loss[known].sum())
        count += int(known.sum())
    return 2 * total / count if count else None


def _columns(scale: Float64 | None, origins: int) -> Float64:
    """Return what residuals are multiplied by, (origin, 1)."""
    return np.ones((origins, 1)) if scale is None else np.nan_to_num(scale)[:, None]


def _coverage(level: float, ends: Bounds, forecasts: Forecasts, truth: Forecasts, scale: Float64) -> Interval:
    low, high = ends
    counts, inside, widths = np.zeros((3, *low.shape))  # (horizon, target)
    for ahead in range(len(low)):
        error = truth[:, ahead] - forecasts[:, ahead]  # (origin, target)
        known = np.isfinite(error)
        counts[ahead] = known.sum(axis=0)
        inside[ahead] = ((error >= scale * low[ahead]) & (error <= scale * high[ahead])).sum(axis=0)
        widths[ahead] = (known * scale * (high[ahead] - low[ahead])).sum(axis=0)
    steps = tuple(
        (mean(held, count), mean(width, count)) for held, width, count in zip(inside, widths, counts, strict=True)
    )
    return Interval(level, mean(inside, counts), mean(widths, counts), steps)


def _rank(count: int, level: float) -> int:
    """Return which of `count` residuals, from the smallest, bounds a level below one half from below; from 1."""
    return math.floor((count + 1) * level)


def _quantile(ordered: Float64, level: float) -> float:
    """Return the residual at a level: outside one half the next further out, which is what the guarantee needs."""
    if level == 0.5:
        return float(np.median(ordered))
    if level < 0.5:
        return float(ordered[_rank(len(ordered), level) - 1])
    return float(ordered[-_rank(len(ordered), 1 - level)])
