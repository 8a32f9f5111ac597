"""Telling a message that comes again from a new one, as far as MQTT's "at least once" lets a receiver tell.

A message whose payload carries a time is known by that payload, whoever sends it again: the broker after a broken
connection, or the sensor itself. One without is known only by the broker's number for it, and only where the broker
says that it may be a repetition; numbers mean nothing in another session.
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


@dataclass(frozen=True, slots=True)
class MessageId:
    """What a message is recognised by."""

    text: str
    timed: bool
    """Whether it holds in every session, since the payload says when the sample was taken."""


def identify(message: Message, *, timed: bool) -> MessageId | None:
    """Return what to recognise a message by; None for one that nothing distinguishes from the next."""
    digest = hashlib.sha256(message.payload).hexdigest()[:12]
    if timed:
        return MessageId(digest, timed=True)
    return MessageId(f"{message.number}:{digest}", timed=False) if message.number else None


class SeenMessages:
    """The marks of each topic's last messages, as JSON has them: a list of texts by topic."""

    def __init__(self, lists: dict[str, list[str]]) -> None:
        self._lists = lists

    def __contains__(self, message: tuple[str, MessageId]) -> bool:
        topic, message_id = message
        return message_id.text in self._lists.get(topic, ())

    def add(self, topic: str, new: MessageId) -> None:
        """Keep a mark; of each topic the last `KEPT` are kept."""
        texts = self._lists.setdefault(topic, [])
        texts.append(new.text)
        del texts[:-KEPT]

    def forget_numbers(self) -> list[str]:
        """Drop the marks by a broker's numbers, which has begun a new session; return the topics that had some."""
        topics = [topic for topic, texts in self._lists.items() if any(":" in text for text in texts)]
        for topic in topics:
            self._lists[topic][:] = [text for text in self._lists[topic] if ":" not in text]
        return topics
