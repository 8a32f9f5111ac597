"""What is saved of streams, as bytes that tell whether they are whole.

Layout: magic, which says what the container holds; SHA-256 of all that follows; length of the header (little-endian
uint32); the header as JSON; the body.
"""

import json
import struct
from typing import Any

from edgeseq_runtime import strict_json
from edgeseq_runtime.errors import SnapshotError

DIGEST = 32
"""Bytes of a SHA-256."""

_LENGTH = struct.Struct("<I")


def pack(magic: bytes, header: Any, body: bytes, *, prefix: bytes = b"") -> bytes:
    """Return a container; `prefix` lies before the length of the header."""
    text = json.dumps(header).encode()
    content = prefix + _LENGTH.pack(len(text)) + text + body
    return magic + sha256(content) + content


def unpack(magic: bytes, blob: bytes, kind: str) -> bytes:
    """Return the content of a container: all that its hash covers. Raises `SnapshotError`, which calls it `kind`."""
    start = len(magic) + DIGEST
    if not blob.startswith(magic):
        raise SnapshotError(f"this is not a snapshot of edgeseq{kind}")
    if sha256(blob[start:]) != blob[len(magic) : start]:
        raise SnapshotError("the snapshot is damaged")
    return blob[start:]


def split(content: bytes) -> tuple[Any, bytes]:
    """Return the header and the body of a container's content, of which a prefix has been taken off.

    Raises `ValueError` and `struct.error` where they are not there.
    """
    (length,) = _LENGTH.unpack_from(content)
    end = _LENGTH.size + length
    return strict_json.loads(content[_LENGTH.size : end]), content[end:]


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of some bytes."""
    import hashlib  # only now: see `Session.digest`

    return hashlib.sha256(data).digest()
