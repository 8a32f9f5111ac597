"""Forecasts on their way to the broker, in order: none is forgotten before the broker has it or refuses it."""

from collections import deque
from dataclasses import dataclass

GIVE_UP = 3
"""Connections in a row that ended over the first forecast, after which it is left out."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A forecast and where it goes."""

    number: int
    """By which the service knows it, in every connection."""
    topic: str
    payload: bytes


class Outbox:
    """What waits to be sent, and what was sent in the present connection and is not confirmed.

    A broker that ends the connection over a publication would do so for ever, since it is sent again in the next. So
    after a connection that ended with some sent and none confirmed they are sent one by one, and after `GIVE_UP` such
    connections the first is left out.
    """

    def __init__(self) -> None:
        self._waiting: deque[Publication] = deque()
        self._sent: dict[int, Publication] = {}  # by the number in the connection, in the order of sending
        self._last = 0
        self._failures = 0  # connections in a row

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def add(self, topic: str, payload: bytes) -> int:
        """Queue a forecast; return its number."""
        self._last += 1
        self._waiting.append(Publication(self._last, topic, payload))
        return self._last

    def next(self, window: int) -> Publication | None:
        """Take what is to be sent now, if so many may be under way; `sent` or `confirmed` is to follow."""
        under_way = 1 if self._failures else window
        return self._waiting.popleft() if self._waiting and len(self._sent) < under_way else None

    def sent(self, number: int, publication: Publication) -> None:
        """Note the number that a publication has in this connection."""
        self._sent[number] = publication

    def confirmed(self, number: int) -> Publication | None:
        """Forget what the broker has; None for a number that nothing was sent by."""
        publication = self._sent.pop(number, None)
        if publication:
            self._failures = 0
        return publication

    def connection_ended(self) -> Publication | None:
        """Take back what was sent, to be sent again; return the publication that is left out, if there is one."""
        if self._sent:
            self._failures += 1
        self._waiting.extendleft(reversed(self._sent.values()))
        self._sent.clear()
        if self._failures < GIVE_UP:
            return None
        self._failures = 0
        return self._waiting.popleft()
