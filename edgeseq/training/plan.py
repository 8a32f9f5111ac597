"""From a series and a user's wishes to a plan: the spec of the network to be, and the recipe of its training."""

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgeseq.model import architecture, scaling
from edgeseq.series import Parts, Series, augment, fleet
from edgeseq.series.gaps import Filled, fill, together
from edgeseq.training import analysis, autoregressive, checks
from edgeseq.training.hyperparameters import HyperParameters
from edgeseq.training.options import Plan, TrainingOptions
from edgeseq_runtime import __version__
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import CHANGE, FEATURES, STREAM, VALUE, Feature, Spec

CLASSIC_WINDOW = 10

_FINEST = 0.25
"""Steps of float32 in a typical change, from which on its rounding is a nuisance worth a word."""

_LARGE = 1000
"""Weights for each training sample, from which on a network is worth a word."""


def plan(series: Series, parts: Parts, wishes: TrainingOptions) -> Plan:
    """Look at the training part and settle everything. Raises `DataError` where it cannot be learned from."""
    classic = wishes.preset == "classic"
    layout = wishes.layout or (FEATURES if classic else STREAM)
    checks.require_wishes(wishes, layout)
    if classic:  # nothing is chosen by the validation part, so it may teach as well
        parts = replace(parts, train=parts.validation.values)
    checks.require_values(series, parts)
    train = fill(parts.train, wishes.gap_limit)
    checks.require_samples(series, parts, train, wishes.horizon)
    checks.require_change(series, parts, train)
    window = 0 if layout == STREAM else wishes.window or CLASSIC_WINDOW
    checks.require_season(series, train, wishes.season)
    season = wishes.season or analysis.season(train)
    warmup = window or wishes.warmup or parts.warmup or analysis.warmup(season, len(parts.train))
    checks.require_stretch(series, train, warmup, wishes.horizon)
    levels = [layout != STREAM or level for level in _levels(series, train, wishes.level)]
    values = classic or analysis.predicts_values(train, series.targets, levels)
    features = scaling.describe(series, parts.train, train, levels)
    if classic:
        features = _as_they_are(features)
    innovation = analysis.innovation(train)
    law = layout == STREAM and not classic and _teaches_its_law(train)
    default = HyperParameters.choose(innovation, warmup, linear_law=law, steps=wishes.steps)
    recipe = (HyperParameters.classic(wishes.steps) if classic else default).with_wishes(
        wishes.learning_rate, wishes.unroll
    )
    spec = Spec(
        series=series.name,
        features=features,
        targets=series.columns[: series.targets],
        horizon=wishes.horizon,
        target_scales=_target_scales(features, train, series.targets, wishes.horizon, values=values),
        warmup=warmup,
        gap_limit=wishes.gap_limit,
        cell=wishes.cell,
        layers=wishes.layers,
        hidden=wishes.hidden,
        predicts=VALUE if values else CHANGE,
        layout=layout,
        window=window,
        time=series.time,
        period=series.period,
        season=season,
        split=parts.split,
        data_sha256=hashlib.sha256(np.ascontiguousarray(parts.train, "<f4").tobytes()).hexdigest(),
        producer={"edgeseq": __version__},
        sensors=series.sensors,
    )
    lags = _lags(spec, train, wishes.linear_path, linear_law=law)
    checks.require_targets(spec, train)
    checks.require_size(spec)
    chosen = wishes.warmup or parts.warmup or window
    notes = _notes(series, parts, spec, innovation, recipe)
    return Plan(spec, recipe, train, lags, measures_warmup=not chosen, notes=notes)


def _levels(series: Series, train: Filled, wish: bool | None) -> list[bool]:
    columns = range(len(series.columns))
    clocks = len(series.columns) - series.clocks
    if wish is not None:
        return [wish or column >= clocks for column in columns]
    return [column >= clocks or not analysis.level_shifts(train, column) for column in columns]


def _teaches_its_law(train: Filled) -> bool:
    """Whether the series obeys a linear law, and its copies do as well: they need samples that lie closely."""
    return all(map(analysis.obeys_linear_law, (train, *augment.at_other_rates(train))))


