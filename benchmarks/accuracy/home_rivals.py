"""What a home's load is compared with: scikit-learn's boosted trees and ridge, one model for each step ahead."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy.home import ZONE
from edgeseq_runtime.arrays import Float64

LAGS = (24, 48, 168)
"""Hours before the hour that is forecast, beside the last three that were measured."""


@dataclass(frozen=True)
class Home:
    """A home's samples, hour by hour."""

    load: Float64
    """(hour,), NaN in gaps."""
    outdoor: Float64
    """(hour,): the forecast temperature, without gaps."""
    seconds: Float64
    """(hour,), since 1970 UTC."""

    def table(self, ahead: int, origins: npt.NDArray[np.int64], *, known: bool) -> Float64:
        """Return what a rival sees at the origins of the hour so far ahead, (origin, column)."""
        at = origins + ahead
        local = [datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(ZONE)) for second in self.seconds[at].tolist()]
        columns = [self.load[origins - back] for back in range(3)] + [self.load[at - lag] for lag in LAGS]
        columns += [np.array([moment.hour for moment in local]), np.array([moment.weekday() for moment in local])]
        return np.column_stack([*columns, *([self.outdoor[at]] if known else [])]).astype(np.float64)


def forecasts(
    home: Home, kind: str, train: int, origins: npt.NDArray[np.int64], horizon: int, *, known: bool = True
) -> Float64:
    """Return forecasts at the origins, (origin, horizon), of models fitted to the first `train` hours.

    `kind` is "boosting" or "ridge"; ridge sees hours and weekdays as columns of zeros and ones, and last values where
    some lack. `known` says whether they see the forecast temperature.
    """
    said = np.empty((len(origins), horizon))
    for ahead in range(1, horizon + 1):
        rows = np.arange(max(LAGS), train - ahead)
        rows = rows[np.isfinite(home.load[rows + ahead])]
        model = _model(kind).fit(home.table(ahead, rows, known=known), home.load[rows + ahead])
        said[:, ahead - 1] = model.predict(home.table(ahead, origins, known=known))
    return said


def _model(kind: str) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if kind == "boosting":
        return HistGradientBoostingRegressor(random_state=0)
    measured = 3 + len(LAGS)
    calendar = ("calendar", OneHotEncoder(), [measured, measured + 1])
    columns = ColumnTransformer([calendar], remainder=make_pipeline(SimpleImputer(), StandardScaler()))
    return make_pipeline(columns, RidgeCV(np.logspace(-3, 5, 17)))
