"""A stream's state as bytes: what a device saves, and takes up again after a power cut.

It is a `container`, with the SHA-256 of the model file before the header's length; the header has counters and the
arrays' names and shapes, the body is the arrays as little-endian float32.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.spec import GAIN
from edgeseq_runtime.streaming import container

_MAGIC = b"edgeseq-snapshot-1\n"

_MOST = 1 << 62
"""Samples that no stream will ever have seen, and int64 can still count on from."""

_OF_POOLS = {"age", "imputed", "status"}
"""The counters of a pool's streams in version 0.1."""

_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Snapshot:
    """Counters and arrays of one stream, by name."""

    counters: Mapping[str, Any]
    arrays: Mapping[str, Float32]

    def copied(self) -> "Snapshot":
        """Return the same, which stays as it is when the stream moves on."""
        return Snapshot(dict(self.counters), {name: array.copy() for name, array in self.arrays.items()})


def pack(model: bytes, snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes that belong to the model file with the digest `model`."""
    shapes = {name: array.shape for name, array in snapshot.arrays.items()}
    header = {"counters": dict(snapshot.counters), "arrays": shapes}
    floats = b"".join(array.astype("<f4").tobytes() for array in snapshot.arrays.values())
    return container.pack(_MAGIC, header, floats, prefix=model)


def unpack(blob: bytes, model: bytes, like: Snapshot) -> Snapshot:
    """Read what `pack` wrote of a snapshot with the same names and shapes as `like`.

    Whatever has a dot in its name belongs to parts that a stream may do without. Such arrays may be there or lack,
    whatever `like` has, and are returned where they are as wanted; such counters are 0 where they lack: who wrote the
    snapshot did not count that yet. Raises `SnapshotError` where the bytes are no snapshot, damaged, another
    model's or a newer version's, and for numbers that no stream has.
    """
    content = container.unpack(_MAGIC, blob, "")
    if content[: container.DIGEST] != model:
        raise SnapshotError("the snapshot belongs to another model file")
    try:
        header, body = container.split(content[container.DIGEST :])
        counters, arrays = _counters(header["counters"], like), _arrays(header["arrays"], body, like)
    except SnapshotError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise SnapshotError("the snapshot was written by another version of edgeseq") from error
    _check_numbers(counters, arrays)
    return Snapshot(counters, arrays)


def _counters(found: Mapping[str, Any], like: Snapshot) -> dict[str, Any]:
    unknown = sorted(found.keys() - like.counters.keys())
    if unknown:
        raise SnapshotError(f"the snapshot was written by a newer version of edgeseq, which counts {unknown[0][:40]!r}")
    if found.keys() == _OF_POOLS:  # version 0.1 counted no more of a pool's streams
        found = {**like.counters, "samples": found["age"], "skipped": 0, "reason": "", "odd_at": 0, **found}
        found = {**found, "seconds": math.nan, **{name: type(found[name])() for name in found if "." in name}}
    counters = {name: type(value)() for name, value in like.counters.items() if "." in name} | dict(found)
    if {name: type(value) for name, value in counters.items()} != {
        name: type(value) for name, value in like.counters.items()
    }:
        raise ValueError(found)
    return counters


def _arrays(shapes: Mapping[str, list[int]], body: bytes, like: Snapshot) -> dict[str, Float32]:
    """Return the arrays that are wanted, of all that the body holds."""
    wanted = {name: array.shape for name, array in like.arrays.items()}
    given = {name: tuple(shape) for name, shape in shapes.items()}
    needed = _needed(wanted)
    if "runs" not in given:  # version 0.1 kept none of a pool's streams
        del needed["runs"]
    if _needed(given) != needed:
        raise ValueError(shapes)
    if not all(type(size) is int and size > 0 for shape in given.values() for size in shape):
        raise ValueError(shapes)
    floats = np.frombuffer(body, "<f4").astype(np.float32)
    ends = list(accumulate((math.prod(shape) for shape in given.values()), initial=0))
    if len(floats) != ends[-1]:
        raise ValueError(len(floats))
    places = zip(given.items(), pairwise(ends), strict=True)
    arrays = {name: floats[begin:end].reshape(shape) for (name, shape), (begin, end) in places}
    kept = {
        name: array.reshape(wanted[name])
        for name, array in arrays.items()
        if name in wanted and _squeezed(wanted[name]) == _squeezed(array.shape)
    }
    return {"runs": np.zeros(wanted["runs"], np.float32), **kept}


def _check_numbers(counters: Mapping[str, Any], arrays: Mapping[str, Float32]) -> None:
    """Refuse numbers that no stream has: whoever can write a hash can write those."""
    counts = [value for value in counters.values() if isinstance(value, int)]
    times = [value for value in counters.values() if isinstance(value, float)]
    if not all(0 <= count < _MOST for count in counts) or any(map(math.isinf, times)):
        raise SnapshotError("the snapshot has counters that no stream has")
    # A forecast may be infinite; "y" and what a monitor keeps of forecasts may be NaN.
    states = {name: array for name, array in arrays.items() if name != "y" and "." not in name}
    if not all(np.isfinite(array).all() for array in states.values()) or (states.get(GAIN, _NOTHING) == -1).any():
        raise SnapshotError("the snapshot has states that no stream has")


def _needed(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what no stream does without, but for axes of length one: a pool's lacked the batch's."""
    return {name: _squeezed(shape) for name, shape in shapes.items() if "." not in name}


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)
