"""What a forecaster must beat: persistence, the seasonal naive forecast, ridge regression on lags.

Each sees what a device would: past samples only, a missing one replaced by the last that was measured. So each
has a forecast at every origin, also where the sample there is missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.evaluation import ridge
from edgeseq.evaluation.lagged import LaggedDistances
from edgeseq.evaluation.metrics import Forecasts
from edgeseq.model.scaling import known_inputs, per_output
from edgeseq.series import Part, Parts
from edgeseq.series.series import Values
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import Spec

Origins: TypeAlias = npt.NDArray[np.int64]
"""Rows after which a forecast is made."""

Forecaster: TypeAlias = Callable[[Values, Origins], Forecasts]
"""Forecasts a stream (time, feature) at some of its rows."""

LAGS = 96
"""Samples that the ridge regression looks back at."""


@dataclass(frozen=True)
class Baselines:
    """The baselines of a series, ready to forecast any stretch of it."""

    forecasters: Mapping[str, Forecaster]
    left_out: Mapping[str, str]
    """Name -> why the series has no such baseline."""
    naive_error: Float64 | None = None
    """(target,): mean absolute error of the naive forecast over the training part, one season ahead, or one sample
    where there is none; NaN where nothing is known."""


class _NothingToFitError(Exception):
    """The parts hold nothing that a regression could be fitted on; the text says what is lacking."""


def fit(spec: Spec, parts: Parts) -> Baselines:
    """Return the baselines. Only the training part teaches them, only the validation part chooses."""
    forecasters, naive = untrained(spec).forecasters, naive_error(spec, parts.train)
    try:
        return Baselines({**forecasters, "ridge": lagged_ridge(spec, parts)}, {}, naive)
    except _NothingToFitError as error:
        return Baselines(forecasters, {"ridge": str(error)}, naive)


def naive_error(spec: Spec, train: Values) -> Float64:
    """Return the mean absolute change of each target over a season, or one sample where there is none, (target,)."""
    lag = spec.season if spec.season and spec.season < len(train) else 1
    values = train[:, : len(spec.targets)].astype(np.float64)
    sizes = np.abs(values[lag:] - values[:-lag])
    known = np.isfinite(sizes)
    sums, counts = np.where(known, sizes, 0).sum(axis=0), known.sum(axis=0)
    return np.asarray(np.divide(sums, counts, out=np.full(len(spec.targets), np.nan), where=counts > 0))


def untrained(spec: Spec) -> Baselines:
    """Return the baselines that no training part has to teach."""
    forecasters: dict[str, Forecaster] = {"persistence": partial(persistence, spec)}
    if spec.season:
        forecasters["seasonal naive"] = partial(seasonal_naive, spec, spec.season)
    return Baselines(forecasters, {})


def truths(spec: Spec, values: Values, at: Origins) -> Forecasts:
    """Return what came after the origins; NaN where it was not measured."""
    if not len(at):
        return np.empty((0, spec.horizon, len(spec.targets)))
    ahead = np.lib.stride_tricks.sliding_window_view(values[:, : len(spec.targets)], spec.horizon, axis=0)
    return ahead[at + 1].transpose(0, 2, 1).astype(np.float64, order="C")


def persistence(spec: Spec, values: Values, at: Origins) -> Forecasts:
    """The last sample, again."""
    return np.repeat(_last(spec, values, at), spec.horizon, axis=1)


def _last(spec: Spec, values: Values, at: Origins) -> Float64:
    """Return the last sample at each origin, (origin, 1, target)."""
    return _carried(values[:, : len(spec.targets)])[at][:, None]


def seasonal_naive(spec: Spec, season: int, values: Values, at: Origins) -> Forecasts:
    """The sample one season before the one to forecast; persistence where there is none yet."""
    ahead = np.arange(1, spec.horizon + 1)
    seasons = -(-ahead // season)  # as many as it takes not to look into the future
    rows = at[:, None] + ahead - seasons * season
    return _carried(values[:, : len(spec.targets)])[np.where(rows >= 0, rows, at[:, None])]


def lagged_ridge(spec: Spec, parts: Parts) -> Forecaster:
    """Ridge regression of the change of each target on the last lags' distances from the last sample.

    And on what is known ahead. Fitted on the training part with `LAGS` lags, or as many as the warm-up of the test part
    allows; each output on the rows where it is known. The penalty is the one with the lowest error over the validation
    part.
    """
    lags = int(min(LAGS, max(parts.test.start, 2), max(len(parts.train) // 10, 2)))
    rows = _teaching(parts, lags).origins(spec.horizon)
    changes = _changes(spec, parts.train, rows)
    _check_known(spec, changes)
    chosen_at = parts.validation.origins(spec.horizon)
    validation_changes = _changes(spec, parts.validation.values, chosen_at)
    if not np.isfinite(validation_changes).any():
        raise _NothingToFitError("no row of the validation part, which chooses its penalty, has a known sample ahead")
    coefficients = ridge.solve(_design(spec, parts.train, lags), rows, changes, ridge.PENALTIES)
    squares = ridge.squares(_design(spec, parts.validation.values, lags), chosen_at, validation_changes, coefficients)
    weights = per_output([1 / feature.std**2 for feature in spec.target_features], spec.horizon)
    best = coefficients[np.argmin(squares @ weights)]

    def forecast(values: Values, at: Origins) -> Forecasts:
        change = ridge.predict(_design(spec, values, lags), at, best)
        return persistence(spec, values, at) + change.reshape(-1, spec.horizon, len(spec.targets))

    return forecast


def _teaching(parts: Parts, lags: int) -> Part:
    """Return the training part with what is to be forecast in it: all but the first samples of each sensor's."""
    first, *others = parts.begins
    return Part(parts.train, first + lags, tuple((begin, min(begin + lags, len(parts.train))) for begin in others))


