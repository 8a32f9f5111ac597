"""What became of samples, as messages: each forecast is published, and its sample waits until the broker has it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq.commands.predict.gathering import Gathering
from edgeseq.commands.predict.mqtt.left_out import LeftOut, brief
from edgeseq.commands.predict.pace import note_pace
from edgeseq.commands.predict.stand_ins import StandIns
from edgeseq.commands.predict.stats import Stats
from edgeseq.commands.predict.unread_times import UnreadTimes
from edgeseq_runtime.errors import EdgeseqError, MissingSampleError
from edgeseq_runtime.printable import counted
from edgeseq_runtime.rules import PACE, TIME
from edgeseq_runtime.service.streams import Answer

if TYPE_CHECKING:
    from edgeseq.commands.predict.formats import Format
    from edgeseq.commands.predict.mqtt.intake import Arrival
    from edgeseq.commands.predict.mqtt.unsettled import Pending, Unsettled
    from edgeseq_runtime.io.sample import Sample
    from edgeseq_runtime.mqtt.deduplication import Message
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.service.named_streams import NamedStreams
    from edgeseq_runtime.service.streams import Period


class Forecasts:
    """Publishes forecasts. `publish` returns a message's number; `fail` ends the service over a message."""

    def __init__(
        self,
        streams: "NamedStreams",
        output_format: "Format",
        unsettled: "Unsettled",
        left_out: LeftOut,
        publish: Callable[[str, bytes], int],
        fail: Callable[["Message", EdgeseqError], object],
    ) -> None:
        self._streams, self._format, self._unsettled, self._left_out = streams, output_format, unsettled, left_out
        self._publish_message, self._fail = publish, fail
        self.targets: dict[str, str] = {}
        """The forecasts' topics, by those of the samples."""
        self.stats = Stats("from a message to its forecast")
        self.gathering = Gathering(streams)
        self._unread_times, self._stand_ins = UnreadTimes(streams.spec), StandIns(streams.spec)
        self._by_forecast: dict[int, Pending] = {}  # by the number of the forecast's message
        self._refused = 0
        self._refused_topics: set[str] = set()  # those of streams whose forecasts could not be published

    def __bool__(self) -> bool:
        """Whether a forecast is under way to the broker."""
        return bool(self._by_forecast)

    def summary(self) -> str:
        """Return how many the broker refused, for the line at the end."""
        return f"; {counted(self._refused, 'forecast')} not published" if self._refused else ""

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

    def answer(self, arrival: "Arrival", answer: "StepResult | Answer | EdgeseqError") -> bool:
        """Publish what became of a sample, or leave it out where it was refused; return whether it was taken."""
        pending, sample = arrival.pending, arrival.sample
        if self._unread_times.watches_zone:
            self._unread_times.watch_zone(pending.topic, sample.time)
        if isinstance(answer, EdgeseqError):
            self._unsettled.release(pending)
            self._left_out.add(f"{brief(pending.topic)}: {answer}", "that no stream takes")
            return False
        if pending.topic not in self.targets:  # as many as there are streams
            self.targets[pending.topic] = arrival.target
        if isinstance(answer, Answer):
            self.gathering.watch(brief(pending.topic), pending.topic, sample.time, answer.finding)
            self.publish_periods(pending, sample, answer.periods, arrival.message)
            return True
        if answer.reason == TIME or self._unread_times:
            self._unread_times.watch(pending.topic, pending.topic, sample.time, answer)
        self._unsettled.resize(pending, 0)
        self._publish(arrival.target, pending, sample, answer)
        return True

    def publish_periods(
        self, pending: "Pending", sample: "Sample", periods: "list[Period]", message: "Message | None" = None
    ) -> None:
        """Publish the forecasts of intervals; a sample that ends none waits for nothing."""
        self._unsettled.resize(pending, 0)
        for period in periods:
            if isinstance(period.result, EdgeseqError):
                if isinstance(period.result, MissingSampleError) and message:
                    self._fail(message, period.result)
                else:
                    self._left_out.add(f"{brief(pending.topic)}: {period.result}", "that no stream takes")
                continue
            gathered = sample._replace(time=period.time, values=period.values)
            self._publish(self.targets[pending.topic], pending, gathered, period.result)
        pending.published = not pending.awaited

    def _publish(self, target: str, pending: "Pending", sample: "Sample", result: "StepResult") -> None:
        """Publish a forecast, which its sample then waits for."""
        if result.reason == PACE:
            note_pace(brief(pending.topic), self._streams.pace(pending.topic), self._streams.spec.period)
        self._stand_ins.watch(brief(pending.topic), pending.topic, result)
        payload = self._format.line(sample, result).encode("utf-8", "replace")
        self._unsettled.resize(pending, pending.size + len(payload))
        pending.awaited += 1
        self._by_forecast[self._publish_message(target, payload)] = pending
        self.stats.add(result, 0.0)
