"""Samples that come faster or slower than those that a model was trained on: found once as long as it lasts."""

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE

HOUR = 3600.0


@pytest.fixture(scope="module")
def session() -> Session:
    return open_session(edgeseq_export.build(make_checkpoint(hidden=4, layers=1, period=HOUR)), provider="cpu")


def reasons(session: Session, steps: list[float]) -> list[str]:
    """The reason of each sample of a fresh stream, the first at a time of its own and the others in these steps."""
    p, found = Predictor(session), []
    for seconds in accumulate(steps, initial=1.7e9):
        p.step(0.5, seconds)
        found.append(p.reason)
    assert p.counts["pace"] == found.count("pace")
    return found


@pytest.mark.parametrize(
    ("name", "steps", "told"),
    [
        ("minutes", [60.0] * 30, [4]),
        ("minutes with jitter", [50.0, 70.0, 55.0, 62.0, 66.0, 60.0], [4]),
        ("minutes after hours", [HOUR] * 5 + [60.0] * 9, [9]),
        ("a rate that is right again for a while", ([60.0] * 6 + [HOUR] * 2) * 2, [4, 12]),
        ("a gap among the minutes", [60.0] * 6 + [20 * HOUR] + [60.0] * 6, [4]),
        ("every second hour", [2 * HOUR] * 8, [4]),
        ("every fifth hour", [5 * HOUR] * 8, [4]),
        ("two thirds of an hour, just within", [2500.0] * 9, []),
        ("lone gaps", [HOUR, 3 * HOUR, HOUR, HOUR, 5 * HOUR] * 3, []),
        ("gaps in a row that are not alike", [2 * HOUR, 5 * HOUR, 20 * HOUR, 3 * HOUR, 9 * HOUR], []),
        ("queues: late and early in turn", [1.6 * HOUR, 0.4 * HOUR] * 8, []),
        ("a restart", [HOUR] * 4 + [400.0, 900.0] + [HOUR] * 4, []),
        ("a time that repeats", [60.0, 60.0, 0.0, 60.0, 0.0, 60.0, 60.0], [6]),
    ],
)
def test_the_sample_at_which_a_pace_is_found_tells_it(
    session: Session, name: str, steps: list[float], told: list[int]
) -> None:
    found = [place for place, reason in enumerate(reasons(session, steps)) if reason == "pace"]
    assert found == told, name


def test_what_it_is_can_be_asked(session: Session) -> None:
    p = Predictor(session)
    for number in range(5):
        p.step(0.5, 1.7e9 + 60 * number)
    assert (p.reason, p.status, p.pace) == ("pace", "ok", 60.0)


def test_a_snapshot_knows_how_far_it_was(session: Session) -> None:
    """A stream that goes on from one finds the pace with the same sample; one that was told is not told again."""
    for cut in range(1, 8):
        whole, first, second = Predictor(session), Predictor(session), Predictor(session)
        for number in range(9):
            whole.step(0.5, 1.7e9 + 60 * number)
            if number == cut:
                second.restore(first.snapshot())
            p = first if number < cut else second
            p.step(0.5, 1.7e9 + 60 * number)
            assert p.reason == whole.reason


stretches = st.lists(
    st.tuples(st.sampled_from([HOUR, 60.0, 80.0, 30.0, 2 * HOUR, 3 * HOUR, 0.0, 1.49 * HOUR]), st.integers(1, 6)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(stretches=stretches, cut=st.integers(0, 30))
def test_blocks_and_pools_find_it_with_the_same_sample(
    session: Session, stretches: list[tuple[float, int]], cut: int
) -> None:
    steps = [step for step, count in stretches for _ in range(count)]
    wanted = reasons(session, steps)
    times = list(accumulate(steps, initial=1.7e9))
    p, values = Predictor(session), np.full(len(times), 0.5)
    made = [p.process(values[part], times[part]) for part in (slice(0, cut), slice(cut, None))]
    found = [REASONS_BY_CODE[code] for outcomes in made for code in outcomes.reasons.tolist()]
    assert found == wanted
    pool, found = Pool(session), []
    pool.add("other", "s")
    for number, seconds in enumerate(times):
        pool.step({"other": 0.5, "s": 0.5}, {"other": 1.7e9 + number * HOUR, "s": seconds})
        found.append(pool.reason["s"])
        assert not pool.reason["other"]
    assert found == wanted