def _as_they_are(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Return the features unscaled where their values are of order one, as the classic program takes them."""
    if all(max(abs(feature.minimum), abs(feature.maximum)) <= 1 for feature in features):
        return tuple(replace(feature, center=0.0, scale=1.0) for feature in features)
    return features


def _target_scales(
    features: tuple[Feature, ...], train: Filled, targets: int, horizon: int, *, values: bool
) -> tuple[tuple[float, ...], ...]:
    if values:
        return (tuple(feature.scale for feature in features[:targets]),) * horizon
    return scaling.target_scales(train, targets, horizon)


def _lags(spec: Spec, train: Filled, wish: int | None, *, linear_law: bool) -> tuple[int, ...]:
    """Return the lengths to choose a linear path's from.

    None where the network already learns the series' own linear law.
    """
    if spec.layout != STREAM or spec.predicts != CHANGE:
        if wish:
            raise UsageError("--linear-path adds to changes; this network predicts values")
        return ()
    if wish is not None:
        checks.require_lags(spec, train, wish)
        return (wish,) if wish else ()
    return () if linear_law else tuple(autoregressive.candidates(spec, train))


def _notes(series: Series, parts: Parts, spec: Spec, innovation: float, recipe: HyperParameters) -> tuple[str, ...]:
    between = (len(parts.begins) - 1) * fleet.gap_rows(spec.gap_limit)
    sizes = len(parts.train) - between, *(part.samples for part in (parts.validation, parts.test))
    period = f", one every {spec.period:g} s" if spec.period else ""
    gaps = together([fill(values, spec.gap_limit) for values in fleet.apart(parts.test, spec.gap_limit)])
    filled = f" (filled in: up to {spec.gap_limit} in a row)" if gaps.missing else ""
    several = f" of {len(series.sensors)} sensors" if series.sensors else ""
    counts = f"{sizes[0]} samples to train on, {sizes[1]} to validate, {sizes[2]} to test"
    return (
        f"series {series.name}{several}: {counts}{period}",
        f"{gaps}{filled}",
        f"season: {f'{spec.season} samples' if spec.season else 'none found'}; warm-up: {spec.warmup} samples",
        _seen(spec),
        f"unforeseeable share of a change: {innovation:.2g}; {_settings(recipe)}",
        *_coarse(spec, parts.train),
        *_large(spec, sizes[0]),
    )


def _seen(spec: Spec) -> str:
    shown = ", ".join(feature.name for feature in spec.features if feature.level) or "no column (it shifts)"
    seen = f"changes, and the level of {shown}"
    if spec.layout != STREAM:
        seen = f"the last {spec.window} values, as {f'{spec.window} steps' if spec.layout != FEATURES else 'one step'}"
    return f"the network sees {seen}; it predicts the {spec.predicts}"


def _settings(recipe: HyperParameters) -> str:
    copies = ", half of it on copies at other rates: the series obeys a linear law" if recipe.copies else ""
    return f"{recipe.steps} steps, noise {recipe.noise:.2g}, weight decay {recipe.weight_decay:.2g}{copies}"


def _coarse(spec: Spec, train: npt.NDArray[np.float32]) -> list[str]:
    """Warn of columns whose changes are hardly larger than float32's resolution there."""
    grains = np.spacing(np.nanmax(np.abs(train), axis=0))
    return [
        f"warning: near {feature.maximum:g}, float32 tells only values {grain:g} apart, and {feature.name} changes by "
        f"{feature.change:.2g}: subtract a constant from the column first"
        for feature, grain in zip(spec.features, grains, strict=True)
        if grain > _FINEST * feature.change
    ]


def _large(spec: Spec, samples: int) -> list[str]:
    """Warn of a network that is out of all proportion to what it is to learn."""
    weights = architecture.weights(spec)
    if weights < _LARGE * samples:
        return []
    return [f"warning: the network has {weights:,} weights for {samples:,} samples to train on: try a smaller --hidden"]
