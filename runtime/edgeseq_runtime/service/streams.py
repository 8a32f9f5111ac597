"""What a service asks of streams, whether it has one or many: `Streams`."""

import os
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

from edgeseq_runtime.adaptation.adaptation import Learned
from edgeseq_runtime.anomalies.anomalies import KEPT
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.outcomes import StepResult
from edgeseq_runtime.reading.times import Time
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.stores.base import Store
from edgeseq_runtime.streaming.open_intervals import OpenIntervals
from edgeseq_runtime.streaming.snapshot import Snapshot
from edgeseq_runtime.streaming.validation import RawSample

State: TypeAlias = tuple[int, Snapshot]
"""How many samples a stream has taken, and a copy of its memory after them."""

Said: TypeAlias = Sequence[float | None]
"""The values of the columns known ahead, step after step, the column fastest; () where a sample says none."""

NamedSample: TypeAlias = tuple[str, RawSample, Time] | tuple[str, RawSample, Time, Said]
"""The name of a stream, the values of a sample of it, their time, and what it says of the columns known ahead."""


class Period(NamedTuple):
    """An interval that is over: a sample of the model, and what became of it."""

    time: str | float
    """When it began, written as the times of its samples are."""
    values: tuple[float, ...]
    result: StepResult | EdgeseqError


class Answer(NamedTuple):
    """What came of a sample where samples are gathered in intervals."""

    periods: list[Period]
    """Those that are over with it: mostly none, and several where values hold."""
    finding: str
    """What was odd about its time: DISORDER, and it is left out, or TIME; empty where nothing was."""


class Streams(Protocol):
    """What takes samples by the name of their stream."""

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""

    def step(self, name: str, values: Sequence[float | None], time: Time = None, known: Said = ()) -> StepResult:
        """Take one sample, with its time where the model sees that, and what it says of the columns known ahead.

        Raises what `Predictor.step` does; the stream is then as before.
        """

    def pace(self, name: str) -> float:
        """Return the seconds from one of a stream's samples to the next, where that was found not to be the period."""

    @property
    def intervals(self) -> OpenIntervals | None:
        """What gathers samples in intervals, before the model sees them; None where it sees each."""

    def gather(self, name: str, values: RawSample, time: Time, known: Said = ()) -> Answer:
        """Take one sample where samples are gathered. Raises `DataError` for what is none; all is then as before."""

    def end_due(self) -> "list[tuple[str, list[Period]]]":
        """End the intervals, of some streams, that are over by the wall clock; return what became of each."""

    def learned(self) -> list[Learned]:
        """Return what each stream has learned; nothing where forecasts do not adapt."""

    def acknowledge(self, name: str) -> None:
        """Let this stream be saved as it is now."""

    def store(self, path: str | os.PathLike[str]) -> Store:
        """Return what saves these streams at `path`, and goes on from there."""


def anomalies_begin(blob: bytes, spec: Spec) -> str:
    """Return what is said of a snapshot that does not bring what anomalies have learned; empty where it does."""
    if f'"{KEPT}": [{Layout.of(spec).words}]'.encode() in blob:  # as the header has its name and its shape
        return ""
    if KEPT.encode() in blob:
        return "; anomalies begin as at first, since another version of edgeseq saved the state"
    return "; anomalies begin as at first, since the state holds nothing of them"
