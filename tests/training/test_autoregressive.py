"""The linear path: it finds a known recursion, and the network's weight is the one that forecasts best."""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq
import edgeseq_export
from edgeseq.evaluation import baselines
from edgeseq.evaluation.baselines import truths
from edgeseq.evaluation.evaluate import forecasts_at
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series, load
from edgeseq.testing import make_checkpoint
from edgeseq.training import autoregressive
from edgeseq.training.autoregressive import LinearPath
from edgeseq.training.options import TrainingKeywords, TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError, UsageError

COEFFICIENTS = np.array([0.5, -0.3, 0.2])
"""Of the change one, two and three samples back."""


def recursion(samples: int, lags: int = 3, seed: int = 0) -> tuple[Series, Parts]:
    """A walk whose changes follow x[t] = a1 x[t-1] + a2 x[t-2] + a3 x[t-3] + noise, `lags` / 3 samples apart."""
    noise = np.random.default_rng(seed).standard_normal(samples)
    changes = np.zeros(samples)
    for at in range(lags, samples):
        changes[at] = COEFFICIENTS @ changes[at - lags // 3 * np.arange(1, 4)] + noise[at]
    values = np.cumsum(0.01 * changes).astype(np.float32)[:, None]
    ends = int(0.7 * samples), int(0.8 * samples)
    parts = Parts(values[: ends[0]], Part(values[: ends[1]], ends[0]), Part(values, ends[1]))
    return Series("walk", ("v",), ("",), 1, values, np.arange(samples)), parts


def planned(series: Series, parts: Parts, **options: Unpack[TrainingKeywords]) -> Plan:
    chosen: TrainingKeywords = {"steps": 2, "hidden": 4, "warmup": 10, **options}
    return plan(series, parts, TrainingOptions(**chosen))


def drawn(made: Plan, lags: int) -> tuple[Checkpoint, LinearPath]:
    """A random network of a plan's spec, and a random linear path."""
    spec, random = made.spec, np.random.default_rng(3)
    weights = make_checkpoint(hidden=spec.hidden, horizon=spec.horizon, levels=spec.features[0].level).weights
    weight = random.uniform(-1, 1, (spec.outputs, 1, lags)).astype(np.float32) / np.float32(lags)
    bias = random.uniform(-1, 1, spec.outputs).astype(np.float32)
    return Checkpoint(spec, weights), LinearPath(weight, bias, np.zeros((spec.outputs, 0), np.float32))


def weakened(checkpoint: Checkpoint) -> Checkpoint:
    """The network with a softer voice: at its full one, random as it is, it has no share in the best forecast."""
    softer = checkpoint.weights["head.weight"] / np.float32(8)
    return replace(checkpoint, weights={**checkpoint.weights, "head.weight": softer})


def errors(checkpoint: Checkpoint, part: Part) -> np.ndarray:
    at = part.origins(checkpoint.spec.horizon)
    made = forecasts_at(Predictor(edgeseq_export.export(checkpoint).content), part.values, at)
    return made - truths(checkpoint.spec, part.values, at)


def test_it_finds_the_recursion_that_made_the_series() -> None:
    """With 40,000 samples a coefficient's standard error is about 1 / sqrt(28,000) = 0.006."""
    series, parts = recursion(40_000)
    made = planned(series, parts, linear_path=6, horizon=2)
    found = autoregressive.fit(made.spec, made.train, parts.validation, made.lags)
    a1, a2, a3 = COEFFICIENTS
    # The expected change one step ahead, and over two: the first, and what follows from it.
    second = np.array([a1 + a1**2 + a2, a2 + a1 * a2 + a3, a3 + a1 * a3])
    wanted = np.zeros((2, 6))
    wanted[:, :2:-1] = COEFFICIENTS, second
    change = made.spec.features[0].change
    unscaled = found.weight[:, 0] * np.array(made.spec.target_scales) / change
    np.testing.assert_allclose(unscaled, wanted, atol=0.03)
    np.testing.assert_allclose(found.bias, 0, atol=0.02)


def test_its_length_is_what_the_series_needs() -> None:
    """Changes that depend on those 100, 200 and 300 samples back need a path of 336, and the usual one cannot do.

    Those that depend on 30, 60 and 90 are served by the usual length; one that is as good is no reason to leave it.
    """
    for lags, chosen in ((300, 336), (90, 96)):
        series, parts = recursion(9000, lags)
        made = planned(series, parts)
        found = autoregressive.fit(made.spec, made.train, parts.validation, (24, 96, 336))
        assert found.weight.shape == (1, 1, chosen)


def test_members_count_by_their_errors() -> None:
    """Squares of 1, 1.2 and 2: sixth powers of the inverse are 1, 0.335 and 1/64, and the last hardly counts."""
    errors = [np.full((4, 1), np.sqrt(square)) for square in (1.0, 1.2, 2.0)]
    np.testing.assert_allclose(autoregressive.shares(errors), [1 / 1.335, 0.335 / 1.335, 0], atol=1e-3)
    np.testing.assert_allclose(autoregressive.shares(errors, [False, True, True]), [0, 1, 0])
    holed = [np.array([[1.0], [np.nan]]), np.ones((2, 1))]
    np.testing.assert_allclose(autoregressive.shares(holed), [0.5, 0.5])
    np.testing.assert_array_equal(autoregressive.shares([np.zeros((4, 1)), np.ones((4, 1))]), [1, 0])


def test_paths_of_several_lengths_are_one_path() -> None:
    """Its forecasts are the weighted mean of theirs, on the changes that all of them see."""
    random = np.random.default_rng(4)
    shapes = (((2, 1, lags), (2,), (2, 4)) for lags in (3, 5))
    paths = [LinearPath(*(random.normal(size=shape).astype(np.float32) for shape in each)) for each in shapes]
    both, changes = autoregressive.combined(paths, np.array([0.25, 0.75])), random.normal(size=5)
    wanted = sum(
        share * (path.weight[:, 0] @ changes[-path.lags :] + path.bias)
        for share, path in zip((0.25, 0.75), paths, strict=True)
    )
    np.testing.assert_allclose(both.weight[:, 0] @ changes + both.bias, wanted, rtol=1e-5)
    np.testing.assert_allclose(both.known, 0.25 * paths[0].known + 0.75 * paths[1].known, rtol=1e-5)
    assert autoregressive.combined(paths, np.array([1.0, 0.0])).lags == 3


@pytest.mark.parametrize("season", [7, 24])
def test_naive_forecasts_are_linear_paths(season: int) -> None:
    """Through an exported file they say what the baselines say, also where the horizon is longer than a season."""
    series, parts = recursion(600)
    made = planned(series, parts, horizon=9, season=season)
    checkpoint, _ = drawn(made, 2)
    values, at = parts.test.values, parts.test.origins(9)
    persistence, seasonal = autoregressive.naive_paths(made.spec, (24, 48))
    for path, wanted in (
        (persistence, baselines.persistence(made.spec, values, at)),
        (seasonal, baselines.seasonal_naive(made.spec, season, values, at)),
    ):
        assert path.lags == 24
        blended = autoregressive.blended(checkpoint, path, 0.0)
        found = forecasts_at(Predictor(edgeseq_export.export(blended).content), values, at)
        np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert len(autoregressive.naive_paths(made.spec, (5,))) == 1


def test_of_many_validation_rows_the_best_regression_is_taken_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 6,000 with the limit at 5,000; below it, one that is not much worse takes part."""
    series, parts = recursion(60_000, 300)
    made = planned(series, parts)
    few = autoregressive.fit(made.spec, made.train, parts.validation, (24, 168, 336))
    monkeypatch.setattr(autoregressive, "_MANY", 5000)
    many, alone = (autoregressive.fit(made.spec, made.train, parts.validation, of) for of in ((24, 168, 336), (336,)))
    np.testing.assert_array_equal(many.weight, alone.weight)
    assert np.abs(few.weight - alone.weight).max() > 0.01


@pytest.mark.parametrize(("noise", "wanted"), [(0.0, np.inf), (1.0, 1.0)])
def test_a_gain_is_counted_in_standard_errors(noise: float, wanted: float) -> None:
    """Ten blocks of one error each, whose squares differ by 1 on average and by a standard error of `noise`."""
    spread = np.array([-1.0, 1.0] * 5)
    spread *= noise * np.sqrt(10) / np.std(spread, ddof=1)
    other = np.full((10, 1), 3.0)
    usual = np.sqrt(other[:, 0] ** 2 + 1 + spread)[:, None]
    assert autoregressive.gain(usual, other) == pytest.approx(wanted)
    assert autoregressive.gain(other, other) == 0
    assert autoregressive.gain(other, usual) == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_forecast_is_the_weighed_mean_of_both(share: float) -> None:
    """Through exported files, against a linear path worked out with numpy."""
    series, parts = recursion(600)
    made = planned(series, parts, horizon=3)
    checkpoint, path = drawn(made, 5)
    values = parts.test.values[:200]
    network = Predictor(edgeseq_export.export(checkpoint).content).run(values)[:, :, 0].astype(np.float64)
    both = autoregressive.blended(checkpoint, path, share)
    assert both.spec.linear_path == 5
    said = Predictor(edgeseq_export.export(both).content).run(values)[:, :, 0]

    changes = np.diff(values[:, 0].astype(np.float64), prepend=values[:1, 0]) / made.spec.features[0].change
    last = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(4), changes]), 5)
    scales = np.array(made.spec.target_scales)[:, 0]
    own = values.astype(np.float64) + (last @ path.weight[:, 0].T.astype(np.float64) + path.bias) * scales
    np.testing.assert_allclose(said, share * network + (1 - share) * own, atol=1e-6 * np.abs(values).max() + 1e-7)


def test_the_share_in_a_forecast_is_judged_by_its_errors() -> None:
    """Those of the exported files, in units of the deviation, where both know a truth."""
    series, parts = recursion(3000)
    made = planned(series, parts, horizon=2)
    checkpoint, _ = drawn(made, 2)
    path = autoregressive.fit(made.spec, made.train, parts.validation, (24,))
    checkpoint = weakened(checkpoint)
    own, other = (
        errors(autoregressive.blended(checkpoint, path, share), parts.validation) / made.spec.features[0].std
        for share in (1.0, 0.0)
    )
    found = autoregressive.ensemble_weight(checkpoint, path, parts.validation)
    assert 0.01 < found < 0.99
    assert found == pytest.approx(autoregressive.share(own, other), abs=1e-3)


def scaled_stretches(random: np.random.Generator, rows: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of two forecasts, (row, step), and the size that those of each of ten stretches of rows have."""
    sizes = np.exp(random.uniform(-3, 3, 10))
    size = np.repeat(sizes, rows // 10)[:, None]
    both = random.standard_normal((rows, steps))
    own, other = (size * (both + random.uniform(0.1, 2) * random.standard_normal((rows, steps))) for _ in range(2))
    return own, other, size


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 4))
def test_the_share_lies_between_two_thirds_of_the_best_one_and_that(seed: int, steps: int) -> None:
    """The best one by numpy's least squares on rows that are divided by the fourth root of their stretch's mean square.

    The one taken is worse by less than a standard error of the ten stretches.
    """
    own, other, _ = scaled_stretches(np.random.default_rng(seed), 300, steps)
    divisor = np.repeat([np.mean(stretch**2) for stretch in np.split(other, 10)], 30)[:, None]
    divisor = np.maximum(divisor, 1e-3 * divisor.mean()) ** 0.25
    own_even, other_even = own / divisor, other / divisor
    slope = np.linalg.lstsq((other_even - own_even).reshape(-1, 1), other_even.reshape(-1), rcond=None)[0][0]
    best = min(max(slope, 0), 1)
    found = autoregressive.share(own, other)
    assert 2 * best / 3 - 1e-9 <= found <= best + 1e-9
    mixed, least = (np.square(share * own_even + (1 - share) * other_even) for share in (found, best))
    worse = [stretch.mean() for stretch in np.split(mixed - least, 10)]
    assert np.mean(worse) <= 1.000001 * np.std(worse, ddof=1) / np.sqrt(10)
    assert autoregressive.share(1000 * own, 1000 * other) == pytest.approx(found)


