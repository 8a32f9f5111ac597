"""A PyTorch module of one's own: exported, it does in a stream what torch does with the whole sequence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import edgeseq_export
from edgeseq_export.torch_module.export import describe
from edgeseq_export.torch_module.layers import LayersOracle
from edgeseq_export.torch_module.tracing import Trace
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import CheckError, DataError, UsageError
from edgeseq_runtime.spec import Spec
from tests.conftest import CommandLine
from tests.helpers import tolerances

NAMES = ("load", "temp")
SAMPLES = np.array([20, 5], np.float32) + np.cumsum(
    np.random.default_rng(0).standard_normal((60, 2)), axis=0, dtype=np.float32
)


class Plain(nn.Module):
    """As most people write it."""

    def __init__(self, cell: str = "LSTM", *, batch_first: bool = False, layers: int = 2, bias: bool = True) -> None:
        super().__init__()
        self.cell = getattr(nn, cell)(2, 7, layers, batch_first=batch_first, bias=bias)
        self.head = nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.cell(x)
        return self.head(out)


class Deep(nn.Module):
    """Layers of all kinds, a sum around one of them, and a part that nothing asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Dropout(0.5))
        self.gru = nn.GRU(6, 6)
        self.between = nn.Sequential(nn.Linear(6, 5), nn.LeakyReLU(0.2), nn.Identity())
        self.lstm = nn.LSTM(5, 4, 3)
        self.aside = nn.Linear(4, 1)
        self.head = nn.Sequential(nn.SiLU(), nn.Linear(4, 3, bias=False))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        start = self.before(x)
        out = self.gru(start, state)[0] + start
        out, _ = self.lstm(functional.elu(self.between(out)))
        return self.head(torch.relu(out)), self.aside(out)


