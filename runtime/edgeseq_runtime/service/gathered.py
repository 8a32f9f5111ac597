"""Open intervals beside the streams: what becomes of one that is over, and how one is saved and gone on with."""

from collections.abc import Mapping

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.outcomes import StepResult
from edgeseq_runtime.printable import counted
from edgeseq_runtime.rules import TIME
from edgeseq_runtime.service.last_told import LastTold
from edgeseq_runtime.service.streams import Period
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.averaging import PREFIX, SETTINGS, Open
from edgeseq_runtime.streaming.open_intervals import Gathered, OpenIntervals
from edgeseq_runtime.streaming.snapshot import Snapshot, unpack

LOST = "; what was gathered of the interval that is open is left out: it was gathered otherwise"
"""What is said of a state whose interval was gathered in another way."""


def open_intervals(spec: Spec, late_limit: int) -> OpenIntervals | None:
    """Return what gathers samples in intervals, where the reading says so."""
    reading = spec.reading
    return OpenIntervals(spec, reading, late_limit) if reading and reading.every is not None else None


def as_period(gathered: Gathered, result: StepResult | EdgeseqError) -> Period:
    """Return what became of an interval; a time that was not known is odd where nothing else is."""
    if gathered.is_timeless and isinstance(result, StepResult) and not result.reason:
        result = result._replace(reason=TIME)
    return Period(gathered.time, gathered.values, result)


def with_open(
    state: Snapshot, intervals: OpenIntervals | None, open_: Open | None, told: Mapping[str, Float32]
) -> Snapshot:
    """Return a stream's state with an open interval and what it was told, in place of those that it may have."""
    if intervals is None:
        return state
    kept = {name: array for name, array in state.arrays.items() if not name.startswith(PREFIX)}
    return Snapshot(state.counters, {**kept, **intervals.arrays(open_), **told})


def waiting(intervals: OpenIntervals | None) -> str:
    """Return in words how many samples the open intervals hold."""
    count, samples = intervals.waiting() if intervals else (0, 0)
    return f", and {samples} of {counted(count, 'open interval')}" if count else ""


def resume_open(
    intervals: OpenIntervals | None, told: LastTold, name: str, blob: bytes, digest: bytes, like: Snapshot
) -> bool:
    """Go on with the open interval of a snapshot; return whether there is one that this stream cannot go on with."""
    if intervals is None:
        return SETTINGS.encode() in blob
    found = unpack(blob, digest, Snapshot(like.counters, {**like.arrays, **intervals.like(), **told.like()}))
    is_lost = intervals.load(name, found.arrays)
    told.load(name, {} if is_lost else found.arrays)
    return is_lost
