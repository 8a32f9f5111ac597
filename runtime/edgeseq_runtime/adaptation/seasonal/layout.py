"""Where the numbers of one stream's seasonal adaptation lie: one row of float32 words, which in C is a struct.

Words that count are small whole numbers. All places in rings follow from one of them, `clock`: what belongs to a sample
lies at the clock's number of that sample, modulo the ring's size.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgeseq_runtime.adaptation.layout import knots_of
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.streaming.row_words import Part, in_order

GROUPS = 11
"""The lags are looked at in so many groups, one with each sample. Seasons are seldom multiples of it, and a season that
is would be looked at at the same places only."""

LAGS = 31
"""In a group."""

LONGEST = GROUPS * LAGS
"""Samples of the longest season that can be found: a week of half-hours, a day of five minutes."""

VALUES = 36 * GROUPS
"""The last samples that are kept: a season before the one that the oldest forecast was made at, 390 at most."""

FURTHEST = 48
"""The longest horizon."""

FINE, COARSE = 4, (8, 16, 32)
"""Recent changes that the correction sees: single ones, and then from that many samples ago to the number before."""

AHEAD = (1, 8)
"""Steps ahead at which the correction sees the season before, besides the last one."""

EXPERTS = ("network", "corrected", "blended", "persistence", "seasonal naive", "seasonal change")

PRIOR = (0.9, 0.05, 0.0125, 0.0125, 0.0125, 0.0125)
"""Trust in each before anything has come."""

BLENDED = 3
"""What a blend is made of: the network's forecast, and by how much the two seasonal ones differ from it."""

WAITS = ("own", "blended", "corrected", "said")
"""The words of a forecast that waits for its truth, as changes from the sample that it was made at."""

OWN, BLEND, CORRECTED, SAID = range(len(WAITS))

_STRIDE = 2
"""A knot is so many times as far ahead as the one before it."""


@dataclass(frozen=True)
class Layout:
    """What a row holds. The parts are in the order of the words."""

    horizon: int

    def __post_init__(self) -> None:
        assert 1 <= self.horizon <= FURTHEST, "the starter's horizon"

    @cached_property
    def knots(self) -> tuple[int, ...]:
        """The steps ahead that are learned by themselves: 1, 2, 4, 8, ... and the last one."""
        return knots_of(self.horizon, _STRIDE)

    @cached_property
    def ahead(self) -> tuple[int, ...]:
        """The steps ahead at which the correction sees the season before."""
        return tuple(sorted({min(step, self.horizon) for step in (*AHEAD, self.horizon)}))

    @property
    def slots(self) -> int:
        """Forecasts that wait for their truth: of each knot as many as it is steps ahead, one knot after the other."""
        return sum(self.knots)

    @property
    def recent(self) -> int:
        """What the correction sees: 1, the last knot's forecast, recent changes, and how the season before went on."""
        return 2 + FINE + len(COARSE) + 1 + len(self.ahead)

    @cached_property
    def turns(self) -> int:
        """The clock begins anew after so many samples: a multiple of all rings' sizes."""
        return math.lcm(VALUES, *self.knots)

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Name -> its words."""
        knots, recent = len(self.knots), self.recent
        shapes = {
            "clock": (1,),
            "taught": (1,),
            "seen": (1,),
            "season": (1,),
            "moved": (1,),
            "values": (VALUES,),
            "units": (self.horizon,),
            "waiting": (self.slots, len(WAITS)),
            "repeats": (LONGEST,),
            "weights": (knots, BLENDED),
            "covariance": (knots, BLENDED, BLENDED),
            "regret": (knots, len(EXPERTS)),
            "variance": (knots, len(EXPERTS)),
            "range": (knots, len(EXPERTS)),
            "gain": (knots,),
            "worst": (knots,),
            "recent_weights": (knots, recent),
            "recent_covariance": (recent, recent),
        }
        return in_order(shapes)

    @property
    def words(self) -> int:
        """Words of a row."""
        return sum(part.size for part in self.parts.values())

    @cached_property
    def between(self) -> Float32:
        """What makes (horizon,) of what is known at the knots, (knot, horizon): linear in the logarithm of the step."""
        steps, places = np.log(np.arange(1, self.horizon + 1)), np.log(self.knots)
        return np.stack([np.interp(steps, places, unit) for unit in np.eye(len(places))]).astype(np.float32)

    def views(self, rows: Float32) -> dict[str, Float32]:
        """Return views of rows (stream, words) by name, (stream, ...)."""
        return {
            name: rows[:, part.offset : part.offset + part.size].reshape(len(rows), *part.shape)
            for name, part in self.parts.items()
        }
