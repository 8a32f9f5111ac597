"""The backtest: the figures of `evaluate` where both judge the same, and what time does to them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from matplotlib.patches import StepPatch

import edgeseq_export
from edgeseq.cli import cli
from edgeseq.evaluation.backtest import Backtest, backtest
from edgeseq.evaluation.evaluate import evaluate_test_part, residual_quantiles
from edgeseq.evaluation.plots import errors
from edgeseq.evaluation.report_text import backtest_summary
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series, load
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.rules import AS_THEY_ARE
from tests.conftest import CommandLine

TRAIN, VALIDATION = 200, 240


def walk(samples: int, steps: np.ndarray | float = 1.0) -> np.ndarray:
    changes = np.random.default_rng(0).standard_normal((samples, 1)) * np.reshape(steps, (-1, 1))
    return np.cumsum(changes, axis=0).astype(np.float32)


def series_of(values: np.ndarray) -> tuple[Series, Parts]:
    series = Series("made_up", ("f0",), ("",), 1, values, np.arange(len(values)))
    parts = Parts(values[:TRAIN], Part(values[:VALIDATION], TRAIN), Part(values[:280], VALIDATION), split="200:40:40")
    return series, parts


def model(**choices: Any) -> Predictor:
    return Predictor(edgeseq_export.build(make_checkpoint(**choices)), rules=AS_THEY_ARE)


def persistent() -> Predictor:
    """A network with a head of zeros is persistence."""
    made = make_checkpoint()
    weights = {name: value * 0 if name.startswith("head") else value for name, value in made.weights.items()}
    return Predictor(edgeseq_export.build(replace(made, weights=weights)), rules=AS_THEY_ARE)


def run(predictor: Predictor, values: np.ndarray, *, stride: int = 1, folds: int = 5) -> Backtest:
    return backtest(predictor, *series_of(values), stride=stride, folds=folds)


def test_the_fold_that_is_the_test_part_has_the_figures_of_evaluate() -> None:
    """With equal parts for validation and test, the second of two folds is the test part."""
    values = walk(280)
    values[250:256] = np.nan
    found = run(model(), values, folds=2)
    evaluation = evaluate_test_part(model(), series_of(values)[1])
    assert (found.folds[1].first, found.folds[1].last) == (239, 278)
    assert found.folds[1].comparison.samples == evaluation.samples == 40 - 6 - 1 - 2
    assert found.folds[1].comparison.model == evaluation.model
    for name, scored in evaluation.baselines.items():
        assert found.folds[1].comparison.baselines[name].total.rmse == pytest.approx(scored.total.rmse, rel=1e-12)


def test_the_whole_series_is_judged_and_the_training_part_apart() -> None:
    """Three steps ahead of 300 samples: origins to row 296, the first that count after three samples."""
    found = run(model(horizon=3), walk(300))
    assert found.judged.origins.tolist() == list(range(199, 297))
    assert found.judged.samples == 98
    assert found.seen.samples == 199 - 2
    assert found.folds[0].first == 199
    assert found.folds[-1].last == 296
    assert sum(fold.comparison.samples for fold in found.folds) == 98
    for earlier, later in zip(found.folds, found.folds[1:], strict=False):
        assert later.first == earlier.last + 1


def test_squared_errors_of_the_folds_add_up() -> None:
    found = run(model(), walk(300), folds=7)
    for name in found.judged.baselines:
        total = sum(fold.comparison.samples * fold.comparison.baselines[name].total.rmse ** 2 for fold in found.folds)
        assert total / found.judged.samples == pytest.approx(found.judged.baselines[name].total.rmse ** 2)


def test_a_stride_picks_from_the_same_forecasts() -> None:
    every, third = run(model(), walk(300)), run(model(), walk(300), stride=3)
    assert third.judged.origins.tolist() == every.judged.origins[::3].tolist()
    np.testing.assert_array_equal(third.judged.forecasts, every.judged.forecasts[::3])
    assert third.seen.samples == len(range(196, 1, -3))  # counted back from 199; warm from row 2 on


def test_the_baselines_are_fitted_on_the_training_part_only() -> None:
    """What comes after the validation part changes no forecast made before it."""
    values, changed = walk(300), walk(300)
    changed[260:] *= -3
    for fold in range(2):
        ours, theirs = (run(model(), series, folds=4).folds[fold] for series in (values, changed))
        assert ours.last < 259
        assert ours == theirs


def test_a_series_that_grows_wilder_shows_in_the_folds() -> None:
    """Steps of deviation 1, and 5 in the last quarter of what is judged."""
    steps = np.ones(401)
    steps[351:] = 5
    found = run(persistent(), walk(401, steps), folds=4)
    by_fold = [fold.comparison.model.total.rmse for fold in found.folds]
    assert max(by_fold[:3]) < 1.5
    assert by_fold[3] > 4
    for fold in found.folds:
        assert fold.comparison.model.total.rmse == pytest.approx(
            fold.comparison.baselines["persistence"].total.rmse, rel=1e-5
        )
    drawn = errors(found).axes[1].patches[0]
    assert isinstance(drawn, StepPatch)
    heights, edges, _ = drawn.get_data()
    np.testing.assert_allclose(heights, by_fold)
    assert edges.tolist() == [200 - 1, 249, 299, 349, 400]


def test_a_fold_without_a_measured_sample_is_null_in_json_and_a_dash_in_the_table() -> None:
    values = walk(300)
    values[220:240] = np.nan
    found = run(model(), values, folds=10)
    lost = found.to_dict()["folds"][3]
    assert (lost["samples"], lost["rmse"], lost["baselines"]["ridge"]["mae"]) == (0, None, None)
    json.dumps(found.to_dict(), allow_nan=False)
    line = next(line for line in backtest_summary(found).splitlines() if line.startswith("after samples 229 to 238"))
    assert line.split()[-4:] == ["0", "-", "-", "-"]
    errors(found).savefig(Path("/dev/null"), format="png")


def test_intervals_are_judged_over_everything_after_the_training_part() -> None:
    made = make_checkpoint()
    values = walk(300)
    known = residual_quantiles(Predictor(edgeseq_export.build(made)), Part(values[:VALIDATION], TRAIN))
    found = run(Predictor(edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=known)))), values)
    assert known is not None
    low, high = known.quantiles[0][0][0], known.quantiles[0][0][4]
    error = values[200:, 0] - found.judged.forecasts[:, 0, 0]
    assert found.judged.intervals[0].coverage == pytest.approx(np.mean((error >= low) & (error <= high)))


def test_what_cannot_be_judged_is_told() -> None:
    values = walk(300)
    with pytest.raises(UsageError, match="6 folds of 5 forecasts"):
        run(model(), values, folds=6, stride=20)
    values[210:] = np.nan
    with pytest.raises(DataError, match="nothing to score"):
        run(model(warmup=250), values)


# The command


def test_the_sine_is_two_streams(edgeseq: CommandLine, brief_sine: Checkpoint, brief_path: Path) -> None:
    """After its training range the test range starts afresh: its 1,000 forecasts are those of `evaluate`."""
    found = json.loads(edgeseq.must("backtest", brief_path, "--json").out)
    assert found["samples"] == 1001 + 1000
    assert found["seen"]["samples"] == 9009 - 10
    predictor = Predictor(edgeseq_export.build(brief_sine), adapt=False)
    series, parts = load(None)
    judged = backtest(predictor, series, parts).judged
    wanted = evaluate_test_part(predictor, parts)
    np.testing.assert_allclose(judged.forecasts[-1000:], wanted.forecasts, atol=1e-6)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "made_up.csv"
    path.write_text("f0\n" + "\n".join(f"{value:.4f}" for value in walk(400)[:, 0]) + "\n")
    return path


@pytest.fixture
def checkpoint_path(tmp_path: Path) -> Path:
    path = tmp_path / "made_up.safetensors"
    make_checkpoint(horizon=2).save(path)
    return path


def test_backtest_prints_tables_and_draws(
    edgeseq: CommandLine, checkpoint_path: Path, table: Path, tmp_path: Path
) -> None:
    from matplotlib.image import imread

    words = ("backtest", checkpoint_path, table, "--folds", 3)
    answer = edgeseq.must(*words, "--plot", tmp_path / "b.png")
    assert answer.err == f"wrote {tmp_path / 'b.png'}\n"
    for text in ("after the training", "part, 119 forecasts", "RMSE by fold", "training part, 277 forecasts"):
        assert text in answer.out
    assert "The folds include the validation part, samples 280 to 319.\n" in answer.out
    assert imread(tmp_path / "b.png").shape[:2] == (576, 1200)
    found = json.loads(edgeseq.must(*words, "--json").out)
    assert (found["samples"], found["seen"]["samples"]) == (119, 277)
    assert [fold["first"] for fold in found["folds"]] == [279, 318, 358]
    assert {"rmse", "per_horizon", "baselines"} <= set(found["folds"][0])


def test_another_training_part_is_told(edgeseq: CommandLine, table: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    made = make_checkpoint()
    replace(made, spec=replace(made.spec, data_sha256="0" * 64)).save(path)
    answer = edgeseq.must("backtest", path, table)
    assert "this training part is not the one the model was trained on" in answer.err


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_help_shows_each_example_on_a_line_of_its_own(name: str) -> None:
    shown = cli.commands[name].get_help(click.Context(cli.commands[name], info_name=name)).splitlines()
    assert any(line.strip().startswith(f"edgeseq {name}") for line in shown if line.count("edgeseq ") == 1)
    assert not any("\\b" in line for line in shown)
