"""The linear path: an autoregression on the last changes beside the network, and how much each of the two counts.

An autoregressive highway as in LSTNet (G. Lai et al., SIGIR 2018), but fitted by ridge regression and put beside the
trained network as the second member of a combined forecast (J. Bates and C. Granger, Operational Research Quarterly 20,
1969): trained together, the network only learned what the regression leaves, and forecast worse. The path is itself a
combination, of regressions of several lengths and of naive forecasts: a sum of linear paths is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

import edgeseq_export
from edgeseq.evaluation import baselines, ridge
from edgeseq.evaluation.evaluate import forecasts_at, typical_predictor
from edgeseq.evaluation.lagged import LaggedDistances
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.scaling import error_scales, known_inputs, network_targets
from edgeseq.series import Part, gaps
from edgeseq.series.gaps import Fill, Filled
from edgeseq.training.phases import Say, silent
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.spec import Spec

RECORDED_WEIGHT = "network_share"
"""The name in `training.options` of the network's weight in the forecast; version 0.1 writes it, so it stays."""

LENGTHS = (24, 48, baselines.LAGS, 168, 336)
"""Lags that are tried. Longer ones than the baseline's take part where these lower the error by `_PAYS`."""

_PAYS = 0.01
"""Share of the validation error: a longer path takes more memory, time and warm-up on the device."""

_POWER = 6
"""Of its inverse error, by which a member of the linear path counts."""

_HARDLY = 0.1
"""Share in the path below which a member is left out."""

_CLEARLY = 2
"""Standard errors by which a naive forecast may be worse than the best regression, and still be a member."""

_MANY = 50_000
"""Validation rows from which on the best regression is taken alone where it is clearly better than the combination: so
many are no single stretch of time. On made-up series of two and five million samples the combination cost 1 %."""

_ROWS_FOR_A_LAG = 4
"""Training rows that there must be for each number that an output's regression looks at: the penalty does the rest."""

_SHORTER = (12, 6)
"""Those that are tried, the first that can be, where gaps lie so close together that none of the others can."""

_REACHED = 0.5
"""Share of the samples that have as many before them without a gap: a stream waits for that after each gap."""

_BLOCKS = 10
"""Stretches of the validation part whose errors are compared: within one they go together, between them hardly."""

_QUIETEST = 1e-3
"""Of the mean square: where errors are smaller, as where the value stands still, a stretch counts as if it had that."""


@dataclass(frozen=True)
class LinearPath:
    """A fitted linear path."""

    weight: Float32
    """(outputs, feature, lag), newest last."""
    bias: Float32
    """(outputs,)"""
    known: Float32 = field(default_factory=lambda: np.zeros(0, np.float32))
    """(outputs, step ahead * column), of what is known ahead; empty where nothing is."""

    @property
    def lags(self) -> int:
        """How many of the last changes it sees."""
        return int(self.weight.shape[2])


def candidates(spec: Spec, train: Filled) -> list[int]:
    """Return the lengths that the training part has samples for, and that most of these reach between gaps."""
    sizes = np.array([stop - start for start, stop in train.segments])

    def is_possible(lags: int) -> bool:
        reached = np.maximum(sizes - lags, 0).sum() >= _REACHED * sizes.sum()
        return bool(reached) and lags * len(spec.measured) * _ROWS_FOR_A_LAG <= sizes.sum()

    return [lags for lags in LENGTHS if is_possible(lags)] or [lags for lags in _SHORTER if is_possible(lags)][:1]


