"""Streams by name, one sample at a time, and what is saved of them: only what was acknowledged.

A service answers a sample first and acknowledges it when the answer has arrived. What is saved is the state after the
last sample acknowledged of each stream, so that whoever goes on from it sees every other sample again. A state is
copied when it is acknowledged and turned into bytes when it is saved: most are never saved, since later ones follow.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np

from edgeseq_runtime.adaptation.adaptation import Learned
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, TooManyStreamsError
from edgeseq_runtime.exactness import blocks_are_exact
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.pool import Pool
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.printable import counted, shown
from edgeseq_runtime.reading.times import Time
from edgeseq_runtime.rules import TIME, Rules
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.stores.base import Store, StreamRow
from edgeseq_runtime.stores.snapshot_file import SnapshotFile
from edgeseq_runtime.streaming.averaging import PREFIX, SETTINGS, Open
from edgeseq_runtime.streaming.known_values import KnownReader
from edgeseq_runtime.streaming.open_intervals import Gathered, OpenIntervals
from edgeseq_runtime.streaming.snapshot import Snapshot, pack, unpack
from edgeseq_runtime.streaming.validation import RawSample

if TYPE_CHECKING:
    from edgeseq_runtime.stores.state_database import StateDatabase

MAX_STREAMS = 100_000
"""Streams in one process: a name that changes with every sample must not fill the memory."""

_AT_ONCE = 1000
"""Streams whose snapshots are read at once; those of all of them may need more memory than the streams."""

State: TypeAlias = tuple[int, Snapshot]
"""How many samples a stream has taken, and a copy of its memory after them."""

Said: TypeAlias = Sequence[float | None]
"""The values of the columns known ahead, step after step, the column fastest; () where a sample says none."""

NamedSample: TypeAlias = tuple[str, RawSample, Time] | tuple[str, RawSample, Time, Said]
"""The name of a stream, the values of a sample of it, their time, and what it says of the columns known ahead."""

_REFUSALS = (DataError, MissingSampleError, ValueError, ArithmeticError, RecursionError)
"""What one sample may lead to, which costs the others nothing."""

_UNANSWERED = DataError("not taken")

_LOST = "; what was gathered of the interval that is open is left out: it was gathered otherwise"

_ENDED_AT_ONCE = 64
"""Streams whose intervals the wall clock ends in one turn."""


class Period(NamedTuple):
    """An interval that is over: a sample of the model, and what became of it."""

    time: str | float
    """When it began, written as the times of its samples are."""
    values: tuple[float, ...]
    result: "StepResult | EdgeseqError"


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


class SingleStream:
    """One stream without a name, through a predictor."""

    def __init__(self, predictor: Predictor, late_limit: int = Rules.skip_limit) -> None:
        self._predictor = predictor
        self.intervals = _intervals(predictor.spec, late_limit)
        self._takes_one = len(predictor.spec.measured) == 1
        self._is_timed = predictor.spec.is_timed
        self._known, self._told = KnownReader(predictor.spec), _LastTold()
        self._is_exact: bool | None = None  # whether blocks are; not known yet
        self._begun = predictor.state()
        self._acknowledged: Snapshot | None = None
        self._acknowledged_open: Open | None = None
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
        return StepResult(forecast, p.status, p.warm, number, p.reason, interval, drift, p.seconds)

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
        gathered, finding = self.intervals.join(name, values, time)
        periods = self._periods(name, gathered)
        self._told.note(name, known)
        return Answer(periods, finding)

    def end_due(self) -> list[tuple[str, list[Period]]]:
        """End the interval where it is over by the wall clock."""
        assert self.intervals, "samples are gathered"
        return [(name, self._periods(name, gathered)) for name, gathered in self.intervals.take_due(1)]

    def _periods(self, name: str, gathered: list[Gathered]) -> list[Period]:
        periods = []
        for one, known in zip(gathered, self._told.take(name, len(gathered)), strict=True):
            try:
                result: StepResult | EdgeseqError = self.step("", one.values, one.moment, known)
            except (DataError, MissingSampleError) as error:
                result = error
            periods.append(_period(one, result))
        return periods

    def acknowledge(self, _name: str) -> None:
        """Let the stream be saved as it is now."""
        if self._moved or self._acknowledged is None:
            self._acknowledged = self._predictor.state()
        if self.intervals:
            self._acknowledged_open, self._moved = self.intervals.state(""), False

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
            self._predictor.session.digest, _with_open(self._acknowledged, self.intervals, self._acknowledged_open)
        )

    def restore(self, blob: bytes) -> str:
        """Go on from a predictor's snapshot; return in words from where. Raises `SnapshotError`."""
        self._predictor.restore(blob)
        self._begun = self._predictor.state()
        lost = _resume_open(self.intervals, "", blob, self._predictor.session.digest, self._begun)
        return f"resumed after {self._predictor.samples} samples{_open_ones(self.intervals)}{_LOST if lost else ''}"


