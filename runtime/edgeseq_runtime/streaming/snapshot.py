"""A stream's state as bytes: what a device saves, and takes up again after a power cut.

Layout: magic; SHA-256 of all that follows; SHA-256 of the model file; length of the header (little-endian
uint32); the header as JSON, with counters and the arrays' names and shapes; the arrays as little-endian float32.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import SnapshotError

_MAGIC = b"edgeseq-snapshot-1\n"
_DIGEST = 32
"""Bytes of a SHA-256."""
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Snapshot:
    """Counters and arrays of one stream, by name."""

    counters: Mapping[str, Any]
    arrays: Mapping[str, Float32]


def pack(model: bytes, snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes that belong to the model file with the digest `model`."""
    shapes = {name: array.shape for name, array in snapshot.arrays.items()}
    header = json.dumps({"counters": dict(snapshot.counters), "arrays": shapes}).encode()
    floats = b"".join(array.astype("<f4").tobytes() for array in snapshot.arrays.values())
    body = model + _LENGTH.pack(len(header)) + header + floats
    return _MAGIC + _sha256(body) + body


def unpack(blob: bytes, model: bytes, like: Snapshot) -> Snapshot:
    """Read what `pack` wrote of a snapshot with the same names and shapes as `like`.

    Arrays whose name has a dot belong to parts that a stream may do without: they may be there or lack, whatever `like`
    has, and are returned where they are as wanted. Raises `SnapshotError` where the bytes are no snapshot, damaged, or
    another model's.
    """
    start = len(_MAGIC) + _DIGEST
    if not blob.startswith(_MAGIC):
        raise SnapshotError("this is not a snapshot of edgeseq")
    if _sha256(blob[start:]) != blob[len(_MAGIC) : start]:
        raise SnapshotError("the snapshot is damaged")
    if blob[start : start + _DIGEST] != model:
        raise SnapshotError("the snapshot belongs to another model file")
    try:
        return _read_body(blob[start + _DIGEST :], like)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise SnapshotError("the snapshot was written by another version of edgeseq") from error


def _sha256(data: bytes) -> bytes:
    import hashlib  # only now: see `Session.digest`

    return hashlib.sha256(data).digest()


def _read_body(body: bytes, like: Snapshot) -> Snapshot:
    (length,) = _LENGTH.unpack_from(body)
    header = json.loads(body[_LENGTH.size : _LENGTH.size + length])
    shapes = {name: tuple(shape) for name, shape in header["arrays"].items()}
    wanted = {name: array.shape for name, array in like.arrays.items()}
    if _needed(shapes) != _needed(wanted):
        raise ValueError(shapes)
    if {name: type(value) for name, value in header["counters"].items()} != {
        name: type(value) for name, value in like.counters.items()
    }:
        raise ValueError(header)
    floats = np.frombuffer(body, "<f4", offset=_LENGTH.size + length).astype(np.float32)
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = np.split(floats, ends)
    if len(floats) != ends[-1]:
        raise ValueError(len(floats))
    arrays = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=False)}
    fitting = {name: array for name, array in arrays.items() if wanted.get(name) == array.shape}
    return Snapshot(header["counters"], fitting)


def _needed(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in shapes.items() if "." not in name}
