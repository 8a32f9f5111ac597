"""What is decided from the data: seasons that are there are found, and noise has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.series import analysis, load
from edgeseq.series.gaps import Filled, fill


def filled(values: np.ndarray) -> Filled:
    return fill(np.asarray(values, np.float32)[:, None])


@given(season=st.integers(4, 200), noise=st.floats(0, 0.5), trend=st.floats(-0.01, 0.01), seed=st.integers(0, 99))
def test_a_season_in_noise_and_trend_is_found(season: int, noise: float, trend: float, seed: int) -> None:
    time = np.arange(25 * season + 200)
    wave = np.sin(2 * np.pi * time / season) + noise * np.random.default_rng(seed).standard_normal(len(time))
    found = analysis.season_length(filled(wave + trend * time))
    assert found is not None
    assert abs(found - season) <= max(1, season // 20) or found % season <= 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length", [300, 5000])
def test_noise_and_random_walks_have_no_season(seed: int, length: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(length)
    assert analysis.season_length(filled(noise)) is None
    assert analysis.season_length(filled(np.cumsum(noise))) is None


def test_the_real_series_has_its_year() -> None:
    _, parts = load("co2")
    assert analysis.season_length(fill(parts.train)) == 52


def test_a_level_that_drifts_is_told_from_one_that_stays() -> None:
    time = np.arange(2000)
    wave = np.sin(time / 10)
    assert not analysis.level_shifts(filled(wave), 0)
    assert analysis.level_shifts(filled(wave + time / 1000), 0)


def test_innovation_is_what_a_regression_leaves() -> None:
    """Nothing of a sine, nearly all of a random walk, and half of a walk whose steps are half foreseeable."""
    random = np.random.default_rng(0)
    steps = random.standard_normal(20_000)
    assert analysis.innovation(filled(np.sin(np.arange(5000) / 50))) < 1e-3
    assert analysis.innovation(filled(np.cumsum(steps))) > 0.98
    related = np.zeros(20_000)
    for number in range(1, len(related)):
        related[number] = np.sqrt(0.75) * related[number - 1] + steps[number]
    assert analysis.innovation(filled(np.cumsum(related))) == pytest.approx(0.5, abs=0.02)


def test_innovation_of_what_changes_in_its_first_samples_only_is_not_known() -> None:
    assert analysis.innovation(filled(np.repeat([1.0, 2.0], [5, 300]))) == 1


@pytest.mark.parametrize(
    ("season", "samples", "wanted"), [(24, 5000, 24), (52, 200, 20), (5, 5000, 10), (628, 9000, 10), (None, 900, 10)]
)
def test_the_warm_up_is_a_season_if_that_is_short(season: int | None, samples: int, wanted: int) -> None:
    assert analysis.default_warmup(season, samples) == wanted


def test_a_very_short_series_is_decided_upon_too() -> None:
    few = filled(np.array([1.0, 2, 1, 2, 3]))
    assert analysis.season_length(few) is None
    assert analysis.innovation(few) == 1.0


# A linear law


def chaos(samples: int, step: float) -> np.ndarray:
    """The first coordinate of Lorenz's attractor, by Runge and Kutta's fourth-order steps."""

    def slope(at: np.ndarray) -> np.ndarray:
        x, y, z = at
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    at, found = np.array([1.0, 1.0, 20.0]), []
    for _ in range(samples):
        a = slope(at)
        b = slope(at + step / 2 * a)
        c = slope(at + step / 2 * b)
        at = at + step / 6 * (a + 2 * b + 2 * c + slope(at + step * c))
        found.append(at[0])
    return np.array(found)


def logistic(samples: int) -> np.ndarray:
    found = [0.3]
    for _ in range(samples - 1):
        found.append(3.9 * found[-1] * (1 - found[-1]))
    return np.array(found)


TIME = np.arange(5000)
NOISE = np.random.default_rng(0).standard_normal(5000)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (np.sin(TIME / 100), True),
        (20 + 3 * np.sin(TIME / 7), True),
        (np.sin(TIME / 40) + 0.4 * np.sin(TIME / 13 + 1), True),
        (np.exp(-TIME / 3000) * np.cos(TIME / 25), True),
        (np.where(TIME % 100 < 50, 1.0, -1.0), False),  # has sixteen sinusoids and more
        (np.sin(TIME / 100) + 0.01 * NOISE, False),
        (np.sin(TIME / 100) + 0.001 * NOISE, False),
        (NOISE, False),
        (np.cumsum(NOISE), False),
        (logistic(5000), False),
        (chaos(5000, 0.01), False),
        (chaos(5000, 0.002), False),
    ],
    ids=[
        *(
            "sine",
            "raised sine",
            "two sines",
            "decaying oscillation",
            "square wave",
            "noisy sine",
            "hardly noisy sine",
            "noise",
        ),
        *("random walk", "logistic map", "Lorenz", "finely sampled Lorenz"),
    ],
)
def test_a_linear_law_is_told_from_all_else(values: np.ndarray, wanted: bool) -> None:
    assert analysis.follows_linear_recurrence(filled(values)) is wanted


def test_the_sine_obeys_a_linear_law_and_the_real_series_does_not() -> None:
    assert analysis.follows_linear_recurrence(fill(load(None)[1].train))
    assert not analysis.follows_linear_recurrence(fill(load("co2")[1].train))


def test_too_few_periods_show_no_law() -> None:
    """A curve that has not come round yet can be anything."""
    assert not analysis.follows_linear_recurrence(filled(np.sin(np.arange(300) / 100)))


# What is predicted
