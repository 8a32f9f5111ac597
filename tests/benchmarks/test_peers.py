"""The comparison with other engines: each agrees with the oracle, and one that is wrong is not timed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import loadable, loading, race, rows, writing
from benchmarks.peers.engines import edgeseq_engine, torch
from benchmarks.peers.loading import Engine
from benchmarks.peers.network import CannotError, Network
from benchmarks.peers.peer import Peer, Step
from benchmarks.peers.recipes import onnx
from benchmarks.peers.registry import PEERS
from edgeseq.reference import Oracle
from edgeseq.testing import make_checkpoint
from edgeseq_export.c.toolchain import compiler
from edgeseq_runtime.spec import CELLS

ROOT = Path(__file__).parents[2]

MODULES = {"ai-edge-litert": "ai_edge_litert", "mnn": "MNN"}
"""Packages whose modules have another name."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """The small network in all its forms."""
    return writing.write(make_checkpoint(), tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def oracle(network: Network) -> Oracle:
    """Its oracle."""
    return Oracle(network.spec, make_checkpoint().weights)


@pytest.fixture
def threads() -> Iterator[None]:
    """Leaves torch's number of threads as it was."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def installed(peer: Peer) -> Any:
    """A peer as a parameter, skipped where its engine is not installed."""
    package = peer.packages[0]
    there = find_spec(MODULES.get(package, package)) is not None
    marks = [pytest.mark.skipif(not there, reason=f"{package} is not installed")]
    if peer is edgeseq_engine.NATIVE:
        marks.append(pytest.mark.skipif(compiler() is None, reason="there is no C compiler here"))
    if peer is torch.COMPILED:
        marks += [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]
    return pytest.param(peer, id=peer.name, marks=marks)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("peer", [installed(peer) for peer in PEERS])
def test_each_engine_agrees_with_the_oracle(peer: Peer, network: Network, oracle: Oracle) -> None:
    """Step by step with its state carried, for one stream and, where it can, for five in one step."""
    (entry,) = race.enter([peer], network, oracle, pools=[5])
    assert 1 in entry.steps, entry.notes
    assert max(entry.deviations.values()) < 1e-5


def off_by(share: float) -> Peer:
    """edgeseq with forecasts that are off by a share of the target's standard deviation, which is one."""

    def open_wrong(network: Network, streams: int) -> Step:
        step = edgeseq_engine.open_step(network, streams)
        return lambda sample: step(sample) + np.float32(share)

    return replace(edgeseq_engine.STEP, name=f"off by {share}", open=open_wrong)


def test_an_engine_that_is_wrong_is_not_timed(network: Network, oracle: Oracle) -> None:
    """One ten-thousandth of the target's standard deviation is where wrong begins."""
    entries = race.enter([edgeseq_engine.STEP, off_by(5e-5), off_by(2e-4)], network, oracle)
    race.run(entries, network, rounds=1)
    base, close, wrong = rows.table(entries, {})
    assert (base["ratio"], base["note"]) == (1, "one stream; many are a pool's (64, 512)")
    assert close["minimum"] > 0
    assert close["deviation"] == pytest.approx(5e-5, rel=0.05)
    assert (wrong["minimum"], wrong["median"], wrong["ratio"]) == (None, None, None)
    assert wrong["deviation"] == pytest.approx(2e-4, rel=0.05)
    assert wrong["note"] == "wrong, off by 2.0e-04 (1)"


def test_an_engine_that_forgets_its_state_is_wrong(network: Network, oracle: Oracle) -> None:
    """Windows of ten are compared with the oracle over ten samples; as a stream they would be wrong."""
    windows = next(peer for peer in PEERS if peer.window)
    as_stream = replace(windows, window=0)
    right, wrong = race.enter([windows, as_stream], network, oracle)
    assert right.deviations[1] < 1e-5
    assert "wrong" in wrong.notes[1]


