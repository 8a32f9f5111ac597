"""Made-up series: parts of several kinds added up, then measured by a made-up sensor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from edgeseq.starter import noise, seasons, sensing, switching, wandering
from edgeseq.starter.drawing import unit
from edgeseq_runtime.arrays import Float64

Part: TypeAlias = Callable[[np.random.Generator, int, int], Float64]
"""Makes `count` series of `length` samples, (count, length), of deviation about 1."""


@dataclass(frozen=True)
class Family:
    """A kind of series: how likely it is, and how much of what is in it."""

    share: float
    """Of all series."""
    parts: Mapping[Sequence[Part], tuple[int, int]]
    """Kinds of parts -> how many of them at least and at most; which ones is drawn."""
    sizes: tuple[float, float]
    """Deviation of the noise, at least and at most, where the parts together have 1."""


FAMILIES: Mapping[str, Family] = {
    "level": Family(0.2, {(switching.level_shifts, wandering.walk, wandering.autoregressive): (0, 1)}, (1.0, 20.0)),
    "seasonal": Family(0.3, {seasons.SHAPES: (1, 3), wandering.KINDS: (0, 1), switching.KINDS: (0, 1)}, (0.003, 1.0)),
    "wandering": Family(0.22, {wandering.KINDS: (1, 2)}, (0.001, 1.0)),
    "switching": Family(0.16, {switching.KINDS: (1, 2), wandering.KINDS: (0, 1)}, (0.001, 0.5)),
    "mixture": Family(0.12, {seasons.SHAPES: (0, 2), wandering.KINDS: (0, 2), switching.KINDS: (0, 2)}, (0.003, 3.0)),
}
"""One series in five is noise around a level that may move."""

SENSORS: Mapping[Callable[[np.random.Generator, Float64], Float64], float] = {
    sensing.exponentiate: 0.12,
    sensing.count_events: 0.08,
    sensing.clip: 0.15,
    sensing.hold: 0.06,
    sensing.stand_still: 0.05,
    sensing.quantise: 0.25,
}
"""What is done to a series, in this order, and to what share of them."""


def series(random: np.random.Generator, count: int, length: int) -> Float64:
    """Return made-up series, (count, length), all finite, of deviation 1 or constant; `length` is at least 2."""
    values = unit(_measured(random, _summed(random, count, length)))
    assert np.isfinite(values).all()
    return values


def names(random: np.random.Generator, count: int) -> list[str]:
    """Return a family for each series; the first draw of `series`."""
    shares = np.array([family.share for family in FAMILIES.values()])
    return list(random.choice(list(FAMILIES), count, p=shares / shares.sum()))


def _summed(random: np.random.Generator, count: int, length: int) -> Float64:
    """Return the sum of each series' parts, and noise."""
    families = [FAMILIES[name] for name in names(random, count)]
    sizes = {part: np.zeros((count, 1)) for kind in _KINDS for part in kind}
    noise_size = np.zeros((count, 1))
    for row, family in enumerate(families):
        for kind, (least, most) in family.parts.items():
            for number in random.integers(len(kind), size=random.integers(least, most + 1)):
                sizes[kind[number]][row] += np.exp(0.8 * random.standard_normal())
        noise_size[row] = np.exp(random.uniform(*np.log(family.sizes)))
    values = np.zeros((count, length))
    for part, size in sizes.items():
        has = size[:, 0] > 0
        if has.any():
            values[has] += size[has] * part(random, int(has.sum()), length)
    return unit(unit(values) + noise_size * _noise(random, count, length))


def _noise(random: np.random.Generator, count: int, length: int) -> Float64:
    is_white = random.random((count, 1)) < 0.75
    return np.where(is_white, noise.white(random, count, length), noise.changing(random, count, length))


def _measured(random: np.random.Generator, values: Float64) -> Float64:
    for sensor, share in SENSORS.items():
        has = random.random(len(values)) < share
        if has.any():
            values[has] = unit(sensor(random, values[has]))
    return values


_KINDS = (seasons.SHAPES, wandering.KINDS, switching.KINDS)
