"""Training with a column known ahead, from the series to the file's forecasts."""

from dataclasses import replace

import numpy as np
import pytest

import edgeseq_export
from edgeseq.evaluation.evaluate import evaluate_test_part, typical_predictor
from edgeseq.model.rescaling import rescaled
from edgeseq.reference import Oracle
from edgeseq.series import Series, analysis
from edgeseq.series.gaps import fill
from edgeseq.series.split import Parts, Split
from edgeseq.testing import make_checkpoint
from edgeseq.training.fitting import fit
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Feature

HORIZON = 4


def driven(samples: int = 1600) -> tuple[Series, Parts]:
    """A target that is what a random known column was told to be, three times over, with a little noise."""
    random = np.random.default_rng(0)
    told = random.standard_normal(samples)
    values = np.column_stack([3 * told + 0.1 * random.standard_normal(samples), told]).astype(np.float32)
    series = Series("driven", ("y", "told"), ("", ""), 1, values, np.arange(samples), known=1)
    return series, Split.parse("0.7:0.1:0.2").apply(series)


def test_what_is_known_ahead_is_forecast() -> None:
    """Nothing in the past tells the target, so without the column the error is that of its mean: about 1."""
    series, parts = driven()
    checkpoint = fit(series, parts, horizon=HORIZON, steps=150, hidden=8, layers=1)
    assert [column.name for column in checkpoint.spec.known] == ["told"]
    content = edgeseq_export.export(checkpoint).content
    scored = evaluate_test_part(typical_predictor(content), parts)
    assert scored.model.total.mse_standardized < 0.05
    assert scored.baselines["persistence"].total.mse_standardized > 1.5
    assert scored.baselines["ridge"].total.mse_standardized < 0.05, "ridge is told the same"


@pytest.mark.parametrize("options", [{"preset": "classic"}, {"layout": "steps"}])
def test_a_network_that_sees_windows_takes_no_known_columns(options: dict[str, str]) -> None:
    series, parts = driven()
    with pytest.raises(UsageError, match="takes no --known: a window holds what was"):
        fit(series, parts, horizon=HORIZON, steps=1, **options)  # type: ignore[arg-type]


def test_other_scales_and_centers_give_the_same_forecasts() -> None:
    """Weights in new units compute the same function of raw numbers, what is known ahead included."""
    checkpoint = make_checkpoint(known=2, horizon=3, features=2, targets=2, linear_path=3)
    old = checkpoint.spec

    def moved(feature: Feature) -> Feature:
        center, scale, change = feature.center - 1.5, 1.7 * feature.scale, 1.3 * feature.change
        return replace(feature, center=center, scale=scale, change=change)

    new = replace(old, features=tuple(map(moved, old.features)), known=tuple(map(moved, old.known)))
    x = random_walk(old, 40, 2)
    wanted, _ = Oracle(old, checkpoint.weights).run(x)
    made, _ = Oracle(new, rescaled(checkpoint.weights, old, new)).run(x)
    np.testing.assert_allclose(made, wanted, atol=1e-5)


def test_the_week_is_found_below_what_the_weather_does() -> None:
    """A weekly and a daily wave under a drift that a known column tells; the drift alone would hide the level too."""
    time = np.arange(24 * 7 * 20)
    drift = np.cumsum(np.random.default_rng(0).standard_normal(len(time)))
    weekend = (time // 24 % 7 >= 5) * 2.0
    noise = 0.2 * np.random.default_rng(1).standard_normal(len(time))
    values = np.column_stack([np.sin(2 * np.pi * time / 24) + weekend + noise + drift, drift]).astype(np.float32)
    train = fill(values)
    rest = analysis.less_known(train, 1)
    assert analysis.season_length(rest) == 168
    assert analysis.level_shifts(train, 0)
    assert not analysis.level_shifts(rest, 0)
