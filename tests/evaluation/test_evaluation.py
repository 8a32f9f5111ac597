"""Figures: by hand, on the same forecasts for all, and as the literature has them."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.evaluation import baselines, ridge
from edgeseq.evaluation import evaluate as evaluate_module
from edgeseq.evaluation.evaluate import Comparison, evaluate_test_part, forecasts_at, residual_quantiles
from edgeseq.evaluation.metrics import Metrics, compute_metrics
from edgeseq.evaluation.report_text import summary, verdict
from edgeseq.series import Part, Parts, load
from edgeseq.series.gaps import fill
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq.training.options import TrainingOptions
from edgeseq.training.plan import plan
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import Score, Spec
from tests.conftest import ETTH1, CommandLine

NAN = np.nan


def column(values: list[float]) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def walk(samples: int, features: int = 1) -> np.ndarray:
    """A random walk, (time, feature)."""
    steps = np.random.default_rng(0).standard_normal((samples, features))
    return np.cumsum(steps, axis=0).astype(np.float32)


def split(values: np.ndarray, train: int, validation: int) -> Parts:
    """Parts that end at these rows, and the rest."""
    return Parts(values[:train], Part(values[:validation], train), Part(values, validation))


def forecasts_of(spec: Spec, parts: Parts, name: str) -> np.ndarray:
    """A baseline's forecasts of the test part."""
    forecast = baselines.fit(spec, parts).forecasters[name]
    return forecast(parts.test.values, parts.test.origins(spec.horizon))


def truth_of(spec: Spec, part: Part) -> np.ndarray:
    return baselines.truths(spec, part.values, part.origins(spec.horizon))


def test_origins_reach_from_the_sample_before_the_part_to_a_horizon_before_its_end() -> None:
    assert Part(column([0] * 10), 4).origins(3).tolist() == [3, 4, 5, 6]


def test_persistence_repeats_the_last_measured_sample() -> None:
    found = baselines.persistence(make_spec(horizon=2), column([1, 2, NAN, 4, 5]), np.arange(3))
    assert found[:, :, 0].tolist() == [[1, 1], [2, 2], [2, 2]]


def test_the_seasonal_naive_forecast_never_looks_ahead() -> None:
    """Season 2, horizon 3: the last season, repeated as often as the horizon needs."""
    found = baselines.seasonal_naive(make_spec(horizon=3), 2, column([1, 2, 3, 4, 5, 6, 7]), np.array([2, 3]))
    assert found[:, :, 0].tolist() == [[2, 3, 2], [3, 4, 3]]


def test_ridge_finds_a_linear_recursion() -> None:
    """x[t+1] = 2 cos(w) x[t] - x[t-1] holds for any sine: its error is what float32 leaves."""
    values = np.sin(np.arange(600) * 0.1).astype(np.float32)[:, None]
    parts, spec = split(values, 400, 500), make_spec(horizon=1)
    assert np.abs(forecasts_of(spec, parts, "ridge") - truth_of(spec, parts.test)).max() < 1e-5


@pytest.mark.parametrize("lacking", [0.0, 0.1, 0.8])
def test_ridge_is_least_squares_with_penalty_rows(monkeypatch: pytest.MonkeyPatch, lacking: float) -> None:
    """Each output on the rows where it is known; the truth is QR on rows that say "coefficient * deviation = 0"."""
    monkeypatch.setattr(ridge, "BLOCK", 7)
    random = np.random.default_rng(1)
    x = random.standard_normal((200, 3)) @ random.standard_normal((3, 3)) + [5, 0, -40]
    y = x @ random.standard_normal((3, 4)) + random.standard_normal((200, 4))
    y[random.random(y.shape) < lacking] = NAN
    y[:, 3] = NAN
    penalties = (1e-9, 0.3, 20.0)
    found = ridge.solve(lambda rows: x[rows], np.arange(200), y, penalties)
    assert np.isnan(found[:, :, 3]).all()
    for at, penalty in enumerate(penalties):
        for output in range(3):
            known = np.isfinite(y[:, output])
            rows, wanted = x[known], y[known, output]
            damped = np.diag(rows.std(axis=0)) * np.sqrt(penalty * len(rows))
            centred = np.vstack([rows - rows.mean(axis=0), damped])
            slopes = np.linalg.lstsq(centred, np.concatenate([wanted - wanted.mean(), np.zeros(3)]), rcond=None)[0]
            np.testing.assert_allclose(found[at, :3, output], slopes, rtol=1e-8)
            assert found[at, 3, output] == pytest.approx(wanted.mean() - rows.mean(axis=0) @ slopes)


