"""Figures: by hand, on the same forecasts for all, and as the literature has them."""

import json
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.evaluation import baselines
from edgeseq.evaluation.figures import evaluate, residuals, score, stream
from edgeseq.evaluation.summary import summary
from edgeseq.series import Part, Parts, load
from edgeseq.series.gaps import fill
from edgeseq.training.planning import Wishes, plan
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError
from tests.conftest import ETTH1, CommandLine
from tests.made_up import make_checkpoint, make_spec

NAN = np.nan


def part(values: list[float], start: int) -> Part:
    return Part(np.array(values, np.float32)[:, None], start)


def test_origins_reach_from_the_sample_before_the_part_to_a_horizon_before_its_end() -> None:
    assert baselines.origins(part([0] * 10, 4), 3).tolist() == [3, 4, 5, 6]


def test_persistence_repeats_the_last_measured_sample() -> None:
    found = baselines.persistence(make_spec(horizon=2), part([1, 2, NAN, 4, 5], 1))
    assert found[:, :, 0].tolist() == [[1, 1], [2, 2], [2, 2]]


def test_the_seasonal_naive_forecast_never_looks_ahead() -> None:
    """Season 2, horizon 3: the last season, repeated as often as the horizon needs."""
    found = baselines.seasonal_naive(make_spec(horizon=3), part([1, 2, 3, 4, 5, 6, 7], 3), 2)
    assert found[:, :, 0].tolist() == [[2, 3, 2], [3, 4, 3]]


def test_ridge_finds_a_linear_recursion() -> None:
    """x[t+1] = 2 cos(w) x[t] - x[t-1] holds for any sine: its error is what float32 leaves."""
    values = np.sin(np.arange(600) * 0.1).astype(np.float32)[:, None]
    parts = Parts(values[:400], Part(values[:500], 400), Part(values, 500))
    spec = make_spec(horizon=1)
    truth = baselines.truths(spec, parts.test)
    assert np.abs(baselines.ridge(spec, parts) - truth).max() < 1e-5


def test_a_baseline_does_not_change_with_what_it_cannot_have_seen() -> None:
    """Forecasts made before a sample are the same whatever that sample is."""
    values = np.cumsum(np.random.default_rng(0).standard_normal((400, 1)), axis=0).astype(np.float32)
    spec = make_spec(horizon=4)

    def made(values: np.ndarray) -> dict[str, np.ndarray]:
        parts = Parts(values[:200], Part(values[:300], 200), Part(values, 300))
        ridge = baselines.ridge(spec, parts)
        return {
            "persistence": baselines.persistence(spec, parts.test),
            "seasonal": baselines.seasonal_naive(spec, parts.test, 7),
            "ridge": ridge,
        }

    changed = values.copy()
    changed[350:] += 100
    for name, forecasts in made(values).items():
        np.testing.assert_array_equal(made(changed)[name][:50], forecasts[:50])


def test_scores_by_hand() -> None:
    """Errors 1 and -3 at the first step, 2 at the second and one unknown; deviation of the training part 2."""
    spec = make_spec(features=3, horizon=2)  # feature 0 has deviation 1
    truth = np.array([[[1.0], [2.0]], [[1.0], [NAN]]])
    made = np.array([[[2.0], [4.0]], [[-2.0], [9.0]]])
    scored = score(spec, made, truth)
    assert scored.total.rmse == pytest.approx(np.sqrt((1 + 9 + 4) / 3))
    assert scored.total.mae == pytest.approx(2)
    assert scored.total.mse_standardized == pytest.approx(14 / 3)
    assert scored.per_horizon == (pytest.approx((np.sqrt(5), 2)), pytest.approx((2, 2)))


def test_targets_are_standardised_each_by_its_own_deviation() -> None:
    spec = make_spec(features=2, targets=2)  # deviations 1 and 1.5
    scored = score(spec, np.array([[[1.0, 1.5]]]), np.zeros((1, 1, 2)))
    assert scored.total.mse_standardized == pytest.approx(1)


def test_a_part_is_streamed_from_its_beginning_and_counts_when_warm() -> None:
    """The state is warmed up on what precedes; after a long gap forecasts count again only when the stream is warm."""
    checkpoint = make_checkpoint(warmup=3, gap_limit=2, horizon=2)
    predictor = Predictor(edgeseq_export.build(checkpoint))
    values = [float(number % 5) for number in range(20)]
    values[9] = NAN
    values[12:16] = [NAN] * 4
    test = part(values, 6)
    made = stream(predictor, test)
    told = Predictor(predictor.session)
    wanted = [told.step(value) for value in values]
    for origin, forecast in zip(range(5, 18), made, strict=True):
        counts = origin < 12 or origin == 18
        if counts:
            np.testing.assert_allclose(forecast, wanted[origin], atol=1e-6)
        else:
            assert np.isnan(forecast).all()


def test_all_forecasters_are_scored_on_the_same_forecasts() -> None:
    checkpoint = make_checkpoint(warmup=3, gap_limit=2)
    values = np.cumsum(np.random.default_rng(0).standard_normal((300, 1)), axis=0).astype(np.float32)
    values[250:256] = np.nan
    parts = Parts(values[:200], Part(values[:240], 200), Part(values, 240))
    predictor = Predictor(edgeseq_export.build(checkpoint))
    evaluation = evaluate(predictor, parts)
    # 60 truths, of which 6 are lacking, the one after the gap has no forecast, and two are made while not warm.
    assert evaluation.samples == 60 - 6 - 1 - 2
    truth = baselines.truths(predictor.spec, parts.test)[:, 0, 0]
    last = baselines.persistence(predictor.spec, parts.test)[:, 0, 0]
    counted = np.isfinite(evaluation.forecasts[:, 0, 0]) & np.isfinite(truth)
    wanted = np.sqrt(np.mean((truth - last)[counted] ** 2))
    assert evaluation.baselines["persistence"].total.rmse == pytest.approx(wanted)