def fit(
    spec: Spec,
    train: Filled,
    validation: Part,
    lengths: Sequence[int],
    say: Say = silent,
    *,
    fill: Fill = gaps.fill,
) -> LinearPath:
    """Return a linear path that combines a regression for each length, persistence, and the seasonal naive forecast.

    The training part teaches the regressions. The validation part chooses their penalties, and how much each member
    counts. It is one stretch of time, and the next may be different, so none is chosen alone. The naive forecasts are
    for series that do not go on as they were: where they are clearly worse there, they are no members. `fill` fills the
    validation part's short gaps, as those of `train` were.
    """
    judged = fill(validation.values, spec.gap_limit)
    rows, targets = drop_incomplete(*_counting(spec, train))
    judged_rows, truth = _counting(spec, judged, validation.origins(1))
    paths = []
    for number, lags in enumerate(lengths, 1):
        say("linear path", f"regression on the last {lags} changes, {number} of {len(lengths)}, {len(rows):,} rows")
        coefficients = ridge.solve(_design(spec, train, lags), rows, targets, ridge.PENALTIES)
        squares = ridge.squares(_design(spec, judged, lags), judged_rows, truth, coefficients)
        paths.append(linear_path(spec, coefficients[np.argmin(squares @ error_scales(spec) ** 2)]))
    naive = naive_paths(spec, lengths)
    errors = [(_said(spec, path, judged, judged_rows) - truth) * error_scales(spec) for path in (*paths, *naive)]
    best = min(errors[: len(paths)], key=lambda error: np.nanmean(error**2))
    allowed = [number < len(paths) or gain(error, best) <= _CLEARLY for number, error in enumerate(errors)]
    chosen = shares(errors, allowed)
    usual = [path.lags <= baselines.LAGS for path in (*paths, *naive)]
    if any(usual):
        short = shares(errors, np.logical_and(allowed, usual))
        if _square_of_mean(errors, chosen) > (1 - _PAYS) * _square_of_mean(errors, short):
            chosen = short
    if len(judged_rows) >= _MANY and gain(_mean(errors, chosen), best) > _CLEARLY:
        return min(zip(paths, errors, strict=False), key=lambda pair: np.nanmean(pair[1] ** 2))[0]
    return combined([*paths, *naive], chosen)


def shares(errors: Sequence[Float64], among: npt.ArrayLike | None = None) -> Float64:
    """Return how much each member counts, by its errors (row, output); 0 for what hardly would, or is not `among`.

    By a power of the inverse mean square (J. Stock and M. Watson, Journal of Forecasting 23, 2004).
    """
    squares = np.array([np.nanmean(error**2) for error in errors])
    allowed = np.ones(len(errors), bool) if among is None else np.asarray(among)
    least = squares[allowed].min()
    weights = np.where(allowed, np.divide(least, squares, out=np.ones(len(errors)), where=squares > 0) ** _POWER, 0)
    weights[weights < _HARDLY * weights.sum()] = 0
    return np.asarray(weights / weights.sum())


def combined(paths: Sequence[LinearPath], chosen: Float64) -> LinearPath:
    """Return the weighted mean of paths, as long as the longest that counts: the last changes of all are the same."""
    counted = [(path, share) for path, share in zip(paths, chosen, strict=True) if share]
    longest = max(path.lags for path, _ in counted)
    weight = sum(share * np.pad(path.weight, ((0, 0), (0, 0), (longest - path.lags, 0))) for path, share in counted)
    bias, known = (sum(share * getattr(path, name) for path, share in counted) for name in ("bias", "known"))
    return LinearPath(*(np.asarray(each, np.float32) for each in (weight, bias, known)))


def naive_paths(spec: Spec, lengths: Sequence[int]) -> list[LinearPath]:
    """Return persistence and, where a path may be as long as a season, the seasonal naive forecast as linear paths.

    Each has the shortest of `lengths` that holds it: one that is combined with others of that length costs nothing.
    """
    shape, bias = (spec.horizon, len(spec.targets), len(spec.measured)), np.zeros(spec.outputs, np.float32)
    known = np.zeros((spec.outputs, spec.ahead), np.float32)

    def path(weight: Float32) -> LinearPath:
        return LinearPath(weight.reshape(spec.outputs, len(spec.measured), -1), bias, known)

    persistence = path(np.zeros((*shape, min(lengths)), np.float32))
    if not spec.season or spec.season > max(lengths) + 1:
        return [persistence]
    lags = min(length for length in lengths if length + 1 >= spec.season)
    seasonal = np.zeros((*shape, lags), np.float32)
    for step, scales in enumerate(spec.target_scales):
        back = -(step + 1) % spec.season  # changes since the sample that is a season, or several, before the one ahead
        for target, feature in enumerate(spec.target_features):
            seasonal[step, target, target, lags - back :] = -feature.change / scales[target]
    return [persistence, path(seasonal)]


