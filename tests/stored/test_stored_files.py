"""What version 0.1 stored, every later version loads: model files, checkpoints, snapshots, states and interrupted runs.

`index.json` says of each file what it is, what it was given, and what version 0.1 made of that.
"""

import json
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from ctypes import CDLL
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from struct import unpack_from
from typing import Any

import numpy as np
import pytest

import edgeseq
import edgeseq_export
from edgeseq.cli import run
from edgeseq_runtime import Pool, Predictor, Rules, Spec

FOLDER = Path(__file__).parent / "0.1"

TOLERANCES = {"none": 1e-5, "int8": 1e-5, "int4": 1e-5, "int8-dynamic": 0.05}
"""By how much a forecast may differ, as a share of the target's standard deviation; one unit in float32's last place is
added. Rounded weights are in the file, so int8 and int4 differ by the arithmetic's rounding only, as float files do.
int8-dynamic rounds activations as well, where a difference in the last bit may become a whole step of 1/255."""

ROUNDED_AGAIN = {"int8": 5e-3, "int4": 0.05}
"""For a file that is exported again with rounded weights: how these are rounded is the exporter's own business, as long
as it costs no more than this."""

TRAINED_AGAIN = 0.01
"""For the rest of an interrupted training: another processor, or another torch, adds in another order."""

INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text("utf-8"))

LIBRARY = "lstm-trained.so"

DOCUMENTS = {"README.md", "index.json", "make_0_1.py"}


def names(section: str, **wanted: bool) -> list[str]:
    """The entries of a part of the index that have (or, where False, lack) a field."""
    return [name for name, entry in INDEX[section].items() if all((key in entry) is has for key, has in wanted.items())]


def model_path(name: str) -> Path:
    return FOLDER / "models" / name


def opened(entry: Mapping[str, Any], model: Path | None = None) -> Predictor:
    """A fresh stream through the model file of an entry, with that entry's choices."""
    return Predictor(
        model or model_path(entry["model"]),
        provider="cpu",
        missing=entry.get("missing", "impute"),
        rules=Rules(**entry["rules"]) if "rules" in entry else None,
        monitor=entry.get("monitor", False),
        sensor=entry.get("history") or entry.get("sensor"),
        sidecar=sidecar_of(entry),
    )


def sidecar_of(entry: Mapping[str, Any]) -> Path | None:
    return model_path(entry["sidecar"]) if "sidecar" in entry else None


def assert_near(found: Any, wanted: Any, spec: Spec, tolerance: float | None = None) -> None:
    """Forecasts (..., horizon * target) are those that were stored; None stands for NaN."""
    said, stored = np.array(found, np.float64), np.array(wanted, np.float64)
    said = said.reshape(stored.shape)
    scale = np.tile([feature.std for feature in spec.target_features], spec.horizon)
    allowed = (tolerance or TOLERANCES[spec.quantize]) * scale + np.spacing(np.abs(stored).astype(np.float32))
    np.testing.assert_array_equal(np.isnan(said), np.isnan(stored))
    off = np.nan_to_num(np.abs(said - stored) / allowed)
    assert off.max(initial=0) <= 1, f"off by {off.max():.3g} times what is allowed"


