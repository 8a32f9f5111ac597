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
"""Marks of a topic's last messages, at least; those in doubt are kept however many they are."""

UNSETTLED = 100
"""A topic's samples that may be taken while none of them is acknowledged. Fewer than `KEPT`."""

IN_DOUBT = 100
"""A topic's samples in doubt at which no more are taken; with the unsettled ones, twice as many may be at most.

A message is in doubt while its acknowledgement may be lost: it was sent, but nothing that was sent after it in the same
connection is answered yet. A broker that never got it sends the message again, in the next connection or in one after
several that broke soon. So the marks of all that are in doubt are kept.
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
    """The marks of each topic's last messages, as JSON has them: a list of texts by topic; and which are in doubt.

    Where the numbers in a message are streams, the last of these stands for the topic: its marks are saved with it.
    """

    def __init__(self, lists: dict[str, list[str]]) -> None:
        self._lists = lists
        self._in_doubt = {topic: len(marks) for topic, marks in lists.items() if marks}  # so many of the last ones

    def __contains__(self, message: tuple[str, str]) -> bool:
        topic, mark = message
        return mark in self._lists.get(topic, ())

    def ends_with(self, topic: str, message: Message) -> bool:
        """Whether the topic's last message had this payload, whatever its number was."""
        marks = self._lists.get(topic, [])
        return len(marks) > 0 and marks[-1].rpartition(":")[2] == digest(message)

    def has_room(self, topic: str) -> bool:
        """Whether so few of the topic's messages are in doubt that a further one may be taken."""
        return self._in_doubt.get(topic, 0) < IN_DOUBT

    def add(self, topic: str, mark: str) -> None:
        """Keep the mark of a message that is acknowledged now; of those that are not in doubt the last `KEPT` stay."""
        marks = self._lists.setdefault(topic, [])
        marks.append(mark)
        self._in_doubt[topic] = self._in_doubt.get(topic, 0) + 1
        del marks[: -max(KEPT, self._in_doubt[topic])]

    def acknowledged(self, topic: str, mark: str) -> None:
        """Note that the broker has the acknowledgement of this message, so that of all before it in the topic too."""
        marks, in_doubt = self._lists.get(topic, []), self._in_doubt.get(topic, 0)
        after = next((after for after in range(in_doubt) if marks[-1 - after] == mark), in_doubt)
        self._keep_in_doubt(topic, after)

    def all_acknowledged(self, topic: str) -> None:
        """Note that the broker sends none of the topic's messages again."""
        self._keep_in_doubt(topic, 0)

    def _keep_in_doubt(self, topic: str, count: int) -> None:
        if count:
            self._in_doubt[topic] = count
        else:
            self._in_doubt.pop(topic, None)

    def forget_numbers(self) -> list[str]:
        """Let a broker's numbers mean nothing, which has begun a new session; return the topics that had some.

        What the last message of each said stays known.
        """
        self._in_doubt.clear()
        topics = [topic for topic, marks in self._lists.items() if any(":" in mark for mark in marks)]
        for topic in topics:
            self._lists[topic][:] = [self._lists[topic][-1].rpartition(":")[2]]
        return topics
