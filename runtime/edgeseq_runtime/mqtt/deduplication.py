"""Telling a message that comes again from a new one, as far as MQTT's "at least once" lets a receiver tell.

A message that the broker marks as a repetition is known by the broker's number for it and its payload; numbers mean
nothing in another session. One that is not marked, because the sensor sends it again or a broker keeps it for whoever
subscribes, is the one before it come again if it says of the same moment the same. An equal payload by itself means
nothing: a room may have 21.4 degrees twice.
"""

import hashlib
from dataclasses import dataclass

WINDOW = 20
"""Messages that a broker should send before the first of them is acknowledged; mosquitto 2.0.11 has sent 26,962."""

KEPT = 128
"""Marks of a topic's last messages."""

UNSETTLED = 100
"""A topic's samples that may be taken while none of them is acknowledged. Fewer than `KEPT`.

A broker that has sample n + `UNSETTLED`'s forecast has sample n's acknowledgement, which was sent before. So after any
break it sends no more than `UNSETTLED` of a topic again that are in the state, and each is known by its mark.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker delivers."""

    topic: str
    payload: bytes
    number: int
    """The broker's number for it, in the present session; 0 for one that is not to be acknowledged."""
    duplicate: bool
    """Whether the broker says that it may have been delivered before."""


def identify(message: Message) -> str | None:
    """Return what to recognise a message by in the present session; None for one that has no number."""
    return f"{message.number}:{digest(message)}" if message.number else None


def digest(message: Message) -> str:
    """Return what stands for a payload."""
    return hashlib.sha256(message.payload).hexdigest()[:12]


class SeenMessages:
    """The marks of each topic's last messages, as JSON has them: a list of texts by topic."""

    def __init__(self, lists: dict[str, list[str]]) -> None:
        self._lists = lists

    def __contains__(self, message: tuple[str, str]) -> bool:
        topic, mark = message
        return mark in self._lists.get(topic, ())

    def ends_with(self, message: Message) -> bool:
        """Whether the topic's last message had this payload, whatever its number was."""
        marks = self._lists.get(message.topic, [])
        return len(marks) > 0 and marks[-1].rpartition(":")[2] == digest(message)

    def add(self, topic: str, mark: str) -> None:
        """Keep a mark; of each topic the last `KEPT` are kept."""
        marks = self._lists.setdefault(topic, [])
        marks.append(mark)
        del marks[:-KEPT]

    def forget_numbers(self) -> list[str]:
        """Let a broker's numbers mean nothing, which has begun a new session; return the topics that had some.

        What the last message of each said stays known.
        """
        topics = [topic for topic, marks in self._lists.items() if any(":" in mark for mark in marks)]
        for topic in topics:
            self._lists[topic][:] = [self._lists[topic][-1].rpartition(":")[2]]
        return topics
