"""The tables of a database of streams: what their rows hold, and the hashes by which a damaged row is known.

SQLite has no checksums. So each row has its own, over all that it says, and the number of the save that wrote it; and
each stream is in two tables, which lie on different pages: in `streams` with its state, in `listing` by name only. A
stream that is damaged, or whose row has vanished, is still listed, and so is known by name.

Each row begins with a mark, by which it is found in the bytes of a file that SQLite cannot read (`salvage`).
"""

import json
import struct
from collections.abc import Sequence
from typing import Any, Final

from edgeseq_runtime import strict_json
from edgeseq_runtime.io.text_lines import LONGEST
from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.streaming.container import sha256

PAGE = 4096
"""Bytes of a page, which whoever reads a damaged file must know beforehand."""

STREAM: Final = "edgeseq-stream-1"
LISTED: Final = "edgeseq-listed-1"
MODEL: Final = "edgeseq-model--1"

SCHEMA = (
    "CREATE TABLE model(id INTEGER PRIMARY KEY, mark TEXT, sha256 BLOB, model BLOB)",
    """CREATE TABLE streams(id INTEGER PRIMARY KEY, mark TEXT, sha256 BLOB, save INTEGER, name BLOB, samples INTEGER,
    marks TEXT, snapshot BLOB)""",
    "CREATE TABLE listing(id INTEGER PRIMARY KEY, mark TEXT, sha256 BLOB, save INTEGER, name BLOB)",
)
"""`name` is the name in UTF-8, which may hold NULs; `marks` a JSON list of texts."""

_NUMBERS = struct.Struct("<QQIII")


def model_row(model: bytes) -> tuple[Any, ...]:
    """Return the row that says to which model file, by its SHA-256, the streams belong."""
    return (1, MODEL, sha256(MODEL.encode() + model), model)


def is_model_row(row: Sequence[Any]) -> bool:
    """Whether a row is one that `model_row` has made."""
    return isinstance(row[-1], bytes) and tuple(row) == model_row(row[-1])


def stream_row(number: int, save: int, stream: StreamRow) -> tuple[Any, ...]:
    """Return the row of a stream, which the save of that number writes."""
    assert stream.snapshot is not None
    name, marks = stream.name.encode("utf-8", "surrogatepass"), json.dumps(stream.marks)
    digest = _digest(STREAM, save, name, stream.samples, marks, stream.snapshot)
    return (number, STREAM, digest, save, name, stream.samples, marks, stream.snapshot)


def listing_row(number: int, save: int, name: str) -> tuple[Any, ...]:
    """Return the row that lists a stream."""
    encoded = name.encode("utf-8", "surrogatepass")
    return (number, LISTED, _digest(LISTED, save, encoded), save, encoded)


def read_stream(row: Sequence[Any]) -> tuple[int, StreamRow] | None:
    """Return the save and the stream of a row, without its id; None where it is damaged."""
    try:
        mark, digest, save, name, samples, marks, snapshot = row
        if mark != STREAM or digest != _digest(mark, save, name, samples, marks, snapshot):
            return None
        texts = strict_json.loads(marks)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or len(name) > LONGEST:
            return None
        return save, StreamRow(name.decode("utf-8", "surrogatepass"), samples, bytes(snapshot), tuple(texts))
    except (TypeError, ValueError, AttributeError, RecursionError, struct.error):  # of another type, or shape
        return None


def read_listing(row: Sequence[Any]) -> tuple[int, str] | None:
    """Return the save and the name of a row of the listing, without its id; None where it is damaged."""
    try:
        mark, digest, save, name = row
        if mark != LISTED or digest != _digest(mark, save, name):
            return None
        return save, name.decode("utf-8", "surrogatepass")
    except (TypeError, ValueError, AttributeError, struct.error):
        return None


def _digest(mark: str, save: int, name: bytes, samples: int = 0, marks: str = "", snapshot: bytes = b"") -> bytes:
    numbers = _NUMBERS.pack(save, samples, len(name), len(marks), len(snapshot))
    return sha256(b"".join((mark.encode(), numbers, name, marks.encode(), snapshot)))
