"""What makes a restart harmless: the broker has a forecast, its state is saved, then the sample is acknowledged."""

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgeseq.commands.predict.mqtt.unsettled import Pending, Unsettled
from edgeseq_runtime.mqtt.deduplication import WINDOW, SeenMessages

if TYPE_CHECKING:
    from edgeseq.commands.predict.state_file import StateFile
    from edgeseq_runtime.service.named_streams import NamedStreams

_HELD = WINDOW // 2
"""Samples that wait to be acknowledged while the state cannot be saved; at `WINDOW` a broker sends no more."""


class Settlement:
    """Saves the effect of samples, and acknowledges their messages in the order of their delivery."""

    def __init__(self, streams: "NamedStreams", state_file: "StateFile", seen: SeenMessages) -> None:
        self._streams, self._state_file, self._seen = streams, state_file, seen
        self.unsettled = Unsettled()
        """The samples that moved their streams."""
        self._acks: deque[tuple[int, Pending | None]] = deque()  # to be acknowledged, in the order of their delivery
        self._ready: deque[int] = deque()  # those that wait only for a state that could not be saved
        self._saved_at = self._saving = 0.0  # when the state was saved last, and how long that took

    def __bool__(self) -> bool:
        """Whether a message is still to be acknowledged."""
        return bool(self._acks or self._ready)

    def connected(self, *, resumed: bool) -> None:
        """Forget what was to be acknowledged: the broker sends that again, or has forgotten it itself."""
        self._acks.clear()
        self._ready.clear()
        if not resumed:
            self._streams.marks_changed(self._seen.forget_numbers())
            self.unsettled.forget_numbers()

    def queue(self, number: int, pending: Pending | None) -> None:
        """Acknowledge a message once its sample is settled; at once, in its turn, where it has none."""
        if number:
            self._acks.append((number, pending))

    def take_out(self, pending: Pending) -> None:
        """Acknowledge no message of this sample."""
        self._acks = deque(ack for ack in self._acks if ack[1] is not pending)

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
        while self._acks and (self._acks[0][1] is None or self._acks[0][1].settled):
            self._ready.append(self._acks.popleft()[0])
        while self._ready and (is_kept or len(self._ready) > _HELD):
            acknowledge(self._ready.popleft())
