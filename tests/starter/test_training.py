"""The starter's training: repeatable, interrupted anywhere, and proof against what is not finite."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from edgeseq.model import tensor_file
from edgeseq.starter import __main__, lessons, made_up, training, validation
from edgeseq.starter.lessons import Lessons, Readers, Window
from edgeseq.starter.network import HORIZON, Network
from edgeseq.starter.training import Settings, Trainer
from edgeseq_runtime.errors import ModelFileError, UsageError

SETTINGS = Settings(seed=1, steps=8, decay=2, warmup=2)


@pytest.fixture(autouse=True)
def _few_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six readers of short windows: a step takes a hundredth of a second."""
    monkeypatch.setattr(lessons, "WINDOW", 24)
    monkeypatch.setattr(lessons, "READERS", (Readers(3, 2, 0), Readers(3, 3, 1)))
    monkeypatch.setattr(lessons, "STREAMS", 6)


def run(path: Path, settings: Settings = SETTINGS) -> Trainer:
    trainer = Trainer.resume(path, settings) if path.exists() else Trainer(settings)
    trainer.run(path, lambda _loss: None, every=3)
    return trainer


def test_an_interrupted_run_ends_where_one_in_one_go_does(tmp_path: Path) -> None:
    """To the last bit: network, optimizer, memory, and what follows the streams."""
    whole = run(tmp_path / "whole")

    class InterruptedRunError(Exception):
        pass

    def interrupt(_loss: float) -> None:
        raise InterruptedRunError

    for _ in range(2):  # stopped after step 3, then after step 6
        path = tmp_path / "parts"
        trainer = Trainer.resume(path, SETTINGS) if path.exists() else Trainer(SETTINGS)
        with pytest.raises(InterruptedRunError):
            trainer.run(path, interrupt, every=3)
    assert run(path).pack() == whole.pack()
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()


def test_another_seed_or_rate_is_another_run(tmp_path: Path) -> None:
    run(tmp_path / "run")
    for other in (
        Settings(seed=2, steps=8, decay=2, warmup=2),
        Settings(seed=1, steps=8, decay=2, warmup=2, rate=1e-3),
    ):
        with pytest.raises(UsageError, match="another run"):
            Trainer.resume(tmp_path / "run", other)


def test_a_run_may_be_told_of_fewer_steps_until_the_rate_goes_down(tmp_path: Path) -> None:
    """Six steps with three of them falling, and a run of eight that is cut to that at step 3, are the same run."""
    shorter = Settings(seed=1, steps=6, decay=3, warmup=2)
    trainer = Trainer(SETTINGS)
    for _ in range(3):
        trainer.train_step()
    (tmp_path / "cut").write_bytes(trainer.pack())
    assert run(tmp_path / "cut", shorter).pack() == run(tmp_path / "whole", shorter).pack()
    with pytest.raises(UsageError, match="another run"):
        Trainer.resume(tmp_path / "cut", SETTINGS)  # its rate is down already
    with pytest.raises(UsageError, match="another run"):
        Trainer.resume(tmp_path / "cut", replace(shorter, decay=1))


def test_a_run_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of another number of streams, or with settings that this version does not know; and half a file."""
    run(tmp_path / "run")
    content = (tmp_path / "run").read_bytes()
    (tmp_path / "half").write_bytes(content[: len(content) // 2])
    tensors, texts = tensor_file.unpack(content, "run", ("starter", "progress"), "a run")
    (tmp_path / "unknown").write_bytes(tensor_file.pack(tensors, {**texts, "starter": '{"colour": 1}'}))
    for name in ("half", "unknown"):
        with pytest.raises(ModelFileError):
            training.load(tmp_path / name)
    monkeypatch.setattr(lessons, "STREAMS", 7)
    with pytest.raises(ModelFileError, match="another version"):
        training.load(tmp_path / "run")


def test_the_rate_rises_stays_and_falls() -> None:
    settings = Settings(steps=100, decay=40, warmup=10, rate=1.0)
    rates = [settings.rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[9:61]) == {1.0}
    assert rates[80] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.025)


def test_a_gradient_that_is_not_finite_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series that overflowed: the step is counted as skipped, the weights stay, and the next step is as usual."""
    trainer = Trainer(SETTINGS)
    trainer.train_step()
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    original = Lessons.window

    def spoilt(self: Lessons, step: int) -> Window:
        window = original(self, step)
        window.targets[0, 0, 0] = float("nan")
        return window

    monkeypatch.setattr(Lessons, "window", spoilt)
    trainer.train_step()
    assert trainer.skipped == 1
    assert all(torch.equal(value, before[name]) for name, value in trainer.network.state_dict().items())
    monkeypatch.setattr(Lessons, "window", original)
    assert np.isfinite(trainer.train_step())
    assert trainer.skipped == 1


