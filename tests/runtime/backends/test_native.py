"""The provider "native": a model's C, compiled here or elsewhere, in place of onnxruntime."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.reference import Oracle
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import native as builder
from edgeseq_export.c import render, toolchain
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.native import build, cache
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import CheckError, ModelFileError, UsageError
from edgeseq_runtime.model_file import library_file
from edgeseq_runtime.streaming.sensors import Scale
from tests.conftest import CommandLine
from tests.export.test_agreement import checkpoints, random_samples, scale_of
from tests.helpers import tolerances

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

SAMPLES = np.sin(np.arange(60) / 3).astype(np.float32)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def library(model: bytes, tmp_path: Path) -> Path:
    """The library of the model file that the tests share."""
    path = tmp_path / "model.so"
    path.write_bytes(builder.build(model))
    return path


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "cache").rglob("*.so"))


@settings(max_examples=12)
@given(checkpoint=checkpoints(), time=st.integers(1, 30), batch=st.integers(1, 5))
def test_any_network_forecasts_what_the_oracle_does(checkpoint: Checkpoint, time: int, batch: int) -> None:
    """In one call for many samples of many streams, and step by step; the states that are left are its too."""
    x = random_samples(checkpoint, time, batch)
    wanted, wanted_states = Oracle(checkpoint.spec, checkpoint.weights).run(x)
    allowed = tolerances.ORACLE * scale_of(checkpoint) + np.spacing(np.abs(wanted).astype(np.float32))
    session = open_session(edgeseq_export.build(checkpoint), provider="native")
    y, states = session.advance(x, session.fresh(batch))
    assert (np.abs(y - wanted) <= allowed).all()
    for name, value in states.items():
        np.testing.assert_allclose(value, wanted_states[name], atol=1e-5, rtol=1e-6)
    predictor = Predictor(session, sensor=Scale.identity(session.spec) if session.spec.sensors else None)
    steps = np.stack([predictor.step(row) for row in x[:, 0]])
    assert (np.abs(steps.reshape(time, -1) - wanted[:, 0]) <= allowed[:, 0]).all()


@pytest.mark.parametrize("quantize", ["int8", "int4"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_rounded_weights_are_read_back_from_the_file(cell: str, quantize: str) -> None:
    """The forecasts are those of the very file, and not of the weights before they were rounded."""
    content = edgeseq_export.build(make_checkpoint(cell=cell, hidden=9, horizon=6), quantize)
    made, wanted = (Predictor(content, provider=provider).run(SAMPLES) for provider in ("native", "cpu"))
    np.testing.assert_allclose(made, wanted, atol=2e-6)


@pytest.mark.parametrize("opset", [14, 17, 21])
@pytest.mark.parametrize("form", ["chunk", "step"])
def test_a_file_of_each_form_and_opset_has_its_library(form: str, opset: int) -> None:
    content = edgeseq_export.build(make_checkpoint(linear_path=5, features=2), opset=opset, form=form)
    x = np.stack([SAMPLES, SAMPLES[::-1]], axis=1)
    predictor, other = Predictor(content, provider="native"), Predictor(content, provider="cpu")
    np.testing.assert_allclose(predictor.run(x), other.run(x), atol=2e-6)
    np.testing.assert_allclose(predictor.step(x[0]), other.step(x[0]), atol=2e-6)
    for name, value in predictor.states.items():
        np.testing.assert_allclose(value, other.states[name], atol=1e-5)


def test_a_pool_of_it_is_as_its_predictors(model: bytes) -> None:
    """With missing samples, and streams that join and leave."""
    random = np.random.default_rng(0)
    pools = [Pool(model, provider=provider) for provider in ("native", "cpu")]
    for _ in range(30):
        samples = {int(name): float(random.standard_normal()) for name in random.permutation(9)[:5]}
        samples[0] = float("nan") if random.random() < 0.3 else 0.5
        made, wanted = (pool.step(samples) for pool in pools)
        for name, forecast in made.items():
            np.testing.assert_allclose(forecast, wanted[name], atol=2e-6)
        assert pools[0].status == pools[1].status


@pytest.mark.parametrize(
    "network",
    [
        {"hidden": 30},
        {"hidden": 9, "layers": 1, "features": 3, "targets": 2, "sensors": 2, "horizon": 4},
        {"hidden": 12, "horizon": 5, "linear_path": 7, "known": 2},
        {"cell": "gru", "hidden": 11, "features": 2},
        {"cell": "rnn", "hidden": 33, "horizon": 3},
        {"cell": "rnn", "hidden": 5, "horizon": 24},
    ],
    ids=str,
)
def test_streams_that_are_taken_together_are_as_each_alone(network: dict[str, Any]) -> None:
    """To the bit, whether all streams move or some: so many that blocks of them are full, and some are left."""
    session = open_session(edgeseq_export.build(make_checkpoint(**network)), provider="native")
    streams, random = 19, np.random.default_rng(0)
    together, alone = session.batch_engine(streams), [session.engine() for _ in range(streams)]
    for step in range(12):
        rows: Any = slice(0, streams) if step % 2 else np.flatnonzero(random.random(streams) < 0.8)
        x = random.normal(size=(streams, session.spec.inputs)).astype(np.float32)
        made = together.advance(rows, x[rows])
        for forecast, number in zip(made, np.arange(streams)[rows], strict=True):
            alone[number].x.reshape(-1)[:] = x[number]
            alone[number].advance()
            np.testing.assert_array_equal(forecast, alone[number].y.reshape(-1))


def test_a_snapshot_goes_on_with_the_other_provider(model: bytes) -> None:
    ours, theirs = Predictor(model, provider="native"), Predictor(model, provider="cpu")
    ours.run(SAMPLES)
    theirs.run(SAMPLES)
    blob = ours.snapshot()
    wanted = theirs.step(0.3)
    theirs.reset()
    theirs.restore(blob)
    np.testing.assert_allclose(theirs.step(0.3), wanted, atol=2e-6)


def test_it_is_built_once_and_kept_where_only_the_user_can_write(
    model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Predictor(model, provider="native")
    (path,) = kept(tmp_path)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("CC", "no-such-compiler")
    assert Predictor(model, provider="native").providers == ["native"]
    with pytest.raises(UsageError, match="there is no C compiler"):
        Predictor(edgeseq_export.build(make_checkpoint(seed=5)), provider="native")
    assert kept(tmp_path) == [path]


def test_auto_leaves_it_out(model: bytes, tmp_path: Path) -> None:
    assert "native" not in Predictor(model).providers
    assert kept(tmp_path) == []


def test_a_library_that_is_wrong_is_not_kept(model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose forecasts are not those that the model file says they must be."""
    right = render.native_sources

    def wrong(*arguments: Any) -> dict[str, str]:
        files = right(*arguments)
        return files | {"model.c": files["model.c"].replace("1.0f / (1.0f +", "1.01f / (1.0f +")}

    monkeypatch.setattr(render, "native_sources", wrong)
    with pytest.raises(CheckError, match=r"compiled here, is off by .* times what is allowed"):
        Predictor(model, provider="native")
    assert kept(tmp_path) == []


