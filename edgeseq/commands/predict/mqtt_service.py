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

from edgeseq.commands.notes import note
from edgeseq.commands.predict.formats import JsonFormat
from edgeseq.commands.predict.state_file import StateFile
from edgeseq.commands.predict.stats import Stats
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown, ShutdownRequested
from edgeseq.text import counted
from edgeseq_runtime.errors import DataError, MissingSampleError
from edgeseq_runtime.io.text_lines import LONGEST, Sample, json_parser
from edgeseq_runtime.mqtt.deduplication import Message, MessageId, SeenMessages, identify
from edgeseq_runtime.mqtt.topics import Address, Route

if TYPE_CHECKING:
    from edgeseq_runtime.mqtt.credentials import Credentials
    from edgeseq_runtime.service import NamedStreams


@dataclass
class _Pending:
    """A sample that moved its stream, until its effect may be saved."""

    topic: str
    message_id: MessageId | None
    state: tuple[int, bytes] | None
    """The stream's state after it, where states are saved."""
    published: bool = False
    """Whether the broker has its forecast."""
    saved: bool = False
    """Whether its effect is in what is saved, so that it may be acknowledged."""


class MqttService:
    """From messages to messages. It is the `mqtt.client.Receiver` of its connection."""

    def __init__(self, streams: "NamedStreams", route: Route, state_file: StateFile, *, unreadable: str) -> None:
        self._streams, self._route, self._state_file = streams, route, state_file
        self._unreadable = unreadable
        self._parse = json_parser(streams.spec)
        self._format = JsonFormat(streams.spec)
        self.stats = Stats("from a message to its forecast")
        self._repeated = self._messages = 0
        self._closing = False
        self._seen = SeenMessages(streams.marks)
        self._pending: deque[_Pending] = deque()  # in the order in which they moved their streams
        self._by_forecast: dict[int, _Pending] = {}  # by the number of the forecast's message
        self._acks: deque[tuple[int, _Pending | None]] = deque()  # to be acknowledged, in the order of their delivery

    def run(self, address: Address, credentials: "Credentials", client_id: str, shutdown: GracefulShutdown) -> int:
        """Stream until a signal asks for an end; return the exit code."""
        from edgeseq_runtime.mqtt.client import MqttClient

        self._client = MqttClient(address, credentials, client_id, self, note, shutdown.waiting)
        try:
            while True:
                self._client.poll()
                self._flush_acks()
        except ShutdownRequested:
            self._close()
            return INTERRUPTED if shutdown.received is signal.SIGINT else 0
        finally:
            self._state_file.save()

    def summary(self) -> str:
        """Return one line about all messages."""
        repeated = f"; {self._repeated} came again, and counted once" if self._repeated else ""
        return f"{self.stats.summary()}; {counted(len(self._streams), 'stream')}{repeated}"

    def connected(self, *, resumed: bool) -> None:
        """Forget what was to be acknowledged: the broker sends that again, or has forgotten it itself."""
        self._acks.clear()
        if not resumed:
            self._seen.forget_numbers()
            for pending in self._pending:
                if pending.message_id and not pending.message_id.timed:
                    pending.message_id = None

    def received(self, message: Message) -> None:
        """Take a message; one that comes again is only acknowledged, when its first coming is."""
        if self._closing:
            return  # the next run gets it, since nobody acknowledges it
        begin = time.perf_counter()
        self._messages += 1
        target = self._route.target(message.topic)
        if target is None:  # of an older subscription in this session
            note(f"{message.topic}: not among {self._route.topics}; left out")
            self._queue_ack(message, None)
            return
        sample = self._parse_payload(message)
        message_id = identify(message, timed=sample.time is not None)
        if message_id and (message_id.timed or message.duplicate):
            first = next((p for p in self._pending if (p.topic, p.message_id) == (message.topic, message_id)), None)
            if first or (message.topic, message_id) in self._seen:
                self._repeated += 1
                self._queue_ack(message, first)
                return
        pending = self._step(message, sample, target, message_id)
        self._queue_ack(message, pending)
        self.stats.add(self._status, time.perf_counter() - begin)

    def _close(self) -> None:
        """Take no more samples, and wait a moment for the broker to have the last forecasts."""
        self._closing = True
        self._client.close(self._flush_acks)

    def published(self, number: int) -> None:
        """Note that the broker has a forecast."""
        pending = self._by_forecast.pop(number, None)
        if pending:
            pending.published = True

    def _parse_payload(self, message: Message) -> Sample:
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

    def _step(self, message: Message, sample: Sample, target: str, message_id: MessageId | None) -> _Pending:
        """Move the stream, and publish the forecast."""
        try:
            result = self._streams.step(message.topic, sample.values, sample.time)
        except (DataError, MissingSampleError) as error:
            raise DataError(f"{message.topic}: {error}") from None
        self._status = result.status
        state = self._streams.state(message.topic) if self._state_file.active else None
        pending = _Pending(message.topic, message_id, state)
        self._pending.append(pending)
        self._by_forecast[self._client.publish(target, self._format.line(sample, result))] = pending
        return pending

    def _queue_ack(self, message: Message, pending: _Pending | None) -> None:
        if message.number:
            self._acks.append((message.number, pending))

    def _flush_acks(self) -> bool:
        """Save the effect of samples whose forecasts the broker has, acknowledge them; return whether that was all."""
        moved = False
        while self._pending and self._pending[0].published:
            pending, moved = self._pending.popleft(), True
            pending.saved = True
            if pending.state:
                self._streams.acknowledge(pending.topic, pending.state)
            if pending.message_id:
                self._seen.add(pending.topic, pending.message_id)
        if moved:
            self._state_file.save_if_due()
        while self._acks and (self._acks[0][1] is None or self._acks[0][1].saved):
            number, _ = self._acks.popleft()
            self._client.acknowledge(number)
        return not self._pending
