"""The service: turns in which messages are read, answered and settled.

The order that makes a restart harmless, on either side: a sample moves its stream; its forecast is published; the
broker has it; the stream's state is saved; the sample is acknowledged. Whatever breaks, the broker still holds every
sample after the state that was saved, and one that comes again is recognised.

A turn takes a fraction of a second, so that a backlog of any length delays no ping, no acknowledgement and no signal.
Whatever one message is, it costs a note, an acknowledgement and a place in the summary, and never the service.
"""

import signal
import time
from typing import TYPE_CHECKING

from edgeseq.commands.learned import in_words
from edgeseq.commands.notes import note
from edgeseq.commands.predict.mqtt.forecasts import Forecasts
from edgeseq.commands.predict.mqtt.intake import Arrival, Intake
from edgeseq.commands.predict.mqtt.left_out import LeftOut, brief
from edgeseq.commands.predict.mqtt.payloads import Payloads, UnreadableError
from edgeseq.commands.predict.mqtt.settlement import Settlement
from edgeseq.commands.predict.mqtt.unsettled import Pending
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown, ShutdownRequested
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, UsageError
from edgeseq_runtime.io.sample import OtherKindError, Sample
from edgeseq_runtime.mqtt.deduplication import Message, SeenMessages
from edgeseq_runtime.mqtt.inbox import Inbox
from edgeseq_runtime.mqtt.topics import Address, Route
from edgeseq_runtime.printable import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeseq.commands.predict.formats import Format
    from edgeseq.commands.predict.state_file import StateFile
    from edgeseq.commands.predict.stats import Stats
    from edgeseq_runtime.mqtt.credentials import Credentials
    from edgeseq_runtime.service.named_streams import NamedStreams
    from edgeseq_runtime.service.streams import State

_WORKING = 0.05
"""Seconds for which one turn answers messages."""

_MOST_AT_ONCE = 256
"""Messages that are answered together."""