class NamedStreams:
    """A stream for each name, through a pool. A stream begins with its first sample.

    `sensors` says under which names, the likeliest first, a model of several sensors may know a stream's sensor; `tell`
    is told of a stream that begins and is of none of them.
    """

    def __init__(
        self,
        pool: Pool,
        sensors: Callable[[str], Iterable[str]] = lambda name: (name,),
        late_limit: int = Rules.skip_limit,
        tell: Callable[[str, Spec], object] = lambda _name, _spec: None,
    ) -> None:
        self._sensors, self._tell = sensors, tell
        self._known_ahead, self._told = KnownReader(pool.spec), _LastTold()
        self.intervals = _intervals(pool.spec, late_limit)
        self._known = {sensor.name for sensor in pool.spec.sensors}
        self.marks: dict[str, list[str]] = {}
        """What the last samples acknowledged of each stream are recognised by, if they come again; saved as well."""
        self._pool = pool
        self._is_timed = pool.spec.is_timed
        self._has_clock = any(feature.clock for feature in pool.spec.features)
        self._numbers: dict[str, int] = {}
        self._changed: dict[str, State] = {}  # acknowledged since the last save
        self._marks_changed = set[str]()  # streams of which only these did

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self._pool.spec

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def step(self, name: str, values: RawSample, time: Time = None, known: Said = ()) -> StepResult:
        """Take one sample of a stream. Raises `TooManyStreamsError` where there would be too many.

        A time that cannot be read or lacks is a period after the one before, as `Predictor.step` has it; where none is
        known and the model sees the time, the sample is missing.
        """
        answer = self.step_all([(name, values, time, known)])[0]
        if isinstance(answer, EdgeseqError):
            raise answer
        return answer

    def step_all(
        self, samples: Sequence[NamedSample], keep: Callable[[int, State], object] | None = None
    ) -> list[StepResult | EdgeseqError]:
        """Take samples of any streams, several of one in their order; return what became of each, in theirs.

        A sample that `step` would raise `DataError` or `MissingSampleError` for is answered by that error; its stream
        is as before it, and no other one is touched. `keep` is given the position of each sample that was taken, and
        its stream's state after it. The first samples of all streams are one step of the pool, the second ones another,
        and so on.
        """
        answers: list[StepResult | EdgeseqError] = [_UNANSWERED] * len(samples)
        for positions in _rounds(samples):
            taken = self._admit(positions, samples, answers)
            self._step_round(taken, samples, answers)
            if keep:
                moved = [at for at in taken if isinstance(answers[at], StepResult)]
                self._keep(moved, samples, keep)
        return answers

    def _keep(self, taken: list[int], samples: Sequence[NamedSample], keep: Callable[[int, State], object]) -> None:
        """Give `keep` the positions of samples that were taken, and their streams' states."""
        names = [samples[at][0] for at in taken]
        for at, name, state in zip(taken, names, self._pool.states(names), strict=True):
            keep(at, (self._numbers[name], self._whole(name, state)))

    def gather(self, name: str, values: RawSample, time: Time, known: Said = ()) -> Answer:
        """Take one sample of a stream where samples are gathered. Raises what `step` does."""
        answer = self.gather_all([(name, values, time, known)])[0]
        if isinstance(answer, EdgeseqError):
            raise answer
        return answer

    def gather_all(
        self, samples: Sequence[NamedSample], keep: Callable[[int, State], object] | None = None
    ) -> list[Answer | EdgeseqError]:
        """As `step_all`, where samples are gathered in intervals: the answers have those that are over."""
        assert self.intervals, "samples are gathered"
        answers: list[Answer | EdgeseqError] = [_UNANSWERED] * len(samples)
        for positions in _rounds(samples):
            taken, gathered = list[int](), list[tuple[str, list[Gathered]]]()
            refused: list[StepResult | EdgeseqError] = [_UNANSWERED] * len(samples)
            admitted = self._admit(positions, samples, refused)
            for at in positions:
                name, values, time = samples[at][:3]
                try:
                    if at not in admitted:
                        raise _as_error(refused[at])
                    found, finding = self.intervals.join(name, values, time)
                except _REFUSALS as error:
                    answers[at] = error if isinstance(error, EdgeseqError) else DataError(type(error).__name__)
                    continue
                self._begin_if_new(name)
                taken.append(at)
                gathered.append((name, found))
                answers[at] = Answer([], finding)
            for at, periods in zip(taken, self._periods(gathered), strict=True):
                self._told.note(samples[at][0], _said(samples[at]))
                answers[at] = Answer(periods, answers[at].finding)  # type: ignore[union-attr]
            if keep:
                self._keep(taken, samples, keep)
        return answers

    def end_due(self) -> list[tuple[str, list[Period]]]:
        """End the intervals, of some streams, that are over by the wall clock; return what became of each."""
        assert self.intervals, "samples are gathered"
        gathered = self.intervals.take_due(_ENDED_AT_ONCE)
        return [(name, periods) for (name, _), periods in zip(gathered, self._periods(gathered), strict=True)]

    def _periods(self, gathered: list[tuple[str, list[Gathered]]]) -> list[list[Period]]:
        """Let streams that differ take what was gathered of them; return what became of each."""
        samples = [
            (name, one.values, one.moment, known)
            for name, several in gathered
            for one, known in zip(several, self._told.take(name, len(several)), strict=True)
        ]
        answers = iter(self.step_all(samples) if samples else ())
        return [[_period(one, next(answers)) for one in several] for _, several in gathered]

    def _begin_if_new(self, name: str) -> None:
        """Have a stream, which has no sample yet."""
        if name not in self._numbers:
            self._numbers[name] = 0
            if self._known:
                self._begin(name)
            else:
                self._pool.add(name)

    def _admit(
        self, positions: list[int], samples: Sequence[NamedSample], answers: list[StepResult | EdgeseqError]
    ) -> list[int]:
        """Return the positions of samples for whose streams there is room."""
        new = [at for at in positions if samples[at][0] not in self._numbers]
        room = MAX_STREAMS - len(self)
        for at in new[room:]:
            name = samples[at][0]
            answers[at] = TooManyStreamsError(f"more than {MAX_STREAMS} streams; the last is {shown(name)}")
        left_out = set(new[room:])
        return [at for at in positions if at not in left_out] if left_out else positions

    def _step_round(
        self, positions: list[int], samples: Sequence[NamedSample], answers: list[StepResult | EdgeseqError]
    ) -> None:
        """Take samples of streams that differ; where one of them is refused, one by one."""
        if not positions:
            return
        try:
            results = self._take([samples[at] for at in positions])
        except _REFUSALS as error:
            if len(positions) > 1:
                for at in positions:
                    self._step_round([at], samples, answers)
            else:
                answers[positions[0]] = error if isinstance(error, EdgeseqError) else DataError(type(error).__name__)
            return
        for at, result in zip(positions, results, strict=True):
            answers[at] = result

    def _take(self, samples: Sequence[NamedSample]) -> list[StepResult]:
        """Take samples of streams that differ, all or none; return what became of each."""
        names = [sample[0] for sample in samples]
        new = [name for name in names if name not in self._pool]
        try:
            for name in new if self._known else ():
                self._begin(name)
            results = self._process(samples)
        except BaseException:
            for name in new:
                if name in self._pool:
                    self._pool.remove(name)
            raise
        for result, name in zip(results, names, strict=True):
            self._numbers[name] = result.number + 1
        return results

    def _process(self, samples: Sequence[NamedSample]) -> list[StepResult]:
        values = {sample[0]: sample[1] for sample in samples}
        times = {sample[0]: self._time(sample[0], sample[2]) for sample in samples}
        known = {sample[0]: self._known_ahead.window(_said(sample)) for sample in samples if _said(sample)}
        results = self._pool.process(values, times, known or None)
        return [
            result._replace(number=self._numbers.get(name, 0)) for name, result in zip(values, results, strict=True)
        ]

    def _time(self, name: str, time: Time) -> Time:
        """Return a sample's time; one that cannot be read where it lacks, the model sees it and none is known yet."""
        if time is not None or not self._has_clock:
            return time if self._is_timed else None
        return "" if name not in self._pool or math.isnan(self._pool.seconds_of(name)) else None

    def _begin(self, name: str) -> None:
        """Begin a stream as that of the sensor that it belongs to."""
        self._pool.add(name)
        sensor = next((other for other in self._sensors(name) if other in self._known), None)
        self._pool.set_sensor(name, sensor)
        if sensor is None:
            self._tell(name, self.spec)

    def pace(self, name: str) -> float:
        """Return the seconds from one of a stream's samples to the next, where that was found not to be the period."""
        return self._pool.pace_of(name)

    def learned(self) -> list[Learned]:
        """Return what each stream has learned; nothing where forecasts do not adapt."""
        return [self._pool.learned(name) for name in self._pool.names] if self._pool.adapts else []

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the model file."""
        return self._pool.session.digest

    def state(self, name: str) -> State:
        """Return a stream's present state, for `acknowledge` to take later."""
        number, known = self._numbers[name], self._changed.get(name)
        if self.intervals and known and known[0] == number:  # the model has seen nothing since
            return number, self._whole(name, known[1])
        return number, self._whole(name, self._pool.state(name))

    def _whole(self, name: str, state: Snapshot) -> Snapshot:
        """Return a stream's state with what is open of it."""
        return _with_open(state, self.intervals, self.intervals.state(name)) if self.intervals else state

    def acknowledge(self, name: str, state: State | None = None) -> None:
        """Let this stream be saved in the given state; without one, as it is now."""
        self._changed[name] = state or self.state(name)

    def marks_changed(self, names: Iterable[str]) -> None:
        """Let the marks of these streams, whose states are saved, be saved anew."""
        self._marks_changed.update(names)

    def changed(self) -> Iterator[StreamRow]:
        """Yield what is to be saved: the streams acknowledged since `kept` was called.

        Where marks have changed without a sample, their streams follow without a snapshot: theirs is saved already.
        """
        for name, (samples, state) in list(self._changed.items()):
            yield StreamRow(name, samples, pack(self.digest, state), tuple(self.marks.get(name, ())))
        for name in self._marks_changed - self._changed.keys():
            yield StreamRow(name, self._numbers[name], None, tuple(self.marks[name]))

    def kept(self) -> None:
        """Note that all that `changed` yields is saved."""
        self._changed.clear()
        self._marks_changed.clear()

    def store(self, path: str | os.PathLike[str]) -> "StateDatabase":
        """Return what saves the streams in a database."""
        from edgeseq_runtime.stores.state_database import StateDatabase  # which a single stream starts without

        return StateDatabase(path, self)

    def load(self, rows: Iterable[StreamRow]) -> str:
        """Go on with these streams; return in words from where.

        Raises `SnapshotError` where one of them cannot be gone on from; none has then begun.
        """
        rest, begun, samples, lost = iter(rows), list[str](), 0, 0
        try:
            while some := list(islice(rest, _AT_ONCE)):
                self._pool.restore_all({row.name: row.snapshot for row in some if row.snapshot is not None})
                for row in some:
                    self._numbers[row.name], self.marks[row.name] = row.samples, list(row.marks)
                    begun.append(row.name)
                    samples += row.samples
                    if row.snapshot is not None and SETTINGS.encode() in row.snapshot:
                        like = self._pool.state(row.name)
                        lost += _resume_open(self.intervals, row.name, row.snapshot, self.digest, like)
        except BaseException:
            for name in reversed(begun):
                self._pool.remove(name)
                del self._numbers[name], self.marks[name]
                if self.intervals:
                    self.intervals.put(name, None)
            raise
        more = f"{_open_ones(self.intervals)}{_LOST if lost else ''}"
        return f"resumed {len(begun)} streams after {samples} samples{more}"


