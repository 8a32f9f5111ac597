"""Made-up series: each part by the statistics that make it what it is."""

import numpy as np
import pytest

from edgeseq.starter import made_up, noise, seasons, sensing, switching, wandering
from edgeseq.starter.drawing import last_drawn, leaky_sum, unit
from edgeseq_runtime.arrays import Float64

COUNT, LENGTH = 64, 2000

PARTS = (*seasons.SHAPES, *wandering.KINDS, *switching.KINDS, *noise.KINDS)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def likeness(values: Float64, lag: int) -> Float64:
    """Autocorrelation at a lag, (count,)."""
    values = unit(values)
    return np.mean(values[:, lag:] * values[:, :-lag], axis=1)


def flatness(values: Float64) -> Float64:
    """Share of the samples that equal the one before, (count,)."""
    return np.mean(np.diff(values, axis=1) == 0, axis=1)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_part_is_finite_of_about_deviation_one_and_repeats_with_its_seed(part: made_up.Part) -> None:
    """A level that never shifts, or a regime that never changes, is constant: deviation 0."""
    values = part(random(), COUNT, LENGTH)
    assert values.shape == (COUNT, LENGTH)
    assert np.isfinite(values).all()
    deviation = values.std(axis=1)
    assert np.all((deviation < 2) & ((deviation > 0.5) | (deviation == 0)))
    assert np.mean(deviation > 0) > 0.9
    np.testing.assert_array_equal(values, part(random(), COUNT, LENGTH))


