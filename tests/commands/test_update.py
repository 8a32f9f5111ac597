"""`edgeseq update`: what is new, what is held out, and whether the new model is recommended."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.commands.update import NOT_RECOMMENDED
from edgeseq.evaluation.old_and_new import significance
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import load, newest
from edgeseq.training import fitting
from edgeseq.training.trainer import Trainer
from tests.conftest import CommandLine
from tests.helpers import csv_helpers

OLD, NEW = 1000, 1500
"""Samples of the first series, and those that came since."""


def process(samples: int, seed: int, *, sign: float = 1.0, begin: int = 0) -> Any:
    """A daily wave and an autoregression of lag 1, whose `sign` is the regime."""
    noise = np.random.default_rng(seed).normal(0, 0.3, samples)
    values = np.zeros(samples)
    for row in range(1, samples):
        values[row] = sign * 0.8 * values[row - 1] + noise[row]
    return 20 + np.sin(2 * np.pi * (begin + np.arange(samples)) / 24) + values


def written(folder: Path, values: Any, name: str, begin: str = "2026-01-01T00", *, times: bool = True) -> str:
    rows = [
        f"{np.datetime64(begin) + row},{value:.4f}" if times else f"{value:.4f}" for row, value in enumerate(values)
    ]
    return csv_helpers.csv(folder, "\n".join(["time,temp" if times else "temp", *rows, ""]), name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old model, and what came since: of the same process and of another one."""
    folder = tmp_path_factory.mktemp("update")
    first = process(OLD, seed=1)
    data, parts = load(written(folder, first, "old.csv"))
    fitting.fit(data, parts, horizon=3, hidden=8, layers=1, steps=150).save(folder / "old.safetensors")
    written(folder, np.concatenate([first, process(NEW, seed=2, begin=OLD)]), "same.csv")
    written(folder, np.concatenate([first, process(NEW, seed=2, begin=OLD, sign=-1)]), "changed.csv")
    written(folder, process(600, seed=2), "no-times.csv", times=False)
    return folder


Update = Callable[..., Any]


@pytest.fixture
def update(folder: Path, tmp_path: Path, edgeseq: CommandLine) -> Update:
    """Run the command on a series of that folder."""

    def run(series: str, *words: object, model: str = "old.safetensors") -> Any:
        return edgeseq("update", folder / model, folder / series, "-o", tmp_path / "new.safetensors", *words)

    return run


def test_after_a_change_of_regime_the_new_model_is_recommended(update: Update, tmp_path: Path) -> None:
    """The noise's law has another sign: what the old model expects is wrong from there on."""
    told = update("changed.csv", "--json", "--steps", "150")
    figures = json.loads(told.out)
    assert told.code == 0, told.err
    assert figures["better"] is True
    assert figures["lower"] > 0.2
    assert told.err.strip().splitlines()[-1].startswith("the new model is better: RMSE ")
    spec = Checkpoint.load(tmp_path / "new.safetensors").spec
    assert (spec.horizon, spec.hidden, spec.period, spec.season) == (3, 8, 3600, 24)
    assert spec.training
    assert "from" in spec.training.options


def test_more_of_the_same_is_not_called_better_than_chance_explains(update: Update, tmp_path: Path) -> None:
    """Nothing has changed, so nothing is to be gained; the model is written all the same."""
    told = update("same.csv", "--steps", "40")
    assert told.code == NOT_RECOMMENDED
    assert "the new model is not better than chance explains" in told.out.strip().splitlines()[-1]
    assert (tmp_path / "new.safetensors").exists()


def test_what_is_new_is_what_came_after_the_training_part(update: Update, folder: Path) -> None:
    """The model's training part is 0.7 of its 1,000 samples; the rest of its file is as new as what came later."""
    assert (
        f"new: {OLD + NEW - 700} samples after the model's training, which ended "
        in update("same.csv", "--steps", "1").err
    )
    assert Checkpoint.load(folder / "old.safetensors").spec.last_time == 1767225600 + 699 * 3600


def test_the_newest_part_has_no_part_in_the_training(folder: Path, update: Update, tmp_path: Path) -> None:
    """Whatever stands in the newest fifth, the weights and the linear path are the same to the bit."""
    update("same.csv", "--steps", "5")
    before = Checkpoint.load(tmp_path / "new.safetensors")
    new = OLD + NEW - 700
    values = np.concatenate([process(OLD, seed=1), process(NEW, seed=2, begin=OLD)])
    values[700 + int(0.8 * new) :] = 20 + np.random.default_rng(0).normal(0, 3, len(values) - 700 - int(0.8 * new))
    written(folder, values, "garbage.csv")
    update("garbage.csv", "--steps", "5")
    after = Checkpoint.load(tmp_path / "new.safetensors")
    assert before.weights.keys() == after.weights.keys()
    for name, value in before.weights.items():
        np.testing.assert_array_equal(after.weights[name], value)


