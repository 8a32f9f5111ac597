"""Streams by name, one sample at a time, and what is saved of them: only what was acknowledged.

A service answers a sample first and acknowledges it when the answer has arrived. What is saved is the state after the
last sample acknowledged of each stream, so that whoever goes on from it sees every other sample again. A state is
copied when it is acknowledged and turned into bytes when it is saved: most are never saved, since later ones follow.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, TooManyStreamsError
from edgeseq_runtime.exactness import blocks_are_exact
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.pool import Pool
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.times import Time
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.stores.base import Store, StreamRow
from edgeseq_runtime.stores.snapshot_file import SnapshotFile
from edgeseq_runtime.streaming.snapshot import Snapshot, pack
from edgeseq_runtime.streaming.validation import RawSample

if TYPE_CHECKING:
    from edgeseq_runtime.stores.state_database import StateDatabase

MAX_STREAMS = 100_000
"""Streams in one process: a name that changes with every sample must not fill the memory."""

_AT_ONCE = 1000
"""Streams whose snapshots are read at once; those of all of them may need more memory than the streams."""

State: TypeAlias = tuple[int, Snapshot]
"""How many samples a stream has taken, and a copy of its memory after them."""

NamedSample: TypeAlias = tuple[str, RawSample, Time]
"""The name of a stream, the values of a sample of it, and their time."""

_REFUSALS = (DataError, MissingSampleError, ValueError, ArithmeticError, RecursionError)
"""What one sample may lead to, which costs the others nothing."""

_UNANSWERED = DataError("not taken")


class Streams(Protocol):
    """What takes samples by the name of their stream."""

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""

    def step(self, name: str, values: Sequence[float | None], time: Time = None) -> StepResult:
        """Take one sample, with its time where the model sees that.

        Raises what `Predictor.step` does; the stream is then as before.
        """

    def pace(self, name: str) -> float:
        """Return in how many seconds a stream's samples follow each other, where that was found not to be the period."""

    def acknowledge(self, name: str) -> None:
        """Let this stream be saved as it is now."""

    def store(self, path: str | os.PathLike[str]) -> Store:
        """Return what saves these streams at `path`, and goes on from there."""


class SingleStream:
    """One stream without a name, through a predictor."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._takes_one = len(predictor.spec.measured) == 1
        self._is_timed = predictor.spec.is_timed
        self._is_exact: bool | None = None  # whether blocks are; not known yet
        self._begun = predictor.state()
        self._acknowledged: Snapshot | None = None

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self._predictor.spec

    def step(self, _name: str, values: RawSample, time: Time = None) -> StepResult:
        """Take one sample."""
        p = self._predictor
        number = p.samples
        time = time if self._is_timed else None
        # A number by itself is what is checked in the least time.
        forecast = p.step(values[0] if type(values) is tuple and len(values) == 1 else values, time)
        interval, drift = (p.interval(), p.drift) if p.monitors else (None, False)
        return StepResult(forecast, p.status, p.warm, number, p.reason, interval, drift, p.seconds)

    def pace(self, _name: str) -> float:
        """Return in how many seconds samples follow each other, where that was found not to be the model's period."""
        return self._predictor.pace

    def process(self, values: Sequence[Sequence[float | None]], times: Sequence[Time]) -> Outcomes | None:
        """Take samples that follow each other in few calls; None where that would not give the very numbers of `step`.

        Raises what `step` does; all is then as before.
        """
        if self._is_exact is None:
            self._is_exact = blocks_are_exact(self._predictor)
        if not self._is_exact:
            return None
        block = np.array(values, np.float64)  # None becomes NaN
        untimed = not self._is_timed or all(time is None for time in times)
        return self._predictor.process(block[:, 0] if self._takes_one else block, None if untimed else times)

    def acknowledge(self, _name: str) -> None:
        """Let the stream be saved as it is now."""
        self._acknowledged = self._predictor.state()

    def take_back(self) -> None:
        """Be as after the last sample acknowledged."""
        self._predictor.load(self._acknowledged or self._begun)

    def store(self, path: str | os.PathLike[str]) -> SnapshotFile:
        """Return what saves the stream as a file, a predictor's snapshot."""
        return SnapshotFile(path, self)

    def saved(self) -> bytes | None:
        """Return a snapshot of what was acknowledged; None where nothing was."""
        return pack(self._predictor.session.digest, self._acknowledged) if self._acknowledged else None

    def restore(self, blob: bytes) -> str:
        """Go on from a predictor's snapshot; return in words from where. Raises `SnapshotError`."""
        self._predictor.restore(blob)
        self._begun = self._predictor.state()
        return f"resumed after {self._predictor.samples} samples"


class NamedStreams:
    """A stream for each name, through a pool. A stream begins with its first sample.

    `sensors` says under which names, the likeliest first, a model of several sensors may know a stream's sensor.
    """

    def __init__(self, pool: Pool, sensors: Callable[[str], Iterable[str]] = lambda name: (name,)) -> None:
        self._sensors = sensors
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

    def step(self, name: str, values: RawSample, time: Time = None) -> StepResult:
        """Take one sample of a stream. Raises `TooManyStreamsError` where there would be too many.

        A time that cannot be read or lacks is a period after the one before, as `Predictor.step` has it; where none is
        known and the model sees the time, the sample is missing.
        """
        answer = self.step_all([(name, values, time)])[0]
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
                names = [samples[at][0] for at in moved]
                for at, name, state in zip(moved, names, self._pool.states(names), strict=True):
                    keep(at, (self._numbers[name], state))
        return answers

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
        names = [name for name, _, _ in samples]
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
        values = {name: values for name, values, _ in samples}
        times = {name: self._time(name, time) for name, _, time in samples}
        results = self._pool.process(values, times)
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
        self._pool.set_sensor(name, next((other for other in self._sensors(name) if other in self._known), None))

    def pace(self, name: str) -> float:
        """Return in how many seconds a stream's samples follow each other, where that was found not to be the period."""
        return self._pool.pace_of(name)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the model file."""
        return self._pool.session.digest

    def state(self, name: str) -> State:
        """Return a stream's present state, for `acknowledge` to take later."""
        return self._numbers[name], self._pool.state(name)

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
        rest, begun, samples = iter(rows), list[str](), 0
        try:
            while some := list(islice(rest, _AT_ONCE)):
                self._pool.restore_all({row.name: row.snapshot for row in some if row.snapshot is not None})
                for row in some:
                    self._numbers[row.name], self.marks[row.name] = row.samples, list(row.marks)
                    begun.append(row.name)
                    samples += row.samples
        except BaseException:
            for name in reversed(begun):
                self._pool.remove(name)
                del self._numbers[name], self.marks[name]
            raise
        return f"resumed {len(begun)} streams after {samples} samples"


def _rounds(samples: Sequence[NamedSample]) -> list[list[int]]:
    """Return the samples' positions in rounds, in each of which a stream has at most one sample."""
    counts: dict[str, int] = {}
    rounds: list[list[int]] = []
    for position, (name, _, _) in enumerate(samples):
        turn = counts.get(name, 0)
        counts[name] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(position)
    return rounds