def test_without_the_exporter_it_says_what_is_needed(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("edgeseq_export.c.toolchain", "edgeseq_export.c.native"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"to build it needs edgeseq\[export\] and a C compiler"):
        Predictor(model, provider="native")
    assert not build.can_build()


def test_a_kind_of_model_that_has_no_c_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="int8-dynamic has no C"):
        Predictor(edgeseq_export.build(checkpoint, "int8-dynamic"), provider="native")
    with pytest.raises(UsageError, match="has a sidecar"):
        Predictor(edgeseq_export.build(checkpoint), provider="native", sidecar=tmp_path / "any.json")


def test_a_library_streams_by_itself(library: Path, model: bytes) -> None:
    """It carries the model file: a snapshot of the one is the other's, and the hash can be checked."""
    predictor, other = Predictor(library), Predictor(model, provider="cpu")
    assert predictor.providers == ["native"]
    assert predictor.session.content == model
    assert predictor.spec == other.spec
    np.testing.assert_allclose(predictor.run(SAMPLES), other.run(SAMPLES), atol=2e-6)
    other.restore(predictor.snapshot())


def test_a_library_needs_no_onnxruntime(library: Path) -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from edgeseq_runtime import Pool, Predictor\n"
        "p = Predictor(sys.argv[1]); p.step(0.5); p.run([0.1, float('nan')]); p.forecast(9)\n"
        "print(p.status, len(Pool(sys.argv[1]).step({'a': 0.5})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, library], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("imputed 1\n", "")


@pytest.mark.parametrize("place", ["file", "folder", "above"])
def test_code_is_not_loaded_from_where_anybody_may_write(edgeseq: CommandLine, library: Path, place: str) -> None:
    folder = library.parent / "open" / "inner"
    folder.mkdir(parents=True)
    path = folder / "model.so"
    path.write_bytes(library.read_bytes())
    {"file": path, "folder": folder, "above": folder.parent}[place].chmod(0o777)
    said = "could have been changed by others" if place == "file" else "can be written to by others"
    with pytest.raises(UsageError, match=said):
        Predictor(path)
    answer = edgeseq("verify", path)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert said in answer.err


