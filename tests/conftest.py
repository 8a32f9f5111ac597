"""What the tests share: random checkpoints, a trained one, and the command line in this process."""

from __future__ import annotations

import os
import signal

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import edgeseq_export
from edgeseq import cli
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import load
from edgeseq.testing import make_checkpoint
from edgeseq.training import fitting

settings.register_profile("edgeseq", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("edgeseq")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Shells start commands in the background so. It would be inherited by the programs that the tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ETTH1 = Path(__file__).parents[2] / "shared" / "data" / "ETTh1.csv"
"""A series that may not be copied into the project; tests that need it are skipped where it is not."""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled models are kept where they are gone afterwards, not in the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """A random 2-layer LSTM for one feature, three steps ahead."""
    return make_checkpoint(horizon=3)


@pytest.fixture(scope="session")
def model(checkpoint: Checkpoint) -> bytes:
    """Its model file."""
    return edgeseq_export.export(checkpoint).content


@pytest.fixture
def model_path(model: bytes, tmp_path: Path) -> Path:
    """The model file on the disk."""
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    return path


@pytest.fixture(scope="session")
def brief_sine() -> Checkpoint:
    """The sine, trained for a second only: a real checkpoint, not a good one. Its forecasts stay as trained."""
    series, parts = load(None)
    return fitting.fit(series, parts, steps=60, hidden=8, adapt="off")


@pytest.fixture(scope="session")
def brief_path(brief_sine: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file."""
    path = tmp_path_factory.mktemp("brief") / "sine.safetensors"
    brief_sine.save(path)
    return path


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs commands in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *words: object) -> Answer:
        self._capfd.readouterr()
        code = cli.run([str(word) for word in words])
        return Answer(code, *self._capfd.readouterr())

    def must(self, *words: object) -> Answer:
        """Run a command that has to succeed."""
        answer = self(*words)
        assert answer.code == 0, answer.err
        return answer


@pytest.fixture
def edgeseq(capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line."""
    return CommandLine(capfd)
