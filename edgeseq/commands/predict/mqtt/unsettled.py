"""Samples that moved their streams and are not settled: their forecasts are not with the broker, or not yet saved."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgeseq_runtime.mqtt.deduplication import UNSETTLED

if TYPE_CHECKING:
    from edgeseq_runtime.service.streams import State

_MOST, _MOST_BYTES = 1000, 16 << 20
"""Samples of all topics that may be unsettled, and bytes of their forecasts: what bounds the memory they take."""


@dataclass
class Pending:
    """A sample that moved its stream, until its effect is saved."""

    topic: str
    marks: list[str]
    """What its messages are recognised by, where the broker numbers them."""
    state: "State | None"
    """The stream's state after it, where states are saved."""
    size: int
    """Bytes of its forecast."""
    published: bool = False
    """Whether the broker has its forecast, or never will."""
    messages: int = 1
    """How many it came in."""
    awaited: int = 0
    """Forecasts that it has led to and the broker does not have yet: several where values hold."""
    group: "list[Pending]" = field(default_factory=list)
    """The samples of its message, where that has several: they are settled together."""
    settled: bool = False
    """Whether its effect is in what is saved next, after which it may be acknowledged."""


class Unsettled:
    """A bounded queue of samples, in the order in which they moved their streams."""

    def __init__(self) -> None:
        self._queue: deque[Pending] = deque()
        self._by_mark: dict[tuple[str, str], Pending] = {}  # by topic and what it is recognised by
        self._newest: dict[str, Pending] = {}  # by topic
        self._topics: Counter[str] = Counter()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._queue)

    def has_room(self, topic: str) -> bool:
        """Whether a further message of this topic may be taken."""
        return len(self._queue) < _MOST and self._bytes < _MOST_BYTES and self._topics[topic] < UNSETTLED

    def add(self, pending: Pending) -> None:
        """Queue a sample."""
        self._queue.append(pending)
        self._topics[pending.topic] += 1
        self._bytes += pending.size
        self._newest[pending.topic] = pending
        self._know(pending)

    def add_message(self, pending: Pending, marks: list[str]) -> None:
        """Let a sample, of which a message has brought another part, be recognised by that too."""
        pending.marks = [*pending.marks, *marks]
        pending.messages += 1
        self._topics[pending.topic] += 1
        self._know(pending)

    def _know(self, pending: Pending) -> None:
        for mark in pending.marks:
            self._by_mark[pending.topic, mark] = pending

    def find(self, topic: str, mark: str) -> Pending | None:
        """Return the sample that came with this mark before, None where there is none."""
        return self._by_mark.get((topic, mark))

    def newest(self, topic: str) -> Pending | None:
        """Return the topic's last sample, None where it is settled."""
        return self._newest.get(topic)

    def resize(self, pending: Pending, size: int) -> None:
        """Note how many bytes the forecast really has."""
        self._bytes += size - pending.size
        pending.size = size

    def release(self, pending: Pending) -> None:
        """Let a sample that moved no stream wait for nothing but those before it; it may come again as a new one."""
        self._drop_mark(pending)
        pending.marks, pending.published = [], True

    def settle_next(self) -> Pending | None:
        """Take out the first sample, if the broker has its forecast; it is settled then."""
        if not self._queue or not self._queue[0].published:
            return None
        if not all(other.published for other in self._queue[0].group):
            return None
        pending = self._queue.popleft()
        pending.settled = True
        self._bytes -= pending.size
        self._topics[pending.topic] -= pending.messages
        if not self._topics[pending.topic]:
            del self._topics[pending.topic], self._newest[pending.topic]
        self._drop_mark(pending)
        return pending

    def forget_numbers(self) -> None:
        """Drop the marks by a broker's numbers: it has begun a new session."""
        for pending in self._queue:
            self._drop_mark(pending)
            pending.marks = [f"0:{mark.rpartition(':')[2]}" for mark in pending.marks]

    def _drop_mark(self, pending: Pending) -> None:
        for mark in pending.marks:
            if self.find(pending.topic, mark) is pending:
                del self._by_mark[pending.topic, mark]
