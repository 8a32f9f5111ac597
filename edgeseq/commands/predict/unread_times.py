"""What is said about samples whose time cannot be read or believed: one note for each stretch of them."""

from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.times import TimeReader
from edgeseq_runtime.rules import DISORDER, FAR_AHEAD, GAP, PACE, TIME
from edgeseq_runtime.streaming.validation import MISSING

if TYPE_CHECKING:
    from edgeseq_runtime.io.text_lines import WrittenTime
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.spec import Spec

_READABLE = ("", GAP, DISORDER, PACE)
"""Reasons of samples whose time was read, or did not matter; the others leave that open."""


class UnreadTimes:
    """Knows which streams are in such a stretch."""

    def __init__(self, spec: "Spec") -> None:
        self._reader = TimeReader(spec.reading)
        self._streams: set[str] = set()
        reading = spec.reading
        self._wants_zone = reading.zoned if reading and reading.time and not reading.zone else None

    def __bool__(self) -> bool:
        """Whether any stream is."""
        return bool(self._streams)

    def watch(self, where: str, stream: str, time: "WrittenTime", result: "StepResult") -> None:
        """Look at what became of a sample; `where` is what a note calls it."""
        if result.reason == TIME and stream not in self._streams:
            self._streams.add(stream)
            what = self._what(time)
            outcome = "missing" if result.status == MISSING else "a period after the one before"
            note(f"{where}: {what}; taken as {outcome}", kind="samples without a time")
        elif result.reason in _READABLE:
            self._streams.discard(stream)

    @property
    def watches_zone(self) -> bool:
        """Whether it is open yet if the times have a zone where they should, and none where not."""
        return self._wants_zone is not None

    def watch_zone(self, where: str, time: "WrittenTime") -> None:
        """Say once where times have a zone although those that the model was trained on had none, or the reverse."""
        if self._wants_zone is None or (says := self._reader.says_zone(time)) is None:
            return
        if says != self._wants_zone:
            what, end = ("no zone", "; taken as UTC") if self._wants_zone else ("its zone", ", which were taken as UTC")
            note(f"{where}: {shown(time)} says {what}, unlike the times that the model was trained on{end}")
        self._wants_zone = None

    def _what(self, time: "WrittenTime") -> str:
        """Return what is the matter with the time of such a sample."""
        if time is None or time == "":
            return "it has no time"
        ahead = f"more than {FAR_AHEAD} periods ahead"
        return f"{shown(time)} is {ahead if self._reader.is_time(time) else 'not a time'}"
