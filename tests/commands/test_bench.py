"""The command `bench` and the benchmarks of speed: what they measure is what they say. No time is asserted here."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

import edgeseq_export
from benchmarks.speed import fixed_rate, ratios, session_only
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.backends.native.build import can_build
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.benchmark import cold_start, latency
from edgeseq_runtime.benchmark.latency import (
    NAIVE,
    POOL_SIZES,
    RUN,
    STEP,
    Case,
    as_rows,
    baseline,
    in_pool,
    interleaved,
    pooled,
    synthetic_samples,
)
from edgeseq_runtime.errors import EdgeseqError
from tests.conftest import CommandLine


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round of everything, one start of each kind."""
    monkeypatch.setattr(latency, "measure", partial(latency.measure, rounds=1))
    monkeypatch.setattr(cold_start, "measure", partial(cold_start.measure, rounds=1))


@pytest.mark.usefixtures("brief")
def test_bench_shows_percentiles_pools_and_a_cold_start(edgeseq: CommandLine, model_path: Path) -> None:
    found = json.loads(edgeseq.must("bench", model_path, "--json").out)
    assert set(found["microseconds"]) == {NAIVE, STEP, RUN, *map(pooled, POOL_SIZES)}
    for found_times in found["microseconds"].values():
        assert list(found_times) == ["minimum", "p50", "p90", "p99", "p999"]
        assert found_times["minimum"] > 0
        assert list(found_times.values()) == sorted(found_times.values())
    assert set(found["start"]) == {cold_start.OURS, cold_start.BARE}
    for start in found["start"].values():
        assert start["seconds"] > 0.01
        assert start["megabytes"] > 10


@pytest.mark.usefixtures("brief")
def test_bench_prints_and_draws_the_same(edgeseq: CommandLine, model_path: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "bench.png"
    answer = edgeseq.must("bench", model_path, "--plot", drawn)
    for text in (STEP, "p99.9", pooled(512), "times as long as the naive loop", "MB of memory"):
        assert text in answer.out
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_bench_without_matplotlib_is_told_what_to_install(model_path: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None; from edgeseq import cli; "
        f"sys.exit(cli.run(['bench', {str(model_path)!r}, '--plot', {str(tmp_path / 'b.png')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "edgeseq: matplotlib is not installed; pip install 'edgeseq[train]'\n"


def test_a_plot_that_cannot_be_written_is_refused_before_anything_is_measured(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path
) -> None:
    answer = edgeseq("bench", model_path, "--plot", tmp_path / "none" / "b.png")
    assert (answer.code, answer.out) == (1, "")
    assert "cannot write" in answer.err


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(EdgeseqError, match="is not an ONNX file"):
        cold_start.measure(str(broken), "cpu", rounds=1)


@pytest.mark.usefixtures("brief")
def test_bench_goes_on_where_a_fresh_process_lacks_the_provider(
    edgeseq: CommandLine, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EdgeseqError("a fresh process could not use the model: no provider 'plugged' here")

    monkeypatch.setattr(cold_start, "measure", fail)
    answer = edgeseq.must("bench", model_path, "--json")
    assert json.loads(answer.out)["start"] == {}
    assert "cannot measure the cold start: a fresh process" in answer.err


def test_the_naive_loop_gives_the_same_forecasts(model: bytes) -> None:
    """What `step` is compared with does the same work."""
    session = open_session(model)
    assert isinstance(session, OrtSession)
    step, predictor = baseline(session), Predictor(session)
    for sample in as_rows(synthetic_samples(session, 20)):
        forecast = np.asarray(step(sample)).reshape(-1, 1)
        np.testing.assert_allclose(forecast, predictor.step(sample), atol=1e-6)


@pytest.mark.parametrize("features", [1, 2])
def test_each_way_is_given_as_many_samples_as_it_is_said_to_take(features: int) -> None:
    session = open_session(edgeseq_export.build(make_checkpoint(features=features)))
    for size in (1, 8, 64):
        way = in_pool(session, size)
        assert way.samples == size
        assert {len(item) for item in way.inputs} == {size}
        way.call(way.inputs[0])


def test_ways_take_turns() -> None:
    """One round of each before the next of any: what slows the machine down slows all alike."""
    called: list[str] = []
    ways = {name: Case(called.append, [name] * 2, samples=10) for name in "ab"}
    found = interleaved(ways, rounds=3)
    assert "".join(called) == "aabb" * 3
    assert set(found) == {"a", "b"}


def test_the_bare_graph_has_the_step_graphs_inputs_and_outputs() -> None:
    """And its two LSTMs, but none of the bookkeeping."""
    session = open_session(edgeseq_export.build(make_checkpoint(features=2, horizon=3)))
    proto = onnx.load_from_string(session_only.build(session.spec))
    onnx.checker.check_model(proto, full_check=True)
    whole = onnx.load_from_string(edgeseq_export.build(make_checkpoint(features=2, horizon=3)))
    for kind in ("input", "output"):
        assert [v.SerializeToString() for v in getattr(proto.graph, kind)] == [
            v.SerializeToString() for v in getattr(whole.graph, kind)
        ]
    operators = [node.op_type for node in proto.graph.node]
    assert operators.count("LSTM") == 2
    assert len(operators) < len(whole.graph.node)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the process's times are read from /proc")
def test_the_benchmark_prints_every_figure_beside_its_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixed_rate, "RATE", 50)
    path, written = tmp_path / "model.onnx", tmp_path / "speed.json"
    path.write_bytes(edgeseq_export.build(make_checkpoint()))
    ratios.main([str(path), "--rounds", "1", "--starts", "1", "--seconds", "0.2", "--json", str(written)])
    rows = json.loads(written.read_text())["rows"]
    wanted = {what: target for what, target in ratios.TARGETS.items() if can_build() or "native" not in what}
    assert {row["what"]: row["target"] for row in rows} == wanted
    printed = capsys.readouterr().out
    for row in rows:
        assert row["what"] in printed
        assert row["figure"] >= 0
        assert row["met"] == (None if row["target"] is None else row["figure"] <= row["target"])
