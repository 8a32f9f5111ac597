"""Samples that moved their streams and are not settled: their forecasts are not with the broker, or not yet saved."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeseq_runtime.mqtt.deduplication import UNSETTLED, MessageId

if TYPE_CHECKING:
    from edgeseq_runtime.service import State

_MOST, _MOST_BYTES = 1000, 16 << 20
"""Samples of all topics that may be unsettled, and bytes of their forecasts: what bounds the memory they take."""


@dataclass
class Pending:
    """A sample that moved its stream, until its effect is saved."""

    topic: str
    message_id: MessageId | None
    state: "State | None"
    """The stream's state after it, where states are saved."""
    size: int
    """Bytes of its forecast."""
    published: bool = False
    """Whether the broker has its forecast, or never will."""
    awaited: int = 0
    """Forecasts that it has led to and the broker does not have yet: several where values hold."""
    settled: bool = False
    """Whether its effect is in what is saved next, after which it may be acknowledged."""


class Unsettled:
    """A bounded queue of samples, in the order in which they moved their streams."""

    def __init__(self) -> None:
        self._queue: deque[Pending] = deque()
        self._by_mark: dict[tuple[str, str], Pending] = {}  # by topic and what it is recognised by
        self._topics: Counter[str] = Counter()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queue)

    def has_room(self, topic: str) -> bool:
        """Whether a further sample of this topic may be taken."""
        return len(self._queue) < _MOST and self._bytes < _MOST_BYTES and self._topics[topic] < UNSETTLED

    def add(self, pending: Pending) -> None:
        """Queue a sample."""
        self._queue.append(pending)
        self._topics[pending.topic] += 1
        self._bytes += pending.size
        if pending.message_id:
            self._by_mark[pending.topic, pending.message_id.text] = pending

    def find(self, topic: str, message_id: MessageId) -> Pending | None:
        """Return the sample that came with this mark before, None where there is none."""
        return self._by_mark.get((topic, message_id.text))

    def resize(self, pending: Pending, size: int) -> None:
        """Note how many bytes the forecast really has."""
        self._bytes += size - pending.size
        pending.size = size

    def release(self, pending: Pending) -> None:
        """Let a sample that moved no stream wait for nothing but those before it; it may come again as a new one."""
        self._drop_mark(pending)
        pending.message_id, pending.published = None, True

    def settle_next(self) -> Pending | None:
        """Take out the first sample, if the broker has its forecast; it is settled then."""
        if not self._queue or not self._queue[0].published:
            return None
        pending = self._queue.popleft()
        pending.settled = True
        self._bytes -= pending.size
        self._topics[pending.topic] -= 1
        if not self._topics[pending.topic]:
            del self._topics[pending.topic]
        self._drop_mark(pending)
        return pending

    def forget_numbers(self) -> None:
        """Drop the marks by a broker's numbers: it has begun a new session."""
        for pending in self._queue:
            if pending.message_id and not pending.message_id.timed:
                self._by_mark.pop((pending.topic, pending.message_id.text), None)
                pending.message_id = None

    def _drop_mark(self, pending: Pending) -> None:
        if pending.message_id and self.find(pending.topic, pending.message_id) is pending:
            del self._by_mark[pending.topic, pending.message_id.text]
