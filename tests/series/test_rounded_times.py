"""Times that are cut to a coarser unit than the samples' period tell that period, and one line says so."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.series import rounded_times
from tests.helpers.csv_helpers import csv, read


def rows(seconds: list[float]) -> str:
    return "time,v\n" + "".join(f"{1_700_000_000 + round(at)},{number % 7}\n" for number, at in enumerate(seconds))


@pytest.mark.parametrize(("period", "unit"), [(90, 60), (150, 60), (100, 60), (2.5, 1), (135, 60)])
def test_a_period_between_two_units_is_found_and_said_once(tmp_path: Path, period: float, unit: float) -> None:
    """No sample seems to be missing, and a real gap is still one."""
    moments = [unit * (period * number // unit) for number in range(200) if number not in (90, 91)]
    series = read(csv(tmp_path, rows(moments)))
    assert series.period == pytest.approx(period)
    assert np.isnan(series.values[:, 0]).sum() == 2
    (note,) = series.notes
    assert "in turn" in note
    assert note.endswith("that is taken as the period")


def test_a_period_whose_longer_steps_look_like_gaps_is_said_once(tmp_path: Path) -> None:
    """A minute and ten seconds: every sixth step is two minutes, more than one and a half periods."""
    series = read(csv(tmp_path, rows([60 * (70 * number // 60) for number in range(200)])))
    assert series.period == 60
    (note,) = series.notes
    assert "a sample every 70s" in note
    assert "--time none" in note


@given(
    hundredths=st.integers(100, 299),
    phase=st.integers(0, 99),
    unit=st.sampled_from([1.0, 60.0, 3600.0]),
)
def test_any_cut_period_is_found(hundredths: int, phase: int, unit: float) -> None:
    """Whatever part of a unit it is beyond one or two whole ones, at any phase: to the hundredth."""
    steps = np.diff((phase + hundredths * np.arange(400)) // 100) * unit
    found = rounded_times.find(steps)
    part = hundredths % 100
    if 10 <= part <= 90:
        assert found
        assert found.period == pytest.approx(hundredths / 100 * unit, rel=2e-2)
    if not part:
        assert found is None


@given(lost=st.floats(0.05, 0.6), seed=st.integers(0, 10_000), unit=st.sampled_from([1.0, 60.0]))
def test_samples_that_get_lost_are_no_other_period(lost: float, seed: int, unit: float) -> None:
    """A minute stays a minute."""
    there = np.random.default_rng(seed).random(800) > lost
    assert rounded_times.find(np.diff(np.flatnonzero(there)) * unit) is None


def test_a_gap_in_a_short_series_is_a_gap(tmp_path: Path) -> None:
    moments = [60.0 * number for number in range(60) if number % 20 != 7]
    series = read(csv(tmp_path, rows(moments)))
    assert series.period == 60
    assert series.notes == ()
