"""Short gaps in the training part, filled as a stream on the device fills them: by forecasts made of earlier samples.

A straight line between the samples around a gap knows what comes next, which no stream does. Where much is filled in,
a model that was trained on such lines has learned from what it will not have, and the samples that were filled in
cannot teach. An autoregression stands in for the model that is not trained yet. It is fitted to the series with gaps
filled by its own forecasts, a few times over, beginning with the last value held.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeseq.evaluation import ridge
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.scaling import network_targets
from edgeseq.series import Part, gaps
from edgeseq.series.gaps import Fill, Filled
from edgeseq.series.series import Values
from edgeseq.training.autoregressive import LinearPath, blended, lagged_distances, linear_path, streamed_errors
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import STREAM, Spec

LAGS = 8
"""Samples before the last one that the autoregression looks at."""

LEAST = 0.2
"""Share of the samples that are filled in from which on it matters by what: with 10 % it does not."""

_PENALTY = 1e-3
"""Of the ridge regression."""

_ROUNDS = 3
"""How often it is fitted to what it has filled."""


@dataclass(frozen=True)
class Imputer:
    """Fills targets by one-step forecasts, other measured features by the last value."""

    spec: Spec
    """With a horizon of 1."""
    coefficients: Float64
    """Of the scaled distances and the intercept, (column + 1, target); zeros hold the last value."""

    def __call__(self, values: Values, limit: int) -> Filled:
        """Return the series without its gaps of at most `limit` samples, each made of earlier samples only."""
        filled = gaps.fill(values, limit)
        held = replace(filled, values=_held(filled, len(self.spec.measured)), causal=True)
        return self._forecast(held) if self.coefficients.any() else held

    def within(self, path: LinearPath) -> LinearPath:
        """Return the path with this one's forecast of the next sample in place of its own.

        The stream then fills gaps as the training part's were. Another forecast, however good one step ahead, may run
        away where it follows from itself.
        """
        own, targets = linear_path(self.spec, self.coefficients), len(self.spec.targets)
        lags = max(path.lags, LAGS)
        weight, first = (np.pad(one.weight, ((0, 0), (0, 0), (lags - one.lags, 0))) for one in (path, own))
        bias, known = path.bias.copy(), path.known.copy()
        weight[:targets], bias[:targets], known[:targets] = first, own.bias, 0
        return LinearPath(weight, bias, known)

    def _forecast(self, held: Filled) -> Filled:
        """Return the series with forecasts in place of the held targets, in time order: each follows from the last."""
        targets, changes = self.spec.target_features, np.array([one.change for one in self.spec.target_features])
        lowest, highest = (np.array([getattr(one, name) for one in targets]) for name in ("minimum", "maximum"))
        # Nothing that a recursion of many steps may reach leaves the range by more than its width.
        low, high = (2 * lowest - highest) / changes, (2 * highest - lowest) / changes
        scale = np.array(self.spec.target_scales[0]) / changes
        distances = lagged_distances(self.spec, held, LAGS)
        scaled = distances.values  # (place, feature), written to as gaps are filled
        known, values = held.observed[:, : len(targets)], held.values.copy()
        for row in np.flatnonzero(_within(held) & ~known.all(axis=1)):
            said = distances(np.array([row - 1]))[0] @ self.coefficients[:-1] + self.coefficients[-1]
            place = distances.places[row]
            forecast = np.clip(scaled[place - 1, : len(targets)] + said * scale, low, high)
            scaled[place, : len(targets)] = np.where(known[row], scaled[place, : len(targets)], forecast)
            values[row, : len(targets)] = np.where(known[row], values[row, : len(targets)], forecast * changes)
        return replace(held, values=values)


def learned(spec: Spec, values: Values) -> Fill:
    """Return what fills the gaps of a series whose training part is `values` (time, column).

    By straight lines where few samples are filled in, and for networks that see windows.
    """
    lines = gaps.fill(values, spec.gap_limit)
    samples = sum(stop - start for start, stop in lines.segments)
    if spec.layout != STREAM or lines.interpolated < LEAST * samples:
        return gaps.fill
    one = replace(spec, horizon=1, target_scales=spec.target_scales[:1])
    imputer = Imputer(one, np.zeros((LAGS * len(spec.measured) + 1, len(spec.targets))))
    tried = []
    for _ in range(_ROUNDS + 1):
        filled = imputer(values, spec.gap_limit)
        targets = network_targets(one, filled)
        rows = np.flatnonzero(np.isfinite(targets).any(axis=1))
        design = lagged_distances(one, filled, LAGS)
        error = ridge.predict(design, rows, imputer.coefficients) - targets[rows]
        tried.append((float(np.nanmean(error**2)), imputer))
        (coefficients,) = ridge.solve(design, rows, targets[rows], (_PENALTY,))
        imputer = replace(imputer, coefficients=coefficients)
    return min(tried, key=lambda pair: pair[0])[1]


def as_filled(path: LinearPath, fill: Fill, checkpoint: Checkpoint, validation: Part) -> LinearPath:
    """Return the path, or one by which streams fill gaps as `fill` did: whichever forecasts the validation part better.

    Both are streamed through model files of the checkpoint, which show what becomes of forecasts that fill gaps.
    """
    if not isinstance(fill, Imputer):
        return path
    own = fill.within(path)
    errors = [streamed_errors(blended(checkpoint, one, 0.0), validation) for one in (path, own)]
    judged = np.isfinite(errors).any(axis=0)
    if not judged.any():
        return path
    # A stream whose forecasts run away has none in the end, which is worse than any.
    squares = [float(np.mean(np.where(np.isfinite(error), error, np.inf)[judged] ** 2)) for error in errors]
    return path if squares[0] <= squares[1] else own


def _within(filled: Filled) -> npt.NDArray[np.bool_]:
    """Return which rows lie in a segment, (time,)."""
    within = np.zeros(len(filled.values), bool)
    for start, stop in filled.segments:
        within[start:stop] = True
    return within


def _held(filled: Filled, measured: int) -> Values:
    """Return the values with the last one in place of what was filled in, of the first `measured` columns.

    Those behind follow from the time, or are known ahead.
    """
    rows = np.where(filled.observed[:, :measured], np.arange(len(filled.values))[:, None], 0)
    last = np.maximum.accumulate(rows, axis=0)
    values = filled.values.copy()
    within = _within(filled)
    values[within, :measured] = np.take_along_axis(filled.values[:, :measured], last, axis=0)[within]
    return values
