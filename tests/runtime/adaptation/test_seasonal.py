"""The adaptation of a model for any sensor, beside that of one stream after its description."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq.model.shorter import shorter_spec
from edgeseq.testing import make_spec
from edgeseq_runtime import Predictor
from edgeseq_runtime.adaptation.adaptation import Adaptation
from edgeseq_runtime.adaptation.of_model import adaptation_of
from edgeseq_runtime.adaptation.seasonal.adaptation import SeasonalAdaptation
from edgeseq_runtime.adaptation.seasonal.layout import Layout
from edgeseq_runtime.spec import RUNNING, Spec
from tests.runtime.adaptation.seasonal_reference import SeasonalReference

Float32 = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def spec() -> Spec:
    """That of the starter, whose horizon is 48."""
    return Predictor("starter", monitor=False, adapt=False).spec


@dataclass(frozen=True)
class Series:
    """Samples (time,), forecasts (time, horizon) that a correction can better, scales (time,), what is a truth."""

    samples: Float32
    forecasts: Float32
    units: Float32
    truths: Float32

    @classmethod
    def wave(cls, horizon: int, count: int, season: int = 12, *, drift: float = 0.0, noise: float = 0.1) -> "Series":
        """A season, noise and a random walk; forecasts are persistence with a bias, some of them better."""
        random = np.random.default_rng(0)
        heights = np.random.default_rng(1).standard_normal(season)
        full = np.resize(heights, count + horizon) + random.normal(0, noise, count + horizon)
        full += np.cumsum(random.normal(0, drift, count + horizon)) if drift else 0
        ahead = np.stack([full[step : step + count] for step in range(1, horizon + 1)], axis=1)
        forecasts = 0.4 * full[:count, None] + 0.6 * ahead + 0.1
        units = np.abs(np.diff(full[:count], prepend=full[0])).cumsum() / np.arange(1, count + 1)
        truths = np.where(random.random(count) < 0.05, np.nan, full[:count])
        return cls(*(part.astype(np.float32) for part in (full[:count], forecasts, units, truths)))


def stream(adaptation: SeasonalAdaptation, series: Series, row: int = 0) -> Float32:
    """Return the adapted forecasts (time, horizon) of a stream."""
    found = series.forecasts.copy()
    rows = slice(0, 1) if len(adaptation.memory) == 1 else np.array([row])
    for at in range(len(found)):
        adaptation.gains[row] = series.units[at]
        said = found[at].reshape(1, -1, 1)
        sample, truth = (array[at].reshape(1, 1) for array in (series.samples, series.truths))
        adaptation.update(rows, sample, truth, said, np.array([at > 2]))
    return found


@pytest.mark.parametrize("horizon", [1, 2, 12, 48])
def test_as_the_description_says_it(spec: Spec, horizon: int) -> None:
    """Float32 in rows and float64 in loops agree to a hundredth of a typical change, where no gate is on edge."""
    spec = shorter_spec(spec, horizon)
    series = Series.wave(horizon, 400, drift=0.02)
    adaptation = SeasonalAdaptation(spec, 1)
    found = stream(adaptation, series)
    growth = np.array(spec.target_scales, np.float64)[:, 0]
    reference = SeasonalReference(list(adaptation.layout.knots), growth)
    opened = 0
    for at in range(len(found)):
        forecasts, unit = series.forecasts[at].astype(np.float64), float(series.units[at])
        sample, truth = float(series.samples[at]), float(series.truths[at])
        said = reference.update(sample, truth, forecasts, unit, warm=at > 2)
        if all(knot.edge > 1e-3 for knot in reference.knots):
            scales = unit * growth if unit else growth
            np.testing.assert_allclose(found[at] / scales, said / scales, rtol=0, atol=1e-2, err_msg=str(at))
        opened += any(knot.is_open for knot in reference.knots)
    learned = adaptation.learned(0)
    assert (learned.taught, learned.season) == (reference.taught, reference.search.season)
    assert learned.season in (12, 24, 36)
    assert tuple(learned.open[0]) == tuple(knot.is_open for knot in reference.knots)
    assert opened > 50


@pytest.mark.parametrize(("season", "drift"), [(7, 0.0), (24, 0.1), (96, 0.1), (288, 0.0)])
def test_the_season_is_found(spec: Spec, season: int, drift: float) -> None:
    """Within four of them, also where the stream drifts away."""
    adaptation = SeasonalAdaptation(shorter_spec(spec, 2), 1)
    stream(adaptation, Series.wave(2, max(4 * season, 400), season, drift=drift))
    assert adaptation.learned(0).season == season


def test_a_walk_has_no_long_season(spec: Spec) -> None:
    """What repeats by chance only is not taken for a season."""
    series = Series.wave(2, 1500, 2, drift=1.0, noise=0.01)
    adaptation = SeasonalAdaptation(shorter_spec(spec, 2), 1)
    stream(adaptation, series)
    assert (adaptation.learned(0).season or 0) <= 12


def test_rows_are_streams_of_their_own(spec: Spec) -> None:
    """Streams that move together, and such that move by turns, learn what each alone does."""
    spec = shorter_spec(spec, 12)
    many = [Series.wave(12, 200, season) for season in (5, 12, 24)]
    alone = [stream(SeasonalAdaptation(spec, 1), series) for series in many]
    by_turns = SeasonalAdaptation(spec, 3)
    for row in (2, 0, 1):
        np.testing.assert_allclose(stream(by_turns, many[row], row), alone[row], rtol=0, atol=1e-4)
    together = SeasonalAdaptation(spec, 3)
    for at in range(200):
        parts = [np.stack([getattr(one, name)[at] for one in many]) for name in ("samples", "truths", "forecasts")]
        together.gains[:, 0] = [one.units[at] for one in many]
        samples, truths, forecasts = parts[0][:, None], parts[1][:, None], parts[2][..., None]
        together.update(slice(0, 3), samples, truths, forecasts, np.full(3, at > 2))
        for row in range(3):
            np.testing.assert_allclose(forecasts[row, :, 0], alone[row][at], rtol=0, atol=1e-4)


def test_a_lone_stream_is_as_one_of_many(spec: Spec) -> None:
    """Its own way, with gaps and a stretch that stands still, beside the way of rows."""
    series = Series.wave(48, 500, 24, drift=0.05)
    series.samples[200:260] = series.truths[200:260] = series.samples[200]
    series.units[220:250] = 0
    alone, rows = SeasonalAdaptation(spec, 1), SeasonalAdaptation(spec, 2)
    np.testing.assert_allclose(stream(alone, series), stream(rows, series), rtol=0, atol=1e-3)
    assert alone.learned(0).season == rows.learned(0).season
    assert alone.learned(0).taught == rows.learned(0).taught


def test_unit_and_offset_change_nothing(spec: Spec) -> None:
    """Forecasts of a x + b are a f + b: all is counted in multiples of the scale, and as changes."""
    spec = shorter_spec(spec, 12)
    series = Series.wave(12, 400)
    scaled = Series(
        *(array * np.float32(1024) for array in (series.samples, series.forecasts, series.units, series.truths))
    )
    plain, other = (stream(SeasonalAdaptation(spec, 1), one) for one in (series, scaled))
    np.testing.assert_allclose(other / 1024, plain, rtol=0, atol=1e-6)


def test_a_constant_stream_learns_nothing_and_is_left_alone(spec: Spec) -> None:
    """Its scale is zero: nothing divides by it."""
    constant = np.full(100, 21.5, np.float32)
    series = Series(constant, np.repeat(constant[:, None], 48, axis=1), np.zeros(100, np.float32), constant)
    adaptation = SeasonalAdaptation(spec, 1)
    np.testing.assert_array_equal(stream(adaptation, series), series.forecasts)
    learned = adaptation.learned(0)
    assert (learned.taught, learned.season) == (0, None)
    assert not learned.open.any()


def test_whatever_comes_all_stays_finite_and_a_snapshot_is_taken_back(spec: Spec) -> None:
    """Jumps of 1e15, gaps and stretches that stand still."""
    spec, random = shorter_spec(spec, 12), np.random.default_rng(3)
    samples = np.cumsum(random.standard_t(1, 1500))
    samples[300:] += 1e15
    samples[600:900] = samples[600]
    samples[1000:1010] = 3e30
    units = np.maximum(np.abs(np.diff(samples, prepend=samples[0])), 1e-6)
    units[700:900] = 0
    forecasts = np.repeat(samples[:, None], 12, axis=1) + random.normal(0, 1, (1500, 12))
    series = Series(*(part.astype(np.float32) for part in (samples, forecasts, units, samples)))
    adaptation = SeasonalAdaptation(spec, 1)
    assert np.isfinite(stream(adaptation, series)).all()
    kept = adaptation.arrays_of(0)
    assert adaptation.might_hold(kept)
    other = SeasonalAdaptation(spec, 1)
    other.load(0, kept)
    np.testing.assert_array_equal(other.memory, adaptation.memory)


def test_what_no_stream_has_learned_is_refused(spec: Spec) -> None:
    """Any word that is out of its bounds."""
    adaptation = SeasonalAdaptation(spec, 1)
    for name, value in {"clock": 1e7, "season": 2.5, "seen": -1, "moved": -1, "repeats": 1e9, "gain": 1e9}.items():
        broken = adaptation.arrays_of(0)
        adaptation.layout.views(broken["adaptation.memory"].reshape(1, -1))[name][...] = value
        assert not adaptation.might_hold(broken), name


def test_a_fresh_begin_keeps_what_was_learned(spec: Spec) -> None:
    """The season and the weights stay; what waited for its truth does not."""
    spec = shorter_spec(spec, 12)
    adaptation = SeasonalAdaptation(spec, 1)
    stream(adaptation, Series.wave(12, 300))
    before = adaptation.learned(0)
    adaptation.forget(np.array([0]))
    after = adaptation.learned(0)
    assert (after.season, after.taught) == (before.season, before.taught)
    np.testing.assert_array_equal(after.weights, before.weights)
    assert np.isnan(adaptation.layout.views(adaptation.memory)["waiting"]).all()


def test_only_a_running_scale_has_it(spec: Spec) -> None:
    assert spec.scaling == RUNNING
    assert isinstance(adaptation_of(spec, 1), SeasonalAdaptation)
    assert isinstance(adaptation_of(make_spec(), 1), Adaptation)


def test_a_stream_takes_less_than_seven_kilobytes() -> None:
    assert Layout(48).words * 4 <= 7000


@pytest.mark.parametrize("horizon", range(1, 49))
def test_the_clock_is_counted_exactly(horizon: int) -> None:
    """It begins anew where all rings do, and float32 holds it."""
    layout = Layout(horizon)
    assert layout.turns < 2**24
    assert not any(layout.turns % size for size in (396, 11, *layout.knots))