def test_ridge_takes_the_memory_of_blocks_not_of_all_rows() -> None:
    """100,000 rows of 95 lags as float64 are 76 MB."""
    parts, spec = split(walk(100_000), 90_000, 99_000), make_spec()
    tracemalloc.start()
    try:
        forecasts_of(spec, parts, "ridge")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30e6


def test_ridge_needs_no_row_in_which_all_outputs_are_known() -> None:
    """Every third sample is missing: four steps ahead are never known together, each is known somewhere."""
    values = walk(600)
    values[::3] = NAN
    parts, spec = split(values, 400, 500), make_spec(horizon=4)
    assert not np.isfinite(truth_of(spec, parts.test)).all(axis=(1, 2)).any()
    fitted, last = forecasts_of(spec, parts, "ridge"), forecasts_of(spec, parts, "persistence")
    error = compute_metrics(spec, fitted, truth_of(spec, parts.test)).total.rmse
    assert error < 1.1 * compute_metrics(spec, last, truth_of(spec, parts.test)).total.rmse


def test_a_feature_that_the_training_part_lacks_teaches_ridge_nothing() -> None:
    values = walk(600, features=2)
    values[:450, 1] = NAN
    alone = forecasts_of(make_spec(), split(values[:, :1], 400, 500), "ridge")
    np.testing.assert_allclose(forecasts_of(make_spec(features=2), split(values, 400, 500), "ridge"), alone, atol=1e-9)


@pytest.mark.parametrize(
    ("train", "validation", "gap", "reason"),
    [
        (1, 2, (0, 0), "no row of the training part has f0 known 1 ahead"),
        (200, 240, (0, 200), "no row of the training part has f0 known 1 ahead"),
        (200, 240, (200, 240), "no row of the validation part, which chooses its penalty, has a known sample ahead"),
    ],
)
def test_where_ridge_has_nothing_to_fit_it_is_left_out_with_the_reason(
    train: int, validation: int, gap: tuple[int, int], reason: str
) -> None:
    values = walk(300)
    values[slice(*gap)] = NAN
    evaluation = evaluate_test_part(
        Predictor(edgeseq_export.build(make_checkpoint())), split(values, train, validation)
    )
    assert set(evaluation.baselines) == {"persistence"}
    assert f"ridge is left out: {reason}." in summary(evaluation)
    assert evaluation.to_dict()["left_out"] == {"ridge": reason}


def test_a_forecast_from_a_missing_sample_is_scored_for_all_forecasters() -> None:
    """A device makes it too: the model from its own imputation, the baselines from the last measured sample."""
    values = walk(300)
    values[250:252] = NAN
    parts = split(values, 200, 240)
    predictor = Predictor(edgeseq_export.build(make_checkpoint(horizon=2)))
    evaluation = evaluate_test_part(predictor, parts)
    at = evaluation.origins.tolist().index(251)
    predictor.reset()
    wanted = [predictor.step(value) for value in values[:252]][-1]
    np.testing.assert_allclose(evaluation.forecasts[at], wanted, atol=1e-6)
    spec = predictor.spec
    for name, forecast in baselines.fit(spec, parts).forecasters.items():
        assert np.isfinite(forecast(values, np.array([250, 251]))).all(), name
    assert forecasts_of(spec, parts, "persistence")[at, 0, 0] == values[249, 0]
    # Of the 59 origins only the one before the gap has no truth at all.
    assert evaluation.samples == 59 - 1


def test_a_baseline_does_not_change_with_what_it_cannot_have_seen() -> None:
    """Forecasts made before a sample are the same whatever that sample is."""
    values = walk(400)
    spec = replace(make_spec(horizon=4), season=7)

    def made(values: np.ndarray) -> dict[str, np.ndarray]:
        return {name: forecasts_of(spec, split(values, 200, 300), name) for name in ("seasonal naive", "ridge")}

    changed = values.copy()
    changed[350:] += 100
    for name, forecasts in made(values).items():
        np.testing.assert_array_equal(made(changed)[name][:50], forecasts[:50])


