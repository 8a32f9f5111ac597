"""The adaptation of many streams at once, beside that of one after its description."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.testing import make_spec
from edgeseq_runtime.adaptation.adaptation import Adaptation
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec
from tests.runtime.adaptation.reference import Reference

Float32 = npt.NDArray[np.float32]


class Series:
    """Samples of streams (time, stream, target) with made-up forecasts, some of which are better than others."""

    def __init__(self, spec: Spec, count: int, streams: int = 1, seed: int = 0) -> None:
        random, shape = np.random.default_rng(seed), (count + spec.horizon, streams, len(spec.targets))
        wave = np.sin(2 * np.pi * np.arange(shape[0]) / (spec.season or 24))[:, None, None]
        full = (wave + random.normal(0, 0.1, shape)).astype(np.float32)
        self.samples = full[:count]
        ahead = np.stack([full[step : step + count] for step in range(1, spec.horizon + 1)], axis=2)
        off = random.normal(0.2, 0.2, ahead.shape)  # a bias that a correction can take away
        self.forecasts = (ahead + off).astype(np.float32)  # (time, stream, horizon, target)
        self.truths = np.where(random.random(shape)[:count] < 0.05, np.float32(np.nan), self.samples)
        self.warm = np.arange(count) >= spec.warmup


def stream(adaptation: Adaptation, series: Series, rows: slice | npt.NDArray[np.intp] = slice(0, 1)) -> Float32:
    """Return the adapted forecasts (time, stream, horizon, target)."""
    found = series.forecasts.copy()
    for at in range(len(found)):
        warm = np.full(found.shape[1], series.warm[at])
        adaptation.update(rows, series.samples[at], series.truths[at], found[at], warm)
    return found


CASES = [
    {"horizon": 1},
    {"horizon": 2, "season": 12},
    {"horizon": 24, "season": 24},
    {"horizon": 12, "season": 5, "targets": 2, "features": 3},
    {"horizon": 5, "season": 2, "warmup": 0},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_as_the_description_says_it(case: dict[str, int]) -> None:
    """Float32 in rows and float64 in loops agree to a thousandth of a typical change, where no gate is on edge."""
    spec = make_spec(**case)  # type: ignore[arg-type]
    series = Series(spec, 400)
    adaptation = Adaptation(spec, 1)
    found = stream(adaptation, series)
    opened = 0
    for target in range(len(spec.targets)):
        scales = np.array(spec.target_scales)[:, target]
        knots = list(adaptation.layout.knots)
        reference = Reference(knots, adaptation.layout.season, scales, spec.features[target].change)
        for at in range(len(found)):
            said = reference.update(
                float(series.samples[at, 0, target]),
                float(series.truths[at, 0, target]),
                series.forecasts[at, 0, :, target].astype(np.float64),
                warm=bool(series.warm[at]),
            )
            if all(knot.edge > 1e-3 for knot in reference.knots):
                np.testing.assert_allclose(found[at, 0, :, target] / scales, said / scales, rtol=0, atol=1e-3)
            opened += any(knot.is_open for knot in reference.knots)
        if len(spec.targets) == 1:
            assert adaptation.learned(0).taught == reference.taught
        assert tuple(adaptation.learned(0).open[target]) == tuple(knot.is_open for knot in reference.knots)
    assert opened > 50


def test_where_the_gate_is_shut_the_forecasts_stay_to_the_bit() -> None:
    """A network that is right is not touched."""
    spec = make_spec(horizon=3, season=4)
    series = Series(spec, 200)
    series.forecasts[...] = np.stack([np.roll(series.samples, -step, axis=0) for step in (1, 2, 3)], axis=2)
    np.testing.assert_array_equal(stream(Adaptation(spec, 1), series), series.forecasts)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rows_are_streams_of_their_own(case: dict[str, int]) -> None:
    """Streams at the same places, and such that move by turns, learn what each alone does."""
    spec = make_spec(**case)  # type: ignore[arg-type]
    series = Series(spec, 120, streams=5)
    together = Adaptation(spec, 5)
    found = stream(together, series, slice(0, 5))
    apart, random = Adaptation(spec, 5), np.random.default_rng(1)
    seen = np.zeros(5, int)
    by_turns = series.forecasts.copy()
    while (seen < 120).any():
        everyone = (seen < 120).all() and random.random() < 0.3
        rows = np.arange(5) if everyone else np.flatnonzero((random.random(5) < 0.5) & (seen < 120))
        if not len(rows):
            continue
        samples, truths = (
            np.stack([array[seen[row], row] for row in rows]) for array in (series.samples, series.truths)
        )
        said = np.stack([by_turns[seen[row], row] for row in rows])
        apart.update(slice(0, 5) if everyone else rows, samples, truths, said, series.warm[seen[rows]])
        by_turns[seen[rows], rows] = said
        seen[rows] += 1
    np.testing.assert_allclose(by_turns, found, rtol=1e-5, atol=1e-5)
    for row in range(5):
        lone = Adaptation(spec, 1)
        alone = series.forecasts[:, row : row + 1].copy()
        for at in range(120):
            one = slice(row, row + 1)
            warm = series.warm[at : at + 1]
            lone.update(slice(0, 1), series.samples[at, one], series.truths[at, one], alone[at], warm)
        np.testing.assert_allclose(alone[:, 0], found[:, row], rtol=1e-5, atol=1e-5)


@settings(max_examples=40)
@given(st.data())
def test_nothing_that_comes_makes_a_forecast_that_is_no_number(data: st.DataObject) -> None:
    """Spikes of a thousand deviations, shifts, gaps and forecasts as wild: all stays finite and bounded."""
    spec = make_spec(horizon=data.draw(st.sampled_from([1, 2, 12])), season=data.draw(st.sampled_from([None, 3])))
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    series = Series(spec, 150, seed=1)
    spikes = random.random(series.samples.shape) < data.draw(st.sampled_from([0, 0.02, 0.5]))
    series.samples[spikes] *= 1000
    series.samples[75:] += np.float32(data.draw(st.sampled_from([0, 50, -1e4])))
    wild = random.random(series.forecasts.shape) < data.draw(st.sampled_from([0, 0.02]))
    series.forecasts[wild] *= np.float32(data.draw(st.sampled_from([1e3, 1e20, 1e38])))
    series.truths = np.where(np.isnan(series.truths), series.truths, series.samples)
    adaptation = Adaptation(spec, 1)
    with np.errstate(over="ignore"):
        found = stream(adaptation, series)
    assert np.isfinite(found).all()
    assert adaptation.might_hold(adaptation.arrays_of(0))
    views = adaptation.layout.views(adaptation.memory)
    assert (np.linalg.eigvalsh(views["covariance"].astype(np.float64)) > -1e-6).all()
    assert (np.abs(views["weights"]) < 100).all()


def test_after_faults_it_is_as_good_as_before() -> None:
    """A bias is taken away before spikes and a shift of a thousand deviations, and again a while after them."""
    spec = make_spec(horizon=1)
    series = Series(spec, 6000)
    series.samples[2000:2010] += 1000
    series.samples[3000:] += 1000
    series.truths = series.samples.copy()
    ahead = np.roll(series.samples, -1, axis=0)[:, :, None]
    series.forecasts = (ahead + np.random.default_rng(0).normal(0.3, 0.1, ahead.shape)).astype(np.float32)
    off = np.abs(stream(Adaptation(spec, 1), series) - ahead)[:, 0, 0, 0]
    before, after = off[1500:2000].mean(), off[-500:-1].mean()
    assert before < 0.15
    assert after < 1.2 * before


def test_samples_that_are_not_known_teach_nothing() -> None:
    """What is learned stays to the bit while truths lack; forecasts go on."""
    spec = make_spec(horizon=3, season=4)
    series = Series(spec, 300)
    adaptation = Adaptation(spec, 1)
    series.truths[200:] = np.nan
    learned = [name for name in adaptation.layout.of_target if name not in ("values", "waiting")]
    first, last = (replace_(series, slice(*part)) for part in ((0, 200), (200, 300)))
    stream(adaptation, first)
    views = adaptation.layout.views(adaptation.memory)
    before = {name: views[name].copy() for name in learned}
    found = stream(adaptation, last)
    for name in learned:
        np.testing.assert_array_equal(views[name], before[name], err_msg=name)
    assert not np.array_equal(found, last.forecasts)


def replace_(series: Series, part: slice) -> Series:
    """Return some of the samples."""
    taken = object.__new__(Series)
    for name, array in vars(series).items():
        setattr(taken, name, array[part])
    return taken


def test_a_fresh_start_forgets_what_came_and_keeps_what_was_learned() -> None:
    spec = make_spec(horizon=3, season=4)
    series = Series(spec, 100)
    adaptation = Adaptation(spec, 1)
    stream(adaptation, series)
    views = adaptation.layout.views(adaptation.memory)
    before = {name: view.copy() for name, view in views.items()}
    adaptation.forget(np.array([0]))
    for name, view in views.items():
        if name in ("values", "waiting"):
            assert np.isnan(view).all()
        else:
            np.testing.assert_array_equal(view, before[name], err_msg=name)


def test_what_a_gain_makes_larger_is_learned_as_what_it_does_not() -> None:
    """A sensor that measures 4 z where another measures z has adapted forecasts four times as large."""
    spec = make_spec(horizon=3, season=4, sensors=2)
    series = Series(spec, 200)
    plain, larger = Adaptation(spec, 1), Adaptation(spec, 1)
    larger.gains[0] = 4
    found = stream(plain, series)
    for name in ("samples", "truths", "forecasts"):
        setattr(series, name, np.float32(4) * getattr(series, name))
    np.testing.assert_array_equal(stream(larger, series), 4 * found)


def damaged(name: str, number: float) -> Adaptation:
    """Return an adaptation with a number of one of its parts changed."""
    adaptation = Adaptation(make_spec(horizon=3, season=4), 1)
    stream(adaptation, Series(make_spec(horizon=3, season=4), 50))
    adaptation.layout.views(adaptation.memory)[name].reshape(1, -1)[0, 0] = number
    return adaptation


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("places", 3),
        ("places", -1),
        ("places", 0.5),
        ("places", np.nan),
        ("taught", -1),
        ("taught", 1.5),
        ("values", np.inf),
        ("waiting", np.inf),
        ("weights", np.nan),
        ("weights", 1e30),
        ("covariance", 0),
        ("covariance", -1),
        ("covariance", 1e6),
        ("covariance", np.nan),
        ("regret", np.inf),
        ("regret", 1e30),
        ("variance", -1),
        ("range", np.nan),
        ("gain", np.inf),
        ("worst", 65),
    ],
)
def test_numbers_that_no_stream_has_are_found(name: str, number: float) -> None:
    adaptation = damaged(name, number)
    if name == "places":  # one view of several words
        adaptation.memory[0, 0 if number != 3 else 1] = number
    assert not adaptation.might_hold(adaptation.arrays_of(0))


def test_a_model_that_does_not_say_how_much_it_changes_cannot_adapt() -> None:
    spec = make_spec(cell="own")
    spec = replace(spec, features=(replace(spec.features[0], change=0.0),))
    with pytest.raises(UsageError, match="cannot adapt"):
        Adaptation(spec, 1)
