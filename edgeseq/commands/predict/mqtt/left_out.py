"""Messages that are no sample of any stream: each is noted, and counted by the reason."""

from collections import Counter

from edgeseq.commands.notes import note
from edgeseq_runtime.printable import counted, printable


class LeftOut:
    """Counts the messages by what is wrong with them."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()  # by the reason

    def add(self, text: str, reason: str) -> None:
        """Say it of a message; `reason` says of messages what is wrong with them."""
        self._counts[reason] += 1
        note(f"{text}; left out", f"messages {reason}")

    def add_dropped(self, topic: str) -> None:
        """Say that there was no room for a message, which the broker does not send again."""
        self._counts["dropped at QoS 0"] += 1
        note(
            f"QoS 0 messages arrive faster than they are answered; dropped one of {brief(topic)}",
            "messages dropped at QoS 0",
        )

    def summary(self) -> str:
        """Return how many there were, for the line at the end."""
        kinds = ", ".join(f"{count} {reason}" for reason, count in sorted(self._counts.items()))
        return f"; {counted(self._counts.total(), 'message')} left out: {kinds}" if kinds else ""


def brief(topic: str) -> str:
    """Return a topic as a note names it: it may be so long that nothing else would find room there."""
    return printable(topic, 200)
