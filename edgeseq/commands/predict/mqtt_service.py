"""Messages in, forecasts out, through an MQTT broker: a stream for each topic.

The order that makes a restart harmless, on either side: a sample moves its stream; its forecast is published; the
broker has it; the stream's state is saved; the sample is acknowledged. Whatever breaks, the broker still holds every
sample after the state that was saved, and one that comes again is recognised.

Messages are read, answered and settled in turns of a fraction of a second, so that a backlog of any length delays no
ping, no acknowledgement and no signal. Whatever one message is, it costs a note, an acknowledgement and a place in the
summary, and never the service.
"""

import math
import signal
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeseq.commands.learned import in_words
from edgeseq.commands.notes import note
from edgeseq.commands.predict.formats import Format
from edgeseq.commands.predict.gathering import Gathering
from edgeseq.commands.predict.options import ERROR, SKIP
from edgeseq.commands.predict.pace import note_pace
from edgeseq.commands.predict.parts import Parts
from edgeseq.commands.predict.stand_ins import StandIns
from edgeseq.commands.predict.state_file import StateFile
from edgeseq.commands.predict.stats import Stats
from edgeseq.commands.predict.unread_times import UnreadTimes
from edgeseq.commands.predict.unsettled import Pending, Unsettled
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown, ShutdownRequested
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, UsageError
from edgeseq_runtime.io.json_samples import JsonSamples
from edgeseq_runtime.io.sample import LONGEST, OtherKindError, Sample, Values
from edgeseq_runtime.mqtt.deduplication import UNSETTLED, WINDOW, Message, SeenMessages, identify
from edgeseq_runtime.mqtt.inbox import Inbox
from edgeseq_runtime.mqtt.topics import Address, Route
from edgeseq_runtime.printable import counted, printable, shown
from edgeseq_runtime.reading import lines
from edgeseq_runtime.reading.times import TimeReader
from edgeseq_runtime.rules import PACE, TIME
from edgeseq_runtime.service.streams import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edgeseq_runtime.mqtt.credentials import Credentials
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.service.named_streams import NamedStreams
    from edgeseq_runtime.service.streams import Period, State

_WORKING = 0.05
"""Seconds for which one turn answers messages."""

_MOST_AT_ONCE = 256
"""Messages that are answered together."""

_MOST_SAMPLES = UNSETTLED // 2
"""Samples in one message."""

_NUMBER = 24
"""Bytes of a number in a forecast, about."""

_MOST_NAMES = 16_000_000
"""Characters of all streams' names, of which one may have 65,535: saving a state holds them several times."""

_HELD = WINDOW // 2
"""Samples that wait to be acknowledged while the state cannot be saved; at `WINDOW` a broker sends no more."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that is a sample, on its way to its stream."""

    message: Message
    target: str
    """The forecast's topic."""
    sample: Sample
    pending: Pending