def test_a_part_without_a_warm_forecast_has_no_figures() -> None:
    values = np.ones((300, 1), np.float32) * np.arange(300, dtype=np.float32)[:, None]
    values[230:] = np.nan
    parts = Parts(values[:200], Part(values[:240], 200), Part(values, 240))
    with pytest.raises(DataError, match="nothing to score"):
        evaluate(Predictor(edgeseq_export.build(make_checkpoint())), parts)


def test_residual_quantiles_are_those_of_the_residuals() -> None:
    checkpoint = make_checkpoint(horizon=2)
    predictor = Predictor(edgeseq_export.build(checkpoint))
    values = np.cumsum(np.random.default_rng(0).standard_normal((400, 1)), axis=0).astype(np.float32)
    test = Part(values, 50)
    error = baselines.truths(predictor.spec, test) - stream(predictor, test)
    found = residuals(predictor, test)
    for step in range(2):
        below = [(error[:, step, 0] <= quantile).mean() for quantile in found.quantiles[step][0]]
        np.testing.assert_allclose(below, found.levels, atol=0.01)


def test_a_model_that_loses_is_told_so_in_plain_words() -> None:
    """A network with a head of zeros is persistence: on a steady rise it loses to ridge, and ties with persistence."""
    checkpoint = make_checkpoint()
    weights = {name: value * 0 if name.startswith("head") else value for name, value in checkpoint.weights.items()}
    made = edgeseq_export.build(type(checkpoint)(checkpoint.spec, weights))
    values = np.arange(300, dtype=np.float32)[:, None]
    parts = Parts(values[:200], Part(values[:240], 200), Part(values, 240))
    text = summary(evaluate(Predictor(made), parts))
    assert "The model LOSES to ridge" in text
    assert "LOSES to persistence" not in text


@pytest.mark.skipif(not ETTH1.exists(), reason="ETTh1.csv may not be copied into the project, and is not beside it")
def test_the_baselines_of_etth1_are_those_of_the_literature() -> None:
    """OT, 24 steps, standardised MSE / MAE: persistence 0.0343 / 0.139, seasonal naive 0.0458 / 0.166, ridge 0.0265."""
    series, parts = load(str(ETTH1), targets=["OT"], split="8640:2880:2880")
    spec = plan(series, parts, Wishes(horizon=24)).spec
    assert spec.season == 24
    truth = baselines.truths(spec, parts.test)
    assert len(truth) == 2880 - 24 + 1
    found = {name: score(spec, made, truth).total for name, made in baselines.forecasts(spec, parts).items()}
    assert found["persistence"].mse_standardized == pytest.approx(0.0343, abs=5e-5)
    assert found["persistence"].mae_standardized == pytest.approx(0.139, abs=5e-4)
    assert found["seasonal naive"].mse_standardized == pytest.approx(0.0458, abs=5e-5)
    assert found["seasonal naive"].mae_standardized == pytest.approx(0.166, abs=5e-4)
    assert found["ridge"].mse_standardized == pytest.approx(0.0265, abs=3e-4)


# The command


def test_evaluate_prints_one_object(edgeseq: CommandLine, brief_path: Path, tmp_path: Path) -> None:
    """A checkpoint and the model file it becomes have the same figures, which are those noted in training."""
    edgeseq.must("export", brief_path, "-o", tmp_path / "m.onnx")
    found = json.loads(edgeseq.must("evaluate", tmp_path / "m.onnx", "--json").out)
    assert found == json.loads(edgeseq.must("evaluate", brief_path, "--json").out)
    assert found["samples"] == 1000
    assert len(found["per_horizon"]) == 1
    assert found["per_horizon"][0]["rmse"] == pytest.approx(found["rmse"])
    assert set(found["baselines"]) == {"persistence", "seasonal naive", "ridge"}
    assert found["baselines"]["persistence"]["rmse"] == pytest.approx(7.27e-3, rel=1e-3)
    noted = Predictor(tmp_path / "m.onnx").spec.figures
    assert noted is not None
    assert noted.model.rmse == pytest.approx(found["rmse"], rel=1e-3)


def test_evaluate_draws(edgeseq: CommandLine, brief_path: Path, tmp_path: Path) -> None:
    from matplotlib.image import imread

    answer = edgeseq.must("evaluate", brief_path, "--plot", tmp_path / "sine.png")
    assert "lstm 2x8" in answer.out
    image = imread(tmp_path / "sine.png")
    assert image.shape[:2] == (660, 1200)
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 50


def test_evaluate_wants_the_series_it_was_not_told(edgeseq: CommandLine, tmp_path: Path) -> None:
    make_checkpoint().save(tmp_path / "c")
    answer = edgeseq("evaluate", tmp_path / "c")
    assert answer.code == 2
    assert "was trained on made_up: name the series" in answer.err


def test_gaps_are_filled_as_the_model_says() -> None:
    """What counts as a long gap comes from the model file, so a segment begins where its stream would."""
    values = np.arange(30, dtype=np.float32)[:, None]
    values[10:14] = np.nan
    assert fill(values, 3).left == 1
    assert fill(values, 4).left == 0
