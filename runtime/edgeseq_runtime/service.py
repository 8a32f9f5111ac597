"""Streams by name, one sample at a time, and what is saved of them: only what was acknowledged.

A service answers a sample first and acknowledges it when the answer has arrived. What is saved is the state after the
last sample acknowledged of each stream, so that whoever goes on from it sees every other sample again. A state is
copied when it is acknowledged and turned into bytes when it is saved: most are never saved, since later ones follow.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeAlias

import numpy as np

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import TooManyStreamsError
from edgeseq_runtime.exactness import blocks_are_exact
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.pool import Pool
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.printable import shown
from edgeseq_runtime.rules import TIME
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.stores.base import Store, StreamRow
from edgeseq_runtime.stores.snapshot_file import SnapshotFile
from edgeseq_runtime.stores.state_database import StateDatabase
from edgeseq_runtime.streaming.snapshot import Snapshot
from edgeseq_runtime.streaming.timestamps import Clock, Time, is_time
from edgeseq_runtime.streaming.validation import RawSample

MAX_STREAMS = 100_000
"""Streams in one process: a name that changes with every sample must not fill the memory."""

_AT_ONCE = 1000
"""Streams whose snapshots are read at once; those of all of them may need more memory than the streams."""

State: TypeAlias = tuple[int, Snapshot]
"""How many samples a stream has taken, and a copy of its memory after them."""


class Streams(Protocol):
    """What takes samples by the name of their stream."""

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""

    def step(self, name: str, values: RawSample, time: Time = None) -> StepResult:
        """Take one sample, with its time where the model sees that.

        Raises what `Predictor.step` does; the stream is then as before.
        """

    def acknowledge(self, name: str) -> None:
        """Let this stream be saved as it is now."""

    def store(self, path: str | os.PathLike[str]) -> Store:
        """Return what saves these streams at `path`, and goes on from there."""


class SingleStream:
    """One stream without a name, through a predictor."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._takes_one = len(predictor.spec.measured) == 1
        self._is_exact: bool | None = None  # whether blocks are; not known yet
        self._begun = predictor.memory()
        self._acknowledged: Snapshot | None = None

    @property
    def spec(self) -> Spec:
        """What the model file says of itself."""
        return self._predictor.spec

    def step(self, _name: str, values: Sequence[float | None], time: Time = None) -> StepResult:
        """Take one sample."""
        p = self._predictor
        number = p.samples
        forecast = p.step(values[0] if self._takes_one else values, time)
        interval, drift = (p.interval(), p.drift) if p.monitors else (None, False)
        return StepResult(forecast, p.status, p.warm, number, p.reason, interval, drift, p.seconds)

    def process(self, values: Sequence[Sequence[float | None]], times: Sequence[Time]) -> Outcomes | None:
        """Take samples that follow each other in few calls; None where that would not give the very numbers of `step`.

        Raises what `step` does; all is then as before.
        """
        if self._is_exact is None:
            self._is_exact = blocks_are_exact(self._predictor)
        if not self._is_exact:
            return None
        block = np.array(values, np.float64)  # None becomes NaN
        untimed = all(time is None for time in times)
        return self._predictor.process(block[:, 0] if self._takes_one else block, None if untimed else times)

    def acknowledge(self, _name: str) -> None:
        """Let the stream be saved as it is now."""
        self._acknowledged = self._predictor.memory()

    def take_back(self) -> None:
        """Be as after the last sample acknowledged."""
        self._predictor.recall(self._acknowledged or self._begun)

    def store(self, path: str | os.PathLike[str]) -> SnapshotFile:
        """Return what saves the stream as a file, a predictor's snapshot."""
        return SnapshotFile(path, self)

    def saved(self) -> bytes | None:
        """Return a snapshot of what was acknowledged; None where nothing was."""
        return None if self._acknowledged is None else self._predictor.packed(self._acknowledged)

    def restore(self, blob: bytes) -> str:
        """Go on from a predictor's snapshot; return in words from where. Raises `SnapshotError`."""
        self._predictor.restore(blob)
        self._begun = self._predictor.memory()
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
        self._has_clock = bool(Clock(pool.spec))
        self._clocks: dict[str, Clock] = {}
        self._numbers: dict[str, int] = {}
        self._changed: dict[str, State] = {}  # acknowledged since the last save
        self._all_marks_changed = False

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
        number = self._numbers.get(name, 0)
        if not number and len(self) == MAX_STREAMS:
            raise TooManyStreamsError(f"more than {MAX_STREAMS} streams; the last is {shown(name)}")
        is_new = name not in self._pool
        try:
            forecast, reason = self._take(name, values, time, begins=not number)
        except BaseException:
            if is_new and name in self._pool:
                self._pool.remove(name)
            raise
        self._numbers[name] = number + 1
        return StepResult(forecast, self._pool.status_of(name), self._pool.is_warm(name), number, reason)

    def _take(self, name: str, values: RawSample, time: Time, *, begins: bool) -> tuple[Float32, str]:
        """Take one sample; return the forecast, and what was odd about its time."""
        if begins and self._known:
            self._begin(name)
        reason = TIME if isinstance(time, str) and not is_time(time) else ""
        if not self._has_clock:
            return self._pool.step({name: values})[name], reason
        clock = self._clocks.get(name) or Clock(self.spec)
        seconds = clock.resolve(None if reason else time)
        values = clock.with_time_features(values, seconds, may_lack=True)
        forecast = self._pool.step({name: values})[name]
        clock.commit(seconds)
        self._clocks[name] = clock
        return forecast, TIME if math.isnan(seconds) else reason

    def _begin(self, name: str) -> None:
        """Begin a stream as that of the sensor that it belongs to."""
        if name not in self._pool:
            self._pool.add(name)
        self._pool.set_sensor(name, next((other for other in self._sensors(name) if other in self._known), None))

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the model file."""
        return self._pool.session.digest

    def state(self, name: str) -> State:
        """Return a stream's present state, for `acknowledge` to take later."""
        return self._numbers[name], self._pool.memory(name)

    def acknowledge(self, name: str, state: State | None = None) -> None:
        """Let this stream be saved in the given state; without one, as it is now."""
        self._changed[name] = state or self.state(name)

    def marks_changed(self) -> None:
        """Let the marks of all streams be saved anew."""
        self._all_marks_changed = True

    def changed(self) -> Iterator[StreamRow]:
        """Yield what is to be saved: the streams acknowledged since `kept` was called.

        Where marks have changed without a sample, their streams follow without a snapshot: theirs is saved already.
        """
        for name, (samples, memory) in list(self._changed.items()):
            yield StreamRow(name, samples, self._pool.packed(memory), tuple(self.marks.get(name, ())))
        if self._all_marks_changed:
            for name in self.marks.keys() - self._changed.keys():
                yield StreamRow(name, self._numbers[name], None, tuple(self.marks[name]))

    def kept(self) -> None:
        """Note that all that `changed` yields is saved."""
        self._changed.clear()
        self._all_marks_changed = False

    def store(self, path: str | os.PathLike[str]) -> StateDatabase:
        """Return what saves the streams in a database."""
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