class LastStep(nn.Module):
    """What sees windows: only the end of a sequence counts, by the output or by the state that is left."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.lstm = nn.LSTM(2, 5, 2, batch_first=True)
        self.gru = nn.GRU(5, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        out, (h, _) = self.lstm(x)
        if self.way == "output":
            return self.head(out[:, -1])
        if self.way == "slices":
            return self.head(functional.softsign(out[:, -1, :]))
        if self.way == "hidden":
            return self.head(h[-1])
        _, left = self.gru(out)
        return self.head(left.squeeze(0))


MODULES: dict[str, Callable[[], nn.Module]] = {
    "lstm": Plain,
    "gru, batch first": lambda: Plain("GRU", batch_first=True),
    "rnn, without biases": lambda: Plain("RNN", bias=False, layers=1),
    "deep": Deep,
    "last output": lambda: LastStep("output"),
    "last output, with slices": lambda: LastStep("slices"),
    "last hidden state": lambda: LastStep("hidden"),
    "last hidden state, squeezed": lambda: LastStep("squeezed"),
    "no memory": lambda: nn.Sequential(nn.Linear(2, 4), nn.Softplus(), nn.Linear(4, 3), nn.Sigmoid()),
}


def spec_for(predicts: str = "value", *, scaled: bool = True) -> Spec:
    return describe(SAMPLES, NAMES, targets=1, horizon=3, predicts=predicts, scaled=scaled)


def by_torch(module: nn.Module, spec: Spec) -> np.ndarray:
    """What the module says of the samples up to each, scaled as the spec has it and back, (time, horizon)."""
    centers, scales = (np.array([getattr(f, name) for f in spec.features]) for name in ("center", "scale"))
    given = torch.from_numpy(((SAMPLES - centers) / scales).astype(np.float32))
    batch_first = any(getattr(part, "batch_first", False) for part in module.modules())
    found = []
    with torch.no_grad():
        for end in range(1, len(given) + 1):
            part = given[:end]
            said = module(part[None] if batch_first else part[:, None])
            said = said[0] if isinstance(said, tuple) else said
            found.append(said.reshape(-1, 3)[-1].numpy())
    base = SAMPLES[:, :1] if spec.predicts == "change" else spec.features[0].center
    return base + np.array(found) * np.array(spec.target_scales).reshape(-1)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("predicts", ["value", "change"])
@pytest.mark.parametrize("scaled", [True, False])
def test_a_stream_gives_what_torch_gives(name: str, predicts: str, scaled: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, spec = MODULES[name]().eval(), spec_for(predicts, scaled=scaled)
    path = tmp_path / "own.onnx"
    made = edgeseq_export.export(module, spec, path)
    assert made.deviation.forecast < 1e-5
    wanted = by_torch(module, spec)
    p = Predictor(path)
    np.testing.assert_allclose(
        [p.step(sample)[:, 0] for sample in SAMPLES], wanted, rtol=tolerances.MODULE, atol=tolerances.MODULE
    )
    p.reset()
    np.testing.assert_allclose(p.run(SAMPLES)[:, :, 0], wanted, rtol=tolerances.MODULE, atol=tolerances.MODULE)
    pool = Pool(path)
    pooled = [pool.step({"other": -sample, "this": sample})["this"][:, 0] for sample in SAMPLES]
    np.testing.assert_allclose(pooled, wanted, rtol=tolerances.MODULE, atol=tolerances.MODULE)


def test_its_file_is_like_any_other(tmp_path: Path, edgeseq: CommandLine) -> None:
    path = tmp_path / "own.onnx"
    made = edgeseq_export.export(Plain(), spec_for(), path)
    assert path.read_bytes() == made.content
    edgeseq.must("verify", path)
    assert "own" in edgeseq.must("info", path).out
    samples = tmp_path / "samples.csv"
    samples.write_text("load,temp\n20,5\n,\n21,5.5\n")
    lines = edgeseq.must("predict", path, "--input", samples).out.splitlines()
    assert [line.split('"status": ')[1].split(",")[0] for line in lines] == ['"ok"', '"imputed"', '"ok"']


def test_a_description_by_hand() -> None:
    """Of a feature 1, 2, 4, 5: the mean is 3, the deviation the root of 2.5, the changes 1, 2, 1."""
    spec = describe([1, 2, 4, 5], ["v"], horizon=2)
    feature = spec.features[0]
    assert (feature.center, feature.scale) == pytest.approx((3, 2.5**0.5))
    assert feature.change == pytest.approx(2**0.5)
    assert spec.target_scales == ((feature.scale,), (feature.scale,))
    changes = describe([1, 2, 4, 5], ["v"], horizon=2, predicts="change").target_scales
    np.testing.assert_allclose(changes, [[2**0.5], [3.0]], rtol=1e-4)
    with pytest.raises(DataError, match="never changes"):
        describe([[1, 2], [1, 3]], ["a", "b"])


class Forward(nn.Module):
    """A module whose forward is a function of a layer and the samples."""

    def __init__(self, layer: nn.Module, forward: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.how = layer, forward
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.how(self, x)


class Choosy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Twofold(nn.Module):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return x * mask


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (nn.Sequential(nn.Linear(2, 4), nn.Conv1d(4, 3, 1)), "the layer '1' is a Conv1d, which cannot be expressed"),
        (Forward(nn.LSTM(2, 3, bidirectional=True), lambda m, x: m.layer(x)[0]), "'layer' is bidirectional"),
        (Forward(nn.LSTM(2, 3, proj_size=2), lambda m, x: m.layer(x)[0]), "'layer' projects its state"),
        (Forward(nn.RNN(2, 3, nonlinearity="relu"), lambda m, x: m.layer(x)[0]), "plain RNN without tanh"),
        (Forward(nn.Linear(2, 3), lambda m, x: torch.fft.fft(m.layer(x))), "the forward uses 'fft_fft' (fft_fft)"),
        (Forward(nn.Linear(2, 3), lambda m, x: m.layer(x * m.scale)), "'scale', a tensor of its own"),
        (Forward(nn.Linear(2, 3), lambda m, x: m.layer(x)[0]), "the index 0"),
        (Forward(nn.Linear(2, 3), lambda m, x: m.layer(x).mean(0)), "'mean'"),
        (Forward(nn.Linear(2, 3), lambda _m, x: x), "does not return what a layer gives"),
        (Forward(nn.Softplus(beta=2), lambda m, x: m.layer(x)), "a beta of 2"),
        (Choosy(), "the forward of Choosy cannot be followed"),
        (Twofold(), "takes 'mask' beside the samples"),
        (nn.Sequential(nn.Linear(3, 3)), "does not run on samples of 2 features"),
        (nn.Sequential(nn.Linear(2, 4)), "gives 4 numbers; the spec wants 3: a horizon of 3 times 1 targets"),
    ],
)
def test_what_cannot_be_expressed_is_named(module: nn.Module, said: str, tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    with pytest.raises(UsageError) as caught:
        edgeseq_export.export(module, spec_for(), path)
    assert said in str(caught.value)
    assert not path.exists()


def test_layers_that_do_something_else_than_the_module_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison with torch has teeth: here the found layers lack the activation."""
    traced = Trace.__init__

    def forgetful(self: Trace, module: nn.Module) -> None:
        traced(self, module)
        self.layers[1] = type(self.layers[1])("relu", "relu", (1,))

    monkeypatch.setattr(Trace, "__init__", forgetful)
    with pytest.raises(CheckError, match="do not do what it does"):
        edgeseq_export.export(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)), spec_for())


@pytest.mark.parametrize("kind", ["Tanh", "Sigmoid", "ReLU", "SiLU", "LeakyReLU", "ELU", "Softplus", "Softsign"])
def test_the_oracles_activations_are_torchs(kind: str) -> None:
    layer = getattr(nn, kind)()
    x = np.linspace(-30, 30, 601)
    spec = describe(np.arange(9.0), ["v"], scaled=False)
    y, _ = LayersOracle(spec, Trace(nn.Sequential(layer)).layers).run(x[None, :, None])
    np.testing.assert_allclose(y[0, :, 0], layer(torch.from_numpy(x)).numpy(), atol=1e-12)