def test_without_times_all_is_new_and_said_so(update: Update) -> None:
    told = update("no-times.csv", "--time", "none", "--every", "none", "--steps", "1")
    assert "new: all 600 samples, since they have no times to tell what the model was trained on" in told.err


def test_too_little_that_is_new_is_one_line(folder: Path, update: Update) -> None:
    written(folder, process(760, seed=1), "few.csv")
    told = update("few.csv")
    assert told.code == 1
    assert told.err.strip() == (
        "edgeseq: few has 60 new samples after 2026-01-30 03:00, when the model's training ended: an update with a "
        "horizon of 3 and the split 0.7:0.1:0.2 needs 242"
    )


def test_a_model_file_is_updated_as_its_checkpoint_is(folder: Path, update: Update) -> None:
    """A float file has the checkpoint's weights, but for rounding; a quantised one is refused."""
    checkpoint = Checkpoint.load(folder / "old.safetensors")
    (folder / "old.onnx").write_bytes(edgeseq_export.export(checkpoint).content)
    (folder / "int8.onnx").write_bytes(edgeseq_export.export(checkpoint, "int8").content)
    of_checkpoint = json.loads(update("same.csv", "--json", "--steps", "5").out)
    of_file = json.loads(update("same.csv", "--json", "--steps", "5", model="old.onnx").out)
    assert of_file["old"] == of_checkpoint["old"]
    assert of_file["new"]["static"]["rmse"] == pytest.approx(of_checkpoint["new"]["static"]["rmse"], rel=1e-3)
    told = update("same.csv", model="int8.onnx")
    assert told.code == 2
    assert "is quantised (int8)" in told.err


def test_an_interrupted_update_goes_on_to_the_same_end(
    update: Update, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update("same.csv", "--steps", "20")
    whole = Checkpoint.load(tmp_path / "new.safetensors").weights
    step = Trainer.train_step

    def failing(trainer: Trainer) -> float:
        if trainer.step == 13:
            raise KeyboardInterrupt
        return step(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", failing)
        assert update("same.csv", "--steps", "20").code == 130
    told = update("same.csv", "--steps", "20", "--resume")
    assert "resumed at step 13 of 20" in told.err
    for name, value in Checkpoint.load(tmp_path / "new.safetensors").weights.items():
        np.testing.assert_array_equal(whole[name], value)
    assert not (tmp_path / "new.safetensors.resume").exists()


def test_parts_are_the_newest_in_the_splits_proportions() -> None:
    """By hand, of 40 new rows: 7 : 1 : 2 of them, whether in rows or fractions, and nothing left over."""
    series, _ = load(None)
    for split in ("0.7:0.1:0.2", "7000:1000:2000", "0.35:0.05:0.1"):
        new, parts = newest.part(series, len(series) - 40, split)
        assert (len(new), len(parts.train), parts.validation.samples, parts.test.samples) == (40, 28, 4, 8)
        np.testing.assert_array_equal(parts.test.values[-8:], series.values[-8:])
        np.testing.assert_array_equal(parts.train, series.values[-40:-12])


@pytest.mark.parametrize("horizon", [1, 12])
def test_chance_makes_one_in_forty_better(horizon: int) -> None:
    """Errors of two models that are equally good, those of neighbouring forecasts alike: Student's one in forty."""
    random = np.random.default_rng(0)

    def errors() -> Any:
        return np.convolve(random.normal(size=400 + horizon - 1), np.ones(horizon) / horizon, "valid") ** 2

    found = [significance(errors(), errors(), horizon) for _ in range(2000)]
    claimed = np.mean([certainty > needed for _, certainty, needed in found])
    assert 0.01 < claimed < 0.05


def test_what_is_better_is_seen_and_too_few_forecasts_tell_nothing() -> None:
    random = np.random.default_rng(1)
    old, new = random.normal(size=400) ** 2, random.normal(0, 0.7, 400) ** 2
    lower, certainty, needed = significance(old, new, 1)
    assert lower == pytest.approx(1 - new.mean() / old.mean())
    assert certainty > needed == 2.26
    assert np.isnan(significance(old[:30], new[:30], 1)[1])
    assert significance(old, old, 1)[:2] == (0.0, 0.0)
