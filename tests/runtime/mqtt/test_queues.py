"""What waits on its way in and out: in order, within bounds, and each thing once."""

import pytest

from edgeseq_runtime.mqtt.deduplication import Message
from edgeseq_runtime.mqtt.inbox import MOST, MOST_QOS_0, Inbox
from edgeseq_runtime.mqtt.outbox import GIVE_UP, Outbox


def message(number: int, *, size: int = 1, topic: str = "a") -> Message:
    return Message(topic, b"x" * size, number, duplicate=False)


def test_messages_that_cannot_be_kept_are_dropped_and_counted() -> None:
    """At QoS 0; what comes while there is room again is taken."""
    inbox = Inbox()
    fit = MOST_QOS_0 // (1000 + 1 + 256)
    taken = [inbox.add(message(0, size=1000)) for _ in range(fit + 5)]
    assert taken == [True] * fit + [False] * 5
    assert (inbox.dropped, inbox.overflowed, len(inbox)) == (5, False, fit)
    inbox.pop()
    assert inbox.add(message(0, size=1000))


def test_nothing_at_qos_1_overtakes_what_did_not_fit() -> None:
    """A small message that would fit is left to the broker too, until the next connection brings both in order."""
    inbox, size = Inbox(), 1_000_000
    fit = MOST // (size + 1 + 256)
    for number in range(1, fit + 2):
        assert inbox.add(message(number, size=size))
    assert inbox.overflowed
    inbox.add(message(fit + 2))
    assert [inbox.pop().number for _ in range(len(inbox))] == list(range(1, fit + 1))
    inbox.connected(resumed=True)
    inbox.add(message(fit + 1, size=size))
    inbox.add(message(fit + 2))
    assert [inbox.pop().number for _ in range(len(inbox))] == [fit + 1, fit + 2]


@pytest.mark.parametrize(("resumed", "left"), [(True, [0]), (False, [0, 0, 0])])
def test_a_new_connection_brings_again_what_the_session_holds(resumed: bool, left: list[int]) -> None:
    """In a new session nothing comes again, and the numbers of the old one acknowledge nothing."""
    inbox = Inbox()
    for number in (1, 0, 2):
        inbox.add(message(number))
    inbox.connected(resumed=resumed)
    assert inbox.numbered == 0
    assert [inbox.pop().number for _ in range(len(inbox))] == left


def test_forecasts_are_sent_again_in_order_and_confirmed_once() -> None:
    outbox = Outbox()
    for name in "abcde":
        outbox.add(name, b"")
    sent = []
    while one := outbox.next(3):
        sent.append(one.topic)
        outbox.sent(len(sent), one)
    assert sent == ["a", "b", "c"]
    confirmed = outbox.confirmed(1)
    assert confirmed
    assert confirmed.topic == "a"
    assert outbox.confirmed(1) is None
    assert outbox.connection_ended() is None
    left = []
    while one := outbox.next(3):
        left.append(one.topic)
        outbox.sent(len(left), one)
        outbox.confirmed(len(left))
    assert left == ["b", "c", "d", "e"]
    assert not outbox


def test_the_forecast_that_ends_each_connection_is_given_up() -> None:
    """The second of three: the first is confirmed before, the third waits and is sent afterwards."""
    outbox = Outbox()
    for name in ("good", "bad", "late"):
        outbox.add(name, b"")
    sent: list[str] = []
    given_up = None
    for _ in range(GIVE_UP):
        number = 0
        while publication := outbox.next(20):
            number += 1
            sent.append(publication.topic)
            outbox.sent(number, publication)
            if publication.topic != "bad":
                outbox.confirmed(number)
            elif len(sent) > 3:
                break  # alone now
        given_up = given_up or outbox.connection_ended()
    assert given_up
    assert given_up.topic == "bad"