def test_a_loud_stretch_does_not_decide_the_share_alone() -> None:
    """In nine quiet stretches the path is right, in a loud one the network: by plain squares it would have all."""
    own, other = np.ones((100, 1)), np.zeros((100, 1))
    other[::2] = 0.1
    own[:10], other[:10] = 0, 100
    own[10::2] *= -1
    by_squares = np.sum(other * (other - own)) / np.sum((other - own) ** 2)
    assert by_squares > 0.99
    assert autoregressive.share(own, other) < 0.8
    # 10 rows weighed by 1 / 100 against 90 by 1 / sqrt(0.005), but at least by the thousandth of 1000 as mean square.
    quiet = 1 / np.sqrt(max(0.005, 1e-3 * 1000.0045))
    loud = np.sum(other[:10] ** 2) / 100
    fought = np.sum((other[10:] - own[10:]) ** 2) * quiet
    best = (loud + quiet * np.sum(other[10:] * (other[10:] - own[10:]))) / (loud + fought)
    assert 2 * best / 3 - 1e-9 <= autoregressive.share(own, other) <= best + 1e-9


def test_stretches_without_an_error_are_weighed_too() -> None:
    """Not one forecast is off: all rows count the same, and the network, which is not needed, has no share."""
    np.testing.assert_array_equal(autoregressive.evenness(np.zeros((25, 2))), np.ones(25))
    assert autoregressive.share(np.ones((25, 2)), np.zeros((25, 2))) == 0
    few = autoregressive.evenness(np.array([[1.0], [2.0], [0.0]]))
    np.testing.assert_allclose(few, [1, 1 / 2, 1 / np.sqrt(1e-3 * 5 / 3)])


