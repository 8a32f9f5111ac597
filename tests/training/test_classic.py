"""The classic preset: windows of ten values, Adagrad, and weights drawn as the classic program draws them."""

from pathlib import Path

import numpy as np
import pytest
import torch

import edgeseq
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import load
from edgeseq.testing import make_spec
from edgeseq.training import fitting
from edgeseq.training.network import Network
from edgeseq.training.options import TrainingOptions
from edgeseq.training.plan import plan
from edgeseq.training.windows import Windows
from edgeseq_export import export
from edgeseq_runtime import Predictor
from tests.conftest import CommandLine


def begun(cell: str = "lstm", layers: int = 2) -> Network:
    torch.manual_seed(0)
    network = Network(make_spec(cell=cell, layers=layers, hidden=30, layout="features", window=10, predicts="value"))
    network.init_classic()
    return network


def test_forget_biases_begin_at_one_and_all_others_at_zero() -> None:
    """torch's gates are input, forget, new, output."""
    for name, value in begun().cell.named_parameters():
        if name.startswith("bias"):
            gates = value.detach().reshape(4, 30)
            assert (gates[[0, 2, 3]] == 0).all()
            assert (gates[1] == (1 if name.startswith("bias_ih") else 0)).all()


def test_a_layer_trains_one_bias() -> None:
    """The second that torch has stays zero, whatever the training does."""
    trainable = {name for name, value in begun().cell.named_parameters() if value.requires_grad}
    assert trainable == {f"{name}_l{layer}" for name in ("weight_ih", "weight_hh", "bias_ih") for layer in (0, 1)}


def test_a_gru_trains_both_since_one_acts_before_its_reset_gate() -> None:
    assert all(value.requires_grad for value in begun("gru").parameters())


def test_kernels_are_uniform_within_glorots_bounds() -> None:
    """One kernel (input + hidden, 4 * hidden) a layer: the bound is sqrt(6 / (rows + columns)), and nearly reached."""
    network = begun()
    for layer, inputs in ((0, 10), (1, 30)):
        bound = np.sqrt(6 / (inputs + 30 + 4 * 30))
        for name in ("weight_ih", "weight_hh"):
            kernel = getattr(network.cell, f"{name}_l{layer}").detach().numpy()
            assert 0.98 * bound < np.abs(kernel).max() <= bound
            assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
            assert abs(kernel.mean()) < 0.05 * bound


def test_it_trains_on_all_samples_before_the_test_part_as_they_are() -> None:
    """10,010 values of the sine within -1 and 1, in windows of ten, each with the value after it."""
    series, parts = load(None)
    made = plan(series, parts, TrainingOptions(preset="classic"))
    assert len(made.train.values) == 10_010
    assert (made.spec.features[0].center, made.spec.features[0].scale) == (0, 1)
    assert made.spec.target_scales == ((1.0,),)
    assert (made.spec.layout, made.spec.window, made.spec.predicts, made.spec.warmup) == ("features", 10, "value", 10)
    assert (made.spec.layers, made.spec.hidden, made.hyperparameters.steps, made.hyperparameters.batch_size) == (
        2,
        30,
        10_000,
        32,
    )
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    assert isinstance(trainer.batches, Windows)
    assert len(trainer.batches.rows) == 10_000  # windows with their truth
    (group,) = trainer.optimizer.param_groups
    assert isinstance(trainer.optimizer, torch.optim.Adagrad)
    assert (group["lr"], group["initial_accumulator_value"]) == (0.1, 0.1)


def test_a_series_far_from_zero_is_scaled() -> None:
    series, parts = load("co2")
    spec = plan(series, parts, TrainingOptions(preset="classic")).spec
    assert spec.features[0].center == pytest.approx(np.nanmean(parts.validation.values), rel=1e-6)


