"""What a store promises, and what is kept of a stream in it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One of many streams, as it is saved."""

    name: str
    samples: int
    """How many it has taken."""
    snapshot: bytes | None
    """Its memory after them; None where that is saved already, and only the marks are new."""
    marks: tuple[str, ...]
    """What its last samples are recognised by, if they come again."""


class Store(Protocol):
    """Keeps streams in a file, for one process at a time."""

    def resume(self, *, fresh: bool) -> list[str]:
        """Go on from the file, where there is one; return notes about it, each a line.

        With `fresh` whatever it holds is not looked at, and replaced by the first `save`. Raises `SnapshotError` and
        `FileError`; the file and the streams are then as before.
        """

    def save(self) -> None:
        """Save what was acknowledged since the last time, whole and on the disk. Raises `FileError`."""

    def close(self) -> None:
        """Give the file back."""