def test_scores_by_hand() -> None:
    """Errors 1 and -3 at the first step, 2 at the second and one unknown; deviation of the training part 2."""
    spec = make_spec(features=3, horizon=2)  # feature 0 has deviation 1
    truth = np.array([[[1.0], [2.0]], [[1.0], [NAN]]])
    made = np.array([[[2.0], [4.0]], [[-2.0], [9.0]]])
    scored = compute_metrics(spec, made, truth)
    assert scored.total.rmse == pytest.approx(np.sqrt((1 + 9 + 4) / 3))
    assert scored.total.mae == pytest.approx(2)
    assert scored.total.mse_standardized == pytest.approx(14 / 3)
    np.testing.assert_allclose(scored.per_horizon, [(np.sqrt(5), 2), (2, 2)])


def test_errors_are_scaled_by_those_of_the_naive_forecast_in_training() -> None:
    """Absolute errors 1, 3 and 2 of the first target in units of 4, 6 of the second in units of 0.5; by hand."""
    spec = make_spec(features=3, targets=2, horizon=2)
    truth = np.array([[[1.0, NAN], [2.0, NAN]], [[1.0, 7.0], [NAN, NAN]]])
    made = np.array([[[2.0, 0.0], [4.0, 0.0]], [[-2.0, 1.0], [9.0, 0.0]]])
    scored = compute_metrics(spec, made, truth, np.array([4.0, 0.5]))
    assert scored.mase == pytest.approx((1 / 4 + 3 / 4 + 2 / 4 + 6 / 0.5) / 4)
    assert np.isnan(compute_metrics(spec, made, truth).mase)


def test_the_naive_forecast_is_one_season_old_where_there_is_a_season() -> None:
    """0 1 2 ... with a sample missing: each differs from the third before it by 3, from the one before by 1."""
    values = np.arange(12, dtype=np.float32)[:, None]
    values[5] = NAN
    spec = make_spec(features=1)
    assert baselines.naive_error(replace(spec, season=3), values).tolist() == [3.0]
    assert baselines.naive_error(replace(spec, season=None), values).tolist() == [1.0]
    assert baselines.naive_error(replace(spec, season=12), values).tolist() == [1.0]


def test_targets_are_standardised_each_by_its_own_deviation() -> None:
    spec = make_spec(features=2, targets=2)  # deviations 1 and 1.5
    scored = compute_metrics(spec, np.array([[[1.0, 1.5]]]), np.zeros((1, 1, 2)))
    assert scored.total.mse_standardized == pytest.approx(1)


def test_a_part_is_streamed_from_its_beginning_and_counts_when_warm() -> None:
    """The state is warmed up on what precedes; after a long gap forecasts count again only when the stream is warm."""
    checkpoint = make_checkpoint(warmup=3, gap_limit=2, horizon=2)
    predictor = Predictor(edgeseq_export.build(checkpoint))
    values = [float(number % 5) for number in range(20)]
    values[9] = NAN
    values[12:16] = [NAN] * 4
    made = forecasts_at(predictor, column(values), np.arange(5, 20))
    told = Predictor(predictor.session)
    wanted = [told.step(value) for value in values]
    for origin, forecast in zip(range(5, 20), made, strict=True):
        counts = origin < 12 or origin >= 18
        if counts:
            np.testing.assert_allclose(forecast, wanted[origin], atol=1e-6)
        else:
            assert np.isnan(forecast).all()


def test_all_forecasters_are_scored_on_the_same_forecasts() -> None:
    checkpoint = make_checkpoint(warmup=3, gap_limit=2)
    values = walk(300)
    values[250:256] = np.nan
    parts = split(values, 200, 240)
    predictor = Predictor(edgeseq_export.build(checkpoint))
    evaluation = evaluate_test_part(predictor, parts)
    # 60 truths, of which 6 are lacking, the one after the gap has no forecast, and two are made while not warm.
    assert evaluation.samples == 60 - 6 - 1 - 2
    truth = truth_of(predictor.spec, parts.test)[:, 0, 0]
    last = forecasts_of(predictor.spec, parts, "persistence")[:, 0, 0]
    counted = np.isfinite(evaluation.forecasts[:, 0, 0]) & np.isfinite(truth)
    wanted = np.sqrt(np.mean((truth - last)[counted] ** 2))
    assert evaluation.baselines["persistence"].total.rmse == pytest.approx(wanted)


def test_a_part_without_a_warm_forecast_has_no_figures() -> None:
    values = walk(300)
    values[230:] = np.nan
    with pytest.raises(DataError, match="no measured sample 3 samples after a start or gap"):
        evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint())), split(values, 200, 240))