def test_where_the_network_is_far_better_it_has_nearly_all_of_the_share() -> None:
    """The network is the one that is right; the path says nothing but noise."""
    series, parts = recursion(3000)
    made = planned(series, parts)
    checkpoint, _ = drawn(made, 2)
    right = autoregressive.fit(made.spec, made.train, parts.validation, (24,))
    worse = replace(right, weight=right.weight + np.float32(0.5))
    shares = [autoregressive.ensemble_weight(checkpoint, path, parts.validation) for path in (right, worse)]
    assert shares[0] < 0.1
    assert shares[1] > 0.9


def test_a_share_is_never_outside_zero_and_one() -> None:
    """A path that says the opposite of the truth is not subtracted: it is left out."""
    series, parts = recursion(3000)
    made = planned(series, parts)
    checkpoint, _ = drawn(made, 2)
    checkpoint = weakened(checkpoint)
    path = autoregressive.fit(made.spec, made.train, parts.validation, (24,))
    opposite = replace(path, weight=-path.weight)
    assert autoregressive.ensemble_weight(checkpoint, opposite, parts.validation) == 1


@pytest.mark.parametrize(("wish", "found"), [(7, (7,)), (0, ()), (None, (24, 48, 96, 168))])
def test_a_length_that_the_user_names_is_taken(wish: int | None, found: tuple[int, ...]) -> None:
    """By itself, lengths are tried for which there are four training samples a number."""
    series, parts = recursion(1200)
    assert planned(series, parts, linear_path=wish).lags == found


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"preset": "classic", "linear_path": 7}, "no --linear-path"),
        ({"layout": "steps", "linear_path": 7}, "no --linear-path"),
        ({"preset": "classic", "layout": "stream", "linear_path": 7}, "predicts values"),
    ],
)
def test_a_path_where_there_can_be_none_is_refused(options: TrainingKeywords, word: str) -> None:
    series, parts = recursion(1200)
    with pytest.raises(UsageError, match=word):
        plan(series, parts, TrainingOptions(**options))


