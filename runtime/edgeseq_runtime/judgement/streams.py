"""Streams in rows: all that is remembered of each, how they come and go, and what is kept of them.

What a step of them is stands in `judgement`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation.of_model import adaptation_of
from edgeseq_runtime.anomalies.anomalies import Anomalies
from edgeseq_runtime.arrays import Float32, Forecasts
from edgeseq_runtime.backends.base import BatchEngine, OneStream, Session
from edgeseq_runtime.backends.usual import FollowArrays, StepArrays, UsualStep
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.monitoring.conformal import LEVEL
from edgeseq_runtime.monitoring.monitor import Monitor
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.rules import ERROR, Rules
from edgeseq_runtime.spec import RUNNING, SCALE, SETTINGS, Spec
from edgeseq_runtime.streaming.anchors import Anchors
from edgeseq_runtime.streaming.beginnings import Beginnings
from edgeseq_runtime.streaming.clocks import Clocks
from edgeseq_runtime.streaming.known_ahead import REACH, KnownAhead
from edgeseq_runtime.streaming.learned_period import LearningClocks
from edgeseq_runtime.streaming.ledger import (
    CODES,
    COUNTED,
    REASON_CODES,
    REASONS_BY_CODE,
    Ledger,
)
from edgeseq_runtime.streaming.policy import Policy
from edgeseq_runtime.streaming.screening import Screening
from edgeseq_runtime.streaming.sensors import Scale
from edgeseq_runtime.streaming.shown_range import ShownRange
from edgeseq_runtime.streaming.snapshot import Snapshot
from edgeseq_runtime.streaming.validation import SKIPPED, STATUSES

if TYPE_CHECKING:
    from edgeseq_runtime.streaming.row_arrays import RowArrays

Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_COUNTERS = tuple(f"counts.{name}" for name in COUNTED)
"""What a snapshot calls the counts."""


class JudgedStreams:
    """Streams in rows: their engine, and all that is remembered of them besides."""

    def __init__(
        self,
        session: Session,
        engine: BatchEngine,
        room: int,
        *,
        missing: str,
        rules: Rules | None,
        monitor: bool,
        adapt: bool | None = None,
        anomalies: float | None = None,
    ) -> None:
        self.spec: Spec = session.spec
        self.engine = engine
        rules = rules or Rules()
        self.policy = Policy(self.spec, missing, rules)
        self.ledger = Ledger(room)
        self.is_running = self.spec.scaling == RUNNING
        """Whether each stream is judged in multiples of a scale that the network lets run along."""
        self.screening = (ShownRange if self.is_running else Screening)(self.spec, rules, self.policy, room)
        clocks = LearningClocks if self.spec.learns_period else Clocks
        self.clocks = clocks(self.spec, room, confirms=rules.gap != ERROR)
        self.monitor = Monitor(self.spec, room) if monitor or anomalies is not None else None
        adapt = self.spec.adapt if adapt is None else adapt
        self.adaptation = adaptation_of(self.spec, room) if adapt else None
        self.anomalies = None if anomalies is None else Anomalies(self.spec, room, anomalies)
        """What is told of the errors that the monitor finds; None where nobody asks for anomalies."""
        self.known = KnownAhead(self.spec, room, self.screening.bounds) if self.spec.known else None
        """What streams were told of the columns known ahead; None where the model has none."""
        self.beginnings = Beginnings(room, rules.margin, confirms=self.policy.confirms) if self.is_running else None
        """Whether streams began with garbage; None where training has said what values are usual."""
        limit = self.spec.features[0].limit
        self.anchors = Anchors(room, limit, self.beginnings) if self.beginnings else None
        """From where each stream is counted; None where all are from zero. All below the doors is so counted."""
        self.parts: list[RowArrays] = [self.ledger, self.screening, self.clocks]
        others = self.monitor, self.adaptation, self.anomalies, self.known, self.anchors, self.beginnings
        self.parts += [part for part in others if part]
        self.watches = bool(self.monitor or self.adaptation)
        """Whether anything compares forecasts with what comes."""
        self._features = len(self.spec.features)
        self._targets = len(self.spec.targets)
        self._shape = (self.spec.horizon, self._targets)
        self.is_torn = False
        """Whether streams may be neither as they were before a step nor after it."""
        self._room = room
        self.usual: UsualStep | None
        """What takes steps that nothing is odd about in the backend's own code; None where it has none."""
        if self.known:
            self._clear(slice(0, room))
        self._bind_usual()

    def _clear(self, rows: Any) -> None:
        """Make the engine's streams fresh, which were told nothing of what is known ahead."""
        self.engine.clear(rows)
        if self.known:
            x = self.engine.x[rows].copy()
            self.known.begin(x)
            self.engine.put(rows, x, self.engine.y[rows])

    def begin_afresh(self, rows: Places) -> None:
        """Make the streams at `rows` fresh: what was learned and told of them, and their counts, stay."""
        before = self.engine.x[rows]
        self.engine.clear(rows)
        if self.known:
            before[:, : self._features] = 0
            self.engine.put(rows, before, self.engine.y[rows])
        self.screening.forget(rows)
        self.ledger.begun[rows] = self.ledger.steps
        self.ledger.imputed[rows] = 0
        if self.beginnings:
            self.beginnings.open_again(rows)
        if self.monitor:
            self.monitor.forget(rows)
        if self.adaptation:
            self.adaptation.forget(rows)
        if self.anomalies:
            self.anomalies.forget(rows)

    def unlearn(self, rows: Places) -> None:
        """Forget what was learned of the streams at `rows`: it was learned of garbage."""
        for part in (self.monitor, self.adaptation, self.anomalies):
            if part:
                part.erase(rows)

    def erase(self, rows: Any) -> None:
        """Make the streams at `rows` as if they had never been, but for their sensors' settings."""
        self._clear(rows)
        for part in self.parts:
            part.erase(rows)
        self.screening.settle()

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        is_larger = count > self._room
        if is_larger:
            self.usual = None  # until it knows where they are now
        self.engine.make_room(count)
        for part in self.parts:
            part.make_room(count)
        if is_larger:
            self._bind_usual()
            self._room = len(self.ledger.begun)

    def find_usual(self) -> None:
        """Look up anew where everything lies: rows may have moved, or the step that moved them was interrupted."""
        self.usual = None
        self.engine.forget_bindings()
        self._bind_usual()

    def _row_arrays(self) -> list[npt.NDArray[Any]]:
        return [array for part in self.parts for array in part.row_arrays()]

    def close_gap(self, row: int, count: int) -> None:
        """Let the rows after one that leaves, of `count`, move up."""
        engine = self.engine
        arrays = [engine.x, engine.y, *map(engine.by_row, engine.names), *self._row_arrays()]
        for array in arrays:
            array[row : count - 1] = array[row + 1 : count]
        self.forget_sensor(count - 1)
        self.erase(count - 1)

    def forget_sensor(self, row: Any) -> None:
        """Make the sensor of a row, or of several, the typical one."""
        for name in set(self.engine.names) & set(SETTINGS):
            self.engine.put_states(row, {name: np.zeros_like(self.engine.by_row(name)[row])})

    def set_sensor(self, row: int, scale: Scale) -> None:
        """Judge a stream's samples by its sensor's own numbers, as the network does."""
        self.engine.put_states(row, {name: value[0] for name, value in scale.states().items()})
        self._judge_by(row, scale)

    def _judge_by(self, row: int, scale: Scale) -> None:
        guessed = scale.is_near(Scale.default(self.spec))
        self.screening.set_bounds(row, scale.features(self.spec), guessed=guessed)
        if self.monitor:
            self.monitor.gains[row] = scale.gain[: self._targets]
        if self.adaptation:
            self.adaptation.set_gain(row, scale.gain[: self._targets])
        if self.anomalies:
            self.anomalies.set_sensor(row, scale.offset[: self._targets], scale.gain[: self._targets])

    def in_own_numbers(self, rows: Any, said: Float32) -> Forecasts:
        """Return what is said of streams, (stream, ...), in the numbers that they are measured in."""
        return self.anchors.in_own_numbers(rows, said) if self.anchors else said

    @contextmanager
    def all_or_nothing(self, rows: Any) -> Iterator[None]:
        """Whatever goes wrong within leaves the streams at `rows` as they were before."""
        engine, arrays = self.engine, self._row_arrays()
        kept = [np.array(array[rows]) for array in arrays]
        x, y, states = np.array(engine.x[rows]), np.array(engine.y[rows]), engine.states_at(rows)
        steps, turns = self.ledger.steps, self.monitor.turns if self.monitor else 0
        flags = self.ledger.is_quiet, self.screening.any_waiting, self.clocks.any_ahead, self.clocks.any_paced
        try:
            yield
        except BaseException:
            self.is_torn = True  # until all is in its place
            for part in self.parts:
                part.gather()
            for array, before in zip(arrays, kept, strict=True):
                array[rows] = before
            for part in self.parts:
                part.look_up()
            engine.put_states(rows, states)
            engine.put(rows, x, y)
            self.ledger.steps = steps
            if self.monitor:
                self.monitor.turns = turns
            self.ledger.is_quiet, self.screening.any_waiting, self.clocks.any_ahead, self.clocks.any_paced = flags
            if self.known:
                self.known.is_whole = False
            self.is_torn = False
            raise

    def snapshot(self, row: int) -> Snapshot:
        """Return a copy of all that makes up a stream."""
        return self.snapshots(np.array([row]))[0]

    def snapshots(self, rows: npt.NDArray[np.intp]) -> list[Snapshot]:
        """Return copies of all that makes up streams, each with arrays of its own."""
        ledger, engine = self.ledger, self.engine
        states = engine.states_at(rows)
        shapes = {state.name: state.sized(1) for state in self.spec.states}
        blocks = {
            "x": engine.x[rows].reshape(-1, 1, 1, engine.x[0].size),
            "y": engine.y[rows].reshape(-1, 1, 1, engine.y[0].size),
            "runs": self.screening.runs[rows],
            **{name: state.reshape(-1, *shapes[name]) for name, state in states.items()},
            **self.screening.arrays_of(rows),
        }
        ages = ledger.ages(rows).tolist()
        counters = zip(
            ledger.samples(rows).tolist(),
            ages,
            ledger.imputed[rows].tolist(),
            ledger.skipped[rows].tolist(),
            ledger.status[rows].tolist(),
            ledger.reason[rows].tolist(),
            self.clocks.counters_of(rows),
            ledger.counts[rows].tolist(),
            self.anchors.counters_of(rows) if self.anchors else [{}] * len(ages),
            self.beginnings.counters_of(rows) if self.beginnings else [{}] * len(ages),
            strict=True,
        )
        found = []
        for at, (samples, age, imputed, skipped, status, reason, times, counts, anchor, beginning) in enumerate(
            counters
        ):
            named = {
                "samples": samples,
                "age": age,
                "imputed": imputed,
                "skipped": skipped,
                "status": STATUSES[status],
                "reason": REASONS_BY_CODE[reason],
                "odd_at": samples if reason else 0,
                **times,
                **dict(zip(_COUNTERS, counts, strict=True)),
                **anchor,
                **beginning,
            }
            arrays = {name: block[at].copy() for name, block in blocks.items()}
            watched = self.monitor.arrays_of(int(rows[at])) if self.monitor else {}
            adapted = self.adaptation.arrays_of(int(rows[at])) if self.adaptation else {}
            learned = self.anomalies.arrays_of(int(rows[at])) if self.anomalies else {}
            told = {REACH: self.known.array_of(int(rows[at]))} if self.known else {}
            found.append(Snapshot(named, arrays | watched | adapted | learned | told))
        return found

    def like(self) -> Snapshot:
        """Return a snapshot with the names and shapes of all that one may hold, of an earlier version too."""
        found = self.snapshot(0)
        return Snapshot(found.counters, {**found.arrays, **(self.monitor.earlier() if self.monitor else {})})

    def check(self, snapshot: Snapshot) -> None:
        """Raise `SnapshotError` for one that no stream has."""
        counters = snapshot.counters
        if counters["status"] not in STATUSES or counters["reason"] not in REASON_CODES:
            raise SnapshotError("the snapshot has a status or a reason that this version of edgeseq does not know")
        odd = sum(counters[f"counts.{status}"] for status in STATUSES[1:])
        if odd > counters["samples"] or (self.monitor and not self.monitor.might_hold(snapshot.arrays)):
            raise SnapshotError("the snapshot has counters or widths that no stream has")
        if self.anchors and not self.anchors.might_hold(counters):
            raise SnapshotError("the snapshot is counted from where no stream is")
        if self.beginnings and not self.beginnings.might_hold(counters, self.spec.features[0].limit):
            raise SnapshotError("the snapshot has a beginning that no stream has")
        if not self.screening.might_hold(snapshot.arrays):
            raise SnapshotError("the snapshot has a range that no stream has")
        if self.adaptation and not self.adaptation.might_hold(snapshot.arrays):
            raise SnapshotError("the snapshot has an adaptation that no stream has")
        if self.anomalies and not self.anomalies.might_hold(snapshot.arrays):
            raise SnapshotError("the snapshot has anomalies that no stream has")
        if self.known:
            self.known.check(snapshot.arrays)

    def load(self, row: int, snapshot: Snapshot) -> None:
        """Make a stream that of a snapshot, with its sensor; what lacks in it, of a monitor, is as at first."""
        counters, arrays, ledger = snapshot.counters, snapshot.arrays, self.ledger
        if self.spec.sensors:
            self._judge_by(row, Scale.from_states(arrays))
        states = {state.name: arrays[state.name] for state in self.spec.states}
        shapes = {name: self.engine.by_row(name)[row : row + 1].shape for name in states}
        self.engine.put_states(slice(row, row + 1), {name: v.reshape(shapes[name]) for name, v in states.items()})
        self.engine.put(row, arrays["x"].reshape(-1), arrays["y"].reshape(-1))
        ledger.begun[row], ledger.joined[row] = ledger.steps - counters["age"], ledger.steps - counters["samples"]
        ledger.imputed[row], ledger.skipped[row] = counters["imputed"], 0
        if counters["status"] == SKIPPED:
            ledger.skipped[row] = counters["skipped"]
        ledger.status[row] = CODES[counters["status"]]
        ledger.reason[row] = REASON_CODES[counters["reason"]] if counters["odd_at"] == counters["samples"] else 0
        ledger.counts[row] = [counters[f"counts.{name}"] for name in COUNTED]
        ledger.is_quiet = False
        self.screening.runs[row] = arrays["runs"]
        self.screening.load(row, arrays)
        self.screening.look_away(slice(row, row + 1), self.engine.x[row : row + 1])
        self.screening.settle()
        self.clocks.load(row, counters)
        if self.anchors:
            self.anchors.load(row, counters)
        if self.beginnings:
            self.beginnings.load(row, counters)
        if self.monitor:
            self.monitor.load(row, counters["age"], arrays)
        if self.adaptation:
            self.adaptation.load(row, arrays)
        if self.anomalies:
            self.anomalies.load(row, arrays)
        if self.known:
            self.known.load(row, arrays)
        if self.is_running:
            self.follow_scales(slice(row, row + 1))

    def follow_scales(self, rows: Any) -> None:
        """Have streams be judged in multiples of what the network's running scale is now."""
        scales = self.engine.by_row(SCALE)[rows].reshape(-1, 1)
        for part in (self.monitor, self.adaptation):
            if part:
                part.gains[rows] = scales

    def follow_first_scale(self) -> None:
        """Do what `follow_scales` does for the only stream, in a fifth of the time."""
        assert isinstance(self.engine, OneStream), "only where there is one stream"
        scale = self.engine.engine.states()[SCALE].item()
        for part in (self.monitor, self.adaptation):
            if part:
                part.gains[0, 0] = scale

    def outcomes(self, rows: Any, forecasts: Forecasts) -> Outcomes:
        """Return what became of the last samples of streams; their forecasts (stream, outputs) are in own numbers."""
        ledger, shaped = self.ledger, forecasts.reshape(-1, *self._shape)
        p_values, anomaly = self.anomalies.found(rows) if self.anomalies else (None, None)
        return Outcomes(
            shaped,
            ledger.samples(rows) - 1,
            ledger.status[rows].copy(),
            ledger.reason[rows].copy(),
            self.are_warm(rows),
            self.clocks.last[rows].copy(),
            self.monitor.around(rows, self._counting(rows, shaped), LEVEL) if self.monitor else None,
            self.monitor.drift.raised[rows] > 0 if self.monitor else None,
            p_values,
            anomaly,
            np.array(self.clocks.period_of(rows)) if self.spec.learns_period else None,
            self.anchors.known(rows) if self.anchors else None,
        )

    def are_warm(self, rows: Any) -> Flags:
        """Return whether streams' forecasts count already, (stream,)."""
        return np.asarray(self.ledger.ages(rows) >= self.spec.warmup)

    def _counting(self, rows: Any, forecasts: Forecasts) -> Forecasts:
        """Return forecasts (stream, horizon, target), NaN for streams that are fresh."""
        fresh = self.ledger.ages(rows) == 0
        return np.where(fresh[:, None, None], np.float32(np.nan), forecasts) if fresh.any() else forecasts

    # What a backend that takes usual steps has to know

    def _bind_usual(self) -> None:
        self.usual = self.engine.usual_step(self._step_arrays())
        for part in (self.adaptation, self.anomalies):
            if part:
                part.gather()
                part.keeps_apart = self.usual is None
        if self.monitor and self.usual:
            self.monitor.intervals.exponentials = self.usual.exponentials

    def _step_arrays(self) -> StepArrays:
        """Return where all lies that a usual step reads and changes."""
        clocks, screening = self.clocks, self.screening
        bounds = screening.bounds_of(slice(None))
        return StepArrays(
            bounds.low,
            bounds.high,
            screening.runs,
            screening.stuck_after,
            clocks.last,
            (clocks.period, clocks.early, clocks.late),
            clocks.paced,
            clocks.told,
            self.ledger.begun,
            self.monitor.arrays() if self.monitor else None,
            self.adaptation.memory if self.adaptation else None,
            self.anomalies.arrays() if self.anomalies else None,
            self._follow_arrays(),
        )

    def _follow_arrays(self) -> FollowArrays | None:
        """Return where lies what follows each stream; None where training has said it of all."""
        if not isinstance(self.screening, ShownRange):
            return None
        return self.screening.arrays(self.clocks.periods if isinstance(self.clocks, LearningClocks) else None)
