"""What makes a restart harmless: the broker has a forecast, its state is saved, then the sample is acknowledged."""

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from edgeseq.commands.predict.mqtt.unsettled import Pending, Unsettled
from edgeseq_runtime.mqtt.deduplication import WINDOW, Message, SeenMessages, identify

if TYPE_CHECKING:
    from edgeseq.commands.predict.state_file import StateFile
    from edgeseq_runtime.service.named_streams import NamedStreams

_HELD = WINDOW // 2
"""Samples that wait to be acknowledged while the state cannot be saved; at `WINDOW` a broker sends no more."""


class _Ack(NamedTuple):
    """The acknowledgement of a message."""

    number: int
    """The broker's number for the message."""
    pending: Pending | None
    """The sample that is to be settled before, if there is one."""
    topic: str = ""
    mark: str = ""
    """By which the message is recognised, if it comes again."""


class Settlement:
    """Saves the effect of samples, and acknowledges their messages in the order of their delivery."""

    def __init__(self, streams: "NamedStreams", state_file: "StateFile", seen: SeenMessages) -> None:
        self._streams, self._state_file, self._seen = streams, state_file, seen
        self.unsettled = Unsettled()
        """The samples that moved their streams."""
        self._acks: deque[_Ack] = deque()  # to be acknowledged, in the order of their delivery
        self._ready: deque[_Ack] = deque()  # those that wait only for a state that could not be saved
        self._sent: deque[_Ack] = deque()  # those of this connection of which it is not known that the broker has them
        self._arrived = 0  # the others of this connection
        self._known_by: dict[str, str] = {}  # topics whose messages are recognised by the marks of a stream of theirs
        self._saved_at = self._saving = 0.0  # when the state was saved last, and how long that took

    def __bool__(self) -> bool:
        """Whether a message is still to be acknowledged."""
        return bool(self._acks or self._ready)

    def connected(self, *, resumed: bool) -> None:
        """Forget what was to be acknowledged: the broker sends that again, or has forgotten it itself."""
        self._acks.clear()
        self._ready.clear()
        self._sent.clear()
        self._arrived = 0
        if not resumed:
            self._streams.marks_changed(self._seen.forget_numbers())
            self.unsettled.forget_numbers()

    def has_room(self, message: Message) -> bool:
        """Whether a message may be taken now. What comes again may be while others of its topic are in doubt."""
        topic = self._known_by.get(message.topic, message.topic)
        if not self.unsettled.has_room(topic):
            return False
        if self._seen.has_room(topic) or not message.number:
            return True
        if message.duplicate and self.first_coming(topic, identify(message) or "")[0]:
            return True
        if any(ack.topic == topic for acks in (self._acks, self._ready, self._sent) for ack in acks):
            return False
        self._seen.all_acknowledged(topic)  # else they would have come again before this one
        return True

    def know(self, topic: str, stream: str) -> None:
        """Note whose marks the messages of a topic are recognised by."""
        if stream != topic:
            self._known_by[topic] = stream

    def first_coming(self, topic: str, mark: str) -> tuple[bool, Pending | None]:
        """Return whether a message has come before, and the sample that it was then as long as that is unsettled."""
        first = self.unsettled.find(topic, mark)
        return first is not None or (topic, mark) in self._seen, first

    def queue(self, number: int, pending: Pending | None, topic: str = "", mark: str = "") -> None:
        """Acknowledge a message once its sample is settled; at once, in its turn, where it has none."""
        if number:
            self._acks.append(_Ack(number, pending, topic, mark))

    def take_out(self, pending: Pending) -> None:
        """Acknowledge no message of this sample."""
        self._acks = deque(ack for ack in self._acks if ack.pending is not pending)

    def acknowledged(self, count: int) -> None:
        """Note that the broker has the first `count` acknowledgements of this connection."""
        last: dict[str, str] = {}
        while self._arrived < count and self._sent:
            ack = self._sent.popleft()
            last[ack.topic] = ack.mark
            self._arrived += 1
        for topic, mark in last.items():
            self._seen.acknowledged(topic, mark)

    def settle(self, acknowledge: Callable[[int], object], *, is_busy: bool) -> None:
        """Save the effect of samples whose forecasts the broker has, and acknowledge them.

        While messages wait or forecasts are under way, saving takes at most half of the time.
        """
        begin = time.monotonic()
        if is_busy and begin - self._saved_at < self._saving:
            return
        samples = 0
        while pending := self.unsettled.settle_next():
            samples += 1
            if pending.state:
                self._streams.acknowledge(pending.topic, pending.state)
            for mark in pending.marks:
                self._seen.add(pending.topic, mark)
        is_kept = self._state_file.save_if_due(samples)
        if samples:
            self._saved_at = time.monotonic()
            self._saving = self._saved_at - begin
        while self._acks and (self._acks[0].pending is None or self._acks[0].pending.settled):
            self._ready.append(self._acks.popleft())
        while self._ready and (is_kept or len(self._ready) > _HELD):
            self._send(self._ready.popleft(), acknowledge)

    def acknowledge_now(self, number: int, acknowledge: Callable[[int], object]) -> None:
        """Acknowledge a message out of its turn."""
        if number:
            self._send(_Ack(number, None), acknowledge)

    def _send(self, ack: _Ack, acknowledge: Callable[[int], object]) -> None:
        acknowledge(ack.number)
        self._sent.append(ack)