@pytest.mark.parametrize("shape", [shape for shape in seasons.SHAPES if shape is not seasons.with_days_off])
def test_a_season_comes_again_after_its_period(shape: made_up.Part, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a whole period each sample equals that one period before, wherever the season has no jump."""
    monkeypatch.setattr(seasons, "periods", lambda _random, count: np.full((count, 1), 24.0))
    values = shape(random(), COUNT, LENGTH)
    agree = np.isclose(values[:, 24:], values[:, :-24], atol=1e-6)
    assert agree.mean() > 0.99
    assert flatness(values).mean() < 0.97


def test_days_off_are_smaller_and_come_after_seven_days() -> None:
    values = seasons.with_days_off(random(), COUNT, LENGTH)
    weekly = [np.abs(values[:, 7 * day :] - values[:, : -7 * day]).max(axis=1) for day in (24, 48, 96, 144)]
    assert (np.min(weekly, axis=0) < 1e-9).mean() > 0.8  # 7 * 288 samples do not fit
    daily = [np.abs(values[:, day:] - values[:, :-day]).max(axis=1) for day in (24, 48, 96, 144)]
    assert (np.min(daily, axis=0) > 0.1).all()


def test_half_of_the_periods_are_those_of_days_and_weeks() -> None:
    periods = seasons.periods(random(), 4000)
    assert 0.47 < np.isin(periods, seasons.COMMON).mean() < 0.53
    assert periods.min() >= 4
    assert periods.max() <= 1000


def test_a_walks_changes_are_independent_and_a_smooth_walks_are_not() -> None:
    changes = np.diff(wandering.walk(random(), COUNT, LENGTH), axis=1)
    assert np.abs(likeness(changes, 1)).max() < 0.12  # 5 / sqrt(2000)
    smooth = np.diff(wandering.smooth_walk(random(), COUNT, LENGTH), axis=1)
    assert likeness(smooth, 1).min() > 0.2
    assert np.median(likeness(smooth, 1)) > 0.8


def test_an_autoregressive_part_forgets_at_its_rate() -> None:
    """Autocorrelation at lag 2 is the square of that at lag 1; one series in eight swings."""
    values = wandering.autoregressive(random(), 400, LENGTH)
    one, two = likeness(values, 1), likeness(values, 2)
    np.testing.assert_allclose(two, one**2, atol=0.12)
    assert 0.05 < np.mean(one < -0.1) < 0.2


def test_a_resonant_part_rings() -> None:
    """Its spectrum has one peak: half of the power lies in a tenth of the frequencies."""
    power = np.abs(np.fft.rfft(wandering.resonant(random(), COUNT, LENGTH), axis=1)) ** 2
    sharpest = np.sort(power, axis=1)[:, ::-1][:, : power.shape[1] // 10].sum(axis=1) / power.sum(axis=1)
    assert np.median(sharpest) > 0.5


def test_a_trends_slope_changes_seldom() -> None:
    slopes = np.diff(wandering.trend(random(), COUNT, LENGTH), axis=1)
    changed = ~np.isclose(slopes[:, 1:], slopes[:, :-1], atol=1e-9)
    assert changed.mean() < 0.01
    assert np.mean(changed.sum(axis=1) == 0) > 0.2


def test_levels_shift_for_good_and_regimes_come_back() -> None:
    shifts = switching.level_shifts(random(), COUNT, LENGTH)
    assert flatness(shifts).min() > 0.95
    levels = [len(np.unique(row)) for row in switching.regimes(random(), COUNT, LENGTH)]
    assert max(levels) <= 4
    assert np.median([np.sum(np.diff(row) != 0) for row in switching.regimes(random(), COUNT, LENGTH)]) > 8


def test_on_and_off_are_two_values() -> None:
    values = switching.on_off(random(), COUNT, LENGTH)
    assert {len(np.unique(np.round(row, 9))) for row in values} == {2}


def test_relaxation_approaches_what_switches() -> None:
    """Between switches the change shrinks by the same factor each sample."""
    values = switching.relaxation(random(), COUNT, LENGTH)
    change = np.diff(values, axis=1)
    large = np.abs(change[:, :-1]) > 1e-3
    factor = np.where(large, change[:, 1:] / np.where(large, change[:, :-1], 1), np.nan)
    middle = np.nanmedian(factor, axis=1, keepdims=True)
    same = np.where(large, np.abs(factor - middle) < 1e-6, np.nan)
    assert np.median(np.nanmean(same, axis=1)) > 0.8  # the others switch every few samples
    assert (middle < 1).all()


def test_a_thermostat_stays_about_its_limits_and_turns_there() -> None:
    values = switching.thermostat(random(), COUNT, LENGTH)
    assert np.abs(values).max() < 4
    turns = np.sum(np.diff(np.sign(np.diff(values[:, ::5], axis=1)), axis=1) != 0, axis=1)
    assert turns.min() >= 2


def test_spikes_are_rare_and_to_one_side() -> None:
    values = switching.spikes(random(), COUNT, LENGTH)
    skew = np.mean(values**3, axis=1)
    assert np.all(np.abs(skew) > 1)
    assert 0.1 < np.mean(skew < 0) < 0.45


def test_noise_is_independent_and_its_size_changes_where_it_says_so() -> None:
    white, changing = noise.white(random(), COUNT, LENGTH), noise.changing(random(), COUNT, LENGTH)
    for values in (white, changing):
        assert abs(likeness(values, 1).mean()) < 0.03
    sizes = np.abs(changing)
    assert np.median(likeness(sizes, 5)) > 0.1
    assert np.abs(likeness(np.abs(white), 5)).mean() < 0.05


def test_what_is_clipped_stands_at_the_limit() -> None:
    values = unit(random(1).standard_normal((COUNT, LENGTH)))
    clipped = sensing.clip(random(), values)
    assert np.all(
        (clipped == values)
        | (clipped == clipped.min(axis=1, keepdims=True))
        | (clipped == clipped.max(axis=1, keepdims=True))
    )
    assert np.median(np.mean(clipped == clipped.min(axis=1, keepdims=True), axis=1)) > 0.1


def test_what_is_quantised_has_few_values() -> None:
    values = unit(random(1).standard_normal((COUNT, LENGTH)))
    assert np.median([len(np.unique(np.round(row, 9))) for row in sensing.quantise(random(), values)]) < 200
    assert np.abs(sensing.quantise(random(), values) - values).max() < 0.51


def test_what_is_held_stands_between_readings_and_what_stands_still_stands_longer() -> None:
    values = unit(random(1).standard_normal((COUNT, LENGTH)))
    held, still = sensing.hold(random(), values), sensing.stand_still(random(), values)
    assert 0.5 < flatness(held).mean() < 0.95
    longest = [max(np.diff(np.flatnonzero(np.diff(row, prepend=np.nan) != 0), append=LENGTH)) for row in still]
    assert np.median(longest) > 100
    assert np.isin(still, values).all()


def test_counts_are_whole_and_what_is_exponentiated_is_skewed() -> None:
    values = unit(random(1).standard_normal((COUNT, LENGTH)))
    counts = sensing.count_events(random(), values)
    assert np.all((counts == np.round(counts)) & (counts >= 0))
    assert np.all(np.mean(unit(sensing.exponentiate(random(), values)) ** 3, axis=1) > 0.3)


def test_series_are_finite_repeat_with_their_seed_and_are_of_all_families() -> None:
    """Twenty draws: no overflow, which once spoilt a training."""
    for seed in range(20):
        values = made_up.series(random(seed), COUNT, 400)
        assert np.isfinite(values).all()
        assert np.abs(values).max() < 50
    np.testing.assert_array_equal(values, made_up.series(random(19), COUNT, 400))
    names = made_up.names(random(), 5000)
    assert set(names) == set(made_up.FAMILIES)
    assert 0.18 < names.count("level") / 5000 < 0.22


def test_one_series_in_five_is_mostly_noise_around_a_level() -> None:
    """The best constant forecast beats persistence by half on those of the family `level`."""
    values, names = made_up.series(random(), 500, 400), made_up.names(random(), 500)
    levels = values[np.array(names) == "level"]
    beside = np.var(levels, axis=1) / np.maximum(np.mean(np.diff(levels, axis=1) ** 2, axis=1), 1e-12)
    assert np.median(beside) < 0.65


def test_a_leaky_sum_and_values_held_by_hand() -> None:
    summed = leaky_sum(np.array([[1.0, 0.0, 2.0], [1.0, 1.0, 1.0]]), np.array([[0.5], [1.0]]))
    np.testing.assert_array_equal(summed, [[1.0, 0.5, 2.25], [1.0, 2.0, 3.0]])
    held = last_drawn(np.array([[False, False, True, False]]), np.array([[1.0, 2.0, 3.0, 4.0]]))
    np.testing.assert_array_equal(held, [[1.0, 1.0, 3.0, 3.0]])
