"""`edgeseq info`: dates, durations and rates for people, seconds for programs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from tests.conftest import CommandLine


def lines(out: str) -> dict[str, str]:
    return {name.strip(): value for name, _, value in (line.partition("  ") for line in out.splitlines())}


def dated(period: float) -> Checkpoint:
    """A model of samples a period apart, trained on the first of May 2026 from noon to six."""
    made = make_checkpoint(horizon=3)
    return replace(made, spec=replace(made.spec, period=period, first_time=1777636800.0, last_time=1777658400.0))


@pytest.mark.parametrize(
    ("period", "trained", "ahead"),
    [
        (3600.0, "one every 1 h", "3 samples (3 h) ahead"),
        (900.0, "one every 15 min", "3 samples (45 min) ahead"),
        (0.01, "100 a second", "3 samples (30 ms) ahead"),
    ],
)
def test_times_are_dates_and_periods_have_units(
    edgeseq: CommandLine, tmp_path: Path, period: float, trained: str, ahead: str
) -> None:
    dated(period).save(tmp_path / "c")
    edgeseq.must("export", tmp_path / "c", "-o", tmp_path / "m.onnx")
    found = lines(edgeseq.must("info", tmp_path / "m.onnx").out)
    assert found["trained on"].strip() == f"made_up, 2026-05-01 12:00 to 2026-05-01 18:00, {trained}"
    assert found["forecasts"].strip() == f"f0: {ahead}"
    content = json.loads(edgeseq.must("info", tmp_path / "m.onnx", "--json").out)
    assert (content["period"], content["first_time"]) == (period, 1777636800.0)


def test_a_checkpoint_is_called_one(edgeseq: CommandLine, tmp_path: Path) -> None:
    make_checkpoint().save(tmp_path / "c")
    edgeseq.must("export", tmp_path / "c", "-o", tmp_path / "m.onnx")
    assert edgeseq.must("info", tmp_path / "c").out.startswith("checkpoint ")
    assert edgeseq.must("info", tmp_path / "m.onnx").out.startswith("model file ")
