"""The linear path: an autoregression on the last changes beside the network, and how much each of the two counts.

An autoregressive highway as in LSTNet (G. Lai et al., SIGIR 2018), but fitted by ridge regression and put beside the
trained network as the second member of a combined forecast (J. Bates and C. Granger, Operational Research Quarterly 20,
1969): trained together, the network only learned what the regression leaves, and forecast worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

import edgeseq_export
from edgeseq.evaluation import ridge
from edgeseq.evaluation.baselines import truths
from edgeseq.evaluation.evaluate import stream, typical_predictor
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.scaling import error_scales, network_targets
from edgeseq.series import Part
from edgeseq.series.gaps import Filled, fill
from edgeseq_runtime.spec import Spec

LAGS = (24, 48, 96, 168, 336)
"""Lengths that are tried."""

USUAL = 96
"""What is taken unless another is clearly better: the baseline's length, behind which no model should fall."""

_PENALTIES = tuple(10.0**power for power in range(-12, 3))

_ROWS_FOR_A_LAG = 4
"""Training rows that there must be for each number that an output's regression looks at: the penalty does the rest."""

_BLOCKS = 10
"""Stretches of the validation part whose errors are compared: within one they go together, between them hardly."""


@dataclass(frozen=True)
class Linear:
    """A fitted linear path."""

    weight: npt.NDArray[np.float32]
    """(outputs, feature, lag), newest last."""
    bias: npt.NDArray[np.float32]
    """(outputs,)"""


def candidates(spec: Spec, train: Filled) -> list[int]:
    """Return the lengths that the training part has samples for."""
    rows = sum(stop - start for start, stop in train.segments)
    return [lags for lags in LAGS if lags * len(spec.measured) * _ROWS_FOR_A_LAG <= rows]


def fit(spec: Spec, train: Filled, validation: Part, lengths: Sequence[int]) -> Linear:
    """Fit a regression for each length and penalty to the training part; return the one to take.

    The validation part chooses the penalty and, against the usual length, another that is better by two standard
    errors: it is one stretch of time, and the next may be different.
    """
    judged = fill(validation.values, spec.gap_limit)
    rows, wanted = _mostly_whole(*_counting(spec, train))
    judged_rows, truth = _counting(spec, judged, validation.origins(1))
    found, errors = {}, {}
    for lags in lengths:
        coefficients = ridge.solve(_design(spec, train, lags), rows, wanted, _PENALTIES)
        design = _design(spec, judged, lags)
        squares = ridge.squares(design, judged_rows, truth, coefficients) * error_scales(spec) ** 2
        best = coefficients[np.argmin(squares.sum(axis=1))]
        found[lags] = _linear(spec, best)
        errors[lags] = (ridge.predict(design, judged_rows, best) - truth) * error_scales(spec)
    usual = USUAL if USUAL in found else max(found)
    better = [lags for lags in found if _gain(errors[usual], errors[lags]) > 2]
    return found[min(better, key=lambda lags: np.nanmean(errors[lags] ** 2), default=usual)]


def _gain(usual: ridge.Matrix, other: ridge.Matrix) -> float:
    """Return by how many standard errors the mean square of errors (row, ...) is lower than usual; 0 where it is not.

    The standard error is that of the difference in consecutive blocks (batch means).
    """
    difference = np.nanmean(np.reshape(usual**2 - other**2, (len(usual), -1)), axis=1)
    blocks = [block.mean() for block in np.array_split(difference, _BLOCKS) if len(block)]
    spread = float(np.std(blocks, ddof=1) / np.sqrt(len(blocks))) if len(blocks) > 1 else np.inf
    gain = float(np.mean(blocks))
    if gain <= 0:
        return 0.0
    return gain / spread if spread else np.inf


def _linear(spec: Spec, coefficients: ridge.Matrix) -> Linear:
    """Turn coefficients of distances from the last sample, farthest first, into those of changes, oldest first.

    A distance is the sum of the changes since, the other way round; so a change counts in all distances from before it.
    """
    distances = coefficients[:-1].T.reshape(spec.outputs, len(spec.measured), -1)
    return Linear(-np.cumsum(distances, axis=2).astype(np.float32), coefficients[-1].astype(np.float32))


