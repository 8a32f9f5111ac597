"""Whether streams are to learn is decided by the validation part; that it pays shows where a series has changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq
import edgeseq_export
from edgeseq.evaluation.evaluate import score_adapted, score_part, typical_predictor
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, load
from edgeseq.testing import make_checkpoint
from edgeseq.training import adapting
from edgeseq.training.carried import is_short
from edgeseq.training.options import AUTO, OFF, ON, TrainingOptions
from edgeseq.training.plan import plan
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Spec

ROWS, SHIFTED = 2400, 1920


def returning(then: float = 0.5, level: float = 0.0) -> Float64:
    """A series that returns half way to its level with each sample; over its last fifth otherwise, or elsewhere."""
    random, values = np.random.default_rng(0), np.zeros(ROWS)
    for row in range(1, ROWS):
        values[row] = (0.5 if row < SHIFTED else then) * values[row - 1] + random.standard_normal()
    values[SHIFTED:] += level
    return values


def trained(folder: Path, values: Float64, **options: Any) -> Checkpoint:
    path = folder / "series.csv"
    path.write_text("value\n" + "\n".join(f"{value:.4f}" for value in values))
    series, parts = load(str(path))
    return edgeseq.fit(series, parts, horizon=3, layers=1, **options)


def ratio(spec: Spec) -> float:
    """The squared error over the test part with adaptation, as a share of that without."""
    assert spec.figures
    assert spec.figures.adapted
    return spec.figures.adapted.mse_standardized / spec.figures.model.mse_standardized


def test_adaptation_pays_where_the_level_moves_after_the_training(tmp_path: Path) -> None:
    """The network sees values, and expects them to return to a level that is gone."""
    checkpoint = trained(tmp_path, returning(level=8.0), level=True, linear_path=0, steps=200, hidden=8)
    assert checkpoint.spec.adapt
    assert ratio(checkpoint.spec) < 0.7


def test_adaptation_pays_where_the_series_changes_its_way(tmp_path: Path) -> None:
    """From returning slowly to swinging: what was learned of the changes is wrong, whatever the level."""
    checkpoint = trained(tmp_path, returning(then=-0.6), steps=60, hidden=4)
    assert checkpoint.spec.adapt
    assert ratio(checkpoint.spec) < 0.95


def test_adaptation_costs_nothing_where_nothing_changes(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path, returning(), steps=60, hidden=4)
    assert checkpoint.spec.adapt
    assert ratio(checkpoint.spec) < 1.01


def test_the_sine_stays_as_precise_as_it_is() -> None:
    """Its error is next to nothing, so there is nothing to learn; asked for all the same, it does no harm."""
    series, parts = load(None)
    checkpoint = edgeseq.fit(series, parts, steps=400, hidden=8)
    assert not checkpoint.spec.adapt
    assert "below a thousandth" in adapting.decision(checkpoint.spec)
    predictor = typical_predictor(edgeseq_export.build(checkpoint))
    static, adapted = score_part(predictor, parts.test)[1], score_adapted(predictor, parts.test)[1]
    assert static.mse_standardized < 1e-6
    assert adapted.mse_standardized <= 1.005 * static.mse_standardized


def walk(rows: int) -> Float32:
    return np.cumsum(np.random.default_rng(0).standard_normal((rows, 1)), axis=0).astype(np.float32)


@pytest.mark.parametrize(("adapted", "static", "adapts"), [(0.5, 0.5, True), (0.502, 0.5, True), (0.503, 0.5, False)])
def test_what_is_decided_by_the_validation_part(
    monkeypatch: pytest.MonkeyPatch, adapted: float, static: float, adapts: bool
) -> None:
    """Half a per cent more of the squared error is allowed; the line says what was decided and by which figures."""
    checkpoint = replace(make_checkpoint(), validation=Part(walk(200), 100))
    score = score_part(typical_predictor(edgeseq_export.build(checkpoint)), Part(walk(200), 100))[1]
    for name, mse in (("score_part", static), ("score_adapted", adapted)):
        monkeypatch.setattr(adapting, name, lambda *_, mse=mse: (1, replace(score, mse_standardized=mse)))
    assert adapting.decide(checkpoint, AUTO) == (
        adapts,
        {adapting.STATIC: static, adapting.ADAPTED: adapted},
    )


def test_the_user_decides_where_asked(tmp_path: Path) -> None:
    checkpoint = replace(make_checkpoint(), validation=Part(walk(200), 100))
    assert adapting.decide(checkpoint, ON) == (True, {})
    assert adapting.decide(checkpoint, OFF) == (False, {})
    off = trained(tmp_path, returning(), steps=20, hidden=4, adapt=OFF).spec
    assert not off.adapt
    assert off.figures
    assert off.figures.adapted is None


def test_a_validation_part_without_a_warm_stretch_decides_nothing() -> None:
    checkpoint = replace(make_checkpoint(warmup=500), validation=Part(walk(200), 100))
    assert adapting.decide(checkpoint, AUTO) == (False, {})


def test_a_long_test_part_is_left_to_evaluate() -> None:
    """Up to the rows that a checkpoint carries, with what precedes them, training measures adaptation itself."""
    assert is_short(Part(np.zeros((55_000, 1), np.float32), 10_000))
    assert not is_short(Part(np.zeros((55_001, 1), np.float32), 10_000))
    assert is_short(Part(np.zeros((50_000, 1), np.float32), 100))


def test_windows_and_the_classic_preset_stay_as_trained() -> None:
    """Unless the user asks for it."""
    series, parts = load("co2")
    for options in (TrainingOptions(preset="classic"), TrainingOptions(layout="steps"), TrainingOptions(adapt=OFF)):
        assert plan(series, parts, options).adapt == OFF
    assert plan(series, parts, TrainingOptions(layout="features", adapt=ON)).adapt == ON
    assert plan(series, parts, TrainingOptions()).adapt == AUTO
    with pytest.raises(UsageError, match="adapt: expected auto, on, off, got 'maybe'"):
        plan(series, parts, TrainingOptions(adapt="maybe"))


def test_what_was_decided_comes_with_the_file(tmp_path: Path) -> None:
    """From the checkpoint to the model file, and to the predictor; with figures of the file's own."""
    checkpoint = trained(tmp_path, returning(level=8.0), steps=20, hidden=4)
    checkpoint.save(tmp_path / "model.safetensors")
    again = Checkpoint.load(tmp_path / "model.safetensors")
    assert again.spec.to_json() == checkpoint.spec.to_json()
    model = edgeseq_export.export(again)
    assert model.spec.adapt
    assert Spec.from_json(model.spec.to_json()).format == 2
    assert model.spec.figures
    assert checkpoint.spec.figures
    assert model.spec.figures.adapted == checkpoint.spec.figures.adapted
    assert Predictor(model.content).adapts
    plain = edgeseq_export.export(replace(again, spec=again.spec.without_adaptation()))
    assert not plain.spec.adapt
    assert plain.spec.figures
    assert plain.spec.figures.adapted is None
    assert not Predictor(plain.content).adapts
