"""What the network sees: by hand, and against the oracle's own way to compute it."""

import numpy as np
import pytest

from edgeseq.model.scaling import describe, network_inputs, network_targets, target_scales
from edgeseq.series import Series
from edgeseq.series.gaps import fill
from edgeseq.testing import make_spec

NAN = np.nan


def series(*columns: list[float]) -> Series:
    values = np.array(columns, np.float32).T
    names = tuple(f"f{i}" for i in range(len(columns)))
    return Series("made", names, ("",) * len(columns), 1, values, np.arange(len(values)))


def test_statistics_by_hand_across_a_gap() -> None:
    """Changes are taken within segments; level statistics over what was measured."""
    data = series([1, 3, 2, NAN, NAN, 10, 14])
    feature = describe(data, data.values, fill(data.values, 1), [True])[0]
    measured = np.array([1, 3, 2, 10, 14.0])
    assert feature.mean == pytest.approx(measured.mean())
    assert feature.std == pytest.approx(measured.std())
    assert feature.change == pytest.approx(np.sqrt((4 + 1 + 16) / 3), rel=1e-6)
    assert (feature.minimum, feature.maximum) == (1, 14)


def test_inputs_by_hand() -> None:
    """Level (x - mean) / std where asked for, change / scale everywhere, no change at a segment's first sample."""
    spec = make_spec(features=2, levels=1, offset=10.0)  # means 10, 11; deviations 1, 1.5; changes 0.1, 0.2
    values = np.array([[10, 11], [10.5, 11], [NAN, NAN], [NAN, NAN], [9, 12], [9, 12.5]], np.float32)
    wanted: list[list[float]] = [[0, 0, 0], [0.5, 5, 0], [-1, 0, 0], [-1, 0, 2.5]]
    np.testing.assert_allclose(network_inputs(spec, fill(values, 1))[[0, 1, 4, 5]], wanted, atol=1e-5)


def test_targets_by_hand() -> None:
    """Change over one and two samples; unknown where the sample itself or the one ahead was filled in."""
    spec = make_spec(horizon=2)  # scales 0.1 and 0.1 * sqrt(2)
    values = np.array([1, NAN, 3, 4, NAN, NAN, 5, 6], np.float32)[:, None]
    found = network_targets(spec, fill(values, 1)) * np.array(spec.target_scales).reshape(-1)
    wanted = [[NAN, 2], [NAN, NAN], [1, NAN], [NAN, NAN], [NAN, NAN], [NAN, NAN], [1, NAN], [NAN, NAN]]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_target_scales_grow_as_the_changes_do_and_never_vanish() -> None:
    steps = np.random.default_rng(0).standard_normal(40_000)
    scales = np.array(target_scales(fill(np.cumsum(steps).astype(np.float32)[:, None]), 1, 9))[:, 0]
    np.testing.assert_allclose(scales, np.sqrt(np.arange(1, 10)), rtol=0.05)
    period = np.tile([0.0, 1, 3], 30).astype(np.float32)[:, None]
    assert target_scales(fill(period), 1, 3)[2] == target_scales(fill(period), 1, 1)[0]


def test_a_level_close_to_zero_is_not_centered() -> None:
    """The step graph then saves a node; what it subtracts otherwise is exact in float32."""
    noise = np.random.default_rng(0).standard_normal((1000, 1)).astype(np.float32)
    for mean, center in ((0.5, 0.0), (5.1, pytest.approx(5.1, abs=0.1))):
        values = noise + np.float32(mean)
        series = Series("s", ("a",), ("",), 1, values, np.arange(1000))
        (feature,) = describe(series, values, fill(values), [True])
        assert feature.center == center
        assert np.float32(feature.center) == feature.center
        assert feature.scale == feature.std
