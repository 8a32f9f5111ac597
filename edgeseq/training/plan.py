"""From a series and the user's options to a plan: analyse, decide, and write the spec of the network to be."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from edgeseq.model import architecture, scaling
from edgeseq.series import Part, Parts, Series, analysis, augment, fleet, gaps
from edgeseq.series.gaps import Fill, Filled, fill, together
from edgeseq.text import every
from edgeseq.training import autoregressive, checks, imputing, thinning
from edgeseq.training.fine_tuning import RAW, InitialWeights, Pretrained
from edgeseq.training.hyperparameters import HyperParameters
from edgeseq.training.options import AUTO, OFF, TrainingOptions
from edgeseq_runtime import __version__
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import CHANGE, FEATURES, STREAM, VALUE, Feature, Spec

CLASSIC = "classic"
"""The preset that trains as the classic program does."""

CLASSIC_WINDOW = 10
"""Samples in a window, unless the user chooses."""

_FINEST = 0.25
"""Steps of float32 in a typical change, from which on its rounding is a nuisance worth a word."""

_MOSTLY_NOISE = 0.8
"""Share of a change that is noise, from which on averages are worth a try."""

_LARGE = 1000
"""Weights for each training sample, from which on a network is worth a word."""


@dataclass(frozen=True)
class Plan:
    """What is to be trained, and how."""

    spec: Spec
    hyperparameters: HyperParameters
    train: Filled
    lags: tuple[int, ...]
    """Lengths of a linear path to choose from; empty: none."""
    measures_warmup: bool
    """Whether the warm-up is to be measured when the network is trained."""
    adapt: str
    """One of `options.ADAPT`: auto leaves it to the validation part."""
    notes: tuple[str, ...]
    """What was found in the data and decided from it, for the user to read."""
    initial: InitialWeights | None = None
    """The weights that the training begins with, where these are another model's."""
    fill: Fill = gaps.fill
    """What fills short gaps in what streams are shown."""


@dataclass(frozen=True)
class _Decisions:
    """What options and data decide, all that the spec is then written from."""

    layout: str
    window: int
    """Samples in a window; 0 for the layout stream."""
    season: int | None
    warmup: int
    predicts: str
    features: tuple[Feature, ...]
    known: tuple[Feature, ...]
    innovation: float
    augment: bool
    """Whether copies of the series at other rates teach as well: then the network learns the series' own recurrence."""
    hyperparameters: HyperParameters


def plan(series: Series, parts: Parts, options: TrainingOptions, pretrained: Pretrained | None = None) -> Plan:
    """Analyse the training part and decide all that the options leave open.

    A network that goes on from a `pretrained` one sees and says what that one does. Raises `UsageError` for options
    that do not go together, and `DataError` for a series that cannot be learned from.
    """
    layout = options.layout or (FEATURES if options.preset == CLASSIC else STREAM)
    checks.check_options(options, layout, known=bool(series.known))
    if options.preset == CLASSIC:  # nothing is chosen by the validation part, so it may teach as well
        begin = max(0, parts.validation.start - len(parts.train))  # what precedes it only warms streams up
        parts = replace(parts, train=parts.validation.values[begin:])
    checks.check_values(series, parts)
    train = fill(parts.train, options.gap_limit)
    checks.check_samples(series, parts, train, options.horizon)
    checks.check_change(series, parts, train)
    decisions = _decide(series, parts, train, options, layout, pretrained.spec if pretrained else None)
    spec = _spec(series, parts, train, options, decisions)
    if pretrained:
        pretrained.check(spec)
    lags = _lags(spec, train, options.linear_path, augment=decisions.augment)
    causal = imputing.learned(spec, parts.train)
    train = causal(parts.train, spec.gap_limit)
    checks.check_targets(spec, train)
    checks.check_size(spec)
    initial = pretrained.on(spec, parts.validation) if pretrained else None
    if pretrained and initial and initial.units == RAW:
        spec = replace(spec, features=_known_ranges(spec.features, pretrained.spec.features))
    return Plan(
        spec,
        decisions.hyperparameters,
        train,
        lags,
        measures_warmup=not (options.warmup or parts.warmup or decisions.window),
        adapt=_adapt(options, layout),
        notes=(*_notes(series, parts, spec, decisions), *_filled(train), *([initial.note] if initial else [])),
        initial=initial,
        fill=causal,
    )


def _adapt(options: TrainingOptions, layout: str) -> str:
    """Return whether streams are to adapt: what sees windows, or has learned from the validation part, is as it was."""
    is_open = layout == STREAM and options.preset != CLASSIC
    return options.adapt if is_open or options.adapt != AUTO else OFF