def inputs_of(entry: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Samples and their times, None where there are none."""
    given = INDEX["inputs"][entry["inputs"]]
    return given["samples"], given.get("times", [None] * len(given["samples"]))


def assert_forecasts(entry: Mapping[str, Any], model: Path, tolerance: float | None = None) -> None:
    """A fresh stream through a model file gives an entry's forecasts, step by step and in one block."""
    samples, times = inputs_of(entry)
    p = opened(entry, model)
    assert_near([p.step(*pair) for pair in zip(samples, times, strict=True)], entry["forecasts"], p.spec, tolerance)
    p.reset()
    made = p.run(samples, times) if any(times) else p.run(samples)
    assert_near(made, entry["forecasts"], p.spec, tolerance)


class Command:
    """The command line, in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *words: object) -> str:
        """Run a command that has to succeed; return what it printed."""
        self._capfd.readouterr()
        code = run([str(word) for word in words])
        out, err = self._capfd.readouterr()
        assert code == 0, err
        return out


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    return Command(capfd)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The native library, where this machine can load it and others cannot write to it."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"the library is for x86-64 Linux; this is {platform.system()} on {platform.machine()}")
    path = tmp_path / LIBRARY
    shutil.copyfile(model_path(LIBRARY), path)
    try:
        CDLL(str(path))
    except OSError as error:
        pytest.skip(f"the library cannot be loaded here: {error}")
    return path


def test_no_stored_file_was_changed_or_lost() -> None:
    """Each has the hash that it was stored with, and none is there that the index does not know."""
    found = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    hashes = {name: sha256(path.read_bytes()).hexdigest() for name, path in found.items() if name not in DOCUMENTS}
    assert hashes == INDEX["files"]


# Model files


@pytest.mark.parametrize("name", [name for name in INDEX["forecasts"] if name != LIBRARY])
def test_a_model_file_gives_the_forecasts_that_it_gave(name: str) -> None:
    """From a fresh stream: step by step, in one block, and beside another stream in a pool."""
    entry = INDEX["forecasts"][name]
    assert_forecasts(entry, model_path(entry["model"]))
    spec = opened(entry).spec
    if any(feature.clock for feature in spec.features):
        return  # a pool wants these with the sample
    samples, _ = inputs_of(entry)
    pool = Pool(model_path(entry["model"]), provider="cpu", sidecar=sidecar_of(entry))
    pool.add("this", "neighbour")
    if spec.sensors:
        pool.set_sensor("this", entry.get("history") or entry.get("sensor"))
    made = [
        pool.step({"neighbour": other, "this": row})["this"] for row, other in zip(samples, samples[::-1], strict=True)
    ]
    assert_near(made, entry["forecasts"], spec)


@pytest.mark.parametrize("name", [name for name in names("models", sidecar=False) if name != LIBRARY])
def test_a_model_file_is_found_as_it_was_written_and_says_what_it_is(name: str, command: Command) -> None:
    """`edgeseq verify` checks its hash and its own samples, `edgeseq info` shows its spec."""
    said = json.loads(command("info", model_path(name), "--json"))
    words = INDEX["models"][name].get("words", [])
    assert said["format"] == 1
    for option, default in (("--quantize", "none"), ("--form", "chunk")):
        wanted = words[words.index(option) + 1] if option in words else default
        assert said.get(option.strip("-"), default) == wanted
    command("verify", model_path(name), "--provider", "cpu")


def test_a_signature_is_still_that_of_its_key(command: Command) -> None:
    """By the public key that is stored beside the file; the private one was thrown away."""
    pytest.importorskip("cryptography")
    command("verify", model_path("lstm-trained.signed.onnx"), "--provider", "cpu", "--key", model_path("public.pem"))


def test_a_native_library_gives_the_forecasts_that_it_gave(library: Path, command: Command) -> None:
    """It is loaded in place of the model file, and takes up that file's snapshots."""
    entry = INDEX["forecasts"][LIBRARY]
    samples, times = inputs_of(entry)
    p = Predictor(library)
    assert p.providers == ["native"]
    assert_near([p.step(*pair) for pair in zip(samples, times, strict=True)], entry["forecasts"], p.spec)
    p.reset()
    assert_near(p.run(samples, times), entry["forecasts"], p.spec)
    command("verify", library)
    goes_on(p, INDEX["snapshots"]["trained.native"])


# Checkpoints


@pytest.mark.parametrize("name", [name for name in names("models", checkpoint=True) if name != LIBRARY])
def test_a_checkpoint_becomes_the_model_file_that_it_became(name: str, command: Command, tmp_path: Path) -> None:
    """Exported anew with the same options, it gives the stored file's forecasts; where weights are rounded, nearly."""
    about, path = INDEX["models"][name], tmp_path / name
    words = about["words"] if "--sign" not in about["words"] else []
    command("export", FOLDER / "checkpoints" / about["checkpoint"], *words, "-o", path)
    tolerance = ROUNDED_AGAIN.get(opened({"model": name}).spec.quantize)
    for entry in INDEX["forecasts"].values():
        if entry["model"] == name:
            assert_forecasts(entry, path, tolerance)


def test_a_module_of_ones_own_is_described_and_exported_as_it_was(tmp_path: Path) -> None:
    """The same module with the same weights, described by the same samples."""
    import torch
    from safetensors.torch import load_file

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(2, 5)
            self.head = torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(5, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.head(self.lstm(x)[0])
            return made

    about, stored = INDEX["models"]["own.onnx"], opened({"model": "own.onnx"}).spec
    samples = INDEX["inputs"]["own-training"]["samples"]
    described = edgeseq_export.describe(samples, about["features"], **about["described"])
    assert (described.series, described.targets, described.period) == (stored.series, stored.targets, stored.period)
    for feature, wanted in zip(described.features, stored.features, strict=True):
        for field in ("mean", "std", "change", "minimum", "maximum", "center", "scale"):
            assert getattr(feature, field) == pytest.approx(getattr(wanted, field), rel=1e-6), field
    np.testing.assert_allclose(described.target_scales, stored.target_scales, rtol=1e-6)
    module, path = Own(), tmp_path / "own.onnx"
    module.load_state_dict(load_file(FOLDER / "checkpoints" / "own-module.safetensors"))
    edgeseq_export.export(module, described, path)
    assert_forecasts(INDEX["forecasts"]["own"], path)


# Series


@pytest.mark.parametrize("name", INDEX["series"])
def test_a_series_is_read_as_it_was(name: str) -> None:
    """Its training part has the hash that the model file trained on it holds, down to the last bit.

    But for the features of the time of samples that are lacking: version 0.1 left them out.
    """
    entry = INDEX["series"][name]
    series, parts = edgeseq.load([str(FOLDER / "series" / file) for file in entry["files"]], **entry["reading"])
    train = parts.train.copy()
    if series.clocks:
        train[np.flatnonzero(np.diff(series.rows[: len(train) + 1]) == 0)] = np.nan
    content = np.ascontiguousarray(train, "<f4").tobytes()
    assert sha256(content).hexdigest() == opened(entry).spec.data_sha256


@pytest.mark.parametrize("name", ["lstm-trained", "several", "linear", "clock", "value"])
def test_a_model_file_is_judged_as_it_was(name: str, command: Command) -> None:
    """`edgeseq evaluate` comes to the errors over the test part that the file says it makes, to their four digits."""
    entry = INDEX["series"][name]
    figures = opened(entry).spec.figures
    path = FOLDER / "series" / entry["files"][0]
    said = json.loads(command("evaluate", model_path(entry["model"]), path, "--provider", "cpu", "--json"))
    assert figures is not None
    assert (said["rmse"], said["mae"]) == pytest.approx((figures.model.rmse, figures.model.mae), rel=1e-3)


# Snapshots and states


def arrays_in(snapshot: bytes) -> dict[str, np.ndarray]:
    """The arrays of a snapshot, by what the page on the format says of its bytes."""
    (length,) = unpack_from("<I", snapshot, 83)
    shapes, at, found = json.loads(snapshot[87 : 87 + length])["arrays"], 87 + length, {}
    for name, shape in shapes.items():
        found[name] = np.frombuffer(snapshot, "<f4", int(np.prod(shape)), at).reshape(shape)
        at += found[name].nbytes
    return found


def assert_stands(p: Predictor, entry: Mapping[str, Any], blob: bytes) -> None:
    """A predictor is where its snapshot was taken: counters and states bit for bit, intervals within the tolerance."""
    stands = entry["stands"]
    assert {name: getattr(p, name) for name in ("samples", "status", "reason", "warm")}.items() <= stands.items()
    assert {name: p.counts[name] for name in stands["counts"]} == stands["counts"]
    arrays = arrays_in(blob)
    for name, value in p.states.items():
        np.testing.assert_array_equal(value, arrays[name], err_msg=name)
    if "forecast" in stands:
        wanted = np.array(stands["forecast"], np.float32)
        np.testing.assert_array_equal(p.forecast(p.spec.horizon).reshape(-1), wanted)
    assert_watched(p, stands)


def assert_watched(p: Predictor, wanted: Mapping[str, Any]) -> None:
    """Interval and drift are as stored, where they are watched; but for widths that have moved in haste since.

    Version 0.1 had no haste.
    """
    assert p.monitors is ("drift" in wanted)
    if p.monitors:
        assert p.drift is wanted["drift"]
        hasty = (arrays_in(p.snapshot())["monitor.hurried"] != 0).reshape(-1)
        assert not hasty.all()
        for end, which in zip(p.interval(0.9), ("lower", "upper"), strict=True):
            stored = np.array(wanted[which], np.float64)
            assert_near(end, np.where(hasty, end.reshape(-1), stored), p.spec)


def goes_on(p: Predictor, entry: Mapping[str, Any]) -> None:
    """A predictor takes up an entry's snapshot, and does with the samples that follow what was stored."""
    blob = (FOLDER / "snapshots" / entry["file"]).read_bytes()
    p.restore(blob)
    assert_stands(p, entry, blob)
    times: Sequence[Any] = entry.get("times", [])
    for sample, time, wanted in zip_longest(entry["samples"], times, entry["answers"]):
        assert_near(p.step(sample, time), wanted["forecast"], p.spec)
        assert {name: getattr(p, name) for name in ("status", "reason", "warm")}.items() <= wanted.items()
        assert_watched(p, wanted)
    assert {name: p.counts[name] for name in entry["counts"]} == entry["counts"]


@pytest.mark.parametrize("name", INDEX["snapshots"])
def test_a_stream_goes_on_from_its_snapshot(name: str) -> None:
    """States and last forecast are restored bit for bit; the forecasts that follow are within the tolerance."""
    goes_on(opened(INDEX["snapshots"][name]), INDEX["snapshots"][name])


@pytest.mark.parametrize("name", INDEX["pools"])
def test_a_stream_of_a_pool_goes_on_from_its_snapshot(name: str) -> None:
    """Under another name, beside a stream that has begun; the forecasts are within the tolerance."""
    entry = INDEX["pools"][name]
    pool = Pool(model_path(entry["model"]), provider="cpu", sidecar=sidecar_of(entry))
    pool.step({"neighbour": entry["samples"][-1]})
    pool.restore("again", (FOLDER / "snapshots" / entry["file"]).read_bytes())
    assert {"status": pool.status["again"], "warm": pool.warm["again"]} == entry["stands"]
    spec = opened(entry).spec  # in the sensor's own numbers
    for sample, wanted in zip(entry["samples"], entry["answers"], strict=True):
        made = pool.step({"again": sample, "neighbour": entry["samples"][-1]})["again"]
        assert_near(made, wanted["forecast"], spec)
        assert {"status": pool.status["again"], "warm": pool.warm["again"]}.items() <= wanted.items()


@pytest.mark.parametrize("name", INDEX["states"])
def test_predict_goes_on_from_its_state_file(name: str, command: Command, tmp_path: Path) -> None:
    """Of one stream or of many; whatever a line held before it holds still, forecasts within the tolerance."""
    entry, state, lines = INDEX["states"][name], tmp_path / "state", tmp_path / "lines"
    shutil.copyfile(FOLDER / "states" / entry["file"], state)
    lines.write_text("".join(f"{line}\n" for line in entry["lines"]), "utf-8")
    words = [*entry["words"], *(["--sidecar", model_path(entry["sidecar"])] if "sidecar" in entry else [])]
    model = model_path(entry["model"])
    out = command("predict", model, *words, "--provider", "cpu", "--input", lines, "--state", state)
    for line, wanted in zip(out.splitlines(), entry["answers"], strict=True):
        found = json.loads(line)
        spec = opened({**entry, "sensor": sensor_in(entry, wanted)}).spec
        for field, value in wanted.items():
            if field in ("forecast", "lower", "upper"):
                assert_near(found[field], value, spec)
            else:
                assert found[field] == value, field


def sensor_in(entry: Mapping[str, Any], answer: Mapping[str, Any]) -> str | None:
    """The sensor of a fleet that a line is about, named by an option, a tag or a topic; None for one unknown."""
    known = {sensor.name for sensor in opened(entry).session.spec.sensors}
    said = [*entry["words"], *re.split("[=/,]", answer.get("stream", ""))]
    return next((word for word in said if word in known), None)


# What training leaves


def training(name: str, folder: Path) -> tuple[list[Any], Path]:
    """The command that goes on with a run, and its checkpoint: a copy in `folder`."""
    entry = INDEX["runs"][name]
    for file in entry["files"]:
        shutil.copyfile(FOLDER / "runs" / file, folder / file)
    words = [FOLDER / word if word.startswith("series/") else word for word in entry["words"]]
    checkpoint = folder / entry["files"][0]
    return [*words, "--resume", "-o", checkpoint], checkpoint


def test_an_interrupted_training_goes_on_to_its_end(command: Command, tmp_path: Path) -> None:
    """`--resume` takes it up at its thirtieth step; it ends near the weights of the run that was not interrupted."""
    words, checkpoint = training("interrupted", tmp_path)
    curve = Path(f"{checkpoint}.curve.csv")
    before = curve.read_text()
    command(*words)
    assert curve.read_text().startswith(before)
    assert len(curve.read_text().splitlines()) == 61
    command("export", checkpoint, "-o", tmp_path / "model.onnx")
    assert_forecasts(INDEX["forecasts"]["lstm-trained"], tmp_path / "model.onnx", TRAINED_AGAIN)


def test_a_finished_search_is_taken_up_with_its_trials(command: Command, tmp_path: Path) -> None:
    """Nothing is left to train: `--resume` shows the trials, and keeps the best one's weights."""
    pytest.importorskip("optuna")
    words, checkpoint = training("searched", tmp_path)
    trials = json.loads(Path(f"{checkpoint}.search").read_text())["trials"]
    shown = command(*words)
    assert len(re.findall(r"^ *\d+ .*(?:finished|pruned|failed|best)$", shown, re.M)) == len(trials)
    command("export", checkpoint, "-o", tmp_path / "model.onnx")
    assert_forecasts(INDEX["forecasts"]["searched"], tmp_path / "model.onnx")