def test_windows_follow_each_other_in_a_series_and_targets_are_the_changes_ahead() -> None:
    """The first group's two windows are one series: the second one's first sample follows the first one's last."""
    read = Lessons(5)
    first, second, third = read.window(0), read.window(1), read.window(2)
    series = made_up.series(np.random.default_rng([5, 0, 0]), 3, 2 * 24 + HORIZON).astype(np.float32)
    for number, window in enumerate((first, second)):
        for row in (0, 23):
            at = 24 * number + row
            expected = series[:, at + 1 : at + 1 + HORIZON] - series[:, at : at + 1]
            np.testing.assert_allclose(window.targets[row, :3].numpy(), expected, rtol=0, atol=1e-6)
    assert [window.fresh[:3].all().item() for window in (first, second, third)] == [True, False, True]
    assert [window.fresh[3:].all().item() for window in (first, second, third)] == [False, False, True]


def test_the_loss_of_persistence_is_the_logarithm_of_one_and_a_tenth_of_the_error_is_worth_log_a_hundred() -> None:
    random = np.random.default_rng(0)
    targets = torch.from_numpy(random.uniform(-1, 1, (50, 2, HORIZON)).astype(np.float32))
    nothing = torch.zeros(0)
    persistence = targets.square().mean(dim=0)
    window = Window(nothing, nothing, nothing, targets, persistence, nothing)
    assert lessons.loss(torch.zeros_like(targets), window).item() == pytest.approx(np.log(1 + 1e-3), abs=1e-5)
    assert lessons.loss(0.9 * targets, window).item() == pytest.approx(np.log(0.01 + 1e-3), abs=1e-4)


def test_a_constant_series_does_not_count_in_the_loss() -> None:
    targets = torch.ones(10, 2, HORIZON)
    targets[:, 1] = 0
    window = Window(targets, targets, targets, targets, targets.square().mean(dim=0), targets)
    changes = torch.zeros_like(targets, requires_grad=True)
    lessons.loss(changes, window).backward()  # type: ignore[no-untyped-call]
    assert changes.grad is not None
    assert changes.grad[:, 0].abs().min() > 0
    assert (changes.grad[:, 1] == 0).all()


def test_validation_gives_a_fresh_network_persistences_error() -> None:
    """Its word is 0, so each share is 1."""
    series = validation.make(12)
    share = validation.shares(Network(), series)
    np.testing.assert_allclose(share[np.isfinite(share)], 1, rtol=1e-6)
    np.testing.assert_allclose(validation.geometric_means(share), 1, rtol=1e-6)


def test_the_command_trains_goes_on_and_ends_with_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = validation.make(12)
    monkeypatch.setattr(validation, "make", lambda: few)
    words = [str(tmp_path / "run"), "--steps", "4", "--decay", "2"]
    first = CliRunner().invoke(__main__.main, words)
    assert first.exit_code == 0, first.output
    assert "step 4 of 4" in first.output
    assert "1001 to 2000" in first.output
    assert CliRunner().invoke(__main__.main, words).exit_code == 0  # there is nothing left to do
    other = CliRunner().invoke(__main__.main, [*words, "--seed", "3"])
    assert other.exit_code == 2
    assert "another run" in other.output
    assert training.load(tmp_path / "run" / "run.safetensors")[2] == 4
