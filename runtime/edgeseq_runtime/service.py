"""Streams by name, one sample at a time, and what is saved of them: only what was acknowledged.

A service answers a sample first and acknowledges it when the answer has arrived. `saved` holds the state after the
last sample acknowledged of each stream, so that whoever goes on from it sees every other sample again.
"""

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import SnapshotError, TooManyStreamsError
from edgeseq_runtime.io.text_lines import LONGEST
from edgeseq_runtime.outcomes import StepResult
from edgeseq_runtime.pool import Pool
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.printable import shown
from edgeseq_runtime.rules import TIME
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming import container
from edgeseq_runtime.streaming.timestamps import Clock, Time, is_time
from edgeseq_runtime.streaming.validation import RawSample

MAX_STREAMS = 100_000
"""Streams in one process: a name that changes with every sample must not fill the memory."""

_MAGIC = b"edgeseq-streams-1\n"


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
        """Let `saved` hold this stream as it is now."""

    def saved(self) -> bytes | None:
        """Return what was acknowledged as bytes for `restore`; None where nothing was."""

    def restore(self, blob: bytes) -> str:
        """Go on from what `saved` returned; return in words from where. Raises `SnapshotError`."""


class SingleStream:
    """One stream without a name, through a predictor."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._takes_one = len(predictor.spec.measured) == 1
        self._acknowledged: bytes | None = None

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

    def acknowledge(self, _name: str) -> None:
        """Let `saved` hold the stream as it is now."""
        self._acknowledged = self._predictor.snapshot()

    def saved(self) -> bytes | None:
        """Return the predictor's snapshot."""
        return self._acknowledged

    def restore(self, blob: bytes) -> str:
        """Go on from a predictor's snapshot."""
        self._predictor.restore(blob)
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
        self._acknowledged: dict[str, tuple[int, bytes]] = {}  # the sample's number to come, and the snapshot

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

    def state(self, name: str) -> tuple[int, bytes]:
        """Return a stream's present state, for `acknowledge` to take later."""
        return self._numbers[name], self._pool.snapshot(name)

    def acknowledge(self, name: str, state: tuple[int, bytes] | None = None) -> None:
        """Let `saved` hold this stream in the given state; without one, as it is now."""
        self._acknowledged[name] = state or self.state(name)

    def saved(self) -> bytes | None:
        """Return the snapshots of all streams acknowledged, with their marks."""
        if not self._acknowledged:
            return None
        listing = [
            {"name": name, "samples": number, "size": len(blob), "marks": self.marks.get(name, [])}
            for name, (number, blob) in self._acknowledged.items()
        ]
        return container.pack(_MAGIC, listing, b"".join(blob for _, blob in self._acknowledged.values()))

    def restore(self, blob: bytes) -> str:
        """Go on with all streams of what `saved` returned."""
        streams = _unpack(blob)
        self._pool.restore_all({name: snapshot for name, (_, snapshot, _) in streams.items()})
        for name, (number, snapshot, marks) in streams.items():
            self._numbers[name], self._acknowledged[name] = number, (number, snapshot)
            self.marks[name] = marks
        return f"resumed {len(streams)} streams after {sum(number for number, _, _ in streams.values())} samples"


def _unpack(blob: bytes) -> Mapping[str, tuple[int, bytes, list[str]]]:
    """Return the samples' count, snapshot and marks of each stream. Raises `SnapshotError`."""
    content = container.unpack(_MAGIC, blob, "'s streams")
    streams, at = {}, 0
    try:
        listing, body = container.split(content)
        for entry in listing:
            name, number, size, marks = (entry[key] for key in ("name", "samples", "size", "marks"))
            are_counts = type(number) is type(size) is int and 0 <= number < 1 << 62 and 0 < size <= len(body) - at
            are_texts = type(marks) is list and all(isinstance(text, str) for text in (name, *marks))
            if not are_counts or not are_texts or name in streams or len(name) > LONGEST:
                raise ValueError(entry)  # noqa: TRY301 - the same word for all that nobody wrote
            streams[name] = number, body[at : at + size], list(marks)
            at += size
        if at != len(body):
            raise ValueError(at)  # noqa: TRY301
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise SnapshotError("the snapshot was written by another version of edgeseq") from error
    return streams