class MqttService:
    """From messages to messages. It is the `mqtt.client.Receiver` of its connection."""

    def __init__(
        self,
        streams: "NamedStreams",
        route: Route,
        state_file: "StateFile",
        output_format: "Format",
        *,
        unreadable: str,
        paths: "Mapping[str, str] | None" = None,
        join_wait: float = 0.0,
        reads_times: bool = True,
    ) -> None:
        self._streams, self._route, self._state_file = streams, route, state_file
        self._left_out = LeftOut()  # messages that are no sample of any stream
        self._messages = 0
        self._failure: EdgeseqError | None = None  # over a message, where the user wants an end
        self._closing = False
        self._at_once = 1
        self._inbox = Inbox()
        seen = SeenMessages(streams.marks)
        self._settlement = Settlement(streams, state_file, seen)
        self._unsettled = self._settlement.unsettled
        payloads = Payloads(streams.spec, unreadable, paths, reads_times=reads_times)
        self._intake = Intake(streams, payloads, self._settlement, seen, join_wait)
        self._forecasts = Forecasts(
            streams, output_format, self._unsettled, self._left_out, self._publish_message, self._fail
        )

    @property
    def stats(self) -> "Stats":
        """The samples, counted."""
        return self._forecasts.stats

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
            self._forecasts.gathering.say_open(is_saved=self._state_file.active)

    def summary(self) -> str:
        """Return one line about all messages."""
        repeated = f"; {self._intake.repeated} repeated, counted once" if self._intake.repeated else ""
        refused, left_out = self._forecasts.summary(), self._left_out.summary()
        gathered = self._forecasts.gathering.summary()
        streams, learned = counted(len(self._streams), "stream"), in_words(self._streams.learned())
        learned = learned and f"; {learned}"
        return f"{self.stats.summary()}{gathered}; {streams}{repeated}{refused}{left_out}{learned}"

    def connected(self, *, resumed: bool) -> None:
        """Forget what was to be acknowledged: the broker sends that again, or has forgotten it itself."""
        self._inbox.connected(resumed=resumed)
        if self._streams.intervals:
            self._streams.intervals.postpone()
        self._settlement.connected(resumed=resumed)

    def received(self, message: Message) -> None:
        """Put a message where it waits for its turn."""
        if self._closing:
            return  # the next run gets it, since nobody acknowledges it
        if not self._inbox.add(message):
            self._left_out.add_dropped(message.topic)

    def unreadable(self, number: int) -> None:
        """Leave out a message whose topic is no text."""
        self._leave_out(number, "the topic of a message is not UTF-8 text", "with a topic that is not text")

    def acknowledged(self, count: int) -> None:
        """Note that the broker has acknowledgements."""
        self._settlement.acknowledged(count)

    def published(self, number: int, refusal: str) -> None:
        """Note that the broker has a forecast, or that it cannot be published."""
        self._forecasts.published(number, refusal)

    def _has_work(self) -> bool:
        """Whether a message can be answered without waiting for the broker."""
        return bool(self._inbox) and self._settlement.has_room(self._inbox.first)

    def _answer_some(self, shutdown: GracefulShutdown) -> None:
        """Answer messages that wait, for a moment."""
        until = time.monotonic() + _WORKING
        while self._has_work() and self._failure is None and shutdown.received is None:
            self._answer_together()
            if time.monotonic() > until:
                break
        if self._inbox.overflowed and not (self._inbox.numbered or self._settlement):
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
        number, topic = message.number, message.topic
        try:
            target = self._forecasts.targets.get(topic) or self._route.target(topic)
            if target is None:  # of an older subscription in this session
                text = f"{brief(topic)}: the topic is not in {self._route.topics}"
                self._leave_out(number, text, "of other topics")
                return []
            return self._intake.arrivals(message, self._messages, target)
        except UnreadableError as error:
            self._fail(message, error)
        except UsageError as error:
            self._leave_out(number, f"{brief(topic)}: {error}", "without a topic for the forecast")
        except OtherKindError as error:
            self._leave_out(number, f"{brief(topic)}: {error}", "of another kind")
        except DataError as error:
            self._leave_out(number, f"{brief(topic)}: {error}", "that no stream takes")
        except (ValueError, ArithmeticError, RecursionError) as error:
            self._leave_out(number, f"{brief(topic)}: {type(error).__name__}", "that no stream takes")
        return []

    def _step(self, arrivals: list[Arrival]) -> None:
        """Move the streams, and publish the forecasts."""
        begin = time.perf_counter()

        def keep(at: int, state: "State") -> None:
            arrivals[at].pending.state = state

        taken = [(arrival.pending.topic, arrival.sample) for arrival in arrivals]
        samples = [(name, sample.values, sample.moment, sample.known) for name, sample in taken]
        take = self._streams.gather_all if self._streams.intervals else self._streams.step_all
        answers = take(samples, keep if self._state_file.active else None)
        self._intake.have_begun()
        for arrival, answer in zip(arrivals, answers, strict=True):
            if isinstance(answer, MissingSampleError):
                self._settlement.take_out(arrival.pending)
                self._fail(arrival.message, answer)
                return  # what came after it stays with the broker
            if not self._forecasts.answer(arrival, answer):
                self._intake.forget(arrival.pending.topic)
        if arrivals:
            self.stats.add_time(time.perf_counter() - begin)

    def _pause(self) -> float:
        """Return for how many seconds messages may be waited for."""
        if not self._client.is_connected:
            return 1.0
        due = self._streams.intervals.due() if self._streams.intervals else self._intake.patience()
        return 1.0 if due is None else min(due, 1.0)

    def _end_due(self) -> None:
        """End intervals that are over by the wall clock; what becomes of them is saved as that of samples.

        Take parts of samples that have waited for the rest for long enough.
        """
        if not self._failure and (late := self._intake.due()):
            self._step(late)
        if not self._streams.intervals or self._failure or not self._unsettled.has_room(""):
            return
        if self._inbox or not self._client.is_connected:  # samples of these intervals may be among what waits
            return
        for topic, periods in self._streams.end_due():
            state = self._streams.state(topic) if self._state_file.active else None
            pending = Pending(topic, [], state, 0)
            self._unsettled.add(pending)
            self._forecasts.publish_periods(pending, Sample(self._messages, None, (), stream=topic), periods)

    def _leave_out(self, number: int, text: str, reason: str) -> None:
        """Let a message be no sample of any stream; `reason` says of messages what is wrong with them."""
        self._left_out.add(text, reason)
        self._settlement.queue(number, None)

    def _fail(self, message: Message, error: EdgeseqError) -> None:
        """End over a message, which is acknowledged before all others: else each further start would end over it."""
        self._failure = type(error)(f"{brief(message.topic)}: {error}")
        self._settlement.acknowledge_now(message.number, self._client.acknowledge)

    def _publish_message(self, target: str, payload: bytes) -> int:
        return self._client.publish(target, payload)

    def _settle(self) -> None:
        """Save what may be saved, and acknowledge it."""
        is_busy = (self._has_work() or bool(self._forecasts)) and not self._closing
        self._settlement.settle(self._client.acknowledge, is_busy=is_busy)
        if self._inbox and not self._has_work():  # perhaps for messages in doubt
            self._client.ask()

    def _close(self) -> None:
        """Take no more samples, wait a moment for the broker to have the last forecasts, and settle what it has."""
        self._closing = True
        self._client.finish(lambda: not self._forecasts)
        self._settle()
        self._client.close()