class _LastTold:
    """What the samples of open intervals have said last of the columns known ahead; it is not saved with them."""

    def __init__(self) -> None:
        self._said: dict[str, Said] = {}

    def note(self, name: str, said: Said) -> None:
        """Note what a sample of a stream has said; what it leaves open was said before."""
        before = self._said.get(name)
        if said:
            self._said[name] = (
                said if not before else [b if a is None else a for a, b in zip(said, before, strict=True)]
            )

    def take(self, name: str, count: int) -> Iterator[Said]:
        """Return what goes with so many samples that come of an interval and those after it."""
        return (self._said.pop(name, ()) if not at else () for at in range(count))


def _said(sample: NamedSample) -> Said:
    return sample[3] if len(sample) > 3 else ()


def _rounds(samples: Sequence[NamedSample]) -> list[list[int]]:
    """Return the samples' positions in rounds, in each of which a stream has at most one sample."""
    counts: dict[str, int] = {}
    rounds: list[list[int]] = []
    for position, sample in enumerate(samples):
        name = sample[0]
        turn = counts.get(name, 0)
        counts[name] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(position)
    return rounds


def _intervals(spec: Spec, late_limit: int) -> OpenIntervals | None:
    """Return what gathers samples in intervals, where the reading says so."""
    reading = spec.reading
    return OpenIntervals(spec, reading, late_limit) if reading and reading.every is not None else None


