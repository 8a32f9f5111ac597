"""Where the numbers of one stream's adaptation lie: one row of float32 words, which in C is the struct of a stream.

NumPy's rows and C's structs are the same bytes, so that the provider native works on the rows where they are. Words
that count are small whole numbers. First comes what all targets share, then a block of words for each target.

At 24 steps ahead a row of one target takes 1.7 kB without a season, 2.2 kB with one of 24 samples, 2.8 kB with one of
168 and 3.3 kB with one of 288.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.row_words import Part, in_order

KEPT = "adaptation.memory"
"""What a snapshot calls a stream's row."""

CHANGES = 3
"""The last changes of a target that the correction sees."""

LONGEST_SEASON = 336
"""Samples. What a longer one was like is not kept: a stream's memory is small."""

PRIOR, PRIOR_WITHOUT_SEASON = (0.9, 0.05, 0.025, 0.025), (0.925, 0.05, 0.025)
"""Trust in the network, the corrected forecast, persistence and the seasonal naive one before anything has come."""

_STRIDE = 3
"""A knot is so many times as far ahead as the one before it."""


@dataclass(frozen=True)
class Layout:
    """What a row holds. The properties are in the order of the words."""

    horizon: int
    targets: int
    season: int
    """Samples; 0: no seasonal naive forecast is made."""

    @classmethod
    def of(cls, spec: Spec) -> Self:
        """Return that of a model's streams."""
        season = spec.season or 0
        return cls(spec.horizon, len(spec.targets), season if 2 <= season <= LONGEST_SEASON else 0)

    @cached_property
    def knots(self) -> tuple[int, ...]:
        """The steps ahead that are learned by themselves: 1, 3, 9, ... and the last one."""
        return knots_of(self.horizon, _STRIDE)

    @property
    def slots(self) -> int:
        """Forecasts that wait for their truth: of each knot as many as it is steps ahead, one knot after the other."""
        return sum(self.knots)

    @property
    def kept(self) -> int:
        """The last samples of a target that are kept."""
        return max(self.season, CHANGES + 1)

    @property
    def experts(self) -> int:
        """The forecasts that are weighed: the network's, corrected, persistence and, with a season, seasonal naive."""
        return 3 + bool(self.season)

    @property
    def prior(self) -> tuple[float, ...]:
        """Trust in each before anything has come."""
        return PRIOR if self.season else PRIOR_WITHOUT_SEASON

    @property
    def features(self) -> int:
        """What the correction sees: 1, the network's forecast, with a season the naive one less it, changes."""
        return 2 + bool(self.season) + CHANGES

    @cached_property
    def waits(self) -> tuple[str, ...]:
        """The words of a slot: the sample it was made at, the forecasts as changes from it, and the changes before."""
        seasonal = ("seasonal",) if self.season else ()
        changes = tuple(f"change{number}" for number in range(1, CHANGES + 1))
        return ("base", "own", *seasonal, "corrected", "said", *changes)

    @cached_property
    def shared(self) -> dict[str, Part]:
        """Name -> the words that all targets share."""
        return in_order({"places": (len(self.knots) + 1,), "taught": (1,)})

    @cached_property
    def of_target(self) -> dict[str, Part]:
        """Name -> the words of each target, from the begin of its block."""
        knots = len(self.knots)
        shapes = {
            "values": (self.kept,),
            "waiting": (self.slots, len(self.waits)),
            "weights": (knots, self.features),
            "covariance": (knots, self.features, self.features),
            "regret": (knots, self.experts),
            "variance": (knots, self.experts),
            "range": (knots, self.experts),
            "gain": (knots,),
            "worst": (knots,),
        }
        return in_order(shapes)

    @property
    def head(self) -> int:
        """Words before the first target's block."""
        return sum(part.size for part in self.shared.values())

    @property
    def block(self) -> int:
        """Words of a target's block."""
        return sum(part.size for part in self.of_target.values())

    @property
    def words(self) -> int:
        """Words of a row."""
        return self.head + self.targets * self.block

    @cached_property
    def between(self) -> Float32:
        """What makes (horizon,) of what is known at the knots, (horizon, knot): linear in the logarithm of the step."""
        steps, places = np.log(np.arange(1, self.horizon + 1)), np.log(self.knots)
        return np.stack([np.interp(steps, places, unit) for unit in np.eye(len(places))], axis=1).astype(np.float32)

    @cached_property
    def since(self) -> tuple[int, ...]:
        """How many samples before the last one lies the one that is the seasonal naive forecast, for each step."""
        steps = range(1, self.horizon + 1)
        return tuple(-step % self.season for step in steps) if self.season else ()

    def views(self, rows: Float32) -> dict[str, Float32]:
        """Return views of rows (stream, words) by name: (stream, ...) of `shared`, (stream, target, ...) of others."""
        blocks = rows[:, self.head :].reshape(len(rows), self.targets, self.block)
        shared = {
            name: rows[:, part.offset : part.offset + part.size].reshape(len(rows), *part.shape)
            for name, part in self.shared.items()
        }
        return shared | {
            name: blocks[:, :, part.offset : part.offset + part.size].reshape(len(rows), self.targets, *part.shape)
            for name, part in self.of_target.items()
        }

    def sums(self, rows: Float32) -> Float32:
        """Return a view of what experts have lost, (stream, target, knot, 3, expert): regret, variance and range."""
        blocks = rows[:, self.head :].reshape(len(rows), self.targets, self.block)
        begin, last = self.of_target["regret"], self.of_target["range"]
        words = blocks[:, :, begin.offset : last.offset + last.size]
        return np.moveaxis(words.reshape(len(rows), self.targets, 3, *begin.shape), 3, 2)


def knots_of(horizon: int, stride: int) -> tuple[int, ...]:
    """Return steps ahead from 1 on, each `stride` times as far as the one before it, and the horizon as the last."""
    found = [1]
    while found[-1] * stride * math.sqrt(stride) <= horizon:
        found.append(found[-1] * stride)
    return tuple(found) if found[-1] == horizon else (*found, horizon)
