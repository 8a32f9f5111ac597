"""Figures with adaptation: of the same streams, each of which begins to learn where training has not seen it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.evaluation.any_series import spec_for
from edgeseq.evaluation.backtest import backtest
from edgeseq.evaluation.evaluate import evaluate_test_part, residual_quantiles, score_adapted, typical_predictor
from edgeseq.evaluation.learning import MOST_LEARNED, Learner, adapted_forecasts, learners
from edgeseq.evaluation.report_text import backtest_summary, model_name, summary
from edgeseq.series import Part, Parts, Series
from edgeseq.testing import make_checkpoint
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Sensor


def walk(rows: int, seed: int = 0) -> Float32:
    """A series that rises, of which the random networks here know nothing: adaptation pays at once."""
    return np.cumsum(np.random.default_rng(seed).normal(0.3, 0.1, (rows, 1)), axis=0).astype(np.float32)


def model(**choices: Any) -> Predictor:
    return typical_predictor(edgeseq_export.build(make_checkpoint(**{"horizon": 3, "warmup": 5, **choices})))


def by_steps(predictor: Predictor, values: Float32, learns: int) -> Float32:
    """The forecasts of a stream that is handed over, sample by sample, to one that learns."""
    learner = Predictor(predictor.session, adapt=True)
    predictor.reset()
    made = [predictor.step(value) for value in values[:learns]]
    learner.restore(predictor.snapshot())
    return np.array([*made, *(learner.step(value) for value in values[learns:])])


def test_a_stream_learns_from_its_row_on_and_not_before() -> None:
    values, predictor = walk(300), model()
    found = adapted_forecasts(predictor, values, [Learner(0, 100, 300)])
    predictor.reset()
    static = predictor.run(values)
    np.testing.assert_allclose(found, by_steps(predictor, values, 100), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found[:100], static[:100].astype(np.float64))
    assert np.abs(found - static)[200:].max() > 0.1


def test_each_sensor_learns_for_itself() -> None:
    """What is learned of the first of two streams does not count for the second: it is as if alone."""
    first, second, predictor = walk(200), walk(200, seed=1), model()
    both = adapted_forecasts(predictor, np.concatenate([first, second]), [Learner(0, 50, 200), Learner(200, 250, 400)])
    alone = adapted_forecasts(predictor, second, [Learner(0, 50, 200)])
    np.testing.assert_array_equal(both[200:], alone)


def test_learning_begins_with_the_validation_part_but_not_ever_so_long_before() -> None:
    values = np.zeros((20_000, 1), np.float32)
    assert learners(Part(values[:900], 800)) == [Learner(0, 800, 900)]
    assert learners(Part(values[:900], 800), Part(values[:800], 700)) == [Learner(0, 700, 900)]
    long = learners(Part(values, 18_000), Part(values[:18_000], 2_000))
    assert long == [Learner(0, 18_000 - MOST_LEARNED, 20_000)]
    assert learners(Part(values[:50], 10), Part(values, 100)) == [Learner(0, 0, 50)]  # the sine's test part
    two = Part(values[:1000], 300, ((500, 800),)), Part(values[:900], 200, ((300, 700),))
    assert learners(*two) == [Learner(0, 200, 500), Learner(500, 600, 1000)]


def test_a_model_for_any_sensor_learns_from_what_others_are_trained_on() -> None:
    values = np.zeros((20_000, 1), np.float32)
    short = learners(Part(values[:900], 800), Part(values[:800], 700), all_new=True)
    assert short == [Learner(0, 0, 900)]
    (long,) = learners(Part(values, 18_000), Part(values[:18_000], 17_000), all_new=True)
    assert long == Learner(0, 18_000 - MOST_LEARNED, 20_000)


@pytest.mark.parametrize("judge", ["evaluate", "backtest"])
def test_the_starter_is_judged_as_a_device_that_streamed_the_series_from_its_first_sample(judge: str) -> None:
    """A season of 24 samples is known long before the test part: the figures are those of a lone adapting stream."""
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(500) * 2 * np.pi / 24)[:, None] + rng.normal(0, 0.05, (500, 1))
    series, parts = parts_of(values.astype(np.float32))
    predictor = typical_predictor(edgeseq_export.starter(horizon=3).content)
    device = Predictor(predictor.session, adapt=True)
    forecasts = np.array([device.step(row) for row in parts.test.values])
    if judge == "evaluate":
        spec = spec_for(predictor.spec, series, parts)
        found = evaluate_test_part(predictor, parts, adapt=True, spec=spec).adapted_forecasts
        first = 399
    else:
        spec = spec_for(predictor.spec, series, parts)
        found = backtest(predictor, series, parts, adapt=True, spec=spec).judged.adapted_forecasts
        first = 299
    assert found is not None
    np.testing.assert_allclose(found, forecasts[first : first + len(found)], rtol=0, atol=1e-5)


def parts_of(values: Float32) -> tuple[Series, Parts]:
    series = Series("made_up", ("f0",), ("",), 1, values, np.arange(len(values)))
    return series, Parts(values[:300], Part(values[:400], 300), Part(values, 400), "0.5:0.2:0.3")


def with_residuals() -> Predictor:
    checkpoint = make_checkpoint(horizon=3, warmup=5)
    known = residual_quantiles(model(), parts_of(walk(600))[1].validation)
    return typical_predictor(edgeseq_export.build(replace(checkpoint, spec=replace(checkpoint.spec, residuals=known))))


def test_an_evaluation_has_both_side_by_side() -> None:
    """As trained the figures are those without adaptation; in the tables, in the JSON and in the spec's figures."""
    predictor, (_, parts) = with_residuals(), parts_of(walk(600))
    static, both = evaluate_test_part(predictor, parts), evaluate_test_part(predictor, parts, adapt=True)
    assert (both.model, both.crps) == (static.model, static.crps)
    assert both.adapted
    assert both.judged is both.adapted
    found = both.to_dict()
    assert found | {"adapted": None} == static.to_dict() | {"adapted": None}
    assert (
        found["adapted"]["mse_standardized"] == both.adapted.total.mse_standardized < both.model.total.mse_standardized
    )
    assert found["adapted"]["crps"] == both.adapted_crps
    assert len(found["adapted"]["intervals"]) == len(found["intervals"]) == 2
    assert both.figures().adapted == score_adapted(predictor, parts.test, parts.validation)[1]
    text = summary(both)
    assert text.count(f"{model_name(predictor.spec)}, adapted") == 2
    assert ", adapted\n" in text.split("CRPS")[1]
    assert "adapted" not in summary(static)


