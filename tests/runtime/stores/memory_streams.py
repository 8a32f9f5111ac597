"""Streams whose memory is a few bytes: what a database does with them does not depend on a network."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.stores.state_database import StateDatabase

MODEL = bytes(range(32))


class MemoryStreams:
    """`SavedStreams` that hold what they are given."""

    def __init__(self, digest: bytes = MODEL) -> None:
        self.digest = digest
        self.rows: dict[str, StreamRow] = {}
        self.pending: dict[str, StreamRow] = {}

    def put(self, name: str, samples: int, snapshot: bytes, marks: Iterable[str] = ()) -> None:
        """Let a stream be as given, and acknowledge that."""
        self.rows[name] = self.pending[name] = StreamRow(name, samples, snapshot, tuple(marks))

    def changed(self) -> Iterator[StreamRow]:
        yield from list(self.pending.values())

    def kept(self) -> None:
        self.pending.clear()

    def load(self, rows: Iterable[StreamRow]) -> str:
        found = {row.name: row for row in rows}
        self.rows |= found
        return f"resumed {len(found)} streams"


def resumed(
    path: Path, *, fresh: bool = False, digest: bytes = MODEL
) -> tuple[MemoryStreams, StateDatabase, list[str]]:
    """Streams that have gone on from a file, what saves them, and the notes."""
    streams = MemoryStreams(digest)
    store = StateDatabase(path, streams)
    return streams, store, store.resume(fresh=fresh)


def saved(path: Path) -> dict[str, StreamRow]:
    """What a file holds."""
    streams, store, _ = resumed(path)
    store.close()
    return streams.rows


def snapshot(name: str, samples: int, size: int = 700) -> bytes:
    """What a stream remembers after so many samples: each of them, in every byte."""
    return bytes((len(name) + 31 * samples + at) % 251 for at in range(size))
