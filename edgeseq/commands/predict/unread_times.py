"""What is said about samples whose time cannot be read or believed: one note for each stretch of them."""

from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime.printable import shown
from edgeseq_runtime.rules import DISORDER, FAR_AHEAD, GAP, PACE, TIME
from edgeseq_runtime.streaming.timestamps import is_time
from edgeseq_runtime.streaming.validation import MISSING

if TYPE_CHECKING:
    from edgeseq_runtime.io.text_lines import WrittenTime
    from edgeseq_runtime.outcomes import StepResult

_READABLE = ("", GAP, DISORDER, PACE)
"""Reasons of samples whose time was read, or did not matter; the others leave that open."""


class UnreadTimes:
    """Knows which streams are in such a stretch."""

    def __init__(self) -> None:
        self._streams: set[str] = set()

    def __bool__(self) -> bool:
        """Whether any stream is."""
        return bool(self._streams)

    def watch(self, where: str, stream: str, time: "WrittenTime", result: "StepResult") -> None:
        """Look at what became of a sample; `where` is what a note calls it."""
        if result.reason == TIME and stream not in self._streams:
            self._streams.add(stream)
            what = _what(time)
            outcome = "missing" if result.status == MISSING else "a period after the one before"
            note(f"{where}: {what}; taken as {outcome}", kind="samples without a time")
        elif result.reason in _READABLE:
            self._streams.discard(stream)


def _what(time: "WrittenTime") -> str:
    """Return what is the matter with the time of such a sample."""
    if time is None or time == "":
        return "it has no time"
    return f"{shown(time)} is {f'more than {FAR_AHEAD} periods ahead' if is_time(time) else 'not a time'}"
