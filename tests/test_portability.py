"""Many train on Windows: whatever does not need POSIX works without it, and what does says so when it is asked for."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseq_runtime.benchmark import cold_start
from edgeseq_runtime.errors import EdgeseqError
from tests.conftest import Answer

IN_PYTHON = """
from tests.helpers import no_posix
no_posix.hide()
import edgeseq, edgeseq_export, edgeseq_runtime
series, parts = edgeseq.load(None)
checkpoint = edgeseq.fit(series, parts, steps=2, hidden=4, layers=1)
model = edgeseq_export.export(checkpoint)
predictor, pool = edgeseq_runtime.Predictor(model.content), edgeseq_runtime.Pool(model.content)
for value in (0.1, 0.2, 0.3):
    one, many = predictor.step(value), pool.step({"a": value})["a"]
print(abs(one - many).max() < 1e-6)
"""

INTERRUPTED_TRAINING = """
import signal, sys
from tests.helpers import no_posix
no_posix.hide()
from rich.progress import Progress
from edgeseq import cli
def interrupting(self, task, *, completed, **fields):
    if completed == 3:
        signal.raise_signal(signal.SIGINT)
    with_progress(self, task, completed=completed, **fields)
with_progress, Progress.update = Progress.update, interrupting
print(cli.run(sys.argv[1:]), flush=True)
Progress.update = with_progress
print(cli.run([*sys.argv[1:], "--resume"]))
"""


def python(*words: object, text: str = "") -> Answer:
    done = subprocess.run([sys.executable, *map(str, words)], input=text, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def edgeseq(*words: object, text: str = "") -> Answer:
    """The command line where nothing of POSIX is there."""
    return python("-m", "tests.helpers.no_posix", *words, text=text)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    path = tmp_path / "series.csv"
    path.write_text("".join(["v\n", *(f"{math.sin(t / 5) + t % 7 / 50:.4f}\n" for t in range(300))]))
    return path


def test_the_packages_train_export_and_forecast_in_python() -> None:
    answer = python("-c", IN_PYTHON)
    assert (answer.code, answer.out) == (0, "True\n"), answer.err


def test_the_command_line_goes_from_a_series_to_forecasts(series: Path, tmp_path: Path) -> None:
    """A file and a pipe give the same lines; the state is saved."""
    checkpoint, model, state = (tmp_path / name for name in ("c.safetensors", "m.onnx", "state"))
    train = ("train", series, "--steps", 2, "--hidden", 4, "--layers", 1, "-o", checkpoint)
    answer = edgeseq(*train, "--then", "export", checkpoint, "-o", model, "--then", "evaluate", model, series)
    assert answer.code == 0, answer.err
    assert "agrees with the oracle" in answer.out
    from_file = edgeseq("predict", model, "--input", series, "--state", state)
    assert (from_file.code, len(from_file.out.splitlines())) == (0, 300), from_file.err
    assert edgeseq("predict", model, text=series.read_text()).out == from_file.out
    goes_on = edgeseq("predict", model, "--state", state, text="0.5\n")
    assert json.loads(goes_on.out)["t"] == 300
    assert "resumed after 300 samples" in goes_on.err


def test_ctrl_c_ends_a_training_where_it_can_go_on(series: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.safetensors"
    words = ("train", series, "--steps", 9, "--hidden", 4, "--layers", 1, "-o", checkpoint)
    answer = python("-c", INTERRUPTED_TRAINING, *words)
    assert answer.out.startswith("130\n"), answer.err
    assert answer.out.endswith("\n0\n"), answer.err
    assert "stopped at step 3 of 9" in answer.err
    assert "resumed at step 3 of 9" in answer.err


def test_what_only_posix_can_do_says_so(model_path: Path) -> None:
    answer = edgeseq("predict", model_path, "--provider", "native", text="0.5\n")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("edgeseq: the provider 'native' needs a POSIX system such as Linux or macOS")
    assert "native" not in edgeseq("providers").out


def test_a_cold_start_is_not_measured_where_the_system_does_not_tell_memory(
    model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(EdgeseqError, match="on POSIX systems only, such as Linux and macOS"):
        cold_start.measure(str(model_path), "cpu", rounds=1)
