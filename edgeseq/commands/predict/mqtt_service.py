"""Messages in, forecasts out, through an MQTT broker: a stream for each topic.

The order that makes a restart harmless, on either side: a sample moves its stream; its forecast is published; the
broker has it; the stream's state is saved; the sample is acknowledged. Whatever breaks, the broker still holds every
sample after the state that was saved, and one that comes again is recognised.

Messages are read, answered and settled in turns of a fraction of a second, so that a backlog of any length delays no
ping, no acknowledgement and no signal. Whatever one message is, it costs a note, an acknowledgement and a place in the
summary, and never the service.
"""

import signal
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq.commands.predict.formats import JsonFormat
from edgeseq.commands.predict.state_file import StateFile
from edgeseq.commands.predict.stats import Stats
from edgeseq.commands.predict.unread_times import UnreadTimes
from edgeseq.commands.predict.unsettled import Pending, Unsettled
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown, ShutdownRequested
from edgeseq.text import counted
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, UsageError
from edgeseq_runtime.io.text_lines import LONGEST, Sample, json_parser
from edgeseq_runtime.mqtt.deduplication import WINDOW, Message, MessageId, SeenMessages, identify
from edgeseq_runtime.mqtt.inbox import Inbox
from edgeseq_runtime.mqtt.topics import Address, Route
from edgeseq_runtime.printable import printable
from edgeseq_runtime.streaming.timestamps import is_time

if TYPE_CHECKING:
    from edgeseq_runtime.mqtt.credentials import Credentials
    from edgeseq_runtime.service import NamedStreams

_WORKING = 0.05
"""Seconds for which one turn answers messages."""

_MOST_NAMES = 16_000_000
"""Characters of all streams' names, of which one may have 65,535: saving a state holds them several times."""

_HELD = WINDOW // 2
"""Samples that wait to be acknowledged while the state cannot be saved; at `WINDOW` a broker sends no more."""


