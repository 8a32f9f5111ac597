"""Tensors and texts in one safetensors file with a hash over all of it: what checkpoints and interrupted runs are.

safetensors was chosen because it holds nothing but tensors and text, so that reading it runs no code. The header is
written here: safetensors' own writer puts several texts in no fixed order, and two equal runs must give equal files.
"""

import hashlib
import json
import struct
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors

from edgeseq_runtime import strict_json
from edgeseq_runtime.errors import ModelFileError

Tensors = dict[str, npt.NDArray[Any]]

HASH = "sha256"
"""The text that holds the hash, in hexadecimal digits: of the file's bytes with zeros in their place."""

BLANK = "0" * 64

_TEXTS = "__metadata__"
"""Where safetensors' header has the texts."""

_TYPES: Mapping[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}
"""safetensors' names of the types that such a file may have."""


def pack(tensors: Tensors, texts: Mapping[str, str]) -> bytes:
    """Return the file's bytes; equal arguments give equal bytes."""
    names = {kind: name for name, kind in _TYPES.items()}
    header: dict[str, Any] = {_TEXTS: {HASH: BLANK, **texts}}
    parts: list[bytes] = []
    end = 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].itemsize, name)):  # as safetensors has them: aligned
        parts.append(tensors[name].tobytes())
        begin, end = end, end + len(parts[-1])
        header[name] = {
            "dtype": names[tensors[name].dtype],
            "shape": tensors[name].shape,
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return with_hash(b"".join([struct.pack("<Q", len(text)), text, *parts]))


def with_hash(content: bytes) -> bytes:
    """Return a file's bytes with their hash in the first place that is blank."""
    return content.replace(BLANK.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def is_whole(content: bytes, digest: object) -> bool:
    """Whether a file that gives this as its hash has it."""
    if not isinstance(digest, str) or len(digest) != len(BLANK):
        return False
    blank = content.replace(digest.encode(errors="replace"), BLANK.encode(), 1)
    return hashlib.sha256(blank).hexdigest() == digest


def unpack(content: bytes, name: str, texts: Collection[str], kind: str) -> tuple[Tensors, dict[str, str]]:
    """Return tensors and texts of a file's bytes; the texts must be those named, errors say that `name` is not `kind`.

    A hash must be right. Version 0.1 wrote none: a file with just the texts named passes without. So in a file with a
    hash a change of any byte shows: of the text's name too. Raises `ModelFileError`.
    """
    try:
        tensors, given = _parts(content)
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error}") from error
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{name} is not {kind}: {_one_line(error)}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error) as error:
        raise ModelFileError(f"{name} is not {kind}: it is damaged") from error
    if given.keys() - {HASH} != set(texts):
        raise ModelFileError(f"{name} is a safetensors file, but not {kind} that edgeseq wrote")
    if HASH in given and not is_whole(content, given.pop(HASH)):
        raise ModelFileError(f"{name} is damaged: it was changed after it was written")
    return tensors, given


def _parts(content: bytes) -> tuple[Tensors, dict[str, str]]:
    # It checks names, types, shapes and places.
    entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    (length,) = struct.unpack_from("<Q", content)
    texts = strict_json.loads(content[8 : 8 + length]).get(_TEXTS, {})
    return {name: _array(name, entry) for name, entry in entries}, dict(texts)


def _array(name: str, entry: Mapping[str, Any]) -> npt.NDArray[Any]:
    kind = _TYPES.get(entry["dtype"])
    if kind is None:
        raise ModelFileError(f"the tensor {name[:40]} is of type {entry['dtype']}; expected one of {', '.join(_TYPES)}")
    values = np.frombuffer(entry["data"], kind).reshape(entry["shape"])
    return values.astype(kind.newbyteorder("="))  # a copy, which may be written to


def _one_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
