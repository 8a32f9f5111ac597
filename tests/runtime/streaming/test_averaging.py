"""Samples gathered in intervals on the device: the very numbers of training, whatever comes, and wherever it is cut."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.series.intervals import gather
from edgeseq_runtime.errors import SnapshotError, UsageError
from edgeseq_runtime.reading.intervals import Intervals, whole
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.rules import DISORDER, TIME
from edgeseq_runtime.streaming.averaging import Averaging, Closed, Open

NAN = math.nan
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BEGIN = 1_700_000_000

aggregates = st.sampled_from([("mean", False), ("sum", False), ("last", False), ("max", False)]) | st.sampled_from(
    [("mean", True), ("last", True), ("max", True)]
)
numbers = st.floats(width=32) | st.sampled_from([0.1, 0.1, 20.0, -3.5])


def ended(averaging: Averaging, open_: Open | None) -> list[Closed]:
    """What stands for the interval that is open at the end of the data, as training has it."""
    return [] if open_ is None else averaging.close(open_)[0]


def streamed(
    averaging: Averaging, seconds: Sequence[float], values: Sequence[Sequence[float]], cut: int = -1
) -> list[Closed]:
    """All intervals of a stream; at the sample `cut` it goes on from what was saved."""
    open_: Open | None = None
    closed: list[Closed] = []
    for number, (moment, sample) in enumerate(zip(seconds, values, strict=True)):
        if number == cut:
            open_, lost = averaging.load(averaging.arrays(open_))
            assert not lost
        joined = averaging.join(open_, sample, moment)
        closed += joined.closed
        open_ = joined.open
    return closed + ended(averaging, open_)


@given(
    steps=st.lists(
        st.sampled_from([0.0, 0.25, 7.0, 59.999999, 60.0, 61.5, 600.0, 3600.0, 6_900.0]), min_size=1, max_size=40
    ),
    data=st.data(),
    way=aggregates,
    every=st.sampled_from([60.0, 7.0, 900.0, DAY]),
    hold=st.sampled_from([30.0, 60.0, 1000.0, 30_000.0]),
    cut=st.integers(0, 40),
)
def test_the_device_gathers_what_training_does(
    steps: list[float], data: st.DataObject, way: tuple[str, bool], every: float, hold: float, cut: int
) -> None:
    """Times, values and gaps at random, with values that are missing or infinite, bit by bit; saved at any sample."""
    aggregate, holds = way
    seconds = np.cumsum([BEGIN + 0.5, *steps])
    values = np.array(data.draw(st.lists(st.tuples(numbers, numbers), min_size=len(seconds), max_size=len(seconds))))
    values = values.astype(np.float32)
    limit = hold if holds else None
    zone = "Europe/Berlin" if every == DAY else ""
    wanted = gather(seconds, values, every, aggregate, limit, zone)
    averaging = Averaging(Reading(every=every, aggregate=aggregate, hold=limit, zone=zone), 2, 100)
    found = streamed(averaging, seconds.tolist(), values.tolist(), cut)
    assert [closed.seconds for closed in found] == wanted.seconds.tolist()
    with np.errstate(over="ignore", invalid="ignore"):
        made = np.array([closed.values for closed in found]).astype(np.float32)
    np.testing.assert_array_equal(made, wanted.values)


def by_hand(aggregate: str, hold: float | None = None) -> list[tuple[float, float]]:
    """Values at 0, 10, 15, 40 and 130 s in intervals of 20 s, each with its start."""
    reading = Reading(every=20.0, aggregate=aggregate, hold=hold)
    samples = [(0.0, 1.0), (10.0, 3.0), (15.0, 7.0), (40.0, 5.0), (130.0, 2.0)]
    averaging = Averaging(reading, 1, 100)
    found = streamed(averaging, [seconds for seconds, _ in samples], [[value] for _, value in samples])
    return [(closed.seconds, closed.values[0]) for closed in found]


@pytest.mark.parametrize(
    ("aggregate", "wanted"),
    [("mean", 11 / 3), ("sum", 11.0), ("last", 7.0), ("max", 7.0)],
)
def test_aggregates_by_hand(aggregate: str, wanted: float) -> None:
    np.testing.assert_allclose(by_hand(aggregate), [(0.0, wanted), (40.0, 5.0), (120.0, 2.0)])


def test_a_held_signal_by_hand() -> None:
    """1 for 10 s, 3 for 5 s, 7 for 25 s; then 5 for 30 s and nothing; the last one, 2, to the end of the data."""
    mean = [(0.0, (1 * 10 + 3 * 5 + 7 * 5) / 20), (20.0, 7.0), (40.0, 5.0), (60.0, 5.0), (120.0, 2.0)]
    np.testing.assert_allclose(by_hand("mean", 30.0), mean)
    assert by_hand("last", 30.0) == [(0.0, 7.0), (20.0, 7.0), (40.0, 5.0), (60.0, 5.0), (120.0, 2.0)]
    assert by_hand("max", 12.0) == [(0.0, 7.0), (20.0, 7.0), (40.0, 5.0), (120.0, 2.0)]


def test_a_dead_sensor_is_seen_beside_one_that_lives() -> None:
    """A value holds for an hour; then its feature is missing, while the other one goes on."""
    averaging = Averaging(Reading(every=1800.0, hold=HOUR), 2, 100)
    samples = [[20.0, 1.0], *[[NAN, float(number)] for number in range(2, 9)]]
    found = streamed(averaging, [1800.0 * number for number in range(8)], samples)
    np.testing.assert_array_equal([closed.values[0] for closed in found], [20.0, 20.0, *[NAN] * 6])
    assert [closed.values[1] for closed in found] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_samples_come_in_any_order_within_the_interval_and_too_late_after_it() -> None:
    averaging = Averaging(Reading(every=MINUTE, aggregate="last"), 1, 2)
    joined = averaging.join(None, [1.0], 30.0)
    joined = averaging.join(joined.open, [2.0], 10.0)  # older: not the last one
    assert joined.finding == ""
    joined = averaging.join(joined.open, [3.0], 70.0)
    assert [closed.values for closed in joined.closed] == [(1.0,)]
    before = joined.open
    for _ in range(2):
        joined = averaging.join(joined.open, [9.0], 59.0)
        assert (joined.closed, joined.finding) == ([], DISORDER)
    assert before is not None
    assert ended(averaging, joined.open) == ended(averaging, before)
    joined = averaging.join(joined.open, [9.0], 59.0)  # the third in a row: the clock was set back
    assert [closed.values for closed in joined.closed] == [(3.0,)]
    assert ended(averaging, joined.open) == [Closed(0.0, (9.0,), False)]


def test_a_sample_without_a_time_joins_what_is_open() -> None:
    averaging = Averaging(Reading(every=MINUTE), 1, 100)
    nothing = averaging.join(None, [4.0], NAN)
    assert (nothing.open, nothing.finding) == (None, TIME)
    joined = averaging.join(averaging.join(None, [1.0], 0.0).open, [2.0], NAN)
    assert joined.finding == TIME
    assert ended(averaging, joined.open) == [Closed(0.0, (1.5,), True)]


def test_a_time_far_ahead_is_believed_when_the_next_goes_on_from_there() -> None:
    averaging = Averaging(Reading(every=MINUTE), 1, 100)
    first = averaging.join(None, [1.0], 0.0)
    joined = averaging.join(first.open, [3.0], 1e8)
    assert (joined.closed, joined.finding) == ([], TIME)
    back = averaging.join(joined.open, [5.0], 60.0)
    assert [closed.values for closed in back.closed] == [(2.0,)]
    on = averaging.join(joined.open, [5.0], 1e8 + 60)
    assert (on.finding, [closed.values for closed in on.closed]) == ("", [(2.0,)])


def test_days_begin_at_midnight_of_the_zone() -> None:
    """Across the days on which clocks change; hours are those of UTC everywhere."""
    days = Intervals(DAY, "Europe/Berlin")
    for year, month, day, hour in ((2024, 3, 31, 23), (2024, 4, 1, 22), (2024, 10, 27, 22), (2024, 10, 28, 23)):
        midnight = int(datetime(year, month, day, tzinfo=UTC).timestamp()) - (24 - hour) * 3600
        number = days.number(whole(midnight))
        assert days.start(number) == whole(midnight)
        assert days.number(whole(midnight) - 1) == number - 1
    moments = np.arange(whole(BEGIN), whole(BEGIN + 400 * DAY), whole(1801.0))
    assert days.numbers(moments).tolist() == [days.number(moment) for moment in moments.tolist()]
    found = np.unique(days.numbers(moments))
    assert days.starts(found).tolist() == [days.start(number) for number in found.tolist()]
    assert not Intervals(HOUR, "Asia/Kolkata").follows_zone


@pytest.mark.parametrize(
    ("reading", "word"),
    [
        ({"every": HOUR, "hold": HOUR, "aggregate": "sum"}, "--aggregate sum cannot be had with --hold"),
        ({"every": 1.0, "hold": 1e6}, "--hold may be at most 10000 times --every"),
    ],
)
def test_what_does_not_go_together_is_refused(reading: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Averaging(Reading(**reading), 1, 100)


def test_a_state_that_was_gathered_otherwise_is_not_gone_on_from() -> None:
    hourly, daily = Averaging(Reading(every=HOUR), 1, 100), Averaging(Reading(every=DAY), 1, 100)
    open_ = hourly.join(None, [1.0], 10.0).open
    assert daily.load(hourly.arrays(open_)) == (None, True)
    assert hourly.load({}) == (None, False)
    found, lost = hourly.load(hourly.arrays(open_))
    assert (found == open_, lost) == (False, False)  # NaN is not NaN
    assert repr(found) == repr(open_)


def test_numbers_that_no_stream_has_are_refused() -> None:
    """Each number of a state, changed to another: it is refused, or one that a stream may have."""
    refused = 0
    averaging = Averaging(Reading(every=HOUR), 1, 100)
    arrays = averaging.arrays(averaging.join(None, [1.0], 10.0).open)
    for name, array in arrays.items():
        for at in np.ndindex(array.shape):
            changed = array.copy()
            changed[at] = 65535.0 if changed[at] != 65535.0 else NAN
            try:
                averaging.load({**arrays, name: changed})
            except SnapshotError:
                refused += 1
    assert refused > 5