def _decide(
    series: Series, parts: Parts, train: Filled, options: TrainingOptions, layout: str, like: Spec | None
) -> _Decisions:
    """Decide all that the spec is written from. Raises `DataError` where a season or a warm-up is too long."""
    window = 0 if layout == STREAM else options.window or CLASSIC_WINDOW
    checks.check_season(series, train, options.season)
    rest = analysis.less_known(train, series.features)
    season = options.season or analysis.season_length(rest)
    warmup = window or options.warmup or parts.warmup or analysis.default_warmup(season, len(parts.train))
    checks.check_stretch(series, train, warmup, options.horizon)
    levels = [layout != STREAM or level for level in _levels(series, rest, options.level, like)]
    described = scaling.describe(series, parts.train, train, levels)
    features, known = described[: series.features], described[series.features :]
    innovation = analysis.innovation(train)
    if options.preset == CLASSIC:
        features, predicts, augment = _unscaled(features), VALUE, False
        hyperparameters = HyperParameters.classic(options.steps)
    else:
        # A network that says values stays behind where the level moves for good.
        predicts = like.predicts if like else CHANGE
        augment = layout == STREAM and not known and _is_augmentable(train)
        hyperparameters = HyperParameters.choose(innovation, warmup, linear_recurrence=augment, steps=options.steps)
    return _Decisions(
        layout=layout,
        window=window,
        season=season,
        warmup=warmup,
        predicts=predicts,
        features=features,
        known=known,
        innovation=innovation,
        augment=augment,
        hyperparameters=hyperparameters.override(options.learning_rate, options.unroll),
    )


def _spec(series: Series, parts: Parts, train: Filled, options: TrainingOptions, decisions: _Decisions) -> Spec:
    """Write down what was chosen and decided as the spec of the network to be."""
    return Spec(
        series=series.name,
        features=decisions.features,
        targets=series.columns[: series.targets],
        horizon=options.horizon,
        target_scales=_target_scales(decisions, train, series.targets, options.horizon),
        warmup=decisions.warmup,
        gap_limit=options.gap_limit,
        cell=options.cell,
        layers=options.layers,
        hidden=options.hidden,
        predicts=decisions.predicts,
        layout=decisions.layout,
        window=decisions.window,
        time=series.time,
        reading=series.reading,
        period=series.period,
        first_time=time_of(series, 0),
        last_time=time_of(series, len(parts.train) - 1),
        season=decisions.season,
        split=parts.split,
        data_sha256=hashlib.sha256(np.ascontiguousarray(parts.train, "<f4").tobytes()).hexdigest(),
        producer={"edgeseq": __version__},
        sensors=series.sensors,
        known=decisions.known,
    )


def time_of(series: Series, row: int) -> float | None:
    """Return when a row was measured, in seconds since 1970 UTC; None where that is not known."""
    return None if series.seconds is None else float(series.seconds[row])


def _levels(series: Series, train: Filled, chosen: bool | None, like: Spec | None) -> list[bool]:
    """Return for each column whether the network sees its value: as chosen, else where it stays near one level.

    A network that goes on from another, `like`, sees what that has seen.
    """
    columns = range(len(series.columns))
    if chosen is None and like and len(like.features) == series.features:
        return [*(feature.level for feature in like.features), *(True for _ in columns[series.features :])]
    if chosen is not None:
        return [chosen or column >= series.measured for column in columns]
    return [column >= series.measured or not analysis.level_shifts(train, column) for column in columns]


def _is_augmentable(train: Filled) -> bool:
    """Whether the series follows a linear recurrence, and its copies do too: they need samples that lie closely."""
    follows = analysis.follows_linear_recurrence
    return follows(train) and all(map(follows, augment.at_other_rates(train)))