def test_a_sticky_folder_above_a_private_one_is_safe(library: Path) -> None:
    """As /tmp is."""
    folder = library.parent / "open" / "inner"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o1777)
    path = folder / "model.so"
    path.write_bytes(library.read_bytes())
    assert Predictor(path).providers == ["native"]


def test_a_cache_that_anybody_may_write_to_is_not_used(model: bytes, tmp_path: Path) -> None:
    folder = cache.path_for(model).parent
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="can be written to by others"):
        Predictor(model, provider="native")
    assert kept(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_library_is_not_loaded(library: Path) -> None:
    os.chown(library, 12345, 12345)
    with pytest.raises(UsageError, match="could have been changed by others"):
        Predictor(library)


def test_what_is_no_library_of_ours_is_refused(tmp_path: Path, library: Path) -> None:
    junk, other = tmp_path / "junk.so", tmp_path / "other.so"
    junk.write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(ModelFileError, match=r"junk\.so is a library, but none of edgeseq's, or it is damaged"):
        Predictor(junk)
    (tmp_path / "other.c").write_text("int other(void) { return 1; }\n")
    toolchain.run_checked(
        [*(toolchain.compiler() or []), "-shared", "-fPIC", str(tmp_path / "other.c"), "-o", str(other)]
    )
    with pytest.raises(ModelFileError, match=r"other\.so is a library, but none of edgeseq's"):
        Predictor(other)
    with pytest.raises(UsageError, match="cannot run on cpu"):
        Predictor(library, provider="cpu")
    with pytest.raises(UsageError, match="loaded from its file"):
        Predictor(library.read_bytes())


def test_a_library_of_another_interface_is_refused(
    model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_file, "INTERFACE", library_file.INTERFACE + 1)
    path = tmp_path / "newer.so"
    path.write_bytes(builder.build(model))
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match="another version of edgeseq"):
        Predictor(path)


def test_an_array_of_the_wrong_shape_never_reaches_the_c(model: bytes) -> None:
    session = open_session(model, provider="native")
    with pytest.raises(ModelFileError, match="must be"):
        session.advance(np.zeros((3, 2, 2), np.float32), session.fresh(2))
    with pytest.raises(ModelFileError, match="must be"):
        session.advance(np.zeros((3, 2, 1), np.float32), session.fresh(1))


def test_the_command_line_takes_it_wherever_it_takes_a_provider(
    edgeseq: CommandLine, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "model.safetensors")
    made = edgeseq.must("export", tmp_path / "model.safetensors", "-o", tmp_path / "model.so")
    assert "agrees with the oracle: worst deviation 0.0" in made.out
    edgeseq.must("export", tmp_path / "model.safetensors", "-o", tmp_path / "model.onnx")
    (tmp_path / "in.csv").write_text("t,f0\n1,0.5\n2,0.6\n")
    outs = [
        edgeseq.must("predict", tmp_path / name, "--input", tmp_path / "in.csv", *more).out
        for name, more in (("model.so", []), ("model.onnx", ["--provider", "native"]))
    ]
    assert outs[0] == outs[1]
    assert "native  (the model's own C" in edgeseq.must("providers").out
    assert "native " in edgeseq.must("verify", tmp_path / "model.onnx", "--provider", "native").out
    assert "is unchanged (SHA-256" in edgeseq.must("verify", tmp_path / "model.so").out
    assert edgeseq.must("info", tmp_path / "model.so").out == edgeseq.must("info", tmp_path / "model.onnx").out


def test_a_library_for_another_machine_is_written_with_a_warning(
    edgeseq: CommandLine, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "cross-cc"
    own = " ".join(toolchain.compiler() or [])
    as_another = "printf '\\001' | dd of=\"$last\" bs=1 seek=18 conv=notrunc 2>/dev/null"  # the machine: WE 32100
    of_libraries = f'case "$last" in *.so) {as_another};; esac'
    compiler.write_text(f'#!/bin/sh\n{own} "$@" || exit 1\nfor last; do :; done\n{of_libraries}\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    checkpoint.save(tmp_path / "model.safetensors")
    made = edgeseq.must("export", tmp_path / "model.safetensors", "-o", tmp_path / "model.so", "--format", "native")
    assert "warning: cannot load the library here" in made.err
    assert (tmp_path / "model.so").read_bytes().startswith(b"\x7fELF")


@pytest.mark.parametrize(("flags", "works"), [("-O1", True), ("-no-such-flag", False)])
def test_cflags_takes_the_place_of_the_flags(
    model: bytes, monkeypatch: pytest.MonkeyPatch, flags: str, *, works: bool
) -> None:
    monkeypatch.setenv("CFLAGS", flags)
    if works:
        assert Predictor(model, provider="native").providers == ["native"]
    else:
        with pytest.raises(CheckError, match="fails on the C of the model"):
            Predictor(model, provider="native")