class MqttService:
    """From messages to messages. It is the `mqtt.client.Receiver` of its connection."""

    def __init__(
        self,
        streams: "NamedStreams",
        route: Route,
        state_file: StateFile,
        output_format: Format,
        *,
        unreadable: str,
        paths: "Mapping[str, str] | None" = None,
        join_wait: float = 0.0,
    ) -> None:
        self._streams, self._route, self._state_file = streams, route, state_file
        self._format = output_format
        self._unreadable = unreadable
        self._samples = JsonSamples(streams.spec, paths=paths)
        self._forecast_size = _NUMBER * 3 * streams.spec.horizon * len(streams.spec.targets)
        self.stats = Stats("from a message to its forecast")
        self._left_out: Counter[str] = Counter()  # messages that are no sample of any stream, by the reason
        self._repeated = self._refused = self._messages = 0
        self._refused_topics: set[str] = set()  # those of streams whose forecasts could not be published
        self._failure: EdgeseqError | None = None  # over a message, where the user wants an end
        self._closing = False
        self._unread_times, self._stand_ins = UnreadTimes(streams.spec), StandIns(streams.spec)
        self._gathering = Gathering(streams)
        self._times = TimeReader(streams.spec.reading)
        self._seen = SeenMessages(streams.marks)
        wait = 0.0 if streams.intervals else join_wait
        self._parts = Parts(tuple(feature.name for feature in streams.spec.measured), wait)
        self._held: dict[int, Arrival] = {}  # parts of samples, by the count of their messages
        self._last: dict[str, tuple[float, Values]] = {}  # by topic, when the last sample was taken and what it holds
        self._name_bytes = sum(map(len, streams.marks))
        self._targets: dict[str, str] = {}  # the forecasts' topics, by those of the samples
        self._sensors: dict[str, str] = {}  # by topic, whose its first sample was, where payloads say so
        self._beginning: set[str] = set()  # topics of streams that begin with samples in this turn
        self._at_once = 1
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
                self._client.poll(0.0 if self._has_work() else self._pause())
                self._answer_some(shutdown)
                self._end_due()
                self._settle()
            self._close()
            raise self._failure
        except ShutdownRequested:
            self._close()
            return INTERRUPTED if shutdown.received is signal.SIGINT else 0
        finally:
            self._state_file.save_rest()
            self._gathering.say_open(is_saved=self._state_file.active)

    def summary(self) -> str:
        """Return one line about all messages."""
        repeated = f"; {self._repeated} repeated, counted once" if self._repeated else ""
        refused = f"; {counted(self._refused, 'forecast')} not published" if self._refused else ""
        kinds = ", ".join(f"{count} {reason}" for reason, count in sorted(self._left_out.items()))
        left_out = f"; {counted(self._left_out.total(), 'message')} left out: {kinds}" if kinds else ""
        gathered = self._gathering.summary()
        streams, learned = counted(len(self._streams), "stream"), in_words(self._streams.learned())
        learned = learned and f"; {learned}"
        return f"{self.stats.summary()}{gathered}; {streams}{repeated}{refused}{left_out}{learned}"

    def connected(self, *, resumed: bool) -> None:
        """Forget what was to be acknowledged: the broker sends that again, or has forgotten it itself."""
        self._acks.clear()
        self._ready.clear()
        self._inbox.connected(resumed=resumed)
        if self._streams.intervals:
            self._streams.intervals.postpone()
        if not resumed:
            self._streams.marks_changed(self._seen.forget_numbers())
            self._unsettled.forget_numbers()

    def received(self, message: Message) -> None:
        """Put a message where it waits for its turn."""
        if self._closing:
            return  # the next run gets it, since nobody acknowledges it
        if not self._inbox.add(message):
            self._left_out["dropped at QoS 0"] += 1
            note(
                f"QoS 0 messages arrive faster than they are answered; dropped one of {_brief(message.topic)}",
                "messages dropped at QoS 0",
            )

    def unreadable(self, number: int) -> None:
        """Leave out a message whose topic is no text."""
        self._leave_out(number, "the topic of a message is not UTF-8 text", "with a topic that is not text")

    def published(self, number: int, refusal: str) -> None:
        """Note that the broker has a forecast, or that it cannot be published."""
        pending = self._by_forecast.pop(number, None)
        if pending is None:
            return
        pending.awaited -= 1
        pending.published = not pending.awaited
        if refusal:
            self._refused += 1
            if pending.topic not in self._refused_topics:
                self._refused_topics.add(pending.topic)
                note(f"{pending.topic}: cannot publish a forecast: {refusal}", "topics without a forecast")

    def _has_work(self) -> bool:
        """Whether a message can be answered without waiting for the broker."""
        return bool(self._inbox) and self._unsettled.has_room(self._inbox.first.topic)

    def _answer_some(self, shutdown: GracefulShutdown) -> None:
        """Answer messages that wait, for a moment."""
        until = time.monotonic() + _WORKING
        while self._has_work() and self._failure is None and shutdown.received is None:
            self._answer_together()
            if time.monotonic() > until:
                break
        if self._inbox.overflowed and not (self._inbox.numbered or self._acks or self._ready):
            note(
                "too many messages are waiting: reconnecting, so that the broker sends the rest again",
                "connections renewed",
            )
            self._inbox.overflowed = False
            self._client.renew()

    def _answer_together(self) -> None:
        """Answer messages that wait, so many that it takes no longer than a turn."""
        begin, before = time.monotonic(), self._messages
        arrivals: list[Arrival] = []
        while self._messages - before < self._at_once and self._has_work() and self._failure is None:
            arrivals += self._take_in(self._inbox.pop())
        self._step(arrivals)
        is_long = time.monotonic() - begin > _WORKING / 2
        self._at_once = max(1, self._at_once // 2) if is_long else min(_MOST_AT_ONCE, self._at_once * 2)

    def _take_in(self, message: Message) -> list[Arrival]:
        """Return the samples that are to be taken with a message: none for one that is none, or has come before."""
        self._messages += 1
        try:
            return self._as_arrivals(message)
        except UsageError as error:
            self._leave_out(message.number, f"{_brief(message.topic)}: {error}", "without a topic for the forecast")
        except DataError as error:
            self._leave_out(message.number, f"{_brief(message.topic)}: {error}", "that no stream takes")
        except (ValueError, ArithmeticError, RecursionError) as error:
            self._leave_out(message.number, f"{_brief(message.topic)}: {type(error).__name__}", "that no stream takes")
        return []

    def _as_arrivals(self, message: Message) -> list[Arrival]:
        topic = message.topic
        target = self._targets.get(topic) or self._route.target(topic)
        if target is None:  # of an older subscription in this session
            self._leave_out(
                message.number, f"{_brief(topic)}: the topic is not in {self._route.topics}", "of other topics"
            )
            return []
        samples = self._parse_payload(message)
        if not samples:
            return []
        mark, moment = identify(message), self._moment(samples[-1])
        is_again, first = self._is_again(message, mark, moment, samples[-1])
        if is_again:  # it is acknowledged when its first coming is
            self._repeated += 1
            self._queue_ack(message.number, first)
            return []
        self._check_name(topic)
        self._last[topic] = moment, samples[-1].values
        marks = [mark] if mark else []
        if len(samples) == 1:
            return self._joined(message, target, marks, samples[0])
        return self._several(message, target, marks, samples)

    def _joined(self, message: Message, target: str, marks: list[str], sample: Sample) -> list[Arrival]:
        """Return the samples that are whole with this one: it may wait for its rest, or be the rest of another."""
        partner = self._parts.partner(sample)
        if partner:
            pending = self._held[partner.line].pending
            self._unsettled.add_message(pending, marks)
        else:
            pending = self._pending(message, marks)
            self._held[sample.line] = Arrival(message, target, sample, pending)
        self._queue_ack(message.number, pending)
        return self._released(self._parts.join(sample))

    def _released(self, samples: "Iterable[Sample]") -> list[Arrival]:
        """Return samples that wait no longer, on their way."""
        held = [(self._held.pop(sample.line), sample) for sample in samples]
        return [Arrival(arrival.message, arrival.target, sample, arrival.pending) for arrival, sample in held]

    def _several(self, message: Message, target: str, marks: list[str], samples: list[Sample]) -> list[Arrival]:
        """Return the samples of one message, which is settled when all of them are."""
        pendings = [self._pending(message, marks if sample is samples[-1] else []) for sample in samples]
        for pending in pendings:
            pending.group = pendings
        self._queue_ack(message.number, pendings[-1])
        return [Arrival(message, target, *each) for each in zip(samples, pendings, strict=True)]

    def _pending(self, message: Message, marks: list[str]) -> Pending:
        pending = Pending(message.topic, marks, None, len(message.payload) + self._forecast_size)
        self._unsettled.add(pending)
        return pending

    def _is_again(
        self, message: Message, mark: str | None, moment: float, sample: Sample
    ) -> tuple[bool, Pending | None]:
        """Return whether a message has come before, and the sample that it was then as long as that is unsettled."""
        topic = message.topic
        if mark and message.duplicate:
            first = self._unsettled.find(topic, mark)
            if first or (topic, mark) in self._seen:
                return True, first
        last = self._last.get(topic)
        if math.isnan(moment) or (last is not None and last != (moment, sample.values)):
            return False, None
        return last is not None or self._seen.ends_with(message), self._unsettled.newest(topic)

    def _check_name(self, topic: str) -> None:
        """Count the characters of a new stream's name. Raises `DataError` where all names would have too many."""
        if topic in self._streams or topic in self._beginning:
            return
        if self._name_bytes + len(topic) > _MOST_NAMES:
            raise DataError(f"the names of all streams exceed {_MOST_NAMES} characters")
        self._name_bytes += len(topic)
        self._beginning.add(topic)

    def _parse_payload(self, message: Message) -> list[Sample]:
        """Return the samples in a payload; none where it is left out, or ends the service."""
        topic, count = message.topic, self._messages
        try:
            if len(message.payload) > LONGEST:
                raise DataError(f"the payload is larger than {LONGEST} bytes")  # noqa: TRY301 - named below
            found = self._samples.all(lines.decode(message.payload)[0].strip())
            if len(found) > _MOST_SAMPLES:
                raise DataError(f"{len(found)} samples in one message; at most {_MOST_SAMPLES}")  # noqa: TRY301
            if not found:  # whose key says so
                raise OtherKindError(f"{self._streams.spec.known_reading.id} names no stream")
        except DataError as error:
            if self._unreadable == ERROR:
                self._fail(message, error)
                return []
            if isinstance(error, OtherKindError) or self._unreadable == SKIP:
                self._leave_out(message.number, f"{_brief(topic)}: {error}", "of another kind")
                return []
            note(f"{_brief(topic)}: {error}; taken as missing", "payloads taken as missing")
            nothing = (None,) * len(self._streams.spec.measured)
            return [Sample(count, None, nothing, str(error), stream=topic)]
        for one in found:
            if one.stream and one.stream != (first := self._sensors.setdefault(topic, one.stream)):
                both = f"{shown(first)} and {shown(one.stream)}"
                note(f"{_brief(topic)}: a topic is one stream, and has samples of {both}", "topics of several sensors")
        return [
            Sample(count, one.time, one.values, stream=topic, lacks=one.lacks, known=one.known, now=one.now)
            for one in found
        ]

    def _step(self, arrivals: list[Arrival]) -> None:
        """Move the streams, and publish the forecasts."""
        begin = time.perf_counter()

        def keep(at: int, state: "State") -> None:
            arrivals[at].pending.state = state

        taken = [(arrival.pending.topic, arrival.sample) for arrival in arrivals]
        samples = [(topic, sample.values, sample.time, sample.known) for topic, sample in taken]
        take = self._streams.gather_all if self._streams.intervals else self._streams.step_all
        answers = take(samples, keep if self._state_file.active else None)
        self._name_bytes -= sum(len(topic) for topic in self._beginning if topic not in self._streams)
        self._beginning.clear()
        for arrival, answer in zip(arrivals, answers, strict=True):
            if isinstance(answer, MissingSampleError):
                self._acks = deque(ack for ack in self._acks if ack[1] is not arrival.pending)
                self._fail(arrival.message, answer)
                return  # what came after it stays with the broker
            if self._unread_times.watches_zone:
                self._unread_times.watch_zone(arrival.pending.topic, arrival.sample.time)
            if isinstance(answer, Answer):
                self._answer_gathered(arrival, answer)
            else:
                self._answer(arrival, answer)
        if arrivals:
            self.stats.add_time(time.perf_counter() - begin)

    def _answer(self, arrival: Arrival, answer: "StepResult | EdgeseqError") -> None:
        """Publish a forecast, or leave a sample out that was refused."""
        pending, sample = arrival.pending, arrival.sample
        if isinstance(answer, EdgeseqError):
            self._unsettled.release(pending)
            self._last.pop(pending.topic, None)
            self._say_left_out(f"{_brief(pending.topic)}: {answer}", "that no stream takes")
            return
        if answer.reason == TIME or self._unread_times:
            self._unread_times.watch(pending.topic, pending.topic, sample.time, answer)
        if pending.topic not in self._targets:  # as many as there are streams
            self._targets[pending.topic] = arrival.target
        self._unsettled.resize(pending, 0)
        self._publish(arrival.target, pending, sample, answer)

    def _publish(self, target: str, pending: Pending, sample: Sample, result: "StepResult") -> None:
        """Publish a forecast, which its sample then waits for."""
        if result.reason == PACE:
            note_pace(_brief(pending.topic), self._streams.pace(pending.topic), self._streams.spec.period)
        self._stand_ins.watch(_brief(pending.topic), pending.topic, result)
        payload = self._format.line(sample, result).encode("utf-8", "replace")
        self._unsettled.resize(pending, pending.size + len(payload))
        pending.awaited += 1
        self._by_forecast[self._client.publish(target, payload)] = pending
        self.stats.add(result.status, 0.0, result.reason)

    def _answer_gathered(self, arrival: Arrival, answer: "Answer") -> None:
        """Publish the forecasts of intervals that are over with a sample."""
        topic, sample = arrival.pending.topic, arrival.sample
        self._gathering.watch(_brief(topic), topic, sample.time, answer.finding)
        self._targets.setdefault(topic, arrival.target)
        self._publish_periods(arrival.pending, sample, answer.periods, arrival.message)

    def _publish_periods(
        self, pending: Pending, sample: Sample, periods: "list[Period]", message: Message | None = None
    ) -> None:
        """Publish the forecasts of intervals; a sample that ends none waits for nothing."""
        self._unsettled.resize(pending, 0)
        for period in periods:
            if isinstance(period.result, EdgeseqError):
                if isinstance(period.result, MissingSampleError) and message:
                    self._fail(message, period.result)
                else:
                    self._say_left_out(f"{_brief(pending.topic)}: {period.result}", "that no stream takes")
                continue
            gathered = sample._replace(time=period.time, values=period.values)
            self._publish(self._targets[pending.topic], pending, gathered, period.result)
        pending.published = not pending.awaited

    def _pause(self) -> float:
        """Return for how many seconds messages may be waited for."""
        if not self._client.is_connected:
            return 1.0
        due = self._streams.intervals.due() if self._streams.intervals else self._parts.patience()
        return 1.0 if due is None else min(due, 1.0)

    def _end_due(self) -> None:
        """End intervals that are over by the wall clock; what becomes of them is saved as that of samples.

        Take parts of samples that have waited for the rest for long enough.
        """
        if not self._failure and (late := self._parts.due()):
            self._step(self._released(late))
        if not self._streams.intervals or self._failure or not self._unsettled.has_room(""):
            return
        if self._inbox or not self._client.is_connected:  # samples of these intervals may be among what waits
            return
        for topic, periods in self._streams.end_due():
            state = self._streams.state(topic) if self._state_file.active else None
            pending = Pending(topic, [], state, 0)
            self._unsettled.add(pending)
            self._publish_periods(pending, Sample(self._messages, None, (), stream=topic), periods)

    def _moment(self, sample: Sample) -> float:
        """Return when a sample was taken; NaN where it does not say so, or the model does not ask."""
        if sample.time is None or not self._streams.spec.is_timed:
            return math.nan
        try:
            return self._times.seconds(sample.time)
        except DataError:
            return math.nan

    def _leave_out(self, number: int, text: str, reason: str) -> None:
        """Let a message be no sample of any stream; `reason` says of messages what is wrong with them."""
        self._say_left_out(text, reason)
        self._queue_ack(number, None)

    def _say_left_out(self, text: str, reason: str) -> None:
        self._left_out[reason] += 1
        note(f"{text}; left out", f"messages {reason}")

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

        While messages wait or forecasts are under way, saving takes at most half of the time.
        """
        begin = time.monotonic()
        is_busy = self._has_work() or self._by_forecast
        if is_busy and not self._closing and begin - self._saved_at < self._saving:
            return
        samples = 0
        while pending := self._unsettled.settle_next():
            samples += 1
            if pending.state:
                self._streams.acknowledge(pending.topic, pending.state)
            for mark in pending.marks:
                self._seen.add(pending.topic, mark)
        is_kept = self._state_file.save_if_due(samples)
        if samples:
            self._saved_at = time.monotonic()
            self._saving = self._saved_at - begin
        while self._acks and (self._acks[0][1] is None or self._acks[0][1].settled):
            self._ready.append(self._acks.popleft()[0])
        while self._ready and (is_kept or len(self._ready) > _HELD):
            self._client.acknowledge(self._ready.popleft())


def _brief(topic: str) -> str:
    """Return a topic as a note names it: it may be so long that nothing else would find room there."""
    return printable(topic, 200)
