"""Messages that have come and wait for their turn, in order, within a bound: a broker may send any number at once.

A broker keeps what it sent at QoS 1 until it is acknowledged, so what does not fit is left to it; all that follows is,
too, for a later sample must not overtake an earlier one. What it sends at QoS 0 it does not keep.
"""

from collections import deque

from edgeseq_runtime.mqtt.deduplication import Message

MOST, MOST_QOS_0 = 32 << 20, 4 << 20
"""Bytes that wait, as `_size` counts them, and beyond which messages of QoS 0 are dropped."""

_OVERHEAD = 256
"""Bytes that a short message costs beside its topic and its payload."""


class Inbox:
    """A bounded queue of messages."""

    def __init__(self) -> None:
        self.overflowed = False
        """Whether messages of QoS 1 were left to the broker, which sends them again in the next connection only."""
        self.numbered = 0
        """Messages of QoS 1 that wait."""
        self._messages: deque[Message] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def first(self) -> Message:
        """The message whose turn it is."""
        return self._messages[0]

    def add(self, message: Message) -> bool:
        """Take a message; False where it is of QoS 0 and dropped."""
        size = _size(message)
        if message.number:
            self.overflowed = self.overflowed or self._bytes + size > MOST
            if self.overflowed:
                return True
        elif self._bytes + size > MOST_QOS_0:
            return False
        self._messages.append(message)
        self._bytes += size
        self.numbered += bool(message.number)
        return True

    def pop(self) -> Message:
        """Take out the first message."""
        message = self._messages.popleft()
        self._bytes -= _size(message)
        self.numbered -= bool(message.number)
        return message

    def connected(self, *, resumed: bool) -> None:
        """Begin with a new connection. In a session that goes on, what was not acknowledged comes again.

        In a new one it does not, and no number of before means anything.
        """
        messages = [message for message in self._messages if not (resumed and message.number)]
        self._messages = deque(Message(message.topic, message.payload, 0, False) for message in messages)
        self._bytes, self.numbered = sum(map(_size, self._messages)), 0
        self.overflowed = False


def _size(message: Message) -> int:
    return len(message.payload) + len(message.topic) + _OVERHEAD
