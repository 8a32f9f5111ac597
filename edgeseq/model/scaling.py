"""From raw samples to what the network sees and back: levels and changes, in units of the training part's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.series.ahead import over_horizon
from edgeseq.series.gaps import Filled
from edgeseq.series.series import Series, Values
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.spec import CHANGE, Feature, Spec


def describe(series: Series, raw: Values, train: Filled, levels: Sequence[bool]) -> tuple[Feature, ...]:
    """Return the columns with their statistics over the training part: the features, then those known ahead.

    `raw` (time, column) is that part as measured, `train` the same without short gaps; `levels` says for each
    column whether the network sees its value beside its change.
    """
    changes = _rms(np.concatenate([np.diff(train.values[start:stop], axis=0) for start, stop in train.segments]))
    clocks = range(series.measured, series.features)
    return tuple(
        _feature(name, unit, raw[:, column].astype(np.float64), changes[column], bool(levels[column]), column in clocks)
        for column, (name, unit) in enumerate(zip(series.columns, series.units, strict=True))
    )


def _feature(name: str, unit: str, values: Float64, change: "np.floating[Any]", level: bool, clock: bool) -> Feature:
    """Return a feature with the statistics of its values (time,), NaN where there is none.

    Values that lie about zero are not centered: the network then sees them in the unit of their deviation alone.
    """
    mean, std = np.nanmean(values), np.nanstd(values)
    return Feature(
        name=name,
        unit=unit,
        mean=_short(mean),
        std=_short(std),
        change=_short(change),
        minimum=float(np.nanmin(values)),
        maximum=float(np.nanmax(values)),
        level=level,
        center=0.0 if abs(mean) < std else float(np.float32(mean)),
        scale=_short(std),
        clock=clock,
    )


def target_scales(train: Filled, targets: int, horizon: int) -> tuple[tuple[float, ...], ...]:
    """Return the typical size of the change of each target over 1 ... horizon samples, [horizon step][target].

    At least that over one sample: a series that repeats itself exactly would otherwise have scale 0.
    """
    scales: list[tuple[float, ...]] = []
    for ahead in range(1, horizon + 1):
        leaps = [
            train.values[start + ahead : stop, :targets] - train.values[start : stop - ahead, :targets]
            for start, stop in train.segments
            if stop - start > ahead
        ]
        spread = _rms(np.concatenate(leaps)) if leaps else np.zeros(targets)
        least = scales[0] if scales else (0.0,) * targets
        scales.append(tuple(max(float(f"{size:.5g}"), floor) for size, floor in zip(spread, least, strict=True)))
    return tuple(scales)


def network_inputs(spec: Spec, filled: Filled) -> Float32:
    """Return what the network sees of samples (time, column): levels, changes, then what is known ahead, (time, input).

    The change of a segment's first sample is zero, as in a fresh stream.
    """
    features = len(spec.features)
    values = filled.values[:, :features].astype(np.float64)
    changes = np.diff(values, axis=0, prepend=values[:1])
    changes[[start for start, _ in filled.segments]] = 0
    changes /= [feature.change for feature in spec.features]
    levels = [
        (values[:, column] - feature.center) / feature.scale
        for column, feature in enumerate(spec.features)
        if feature.level
    ]
    return np.column_stack([*levels, changes, known_inputs(spec, filled.values)]).astype(np.float32)


def known_inputs(spec: Spec, values: Values) -> Float32:
    """Return what is known ahead at each of samples (time, column), as the network sees it: (time, ahead * column)."""
    known = values[:, len(spec.features) :]
    centers, scales = (np.array([getattr(column, name) for column in spec.known]) for name in ("center", "scale"))
    scaled = np.asarray((known - centers) / scales, np.float32)
    return over_horizon(scaled, spec.horizon).reshape(len(known), spec.ahead)


def network_targets(spec: Spec, filled: Filled) -> Float32:
    """Return what the network is to say at each sample: scaled changes, or values, (time, horizon * target).

    NaN where the sample ahead was not measured or lies in another segment, and at samples that were filled in by what
    knows already what comes next.
    """
    targets = len(spec.targets)
    values = filled.values[:, :targets].astype(np.float64)
    centers = np.broadcast_to([feature.center for feature in spec.target_features], values.shape)
    base = values if spec.predicts == CHANGE else centers
    scaled = np.full((len(values), spec.horizon, targets), np.nan, np.float32)
    for start, stop in filled.segments:
        for ahead in range(1, min(spec.horizon, stop - start - 1) + 1):
            leaps = values[start + ahead : stop] - base[start : stop - ahead]
            leaps /= np.array(spec.target_scales[ahead - 1])
            leaps[~filled.observed[start + ahead : stop, :targets]] = np.nan
            scaled[start : stop - ahead, ahead - 1] = leaps
    if not filled.causal:
        scaled[~filled.observed.all(axis=1)] = np.nan
    return scaled.reshape(len(values), -1)


def per_output(values: npt.ArrayLike, horizon: int) -> npt.NDArray[Any]:
    """Return what belongs to the targets (..., target) for each output of the network, (..., horizon * target)."""
    return np.tile(values, horizon)


def error_scales(spec: Spec) -> Float32:
    """Return what turns an error of the network into a standardised one, (horizon * target,)."""
    stds = np.array([feature.std for feature in spec.target_features])
    return np.asarray(np.array(spec.target_scales) / stds, np.float32).reshape(-1)


def importance(spec: Spec) -> Float32:
    """Return the weight of each output in the loss: as the standardised error weighs it, 1 on average."""
    squares = error_scales(spec) ** 2
    return np.asarray(squares / squares.mean())


def _rms(steps: Values) -> Float64:
    """Root mean square over time; unlike the deviation it is not zero for a steady rise."""
    return np.asarray(np.sqrt(np.mean(np.square(steps, dtype=np.float64), axis=0)))


def _short(value: "np.floating[Any]") -> float:
    """Nine digits: as many as float32 can hold, and no more in the file."""
    return float(f"{value:.9g}")
