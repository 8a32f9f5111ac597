"""Training: it matches a stream, repeats itself, and goes on from where it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Unpack
from unittest import mock

import numpy as np
import pytest
import torch

import edgeseq
import edgeseq_export
from edgeseq.model import tensor_file
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series, load
from edgeseq.testing import make_spec
from edgeseq.training import fitting, trainer
from edgeseq.training.options import TrainingKeywords, TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq.training.tbptt import TbpttBatches
from edgeseq.training.trainer import Trainer
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError, UsageError
from tests.conftest import CommandLine
from tests.helpers import csv_helpers

NEVER = lambda: False  # noqa: E731 - a name for an argument


def quiet(*_: object) -> None:
    """Report nothing."""


def small_plan(name: str | None = "co2", **options: Unpack[TrainingKeywords]) -> tuple[Plan, Parts]:
    series, parts = load(name)
    chosen: TrainingKeywords = {"steps": 40, "hidden": 5, "horizon": 2, **options}
    return plan(series, parts, TrainingOptions(**chosen)), parts


def trained(
    folder: Path,
    name: str | None = "co2",
    *,
    stop_at: int | None = None,
    seed: int = 0,
    **options: Unpack[TrainingKeywords],
) -> Trainer:
    made, parts = small_plan(name, **options)
    trainer = fitting.start(made, parts, seed=seed, device="cpu")
    trainer.run(quiet, lambda: trainer.step == stop_at, folder / "run")
    return trainer


def streams(trainer: Trainer) -> TbpttBatches:
    """Return what a trainer on a stream learns from."""
    assert isinstance(trainer.batches, TbpttBatches)
    return trainer.batches


def same(one: Trainer, other: Trainer) -> bool:
    """Whether two runs have the same weights, bit for bit: the last ones and the best."""
    pairs = ((one.network.weights(), other.network.weights()), (one.best.weights, other.best.weights))
    return all(np.array_equal(a[name], b[name]) for a, b in pairs for name in a)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    assert same(trained(tmp_path), trained(tmp_path))
    assert not same(trained(tmp_path), trained(tmp_path, seed=1))


@pytest.mark.parametrize(
    ("name", "options", "stop_at"),
    [
        *(("co2", {}, step) for step in (1, 7, 20, 39)),
        ("co2", {"cell": "gru"}, 7),
        (None, {"steps": 20}, 7),  # with copies
        ("co2", {"preset": "classic"}, 7),
        ("co2", {"layout": "steps"}, 7),
    ],
)
def test_a_run_stopped_and_resumed_ends_at_the_same_weights(
    tmp_path: Path, name: str | None, options: TrainingKeywords, stop_at: int
) -> None:
    straight = trained(tmp_path, name, **options)
    trained(tmp_path, name, stop_at=stop_at, **options)
    made, parts = small_plan(name, **options)
    assert made.hyperparameters.augment is (name is None)
    resumed = fitting.start(made, parts, seed=0, device="cpu")
    resumed.restore(tmp_path / "run")
    assert resumed.step == stop_at
    resumed.run(quiet, NEVER, tmp_path / "run")
    assert same(resumed, straight)
    assert (resumed.best.step, resumed.best.mse) == (straight.best.step, straight.best.mse)
    np.testing.assert_array_equal(resumed.curve, straight.curve)


def test_a_run_killed_after_its_last_step_does_not_train_again(tmp_path: Path) -> None:
    """The linear path and the figures of a long series take a while: what was trained before is there."""
    straight = trained(tmp_path)
    made, parts = small_plan()
    resumed = fitting.start(made, parts, seed=0, device="cpu")
    resumed.restore(tmp_path / "run")
    assert resumed.step == 40
    assert resumed.run(quiet, NEVER, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert same(resumed, straight)


@pytest.mark.parametrize("options", [{"hidden": 6}, {"steps": 41}, {"horizon": 3}, {"cell": "rnn"}])
def test_another_runs_state_is_not_resumed(tmp_path: Path, options: TrainingKeywords) -> None:
    trained(tmp_path, stop_at=3)
    made, parts = small_plan(**options)
    with pytest.raises(UsageError, match="belongs to another run"):
        fitting.start(made, parts, seed=0, device="cpu").restore(tmp_path / "run")


def test_the_weights_kept_are_those_with_the_lowest_validation_error(tmp_path: Path) -> None:
    """The validation error of the kept weights, computed anew through the model file, is the lowest one noted."""
    made, parts = small_plan(linear_path=0)
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    noted = []
    trainer.run(lambda _step, _loss, best: noted.append(best), NEVER, tmp_path / "run")
    assert trainer.best.mse == min(value for value in noted if np.isfinite(value))
    checkpoint = fitting.finish(made, trainer, parts)
    predictor = Predictor(edgeseq_export.build(checkpoint), adapt=False)
    forecasts = predictor.run(parts.validation.values).astype(np.float64)
    truth = np.append(parts.validation.values[:, 0].astype(np.float64), np.nan)  # two ahead of the last but one
    origins = range(parts.validation.start - 1, len(truth) - 2)
    errors = np.array([forecasts[origin, :, 0] - truth[origin + 1 : origin + 3] for origin in origins])
    errors /= made.spec.features[0].std
    assert np.nanmean(np.square(errors)) == pytest.approx(trainer.best.mse, rel=0.02)


def test_training_sees_what_a_stream_sees() -> None:
    """Windows with carried memory give what one run over the whole series gives: nothing is lost at their borders."""
    made, parts = small_plan()
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    start, _ = max(made.train.segments, key=lambda segment: segment[1] - segment[0])
    inputs = streams(trainer).inputs[start : start + 3 * 20, None]
    with torch.no_grad():
        whole, _ = trainer.network(inputs, trainer.network.fresh(1))
        memory, pieces = trainer.network.fresh(1), []
        for border in range(0, 60, 20):
            changes, memory = trainer.network(inputs[border : border + 20], memory)
            pieces.append(changes)
    torch.testing.assert_close(torch.cat(pieces), whole, atol=1e-6, rtol=0)


def test_the_loss_leaves_out_the_warm_up_and_what_was_not_measured() -> None:
    made, parts = small_plan()
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    random = np.random.default_rng(0)
    batches = streams(trainer)
    window = batches.next_window(random)
    assert window.fresh.all()
    _, targets, counts = batches.batch(window, random)
    first = made.spec.warmup - 1
    assert not counts[:first].any()
    assert counts[first].any()
    unknown = ~torch.isfinite(batches.targets[torch.from_numpy(window.rows)])
    assert unknown.any()
    assert not counts[unknown].any()
    assert torch.isfinite(targets).all()


def test_a_reader_that_begins_afresh_sees_no_change_at_its_first_sample() -> None:
    made, parts = small_plan()
    made = replace(made, hyperparameters=replace(made.hyperparameters, input_noise=0.0))
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    batches = streams(trainer)
    window = batches.next_window(np.random.default_rng(0))
    inputs, _, _ = batches.batch(window, np.random.default_rng(0))
    assert (inputs[0, :, -1] == 0).all()
    assert (inputs[1] != 0).any()


def test_it_learns(brief_sine: Checkpoint) -> None:
    """A second of training is enough to be better than persistence."""
    figures = brief_sine.spec.figures
    assert figures is not None
    assert figures.samples == 1000
    assert figures.model.rmse < 0.5 * figures.baselines["persistence"].rmse


def test_fit_takes_several_targets_and_features() -> None:
    random = np.random.default_rng(0)
    values = np.cumsum(random.standard_normal((900, 3)), axis=0).astype(np.float32)
    series = Series("walks", ("a", "b", "c"), ("", "", ""), 2, values, np.arange(900))
    parts = Parts(values[:600], Part(values[:700], 600), Part(values, 700))
    checkpoint = edgeseq.fit(series, parts, steps=10, hidden=4, horizon=3)
    assert checkpoint.spec.targets == ("a", "b")
    assert Predictor(edgeseq_export.export(checkpoint).content).step([1.0, 2.0, 3.0]).shape == (3, 2)


@pytest.mark.parametrize(
    ("column", "options", "word"),
    [
        (np.full(500, 3.5), {}, "is constant"),
        (np.arange(25), {}, "too short"),
        (np.sin(np.arange(500)), {"horizon": 60}, "its validation part has 50 samples"),
        (np.sin(np.arange(500)), {"warmup": 400}, "no stretch of its training part has 402 samples"),
        (np.sin(np.arange(500)), {"season": 400}, "too short for a season of 400: 350 samples to train on"),
        (np.sin(np.arange(500)), {"horizon": 500}, "a horizon of 500 needs at least 500"),
        (np.where(np.arange(500) < 400, np.nan, 1.5), {}, "column 'v' has no value in the training part of made"),
    ],
)
def test_a_series_that_cannot_be_learned_from_is_refused(
    column: np.ndarray, options: TrainingKeywords, word: str
) -> None:
    values = column.astype(np.float32)[:, None]
    series = Series("made", ("v",), ("",), 1, values, np.arange(len(values)))
    ends = int(0.7 * len(values)), int(0.8 * len(values))
    parts = Parts(values[: ends[0]], Part(values[: ends[1]], ends[0]), Part(values, ends[1]))
    with pytest.raises(DataError, match=word):
        plan(series, parts, TrainingOptions(**options))


def test_a_network_larger_than_any_model_file_is_refused_and_one_out_of_proportion_noted() -> None:
    """A model file holds two gigabytes."""
    with pytest.raises(UsageError, match="4,800,420,001 weights, more than a model file can hold"):
        small_plan(hidden=20_000, horizon=1, level=False)
    made, _ = small_plan(hidden=2000)
    assert made.notes[-1].startswith("warning: the network has 48,")
    assert "warning" not in small_plan()[0].notes[-1]


def test_a_validation_part_in_which_nothing_counts_is_refused_before_training() -> None:
    series, parts = load("co2")
    values = parts.validation.values.copy()
    values[parts.validation.start - 20 :] = np.nan
    parts = replace(parts, validation=replace(parts.validation, values=values))
    for layout in (None, "steps"):
        made = plan(series, parts, TrainingOptions(layout=layout))
        with pytest.raises(DataError, match="the validation part has no stretch of"):
            fitting.start(made, parts, seed=0, device="cpu")


@pytest.mark.parametrize("seed", [-1, 2**64, 2**70])
def test_a_seed_that_torch_does_not_take_is_refused(seed: int) -> None:
    made, parts = small_plan()
    with pytest.raises(UsageError, match="expected 0 to 18446744073709551615"):
        fitting.start(made, parts, seed=seed, device="cpu")
    fitting.start(made, parts, seed=2**64 - 1, device="cpu")


def test_a_segment_shorter_than_a_readers_window_is_learned_from(tmp_path: Path) -> None:
    """Thirty samples, a gap, and the rest: windows have a hundred samples."""
    series, parts = load("co2")
    values = parts.train.copy()
    values[:] = np.nan_to_num(values, nan=float(np.nanmean(values)))
    values[30:40] = np.nan
    made = plan(series, replace(parts, train=values), TrainingOptions(steps=5, hidden=4, warmup=10))
    assert made.hyperparameters.unroll > 30
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    trainer.run(quiet, NEVER, tmp_path / "run")
    assert np.isfinite(trainer.best.mse)


# The command


def test_a_test_part_that_cannot_be_scored_costs_the_figures_not_the_training(
    edgeseq: CommandLine, tmp_path: Path
) -> None:
    lines = [f"{row},{np.sin(row / 9):.5f}" if row < 320 else f"{row}," for row in range(400)]
    path = csv_helpers.csv(tmp_path, "\n".join(["row,v", *lines]) + "\n")
    answer = edgeseq.must("train", path, "--target", "v", "--steps", "5", "--hidden", "4", "-o", tmp_path / "model")
    (warning,) = [line for line in answer.err.splitlines() if line.startswith("warning")]
    assert warning.startswith("warning: cannot score the test part: nothing to score")
    assert answer.out == ""
    checkpoint = Checkpoint.load(tmp_path / "model")
    assert checkpoint.spec.figures is None
    assert edgeseq_export.export(checkpoint).content
    series, parts = load(path, targets=["v"])
    assert fitting.fit(series, parts, steps=5, hidden=4).spec.figures is None


def command(path: Path, *more: str) -> list[str]:
    words = ["train", "co2", "--steps", "200", "--hidden", "8", "-o", str(path), *more]
    return [sys.executable, "-m", "edgeseq", *words]


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


def saved_step(path: Path) -> int:
    """Return the step at which an interrupted run would go on."""
    return int(json.loads(tensor_file.unpack(path.read_bytes(), "x", {"run", "identity"}, "a run")[1]["run"])["step"])


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["default", "classic"])
def test_a_run_killed_at_any_moment_goes_on_to_the_same_files(tmp_path: Path, preset: str) -> None:
    """kill -9 in mid-run; --resume ends with the very files that a run without interruption writes."""
    words = ["--preset", preset]
    subprocess.run(command(tmp_path / "straight", *words), check=True, capture_output=True)
    process = subprocess.Popen(
        command(tmp_path / "killed", *words), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"moments drawn with the seed {seed}")  # pytest shows it where the test fails
    random = np.random.default_rng(seed)
    wait_for(tmp_path / "killed.resume")
    wanted = random.integers(10, 150)
    while saved_step(tmp_path / "killed.resume") < wanted:
        time.sleep(random.uniform(0, 0.02))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    done = subprocess.run(command(tmp_path / "killed", *words, "--resume"), check=True, capture_output=True, text=True)
    assert "resumed at step" in done.stderr
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "straight").read_bytes()
    assert (tmp_path / "killed.curve.csv").read_text() == (tmp_path / "straight.curve.csv").read_text()
    assert sorted(os.listdir(tmp_path)) == ["killed", "killed.curve.csv", "straight", "straight.curve.csv"]


def test_ctrl_c_keeps_the_best_checkpoint_so_far(tmp_path: Path) -> None:
    path = tmp_path / "model"
    process = subprocess.Popen(command(path, "--steps", "4000"), stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "model.resume")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "holds the best weights so far" in err
    assert "Traceback" not in err
    assert edgeseq_export.export(Checkpoint.load(path)).content


def test_resume_without_an_interrupted_run_starts_and_after_the_end_does_nothing(
    edgeseq: CommandLine, tmp_path: Path
) -> None:
    words = ["train", "--steps", "4", "--hidden", "4", "--resume", "-o", tmp_path / "model"]
    assert "no interrupted run" in edgeseq.must(*words).err
    before = (tmp_path / "model").stat().st_mtime_ns
    assert "is complete already: nothing to resume" in edgeseq.must(*words).err
    assert (tmp_path / "model").stat().st_mtime_ns == before


def test_without_a_terminal_training_is_quiet(edgeseq: CommandLine, tmp_path: Path) -> None:
    answer = edgeseq.must("train", "--steps", "3", "--hidden", "4", "-o", tmp_path / "model")
    assert "\x1b" not in answer.err
    assert len(answer.err.splitlines()) == 9
    assert "persistence" in answer.out


@pytest.mark.cuda
def test_training_on_a_gpu_learns_too() -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    series, parts = load(None)
    checkpoint = edgeseq.fit(series, parts, steps=60, hidden=8, device="cuda")
    figures = checkpoint.spec.figures
    assert figures is not None
    assert figures.model.rmse < 0.5 * figures.baselines["persistence"].rmse


def test_training_on_a_gpu_is_in_float32_and_torch_afterwards_as_before() -> None:
    """TF32, which torch allows for recurrent layers, would round each factor to ten bits."""
    before = torch.backends.cudnn.allow_tf32
    with mock.patch.dict(os.environ), fitting.torch_as_before():
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
        trainer._make_repeatable(0, make_spec(), "cuda")
        assert not torch.backends.cudnn.allow_tf32
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert torch.backends.cudnn.allow_tf32 == before


def test_torch_is_afterwards_as_it_was_before() -> None:
    """Whoever trains in code of their own keeps their seed, their threads and their algorithms."""
    series, parts = load(None)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        torch.set_num_threads(2)
        torch.use_deterministic_algorithms(mode=False)
        torch.manual_seed(7)
        wanted = torch.rand(3)
        torch.manual_seed(7)
        edgeseq.fit(series, parts, steps=3, hidden=4)
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.equal(torch.rand(3), wanted)
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(mode=before[1])
