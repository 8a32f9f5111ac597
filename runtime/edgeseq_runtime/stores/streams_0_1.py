"""The state of many streams as version 0.1 wrote it: one container of all of them."""

import struct

from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.io.text_lines import LONGEST
from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.streaming import container

MAGIC = b"edgeseq-streams-1\n"


def unpack(blob: bytes) -> list[StreamRow]:
    """Return the streams that a container holds. Raises `SnapshotError`."""
    content = container.unpack(MAGIC, blob, "'s streams")
    streams, at = dict[str, StreamRow](), 0
    try:
        listing, body = container.split(content)
        for entry in listing:
            name, number, size, marks = (entry[key] for key in ("name", "samples", "size", "marks"))
            are_counts = type(number) is type(size) is int and 0 <= number < 1 << 62 and 0 < size <= len(body) - at
            are_texts = type(marks) is list and all(isinstance(text, str) for text in (name, *marks))
            if not are_counts or not are_texts or name in streams or len(name) > LONGEST:
                raise ValueError(entry)  # noqa: TRY301 - the same word for all that nobody wrote
            streams[name] = StreamRow(name, number, body[at : at + size], tuple(marks))
            at += size
        if at != len(body):
            raise ValueError(at)  # noqa: TRY301
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise SnapshotError("the snapshot was written by another version of edgeseq") from error
    return list(streams.values())
