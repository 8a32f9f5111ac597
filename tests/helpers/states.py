"""States of many streams: read as `predict --state` reads them, and written as version 0.1 wrote them."""

from collections.abc import Iterable
from pathlib import Path

from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.stores import streams_0_1
from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.streaming import container


def resume(streams: NamedStreams, state: Path, *, fresh: bool = False) -> list[str]:
    """Go on from a state file; return the notes."""
    store = streams.store(state)
    try:
        return store.resume(fresh=fresh)
    finally:
        store.close()


def save(streams: NamedStreams, state: Path) -> None:
    """Save what was acknowledged into a new file."""
    store = streams.store(state)
    store.save()
    store.close()


def contained(rows: Iterable[StreamRow]) -> bytes:
    """Return streams as the file of version 0.1 that holds them."""
    rows = list(rows)
    listing = [
        {"name": row.name, "samples": row.samples, "size": len(row.snapshot or b""), "marks": list(row.marks)}
        for row in rows
    ]
    return container.pack(streams_0_1.MAGIC, listing, b"".join(row.snapshot or b"" for row in rows))