def _check_known(spec: Spec, changes: Float64) -> None:
    """Raise where one of the outputs (row, horizon * target) is known in no row."""
    empty = np.flatnonzero(~np.isfinite(changes).any(axis=0))
    if len(empty):
        step, target = divmod(int(empty[0]), len(spec.targets))
        raise _NothingToFitError(f"no row of the training part has {spec.targets[target]} known {step + 1} ahead")


def _carried(values: Values) -> Float64:
    """Return values (time, feature), each missing one replaced by the last before it, or else the first after it.

    For one feature:

        row            0    1    2    3    4
        values       NaN  2.0  NaN  NaN  5.0
        known row      0    1    0    0    4    the row itself where a value is known, else 0
        last known     0    1    1    1    4    the highest known row so far
        carried      NaN  2.0  2.0  2.0  5.0    the values of these rows
        returned     2.0  2.0  2.0  2.0  5.0    before the first known value stands that value
    """
    known = np.isfinite(values)
    known_rows = np.where(known, np.arange(len(values))[:, None], 0)
    last_known = np.maximum.accumulate(known_rows, axis=0)
    carried = np.take_along_axis(values, last_known, axis=0).astype(np.float64)
    first = np.take_along_axis(values, known.argmax(axis=0)[None], axis=0) if len(values) else values
    return np.where(np.isfinite(carried), carried, first)


def _design(spec: Spec, values: Values, lags: int) -> ridge.Design:
    """Return what gives, at each origin, the distances of `_lagged` and, behind them, what is known ahead."""
    return ridge.beside(_lagged(values[:, : len(spec.features)], lags), known_inputs(spec, values))


def _lagged(values: Values, lags: int) -> LaggedDistances:
    """Return what gives, at each origin, the last `lags` samples less the last one, (origin, feature * (lags - 1)).

    Before the beginning stands the first sample; a feature that is never measured never changes.
    """
    known = np.nan_to_num(_carried(values))
    padded = np.pad(known, ((lags - 1, 0), (0, 0)), "edge")
    return LaggedDistances(padded, np.arange(lags - 1, len(padded)), lags - 1)


def _changes(spec: Spec, values: Values, at: Origins) -> Float64:
    """Return what is to be forecast at each origin, less the last sample, (origin, horizon * target)."""
    changes = truths(spec, values, at)
    changes -= _last(spec, values, at)
    return changes.reshape(len(at), spec.outputs)
