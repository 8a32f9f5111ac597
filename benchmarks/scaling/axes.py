"""What is varied: one thing at a time, around the default network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from benchmarks.scaling.networks import DEFAULT, Network
from edgeseq_runtime.model_file.library_file import NATIVE
from edgeseq_runtime.spec import CHUNK, STEP

STREAMS, POOL_SIZE, HIDDEN, LAYERS, HORIZON = "streams", "pool size", "hidden", "layers", "horizon"

VALUES: Mapping[str, tuple[int, ...]] = {
    STREAMS: (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000),
    POOL_SIZE: (100, 300, 1000, 3000, 10_000, 30_000, 100_000),
    HIDDEN: (8, 16, 32, 64, 96, 128, 160, 192, 256, 384, 512),
    LAYERS: (1, 2, 3, 4, 6, 8),
    HORIZON: (1, 3, 6, 12, 24, 48, 96),
}
"""Axis -> its values. Along the first, one pool grows; along the second, `FLEET` streams lie in pools of that size."""

FLEET = 100_000
"""Streams that are parted into pools, which take turns; their states together fit into no core's own cache."""

POOLED = 512
"""Streams in the pool where the network is varied."""

PREDICTOR, POOL, BY_NAME = "Predictor.step", "Pool.step_array", "Pool.step of one"
"""Calls: for one stream, for all streams of a pool, and for a single one of a pool's by its name."""


@dataclass(frozen=True)
class Case:
    """A call, and the kind of file that it streams through."""

    call: str
    file: str = CHUNK
    """What it streams through: a model file of the form "chunk" or "step", or the model's C, compiled."""

    def __str__(self) -> str:
        return self.call + {CHUNK: "", STEP: ", --form step", NATIVE: ", native"}[self.file]


ONE, STEPS, MANY, AMONG = Case(PREDICTOR), Case(PREDICTOR, STEP), Case(POOL), Case(BY_NAME)
ONE_NATIVE, MANY_NATIVE, AMONG_NATIVE = (replace(case, file=NATIVE) for case in (ONE, MANY, AMONG))

_OF_A_NETWORK = (ONE, STEPS, ONE_NATIVE, MANY, MANY_NATIVE)

CASES: Mapping[str, tuple[Case, ...]] = {
    STREAMS: (MANY, MANY_NATIVE, AMONG, AMONG_NATIVE),
    POOL_SIZE: (MANY, MANY_NATIVE),
    HIDDEN: _OF_A_NETWORK,
    LAYERS: _OF_A_NETWORK,
    HORIZON: _OF_A_NETWORK,
}
"""Axis -> the cases that are measured along it."""


@dataclass(frozen=True)
class Point:
    """One place on an axis, streamed by one case."""

    axis: str
    value: int
    case: Case

    def __str__(self) -> str:
        return f"{self.axis} {self.value}, {self.case}"

    @property
    def network(self) -> Network:
        """What is streamed there."""
        return DEFAULT if self.axis in (STREAMS, POOL_SIZE) else replace(DEFAULT, **{self.axis: self.value})

    @property
    def streams(self) -> int:
        """Streams in a pool; 0 for a predictor."""
        if self.case.call == PREDICTOR:
            return 0
        return self.value if self.axis in (STREAMS, POOL_SIZE) else POOLED

    @property
    def pools(self) -> int:
        """How many such pools there are."""
        return max(1, FLEET // self.value) if self.axis == POOL_SIZE else 1

    @property
    def samples(self) -> int:
        """How many samples all of them take in one turn."""
        return self.pools * self.streams if self.case.call == POOL else 1


def points(values: Mapping[str, tuple[int, ...]], *, native: bool) -> Iterator[Point]:
    """Yield what is to be measured, with or without the cases that need a C compiler."""
    for axis, along in values.items():
        for value in along:
            for case in CASES[axis]:
                if native or case.file != NATIVE:
                    yield Point(axis, value, case)
