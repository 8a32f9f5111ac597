"""Accuracy with the defaults, through the exported files: minutes, so CI runs them, `make test` does not.

Figures that a change should not worsen; measured values are in docs/benchmarks.md.
"""

import numpy as np
import pytest

import edgeseq
import edgeseq_export
from benchmarks.accuracy.sine import drift
from edgeseq.evaluation.evaluate import evaluate_test_part
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Parts, load
from edgeseq_runtime import Predictor
from tests.conftest import ETTH1

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sine() -> Checkpoint:
    series, parts = load(None)
    return edgeseq.fit(series, parts)


@pytest.mark.parametrize(("quantize", "limit"), [("none", 2e-6), ("int8", 2e-6), ("int4", 5e-6)])
def test_the_sine_streamed_one_sample_at_a_time(sine: Checkpoint, quantize: str, limit: float) -> None:
    """The classic program has 2.0e-3; persistence 7.3e-3; the test data's own rounding is 1.6e-6."""
    model = edgeseq_export.export(sine, quantize).content
    _, parts = load(None)
    values = parts.test.values[:, 0]
    p = Predictor(model)
    forecasts = np.array([p.step(float(value))[0, 0] for value in values], np.float64)
    error = forecasts[9:-1] - values[10:]
    assert len(error) == 1000
    assert np.sqrt(np.mean(error**2)) <= limit


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_the_sine_does_not_drift(sine: Checkpoint, quantize: str) -> None:
    """The last 1,000 of 200,000 further samples have at most twice the error of the first."""
    assert drift(edgeseq_export.export(sine, quantize).content, 200_000) <= 2


def assert_rounding_costs_little(checkpoint: Checkpoint) -> None:
    """At most half a percent of the error with 8 bits, two percent with 4."""
    errors = {}
    for quantize in ("none", "int8", "int4"):
        figures = edgeseq_export.export(checkpoint, quantize).spec.figures
        assert figures is not None
        errors[quantize] = figures.model.mse_standardized**0.5
    assert errors["int8"] <= 1.005 * errors["none"]
    assert errors["int4"] <= 1.02 * errors["none"]


def judged(name: str, parts: Parts, checkpoint: Checkpoint) -> dict[str, list[float]]:
    """RMSE of each step ahead, for the model file and the baselines."""
    evaluation = evaluate_test_part(Predictor(edgeseq_export.export(checkpoint).content, adapt=False), parts)
    assert evaluation.samples > 400, name
    forecasters = {"model": evaluation.model, **evaluation.baselines}
    return {name: [rmse for rmse, _ in scored.per_horizon] for name, scored in forecasters.items()}


@pytest.mark.parametrize("horizon", [1, 4])
def test_co2_beats_persistence_and_the_seasonal_naive_forecast(horizon: int) -> None:
    series, parts = load("co2")
    checkpoint = edgeseq.fit(series, parts, horizon=horizon)
    assert_rounding_costs_little(checkpoint)
    found = judged("co2", parts, checkpoint)
    for step in range(horizon):
        assert found["model"][step] < found["persistence"][step]
        assert found["model"][step] < found["seasonal naive"][step]


@pytest.mark.skipif(not ETTH1.exists(), reason="ETTh1.csv may not be copied into the project, and is not beside it")
def test_etth1_oil_temperature_a_day_ahead() -> None:
    series, parts = load(str(ETTH1), targets=["OT"], split="8640:2880:2880")
    checkpoint = edgeseq.fit(series, parts, horizon=24)
    evaluation = evaluate_test_part(Predictor(edgeseq_export.export(checkpoint).content, adapt=False), parts)
    assert evaluation.model.total.mse_standardized <= 0.0265
    assert_rounding_costs_little(checkpoint)
