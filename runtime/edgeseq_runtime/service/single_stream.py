"""One stream without a name, through a predictor."""

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgeseq_runtime.adaptation.adaptation import Learned
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError
from edgeseq_runtime.exactness import blocks_are_exact
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.reading.times import Time
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.service.gathered import LOST, as_period, open_intervals, resume_open, waiting, with_open
from edgeseq_runtime.service.last_told import LastTold
from edgeseq_runtime.service.streams import Answer, Period, Said, anomalies_begin
from edgeseq_runtime.spec import RUNNING, Spec
from edgeseq_runtime.stores.snapshot_file import SnapshotFile
from edgeseq_runtime.streaming.known_values import KnownReader
from edgeseq_runtime.streaming.open_intervals import Gathered
from edgeseq_runtime.streaming.snapshot import Snapshot, pack
from edgeseq_runtime.streaming.validation import RawSample

if TYPE_CHECKING:
    from edgeseq_runtime.streaming.averaging import Open


class SingleStream:
    """One stream without a name, through a predictor."""

    def __init__(self, predictor: Predictor, late_limit: int = Rules.skip_limit) -> None:
        self._predictor = predictor
        self.intervals = open_intervals(predictor.spec, late_limit)
        self._takes_one = len(predictor.spec.measured) == 1
        self._is_timed, self._learns_period = predictor.spec.is_timed, predictor.spec.learns_period
        self._takes_any = predictor.spec.scaling == RUNNING or self._learns_period
        self._known, self._told = KnownReader(predictor.spec), LastTold(predictor.spec)
        self._is_exact: bool | None = None  # whether blocks are; not known yet
        self._begun = predictor.state()
        self._acknowledged: Snapshot | None = None
        self._acknowledged_open: Open | None = None
        self._acknowledged_told = dict[str, Float32]()
        self._name = ""  # what its samples call it
        self._moved = True  # since the last sample acknowledged

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self._predictor.spec

    @property
    def samples(self) -> int:
        """How many samples the stream has taken."""
        return self._predictor.samples

    def step(self, _name: str, values: RawSample, time: Time = None, known: Said = ()) -> StepResult:
        """Take one sample."""
        p = self._predictor
        number, self._moved = p.samples, True
        time = time if self._is_timed else None
        # A number by itself is what is checked in the least time.
        sample = values[0] if type(values) is tuple and len(values) == 1 else values
        forecast = p.step(sample, time, self._known.window(known) if known else None)
        interval, drift = (p.interval(), p.drift) if p.monitors else (None, False)
        p_values, anomaly = p.surprise() if p.finds_anomalies else (None, "")
        watched = interval, drift, p.seconds, p_values, anomaly
        if self._takes_any:
            period = p.period if self._learns_period else math.nan
            return StepResult(forecast, p.status, p.warm, number, p.reason, *watched, period, p.anchor)
        return StepResult(forecast, p.status, p.warm, number, p.reason, *watched)

    def pace(self, _name: str) -> float:
        """Return in how many seconds samples follow each other, where that was found not to be the model's period."""
        return self._predictor.pace

    def learned(self) -> list[Learned]:
        """Return what the stream has learned; nothing where forecasts do not adapt."""
        return [self._predictor.learned] if self._predictor.adapts else []

    def process(
        self, values: Sequence[Sequence[float | None]], times: Sequence[Time], known: Sequence[Said] = ()
    ) -> Outcomes | None:
        """Take samples that follow each other in few calls; None where that would not give the very numbers of `step`.

        Raises what `step` does; all is then as before.
        """
        if self._is_exact is None:
            self._is_exact = blocks_are_exact(self._predictor)
        if not self._is_exact:
            return None
        block = np.array(values, np.float64)  # None becomes NaN
        untimed = not self._is_timed or all(time is None for time in times)
        block = block[:, 0] if self._takes_one else block
        return self._predictor.process(block, None if untimed else times, self._known.windows(known))

    def gather(self, name: str, values: RawSample, time: Time, known: Said = ()) -> Answer:
        """Take one sample where samples are gathered in intervals."""
        assert self.intervals, "samples are gathered"
        self._name = name
        gathered, finding = self.intervals.join("", values, time)
        periods = self._periods(gathered)
        self._told.note("", known)
        return Answer(periods, finding)

    def end_due(self) -> list[tuple[str, list[Period]]]:
        """End the interval where it is over by the wall clock."""
        assert self.intervals, "samples are gathered"
        return [(self._name, self._periods(gathered)) for _, gathered in self.intervals.take_due(1)]

    def _periods(self, gathered: list[Gathered]) -> list[Period]:
        periods = []
        for one, known in zip(gathered, self._told.take("", len(gathered)), strict=True):
            try:
                result: StepResult | EdgeseqError = self.step("", one.values, one.moment, known)
            except (DataError, MissingSampleError) as error:
                result = error
            periods.append(as_period(one, result))
        return periods

    def acknowledge(self, _name: str) -> None:
        """Let the stream be saved as it is now."""
        if self._moved or self._acknowledged is None:
            self._acknowledged = self._predictor.state()
        if self.intervals:
            self._acknowledged_open, self._moved = self.intervals.state(""), False
            self._acknowledged_told = self._told.arrays("")

    def take_back(self) -> None:
        """Be as after the last sample acknowledged."""
        self._predictor.load(self._acknowledged or self._begun)

    def store(self, path: str | os.PathLike[str]) -> SnapshotFile:
        """Return what saves the stream as a file, a predictor's snapshot."""
        return SnapshotFile(path, self)

    def saved(self) -> bytes | None:
        """Return a snapshot of what was acknowledged; None where nothing was."""
        if not self._acknowledged:
            return None
        return pack(
            self._predictor.session.digest,
            with_open(self._acknowledged, self.intervals, self._acknowledged_open, self._acknowledged_told),
        )

    def restore(self, blob: bytes) -> str:
        """Go on from a predictor's snapshot; return in words from where. Raises `SnapshotError`."""
        self._predictor.restore(blob)
        self._begun = self._predictor.state()
        lost = resume_open(self.intervals, self._told, "", blob, self._predictor.session.digest, self._begun)
        begin = anomalies_begin(blob, self.spec) if self._predictor.finds_anomalies else ""
        more = f"{waiting(self.intervals)}{LOST if lost else ''}{begin}"
        return f"resumed after {self._predictor.samples} samples{more}"
