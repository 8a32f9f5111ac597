"""What cannot be trained is refused before training, in one line: `UsageError` for options, `DataError` for data."""

import numpy as np

from edgeseq.model import architecture, scaling
from edgeseq.series import Parts, Series, analysis
from edgeseq.series.gaps import Filled
from edgeseq.training.options import ADAPT, TrainingOptions
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.printable import counted
from edgeseq_runtime.spec import STREAM, Spec

_LARGEST = 2**31
"""Bytes of weights, about, that a model file can hold: protobuf's limit."""


def check_values(series: Series, parts: Parts) -> None:
    """Refuse a column that is empty where it should teach."""
    for column, name in enumerate(series.columns):
        if len(parts.train) and not np.isfinite(parts.train[:, column]).any():
            raise DataError(f"column {name!r} has no value in the training part of {series.name}")


def check_options(options: TrainingOptions, layout: str, *, known: bool = False) -> None:
    """Refuse options that say something of another layout, or that are no choice; columns may be `known` ahead."""
    if options.adapt not in ADAPT:
        raise UsageError(f"adapt: expected {', '.join(ADAPT)}, got {options.adapt!r}")
    if known and layout != STREAM:
        whose = f"--layout {layout}" if options.layout else f"--preset {options.preset}"
        raise UsageError(f"{whose} takes no --known: a window holds what was, and nothing ahead of it")
    if options.window and layout == STREAM:
        raise UsageError("--window is for --layout features or steps; a stream has no window")
    chosen = {
        "--linear-path": options.linear_path,
        "--warmup": options.warmup,
        "--unroll": options.unroll,
        "--level": options.level is not None,
    }
    useless = [name for name, value in chosen.items() if value]
    if layout != STREAM and useless:
        whose = f"--layout {layout}" if options.layout else f"--preset {options.preset}"
        raise UsageError(f"{whose} takes no {useless[0]}: the network sees a window of values, and nothing else")
    if options.preset == "classic" and layout == STREAM and not (options.unroll or options.linear_path):
        raise UsageError("--preset classic trains on windows; with --layout stream, give --unroll too")


def check_samples(series: Series, parts: Parts, train: Filled, horizon: int) -> None:
    """Refuse parts that are too short for a horizon."""
    for name, part in (("validation", parts.validation), ("test", parts.test)):
        samples = part.samples
        if samples < horizon:
            raise DataError(
                f"{series.name} is too short: its {name} part has {samples} samples, a horizon of {horizon} needs "
                f"at least {horizon}; change --split or shorten --horizon"
            )
    longest = max((stop - start for start, stop in train.segments), default=0)
    least = 2 * horizon + 2 * analysis.DEFAULT_WARMUP
    if longest < least:
        raise DataError(
            f"{series.name} is too short: the longest stretch of its training part without a longer gap has "
            f"{longest} samples; a horizon of {horizon} needs at least {least}"
        )


def check_change(series: Series, parts: Parts, train: Filled) -> None:
    """Refuse a column without change: there is nothing to scale it by."""
    for column, name in enumerate(series.columns):
        values = parts.train[:, column]
        if np.nanmin(values) == np.nanmax(values):
            grain = np.spacing(np.nanmax(np.abs(values)))
            fine = f" in float32, which here tells only values {grain:g} apart," if grain > 1e-3 else ""
            alone = "; `edgeseq predict starter` forecasts a constant exactly, without training"
            raise DataError(
                f"column {name!r} is constant ({np.nanmax(values):g}){fine} in the training part"
                f"{alone if len(series.columns) == 1 and not fine else ''}"
            )
        pieces = [train.values[start:stop, column] for start, stop in train.segments]
        if not any(np.diff(piece).any() for piece in pieces):
            raise DataError(f"column {name!r} never changes from one sample to the next in the training part")


def check_stretch(series: Series, train: Filled, warmup: int, horizon: int) -> None:
    """Refuse a warm-up that leaves nothing to learn from."""
    if all(stop - start < warmup + horizon + 1 for start, stop in train.segments):
        raise DataError(
            f"{series.name} is too short for a warm-up of {warmup} and a horizon of {horizon}: no stretch of "
            f"its training part has {warmup + horizon + 1} samples; give a smaller --warmup"
        )


def check_targets(spec: Spec, train: Filled) -> None:
    """Refuse a series in which some step ahead is never measured: every other row empty, and a horizon of 1."""
    known = np.isfinite(scaling.network_targets(spec, train))
    known &= train.warm(spec.warmup)[:, None]
    lacking = np.flatnonzero(~known.any(axis=0))
    if len(lacking):
        ahead, target = divmod(int(lacking[0]), len(spec.targets))
        later = counted(ahead + 1, "sample")
        raise DataError(
            f"{spec.targets[target]!r} is never measured {later} after another measured sample of the training part: "
            "too many rows are empty; resample the series or choose another horizon"
        )


def check_lags(spec: Spec, train: Filled, lags: int) -> None:
    """Refuse a linear path that looks back further than any stretch reaches."""
    longest = max(stop - start for start, stop in train.segments)
    if lags >= longest:
        raise DataError(
            f"{spec.series} is too short for a linear path of {lags} changes: the longest stretch of its training "
            f"part without a longer gap has {longest} samples"
        )


def check_season(series: Series, train: Filled, season: int | None) -> None:
    """Refuse a season that the training part does not hold once."""
    if season and season >= len(train.values):
        raise DataError(f"{series.name} is too short for a season of {season}: {len(train.values)} samples to train on")


def check_size(spec: Spec) -> None:
    """Refuse a network that no model file could hold."""
    weights = architecture.parameter_count(spec)
    if 4 * weights > _LARGEST - 2**20:
        raise UsageError(
            f"a network of {spec.layers} layers of {spec.hidden} has {weights:,} weights, more than a model file can "
            "hold: choose a smaller --hidden"
        )
