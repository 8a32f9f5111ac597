"""What a forecaster must beat: persistence, the seasonal naive forecast, ridge regression on lags.

Each sees what a device would: past samples only, a missing one replaced by the last that was measured. The
regression is a least-squares solution in NumPy; a machine-learning library would add a large package for it.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.series import Part, Parts
from edgeseq_runtime.spec import Spec

Forecasts: TypeAlias = npt.NDArray[np.float64]
"""(origin, horizon, target), in the targets' units."""

Origins: TypeAlias = npt.NDArray[np.int64]
"""Rows after which a forecast is made."""

LAGS = 96

_PENALTIES = tuple(10.0**power for power in range(-12, 3))


def origins(part: Part, horizon: int) -> Origins:
    """Return the rows of `part` from which all of the next `horizon` samples are to be forecast."""
    return np.arange(max(part.start - 1, 0), len(part.values) - horizon)


def forecasts(spec: Spec, parts: Parts) -> Mapping[str, Forecasts]:
    """Return each baseline's forecasts at the `origins` of the test part."""
    found = {"persistence": persistence(spec, parts.test)}
    if spec.season:
        found["seasonal naive"] = seasonal_naive(spec, parts.test, spec.season)
    return found | {"ridge": ridge(spec, parts)}


def persistence(spec: Spec, part: Part) -> Forecasts:
    """The last sample, again."""
    last = _carried(part)[origins(part, spec.horizon), : len(spec.targets)]
    return np.repeat(last[:, None], spec.horizon, axis=1)


def seasonal_naive(spec: Spec, part: Part, season: int) -> Forecasts:
    """The sample one season before the one to forecast; persistence where there is none yet."""
    values = _carried(part)[:, : len(spec.targets)]
    at = origins(part, spec.horizon)[:, None]
    ahead = np.arange(1, spec.horizon + 1)
    seasons = -(-ahead // season)  # as many as it takes not to look into the future
    rows = at + ahead - seasons * season
    return values[np.where(rows >= 0, rows, at)]


def ridge(spec: Spec, parts: Parts) -> Forecasts:
    """Ridge regression of the change of each target on the last lags' distances from the last sample.

    A. Hoerl and R. Kennard, Technometrics 12 (1970). Fitted on the training part with `LAGS` lags, or as
    many as the warm-up allows; the penalty is the one with the lowest error over the validation part.
    """
    lags = int(min(LAGS, max(parts.test.start, 2), max(len(parts.train) // 10, 2)))
    train = Part(parts.train, lags)
    x, y = _lagged(spec, train, lags), _changes(spec, train)
    center, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1

    def design(part: Part) -> npt.NDArray[np.float64]:
        scaled = (_lagged(spec, part, lags) - center) / scale
        return np.column_stack([scaled, np.ones(len(scaled))])

    known = np.isfinite(y).all(axis=1)
    x, y = design(train)[known], y[known]
    gram, moment = x.T @ x / len(x), x.T @ y / len(x)
    validation, wanted = design(parts.validation), _changes(spec, parts.validation)
    weight = 1 / np.tile([feature.std for feature in spec.target_features], spec.horizon)

    def solve(penalty: float) -> npt.NDArray[np.float64]:
        penalties = np.full(len(gram), penalty)
        penalties[-1] = 0  # the intercept is free
        return np.asarray(np.linalg.lstsq(gram + np.diag(penalties), moment, rcond=None)[0], np.float64)

    def error(penalty: float) -> float:
        return float(np.nanmean(np.square((validation @ solve(penalty) - wanted) * weight)))

    change = design(parts.test) @ solve(min(_PENALTIES, key=error))
    return np.asarray(persistence(spec, parts.test) + change.reshape(-1, spec.horizon, len(spec.targets)))


def _carried(part: Part) -> npt.NDArray[np.float64]:
    """Return the part's values (time, feature), each missing one replaced by the last before it."""
    values = part.values.astype(np.float64)
    known = np.isfinite(values)
    rows = np.where(known, np.arange(len(values))[:, None], 0)
    carried = np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), axis=0)
    first = np.take_along_axis(values, known.argmax(axis=0)[None], axis=0)
    return np.where(np.isfinite(carried), carried, first)  # before the first measured value: that value


def _lagged(spec: Spec, part: Part, lags: int) -> npt.NDArray[np.float64]:
    """Return, at each origin, the last `lags` samples less the last one, (origin, (lags - 1) * feature)."""
    values = _carried(part)
    at = origins(part, spec.horizon)
    rows = np.maximum(at[:, None] - np.arange(1, lags), 0)
    return np.asarray(values[rows] - values[at][:, None]).reshape(len(at), -1)


def _changes(spec: Spec, part: Part) -> npt.NDArray[np.float64]:
    """Return what is to be forecast at each origin, less the last sample, (origin, horizon * target)."""
    truth = truths(spec, part)
    return (truth - persistence(spec, part)).reshape(len(truth), -1)


def truths(spec: Spec, part: Part) -> Forecasts:
    """Return what came, at the part's origins; NaN where it was not measured."""
    rows = origins(part, spec.horizon)[:, None] + np.arange(1, spec.horizon + 1)
    return part.values[rows, : len(spec.targets)].astype(np.float64)
