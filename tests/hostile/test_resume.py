"""What an interrupted training or search left, damaged or made up: refused in one line, and the run starts anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseq.model import tensor_file
from edgeseq.series import load
from edgeseq.training import fitting, plan
from edgeseq.training.options import TrainingOptions
from edgeseq.training.trainer import Trainer
from edgeseq_runtime.errors import EdgeseqError, ModelFileError, UsageError
from tests.conftest import CommandLine

STORED = Path(__file__).parents[1] / "stored" / "0.1" / "runs"

Texts = dict[str, Any]
Tensors = dict[str, np.ndarray]


@pytest.fixture(params=["default", "classic"])
def trainer(request: pytest.FixtureRequest) -> Trainer:
    """A run after three of its steps; memory carried along, or a buffer of windows."""
    series, parts = load("co2")
    made = plan.plan(series, parts, TrainingOptions(preset=request.param, hidden=4, layers=1, steps=6))
    with fitting.torch_as_before():
        run = fitting.start(made, parts, seed=0, device="cpu")
        for _ in range(3):
            run.train_step()
        run.validate()
        run.curve = [(1.0, 0.5, 0.1, 0.3), (3.0, 0.4, 0.1, float("nan"))]
    return run


@pytest.fixture
def saved(trainer: Trainer, tmp_path: Path) -> Path:
    trainer.save(tmp_path / "m.resume")
    return tmp_path / "m.resume"


def test_a_flipped_bit_in_an_interrupted_run_is_found(trainer: Trainer, saved: Path) -> None:
    """All of the header, and places in the weights, the moments and what the readers remember."""
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little") + 8
    for position in [*range(0, length, 5), *range(length, len(content), max(1, len(content) // 300))]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        saved.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            trainer.restore(saved)
    saved.write_bytes(content)
    trainer.restore(saved)


def changed(path: Path, change: Callable[[Tensors, Texts], object]) -> None:
    """Write the run again with other content and a hash that is right."""
    tensors, texts = tensor_file.unpack(path.read_bytes(), "x", {"run", "identity"}, "a run")
    parsed = {name: json.loads(text) for name, text in texts.items()}
    change(tensors, parsed)
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parsed.items()}
    path.write_bytes(tensor_file.pack(tensors, written))


def renamed(old: str, new: str) -> Callable[[Tensors, Texts], object]:
    return lambda tensors, _: tensors.update({new: tensors.pop(old)})


def put(name: str, value: Any) -> Callable[[Tensors, Texts], object]:
    return lambda _, texts: texts["run"].update({name: value})


def numbers(name: str, value: float) -> Callable[[Tensors, Texts], object]:
    """The first number of each tensor with this beginning becomes another one."""

    def change(tensors: Tensors, _: Texts) -> None:
        for found in (key for key in tensors if key.startswith(name)):
            tensors[found].reshape(-1)[:1] = value

    return change


CHANGES: dict[str, Callable[[Tensors, Texts], object]] = {
    "no run": lambda _, texts: texts.pop("run"),
    "no identity": lambda _, texts: texts.pop("identity"),
    "run is no JSON": lambda _, texts: texts.update(run="{"),
    "run is deep": lambda _, texts: texts.update(run="[" * 100_000),
    "run is a list": lambda _, texts: texts.update(run=[]),
    "identity is a list": lambda _, texts: texts.update(identity=[1]),
    "identity is text": lambda _, texts: texts.update(identity='"x"'),
    "step is text": put("step", "5"),
    "step is below 0": put("step", -5),
    "step is 0": put("step", 0),
    "step is beyond the end": put("step", 10**30),
    "step is true": put("step", True),
    "step is no whole number": put("step", 2.5),
    "best step after the step": put("best_step", 4),
    "best error is text": put("best_mse", "low"),
    "best error is a list": put("best_mse", []),
    "best error is NaN": put("best_mse", "nan"),
    "a tensor renamed": renamed("network.head.bias", "network.head.bais"),
    "a tensor renamed to another part": renamed("average.head.bias", "extra"),
    "a moment too many": renamed("optimizer.0.step", "optimizer.99.step"),
    "a moment of no number": renamed("optimizer.0.step", "optimizer.x.step"),
    "a moment of a number below 0": renamed("optimizer.0.step", "optimizer.-1.step"),
    "a weight of another shape": lambda tensors, _: tensors.update({"network.head.bias": np.zeros(9, np.float32)}),
    "a weight of another type": lambda tensors, _: tensors.update({"network.head.bias": np.zeros(1, np.float64)}),
    "a weight that is not finite": numbers("network.head.bias", np.nan),
    "a moment that is not finite": numbers("optimizer.0", np.inf),
    "a curve of one axis": lambda tensors, _: tensors.update(curve=np.zeros(4)),
    "a curve that runs backwards": lambda tensors, _: tensors.update(curve=np.ones((2, 4))),
    "a curve of steps to come": lambda tensors, _: tensors.update(curve=np.full((1, 4), 10.0)),
    "no curve": lambda tensors, _: tensors.pop("curve"),
    "losses of two axes": lambda tensors, _: tensors.update(losses=np.zeros((2, 2))),
    "a reader beyond the end": numbers("lessons.reader0.row", 10**15),
    "a reader before the start": numbers("lessons.reader0.row", -1),
    "a segment that is not there": numbers("lessons.reader0.segment", 10**15),
    "a segment below 0": numbers("lessons.reader0.segment", -1),
    "a window that is not there": numbers("lessons.buffer", 10**15),
    "a window below 0": numbers("lessons.position", -1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_interrupted_run_that_nobody_wrote_is_refused(trainer: Trainer, saved: Path, name: str) -> None:
    """With a hash that is right: whoever made it knows the format."""
    before = saved.read_bytes()
    changed(saved, CHANGES[name])
    if saved.read_bytes() == before:
        pytest.skip("a run of this kind has no such part")
    with pytest.raises(ModelFileError) as caught:
        trainer.restore(saved)
    assert len(str(caught.value)) < 500


def test_another_run_is_named_in_a_line_of_bounded_length(trainer: Trainer, saved: Path) -> None:
    changed(saved, lambda _, texts: texts["identity"].update({f"x{i}" * 50: i for i in range(1000)}))
    with pytest.raises(UsageError, match="belongs to another run") as caught:
        trainer.restore(saved)
    assert len(str(caught.value)) < 500


def test_a_damaged_run_ends_train_resume_in_one_line(edgeseq: CommandLine, tmp_path: Path) -> None:
    """What it left stays as it is, and without --resume the training begins anew."""
    words = ["train", "--steps", "4", "--hidden", "4", "-o", tmp_path / "m"]
    (tmp_path / "m.resume").write_bytes((STORED / "interrupted.safetensors.resume").read_bytes()[:-1])
    answer = edgeseq(*words, "--resume")
    assert (answer.code, answer.out) == (1, "")
    assert "m.resume is not an interrupted run" in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err
    edgeseq.must(*words)


# Searches


@pytest.fixture
def search(edgeseq: CommandLine, tmp_path: Path) -> tuple[list[object], Path]:
    """The words of a search of two trials, and the file that it left after one."""
    output = tmp_path / "m"
    words: list[object] = ["train", "--steps", 4, "--hidden", 8, "--layers", 1, "-o", output, "--search"]
    edgeseq.must(*words, 1)
    return [*words, 2, "--resume"], Path(f"{output}.search")


def test_a_flipped_bit_in_a_search_is_found(
    edgeseq: CommandLine, search: tuple[list[object], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, path = search
    content = path.read_bytes()
    loaded: list[object] = []
    from edgeseq.training.search import Search

    restore = Search.restore

    def remembered(self: Search) -> None:
        loaded.append(self)
        restore(self)

    monkeypatch.setattr(Search, "restore", remembered)
    path.write_bytes(content[:-30] + bytes([content[-30] ^ 1]) + content[-29:])
    assert edgeseq(*words).code == 1
    (made,) = loaded
    assert isinstance(made, Search)
    for position in range(len(content)):
        for bit in (0, 3, 5):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(EdgeseqError):
                restore(made)
    path.write_bytes(content)
    restore(made)
    assert len(made.trials) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {}},
        {"settings": [1]},
        {"settings": {"learning_rate": "x", "unroll": 5}},
        {"settings": {"learning_rate": 0.01, "unroll": 10**9}},
        {"state": "odd"},
        {"error": None},
        {"error": -1.0},
        {"error": float("inf")},
        {"curve": [[1]]},
        {"curve": [["x", 1.0]]},
        {"curve": [[1, float("nan")]]},
        {"curve": [[-1, 0.5]]},
        {"run": 5},
        {"steps": "4"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_search_that_nobody_wrote_is_refused(
    edgeseq: CommandLine, search: tuple[list[object], Path], change: dict[str, Any]
) -> None:
    """Without a hash, as version 0.1 wrote them."""
    words, path = search
    content = json.loads(path.read_bytes())
    del content["sha256"]
    path.write_text(json.dumps(content))
    content["trials"][0].update(change)
    path.write_text(json.dumps(content))
    answer = edgeseq(*words)
    assert answer.code == 1
    assert answer.err.splitlines()[-1].endswith("m.search is not a search that edgeseq wrote")
    assert "Traceback" not in answer.err
