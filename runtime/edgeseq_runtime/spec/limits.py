"""Which values fields of a spec may have: bounds, and how a value beyond them is refused."""

import struct

from edgeseq_runtime.errors import ModelFileError

LIMITS = {
    "horizon": (1, 100_000),
    "warmup": (0, 10_000_000),
    "gap_limit": (0, 10_000),
    "layers": (1, 1000),
    "hidden": (1, 100_000),
    "window": (0, 1_000_000),
    "linear_path": (0, 1_000_000),
}
"""The least and the most that some fields may hold: far more than training gives, no more than a device can bear."""

LATEST_TIME = 253_402_300_800.0
"""The year 10000, in seconds since 1970: no time in a file is as late."""

FLOAT32_MAX = (2 - 2**-23) * 2.0**127
FLOAT32 = "numbers that float32 holds"

ROOM = 2.0**20
"""What a network may make of a value, in multiples of it, before float32 overflows."""

MOST_CHANGES = 1e18
"""A value of more than this many typical changes would overflow float32 somewhere in the network."""


def as_float32(value: float) -> float:
    """Return the nearest number that float32 holds."""
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)


def are_float32(*numbers: float) -> bool:
    """Whether none of these, which the graph holds, is too large for it."""
    return max(map(abs, numbers)) <= FLOAT32_MAX


def is_table(rows: tuple[tuple[float, ...], ...], height: int, width: int) -> bool:
    """Whether there are `height` rows of `width` numbers."""
    return len(rows) == height and all(len(row) == width for row in rows)


def require(condition: object, name: str, wanted: str) -> None:
    """Raise `ModelFileError` over the field `name` unless the condition holds."""
    if not condition:
        raise ModelFileError(f"the spec's field {name} is invalid: expected {wanted}")