def _period(gathered: Gathered, result: StepResult | EdgeseqError) -> Period:
    if gathered.is_timeless and isinstance(result, StepResult) and not result.reason:
        result = result._replace(reason=TIME)
    return Period(gathered.time, gathered.values, result)


def _as_error(answer: StepResult | EdgeseqError) -> EdgeseqError:
    assert isinstance(answer, EdgeseqError), "it was refused"
    return answer


def _with_open(state: Snapshot, intervals: OpenIntervals | None, open_: Open | None) -> Snapshot:
    """Return a stream's state with an open interval, in place of one that it may have."""
    if intervals is None:
        return state
    kept = {name: array for name, array in state.arrays.items() if not name.startswith(PREFIX)}
    return Snapshot(state.counters, kept | intervals.arrays(open_))


def _open_ones(intervals: OpenIntervals | None) -> str:
    """Return in words how many samples the open intervals hold."""
    count, samples = intervals.waiting() if intervals else (0, 0)
    return f", and {samples} of {counted(count, 'open interval')}" if count else ""


def _resume_open(intervals: OpenIntervals | None, name: str, blob: bytes, digest: bytes, like: Snapshot) -> bool:
    """Go on with the open interval of a snapshot; return whether there is one that this stream cannot go on with."""
    if intervals is None:
        return SETTINGS.encode() in blob
    found = unpack(blob, digest, Snapshot(like.counters, {**like.arrays, **intervals.like()}))
    return intervals.load(name, found.arrays)