def network_share(checkpoint: Checkpoint, linear: Linear, validation: Part) -> float:
    """Return the network's share, 0 to 1, in the combined forecast.

    The smallest that is not worse over the validation part than the best one by more than a standard error (L. Breiman
    et al., Classification and Regression Trees, 1984, section 3.4.3): that part has chosen the network's weights, so it
    flatters the network, but hardly the linear path. At least a third of the best one, since to combine pays by itself.
    """
    network, path = (_errors(weighed(checkpoint, linear, part), validation) for part in (1.0, 0.0))
    known = np.isfinite(network) & np.isfinite(path)
    network, path = (error[known.all(axis=(1, 2))] for error in (network, path))
    # The minimum of the mean of (s network + (1 - s) path)^2.
    slope, curvature = float((path * (path - network)).sum()), float(((network - path) ** 2).sum())
    best = min(max(slope / curvature, 0.0), 1.0) if curvature else 0.0
    mixed = best * network + (1 - best) * path
    shares = (float(share) for share in np.linspace(best / 3, best, 21))
    return next(share for share in shares if _gain(share * network + (1 - share) * path, mixed) <= 1)


def weighed(checkpoint: Checkpoint, linear: Linear, share: float) -> Checkpoint:
    """Return the checkpoint whose forecast is `share` the network's and the rest the linear path's."""
    weights = dict(checkpoint.weights)
    weights["head.weight"] = np.float32(share) * weights["head.weight"]
    weights["head.bias"] = np.float32(share) * weights["head.bias"] + np.float32(1 - share) * linear.bias
    weights["linear.weight"] = np.float32(1 - share) * linear.weight
    return replace(checkpoint, spec=replace(checkpoint.spec, linear_path=linear.weight.shape[2]), weights=weights)


def _errors(checkpoint: Checkpoint, part: Part) -> npt.NDArray[np.float64]:
    """Return the standardised errors of a checkpoint's forecasts over a part, (origin, horizon, target)."""
    predictor = typical_predictor(edgeseq_export.build(checkpoint))
    spec = checkpoint.spec
    at = part.origins(spec.horizon)
    deviations = np.array([feature.std for feature in spec.target_features])
    return np.asarray((stream(predictor, part.values, at) - truths(spec, part.values, at)) / deviations)


def _counting(spec: Spec, filled: Filled, among: ridge.Rows | None = None) -> tuple[ridge.Rows, ridge.Matrix]:
    """Return the rows, all or `among` some, whose forecasts count, and what the network should say there."""
    targets = network_targets(spec, filled).astype(np.float64)
    counts = filled.warm(spec.warmup) & np.isfinite(targets).any(axis=1)
    rows = np.flatnonzero(counts) if among is None else among[counts[among]]
    return rows, targets[rows]


def _mostly_whole(rows: ridge.Rows, targets: ridge.Matrix) -> tuple[ridge.Rows, ridge.Matrix]:
    """Leave out rows in which a target is unknown, where these are the minority.

    Outputs that are known in the same rows share a decomposition; else each step of a long horizon needs its own.
    """
    whole = np.isfinite(targets).all(axis=1)
    return (rows[whole], targets[whole]) if 2 * whole.sum() >= len(rows) else (rows, targets)


def _design(spec: Spec, filled: Filled, lags: int) -> ridge.Design:
    """Return what gives, for rows, the distances of earlier samples from the last (row, feature * lag), farthest first.

    Scaled as changes are. Before a segment's first sample there was nothing else: as a fresh stream has it. Penalised
    by distances, as the baseline is, the regression carries over better to a series that has moved on than one
    penalised by changes.
    """
    values = filled.values[:, : len(spec.measured)] / np.array([feature.change for feature in spec.measured])
    padded = np.zeros((len(values) + lags * len(filled.segments), len(spec.measured)))
    place = np.zeros(len(values), np.int64)
    for number, (start, stop) in enumerate(filled.segments):
        begin = start + lags * (number + 1)
        padded[begin - lags : begin] = values[start]
        padded[begin : begin + stop - start] = values[start:stop]
        place[start:stop] = np.arange(begin, begin + stop - start)
    windows = np.lib.stride_tricks.sliding_window_view(padded, lags + 1, axis=0)  # (time, feature, lag + 1)

    def design(rows: ridge.Rows) -> ridge.Matrix:
        window = windows[place[rows] - lags]
        return np.asarray(window[:, :, :-1] - window[:, :, -1:]).reshape(len(rows), -1)

    return design