def test_a_part_shorter_than_the_horizon_has_no_figures() -> None:
    with pytest.raises(DataError, match="shorter than the horizon of 4"):
        evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint(horizon=4))), split(walk(300), 200, 297))


def test_a_step_ahead_that_is_never_known_is_null_in_json() -> None:
    """Three test samples, of which only the first was measured: nothing is known two ahead."""
    values = walk(103)
    values[101:] = NAN
    evaluation = evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint(horizon=2))), split(values, 60, 100))
    found = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert found["samples"] == 1
    for figures in (found, *found["baselines"].values()):
        assert figures["per_horizon"][0]["rmse"] == pytest.approx(figures["rmse"])
        assert figures["per_horizon"][1] == {"rmse": None, "mae": None}
    by_step = [line for line in summary(evaluation).splitlines() if line.startswith("ridge")][1]
    assert by_step.split()[-1] == "-"


def test_a_model_that_loses_is_told_so_in_plain_words() -> None:
    """A network with a head of zeros is persistence: on a steady rise it loses to ridge, and ties with persistence."""
    checkpoint = make_checkpoint()
    weights = {name: value * 0 if name.startswith("head") else value for name, value in checkpoint.weights.items()}
    made = edgeseq_export.build(type(checkpoint)(checkpoint.spec, weights))
    parts = split(np.arange(300, dtype=np.float32)[:, None], 200, 240)
    text = summary(evaluate_test_part(Predictor(made, rules=AS_THEY_ARE), parts))
    assert "The model LOSES to ridge: its squared error is 1 vs " in text
    assert "The model is no better than persistence" in text
    assert "LOSES to persistence" not in text


def compared(own: float, **others: float) -> Comparison:
    """A comparison in which only the standardised squared errors matter."""

    def scored(mse: float) -> Metrics:
        return Metrics(Score(NAN, NAN, mse, NAN), ())

    return Comparison(9, scored(own), {name: scored(mse) for name, mse in others.items()})


ADVICE = "Try more data, --search 20 or a longer --every; if it stays so, use what wins."
FOLLOW = "Without adaptation: where the series has changed, --adapt on may follow it.\n"


@pytest.mark.parametrize(
    ("own", "other", "said"),
    [
        (1.0, 1.2, "The model beats every baseline here (it)."),
        (1.0, 1.0005, "The model is no better than it: the squared error is the same."),
        (1.0, 0.9995, "The model is no better than it: the squared error is the same."),
        (1.25, 1.0, "The model LOSES to it: its squared error is 25.0 % higher.\n" + FOLLOW + ADVICE),
        (5.0, 1.0, "The model LOSES to it: its squared error is 5.0 times as high.\n" + FOLLOW + ADVICE),
        (3.85e-4, 1e-6, "The model LOSES to it: its squared error is 3.85e-04 vs 1.00e-06.\n" + FOLLOW + ADVICE),
        (1.0, 0.0, "The model LOSES to it: its squared error is 1 vs 0.\n" + FOLLOW + ADVICE),
        (0.0, 0.0, "The model is no better than it: the squared error is the same."),
        (0.0, 1.0, "The model beats every baseline here (it)."),
    ],
)
def test_the_verdict_in_words(own: float, other: float, said: str) -> None:
    assert verdict(compared(own, it=other)) == said


def test_the_verdict_is_of_the_model_as_a_device_runs_it() -> None:
    """With adaptation that wins where the trained model alone would lose, and the other way round."""
    beaten, beating = compared(1.25, it=1.0), compared(0.8, it=1.0)
    assert verdict(replace(beaten, adapted=beating.model)) == "The model, adapted, beats every baseline here (it)."
    assert verdict(replace(beating, adapted=beaten.model)) == (
        "The model, adapted, LOSES to it: its squared error is 25.0 % higher.\n" + ADVICE
    )


@pytest.mark.parametrize(
    ("own", "other", "said"),
    [
        (1.05e-12, 1e-12, "The model and it are exact: only the data's rounding to float32 is left."),
        (1e-12, 1.05e-12, "The model and it are exact: only the data's rounding to float32 is left."),
        (1e-12, 1e-3, "The model beats every baseline here (it)."),
        (1e-3, 1e-12, "The model LOSES to it: its squared error is 0.001 vs 1.00e-12.\n" + FOLLOW + ADVICE),
    ],
)
def test_within_the_rounding_of_the_data_nobody_wins(own: float, other: float, said: str) -> None:
    comparison = replace(compared(own, it=other), rounding=1e-11)
    assert verdict(comparison) == said


