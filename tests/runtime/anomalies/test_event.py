"""Events: which of their samples teach the last ladder."""

import numpy as np
import pytest

from edgeseq_runtime.anomalies import event, layout

COMMON, SURPRISING, BEGINS, CERTAIN = 5.0, 8.0, 12.0, 25.0
"""Bits of a sample that is no part of an event, of one that may be, of one that begins it, and of one that is no doubt
in one."""


def teaching(bits: list[float]) -> list[bool]:
    """Return which samples of a fresh stream teach."""
    views = {name: np.zeros(1, np.float32) for name in (layout.EVENT, layout.TAUGHT, layout.QUIET)}
    return [bool(event.move(views, np.array([each], np.float32))[0]) for each in bits]


@pytest.mark.parametrize(
    ("before", "taught", "again"),
    [(None, 30, 300), (0, 0, 270), (10, 10, 280), (50, 30, 300)],
)
def test_an_event_teaches_until_it_is_certain_and_again_when_it_has_lasted(
    before: int | None, taught: int, again: int
) -> None:
    """The first 30 samples do, and those after 300; after a certain one, as if it were the 31st, none in between."""
    bits = [BEGINS] * 450
    if before is not None:
        bits[before] = CERTAIN
    assert teaching(bits) == [at < taught or at >= again for at in range(len(bits))]


def test_common_samples_within_an_event_teach() -> None:
    """Those of few bits between surprising ones do, however certain the event is."""
    assert teaching([CERTAIN, *[COMMON, SURPRISING] * 20]) == [False, *[True, False] * 20]


def test_an_event_ends_after_fifty_samples_without_a_very_surprising_one() -> None:
    """What is surprising after that teaches, and the next event has thirty samples again."""
    quiet = [COMMON] * 51
    assert teaching([CERTAIN, *quiet, SURPRISING]) == [False, *[True] * 52]
    assert teaching([CERTAIN, *quiet, BEGINS, *[SURPRISING] * 30])[52:] == [True] * 30 + [False]
