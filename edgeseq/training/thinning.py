"""A long validation part, thinned out to stretches that tell as much: more forecasts only take more time.

The error that weights, penalties and lengths are chosen by is a mean of 100,000 forecasts then, from all of the part,
since one place may be a season or a regime of its own. What is chosen between shares its noise.
"""

import numpy as np

from edgeseq.series import Part, fleet
from edgeseq_runtime.spec import Spec

MOST = 100_000
"""Samples of a validation part that are forecast."""

STRETCHES = 20
"""In which these lie, evenly spread."""

_LEAD = 2000
"""Samples before each stretch, unless ten times the warm-up is more: a fresh stream's state needs them."""


def thinned(spec: Spec, part: Part) -> Part:
    """Return the part as it is, or a longer one's stretches one after the other, parted by gaps as a fleet's are."""
    if part.samples <= MOST:
        return part
    lead = max(_LEAD, 10 * spec.warmup)
    gap = np.full((fleet.gap_rows(spec.gap_limit), part.values.shape[1]), np.nan, np.float32)
    pieces, seconds, edges, row = [], [], [], 0
    for start, stop in _stretches(part):
        begin = max(_begin(part, start), start - lead)
        pieces += [part.values[begin:stop], gap]
        if part.seconds is not None:
            seconds += [part.seconds[begin:stop], np.full(len(gap), np.nan)]
        edges += [row + start - begin, row + stop - begin]
        row += stop - begin + len(gap)
    return Part(
        np.concatenate(pieces[:-1]),
        edges[0],
        tuple(zip(edges[1:-1:2], edges[2::2], strict=True)),
        np.concatenate(seconds[:-1]) if seconds else None,
    )


def _stretches(part: Part) -> list[tuple[int, int]]:
    """Return first row and end of each stretch that is kept; one that would reach over two sensors is two."""
    sizes = [stop - start for start, stop in part.stretches]
    ends = np.cumsum(sizes)
    size = MOST // STRETCHES
    kept = []
    for first in np.linspace(0, ends[-1] - size, STRETCHES).astype(int).tolist():
        for (start, stop), end, samples in zip(part.stretches, ends.tolist(), sizes, strict=True):
            offset = start - (end - samples)  # from the place among the samples to be forecast to the row
            low, high = max(first + offset, start), min(first + size + offset, stop)
            if low < high:
                kept.append((low, high))
    return kept


def _begin(part: Part, row: int) -> int:
    """Return the row at which the sensor of a row begins, with what precedes its samples to be forecast."""
    return max([0, *(end for _, end in part.stretches if end <= row)])
