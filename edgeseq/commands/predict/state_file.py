"""The file of `--state`: what a next run goes on from."""

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime import file_lock
from edgeseq_runtime.errors import FileError, SnapshotError

if TYPE_CHECKING:
    from edgeseq_runtime.service.streams import Streams

RETRY = 1.0
"""Seconds until a save that failed is tried again, where no further samples make one due before."""


def owned(path: str | None) -> AbstractContextManager[None]:
    """Hold the file for this process alone, as long as the context lasts. Raises `FileError`."""
    if path is None or (Path(path).exists() and not Path(path).is_file()):  # the null device keeps nothing
        return nullcontext()
    return file_lock.exclusive(path)


class StateFile:
    """Saves what was acknowledged: every so many samples where that is wanted (0: it is not), and at the end."""

    def __init__(self, path: str | None, streams: "Streams", every: int) -> None:
        self.active = path is not None
        """Whether anything is saved at all."""
        self._path = path or ""
        self._streams = streams
        self._store = streams.store(path) if path else None
        self._every = every
        self._unsaved = 0  # samples
        self._failed_at: float | None = None  # when the last save failed, where it did

    def resume(self, *, fresh: bool) -> None:
        """Go on from the file, where there is one. Raises `SnapshotError`; the file then stays as it is."""
        if not self._store:
            return
        goes_on = not fresh and Path(self._path).exists()
        try:
            for text in self._store.resume(fresh=fresh):
                note(text)
        except SnapshotError as error:
            raise SnapshotError(f"{self._path}: {error}; use --fresh to start over") from error
        learned = self._streams.learned() if goes_on else []
        if learned and not any(each.taught for each in learned):
            note(f"{self._path} holds nothing that was learned, as after --no-adapt: adaptation begins")

    def save_if_due(self, samples: int = 1) -> bool:
        """After so many samples were acknowledged: save them, if that is due; return whether they may count as kept.

        False from a save that failed until one succeeds: what was acknowledged is then in memory only. A disk that is
        full is said once, and does not end the stream. With `samples` 0 only what failed is tried again, a second
        after.
        """
        self._unsaved += samples
        if not self.active or not self._every:
            return True
        if self._unsaved < self._every and not self._is_retry_due():
            return self._failed_at is None
        self._unsaved = 0
        try:
            self.save()
        except FileError as error:
            if self._failed_at is None:
                note(f"warning: {error}; forecasts continue, and saving is tried again")
            self._failed_at = time.monotonic()
            return False
        if self._failed_at is not None:
            note(f"{self._path} is saved again")
            self._failed_at = None
        return True

    @property
    def room(self) -> int | None:
        """How many samples may be acknowledged until a save is due; None: any number."""
        return self._every - self._unsaved if self.active and self._every else None

    def save_rest(self) -> None:
        """At the end: save what was acknowledged since the last save that succeeded. Raises `FileError`."""
        if self._unsaved or self._failed_at is not None:
            self.save()

    def save(self) -> None:
        """Save what was acknowledged, whole and on the disk. Raises `FileError`."""
        if self._store:
            self._store.save()
        self._unsaved = 0

    def close(self) -> None:
        """Give the file back, after the last save."""
        if self._store:
            self._store.close()

    def _is_retry_due(self) -> bool:
        return self._failed_at is not None and time.monotonic() - self._failed_at >= RETRY
