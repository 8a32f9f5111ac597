"""What streams have learned on the device, in words."""

from typing import TYPE_CHECKING

from edgeseq_runtime.printable import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeseq_runtime.adaptation.adaptation import Learned


def in_words(streams: "Sequence[Learned]") -> str:
    """Return how many samples taught, and which forecasts are adapted ones; empty where nothing learns."""
    if not streams:
        return ""
    taught = f"learned from {counted(sum(stream.taught for stream in streams), 'sample')}"
    if len(streams) == 1:
        return f"{taught}, adapted {steps(streams[0])}"
    adapted = sum(bool(stream.open.any()) for stream in streams)
    return f"{taught}, adapted in {adapted} of {len(streams)} streams"


def steps(stream: "Learned") -> str:
    """Return at which steps ahead, of those that are learned by themselves, adapted forecasts are in use."""
    each = zip(stream.knots, stream.open.T.tolist(), strict=True)
    knots = [str(knot) for knot, are_open in each if any(are_open)]
    if not knots:
        return "nowhere yet"
    return f"{' and '.join(filter(None, [', '.join(knots[:-1]), knots[-1]]))} ahead"
