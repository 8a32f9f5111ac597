"""The file of `--state`: what a next run goes on from."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime import files
from edgeseq_runtime.errors import SnapshotError, UsageError

if TYPE_CHECKING:
    from edgeseq_runtime.service import Streams


class StateFile:
    """Saves what was acknowledged: every so many samples where that is wanted (0: it is not), and at the end."""

    def __init__(self, path: str | None, streams: "Streams", every: int) -> None:
        self.active = path is not None
        """Whether anything is saved at all."""
        self._path = path or ""
        self._streams = streams
        self._every = every
        self._unsaved = 0  # samples

    def resume(self, *, fresh: bool) -> None:
        """Go on from the file, where there is one. Raises `SnapshotError`; the file then stays as it is."""
        if not self.active or fresh or not Path(self._path).is_file():
            return
        try:
            note(self._streams.restore(files.read(self._path)))
        except SnapshotError as error:
            raise SnapshotError(f"{self._path}: {error}; --fresh starts anew") from error

    def save_if_due(self) -> None:
        """After something was acknowledged: save it, if that is due."""
        self._unsaved += 1
        if self.active and self._every and self._unsaved >= self._every:
            self.save()

    def save(self) -> None:
        """Save what was acknowledged, whole and on the disk. Raises `FileError`."""
        content = self._streams.saved() if self.active else None
        if content:
            files.write_atomically(self._path, content)
        self._unsaved = 0


def check_state_path(state: str, others: Mapping[str, str | None]) -> None:
    """Refuse a state file that cannot be written, or that is one of the files to read."""
    for name, other in others.items():
        if other and Path(state).exists() and Path(other).exists() and Path(state).samefile(other):
            raise UsageError(f"--state and {name} are the same file, {state}")
    files.check_writable(state)