def test_the_rounding_of_the_data_is_a_few_steps_of_float32() -> None:
    """Values up to 1 with a deviation of 0.5, as the spec has them: 32 steps of 2^-23, squared, over 0.25."""
    found = evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint())), split(walk(300), 200, 240))
    target = found.spec.target_features[0]
    size = max(abs(target.minimum), abs(target.maximum)) / target.std
    assert found.rounding == pytest.approx((32 * 2.0**-23 * size) ** 2)


def test_an_error_that_shows_is_no_rounding() -> None:
    """A meter at 1e9 that moves by 2,000: an error of a quarter of that is one; of a coarse step it is rounding."""
    feature = make_spec().features[0]
    for level, std, most in ((1e9, 2e3, 2.0**-23 * 1e9 / 2e3), (1e6, 1.0, 2.0**-23 * 1e6), (1e4, 1.0, 0.01)):
        far = replace(feature, minimum=level, maximum=level, std=std)
        assert evaluate_module._rounding(replace(make_spec(), features=(far,))) ** 0.5 == pytest.approx(most)


def test_the_tables_fit_into_eighty_columns() -> None:
    """With a horizon of 96, intervals, and errors of eleven characters."""
    made = make_checkpoint(horizon=96)
    values = walk(1500) * np.float32(1e-7)
    parts = split(values, 900, 1200)
    known = residual_quantiles(Predictor(edgeseq_export.build(made)), parts.validation)
    predictor = Predictor(
        edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=known, quantize="none")))
    )
    text = summary(evaluate_test_part(predictor, parts))
    assert "in 90 %" in text
    assert text.count("interval") == 2
    assert max(map(len, text.splitlines())) <= 80


def test_the_verdict_on_several_targets_does_not_depend_on_their_units() -> None:
    """The second target is a thousand times larger, and would decide an RMSE alone."""
    spec = make_spec(features=2, targets=2)
    small, large = spec.features
    spec = replace(spec, features=(small, replace(large, std=1000.0)))
    truth = np.zeros((1, 1, 2))
    model, other = (
        compute_metrics(spec, np.array([[[2.0, 900.0]]]), truth),
        compute_metrics(spec, np.array([[[0.1, 1000.0]]]), truth),
    )
    assert model.total.rmse < other.total.rmse
    assert Comparison(1, model, {"it": other}).losses == ["it"]


@pytest.mark.skipif(not ETTH1.exists(), reason="ETTh1.csv may not be copied into the project, and is not beside it")
def test_the_baselines_of_etth1_are_those_of_the_literature() -> None:
    """OT, 24 steps, standardised MSE / MAE: persistence 0.0343 / 0.139, seasonal naive 0.0458 / 0.166, ridge 0.0265."""
    series, parts = load(str(ETTH1), targets=["OT"], split="8640:2880:2880")
    spec = plan(series, parts, TrainingOptions(horizon=24)).spec
    assert spec.season == 24
    truth = truth_of(spec, parts.test)
    assert len(truth) == 2880 - 24 + 1
    names = ("persistence", "seasonal naive", "ridge")
    found = {name: compute_metrics(spec, forecasts_of(spec, parts, name), truth).total for name in names}
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


def test_of_a_long_stream_only_the_last_rows_before_the_forecasts_are_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stretches far apart, a gap at the end of the first: the forecasts are those of the whole stream."""
    checkpoint = make_checkpoint(warmup=3, gap_limit=2, horizon=2)
    predictor = Predictor(edgeseq_export.build(checkpoint))
    values = walk(3000)
    values[799:801] = NAN
    at = np.concatenate([np.arange(700, 800), np.arange(2000, 2500)])
    whole = forecasts_at(predictor, values, at)
    taken, run = [], predictor.run

    def noted(samples: np.ndarray, *, known: Any = None) -> np.ndarray:
        taken.append(len(samples))
        return run(samples, known=known)

    monkeypatch.setattr("edgeseq.evaluation.evaluate.LEAD", 500)
    monkeypatch.setattr(predictor, "run", noted)
    np.testing.assert_allclose(forecasts_at(predictor, values, at), whole, atol=1e-6)
    assert taken == [603, 1500]
