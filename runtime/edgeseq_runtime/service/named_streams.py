"""A stream for each name, through a pool."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from edgeseq_runtime.adaptation.adaptation import Learned
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, TooManyStreamsError
from edgeseq_runtime.outcomes import StepResult
from edgeseq_runtime.pool import Pool
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.times import Time
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.service.gathered import LOST, as_period, open_intervals, resume_open, waiting, with_open
from edgeseq_runtime.service.last_told import LastTold
from edgeseq_runtime.service.rounds import rounds
from edgeseq_runtime.service.streams import Answer, NamedSample, Period, Said, State, anomalies_begin
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.streaming.averaging import SETTINGS
from edgeseq_runtime.streaming.known_values import KnownReader
from edgeseq_runtime.streaming.open_intervals import Gathered
from edgeseq_runtime.streaming.snapshot import Snapshot, pack
from edgeseq_runtime.streaming.validation import RawSample

if TYPE_CHECKING:
    from edgeseq_runtime.stores.state_database import StateDatabase

MAX_STREAMS = 100_000
"""Streams in one process: a name that changes with every sample must not fill the memory."""

_AT_ONCE = 1000
"""Streams whose snapshots are read at once; those of all of them may need more memory than the streams."""

_REFUSALS = (DataError, MissingSampleError, ValueError, ArithmeticError, RecursionError)
"""What one sample may lead to, which costs the others nothing."""

_UNANSWERED = DataError("not taken")

_ENDED_AT_ONCE = 64
"""Streams whose intervals the wall clock ends in one turn."""


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
        self._known_ahead, self._told = KnownReader(pool.spec), LastTold(pool.spec)
        self.intervals = open_intervals(pool.spec, late_limit)
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
        for positions in rounds(samples):
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
        for positions in rounds(samples):
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
        return [[as_period(one, next(answers)) for one in several] for _, several in gathered]

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
        if not self.intervals:
            return state
        return with_open(state, self.intervals, self.intervals.state(name), self._told.arrays(name))

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
        rest, begun, samples, lost, begin = iter(rows), list[str](), 0, 0, ""
        try:
            while some := list(islice(rest, _AT_ONCE)):
                self._pool.restore_all({row.name: row.snapshot for row in some if row.snapshot is not None})
                for row in some:
                    self._numbers[row.name], self.marks[row.name] = row.samples, list(row.marks)
                    begun.append(row.name)
                    samples += row.samples
                    if self._pool.finds_anomalies and row.snapshot is not None:
                        begin = begin or anomalies_begin(row.snapshot, self.spec)
                    if row.snapshot is not None and SETTINGS.encode() in row.snapshot:
                        like = self._pool.state(row.name)
                        lost += resume_open(self.intervals, self._told, row.name, row.snapshot, self.digest, like)
        except BaseException:
            for name in reversed(begun):
                self._pool.remove(name)
                del self._numbers[name], self.marks[name]
                if self.intervals:
                    self.intervals.put(name, None)
                    self._told.load(name, {})
            raise
        more = f"{waiting(self.intervals)}{LOST if lost else ''}{begin}"
        return f"resumed {len(begun)} streams after {samples} samples{more}"


def _said(sample: NamedSample) -> Said:
    return sample[3] if len(sample) > 3 else ()


def _as_error(answer: StepResult | EdgeseqError) -> EdgeseqError:
    assert isinstance(answer, EdgeseqError), "it was refused"
    return answer
