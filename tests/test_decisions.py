"""What is decided from the data: seasons that are there are found, and noise has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.series import load
from edgeseq.series.gaps import Filled, fill
from edgeseq.training import decisions


def filled(values: np.ndarray) -> Filled:
    return fill(np.asarray(values, np.float32)[:, None])


@given(season=st.integers(4, 200), noise=st.floats(0, 0.5), trend=st.floats(-0.01, 0.01), seed=st.integers(0, 99))
def test_a_season_in_noise_and_trend_is_found(season: int, noise: float, trend: float, seed: int) -> None:
    time = np.arange(25 * season + 200)
    wave = np.sin(2 * np.pi * time / season) + noise * np.random.default_rng(seed).standard_normal(len(time))
    found = decisions.season(filled(wave + trend * time))
    assert found is not None
    assert abs(found - season) <= max(1, season // 20) or found % season <= 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length", [300, 5000])
def test_noise_and_random_walks_have_no_season(seed: int, length: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(length)
    assert decisions.season(filled(noise)) is None
    assert decisions.season(filled(np.cumsum(noise))) is None


def test_the_real_series_has_its_year() -> None:
    _, parts = load("co2")
    assert decisions.season(fill(parts.train)) == 52


def test_a_level_that_drifts_is_told_from_one_that_stays() -> None:
    time = np.arange(2000)
    wave = np.sin(time / 10)
    assert not decisions.level_shifts(filled(wave), 0)
    assert decisions.level_shifts(filled(wave + time / 1000), 0)


def test_innovation_is_what_a_regression_leaves() -> None:
    """Nothing of a sine, nearly all of a random walk, and half of a walk whose steps are half foreseeable."""
    random = np.random.default_rng(0)
    steps = random.standard_normal(20_000)
    assert decisions.innovation(filled(np.sin(np.arange(5000) / 50))) < 1e-3
    assert decisions.innovation(filled(np.cumsum(steps))) > 0.98
    related = np.zeros(20_000)
    for number in range(1, len(related)):
        related[number] = np.sqrt(0.75) * related[number - 1] + steps[number]
    assert decisions.innovation(filled(np.cumsum(related))) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("season", "samples", "wanted"), [(24, 5000, 24), (52, 200, 20), (5, 5000, 10), (628, 9000, 10), (None, 900, 10)]
)
def test_the_warm_up_is_a_season_if_that_is_short(season: int | None, samples: int, wanted: int) -> None:
    assert decisions.warmup(season, samples) == wanted


def test_a_very_short_series_is_decided_upon_too() -> None:
    few = filled(np.array([1.0, 2, 1, 2, 3]))
    assert decisions.season(few) is None
    assert decisions.innovation(few) == 1.0
