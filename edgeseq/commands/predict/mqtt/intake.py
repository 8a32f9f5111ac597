"""Messages as samples on their way to their streams: none of one that has come before, one of several parts."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeseq.commands.predict.mqtt.unsettled import Pending
from edgeseq.commands.predict.parts import Parts
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.sample import Sample, Values
from edgeseq_runtime.mqtt.deduplication import Message, SeenMessages, identify
from edgeseq_runtime.reading.times import TimeReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgeseq.commands.predict.mqtt.payloads import Payloads
    from edgeseq.commands.predict.mqtt.settlement import Settlement
    from edgeseq_runtime.service.named_streams import NamedStreams

_NUMBER = 24
"""Bytes of a number in a forecast, about."""

_MOST_NAMES = 16_000_000
"""Characters of all streams' names, of which one may have 65,535: saving a state holds them several times."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that is a sample, on its way to its stream."""

    message: Message
    target: str
    """The forecast's topic."""
    sample: Sample
    pending: Pending


class Intake:
    """Takes messages in, which are then to be settled. `seen` recognises those that come again after a restart."""

    def __init__(
        self,
        streams: "NamedStreams",
        payloads: "Payloads",
        settlement: "Settlement",
        seen: SeenMessages,
        join_wait: float,
    ) -> None:
        spec = streams.spec
        self._streams, self._payloads, self._settlement, self._seen = streams, payloads, settlement, seen
        self._unsettled = settlement.unsettled
        self._forecast_size = _NUMBER * 3 * spec.horizon * len(spec.targets)
        self.repeated = 0
        """Messages that had come before."""
        self._times = TimeReader(spec.reading)
        wait = 0.0 if streams.intervals else join_wait
        self._parts = Parts(tuple(feature.name for feature in spec.measured), wait)
        self._held: dict[int, Arrival] = {}  # parts of samples, by the count of their messages
        self._last: dict[str, tuple[float, Values]] = {}  # by stream, when the last sample was taken and what it holds
        self._name_bytes = sum(map(len, streams.marks))
        self._beginning: set[str] = set()  # names of streams that begin with samples in this turn

    def arrivals(self, message: Message, count: int, target: str) -> list[Arrival]:
        """Return the samples that are to be taken with the `count`-th message: none where it has come before.

        Raises what `Payloads.read` does, and `DataError` where no stream may begin with it.
        """
        samples = self._payloads.read(message, count)
        mark, moment, values = identify(message), self._moment(samples[-1]), _last_values(samples)
        stream = samples[-1].stream or ""  # by whose marks the message is recognised
        is_again, first = self._is_again(message, stream, mark, moment, values)
        if is_again:  # it is acknowledged when its first coming is
            self.repeated += 1
            self._settlement.queue(message.number, first, stream, mark or "")
            return []
        for sample in samples:
            self._check_name(sample.stream or "")
        self._settlement.know(message.topic, stream)
        self._last[stream] = moment, values
        marks = [mark] if mark else []
        if len(samples) == 1:
            return self._joined(message, target, marks, samples[0])
        return self._several(message, target, marks, samples)

    def forget(self, stream: str) -> None:
        """Let the last sample of a stream, which was refused, come again as a new one."""
        self._last.pop(stream, None)

    def have_begun(self) -> None:
        """Note that the samples of this turn were taken: streams have begun with them, or have not."""
        self._name_bytes -= sum(len(topic) for topic in self._beginning if topic not in self._streams)
        self._beginning.clear()

    def due(self) -> list[Arrival]:
        """Return parts of samples that have waited for the rest for long enough."""
        return self._released(self._parts.due())

    def patience(self) -> float | None:
        """Return for how many seconds parts may still wait; None where none does."""
        return self._parts.patience()

    def _joined(self, message: Message, target: str, marks: list[str], sample: Sample) -> list[Arrival]:
        """Return the samples that are whole with this one: it may wait for its rest, or be the rest of another."""
        partner = self._parts.partner(sample)
        if partner:
            pending = self._held[partner.line].pending
            self._unsettled.add_message(pending, marks)
        else:
            pending = self._pending(message, sample, marks)
            self._held[sample.line] = Arrival(message, target, sample, pending)
        self._settlement.queue(message.number, pending, sample.stream or "", *marks)
        return self._released(self._parts.join(sample))

    def _released(self, samples: "Iterable[Sample]") -> list[Arrival]:
        """Return samples that wait no longer, on their way."""
        held = [(self._held.pop(sample.line), sample) for sample in samples]
        return [Arrival(arrival.message, arrival.target, sample, arrival.pending) for arrival, sample in held]

    def _several(self, message: Message, target: str, marks: list[str], samples: list[Sample]) -> list[Arrival]:
        """Return the samples of one message, which is settled when all of them are."""
        pendings = [self._pending(message, sample, marks if sample is samples[-1] else []) for sample in samples]
        for pending in pendings:
            pending.group = pendings
        self._settlement.queue(message.number, pendings[-1], samples[-1].stream or "", *marks)
        return [Arrival(message, target, *each) for each in zip(samples, pendings, strict=True)]

    def _pending(self, message: Message, sample: Sample, marks: list[str]) -> Pending:
        pending = Pending(sample.stream or "", marks, None, len(message.payload) + self._forecast_size)
        self._unsettled.add(pending)
        return pending

    def _is_again(
        self, message: Message, stream: str, mark: str | None, moment: float, values: Values
    ) -> tuple[bool, Pending | None]:
        """Return whether a message has come before, and the sample that it was then as long as that is unsettled."""
        if mark and message.duplicate:
            has_come, first = self._settlement.first_coming(stream, mark)
            if has_come:
                return True, first
        last = self._last.get(stream)
        if math.isnan(moment) or (last is not None and last != (moment, values)):
            return False, None
        return last is not None or self._seen.ends_with(stream, message), self._unsettled.newest(stream)

    def _check_name(self, topic: str) -> None:
        """Count the characters of a new stream's name. Raises `DataError` where all names would have too many."""
        if topic in self._streams or topic in self._beginning:
            return
        if self._name_bytes + len(topic) > _MOST_NAMES:
            raise DataError(f"the names of all streams exceed {_MOST_NAMES} characters")
        self._name_bytes += len(topic)
        self._beginning.add(topic)

    def _moment(self, sample: Sample) -> float:
        """Return when a sample was taken; NaN where it does not say so, or the model does not ask."""
        if sample.time is None or not self._streams.spec.is_timed:
            return math.nan
        try:
            return self._times.seconds(sample.moment)
        except DataError:
            return math.nan


def _last_values(samples: list[Sample]) -> Values:
    """Return what the last sample of a message holds: of a model for any sensor, all numbers of its time."""
    last = samples[-1]
    together = [sample for sample in samples if last.field and sample.time == last.time] or [last]
    return tuple(value for sample in together for value in sample.values)
