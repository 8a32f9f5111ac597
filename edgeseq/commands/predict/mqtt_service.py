"""Messages in, forecasts out, through an MQTT broker: a stream for each topic.

The order that makes a restart harmless, on either side: a sample moves its stream; its forecast is published; the
broker has it; the stream's state is saved; the sample is acknowledged. Whatever breaks, the broker still holds every
sample after the state that was saved, and one that comes again is recognised.
"""

import signal
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeseq.commands.options.common import note
from edgeseq.commands.predict.formats import Json
from edgeseq.commands.predict.state_file import StateFile
from edgeseq.commands.predict.stats import Stats
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown, ShutdownRequested
from edgeseq.text import counted
from edgeseq_runtime.errors import DataError, MissingSampleError
from edgeseq_runtime.io.text_lines import LONGEST, Sample, json_parser
from edgeseq_runtime.mqtt.deduplication import Message, MessageId, SeenMessages, message_id
from edgeseq_runtime.mqtt.topics import Address, Route

if TYPE_CHECKING:
    from edgeseq_runtime.mqtt.credentials import Credentials
    from edgeseq_runtime.service import NamedStreams


@dataclass
class _Taken:
    """A sample that moved its stream, until its effect may be saved."""

    topic: str
    mark: MessageId | None
    state: tuple[int, bytes] | None
    """The stream's state after it, where states are saved."""
    published: bool = False
    """Whether the broker has its forecast."""
    settled: bool = False
    """Whether its effect is in what is saved, so that it may be acknowledged."""


class MqttService:
    """From messages to messages. It is the `mqtt.Receiver` of its connection."""

    def __init__(self, streams: "NamedStreams", route: Route, keeper: StateFile, *, unreadable: str) -> None:
        self._streams, self._route, self._keeper = streams, route, keeper
        self._unreadable = unreadable
        self._parse = json_parser(streams.spec)
        self._form = Json(streams.spec)
        self.tally = Stats("from a message to its forecast")
        self._repeated = self._messages = 0
        self._leaving = False
        self._marks = SeenMessages(streams.marks)
        self._taken: deque[_Taken] = deque()  # in the order in which they moved their streams
        self._by_forecast: dict[int, _Taken] = {}  # by the number of the forecast's message
        self._owed: deque[tuple[int, _Taken | None]] = deque()  # to be acknowledged, in the order of their delivery

    def run(self, address: Address, credentials: "Credentials", client_id: str, politeness: GracefulShutdown) -> int:
        """Stream until a signal asks for an end; return the exit code."""
        from edgeseq_runtime.mqtt.client import MqttClient

        self._link = MqttClient(address, credentials, client_id, self, note, politeness.waiting)
        try:
            while True:
                self._link.poll()
                self._settle()
        except ShutdownRequested:
            self._leave()
            return INTERRUPTED if politeness.asked is signal.SIGINT else 0
        finally:
            self._keeper.save()

    def summary(self) -> str:
        """Return one line about all messages."""
        repeated = f"; {self._repeated} came again, and counted once" if self._repeated else ""
        return f"{self.tally.summary()}; {counted(len(self._streams), 'stream')}{repeated}"

    def connected(self, *, resumed: bool) -> None:
        """Forget what was to be acknowledged: the broker sends that again, or has forgotten it itself."""
        self._owed.clear()
        if not resumed:
            self._marks.forget_numbers()
            for taken in self._taken:
                taken.mark = taken.mark if taken.mark and taken.mark.timed else None

    def received(self, message: Message) -> None:
        """Take a message; one that comes again is only acknowledged, when its first coming is."""
        if self._leaving:
            return  # the next run gets it, since nobody acknowledges it
        begin = time.perf_counter()
        self._messages += 1
        target = self._route.target(message.topic)
        if target is None:  # of an older subscription in this session
            note(f"{message.topic}: not among {self._route.topics}; left out")
            self._owe(message, None)
            return
        sample = self._read(message)
        known = message_id(message, timed=sample.time is not None)
        if known and (known.timed or message.duplicate):
            before = next((t for t in self._taken if (t.topic, t.mark) == (message.topic, known)), None)
            if before or (message.topic, known) in self._marks:
                self._repeated += 1
                self._owe(message, before)
                return
        taken = self._take(message, sample, target, known)
        self._owe(message, taken)
        self.tally.add(self._status, time.perf_counter() - begin)

    def _leave(self) -> None:
        """Take no more samples, and wait a moment for the broker to have the last forecasts."""
        self._leaving = True
        self._link.close(self._settle)

    def published(self, number: int) -> None:
        """Note that the broker has a forecast."""
        taken = self._by_forecast.pop(number, None)
        if taken:
            taken.published = True

    def _read(self, message: Message) -> Sample:
        nothing = (None,) * len(self._streams.spec.measured)
        try:
            if len(message.payload) > LONGEST:
                raise DataError(f"a payload of more than {LONGEST} bytes")  # noqa: TRY301 - named below
            time_, values = self._parse(message.payload.decode("utf-8", "replace"))
        except DataError as error:
            if self._unreadable == "error":
                raise DataError(f"{message.topic}: {error}") from None
            note(f"{message.topic}: {error}; taken as missing")
            return Sample(self._messages, None, nothing, str(error), stream=message.topic)
        return Sample(self._messages, time_, values, stream=message.topic)

    def _take(self, message: Message, sample: Sample, target: str, known: MessageId | None) -> _Taken:
        """Move the stream, and publish the forecast."""
        try:
            answer = self._streams.step(message.topic, sample.values, sample.time)
        except (DataError, MissingSampleError) as error:
            raise DataError(f"{message.topic}: {error}") from None
        self._status = answer.status
        state = self._streams.state(message.topic) if self._keeper.active else None
        taken = _Taken(message.topic, known, state)
        self._taken.append(taken)
        self._by_forecast[self._link.publish(target, self._form.line(sample, answer))] = taken
        return taken

    def _owe(self, message: Message, taken: _Taken | None) -> None:
        if message.number:
            self._owed.append((message.number, taken))

    def _settle(self) -> bool:
        """Save the effect of samples whose forecasts the broker has, acknowledge them; return whether that was all."""
        moved = False
        while self._taken and self._taken[0].published:
            taken, moved = self._taken.popleft(), True
            taken.settled = True
            if taken.state:
                self._streams.acknowledge(taken.topic, taken.state)
            if taken.mark:
                self._marks.add(taken.topic, taken.mark)
        if moved:
            self._keeper.progress()
        while self._owed and (self._owed[0][1] is None or self._owed[0][1].settled):
            number, _ = self._owed.popleft()
            self._link.acknowledge(number)
        return not self._taken
