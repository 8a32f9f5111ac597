"""Short gaps are filled in training as a stream fills them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.evaluation.baselines import persistence, truths
from edgeseq.evaluation.evaluate import forecasts_at, typical_predictor
from edgeseq.model.architecture import weight_shapes
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.scaling import network_targets
from edgeseq.series import Part, Parts, Series, gaps
from edgeseq.training import autoregressive, imputing
from edgeseq.training.options import TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq_runtime.arrays import Float32

LIMIT = gaps.LIMIT


def parted(values: Float32) -> tuple[Series, Parts]:
    ends = int(0.7 * len(values)), int(0.8 * len(values))
    parts = Parts(values[: ends[0]], Part(values[: ends[1]], ends[0]), Part(values, ends[1]))
    return Series("walk", ("v",), ("",), 1, values, np.arange(len(values))), parts


def noisy_walk(samples: int, measured_every: int, seed: int = 0) -> Float32:
    """A walk with noise, of which most rows between those measured every few are empty, and one in fifty is not."""
    random = np.random.default_rng(seed)
    values = 0.1 * np.cumsum(random.standard_normal(samples)) + 0.4 * random.standard_normal(samples)
    measured = (np.arange(samples) % measured_every == 0) | (random.random(samples) < 0.02)
    return np.where(measured, values, np.nan).astype(np.float32)[:, None]


def planned(values: Float32, horizon: int = 12) -> tuple[Plan, Parts]:
    series, parts = parted(values)
    return plan(series, parts, TrainingOptions(horizon=horizon, layers=1, hidden=1, warmup=10)), parts


def silent(made: Plan, parts: Parts) -> Checkpoint:
    """A network that says nothing."""
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(made.spec).items()}
    return Checkpoint(made.spec, weights, parts.validation, parts.test)


def test_straight_lines_remain_where_few_samples_are_filled_in() -> None:
    """One in ten: the training part is the one that it was."""
    values = np.random.default_rng(1).standard_normal((1000, 1)).astype(np.float32)
    values[5::10] = np.nan
    made, parts = planned(values)
    assert made.fill is gaps.fill
    np.testing.assert_array_equal(made.train.values, gaps.fill(parts.train).values)
    assert not made.train.causal


@given(st.integers(0, 1000), st.integers(20, 280))
@settings(max_examples=20)
def test_what_is_filled_in_follows_from_earlier_samples_only(seed: int, row: int) -> None:
    """Other samples from some row on leave all before it as it was; measured values and segments are those of lines."""
    made, _ = planned(noisy_walk(1000, 2))
    values = noisy_walk(300, 2, seed)
    other = values.copy()
    other[row:] += 5
    before, after = made.fill(values, LIMIT), made.fill(other, LIMIT)
    np.testing.assert_array_equal(before.values[:row], after.values[:row])
    lines = gaps.fill(values, LIMIT)
    assert before.segments == lines.segments
    np.testing.assert_array_equal(before.values[lines.observed], values[lines.observed])
    assert np.isfinite(before.values[lines.warm(1)]).all()


@pytest.mark.parametrize("measured_every", [2, 3])
def test_a_stream_fills_gaps_with_the_same_values(measured_every: int) -> None:
    """A model file whose next sample is the imputer's forecasts, before each gap, what training had in it."""
    made, parts = planned(noisy_walk(3000, measured_every))
    assert isinstance(made.fill, imputing.Imputer)
    path = made.fill.within(autoregressive.naive_paths(made.spec, (24,))[0])
    predictor = typical_predictor(edgeseq_export.build(autoregressive.blended(silent(made, parts), path, 0.0)))
    said = predictor.run(parts.train)[:, 0, 0]
    filled = made.fill(parts.train, LIMIT)
    missing = np.flatnonzero(filled.warm(2) & ~filled.observed[:, 0])
    np.testing.assert_allclose(said[missing - 1], filled.values[missing, 0], atol=1e-4)


@pytest.mark.parametrize(("measured_every", "most"), [(2, 0.8), (3, 0.85)])
def test_a_path_is_learned_where_most_rows_are_empty(measured_every: int, most: float) -> None:
    """Streamed through its file it is clearly better than persistence; learned from lines it has 0.89 with every other
    row empty.
    """
    made, parts = planned(noisy_walk(4000, measured_every))
    nothing = silent(made, parts)
    path = autoregressive.fit(made.spec, made.train, parts.validation, made.lags[:1], fill=made.fill)
    path = imputing.as_filled(path, made.fill, nothing, parts.validation)
    predictor = typical_predictor(edgeseq_export.build(autoregressive.blended(nothing, path, 0.0)))
    values, at = parts.test.values, parts.test.origins(made.spec.horizon)
    truth = truths(made.spec, values, at)
    own, naive = forecasts_at(predictor, values, at) - truth, persistence(made.spec, values, at) - truth
    known = np.isfinite(own)
    assert np.mean(own[known] ** 2) < most * np.mean(naive[known] ** 2)


def test_forecasts_that_run_away_do_not_fill_gaps() -> None:
    """A path that forecasts three times the last change as the next one has the imputer's instead; the rest stays."""
    made, parts = planned(noisy_walk(1000, 2))
    path = autoregressive.naive_paths(made.spec, (24,))[0]
    path.weight[0, 0, -1] = 3 * made.spec.features[0].change / made.spec.target_scales[0][0]
    found = imputing.as_filled(path, made.fill, silent(made, parts), parts.validation)
    assert isinstance(made.fill, imputing.Imputer)
    np.testing.assert_array_equal(found.weight[0], made.fill.within(path).weight[0])
    np.testing.assert_array_equal(found.weight[1:], path.weight[1:])
    assert imputing.as_filled(path, gaps.fill, silent(made, parts), parts.validation) is path


def test_samples_that_were_filled_in_teach_where_they_know_nothing_of_what_comes() -> None:
    """With every other row empty, one step ahead is known after the empty ones only: lines have nothing to teach."""
    values = noisy_walk(1000, 2)
    values[1::2] = np.nan
    made, parts = planned(values, horizon=1)
    assert np.isfinite(network_targets(made.spec, made.train)).sum() > 300
    assert not np.isfinite(network_targets(made.spec, gaps.fill(parts.train))).any()


def test_a_long_recursion_stays_within_reach() -> None:
    """Even coefficients under which every forecast is twice as far as the last one give finite values."""
    made, _ = planned(noisy_walk(1000, 2))
    assert isinstance(made.fill, imputing.Imputer)
    wild = replace(made.fill, coefficients=np.full_like(made.fill.coefficients, -3.0))
    values = np.concatenate([noisy_walk(50, 1), np.full((2000, 1), np.nan, np.float32), noisy_walk(50, 1)])
    filled = wild(values, 5000)
    (feature,) = made.spec.features
    reach = 2 * (feature.maximum - feature.minimum)
    assert np.abs(filled.values).max() < max(abs(feature.minimum), abs(feature.maximum)) + reach
