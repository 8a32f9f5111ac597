"""Snapshots on the disk: a power cut is followed bit for bit; what is damaged is refused, and can be left behind."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor, files
from tests.conftest import CommandLine
from tests.helpers.process_helpers import EVERY


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_a_stream_killed_at_random_moments_goes_on_as_one_never_killed(tmp_path: Path, kills: int) -> None:
    """Fed from the sample after the last acknowledged one, each life writes the same lines, byte for byte."""
    root = Path(__file__).parents[3]
    words = [sys.executable, "-m", "tests.helpers.process_helpers", str(tmp_path), str(kills)]
    found = json.loads(subprocess.run(words, cwd=root, capture_output=True, check=True).stdout)
    assert found["different"] == []
    assert found["lost"] <= EVERY  # no more than was written since the last snapshot
    assert found["resumed"] >= kills / 2
    assert found["compared"] >= found["done"] > 10 * kills


def test_the_state_is_saved_every_so_many_samples(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at the end: of ten samples after 4, 8 and 10."""
    saved: list[int] = []
    write = files.write_atomically

    def noted(path: Path, data: bytes) -> None:
        p = Predictor(model_path)
        p.restore(data)
        saved.append(p.samples)
        write(path, data)

    monkeypatch.setattr(files, "write_atomically", noted)
    (tmp_path / "in").write_text("0.1\n" * 10)
    words = ["predict", model_path, "--input", tmp_path / "in", "--state", tmp_path / "state"]
    edgeseq.must(*words, "--state-every", 4)
    assert saved == [4, 8, 10]
    saved.clear()
    edgeseq.must(*words, "--state-every", 0)
    assert saved == [20]


@pytest.mark.parametrize("damage", ["junk", "cut", "another model's"])
def test_what_cannot_be_taken_up_is_refused_and_fresh_starts_anew(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, damage: str
) -> None:
    state, source = tmp_path / "state", tmp_path / "in"
    source.write_text("0.1\n0.2\n")
    other = Predictor(edgeseq_export.build(make_checkpoint(seed=1, horizon=3)))
    content = {"junk": b"junk", "cut": Predictor(model_path).snapshot()[:-9], "another model's": other.snapshot()}[
        damage
    ]
    state.write_bytes(content)
    words = ["predict", model_path, "--input", source, "--state", state]
    answer = edgeseq(*words)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"edgeseq: {state}: ")
    assert answer.err.endswith("; use --fresh to start over\n")
    assert len(answer.err.splitlines()) == 1
    assert state.read_bytes() == content
    assert [json.loads(line)["t"] for line in edgeseq.must(*words, "--fresh").out.splitlines()] == [0, 1]
    assert "resumed after 2 samples" in edgeseq.must(*words).err


def test_the_counts_and_the_reason_are_part_of_it(model: bytes) -> None:
    p, other = Predictor(model), Predictor(model)
    for value in [0.1, None, 99.0, 0.2, None, None, None, None]:
        p.step(value)
    other.restore(p.snapshot())
    assert other.counts == p.counts
    assert (other.reason, other.status) == ("absent", "missing")
    assert p.counts == {
        "ok": 2,
        "imputed": 5,
        "skipped": 0,
        "missing": 1,
        "absent": 5,
        "range": 0,
        "stuck": 0,
        "gap": 0,
        "disorder": 0,
        "time": 0,
        "confirm": 1,
        "pace": 0,
        "known": 0,
        "filled": 0,
    }
    p.reset()
    assert not any(p.counts.values())
    np.testing.assert_array_equal(p.step(0.3), other.step(0.3))
