"""Where the numbers of one stream's anomalies lie: one row of float32 words, which in C is the struct of a stream.

Words that count are small whole numbers. First comes what all targets share, then a block of words for each target.
A row of one target takes 0.9 kB, one of two 1.8 kB.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from edgeseq_runtime.anomalies.kinds import Kind, kinds_for
from edgeseq_runtime.anomalies.ladder import RUNGS, SHARES
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import RUNNING, Spec
from edgeseq_runtime.streaming.row_words import Part, in_order

BITS, ALARM, PAUSE, TOGETHER = "bits", "alarm", "pause", "together"
"""What targets share: bits of the last sample, all targets together, NaN where there are none; the code of its
anomaly's word, 0: none; samples without another alarm to come; and, of several targets, the ladder of the most bits."""

OWN_BITS, COUNT, SIZE, FAR_SIZE = "own bits", "count", "size", "far size"
"""Of a target: bits of the last sample; samples that taught; typical size of errors one step and farther ahead."""

RISE, FALL, FAR_RISE, FAR_FALL, SLOW, SPREAD = "rise", "fall", "far rise", "far fall", "slow", "spread"
"""Sums of errors less the allowance for each, upwards and downwards, one step and farther ahead; long mean of the
former, mean of their sizes: all as multiples of the typical size."""

SUMS = (RISE, FALL, FAR_RISE, FAR_FALL)

RUN, LAST, MEAN, DEVIATION, VALUES = "run", "last", "mean", "deviation", "values"
"""Further samples that were as the one before; the last sample; the running mean of values, and their mean distance
from it; the short mean of values, as such distances from the mean."""

EVENT, TAUGHT, QUIET, MOST = "event", "taught", "quiet", "most"
"""Whether an event is on; its surprising samples so far, more than teach once it is certain; samples since the last
very surprising one; the most bits of the last sample's kinds, before the last ladder."""

GAPS, LAST_GAPS = "gaps", "last gaps"
"""Of the kinds' ladders (rung, kind), and of the one of their most bits."""

SEEN, ANCHOR = "seen", "anchor"
"""Only where the scale runs: samples that the running mean is one of, up to `kinds.LEVEL_FORGETTING`; and the last of
them that was near it. `MEAN` is then how far that one lies above it, so that a large offset takes no digits."""

_NUMBERS = (
    OWN_BITS,
    COUNT,
    SIZE,
    FAR_SIZE,
    RISE,
    FALL,
    FAR_RISE,
    FAR_FALL,
    SLOW,
    SPREAD,
    RUN,
    LAST,
    MEAN,
    DEVIATION,
    VALUES,
    EVENT,
    TAUGHT,
    QUIET,
    MOST,
)


@dataclass(frozen=True)
class Layout:
    """What a row holds."""

    horizon: int
    targets: int
    is_running: bool = False
    """Whether the scale runs along with the stream: the file then knows nothing of its values."""
    takes_any: bool = False
    """Whether the model is for any sensor: what the file has learned is then of many."""

    @classmethod
    def of(cls, spec: Spec) -> Self:
        """Return that of a model's streams."""
        return cls(spec.horizon, len(spec.targets), spec.scaling == RUNNING, spec.takes_any)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that are looked for."""
        return kinds_for(self.horizon, takes_any=self.takes_any)

    @cached_property
    def shared(self) -> dict[str, Part]:
        """Name -> the words that all targets share."""
        together = {TOGETHER: (len(SHARES),)} if self.targets > 1 else {}
        return in_order({BITS: (), ALARM: (), PAUSE: (), **together})

    @cached_property
    def of_target(self) -> dict[str, Part]:
        """Name -> the words of each target, from the begin of its block."""
        numbers: dict[str, tuple[int, ...]] = dict.fromkeys(_NUMBERS, ())
        running: dict[str, tuple[int, ...]] = dict.fromkeys((SEEN, ANCHOR) if self.is_running else (), ())
        return in_order({**numbers, GAPS: (RUNGS, len(self.kinds)), LAST_GAPS: (len(SHARES),), **running})

    @cached_property
    def head(self) -> int:
        """Words before the first target's block."""
        return sum(part.size for part in self.shared.values())

    @cached_property
    def block(self) -> int:
        """Words of a target's block."""
        return sum(part.size for part in self.of_target.values())

    @cached_property
    def words(self) -> int:
        """Words of a row."""
        return self.head + self.targets * self.block

    def views(self, columns: Float32) -> dict[str, Float32]:
        """Return views of streams (word, stream) by name.

        Of what targets share (..., stream); of what each has (target, stream); of ladders with the rung first.
        """
        streams = columns.shape[1]
        blocks = self.blocks(columns)
        shared = {
            name: columns[part.offset : part.offset + part.size].reshape(*part.shape, streams)
            for name, part in self.shared.items()
        }
        own = {}
        for name, part in self.of_target.items():
            words = blocks[:, part.offset : part.offset + part.size]
            axes = len(part.shape)
            own[name] = np.moveaxis(words.reshape(self.targets, *part.shape, streams), 0, min(axes, 1))
        return shared | own

    def blocks(self, columns: Float32) -> Float32:
        """Return a view of what targets have, (target, word, stream)."""
        return columns[self.head :].reshape(self.targets, self.block, columns.shape[1])
