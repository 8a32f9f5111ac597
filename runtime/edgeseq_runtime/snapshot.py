"""A stream's state as bytes: what a device saves, and takes up again after a power cut.

Layout: magic, SHA-256 of all that follows, SHA-256 of the model file, counters, then the buffers as
little-endian float32.
"""

import hashlib
import struct
from dataclasses import dataclass

import numpy as np

from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.session import Array

_MAGIC = b"edgeseq-snapshot-1\n"
_COUNTERS = struct.Struct("<QQQQ")  # samples, since the fresh start, imputed in a row, status


@dataclass(frozen=True)
class Snapshot:
    """Counters and buffers of one stream."""

    samples: int
    age: int
    imputed: int
    status: int
    buffers: tuple[Array, ...]


def pack(model: bytes, snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes that belong to the model file with the digest `model`."""
    counters = _COUNTERS.pack(snapshot.samples, snapshot.age, snapshot.imputed, snapshot.status)
    floats = b"".join(buffer.astype("<f4").tobytes() for buffer in snapshot.buffers)
    body = model + counters + floats
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpack(blob: bytes, model: bytes, sizes: tuple[int, ...]) -> Snapshot:
    """Read what `pack` wrote, as buffers of the given sizes.

    Raises `SnapshotError` where the bytes are no snapshot, damaged, or another model's.
    """
    if not blob.startswith(_MAGIC):
        raise SnapshotError("this is not a snapshot of edgeseq")
    start = len(_MAGIC) + 32
    digest, body = blob[len(_MAGIC) : start], blob[start:]
    if hashlib.sha256(body).digest() != digest:
        raise SnapshotError("the snapshot is damaged")
    if body[:32] != model:
        raise SnapshotError("the snapshot belongs to another model file")
    counters = _COUNTERS.unpack_from(body, 32)
    floats = np.frombuffer(body, "<f4", offset=32 + _COUNTERS.size).astype(np.float32)
    assert len(floats) == sum(sizes), "the digest matches, so this program wrote it for this model"
    samples, age, imputed, status = counters
    return Snapshot(samples, age, imputed, status, tuple(np.split(floats, np.cumsum(sizes)[:-1])))
