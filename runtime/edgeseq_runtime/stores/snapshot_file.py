"""One stream in a file, which is written whole."""

import os
from pathlib import Path
from typing import Protocol

from edgeseq_runtime import files


class Saved(Protocol):
    """A stream that is saved as bytes."""

    def saved(self) -> bytes | None:
        """Return what was acknowledged; None where nothing was."""

    def restore(self, blob: bytes) -> str:
        """Go on from what `saved` returned; return in words from where. Raises `SnapshotError`."""


class SnapshotFile:
    """A `Store` of one stream."""

    def __init__(self, path: str | os.PathLike[str], stream: Saved) -> None:
        self._path, self._stream = path, stream

    def resume(self, *, fresh: bool) -> list[str]:
        """Go on from the file, where there is one."""
        if fresh or not Path(self._path).is_file():
            return []
        return [self._stream.restore(files.read(self._path))]

    def save(self) -> None:
        """Write the file anew."""
        content = self._stream.saved()
        if content:
            files.write_atomically(self._path, content)

    def close(self) -> None:
        """Do nothing: the file is open only while it is written."""