def test_a_step_is_adagrads(tmp_path: Path) -> None:
    """The first step of training, beside the rule worked out by hand: w - 0.1 g / sqrt(0.1 + g^2)."""
    series, parts = load(None)
    made = plan(series, parts, TrainingOptions(preset="classic", steps=1, hidden=4))
    trainer, shadow = (fitting.start(made, parts, seed=0, device="cpu") for _ in range(2))
    loss = shadow.batches.loss(shadow.network, np.random.default_rng([0, 0]))
    loss.backward()  # type: ignore[no-untyped-call]
    trainer.run(lambda *_: None, lambda: False, tmp_path / "run")
    for (name, after), before in zip(trainer.network.named_parameters(), shadow.network.parameters(), strict=True):
        if before.grad is None:
            assert (after == 0).all(), name
        else:
            wanted = before - 0.1 * before.grad / torch.sqrt(0.1 + before.grad**2)
            torch.testing.assert_close(after, wanted, atol=1e-6, rtol=1e-5)


def hand_cut(checkpoint: Checkpoint, values: np.ndarray) -> np.ndarray:
    """What torch's own layers say of each window of ten values, cut by hand: the forecast of the value after it."""
    weights = {name: torch.from_numpy(np.array(value)) for name, value in checkpoint.weights.items()}
    layers, head = torch.nn.LSTM(10, checkpoint.spec.hidden, 2), torch.nn.Linear(checkpoint.spec.hidden, 1)
    for prefix, module in (("cell", layers), ("head", head)):
        start = len(prefix) + 1
        module.load_state_dict({name[start:]: value for name, value in weights.items() if name.startswith(prefix)})
    windows = np.stack([values[end - 9 : end + 1, 0] for end in range(9, len(values))])
    with torch.no_grad():
        said, _ = layers(torch.from_numpy(windows)[None])
        return head(said[0])[:, 0].numpy()


def test_from_training_to_forecasts(edgeseq: CommandLine, tmp_path: Path) -> None:
    """Trained for a moment, exported, compared, streamed: forecasts are torch's own on windows cut by hand."""
    checkpoint, model = tmp_path / "classic", tmp_path / "classic.onnx"
    answer = edgeseq.must("train", "--preset", "classic", "--steps", "30", "--hidden", "8", "-o", checkpoint)
    assert "network input: the last 10 values, as one step; output: the next value" in answer.err
    assert "agrees with the oracle" in edgeseq.must("export", checkpoint, "-o", model).out
    edgeseq.must("verify", model)
    _, parts = load(None)
    trained = Checkpoint.load(checkpoint)
    assert trained.spec.training
    assert trained.spec.training.best_step == 30  # the last weights, not the best
    p = Predictor(model)
    made = np.array([p.step(value)[0, 0] for value in parts.test.values[:, 0]])
    np.testing.assert_allclose(made[9:], hand_cut(trained, parts.test.values), atol=1e-6)
    assert p.warm


def test_int8_passes_the_gate_too(edgeseq: CommandLine, tmp_path: Path) -> None:
    edgeseq.must("train", "--preset", "classic", "--steps", "30", "--hidden", "8", "-o", tmp_path / "classic")
    answer = edgeseq.must("export", tmp_path / "classic", "-o", tmp_path / "int8.onnx", "--quantize", "int8")
    assert ", int8 " in answer.out


# In full


@pytest.mark.slow
def test_the_classic_program_in_full() -> None:
    """10,000 steps: the RMSE over the test range is near the program's own 2.0e-3."""
    series, parts = load(None)
    checkpoint = edgeseq.fit(series, parts, preset="classic")
    p = Predictor(export(checkpoint).content)
    values = parts.test.values[:, 0]
    made = np.array([p.step(value)[0, 0] for value in values], np.float64)
    error = made[9:-1] - values[10:]
    assert len(error) == 1000
    rmse = np.sqrt(np.mean(error**2))
    assert 1.2e-3 <= rmse <= 3.0e-3, rmse


@pytest.mark.slow
def test_the_default_preset_is_better_at_its_first_validation(tmp_path: Path) -> None:
    """After a twentieth of its steps."""
    series, parts = load(None)
    made = plan(series, parts, TrainingOptions())
    trainer = fitting.start(made, parts, seed=0, device="cpu")
    trainer.run(lambda *_: None, lambda: trainer.best.step > 0, tmp_path / "run")
    assert trainer.step == made.hyperparameters.steps // 20
    checkpoint = fitting.judge(fitting.finish(made, trainer, parts), parts).checkpoint
    assert checkpoint.spec.figures
    assert checkpoint.spec.figures.model.rmse < 2.0e-3
