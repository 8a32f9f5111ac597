"""Learning curves: each run leaves a table, and pictures of it where they are asked for."""

import csv
import importlib.util
from pathlib import Path

import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.training import curves
from tests.conftest import CommandLine

BRIEF = ["train", "--hidden", "4", "--device", "cpu"]
HAS_TENSORBOARD = importlib.util.find_spec("tensorboard") is not None


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("steps", "points"), [(3, 3), (150, 150), (230, 115)])
def test_a_run_leaves_its_learning_curve(edgeseq: CommandLine, tmp_path: Path, steps: int, points: int) -> None:
    """About a hundred rows, or as many as there are steps; those of a validation have its error, the last one too."""
    edgeseq.must(*BRIEF, "--steps", steps, "-o", tmp_path / "model")
    found = rows(tmp_path / "model.curve.csv")
    assert list(found[0]) == ["step", "loss", "learning_rate", "validation_mse"]
    numbers = [int(row["step"]) for row in found]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == steps
    assert points <= len(found) <= points + 20
    assert all(float(row["loss"]) > 0 and 0 <= float(row["learning_rate"]) <= 0.01 for row in found)
    validated = [row for row in found if row["validation_mse"]]
    assert min(steps, 20) <= len(validated) <= 22
    assert validated[-1]["step"] == str(steps)
    training = Checkpoint.load(tmp_path / "model").spec.training
    assert training
    best = min(validated, key=lambda row: float(row["validation_mse"]))
    assert int(best["step"]) == training.best_step
    assert float(best["validation_mse"]) == pytest.approx(training.validation_mse, rel=1e-4)


def test_a_loss_is_the_mean_since_the_row_before(tmp_path: Path) -> None:
    """Of three steps, the curve's one row has the mean; an empty cell is no number."""
    curves.write_csv([(1, 4.0, 0.1, float("nan")), (4, 2.0, 0.05, 0.25)], tmp_path / "curve.csv")
    assert (tmp_path / "curve.csv").read_text() == ("step,loss,learning_rate,validation_mse\n1,4,0.1,\n4,2,0.05,0.25\n")


def test_the_curve_is_drawn(edgeseq: CommandLine, tmp_path: Path) -> None:
    edgeseq.must(*BRIEF, "--steps", "5", "-o", tmp_path / "model", "--plot", tmp_path / "curve.png")
    content = (tmp_path / "curve.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (960, 480)


@pytest.mark.skipif(not HAS_TENSORBOARD, reason="the extra tensorboard is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's own
def test_the_curve_is_written_for_tensorboard(edgeseq: CommandLine, tmp_path: Path) -> None:
    edgeseq.must(*BRIEF, "--steps", "40", "-o", tmp_path / "model", "--tensorboard", tmp_path / "board")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    wanted = rows(tmp_path / "model.curve.csv")
    for name in ("loss", "learning_rate", "validation_mse"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        there = [(int(row["step"]), pytest.approx(float(row[name]), rel=1e-5)) for row in wanted if row[name]]
        assert found == there


def test_without_tensorboard_one_line_names_the_extra_before_training(
    edgeseq: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="tensorboard")

    monkeypatch.setattr("edgeseq.training.curves.importlib.import_module", missing)
    answer = edgeseq(*BRIEF, "--steps", "5", "-o", tmp_path / "model", "--tensorboard", tmp_path / "board")
    assert answer.code == 1
    assert answer.err == "edgeseq: tensorboard is not installed; pip install 'edgeseq[tensorboard]'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--plot", "--output", "--tensorboard"])
def test_what_cannot_be_written_is_refused_before_training(edgeseq: CommandLine, tmp_path: Path, option: str) -> None:
    """A folder that does not exist, or that is a file."""
    if option == "--tensorboard" and not HAS_TENSORBOARD:
        pytest.skip("the extra tensorboard is not installed")
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "it"
    answer = edgeseq(*BRIEF, "--steps", "5", "-o", tmp_path / "model", option, path)
    assert answer.code == 1
    assert answer.err.startswith(f"edgeseq: cannot write {path}")
    assert len(answer.err.splitlines()) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_curves_place_is_refused_before_training(edgeseq: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "model.curve.csv").mkdir()
    answer = edgeseq(*BRIEF, "--steps", "5", "-o", tmp_path / "model")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "Is a directory" in answer.err


NO_PATH = "Invalid value for '--linear-path': expected auto, off or a number from 2 on, got "


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--window", "7"], "--window is for --layout features or steps; a stream has no window"),
        (["--linear-path", "7", "--preset", "classic"], "--preset classic takes no --linear-path: "),
        (["--no-level", "--layout", "steps"], "--layout steps takes no --level: "),
        (["--warmup", "20", "--layout", "steps"], "--layout steps takes no --warmup: "),
        (
            ["--linear-path", "1"],
            NO_PATH + "'1'",
        ),
        (
            ["--linear-path", "\u00b2"],
            "Invalid value for '--linear-path': expected auto, off or a number from 2 on, got '\u00b2'",
        ),
        (
            ["--linear-path", "-3"],
            "Invalid value for '--linear-path': expected auto, off or a number from 2 on, got '-3'",
        ),
        (["--window", "1", "--layout", "steps"], "Invalid value for '--window': 1 is not in the range x>=2."),
        (["--seed", str(2**70)], f"seed: expected 0 to {2**64 - 1}, got {2**70}"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    edgeseq: CommandLine, tmp_path: Path, words: list[str], line: str
) -> None:
    answer = edgeseq(*BRIEF, "--steps", "5", "-o", tmp_path / "model", *words)
    assert answer.code == 2
    assert answer.err.startswith(f"edgeseq: {line}")
    assert len(answer.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_linear_path_and_no_window_go_with_any_layout(edgeseq: CommandLine, tmp_path: Path) -> None:
    """What is switched off cannot be in the way."""
    edgeseq.must(*BRIEF, "--steps", "3", "-o", tmp_path / "model", "--preset", "classic", "--linear-path", "off")
