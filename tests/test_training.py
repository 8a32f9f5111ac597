"""Training: it matches a stream, repeats itself, and goes on from where it was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import edgeseq
import edgeseq_export
from edgeseq.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series, load
from edgeseq.training import fitting
from edgeseq.training.planning import Plan, Wishes, plan
from edgeseq.training.trainer import Trainer
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import DataError, UsageError
from tests.conftest import CommandLine

NEVER = lambda: False  # noqa: E731 - a name for an argument


def quiet(*_: object) -> None:
    """Report nothing."""


def small_plan(**wishes: object) -> tuple[Plan, Parts]:
    series, parts = load("co2")
    return plan(series, parts, Wishes(**{"steps": 40, "hidden": 5, "horizon": 2, **wishes})), parts


def trained(folder: Path, *, stop_at: int | None = None, seed: int = 0, **wishes: object) -> Trainer:
    made, parts = small_plan(**wishes)
    trainer = fitting.start(made, parts, seed=seed, device="cpu")
    trainer.run(quiet, lambda: trainer.step == stop_at, folder / "run")
    return trainer


def same(one: Trainer, other: Trainer) -> bool:
    """Whether two runs have the same weights, bit for bit: the last ones and the best."""
    pairs = ((one._network.weights(), other._network.weights()), (one.best.weights, other.best.weights))
    return all(np.array_equal(a[name], b[name]) for a, b in pairs for name in a)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    assert same(trained(tmp_path), trained(tmp_path))
    assert not same(trained(tmp_path), trained(tmp_path, seed=1))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("stop_at", [1, 7, 20, 39])
def test_a_run_stopped_and_resumed_ends_at_the_same_weights(tmp_path: Path, stop_at: int, cell: str) -> None:
    straight = trained(tmp_path, cell=cell)
    trained(tmp_path, stop_at=stop_at, cell=cell)
    made, parts = small_plan(cell=cell)
    resumed = fitting.start(made, parts, seed=0, device="cpu")
    resumed.restore(tmp_path / "run")
    assert resumed.step == stop_at
    resumed.run(quiet, NEVER, tmp_path / "run")
    assert same(resumed, straight)
    assert (resumed.best.step, resumed.best.mse) == (straight.best.step, straight.best.mse)


@pytest.mark.parametrize("wishes", [{"hidden": 6}, {"steps": 41}, {"horizon": 3}, {"cell": "rnn"}])
def test_another_runs_state_is_not_resumed(tmp_path: Path, wishes: dict[str, object]) -> None:
    trained(tmp_path, stop_at=3)
    made, parts = small_plan(**wishes)
    with pytest.raises(UsageError, match="belongs to another run"):
        fitting.start(made, parts, seed=0, device="cpu").restore(tmp_path / "run")


def test_the_weights_kept_are_those_with_the_lowest_validation_error(tmp_path: Path) -> None:
    """The validation error of the kept weights, computed anew through the model file, is the lowest one noted."""
    made, parts = small_plan()
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    noted = []
    trainer.run(lambda _step, _loss, best: noted.append(best), NEVER, tmp_path / "run")
    assert trainer.best.mse == min(value for value in noted if np.isfinite(value))
    checkpoint = fitting.trained(made, trainer, parts, seed=0, device="cpu")
    predictor = Predictor(edgeseq_export.build(checkpoint))
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
    inputs = trainer._inputs[start : start + 3 * 20, None]
    with torch.no_grad():
        whole, _ = trainer._network(inputs, trainer._network.fresh(1))
        memory, pieces = trainer._network.fresh(1), []
        for border in range(0, 60, 20):
            changes, memory = trainer._network(inputs[border : border + 20], memory)
            pieces.append(changes)
    torch.testing.assert_close(torch.cat(pieces), whole, atol=1e-6, rtol=0)


def test_the_loss_leaves_out_the_warm_up_and_what_was_not_measured() -> None:
    made, parts = small_plan()
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    random = np.random.default_rng(0)
    window = trainer._lanes.next(random)
    assert window.fresh.all()
    _, targets, counts = trainer._batch(window, random)
    first = made.spec.warmup - 1
    assert not counts[:first].any()
    assert counts[first].any()
    unknown = ~torch.isfinite(trainer._targets[torch.from_numpy(window.rows)])
    assert unknown.any()
    assert not counts[unknown].any()
    assert torch.isfinite(targets).all()


def test_a_lane_that_begins_afresh_sees_no_change_at_its_first_sample() -> None:
    made, parts = small_plan()
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    window = trainer._lanes.next(np.random.default_rng(0))
    made_without_noise = np.random.default_rng(0)
    object.__setattr__(trainer._recipe, "noise", 0.0)
    inputs, _, _ = trainer._batch(window, made_without_noise)
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
    ("column", "wishes", "word"),
    [
        (np.full(500, 3.5), {}, "is constant"),
        (np.arange(25), {}, "too short"),
        (np.sin(np.arange(500)), {"horizon": 60}, "its validation part has 50 samples"),
        (np.sin(np.arange(500)), {"warmup": 400}, "no stretch of its training part has 402 samples"),
    ],
)
def test_a_series_that_cannot_be_learned_from_is_refused(
    column: np.ndarray, wishes: dict[str, object], word: str
) -> None:
    values = column.astype(np.float32)[:, None]
    series = Series("made", ("v",), ("",), 1, values, np.arange(len(values)))
    ends = int(0.7 * len(values)), int(0.8 * len(values))
    parts = Parts(values[: ends[0]], Part(values[: ends[1]], ends[0]), Part(values, ends[1]))
    with pytest.raises(DataError, match=word):
        plan(series, parts, Wishes(**wishes))


# The command


def command(path: Path, *more: str) -> list[str]:
    words = ["train", "co2", "--steps", "200", "--hidden", "8", "-o", str(path), *more]
    return [sys.executable, "-m", "edgeseq", *words]


def wait_for(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


def test_a_killed_run_goes_on_to_the_same_checkpoint(tmp_path: Path) -> None:
    """kill -9 in mid-run; --resume ends with the very file that a run without interruption writes."""
    subprocess.run(command(tmp_path / "straight"), check=True, capture_output=True)
    process = subprocess.Popen(command(tmp_path / "killed"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(tmp_path / "killed.resume")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    done = subprocess.run(command(tmp_path / "killed", "--resume"), check=True, capture_output=True, text=True)
    assert "resumed at step" in done.stderr
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "straight").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["killed", "straight"]


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
    edgeseq.must(*words)
    before = (tmp_path / "model").stat().st_mtime_ns
    assert "trained to its end already" in edgeseq.must(*words).err
    assert (tmp_path / "model").stat().st_mtime_ns == before


def test_without_a_terminal_training_is_quiet(edgeseq: CommandLine, tmp_path: Path) -> None:
    answer = edgeseq.must("train", "--steps", "3", "--hidden", "4", "-o", tmp_path / "model")
    assert "\x1b" not in answer.err
    assert len(answer.err.splitlines()) == 6
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
