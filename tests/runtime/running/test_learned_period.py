"""How often samples come is learned from a stream's first times, where the model says nothing of it."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.reading.times import MONTH
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.learned_period import LearningClocks

FIRST = np.array([0])


@pytest.fixture(scope="module")
def spec() -> Spec:
    """That of the model for any sensor."""
    return open_session("starter", provider="cpu").spec


def clocks(spec: Spec, times: npt.ArrayLike) -> LearningClocks:
    """Return clocks of which the first stream has come at these times."""
    made = LearningClocks(spec, 1, confirms=True)
    for time in np.asarray(times, np.float64):
        made.commit(FIRST, np.array([time]))
    return made


@settings(max_examples=50)
@given(period=st.floats(1e-3, 1e6), begin=st.floats(0, 2e9), odd=st.integers(0, 4), gap=st.floats(0.01, 1e4))
def test_it_is_the_median_of_the_first_five_steps(
    spec: Spec, period: float, begin: float, odd: int, gap: float
) -> None:
    """One of which may be a gap, or far too short."""
    steps = np.full(5, period)
    steps[odd] *= gap
    times = begin + np.concatenate([[0], steps.cumsum()])
    assert np.isnan(clocks(spec, times[:5]).periods[0])
    np.testing.assert_allclose(clocks(spec, times).periods[0], np.median(np.diff(times)), rtol=1e-9)


def test_steps_that_are_all_unlike_each_other_are_no_period(spec: Spec) -> None:
    """Of samples that come when something happens no gap is told; once they come evenly they have a period."""
    uneven = np.array([1.0, 9, 2, 30, 1, 7, 0.1, 12, 3, 40]).cumsum()
    assert np.isnan(clocks(spec, uneven).periods[0])
    even = np.concatenate([uneven, uneven[-1] + 10.0 * np.arange(1, 6)])
    assert clocks(spec, even).periods[0] == 10


def test_times_that_are_not_known_teach_nothing(spec: Spec) -> None:
    """A step to or from a sample without a time is none."""
    times = [0.0, 60, np.nan, 180, 240, 300, 360]
    assert np.isnan(clocks(spec, times).periods[0])
    assert clocks(spec, [*times, 420]).periods[0] == 60


@pytest.mark.parametrize("provider", ["cpu", "native"])
def test_what_became_of_a_sample_says_the_period_that_was_known_after_it(provider: str) -> None:
    """In blocks as in steps, also where another pace has become the period."""
    times = np.cumsum(np.repeat([60.0, 20.0], [12, 40])).tolist()
    values = np.sin(np.arange(len(times)) / 3).tolist()
    steps, blocks = (Predictor("starter", provider=provider) for _ in range(2))
    wanted = []
    for value, time in zip(values, times, strict=True):
        steps.step(value, time)
        wanted.append(steps.period)
    assert {*wanted[5:12]} == {60.0}
    assert wanted[-1] == 20.0
    found = [blocks.process(values[at : at + 13], times[at : at + 13]).periods for at in range(0, len(times), 13)]
    np.testing.assert_array_equal(np.concatenate([part for part in found if part is not None]), wanted)


def test_gaps_are_judged_once_the_period_is_known() -> None:
    """A gap among the first times is none; a later one is filled in; without times there is no period."""
    predictor = Predictor("starter", provider="cpu", adapt=False)
    for time in (0, 60, 120, 420, 480, 540):
        predictor.step(20.0 + time % 7, time)
        assert predictor.reason == ""
    assert predictor.period == 60
    predictor.step(21.0, 720)
    assert (predictor.reason, predictor.counts["filled"]) == ("gap", 2)
    untimed = Predictor("starter", provider="cpu", adapt=False)
    untimed.process([1.0, 2.0, 1.5])
    assert np.isnan(untimed.period)


@pytest.mark.parametrize("factor", [0.1, 3.0, 50.0])
def test_a_pace_that_lasts_becomes_the_period(factor: float) -> None:
    """A device that first sent what it had kept, or is set to another rate: told once, and then nothing lacks."""
    predictor = Predictor("starter", provider="cpu", adapt=False)
    steps = np.concatenate([np.full(8, 60.0), np.full(20, 60.0 * factor)])
    reasons = []
    for at, time in enumerate(steps.cumsum().tolist()):
        predictor.step(20.0 + at % 5, time)
        reasons.append(predictor.reason)
    assert reasons.count("pace") == 1
    assert predictor.period == pytest.approx(60 * factor)
    assert not any(reasons[13:])


def test_the_period_is_in_the_snapshot_and_survives_a_fresh_start() -> None:
    """Also what was seen of it before it was known."""
    predictor = Predictor("starter", provider="cpu", adapt=False)
    for time in (0.0, 0.1, 0.2, 0.3):
        predictor.step(1.0, time)
    resumed = Predictor("starter", provider="cpu", adapt=False)
    resumed.restore(predictor.snapshot())
    for time in (0.4, 0.5):
        resumed.step(2.0, time)
    assert resumed.period == pytest.approx(0.1)
    resumed.step(2.0, 60.5)
    assert resumed.reason == "gap"
    assert resumed.period == pytest.approx(0.1)
    resumed.reset()
    assert np.isnan(resumed.period)


@pytest.mark.parametrize(
    ("dates", "period"),
    [
        (["2023-01-01", "2023-02-01", "2023-03-01", "2023-04-01", "2023-05-01", "2023-06-01"], MONTH),
        (["2023-06-30", "2023-07-31", "2023-08-31", "2023-09-30", "2023-10-31", "2023-11-30"], MONTH),
        (["2023-01-01", "2023-02-01", "2023-04-01", "2023-05-01", "2023-06-01", "2023-07-01"], MONTH),
        (["2018-01-01", "2019-01-01", "2020-01-01", "2021-01-01", "2022-01-01", "2023-01-01"], 12 * MONTH),
    ],
)
def test_months_and_years_are_known_by_their_lengths(spec: Spec, dates: list[str], period: float) -> None:
    """The first of each, or the last; one may lack, and an hour of summer time may come between."""
    times = [datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() for date in dates]
    assert clocks(spec, times).periods[0] == period
    assert clocks(spec, [*times[:3], *(time - 3600 for time in times[3:])]).periods[0] == period


@pytest.mark.parametrize("days", [28, 30, 31, 365])
def test_as_many_days_each_time_are_days(spec: Spec, days: int) -> None:
    assert clocks(spec, [days * 86_400.0 * step for step in range(6)]).periods[0] == days * 86_400
