"""Samples on their way to be acknowledged: fewer than are remembered, and bounded in memory."""

from edgeseq.commands.predict.unsettled import Pending, Unsettled
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
