"""From a series and a user's wishes to a plan: the spec of the network to be, and the recipe of its training."""

import hashlib
from dataclasses import dataclass

import numpy as np

from edgeseq.series import Parts, Series
from edgeseq.series.examples import SINE_WARMUP
from edgeseq.series.gaps import LIMIT, Filled, fill
from edgeseq.training import decisions, scaling
from edgeseq.training.recipe import Recipe
from edgeseq_runtime import __version__
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.spec import Spec


@dataclass(frozen=True)
class Wishes:
    """What the user may choose; None leaves it to the data."""

    horizon: int = 1
    cell: str = "lstm"
    layers: int = 2
    hidden: int = 30
    steps: int | None = None
    warmup: int | None = None
    season: int | None = None
    level: bool | None = None
    gap_limit: int = LIMIT
    split: str = ""


@dataclass(frozen=True)
class Plan:
    """What is to be trained, and how."""

    spec: Spec
    recipe: Recipe
    train: Filled
    notes: tuple[str, ...]
    """What was found in the data and decided from it, for the user to read."""


def plan(series: Series, parts: Parts, wishes: Wishes) -> Plan:
    """Look at the training part and settle everything. Raises `DataError` where it cannot be learned from."""
    train = fill(parts.train, wishes.gap_limit)
    _require_samples(series, parts, train, wishes.horizon)
    _require_change(series, parts, train)
    season = wishes.season or decisions.season(train)
    warmup = wishes.warmup or _warmup(series, season, len(parts.train))
    levels = _levels(series, train, wishes.level)
    innovation = decisions.innovation(train)
    recipe = Recipe.choose(innovation, warmup, wishes.steps)
    _require_stretch(series, train, warmup, wishes.horizon)
    spec = Spec(
        series=series.name,
        features=scaling.describe(series, parts.train, train, levels),
        targets=series.columns[: series.targets],
        horizon=wishes.horizon,
        target_scales=scaling.target_scales(train, series.targets, wishes.horizon),
        warmup=warmup,
        gap_limit=wishes.gap_limit,
        cell=wishes.cell,
        layers=wishes.layers,
        hidden=wishes.hidden,
        time=series.time,
        period=series.period,
        season=season,
        split=wishes.split,
        data_sha256=hashlib.sha256(np.ascontiguousarray(parts.train, "<f4").tobytes()).hexdigest(),
        producer={"edgeseq": __version__},
    )
    return Plan(spec, recipe, train, _notes(series, parts, spec, innovation, recipe))


def _require_samples(series: Series, parts: Parts, train: Filled, horizon: int) -> None:
    for name, part in (("validation", parts.validation), ("test", parts.test)):
        samples = len(part.values) - part.start
        if samples < horizon:
            raise DataError(
                f"{series.name} is too short: its {name} part has {samples} samples, a horizon of {horizon} needs "
                f"at least {horizon}; change --split or shorten --horizon"
            )
    longest = max((stop - start for start, stop in train.segments), default=0)
    least = 2 * horizon + 2 * decisions.DEFAULT_WARMUP
    if longest < least:
        raise DataError(
            f"{series.name} is too short: the longest stretch of its training part without a longer gap has "
            f"{longest} samples; a horizon of {horizon} needs at least {least}"
        )


def _require_change(series: Series, parts: Parts, train: Filled) -> None:
    for column, name in enumerate(series.columns):
        values = parts.train[:, column]
        if np.nanmin(values) == np.nanmax(values):
            raise DataError(f"column {name!r} is constant ({np.nanmax(values):g}) in the training part")
        pieces = [train.values[start:stop, column] for start, stop in train.segments]
        if not any(np.diff(piece).any() for piece in pieces):
            raise DataError(f"column {name!r} never changes from one sample to the next in the training part")


def _require_stretch(series: Series, train: Filled, warmup: int, horizon: int) -> None:
    if all(stop - start < warmup + horizon + 1 for start, stop in train.segments):
        raise DataError(
            f"{series.name} is too short for a warm-up of {warmup} and a horizon of {horizon}: no stretch of "
            f"its training part has {warmup + horizon + 1} samples; give a smaller --warmup"
        )


def _warmup(series: Series, season: int | None, samples: int) -> int:
    """The sine's is the classic program's, whatever its season."""
    return SINE_WARMUP if series.name == "sine" else decisions.warmup(season, samples)


def _levels(series: Series, train: Filled, wish: bool | None) -> list[bool]:
    columns = range(len(series.columns))
    return [not decisions.level_shifts(train, column) if wish is None else wish for column in columns]


def _notes(series: Series, parts: Parts, spec: Spec, innovation: float, recipe: Recipe) -> tuple[str, ...]:
    sizes = len(parts.train), *(len(part.values) - part.start for part in (parts.validation, parts.test))
    period = f", one every {spec.period:g} s" if spec.period else ""
    gaps = fill(parts.test.values, spec.gap_limit)
    filled = f" (filled in: up to {spec.gap_limit} in a row)" if gaps.missing else ""
    shown = ", ".join(feature.name for feature in spec.features if feature.level) or "no column (it shifts)"
    settings = f"{recipe.steps} steps, noise {recipe.noise:.2g}, weight decay {recipe.weight_decay:.2g}"
    return (
        f"series {series.name}: {sizes[0]} samples to train on, {sizes[1]} to validate, {sizes[2]} to test{period}",
        f"{gaps}{filled}",
        f"season: {f'{spec.season} samples' if spec.season else 'none found'}; warm-up: {spec.warmup} samples",
        f"the network sees changes, and the level of {shown}",
        f"unforeseeable share of a change: {innovation:.2g}; {settings}",
    )