def _said(spec: Spec, path: LinearPath, filled: Filled, rows: ridge.Rows) -> Float64:
    """Return a path's forecasts at the rows, (row, output)."""
    distances = lagged_distances(spec, filled, path.lags)

    def changes(rows: ridge.Rows) -> Float64:
        each = distances(rows).reshape(len(rows), -1, path.lags)
        return np.asarray(np.diff(each, axis=2, append=0)).reshape(len(rows), -1)

    design = ridge.beside(changes, known_inputs(spec, filled.values))
    known = path.known.reshape(spec.outputs, spec.ahead)
    return ridge.predict(design, rows, np.vstack([path.weight.reshape(spec.outputs, -1).T, known.T, path.bias]))


def _mean(errors: Sequence[Float64], chosen: Float64) -> Float64:
    return np.asarray(sum(share * error for share, error in zip(chosen, errors, strict=True)))


def _square_of_mean(errors: Sequence[Float64], chosen: Float64) -> float:
    return float(np.nanmean(np.square(_mean(errors, chosen))))


def gain(usual: Float64, other: Float64) -> float:
    """Return by how many standard errors the mean square of errors (row, ...) is lower than usual; 0 where it is not.

    The standard error is that of the difference in consecutive blocks (batch means).
    """
    difference = np.nanmean(np.reshape(usual**2 - other**2, (len(usual), -1)), axis=1)
    blocks = [block.mean() for block in np.array_split(difference, _BLOCKS) if len(block)]
    spread = float(np.std(blocks, ddof=1) / np.sqrt(len(blocks))) if len(blocks) > 1 else np.inf
    lower = float(np.mean(blocks))
    if lower <= 0:
        return 0.0
    return lower / spread if spread else np.inf


def linear_path(spec: Spec, coefficients: Float64) -> LinearPath:
    """Turn coefficients of distances from the last sample, farthest first, into those of changes, oldest first.

    A distance is the sum of the changes since, the other way round; so a change counts in all distances from before it.
    """
    lagged, known, bias = np.split(coefficients.astype(np.float32), [-1 - spec.ahead, -1])
    distances = coefficients[: len(lagged)].T.reshape(spec.outputs, len(spec.measured), -1)
    return LinearPath(-np.cumsum(distances, axis=2).astype(np.float32), bias[0], known.T)


def ensemble_weight(checkpoint: Checkpoint, linear: LinearPath, validation: Part) -> float:
    """Return the network's weight, 0 to 1, in the combined forecast; the linear path has the rest.

    `share` says how it follows from the errors over the validation part. A step ahead counts where it is known,
    whatever else lacks in its forecast. Where none is known both count the same, which is hard to beat (R. Clemen,
    International Journal of Forecasting 5, 1989).
    """
    network, path = (streamed_errors(blended(checkpoint, linear, weight), validation) for weight in (1.0, 0.0))
    known = np.isfinite(network) & np.isfinite(path)
    some = known.any(axis=(1, 2))
    if not some.any():
        return 0.5
    return share(*(np.where(known, error, np.nan)[some] for error in (network, path)))


def share(network: Float64, path: Float64) -> float:
    """Return how much the network counts by its errors and those of the linear path, each (row, ...) in time order.

    The smallest share that is not worse than the best one by more than a standard error (L. Breiman et al.,
    Classification and Regression Trees, 1984, section 3.4.3): the same rows have chosen the network's weights, so they
    flatter the network, but hardly the linear path. At least two thirds of the best one, since to combine pays by
    itself. Squares are weighed by `evenness`, so that no single stretch decides.
    """
    even = np.sqrt(evenness(path)).reshape(-1, *[1] * (path.ndim - 1))
    network, path = even * network, even * path
    # The minimum of the mean of (w network + (1 - w) path)^2.
    slope, curvature = float(np.nansum(path * (path - network))), float(np.nansum((network - path) ** 2))
    best = min(max(slope / curvature, 0.0), 1.0) if curvature else 0.0
    mixed = best * network + (1 - best) * path
    tried = (float(weight) for weight in np.linspace(2 * best / 3, best, 21))
    return next(weight for weight in tried if gain(weight * network + (1 - weight) * path, mixed) <= 1)


def evenness(errors: Float64) -> Float64:
    """Return what the squares of each row (row, ...) count: the inverse of their stretch's root mean square, (row,).

    Where the size of errors changes with time, those of the loudest stretch decide, and the next stretch may be a quiet
    one. Least squares then weighs by the inverse of the mean square (A. Aitken, Proceedings of the Royal Society of
    Edinburgh 55, 1935). But the mean of all squares is what forecasts are judged by: this is halfway between.
    """
    squares = np.nanmean(np.reshape(errors**2, (len(errors), -1)), axis=1)
    stretches = [np.full(len(stretch), stretch.mean()) for stretch in np.array_split(squares, _BLOCKS) if len(stretch)]
    size = np.concatenate(stretches)
    return 1 / np.sqrt(np.maximum(size, _QUIETEST * size.mean())) if size.any() else np.ones(len(size))


