"""A stream's state as bytes: what a device saves, and takes up again after a power cut.

It is a `container`, with the SHA-256 of the model file before the header's length; the header has counters and the
arrays' names and shapes, the body is the arrays as little-endian float32.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.streaming import container

_MAGIC = b"edgeseq-snapshot-1\n"


@dataclass(frozen=True)
class Snapshot:
    """Counters and arrays of one stream, by name."""

    counters: Mapping[str, Any]
    arrays: Mapping[str, Float32]


def pack(model: bytes, snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes that belong to the model file with the digest `model`."""
    shapes = {name: array.shape for name, array in snapshot.arrays.items()}
    header = {"counters": dict(snapshot.counters), "arrays": shapes}
    floats = b"".join(array.astype("<f4").tobytes() for array in snapshot.arrays.values())
    return container.pack(_MAGIC, header, floats, prefix=model)


def unpack(blob: bytes, model: bytes, like: Snapshot) -> Snapshot:
    """Read what `pack` wrote of a snapshot with the same names and shapes as `like`.

    Arrays whose name has a dot belong to parts that a stream may do without: they may be there or lack, whatever `like`
    has, and are returned where they are as wanted. Raises `SnapshotError` where the bytes are no snapshot, damaged, or
    another model's.
    """
    content = container.unpack(_MAGIC, blob, "")
    if content[: container.DIGEST] != model:
        raise SnapshotError("the snapshot belongs to another model file")
    try:
        return _read(content[container.DIGEST :], like)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise SnapshotError("the snapshot was written by another version of edgeseq") from error


def _read(content: bytes, like: Snapshot) -> Snapshot:
    header, body = container.split(content)
    shapes = {name: tuple(shape) for name, shape in header["arrays"].items()}
    wanted = {name: array.shape for name, array in like.arrays.items()}
    if _needed(shapes) != _needed(wanted):
        raise ValueError(shapes)
    if {name: type(value) for name, value in header["counters"].items()} != {
        name: type(value) for name, value in like.counters.items()
    }:
        raise ValueError(header)
    floats = np.frombuffer(body, "<f4").astype(np.float32)
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = np.split(floats, ends)
    if len(floats) != ends[-1]:
        raise ValueError(len(floats))
    arrays = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=False)}
    fitting = {name: array for name, array in arrays.items() if wanted.get(name) == array.shape}
    return Snapshot(header["counters"], fitting)


def _needed(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in shapes.items() if "." not in name}
