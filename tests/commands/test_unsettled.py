"""Samples on their way to be acknowledged: fewer than are remembered, and bounded in memory."""

from edgeseq.commands.predict.mqtt.unsettled import Pending, Unsettled
from edgeseq_runtime.mqtt.deduplication import KEPT, UNSETTLED


def test_fewer_of_a_topic_are_unsettled_than_are_remembered() -> None:
    """So that whatever comes again after a break is known; other topics have room of their own, up to a bound."""
    unsettled = Unsettled()
    assert UNSETTLED < KEPT
    for topic in range(20):
        while unsettled.has_room(f"t{topic}"):
            mark = str(len(unsettled))
            unsettled.add(Pending(f"t{topic}", [mark], None, 10))
    assert len(unsettled) == 1000
    assert unsettled.find("t0", "99")
    assert unsettled.find("t1", "99") is None
    assert unsettled.settle_next() is None
    first = unsettled.find("t0", "0")
    assert first
    first.published = True
    assert unsettled.settle_next() is first
    assert unsettled.has_room("t0")
    assert unsettled.find("t0", "0") is None


def test_large_forecasts_are_bounded_by_their_bytes() -> None:
    unsettled = Unsettled()
    while unsettled.has_room("a"):
        unsettled.add(Pending("a", [], None, 1_000_000))
    assert len(unsettled) == 17


def test_parts_of_a_sample_count_as_the_messages_that_they_came_in() -> None:
    """Each has a mark of its own, and of a topic no more than so many are remembered."""
    unsettled, messages = Unsettled(), 0
    while unsettled.has_room("a"):
        pending = Pending("a", [f"{messages}"], None, 1, published=True)
        unsettled.add(pending)
        unsettled.add_message(pending, [f"{messages + 1}"])
        messages += 2
    assert messages <= UNSETTLED + 1
    assert unsettled.find("a", "0") is unsettled.find("a", "1")
    while unsettled.settle_next():
        pass
    assert unsettled.newest("a") is None