def test_an_engine_that_cannot_is_listed_with_its_reason(network: Network, oracle: Oracle) -> None:
    """Its own word, the first line of whatever it raises, or that it is not installed."""

    def cannot(_network: Network, _streams: int) -> Step:
        raise CannotError("needs a moon")

    def breaks(_network: Network, _streams: int) -> None:
        raise ValueError("no such node\nand much more")

    peers = [
        edgeseq_engine.STEP,
        Peer("a", ("no-such-package",), cannot),
        Peer("b", ("no-such-package",), edgeseq_engine.open_step, breaks),
    ]
    entries = race.enter(peers, network, oracle)
    race.run(entries, network, rounds=1)
    _, first, second = rows.table(entries, {})
    assert (first["note"], first["version"], first["installed, MB"]) == ("needs a moon (1)", None, None)
    assert second["note"] == "ValueError: no such node (1)"


def test_the_table_the_json_and_the_picture_come_out(tmp_path: Path) -> None:
    """In a process of its own: it sets the threads of all libraries."""
    words = ["--only", "edgeseq", "session.run", "--rounds", "1", "--starts", "1"]
    words += ["--json", str(tmp_path / "rows.json"), "--plot", str(tmp_path / "bars.png")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert len(found) == 6
    for row in [row for row in found if row["engine"] != edgeseq_engine.NATIVE.name or compiler()]:
        assert row["engine"] in done.stdout
        assert row["ratio"] == row["minimum"] / found[0]["minimum"]
        assert 0 < row["minimum"] <= row["median"]
        assert min(row["start, s"], row["resident, MB"], row["installed, MB"]) > 0
        assert row["deviation"] < 1e-5
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", loading.KINDS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_evaluator_that_defines_onnx_agrees(cell: str, kind: str, tmp_path: Path) -> None:
    """Every kind of file needs nothing but standard operators: states included, in steps, pools and chunks."""
    model = tmp_path / "model.onnx"
    loading.write(model, make_checkpoint(cell=cell), *loading.KINDS[kind])
    loadable.main("reference", str(model), str(model.with_suffix(".npz")))
    found = json.loads(model.with_suffix(".json").read_text())
    assert list(found) == list(loading.CASES)[: 2 if "step" in kind else 3]
    assert max(found.values()) < 1e-5


def test_the_matrix_runs_other_interpreters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """This one under another name, and one that is none: its column says so."""
    monkeypatch.setattr(loading, "KINDS", {"int8": loading.KINDS["int8"]})
    monkeypatch.setattr(loading, "checkpoints", lambda: {"small": make_checkpoint()})
    others = ["--python", f"this={sys.executable}", "--python", "none=/bin/false"]
    loading.main(["--only", "onnxruntime", "--json", str(tmp_path / "rows.json"), *others])
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    here, this, none = list(row)[1:4]
    assert here.startswith("onnxruntime ")
    assert (this, none) == ("onnxruntime this", "onnxruntime none")
    assert float(row[here]) == float(row[this]) < 1e-5
    assert row[none] == "no"
    assert row["note"] == "onnxruntime none: died with 1"
    assert "small int8" in capsys.readouterr().out


def test_a_wrong_file_is_called_wrong(tmp_path: Path) -> None:
    """Another network's numbers beside the file."""
    model = tmp_path / "model.onnx"
    loading.write(model, make_checkpoint(seed=1))
    cases = model.with_suffix(".npz").read_bytes()
    loading.write(model, make_checkpoint(seed=2))
    model.with_suffix(".npz").write_bytes(cases)
    found = loading.run(Engine("onnxruntime"), model)
    assert loading.cell(found) == "wrong"
    assert "off by" in loading.reason(found)


def test_what_the_recipe_does_is_what_the_network_does(network: Network, oracle: Oracle) -> None:
    """The cells written out in elementary operators, on onnxruntime."""
    import onnxruntime

    onnx.convert(network, 3)
    session = onnxruntime.InferenceSession(network.written_out(3))
    samples = np.random.default_rng(0).standard_normal((50, 3, 1)).astype(np.float32)
    state, found = np.zeros((3, network.packed_width), np.float32), []
    for x in samples:
        y, state = session.run(None, {"x": x, "state": state})
        found.append(y)
    np.testing.assert_allclose(np.stack(found), oracle.run(samples)[0], atol=1e-5)
