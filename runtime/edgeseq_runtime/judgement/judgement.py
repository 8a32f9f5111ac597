"""What stands around the network, for streams that lie in rows: one stream is one row.

Each step asks the same questions of all its samples at once: do they come when they should, is there anything odd about
their values? Where there is not, the network moves, and that is all. Only what is odd is looked at row by row. What
compares forecasts with truths, the monitor, is told of each step in one place, `watch`.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64, Rows, are_finite
from edgeseq_runtime.backends.base import BatchEngine, Session
from edgeseq_runtime.backends.usual import INFINITE, ODD, StepArrays, UsualStep
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.monitoring.conformal import LEVEL
from edgeseq_runtime.monitoring.monitor import Monitor
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.rules import ABSENT, CONFIRM, DISORDER, ERROR, GAP, PACE, RANGE, STUCK, TIME, Rules
from edgeseq_runtime.spec import SETTINGS, Spec
from edgeseq_runtime.streaming.clocks import TOLD, Clocks
from edgeseq_runtime.streaming.ledger import (
    CODES,
    COUNTED,
    LEFT_OUT,
    NONE,
    REASON_CODES,
    REASONS_BY_CODE,
    STOOD_IN,
    TAKEN,
    Codes,
    Ledger,
)
from edgeseq_runtime.streaming.policy import Policy
from edgeseq_runtime.streaming.screening import Findings, Screening
from edgeseq_runtime.streaming.sensors import Scale
from edgeseq_runtime.streaming.snapshot import Snapshot
from edgeseq_runtime.streaming.validation import IMPUTED, SKIPPED, STATUSES

if TYPE_CHECKING:
    from edgeseq_runtime.streaming.row_arrays import RowArrays

Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_FIRST = slice(0, 1)

_COUNTERS = tuple(f"counts.{name}" for name in COUNTED)
"""What a snapshot calls the counts."""


class Judgement:
    """Streams in rows: their engine, and all that is remembered of them besides."""

    def __init__(
        self, session: Session, engine: BatchEngine, room: int, *, missing: str, rules: Rules | None, monitor: bool
    ) -> None:
        self.spec: Spec = session.spec
        self.engine = engine
        rules = rules or Rules()
        self.policy = Policy(self.spec, missing, rules)
        self.ledger = Ledger(room)
        self.screening = Screening(self.spec, rules, self.policy, room)
        self.clocks = Clocks(self.spec, room, confirms=rules.gap != ERROR)
        self.monitor = Monitor(self.spec, room) if monitor else None
        self.parts: list[RowArrays] = [self.ledger, self.screening, self.clocks]
        self.parts += [self.monitor] if self.monitor else []
        self._targets = len(self.spec.targets)
        self._shape = (self.spec.horizon, self._targets)
        self.is_torn = False
        """Whether streams may be neither as they were before a step nor after it."""
        self._room = room
        self.usual: UsualStep | None
        """What takes steps that nothing is odd about in the backend's own code; None where it has none."""
        self._bind_usual()

    @property
    def is_calm(self) -> bool:
        """Whether a sample that is in range and on time needs no more than the network and the monitor."""
        clocks = self.clocks
        return self.ledger.is_quiet and not (self.screening.any_waiting or clocks.any_ahead or clocks.any_paced)

    @property
    def may_be_usual(self) -> bool:
        """Whether `usual` may be asked: nothing waits to be confirmed, of which it knows nothing."""
        return not (self.screening.any_waiting or self.clocks.any_ahead)

    def take(self, rows: Rows, block: Float32, given: Float64 | None, unread: Flags | None) -> Float32:
        """Move the streams at `rows` by a sample each; return forecasts (stream, outputs), NaN where there is none.

        `block` (stream, feature) has NaN where a value is missing, `given` (stream,) the times, NaN where there is
        none, and `unread` (stream,) which of them could not be read. A slice means all streams. Raises `DataError` and
        `MissingSampleError` for what a policy refuses, `ModelFileError` from the engine; all is then as before.
        """
        if self.usual and self.may_be_usual and (unread is None or not np.count_nonzero(unread)):
            forecasts = self._take_usual(rows, block, given)
            if forecasts is not None:
                return forecasts
        return self.judge(rows, block, given, unread)

    def judge(self, rows: Rows, block: Float32, given: Float64 | None, unread: Flags | None) -> Float32:
        """Take samples as `take` does, in NumPy: the reference."""
        if given is None and not self.clocks.is_known:
            return self._take_in_time(rows, block, None)
        given = np.full(len(block), np.nan) if given is None else given
        self.clocks.is_known = self.clocks.is_known or bool(np.isfinite(given).any())
        seconds = self.clocks.resolve(rows, given)
        passed = self.clocks.passed(rows, seconds)
        if unread is None or not unread.any():
            if self.clocks.are_usual(passed):
                return self._take_in_time(rows, self.clocks.with_features(block, seconds), seconds)
            if self.clocks.are_on_time(passed):
                forecasts = self._take_in_time(rows, self.clocks.with_features(block, seconds), seconds)
                self._note_pace(self.places(rows), passed)
                return forecasts
        unread = np.zeros(len(block), np.bool_) if unread is None else unread
        return self._take_at_odd_times(self.places(rows), block, seconds, unread)

    def _take_usual(self, rows: Rows, block: Float32, given: Float64 | None) -> Float32 | None:
        """Take samples by the backend's own code; None where something is odd about one, and all is as before."""
        assert self.usual
        clocks, engine, monitor = self.clocks, self.engine, self.monitor
        if given is not None and not clocks.is_known:
            clocks.is_known = bool(np.isfinite(given).any())
        if clocks.features:
            given = clocks.resolve(rows, np.full(len(block), np.nan) if given is None else given)
            block = clocks.with_features(block, given)
        made = self.usual.take(rows, block, given, self.ledger.steps, monitor.turns if monitor else 0)
        if made == ODD:
            return None
        forecasts = engine.y[rows].copy() if isinstance(rows, slice) else engine.y[rows]
        if made == INFINITE:
            given = np.full(len(block), np.nan) if given is None else given
            return self.drop_infinite(rows, block, forecasts, clocks.resolve(rows, given))
        if monitor:
            monitor.count(rows)
        self.ledger.take_clean(rows)
        return forecasts

    def _bind_usual(self) -> None:
        self.usual = self.engine.usual_step(self._step_arrays())
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
            TOLD,
            self.ledger.begun,
            self.monitor.arrays() if self.monitor else None,
        )

    def places(self, rows: Rows) -> Places:
        """Return the numbers of the rows."""
        return np.arange(rows.stop) if isinstance(rows, slice) else rows

    # A sample in time

    def _take_in_time(
        self, rows: Rows, block: Float32, seconds: Float64 | None, timeless: Flags | None = None
    ) -> Float32:
        """Take samples that nothing is odd about but, maybe, their values.

        `timeless` (stream,) are those whose time could not be read and is not known, for whose features there is none.
        """
        if not self.screening.are_inside(rows, block):
            return self._take_odd_values(self.places(rows), block, seconds, timeless)
        forecasts = self.engine.advance(rows, block)
        self.screening.count_runs(rows, block)
        if not are_finite(forecasts):
            return self.drop_infinite(rows, block, forecasts, seconds)
        if self.monitor:
            self.watch(rows, block[:, : self._targets], forecasts)
        self.ledger.take_clean(rows)
        if seconds is not None:
            self.clocks.commit(rows, seconds)
        return forecasts

    def _note_pace(self, places: Places, passed: Float64) -> None:
        """Note in what pace samples come that were taken, (stream,); a new pace is the reason of one."""
        found = places[self.clocks.note_pace(places, passed)]
        found = found[self.ledger.status[found] == TAKEN]
        if len(found):
            self.clocks.tell_pace(found)
            self.ledger.tell(found, REASON_CODES[PACE])

    def drop_infinite(self, rows: Rows, block: Float32, forecasts: Float32, seconds: Float64 | None) -> Float32:
        """Finish a step of which forecasts are not finite: there are none, and those streams start afresh.

        What is not finite in a state would stay there for ever, and must not stand in for a sample.
        """
        none = np.zeros(len(block), np.int8)
        self._settle(self.places(rows), none.copy(), none, block, np.zeros(block.shape, np.bool_), forecasts, seconds)
        return forecasts

    def _take_odd_values(
        self, places: Places, block: Float32, seconds: Float64 | None, timeless: Flags | None
    ) -> Float32:
        ages = self.ledger.ages(places)
        findings = self.screening.find(places, block, self.engine.x[places], ages == 0)
        status, reason, rejected = self._judge(places, ages, findings, timeless)
        jumps = findings.jumps & (status == TAKEN)
        if not jumps.any():
            return self._move(places, block, seconds, findings, status, reason, rejected)
        reason[jumps & (reason == 0)] = REASON_CODES[RANGE]
        with self.all_or_nothing(places):
            self.begin_afresh(places[jumps])
            return self._move(places, block, seconds, findings, status, reason, rejected)

    def _move(
        self,
        places: Places,
        block: Float32,
        seconds: Float64 | None,
        findings: Findings,
        status: Codes,
        reason: Codes,
        rejected: Flags,
    ) -> Float32:
        """Let the network take samples that were judged, where it is to."""
        instead = self.engine.x[places]  # a feature that is no target keeps its last value
        instead[:, : self._targets] = self.engine.y[places, : self._targets]
        filled = np.where(rejected, instead, block)
        moving = status <= STOOD_IN
        forecasts = self.engine.y[places]
        if moving.all():
            forecasts = self.engine.advance(places, filled)
        elif moving.any():
            forecasts[moving] = self.engine.advance(places[moving], filled[moving])
        self.screening.look_away(places[moving], filled[moving])
        self.screening.remember(places, findings)
        self._settle(places, status, reason, filled, rejected, forecasts, seconds)
        return forecasts

    def _judge(
        self, places: Places, ages: npt.NDArray[np.int64], findings: Findings, timeless: Flags | None
    ) -> tuple[Codes, Codes, Flags]:
        """Return status and reason of each sample, and which of its values are not to be used."""
        flagged = self.policy.flagged
        stuck = np.zeros(findings.absent.shape, np.bool_)
        stuck[:, : self._targets] = findings.stuck
        found = {ABSENT: findings.absent, CONFIRM: findings.held, RANGE: findings.outside, STUCK: stuck}
        status, reason = np.zeros(len(places), np.int8), np.zeros(len(places), np.int8)
        for name in (STUCK, RANGE):
            if name in flagged:
                reason[found[name].any(axis=1)] = REASON_CODES[name]
        rejecting = [name for name in found if name not in flagged]
        rejected = np.logical_or.reduce([found[name] for name in rejecting])
        for at in np.flatnonzero(rejected.any(axis=1)).tolist():
            name = next(name for name in rejecting if found[name][at].any())
            positions = np.flatnonzero(rejected[at]).tolist()
            if timeless is not None and timeless[at] and positions[0] >= len(self.spec.measured):
                name = TIME
            row = places[at]
            made = self.policy.for_value(
                name,
                positions,
                age=int(ages[at]),
                imputed=int(self.ledger.imputed[row]),
                skipped=int(self.ledger.skipped[row]),
            )
            status[at], reason[at] = CODES[made], REASON_CODES[name]
        return status, reason, rejected

    def _settle(
        self,
        places: Places,
        status: Codes,
        reason: Codes,
        block: Float32,
        rejected: Flags,
        forecasts: Float32,
        seconds: Float64 | None,
    ) -> None:
        """Write down what became of samples; where there is no forecast its place becomes NaN, its stream fresh."""
        moved = status <= STOOD_IN
        status[moved & ~np.isfinite(forecasts).all(axis=1)] = NONE
        moved = status <= STOOD_IN
        none = status == NONE
        forecasts[none] = np.nan
        if moved.any():
            truths = np.where(rejected[moved, : self._targets], np.nan, block[moved, : self._targets])
            self.watch(places[moved], truths, forecasts[moved])
            self.ledger.begun[places[moved]] -= 1
        if none.any():
            self.begin_afresh(places[none])
        self.ledger.take(places, status, reason)
        if seconds is not None:
            self.clocks.commit(places, seconds)

    def watch(self, rows: Rows, truths: Float32, forecasts: Float32) -> None:
        """Tell what compares forecasts with truths of a step: `truths` (stream, target), NaN where they are not known.

        It comes after the network's step and before the forecasts (stream, outputs) go out; the ages do not count the
        step yet.
        """
        if self.monitor is None:
            return
        warm = self.ledger.ages(rows) + 1 >= self.spec.warmup
        said = forecasts.reshape(-1, *self._shape)
        if np.count_nonzero(warm) < len(warm):
            said = np.where(warm[:, None, None], said, np.float32(np.nan))
        self.monitor.update(rows, truths, said)

    def watch_known(self, truths: Float32, forecasts: Float32) -> None:
        """As `watch`, for a lone stream's truths (target,) or () and forecasts (horizon, target), all numbers."""
        monitor, ledger = self.monitor, self.ledger
        if monitor and monitor.knows_first() and ledger.steps - ledger.begun.item(0) + 1 >= self.spec.warmup:
            monitor.update_known(truths, forecasts)
        else:
            self.watch(_FIRST, truths.reshape(1, -1), forecasts[None])

    # A sample at an odd time

    def _take_at_odd_times(self, places: Places, block: Float32, seconds: Float64, unread: Flags) -> Float32:
        """Take samples of which some do not come when they should, or at a time that is not known."""
        passed = self.clocks.passed(places, seconds)
        lags, far = self.clocks.lags(places, seconds)
        far &= ~unread
        lags[far | unread] = 0
        believed = np.where(far, self.clocks.last[places] + self.clocks.period, seconds)
        ahead, seconds = np.where(far, seconds - believed, 0), believed
        block = self.clocks.with_features(block, seconds, unread)
        timeless = unread & np.isnan(seconds)
        with self.all_or_nothing(places):
            left_out = self._meet(places, lags)
            forecasts = np.empty((len(places), self.spec.outputs), np.float32)
            if left_out.any():
                forecasts[left_out] = self._leave_out(places[left_out])
            taken = ~left_out
            if taken.any():
                rows = places[taken]
                forecasts[taken] = self._take_in_time(rows, block[taken], seconds[taken], timeless[taken])
                self.clocks.commit(rows, seconds[taken], ahead[taken])
                reason = np.select(
                    [lags[taken] > 0, lags[taken] < 0, (far | unread)[taken]],
                    [REASON_CODES[name] for name in (GAP, DISORDER, TIME)],
                    0,
                ).astype(np.int8)
                told = timeless[taken] & (self.ledger.status[rows] != TAKEN)
                reason[told & (reason == REASON_CODES[TIME])] = 0  # it has been counted, or more was lacking
                self.ledger.find(rows, reason)
                paced = taken & ~(far | unread) & (lags >= 0)
                if paced.any():
                    self._note_pace(places[paced], passed[paced])
        return forecasts

    def _meet(self, places: Places, lags: npt.NDArray[np.int64]) -> Flags:
        """Do what odd times lead to before their samples are taken; return which are left out."""
        left_out, afresh = np.zeros((2, len(places)), np.bool_)
        fills = np.zeros(len(places), np.int64)
        ages = self.ledger.ages(places)
        for at in np.flatnonzero(lags).tolist():
            row, lag = places[at], int(lags[at])
            status, afresh[at] = self.policy.for_time(
                lag,
                age=int(ages[at]),
                imputed=int(self.ledger.imputed[row]),
                skipped=int(self.ledger.skipped[row]),
            )
            left_out[at] = status == SKIPPED
            fills[at] = lag if status == IMPUTED else 0
        if afresh.any():
            self.begin_afresh(places[afresh])
        if fills.any():
            self._fill(places, fills)
        return left_out

    def _fill(self, places: Places, fills: npt.NDArray[np.int64]) -> None:
        """Let forecasts stand in for so many samples of each stream that never came."""
        measured = len(self.spec.measured)
        for step in range(1, int(fills.max()) + 1):
            rows = places[fills >= step]
            if not len(rows):
                break
            x = self.engine.x[rows]
            x[:, : self._targets] = self.engine.y[rows, : self._targets]
            if self.clocks.features:
                x[:, measured:] = self.clocks.features_at(self.clocks.last[rows] + step * self.clocks.period)
            forecasts = self.engine.advance(rows, x)
            self.ledger.counts[rows, -1] += 1
            finite = np.isfinite(forecasts).all(axis=1)
            whole, broken = rows[finite], rows[~finite]
            self.watch(whole, np.full((len(whole), self._targets), np.nan, np.float32), forecasts[finite])
            self.ledger.begun[whole] -= 1
            self.ledger.imputed[whole] += 1
            if len(broken):
                self.begin_afresh(broken)
                fills[np.isin(places, broken)] = 0
        self.ledger.is_quiet = False

    def _leave_out(self, rows: Places) -> Float32:
        """Leave out samples whose times are not after the last one's; return the last forecasts."""
        status, reason = np.full(len(rows), LEFT_OUT, np.int8), np.full(len(rows), REASON_CODES[DISORDER], np.int8)
        self.ledger.take(rows, status, reason)
        return self.engine.y[rows]

    # All that belongs to streams

    def begin_afresh(self, rows: Places) -> None:
        """Make the streams at `rows` fresh: what was learned of them, and their counts, stay."""
        self.engine.clear(rows)
        self.screening.away[rows] = False
        self.ledger.begun[rows] = self.ledger.steps
        self.ledger.imputed[rows] = 0
        if self.monitor:
            self.monitor.forget(rows)

    def erase(self, rows: Any) -> None:
        """Make the streams at `rows` as if they had never been, but for their sensors' settings."""
        self.engine.clear(rows)
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
            for array, before in zip(arrays, kept, strict=True):
                array[rows] = before
            engine.put_states(rows, states)
            engine.put(rows, x, y)
            self.ledger.steps = steps
            if self.monitor:
                self.monitor.turns = turns
            self.ledger.is_quiet, self.screening.any_waiting, self.clocks.any_ahead, self.clocks.any_paced = flags
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
            "confirm.waiting": self.screening.waiting[rows],
        }
        ages = ledger.ages(rows).tolist()
        counters = zip(
            ledger.samples(rows).tolist(),
            ages,
            ledger.imputed[rows].tolist(),
            ledger.skipped[rows].tolist(),
            ledger.status[rows].tolist(),
            ledger.reason[rows].tolist(),
            self.clocks.last[rows].tolist(),
            self.clocks.ahead[rows].tolist(),
            self.clocks.pace[rows].tolist(),
            self.clocks.paced[rows].tolist(),
            ledger.counts[rows].tolist(),
            strict=True,
        )
        found = []
        for at, (samples, age, imputed, skipped, status, reason, seconds, ahead, *paced, counts) in enumerate(counters):
            named = {
                "samples": samples,
                "age": age,
                "imputed": imputed,
                "skipped": skipped,
                "status": STATUSES[status],
                "reason": REASONS_BY_CODE[reason],
                "odd_at": samples if reason else 0,
                "seconds": seconds,
                "clock.ahead": ahead,
                "clock.pace": paced[0],
                "clock.paced": paced[1],
                **dict(zip(_COUNTERS, counts, strict=True)),
            }
            arrays = {name: block[at].copy() for name, block in blocks.items()}
            watched = self.monitor.arrays_of(int(rows[at]), age) if self.monitor else {}
            found.append(Snapshot(named, arrays | watched))
        return found

    def check(self, snapshot: Snapshot) -> None:
        """Raise `SnapshotError` for one that no stream has."""
        counters = snapshot.counters
        if counters["status"] not in STATUSES or counters["reason"] not in REASON_CODES:
            raise SnapshotError("the snapshot has a status or a reason that this version of edgeseq does not know")
        odd = sum(counters[f"counts.{status}"] for status in STATUSES[1:])
        if odd > counters["samples"] or (self.monitor and not self.monitor.might_hold(snapshot.arrays)):
            raise SnapshotError("the snapshot has counters or widths that no stream has")

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
        self.screening.look_away(slice(row, row + 1), self.engine.x[row : row + 1])
        self.screening.waiting[row] = arrays.get("confirm.waiting", 0)
        self.screening.settle()
        self.clocks.commit(row, counters["seconds"], counters["clock.ahead"])
        self.clocks.load_pace(row, counters["clock.pace"], counters["clock.paced"])
        self.clocks.is_known = self.clocks.is_known or not math.isnan(counters["seconds"])
        if self.monitor:
            self.monitor.load(row, counters["age"], arrays)

    def outcomes(self, rows: Any, forecasts: Float32) -> Outcomes:
        """Return what became of the last samples of streams, with their forecasts (stream, outputs)."""
        ledger, shaped = self.ledger, forecasts.reshape(-1, *self._shape)
        return Outcomes(
            shaped,
            ledger.samples(rows) - 1,
            ledger.status[rows].copy(),
            ledger.reason[rows].copy(),
            self.are_warm(rows),
            self.clocks.last[rows].copy(),
            self.monitor.around(rows, self._counting(rows, shaped), LEVEL) if self.monitor else None,
            self.monitor.drift.raised[rows] > 0 if self.monitor else None,
        )

    def are_warm(self, rows: Any) -> Flags:
        """Return whether streams' forecasts count already, (stream,)."""
        return np.asarray(self.ledger.ages(rows) >= self.spec.warmup)

    def _counting(self, rows: Any, forecasts: Float32) -> Float32:
        """Return forecasts (stream, horizon, target), NaN for streams that are fresh."""
        fresh = self.ledger.ages(rows) == 0
        return np.where(fresh[:, None, None], np.float32(np.nan), forecasts) if fresh.any() else forecasts
