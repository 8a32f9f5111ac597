"""A state goes on with the sensor that it is of, or is refused: another's numbers would be called ok."""

from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.streaming.sensors import Scale
from tests.conftest import CommandLine

FLEET = edgeseq_export.build(make_checkpoint(sensors=3))
HISTORY = np.cumsum(np.random.default_rng(0).standard_normal(40)) + 5


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.onnx"
    path.write_bytes(FLEET)
    (tmp_path / "in").write_text("0.1\n0.2\n")
    return path


def test_a_snapshot_of_another_sensor_is_refused_and_changes_nothing() -> None:
    first, other = Predictor(FLEET, sensor="s1"), Predictor(FLEET, sensor="s2")
    first.step(0.1)
    other.step(0.3)
    before = other.snapshot()
    with pytest.raises(SnapshotError, match="the snapshot is of the sensor s1, not of s2"):
        other.restore(first.snapshot())
    assert other.snapshot() == before


def test_so_is_one_of_another_history() -> None:
    first = Predictor(FLEET, sensor=HISTORY)
    first.step(0.1)
    again = Predictor(FLEET, sensor=HISTORY)
    again.restore(first.snapshot())
    assert again.samples == 1
    with pytest.raises(SnapshotError, match="the snapshot is of another sensor, not of the one that was asked for"):
        Predictor(FLEET, sensor=2 * HISTORY).restore(first.snapshot())


def test_what_was_asked_for_last_counts() -> None:
    predictor = Predictor(FLEET, sensor="s1")
    of_the_first = predictor.snapshot()
    predictor.set_sensor("s2")
    with pytest.raises(SnapshotError, match="of the sensor s1"):
        predictor.restore(of_the_first)
    predictor.set_sensor(None)
    predictor.restore(of_the_first)


@pytest.mark.parametrize("sensor", ["s0", "s1", "s2", Scale.identity(Predictor(FLEET).session.spec), HISTORY, None])
def test_who_asks_for_none_or_for_the_same_goes_on(sensor: str | Scale | None) -> None:
    first = Predictor(FLEET, sensor=sensor)
    first.run([0.1, 0.2])
    for other in (Predictor(FLEET), Predictor(FLEET, sensor=sensor)):
        other.restore(first.snapshot())
        np.testing.assert_array_equal(other.step(0.3), first.step(0.3))
        first.restore(other.snapshot())


def test_the_command_line_names_the_sensor(edgeseq: CommandLine, fleet: Path, tmp_path: Path) -> None:
    state, source = tmp_path / "state", tmp_path / "in"
    edgeseq.must("predict", fleet, "--input", source, "--state", state, "--sensor", "s1")
    before = state.read_bytes()
    (tmp_path / "history").write_text("".join(f"{value}\n" for value in HISTORY))
    for option in (("--sensor", "s2"), ("--history", tmp_path / "history")):
        answer = edgeseq("predict", fleet, "--input", source, "--state", state, *option)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.startswith(f"edgeseq: {state}: the snapshot is of the sensor s1, not of ")
        assert answer.err.endswith("; use --fresh to start over\n")
        assert state.read_bytes() == before
    for words in (("--sensor", "s1"), ()):
        assert "resumed after" in edgeseq.must("predict", fleet, "--input", source, "--state", state, *words).err