def blended(checkpoint: Checkpoint, linear: LinearPath, weight: float) -> Checkpoint:
    """Return the checkpoint whose forecast is `weight` times the network's and 1 - `weight` times the linear path's."""
    weights = dict(checkpoint.weights)
    weights["head.weight"] = np.float32(weight) * weights["head.weight"]
    weights["head.bias"] = np.float32(weight) * weights["head.bias"] + np.float32(1 - weight) * linear.bias
    weights["linear.weight"] = np.float32(1 - weight) * linear.weight
    if checkpoint.spec.known:
        weights["coefficient.weight"] = np.float32(weight) * weights["coefficient.weight"]
        weights["known.weight"] = np.float32(weight) * weights["known.weight"] + np.float32(1 - weight) * linear.known
    return replace(checkpoint, spec=replace(checkpoint.spec, linear_path=linear.lags), weights=weights)


def streamed_errors(checkpoint: Checkpoint, part: Part) -> Float64:
    """Return the standardised errors of a checkpoint's forecasts over a part, (origin, horizon, target)."""
    predictor = typical_predictor(edgeseq_export.build(checkpoint))
    spec = checkpoint.spec
    at = part.origins(spec.horizon)
    deviations = np.array([feature.std for feature in spec.target_features])
    return np.asarray((forecasts_at(predictor, part.values, at) - baselines.truths(spec, part.values, at)) / deviations)


def _counting(spec: Spec, filled: Filled, among: ridge.Rows | None = None) -> tuple[ridge.Rows, Float32]:
    """Return the rows, all or `among` some, whose forecasts count, and what the network should say there."""
    targets = network_targets(spec, filled)
    counts = filled.warm(spec.warmup) & np.isfinite(targets).any(axis=1)
    rows = np.flatnonzero(counts) if among is None else among[counts[among]]
    return rows, targets[rows]


def drop_incomplete(rows: ridge.Rows, targets: Float32) -> tuple[ridge.Rows, Float32]:
    """Leave out rows in which a target is unknown, where these are the minority.

    Outputs that are known in the same rows share a decomposition; else each step of a long horizon needs its own.
    """
    whole = np.isfinite(targets).all(axis=1)
    return (rows[whole], targets[whole]) if 2 * whole.sum() >= len(rows) else (rows, targets)


def _design(spec: Spec, filled: Filled, lags: int) -> ridge.Design:
    """Return what gives, for rows, the distances of `lagged_distances` and, behind them, what is known ahead."""
    return ridge.beside(lagged_distances(spec, filled, lags), known_inputs(spec, filled.values))


def lagged_distances(spec: Spec, filled: Filled, lags: int) -> LaggedDistances:
    """Return what gives, for rows, the distances of the `lags` samples before a row from it, (row, feature * lag).

    The farthest comes first; distances are scaled as changes are. Before a segment's first sample stands that sample
    again, as in a fresh stream. An example, unscaled, with two lags and two segments, rows 0 to 2 and row 4:

        row of the values     -   -   0   1   2   -   -   4
        padded               10  10  10  11  13  20  20  20
        row of `padded`       0   1   2   3   4   5   6   7

    Row 2 stands in row 4 of `padded`, with 10 and 11 before it: its distances are (-3, -2). Those of row 4 are (0, 0).

    Penalised by distances, as the baseline is, the regression carries over better to a series that has moved on than
    one penalised by changes.
    """
    values = filled.values[:, : len(spec.measured)] / np.array([feature.change for feature in spec.measured])
    padded = np.zeros((len(values) + lags * len(filled.segments), len(spec.measured)))
    place = np.zeros(len(values), np.int64)  # row of the values -> row of `padded`
    for number, (start, stop) in enumerate(filled.segments):
        begin = start + lags * (number + 1)
        padded[begin - lags : begin] = values[start]
        padded[begin : begin + stop - start] = values[start:stop]
        place[start:stop] = np.arange(begin, begin + stop - start)
    return LaggedDistances(padded, place, lags)
