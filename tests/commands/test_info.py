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


def rising(count: int) -> str:
    """Samples of a series that rises, of which a random network knows nothing."""
    return "".join(f"{0.3 * number:.1f}\n" for number in range(count))


def adapting(edgeseq: CommandLine, folder: Path) -> Path:
    made = make_checkpoint(horizon=3, warmup=5)
    replace(made, spec=replace(made.spec, adapt=True)).save(folder / "c")
    edgeseq.must("export", folder / "c", "-o", folder / "m.onnx")
    return folder / "m.onnx"


def test_what_a_model_adapts_to_and_what_its_stream_has_learned(edgeseq: CommandLine, tmp_path: Path) -> None:
    """The line of `predict` at its end, and what `info` reads in the state that it saved; none of another model's."""
    model = adapting(edgeseq, tmp_path)
    (tmp_path / "in.txt").write_text(rising(300))
    said = edgeseq.must(
        "predict", model, "--input", tmp_path / "in.txt", "--state", tmp_path / "state", "--range", "flag"
    )
    assert "; learned from " in said.err
    found = lines(edgeseq.must("info", model, "--state", tmp_path / "state").out)
    assert found["adaptation"].strip() == "forecasts go on learning on the device"
    assert found["adapted"].strip().endswith("(test RMSE)")
    assert found["state"].strip() == said.err.rpartition("; ")[2].strip()
    content = json.loads(edgeseq.must("info", model, "--state", tmp_path / "state", "--json").out)
    assert content["adapt"] is True
    assert content["learned"][""]["samples"] == int(found["state"].split()[2])
    edgeseq.must("export", tmp_path / "c", "-o", tmp_path / "plain.onnx", "--no-adapt")
    assert lines(edgeseq.must("info", tmp_path / "plain.onnx").out)["adaptation"].strip().startswith("off")
    assert "belongs to another model" in edgeseq("info", tmp_path / "plain.onnx", "--state", tmp_path / "state").err


def test_a_state_without_what_was_learned_begins_anew_with_a_note(tmp_path: Path, edgeseq: CommandLine) -> None:
    """As a run without adaptation saves it; a state that holds what was learned brings no note."""
    model, source = adapting(edgeseq, tmp_path), tmp_path / "in.txt"
    source.write_text(rising(300))
    streamed = ["predict", model, "--input", source, "--state", tmp_path / "state", "--range", "flag"]
    noted = [edgeseq.must(*streamed, *choice).err for choice in ((), (), ("--no-adapt",), (), ())]
    assert ["nothing that was learned" in err for err in noted] == [False, False, False, True, False]


def test_what_many_streams_have_learned(edgeseq: CommandLine, tmp_path: Path) -> None:
    """From their database, which stays as it is."""
    model = adapting(edgeseq, tmp_path)
    rows = [f"m,room={room} f0={0.3 * number:.1f} {number}000000000" for number in range(100) for room in "ab"]
    (tmp_path / "in.lp").write_text("\n".join(rows) + "\n")
    state = tmp_path / "state"
    said = edgeseq.must("predict", model, "--input", tmp_path / "in.lp", "--input-format", "influx", "--state", state)
    before = state.read_bytes()
    learned = json.loads(edgeseq.must("info", model, "--state", state, "--json").out)["learned"]
    assert state.read_bytes() == before
    assert list(learned) == ["m,room=a", "m,room=b"]
    total = sum(stream["samples"] for stream in learned.values())
    assert f"; learned from {total} samples, adapted in " in said.err
    assert said.err.strip().endswith("of 2 streams")