class MqttService:
    """From messages to messages. It is the `mqtt.client.Receiver` of its connection."""

    def __init__(self, streams: "NamedStreams", route: Route, state_file: StateFile, *, unreadable: str) -> None:
        self._streams, self._route, self._state_file = streams, route, state_file
        self._unreadable = unreadable
        self._parse = json_parser(streams.spec)
        self._format = JsonFormat(streams.spec)
        self.stats = Stats("from a message to its forecast")
        self._left_out: Counter[str] = Counter()  # messages that are no sample of any stream, by the reason
        self._repeated = self._refused = self._messages = 0
        self._refused_topics: set[str] = set()  # those of streams whose forecasts could not be published
        self._failure: EdgeseqError | None = None  # over a message, where the user wants an end
        self._closing = False
        self._unread_times = UnreadTimes()
        self._seen = SeenMessages(streams.marks)
        self._name_bytes = sum(map(len, streams.marks))
        self._inbox = Inbox()
        self._unsettled = Unsettled()
        self._by_forecast: dict[int, Pending] = {}  # by the number of the forecast's message
        self._acks: deque[tuple[int, Pending | None]] = deque()  # to be acknowledged, in the order of their delivery
        self._ready: deque[int] = deque()  # those that wait only for a state that could not be saved
        self._saved_at = self._saving = 0.0  # when the state was saved last, and how long that took

    def run(self, address: Address, credentials: "Credentials", client_id: str, shutdown: GracefulShutdown) -> int:
        """Stream until a signal asks for an end; return the exit code.

        Raises `DataError` and `MissingSampleError` over a message where the user wants an end for such.
        """
        from edgeseq_runtime.mqtt.client import MqttClient

        self._client = MqttClient(address, credentials, client_id, self, note, shutdown.waiting)
        try:
            while self._failure is None:
                self._client.poll(0.0 if self._has_work() else 1.0)
                self._answer_some(shutdown)
                self._settle()
            self._close()
            raise self._failure
        except ShutdownRequested:
            self._close()
            return INTERRUPTED if shutdown.received is signal.SIGINT else 0
        finally:
            self._state_file.save_rest()

    def summary(self) -> str:
        """Return one line about all messages."""
        repeated = f"; {self._repeated} came again, and counted once" if self._repeated else ""
        refused = f"; {counted(self._refused, 'forecast')} not published" if self._refused else ""
        kinds = ", ".join(f"{count} {reason}" for reason, count in sorted(self._left_out.items()))
        left_out = f"; {counted(self._left_out.total(), 'message')} left out: {kinds}" if kinds else ""
        return f"{self.stats.summary()}; {counted(len(self._streams), 'stream')}{repeated}{refused}{left_out}"

    def connected(self, *, resumed: bool) -> None:
        """Forget what was to be acknowledged: the broker sends that again, or has forgotten it itself."""
        self._acks.clear()
        self._ready.clear()
        self._inbox.connected(resumed=resumed)
        if not resumed:
            self._seen.forget_numbers()
            self._streams.marks_changed()
            self._unsettled.forget_numbers()

    def received(self, message: Message) -> None:
        """Put a message where it waits for its turn."""
        if self._closing:
            return  # the next run gets it, since nobody acknowledges it
        if not self._inbox.add(message):
            self._left_out["dropped at QoS 0"] += 1
            note(
                f"messages of QoS 0 come faster than they are answered; one of {_brief(message.topic)} is dropped",
                "messages dropped at QoS 0",
            )

    def unreadable(self, number: int) -> None:
        """Leave out a message whose topic is no text."""
        self._leave_out(number, "a message's topic is no text in UTF-8", "with a topic that is no text")

    def published(self, number: int, refusal: str) -> None:
        """Note that the broker has a forecast, or that it cannot be published."""
        pending = self._by_forecast.pop(number, None)
        if pending is None:
            return
        pending.published = True
        if refusal:
            self._refused += 1
            if pending.topic not in self._refused_topics:
                self._refused_topics.add(pending.topic)
                note(f"{pending.topic}: a forecast cannot be published: {refusal}", "topics without a forecast")

    def _has_work(self) -> bool:
        """Whether a message can be answered without waiting for the broker."""
        return bool(self._inbox) and self._unsettled.has_room(self._inbox.first.topic)

    def _answer_some(self, shutdown: GracefulShutdown) -> None:
        """Answer messages that wait, for a moment."""
        until = time.monotonic() + _WORKING
        while self._has_work() and self._failure is None and shutdown.received is None:
            self._answer(self._inbox.pop())
            if time.monotonic() > until:
                break
        if self._inbox.overflowed and not (self._inbox.numbered or self._acks or self._ready):
            note("the broker sends the rest in a new connection, since more waited than fits", "connections renewed")
            self._inbox.overflowed = False
            self._client.renew()

    def _answer(self, message: Message) -> None:
        """Take a message; one that comes again is only acknowledged, when its first coming is."""
        self._messages += 1
        try:
            target = self._route.target(message.topic)
        except UsageError as error:
            self._leave_out(message.number, f"{_brief(message.topic)}: {error}", "without a topic for the forecast")
            return
        if target is None:  # of an older subscription in this session
            self._leave_out(
                message.number, f"{_brief(message.topic)}: not among {self._route.topics}", "of other topics"
            )
            return
        try:
            self._take(message, target)
        except MissingSampleError as error:
            self._fail(message, error)
        except DataError as error:
            self._leave_out(message.number, f"{_brief(message.topic)}: {error}", "that no stream takes")
        except EdgeseqError:
            raise  # a model that fails, say
        except (ValueError, ArithmeticError, RecursionError) as error:
            self._leave_out(message.number, f"{_brief(message.topic)}: {type(error).__name__}", "that no stream takes")

    def _take(self, message: Message, target: str) -> None:
        begin = time.perf_counter()
        sample = self._parse_payload(message)
        if self._failure:
            return
        message_id = identify(message, timed=_is_timed(sample))
        if message_id and (message_id.timed or message.duplicate):
            first = self._unsettled.find(message.topic, message_id)
            if first or (message.topic, message_id) in self._seen:
                self._repeated += 1
                self._queue_ack(message.number, first)
                return
        status, pending = self._step(message, sample, target, message_id)
        self._queue_ack(message.number, pending)
        self.stats.add(status, time.perf_counter() - begin)

    def _parse_payload(self, message: Message) -> Sample:
        try:
            if len(message.payload) > LONGEST:
                raise DataError(f"a payload of more than {LONGEST} bytes")  # noqa: TRY301 - named below
            time_, values = self._parse(message.payload.decode("utf-8", "replace"))
        except DataError as error:
            if self._unreadable == "error":
                self._fail(message, error)
            else:
                note(f"{_brief(message.topic)}: {error}; taken as missing", "payloads taken as missing")
            nothing = (None,) * len(self._streams.spec.measured)
            return Sample(self._messages, None, nothing, str(error), stream=message.topic)
        return Sample(self._messages, time_, values, stream=message.topic)

    def _step(self, message: Message, sample: Sample, target: str, message_id: MessageId | None) -> tuple[str, Pending]:
        """Move the stream, and publish the forecast; return the sample's status too."""
        topic = message.topic
        if self._name_bytes + len(topic) > _MOST_NAMES and topic not in self._streams:
            raise DataError(f"the names of all streams have more than {_MOST_NAMES} characters")
        result = self._streams.step(topic, sample.values, sample.time)
        if not result.number:
            self._name_bytes += len(topic)
        self._unread_times.watch(topic, topic, sample.time, result)
        state = self._streams.state(topic) if self._state_file.active else None
        payload = self._format.line(sample, result).encode("utf-8", "replace")
        pending = Pending(topic, message_id, state, len(payload))
        self._unsettled.add(pending)
        self._by_forecast[self._client.publish(target, payload)] = pending
        return result.status, pending

    def _leave_out(self, number: int, text: str, reason: str) -> None:
        """Let a message be no sample of any stream; `reason` says of messages what is wrong with them."""
        self._left_out[reason] += 1
        note(f"{text}; left out", f"messages {reason}")
        self._queue_ack(number, None)

    def _fail(self, message: Message, error: EdgeseqError) -> None:
        """End over a message, which is acknowledged before all others: else each further start would end over it."""
        self._failure = type(error)(f"{_brief(message.topic)}: {error}")
        if message.number:
            self._client.acknowledge(message.number)

    def _queue_ack(self, number: int, pending: Pending | None) -> None:
        if number:
            self._acks.append((number, pending))

    def _close(self) -> None:
        """Take no more samples, wait a moment for the broker to have the last forecasts, and settle what it has."""
        self._closing = True
        self._client.finish(lambda: not self._by_forecast)
        self._settle()
        self._client.close()

    def _settle(self) -> None:
        """Save the effect of samples whose forecasts the broker has, and acknowledge them.

        While messages wait, saving takes at most half of the time.
        """
        begin = time.monotonic()
        if self._has_work() and not self._closing and begin - self._saved_at < self._saving:
            return
        samples = 0
        while pending := self._unsettled.settle_next():
            samples += 1
            if pending.state:
                self._streams.acknowledge(pending.topic, pending.state)
            if pending.message_id:
                self._seen.add(pending.topic, pending.message_id)
        is_kept = self._state_file.save_if_due(samples)
        if samples:
            self._saved_at = time.monotonic()
            self._saving = self._saved_at - begin
        while self._acks and (self._acks[0][1] is None or self._acks[0][1].settled):
            self._ready.append(self._acks.popleft()[0])
        while self._ready and (is_kept or len(self._ready) > _HELD):
            self._client.acknowledge(self._ready.popleft())


def _is_timed(sample: Sample) -> bool:
    """Whether a sample has a time that tells it from others: one that is no time, such as n/a, may be that of each."""
    return sample.time is not None and is_time(sample.time)


def _brief(topic: str) -> str:
    """Return a topic as a note names it: it may be so long that nothing else would find room there."""
    return printable(topic, 200)
