"""Samples of many streams in rounds, each of which is one step of a pool."""

from collections.abc import Sequence

from edgeseq_runtime.service.streams import NamedSample


def rounds(samples: Sequence[NamedSample]) -> list[list[int]]:
    """Return the samples' positions in rounds, in each of which a stream has at most one sample."""
    counts: dict[str, int] = {}
    found: list[list[int]] = []
    for position, sample in enumerate(samples):
        name = sample[0]
        turn = counts.get(name, 0)
        counts[name] = turn + 1
        if turn == len(found):
            found.append([])
        found[turn].append(position)
    return found
