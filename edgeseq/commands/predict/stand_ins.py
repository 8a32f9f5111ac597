"""What is said where values known ahead lack, so that others stand in: one note for each stretch of such samples."""

from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime.printable import listed
from edgeseq_runtime.rules import KNOWN

if TYPE_CHECKING:
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.spec import Spec


class StandIns:
    """Knows which streams are in such a stretch."""

    def __init__(self, spec: "Spec") -> None:
        self._names, self._horizon = listed(column.name for column in spec.known), spec.horizon
        self._example = f"{spec.known[0].name}+1" if spec.known else ""
        self._streams: set[str] = set()

    def __bool__(self) -> bool:
        """Whether any stream is."""
        return bool(self._streams)

    def watch(self, where: str, stream: str, result: "StepResult") -> None:
        """Look at what became of a sample; `where` is what a note calls it."""
        if result.reason == KNOWN and stream not in self._streams:
            self._streams.add(stream)
            what = f"not all of the next {self._horizon} values of {self._names} are known"
            how = "" if result.number else f' ("known" in JSON, {self._example} and so on in CSV)'
            note(f"{where}: {what}{how}; those said before stand in, else the last one", kind="samples with stand-ins")
        elif not result.reason:
            self._streams.discard(stream)