def test_the_adapted_figures_are_those_of_the_forecasts() -> None:
    """Worked out by hand: the mean square of what the truth is off by, and how often it lies within the interval."""
    predictor, (_, parts) = with_residuals(), parts_of(walk(600))
    found = evaluate_test_part(predictor, parts, adapt=True)
    values, forecasts = parts.test.values[:, 0].astype(np.float64), found.adapted_forecasts
    assert found.adapted
    assert forecasts is not None
    error = values[found.origins[:, None] + np.arange(1, 4)] - forecasts[..., 0]
    assert found.adapted.total.rmse == pytest.approx(np.sqrt(np.mean(error**2)))
    assert predictor.spec.residuals
    ends = np.array(predictor.spec.residuals.quantiles)[:, 0, [0, -1]]
    inside = (error >= ends[:, 0]) & (error <= ends[:, 1])
    assert found.adapted_intervals[0].coverage == pytest.approx(inside.mean())


def test_a_backtest_has_both_in_each_fold() -> None:
    """Up to the end of the training part nothing is learned."""
    predictor, (series, parts) = with_residuals(), parts_of(walk(600))
    found = backtest(predictor, series, parts, folds=3, adapt=True)
    assert found.seen.adapted == found.seen.model
    assert found.judged.adapted
    assert all(fold.comparison.adapted != fold.comparison.model for fold in found.folds)
    assert [fold["adapted"]["rmse"] for fold in found.to_dict()["folds"]] == [
        fold.comparison.adapted.total.rmse for fold in found.folds if fold.comparison.adapted
    ]
    assert f"{model_name(predictor.spec)}, adapted" in backtest_summary(found)


def test_a_sensor_of_its_own_scale_learns_as_the_typical_one() -> None:
    """Samples ten times as large, of a sensor whose gain is ten: the forecasts are ten times as large as well."""
    sensors = (Sensor("one", (0.0,), (1.0,)), Sensor("ten", (0.0,), (10.0,)))
    checkpoint = make_checkpoint(horizon=3, warmup=5)
    content = edgeseq_export.build(replace(checkpoint, spec=replace(checkpoint.spec, sensors=sensors)))
    one, ten = (Predictor(content, sensor=name, adapt=False) for name in ("one", "ten"))
    values = walk(300)
    streams = [Learner(0, 50, 300)]
    np.testing.assert_allclose(
        adapted_forecasts(ten, 10 * values, streams), 10 * adapted_forecasts(one, values, streams), rtol=1e-3, atol=1e-2
    )
