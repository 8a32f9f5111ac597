"""Sums over a long series by structure and FFT are those that are made row by row."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.evaluation import lagged, ridge
from edgeseq.evaluation.lagged import LaggedDistances


def distances(random: np.random.Generator, sizes: list[int], lags: int, features: int, drift: float) -> LaggedDistances:
    """Walks in segments with a gap of two rows between, laid out as training does."""
    padded, places, begin = [], [], 0
    for size in sizes:
        walk = np.cumsum(random.standard_normal((size, features)) + drift, axis=0)
        padded += [np.repeat(walk[:1], lags, axis=0), walk]
        places += [np.arange(begin + lags, begin + lags + size), np.zeros(2, np.int64)]
        begin += lags + size
    return LaggedDistances(np.concatenate(padded), np.concatenate(places), lags)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 150), min_size=1, max_size=5),
    lags=st.integers(1, 12),
    features=st.integers(1, 3),
    outputs=st.integers(0, 3),
    beside=st.integers(0, 2),
    drift=st.sampled_from([0.0, 5.0]),
    lacking=st.sampled_from([0.0, 0.1, 0.7]),
    seed=st.integers(0, 2**32),
)
def test_sums_by_structure_are_those_row_by_row(
    sizes: list[int], lags: int, features: int, outputs: int, beside: int, drift: float, lacking: float, seed: int
) -> None:
    """In blocks of few places, rows left out anywhere, targets that lack, drifts, and further columns."""
    random = np.random.default_rng(seed)
    design = distances(random, sizes, lags, features, drift)
    design = replace(design, beside=random.standard_normal((len(design.places), beside)) + drift)
    rows = np.flatnonzero(design.places)
    rows = rows[random.random(len(rows)) >= lacking]
    if not len(rows):
        return
    targets = random.standard_normal((len(rows), outputs))
    targets[random.random(targets.shape) < lacking] = np.nan
    shift = random.standard_normal(lags * features + beside)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lagged, "_FFT", 64)
        patch.setattr(lagged, "_RUNS", 3)
        found = design.sums(rows, targets, shift)
    x = np.column_stack([design(rows) - shift, np.ones(len(rows))])
    size = np.abs(x).max()
    np.testing.assert_allclose(found.gram, x.T @ x, atol=1e-11 * size**2 * len(rows))
    np.testing.assert_allclose(found.moment, x.T @ np.nan_to_num(targets), atol=1e-11 * size * len(rows))


def test_the_regression_of_a_long_series_is_the_same_to_twelve_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """60,000 rows with gaps, by structure; then with the limit above them, row by row."""
    random = np.random.default_rng(3)
    design = distances(random, [20_000, 45_000], 24, 1, 0.1)
    rows = np.flatnonzero(design.places)
    rows = np.delete(rows, random.integers(len(rows), size=500))
    targets = random.standard_normal((len(rows), 2)) + design(rows)[:, :2]
    assert design.has_long_runs(rows)
    quick = ridge.solve(design, rows, targets, (1e-9, 1.0))
    monkeypatch.setattr(lagged, "LONG", len(rows) + 1)
    assert not design.has_long_runs(rows)
    np.testing.assert_allclose(quick, ridge.solve(design, rows, targets, (1e-9, 1.0)), atol=1e-12)


def test_short_series_and_rows_that_lie_apart_are_summed_one_by_one() -> None:
    """Below 50,000 rows rounding stays what it was; every other row has an end of a run at each."""
    design = distances(np.random.default_rng(0), [200_000], 2, 1, 0.0)
    assert not design.has_long_runs(np.arange(49_999))
    assert design.has_long_runs(np.arange(50_000))
    assert not design.has_long_runs(np.arange(0, 200_000, 2))
