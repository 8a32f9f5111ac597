"""What a checkpoint carries of its validation and test part, by which an export measures its own file."""

from dataclasses import replace

import edgeseq_export
from edgeseq.evaluation.evaluate import score_part, typical_predictor
from edgeseq.evaluation.learning import MOST_LEARNED
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part
from edgeseq_runtime.errors import DataError

MOST_ROWS = 50_000
"""Rows of a part, with what precedes it, that are carried at most."""

_CONTEXT = MOST_LEARNED
"""Rows that precede a part, as many as are carried along to warm the state up and to learn from."""


def carried_part(part: Part) -> Part:
    """Return a part with as much before it as warms the state up, cut to what a checkpoint carries."""
    begin = max(0, part.start - _CONTEXT)
    values = part.values[begin : begin + MOST_ROWS]
    kept = [(start - begin, min(stop - begin, len(values))) for start, stop in part.left_out]
    seconds = None if part.seconds is None else part.seconds[begin : begin + MOST_ROWS]
    return Part(values, part.start - begin, tuple(pair for pair in kept if pair[0] < len(values)), seconds)


def is_short(part: Part) -> bool:
    """Whether a checkpoint carries all of a part."""
    return len(part.values) - max(0, part.start - _CONTEXT) <= MOST_ROWS


def without_unscorable_test(checkpoint: Checkpoint) -> Checkpoint:
    """Return the checkpoint without a test part in which nothing can be scored: export would stumble over it."""
    assert checkpoint.test
    try:
        score_part(typical_predictor(edgeseq_export.build(checkpoint)), checkpoint.test)
    except DataError:
        return replace(checkpoint, test=None)
    return checkpoint