def test_a_path_longer_than_the_series_is_refused() -> None:
    series, parts = recursion(1200)
    with pytest.raises(DataError, match="linear path of 100000000 changes"):
        planned(series, parts, linear_path=100_000_000)


def test_a_series_that_obeys_a_linear_law_needs_none() -> None:
    series, parts = load(None)
    assert plan(series, parts, TrainingOptions()).lags == ()


def test_gaps_are_starts_for_the_path_as_well() -> None:
    """After a long gap the path sees no distance, as a fresh stream does, not that to before the gap."""
    series, parts = recursion(1200)
    values = parts.train.copy()
    values[400:410] = np.nan
    made = planned(series, replace(parts, train=values))
    spec = made.spec
    design = autoregressive.lagged_distances(spec, made.train, 4)
    scaled = values[:, 0].astype(np.float64) / spec.features[0].change
    for row, earlier in ((2, [0, 0, 0, 1]), (399, [395, 396, 397, 398]), (410, [410] * 4), (412, [410, 410, 410, 411])):
        np.testing.assert_allclose(design(np.array([row])), [scaled[earlier] - scaled[row]], atol=1e-5)


def test_a_long_horizon_takes_one_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step ahead lacks one more row at the end: with a decomposition for each, 200 steps took minutes.

    Where most rows lack some truth, they are used all the same.
    """
    solved = []
    decompose = np.linalg.eigh

    def noted(matrix: np.ndarray) -> object:
        solved.append(len(matrix))
        return decompose(matrix)

    monkeypatch.setattr(np.linalg, "eigh", noted)
    series, parts = recursion(3000)
    made = planned(series, parts, horizon=200)
    autoregressive.fit(made.spec, made.train, parts.validation, (24, 48))
    assert solved == [24, 48]
    rows, targets = np.arange(4), np.array([[1.0, np.nan]] * 3 + [[1.0, 2.0]])
    assert len(autoregressive.drop_incomplete(rows, targets)[0]) == 4
    assert len(autoregressive.drop_incomplete(rows[2:], targets[2:])[0]) == 1


@pytest.fixture(scope="module")
def mixed() -> tuple[Checkpoint, Parts]:
    """A network trained for a moment on co2, with four tenths in the forecast, and a linear path with the rest."""
    series, parts = load("co2")
    alone = edgeseq.fit(series, parts, steps=30, hidden=6, horizon=2, linear_path=0)
    made = plan(series, parts, TrainingOptions(steps=30, hidden=6, horizon=2))
    path = autoregressive.fit(made.spec, made.train, parts.validation, (24,))
    return autoregressive.blended(alone, path, 0.4), parts


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_a_model_with_a_linear_path_passes_the_gate(mixed: tuple[Checkpoint, Parts], quantize: str) -> None:
    checkpoint, parts = mixed
    predictor = Predictor(edgeseq_export.export(checkpoint, quantize).content)
    made = predictor.run(parts.test.values[-300:])
    plain = Predictor(edgeseq_export.build(checkpoint)).run(parts.test.values[-300:])
    assert np.nanmax(np.abs(made - plain)) < 0.1 * checkpoint.spec.features[0].change


def test_a_checkpoint_forecasts_the_same_when_it_is_loaded(mixed: tuple[Checkpoint, Parts], tmp_path: Path) -> None:
    """The fitted weights lie in memory in an order of their own."""
    checkpoint, parts = mixed
    checkpoint.save(tmp_path / "model")
    before, after = (
        Predictor(edgeseq_export.build(one)).run(parts.test.values[-300:])
        for one in (checkpoint, Checkpoint.load(tmp_path / "model"))
    )
    np.testing.assert_array_equal(after, before)


def test_the_mixture_is_no_worse_than_the_network_alone() -> None:
    """Over the validation part, which chose the share."""
    series, parts = load("co2")
    checkpoint, alone = (
        edgeseq.fit(series, parts, steps=30, hidden=6, horizon=2, linear_path=lags) for lags in (None, 0)
    )
    assert checkpoint.spec.linear_path
    assert checkpoint.spec.training
    share = checkpoint.spec.training.options["network_share"]
    assert isinstance(share, float)
    assert share < 1
    assert not alone.spec.linear_path
    squares = [np.nanmean(np.square(errors(one, parts.validation))) for one in (checkpoint, alone)]
    assert squares[0] < squares[1]


def test_one_sample_in_twenty_missing_leaves_a_share_that_is_judged_by_what_is_known() -> None:
    """No forecast of 24 steps has all its truths; the share is near that of the whole series."""
    series, parts = recursion(3000)
    made = planned(series, parts, horizon=24)
    checkpoint, _ = drawn(made, 2)
    path = autoregressive.fit(made.spec, made.train, parts.validation, (24,))
    checkpoint = weakened(checkpoint)
    whole = autoregressive.ensemble_weight(checkpoint, path, parts.validation)
    values = parts.validation.values.copy()
    values[np.arange(len(values)) % 20 == 7] = np.nan
    holed = replace(parts.validation, values=values)
    assert autoregressive.ensemble_weight(checkpoint, path, holed) == pytest.approx(whole, abs=0.1)


def test_where_no_truth_is_known_network_and_path_count_the_same() -> None:
    series, parts = recursion(1200)
    made = planned(series, parts, horizon=2)
    checkpoint, path = drawn(made, 2)
    nothing = replace(parts.validation, values=np.full_like(parts.validation.values, np.nan))
    assert autoregressive.ensemble_weight(checkpoint, path, nothing) == 0.5