def _known_ranges(features: tuple[Feature, ...], known: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Return the features with the range that the model gone on from knows as well: what it has seen is not odd."""
    return tuple(
        replace(own, minimum=min(own.minimum, other.minimum), maximum=max(own.maximum, other.maximum))
        for own, other in zip(features, known, strict=True)
    )


def _unscaled(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Return the features unscaled where their values are of order one, as the classic program takes them."""
    if all(max(abs(feature.minimum), abs(feature.maximum)) <= 1 for feature in features):
        return tuple(replace(feature, center=0.0, scale=1.0) for feature in features)
    return features


def _target_scales(decisions: _Decisions, train: Filled, targets: int, horizon: int) -> tuple[tuple[float, ...], ...]:
    """Return what the network's outputs are in units of, [horizon step][target]."""
    if decisions.predicts == VALUE:
        return (tuple(feature.scale for feature in decisions.features[:targets]),) * horizon
    return scaling.target_scales(train, targets, horizon)


def _lags(spec: Spec, train: Filled, chosen: int | None, *, augment: bool) -> tuple[int, ...]:
    """Return the lengths to choose a linear path's from; none where the network learns the series' own recurrence.

    Raises `UsageError` for a path beside a network that predicts values, and `DataError` for one that is too long.
    """
    if spec.layout != STREAM or spec.predicts != CHANGE:
        if chosen:
            raise UsageError("--linear-path adds to changes; this network predicts values")
        return ()
    if chosen is not None:
        checks.check_lags(spec, train, chosen)
        return (chosen,) if chosen else ()
    return () if augment else tuple(autoregressive.candidates(spec, train))


def _notes(series: Series, parts: Parts, spec: Spec, decisions: _Decisions) -> tuple[str, ...]:
    return (
        *told_parts(series, parts, spec),
        f"{told_season(spec)}; warm-up in training: {spec.warmup} samples",
        _seen(spec),
        _noise(decisions.innovation),
        _settings(decisions.hyperparameters),
        *_thinned(parts.validation),
        *_coarse(spec, parts.train),
        *_large(spec, _sizes(parts, spec)[0]),
    )


def told_parts(series: Series, parts: Parts, spec: Spec) -> tuple[str, ...]:
    """Return lines about the series: how many samples its parts have, what was decided in reading, and its gaps."""
    sizes = _sizes(parts, spec)
    period = f", {every(spec.period)}" if spec.period else ""
    gaps = together([fill(values, spec.gap_limit) for values in fleet.apart(parts.test, spec.gap_limit)])
    filled = f" (--max-gap {spec.gap_limit})" if gaps.missing else ""
    several = f" of {len(series.sensors)} sensors" if series.sensors else ""
    counts = f"{sizes[0]} training, {sizes[1]} validation, {sizes[2]} test samples"
    return f"series {series.name}{several}: {counts}{period}", *series.notes, f"gaps: {gaps}{filled}"


def told_season(spec: Spec) -> str:
    """Say what season there is."""
    return f"season: {f'{spec.season} samples' if spec.season else 'none found'}"


def _sizes(parts: Parts, spec: Spec) -> tuple[int, int, int]:
    """Return how many samples there are to train, validate and test on."""
    between = (len(parts.begins) - 1) * fleet.gap_rows(spec.gap_limit)
    return len(parts.train) - between, parts.validation.samples, parts.test.samples


def _noise(innovation: float) -> str:
    """Say how much of the series is noise, and what to do where that is most of it."""
    share = f"{100 * innovation:.0f} %" if innovation >= 0.01 else "less than 1 %"
    advice = "; a longer --every may average it out" if innovation > _MOSTLY_NOISE else ""
    return f"noise: a linear forecast is off by {share} of a typical change{advice}"


def _seen(spec: Spec) -> str:
    shown = ", ".join(feature.name for feature in spec.features if feature.level)
    seen = f"changes, and the level of {shown}" if shown else "changes only, since the level drifts"
    if spec.known:
        seen += f", and {', '.join(column.name for column in spec.known)} over the horizon"
    if spec.layout != STREAM:
        seen = f"the last {spec.window} values, as {f'{spec.window} steps' if spec.layout != FEATURES else 'one step'}"
    return f"network input: {seen}; output: the next {spec.predicts}"


def _settings(chosen: HyperParameters) -> str:
    if chosen.augment:
        return f"training: {chosen.steps} steps, half of it on copies at other speeds (a sum of waves)"
    against = f"input noise {chosen.input_noise:.2g} and weight decay {chosen.weight_decay:.2g} against overfitting"
    return f"training: {chosen.steps} steps, {against}"


def _filled(train: Filled) -> list[str]:
    """Say where streams are shown forecasts in place of what is missing."""
    if not train.causal:
        return []
    samples = sum(stop - start for start, stop in train.segments)
    return [
        f"short gaps filled by forecasts, as on the device: {100 * train.interpolated / samples:.0f} % of the samples"
    ]


def _thinned(validation: Part) -> list[str]:
    """Say where not all of the validation part is forecast."""
    if validation.samples <= thinning.MOST:
        return []
    return [
        f"validation: by {thinning.MOST:,} of the {validation.samples:,} samples, in {thinning.STRETCHES} stretches"
    ]


def _coarse(spec: Spec, train: Float32) -> list[str]:
    """Warn of columns whose changes are hardly larger than float32's resolution there."""
    grains = np.spacing(np.nanmax(np.abs(train), axis=0))
    return [
        f"warning: {feature.name} typically changes by {feature.change:.2g}, but float32 has steps of {grain:g} near "
        f"{feature.maximum:g}: subtract a constant from the column first"
        for feature, grain in zip((*spec.features, *spec.known), grains, strict=True)
        if grain > _FINEST * feature.change
    ]


def _large(spec: Spec, samples: int) -> list[str]:
    """Warn of a network that is out of all proportion to what it is to learn."""
    weights = architecture.parameter_count(spec)
    if weights < _LARGE * samples:
        return []
    return [f"warning: the network has {weights:,} weights for {samples:,} samples to train on: try a smaller --hidden"]
