"""Made the files beside it, once, with version 0.1 (commit e8ef22d). It runs with that version only: documentation.

    git worktree add v01 e8ef22d && cd v01
    PYTHONPATH=.:runtime:export ORT_DISABLE_TELEMETRY=1 python make_0_1.py FOLDER

It wants the extra `dev`, a C compiler and mosquitto. FOLDER must not hold anything yet: what is there is never remade.
"""

import contextlib
import io
import json
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import safetensors.numpy
import torch
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from edgeseq_runtime.clock import read as clock_features
from onnx import TensorProto, helper
from tests.made_up import make_checkpoint

import edgeseq.commands.train as train_command
import edgeseq_export
import edgeseq_runtime
from edgeseq import cli
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.spec import CLOCKS
from tests import broker

Index = dict[str, dict[str, Any]]
Samples = list[list[float | None]]

COMMIT = "e8ef22d741f137bd2220d48254c791445012a394"
STEPS = 30
"""Samples in a stream, but where it says otherwise."""

BRIEF = ["--hidden", 6, "--steps", 60]

NO_PATH, PATH = ["--linear-path", "off"], ["--linear-path", 6]
"""Brief networks are worth nothing beside a linear path; longer ones are, and so have a share in the forecast."""

MADE_UP: Mapping[str, dict[str, Any]] = {
    "lstm": {"features": 2, "levels": 1, "horizon": 3, "offset": 20.0},
    "gru": {"cell": "gru", "layers": 1, "horizon": 2},
    "rnn": {"cell": "rnn", "layers": 3, "hidden": 5, "levels": 0},
    "wide": {"horizon": 9, "hidden": 9},
    "paths": {"features": 3, "targets": 2, "horizon": 4, "linear_path": 5, "hidden": 4},
    "fleet-clock": {"sensors": 2, "features": 1, "clocks": ("hour_sin", "hour_cos"), "period": 3600.0, "hidden": 4},
}
"""Checkpoints with random weights."""

TRAINED: Mapping[str, list[Any]] = {
    "lstm-trained": ["plant", "--target", "temp", "--horizon", 3, *NO_PATH, "--unit", "temp=°C"],
    "gru-trained": ["plant", "--target", "temp", "--cell", "gru", *NO_PATH],
    "rnn-trained": ["plant", "--target", "temp", "--cell", "rnn", "--layers", 1, *NO_PATH],
    "several": ["plant", "--target", "temp", "--target", "pressure", "--feature", "load", "--horizon", 4],
    "clock": ["plant", "--target", "temp", "--time-features", "hour,weekday,yearday", "--horizon", 2, *NO_PATH],
    "linear": ["plant", "--target", "temp", "--feature", "load", "--horizon", 2, *PATH, "--steps", 300],
    "value": ["noise", "--target", "v", "--horizon", 2],
    "classic-features": ["plant", "--target", "temp", "--preset", "classic"],
    "classic-steps": ["plant", "--target", "temp", "--preset", "classic", "--layout", "steps"],
    "windows-gru": ["plant", "--target", "temp", "--layout", "steps", "--window", 5, "--cell", "gru"],
    "fleet": ["a", "b", "c", "--horizon", 2, *PATH, "--hidden", 4, "--steps", 200],
}
"""Checkpoints that `edgeseq train` made: the series, and what else the command was given."""

READ: Mapping[str, tuple[list[str], dict[str, Any]]] = {
    "lstm-trained": (["plant"], {"targets": ["temp"]}),
    "several": (["plant"], {"targets": ["temp", "pressure"], "features": ["load"]}),
    "linear": (["plant"], {"targets": ["temp"], "features": ["load"]}),
    "clock": (["plant"], {"targets": ["temp"], "clocks": list(CLOCKS)}),
    "value": (["noise"], {"targets": ["v"]}),
    "fleet": (["a", "b", "c"], {}),
}
"""What `edgeseq.load` is asked for, for the series that a checkpoint was trained on."""

FILES: Mapping[str, tuple[str, list[Any]]] = {
    "lstm.onnx": ("lstm", []),
    "lstm.int8.onnx": ("lstm", ["--quantize", "int8"]),
    "lstm.int4.onnx": ("lstm", ["--quantize", "int4"]),
    "lstm.int8-dynamic.onnx": ("lstm", ["--quantize", "int8-dynamic"]),
    "lstm.step.onnx": ("lstm", ["--form", "step"]),
    "lstm.step.int8.onnx": ("lstm", ["--form", "step", "--quantize", "int8"]),
    "lstm.opset14.onnx": ("lstm", ["--opset", 14]),
    "lstm.opset21.onnx": ("lstm", ["--opset", 21]),
    "gru.onnx": ("gru", []),
    "gru.int8.onnx": ("gru", ["--quantize", "int8"]),
    "gru.int8-dynamic.onnx": ("gru", ["--quantize", "int8-dynamic"]),
    "gru.step.onnx": ("gru", ["--form", "step"]),
    "rnn.onnx": ("rnn", []),
    "rnn.int8.onnx": ("rnn", ["--quantize", "int8"]),
    "rnn.int8-dynamic.onnx": ("rnn", ["--quantize", "int8-dynamic"]),
    "rnn.step.onnx": ("rnn", ["--form", "step"]),
    "wide.onnx": ("wide", []),
    "wide.int8.onnx": ("wide", ["--quantize", "int8"]),
    "wide.int4.onnx": ("wide", ["--quantize", "int4"]),
    "paths.onnx": ("paths", []),
    "paths.step.onnx": ("paths", ["--form", "step"]),
    "fleet-clock.onnx": ("fleet-clock", []),
    "lstm-trained.onnx": ("lstm-trained", []),
    "lstm-trained.int8.onnx": ("lstm-trained", ["--quantize", "int8"]),
    "lstm-trained.signed.onnx": ("lstm-trained", ["--sign", "private.pem"]),
    "lstm-trained.so": ("lstm-trained", ["--format", "native"]),
    "gru-trained.onnx": ("gru-trained", []),
    "rnn-trained.onnx": ("rnn-trained", []),
    "several.onnx": ("several", []),
    "several.int8.onnx": ("several", ["--quantize", "int8"]),
    "several.step.onnx": ("several", ["--form", "step"]),
    "clock.onnx": ("clock", []),
    "clock.step.onnx": ("clock", ["--form", "step"]),
    "linear.onnx": ("linear", []),
    "linear.int8.onnx": ("linear", ["--quantize", "int8"]),
    "linear.step.onnx": ("linear", ["--form", "step"]),
    "value.onnx": ("value", []),
    "classic-features.onnx": ("classic-features", []),
    "classic-features.int8.onnx": ("classic-features", ["--quantize", "int8"]),
    "classic-steps.onnx": ("classic-steps", []),
    "windows-gru.onnx": ("windows-gru", []),
    "fleet.onnx": ("fleet", []),
    "fleet.int8.onnx": ("fleet", ["--quantize", "int8"]),
    "fleet.step.onnx": ("fleet", ["--form", "step"]),
}
"""Model files: the checkpoint, and what else `edgeseq export` was given."""


class Own(torch.nn.Module):
    """A network of one's own; the test has the same."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(2, 5)
        self.head = torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(5, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take samples (time, batch, feature)."""
        return self.head(self.lstm(x)[0])


class Deep(torch.nn.Module):
    """A deeper one: two kinds of recurrent layers, and a sum around one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.before = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU())
        self.gru = torch.nn.GRU(4, 4)
        self.lstm = torch.nn.LSTM(4, 3, 2)
        self.head = torch.nn.Sequential(torch.nn.SiLU(), torch.nn.Linear(3, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take samples (time, batch, feature)."""
        start = self.before(x)
        return self.head(self.lstm(self.gru(start)[0] + start)[0])


# Numbers


def plain(array: Any) -> Any:
    """Return float32 numbers as the shortest decimals that read back as the same, None for NaN."""
    if isinstance(array, np.ndarray) and array.ndim:
        return [plain(row) for row in array]
    return None if math.isnan(array) else float(str(np.float32(array)))


def row_of(forecast: np.ndarray) -> list[float | None]:
    """Return a forecast (horizon, target) as one row, the target fastest."""
    return plain(forecast.reshape(-1))


def walk(spec: Any, seed: int, steps: int = STEPS) -> Samples:
    """Samples that move as the training's, in the typical sensor's numbers."""
    random = np.random.default_rng(seed)
    measured = spec.measured
    steps_ = random.standard_normal((steps, len(measured))) * [feature.change for feature in measured]
    return [
        [round(value, 3) for value in row] for row in (np.cumsum(steps_, axis=0) + [f.mean for f in measured]).tolist()
    ]


def command(*words: object, code: int = 0) -> str:
    """Run a command in this process and return what it wrote to stdout."""
    read, write = os.pipe()
    kept = os.dup(1)
    os.dup2(write, 1)
    try:
        found = cli.run([str(word) for word in words])
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(write)
    with os.fdopen(read) as file:
        out = file.read()
    assert found == code, (words, found)
    return out


# Series


def write_series(folder: Path) -> None:
    """A plant with three columns and gaps, noise about a level, and three sensors of one kind."""
    random = np.random.default_rng(7)
    hours = np.arange(320)
    load = 2 + (hours % 24 > 8) * (hours % 24 < 20) + 0.1 * random.standard_normal(320)
    temp = 20 + 3 * np.sin(2 * np.pi * hours / 24) + load + np.cumsum(0.05 * random.standard_normal(320))
    pressure = 1013 + 4 * np.sin(hours / 37) + 0.2 * random.standard_normal(320)
    rows = ["time,temp,pressure,load"]
    for hour in hours.tolist():
        if hour in (50, 51):  # rows that lack
            continue
        cells = [f"{column[hour]:.2f}" for column in (temp, pressure, load)]
        if hour in (100, 200, 201, 202, 203, 204):
            cells[0] = ""
        rows.append(",".join([f"{np.datetime64('2024-03-01T00') + hour}", *cells]))
    (folder / "plant.csv").write_text("\n".join([*rows, ""]))
    values = 5 + 0.5 * random.standard_normal(260)
    (folder / "noise.csv").write_text("v\n" + "".join(f"{value:.3f}\n" for value in values))
    for name, level, size in (("a", 20.0, 1.0), ("b", 300.0, 8.0), ("c", -5.0, 0.25)):
        wave = level + size * (np.sin(np.arange(200) / 4) + 0.05 * random.standard_normal(200))
        lines = [f"{np.datetime64('2024-01-01T00') + hour},{value:.6g}" for hour, value in enumerate(wave.tolist())]
        (folder / f"{name}.csv").write_text("\n".join(["time,temp", *lines, ""]))


def tail(path: Path, columns: Sequence[str], count: int = STEPS) -> tuple[Samples, list[str]]:
    """Return the last samples of a series file, and their times."""
    header, *lines = (line.split(",") for line in path.read_text().splitlines())
    rows = lines[-count:]
    samples = [[float(row[header.index(name)]) for name in columns] for row in rows]
    return samples, [row[header.index("time")] for row in rows] if "time" in header else []


# What becomes of it


class Store:
    """The folder, and its index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index: Index = {
            "made": {
                "commit": COMMIT,
                "versions": {
                    "edgeseq": edgeseq_runtime.__version__,
                    "python": platform.python_version(),
                    "numpy": np.__version__,
                    "onnx": onnx.__version__,
                    "onnxruntime": onnxruntime.__version__,
                    "torch": torch.__version__,
                },
                "machine": f"{platform.system()} {platform.machine()}, a processor with AVX-512 VNNI",
            }
        }
        sections = (
            "series",
            "inputs",
            "models",
            "forecasts",
            "checkpoints",
            "snapshots",
            "pools",
            "states",
            "runs",
            "files",
        )
        self.index |= {name: {} for name in sections}

    def path(self, kind: str, name: str) -> Path:
        """Return where a file of some kind lies."""
        (self.folder / kind).mkdir(exist_ok=True)
        return self.folder / kind / name

    def model(self, name: str) -> Path:
        """Return a model file's path."""
        return self.path("models", name)

    def opened(self, name: str, **choices: Any) -> Predictor:
        """Return a predictor of a model file, with choices as the index has them."""
        rules = choices.pop("rules", None)
        sensor = choices.pop("history", None) or choices.pop("sensor", None)
        if "sidecar" in choices:
            choices["sidecar"] = self.model(choices["sidecar"])
        return Predictor(
            self.model(name), "auto" if name.endswith(".so") else "cpu", rules=Rules(**rules) if rules else None,
            sensor=sensor, **choices,
        )  # fmt: skip

    def forecast(self, name: str, model: str, inputs: str, **choices: Any) -> None:
        """Note what a model forecasts from a fresh stream."""
        given = self.index["inputs"][inputs]
        times = given.get("times") or [None] * len(given["samples"])
        p = self.opened(model, **choices)
        said = [row_of(p.step(row, at)) for row, at in zip(given["samples"], times, strict=True)]
        assert p.counts["ok"] == len(said), name
        assert not any(p.counts[odd] for odd in ("gap", "disorder", "absent")), name
        self.index["forecasts"][name] = {"model": model, "inputs": inputs, **choices, "forecasts": said}

    def snapshot(
        self,
        name: str,
        model: str,
        before: tuple[Samples, Sequence[Any]],
        after: tuple[Samples, Sequence[Any]],
        *,
        restored: Mapping[str, Any] | None = None,
        file: str | None = None,
        on: str | None = None,
        **choices: Any,
    ) -> None:
        """Make a snapshot, or take one that is there (`file`), and note how a stream goes on from it.

        `choices` are those of the stream that it is of, `restored` of the one that goes on: the same without a sensor.
        `on` is another file of the same model that makes the snapshot.
        """
        path = self.path("snapshots", file or f"{name}.snapshot")
        if file is None:
            p = self.opened(on or model, **choices)
            for row, at in pairs(*before):
                p.step(row, at)
            path.write_bytes(p.snapshot())
        kept = choices if restored is None else restored
        kept = {name: value for name, value in kept.items() if name not in ("sensor", "history")}
        p = self.opened(model, **kept)
        p.restore(path.read_bytes())
        entry = {"file": path.name, "model": model, **kept, "stands": standing(p), "samples": after[0]}
        if any(after[1]):
            entry["times"] = list(after[1])
        entry["answers"] = [answer(p, p.step(row, at)) for row, at in pairs(*after)]
        self.index["snapshots"][name] = {**entry, "counts": p.counts}

    def pool(self, name: str, model: str, samples: Samples, **choices: Any) -> None:
        """Make the snapshot of one stream of a pool, after ten samples, and note how it goes on."""
        path = self.path("snapshots", f"{name}.pool.snapshot")
        sidecar = {"sidecar": self.model(choices["sidecar"])} if "sidecar" in choices else {}
        pool = Pool(self.model(model), "cpu", **sidecar)
        pool.add("neighbour", "this")
        if sensor := choices.get("history") or choices.get("sensor"):
            pool.set_sensor("this", sensor)
        for number, row in enumerate(samples[:10]):
            pool.step({"this": row} if number % 3 else {"this": row, "neighbour": samples[-1 - number]})
        path.write_bytes(pool.snapshot("this"))
        again = Pool(self.model(model), "cpu", **sidecar)
        again.restore("again", path.read_bytes())
        entry = {"file": path.name, "model": model, **choices}
        entry |= {
            "stands": {"status": again.status_of("again"), "warm": again.is_warm("again")},
            "samples": samples[10:],
        }
        entry["answers"] = []
        for row in samples[10:]:
            said = again.step({"again": row})["again"]
            entry["answers"].append(
                {"forecast": row_of(said), "status": again.status_of("again"), "warm": again.is_warm("again")}
            )
        self.index["pools"][name] = entry

    def state(
        self, name: str, model: str, words: list[str], before: list[str], after: list[str], **sidecar: str
    ) -> None:
        """Make a state file by the command line, and note how the command goes on from it."""
        path = self.path("states", f"{name}.state")
        with tempfile.TemporaryDirectory() as folder:
            lines, copy = Path(folder, "lines"), Path(folder, "state")
            told = [*words, *(["--sidecar", self.model(sidecar["sidecar"])] if sidecar else [])]
            if before:
                lines.write_text("\n".join([*before, ""]))
                command("predict", self.model(model), *told, "--provider", "cpu", "--input", lines, "--state", path)
            shutil.copy(path, copy)
            lines.write_text("\n".join([*after, ""]))
            out = command("predict", self.model(model), *told, "--provider", "cpu", "--input", lines, "--state", copy)
        answers = [json.loads(line) for line in out.splitlines()]
        self.index["states"][name] = {
            "file": path.name,
            "model": model,
            **sidecar,
            "words": words,
            "lines": after,
            "answers": answers,
        }

    def close(self) -> None:
        """Write the index, a field to a line."""
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            if path.suffix not in (".py", ".md"):
                self.index["files"][str(path.relative_to(self.folder))] = sha256(path.read_bytes()).hexdigest()
        sections = []
        for section, entries in self.index.items():
            lines = []
            for name, entry in entries.items():
                if isinstance(entry, dict):
                    fields = ",\n".join(f"   {json.dumps(key)}: {compact(value)}" for key, value in entry.items())
                    lines.append(f"  {json.dumps(name)}: {{\n{fields}\n  }}")
                else:
                    lines.append(f"  {json.dumps(name)}: {compact(entry)}")
            sections.append(f" {json.dumps(section)}: {{\n" + ",\n".join(lines) + "\n }")
        text = "{\n" + ",\n".join(sections) + "\n}\n"
        assert json.loads(text) == self.index
        (self.folder / "index.json").write_text(text, "utf-8")


def compact(value: Any) -> str:
    """Return JSON on one line; of a list of objects each on its own."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"    {compact(item)}" for item in value) + "]"
    return json.dumps(value, separators=(", ", ": "), ensure_ascii=False, allow_nan=False)


def pairs(samples: Samples, times: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield samples with their times, None where there are none."""
    yield from zip(samples, times or [None] * len(samples), strict=True)


def standing(p: Predictor) -> dict[str, Any]:
    """Return what a predictor says of its stream between two samples."""
    found = {"samples": p.samples, "status": p.status, "reason": p.reason, "warm": p.warm, "counts": p.counts}
    with contextlib.suppress(edgeseq_runtime.EdgeseqError):  # none yet
        found["forecast"] = row_of(p.forecast(p.spec.horizon))
    return found | monitored(p)


def monitored(p: Predictor) -> dict[str, Any]:
    """Return the interval and the flag, where they are watched."""
    if not p.monitors:
        return {}
    lower, upper = map(row_of, p.interval(0.9))
    return {"lower": lower, "upper": upper, "drift": p.drift}


def answer(p: Predictor, forecast: np.ndarray) -> dict[str, Any]:
    """Return what became of a sample."""
    found = {"forecast": row_of(forecast), "status": p.status, "reason": p.reason, "warm": p.warm}
    return found | monitored(p)


# The parts, in their order


def make_checkpoints(store: Store) -> None:
    """Made-up ones, trained ones, one interrupted and one searched for."""
    for name, choices in MADE_UP.items():
        make_checkpoint(**choices).save(store.path("checkpoints", f"{name}.safetensors"))
        store.index["checkpoints"][f"{name}.safetensors"] = {"made_up": json.loads(json.dumps(choices))}
    for name, (*words,) in TRAINED.items():
        series = [word for word in words if (store.folder / "series" / f"{word}.csv").exists()]
        rest = [*BRIEF, *words[len(series) :]]
        told = ["train", *(f"series/{one}.csv" for one in series), *rest]
        command(*told, "-o", f"checkpoints/{name}.safetensors")
        store.index["checkpoints"][f"{name}.safetensors"] = {"words": [str(word) for word in told]}
        Path(f"checkpoints/{name}.safetensors.curve.csv").unlink()
        about = json.loads(command("info", f"checkpoints/{name}.safetensors", "--json"))
        assert about["training"]["options"].get("network_share", 1) > 0.2, name
    for name, (series, reading) in READ.items():
        files = [f"{one}.csv" for one in series]
        store.index["series"][name] = {"files": files, "reading": reading, "model": f"{name}.onnx"}
    store.path("runs", "")
    told = store.index["checkpoints"]["lstm-trained.safetensors"]["words"]
    run = train_command._run

    def interrupted(trainer: Any, _made: Any, path: Path, *, quiet: bool = False) -> bool:  # noqa: ARG001
        return trainer.run(lambda *_: None, lambda: trainer.step >= 30, path)  # as after Ctrl-C

    train_command._run = interrupted
    command(*told, "-o", "runs/interrupted.safetensors", code=130)
    train_command._run = run
    store.index["runs"]["interrupted"] = {
        "words": told,
        "files": [f"interrupted.safetensors{ending}" for ending in ("", ".resume", ".curve.csv")],
        "forecasts": "lstm-trained",
    }
    told = ["train", "series/plant.csv", "--target", "temp", "--hidden", "4", "--layers", "1", "--steps", "20",
            "--linear-path", "off", "--search", "3"]  # fmt: skip
    command(*told, "-o", "runs/searched.safetensors")
    Path("runs/searched.safetensors.curve.csv").unlink()
    command("export", "runs/searched.safetensors", "-o", "models/searched.onnx")
    store.index["runs"]["searched"] = {
        "words": told, "files": ["searched.safetensors", "searched.safetensors.search"], "forecasts": "searched",
    }  # fmt: skip


def make_models(store: Store) -> None:
    """Export them all; what signs is thrown away, and the library is for any x86-64 processor."""
    os.environ |= {"CC": "gcc", "CFLAGS": "-O2 -march=x86-64 -s"}
    key = Ed25519PrivateKey.generate()
    encoding, public = serialization.Encoding.PEM, key.public_key()
    store.model("public.pem").write_bytes(
        public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with tempfile.TemporaryDirectory() as folder:
        private = Path(folder, "private.pem")
        private.write_bytes(
            key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        for name, (checkpoint, words) in FILES.items():
            told = [private if word == "private.pem" else word for word in words]
            command("export", f"checkpoints/{checkpoint}.safetensors", *told, "-o", f"models/{name}")
            shown = [str(word) for word in words]
            store.index["models"][name] = {"checkpoint": f"{checkpoint}.safetensors", "words": shown}
    store.index["models"]["searched.onnx"] = {}


def make_own(store: Store) -> None:
    """Networks of one's own, and somebody else's graph with its sidecar."""
    samples, _ = tail(Path("series/plant.csv"), ("temp", "load"), 60)
    store.index["inputs"]["own-training"] = {"samples": samples}
    store.index["inputs"]["own"] = {"samples": samples[:STEPS]}
    torch.manual_seed(1)
    module = Own()
    options = {"targets": 1, "horizon": 3, "name": "greenhouse", "period": 3600.0}
    described = edgeseq_export.describe(samples, ["temp", "load"], **options)
    edgeseq_export.export(module, described, store.model("own.onnx"))
    weights = {name: np.ascontiguousarray(value.numpy()) for name, value in module.state_dict().items()}
    store.path("checkpoints", "own-module.safetensors").write_bytes(safetensors.numpy.save(weights))
    changes = edgeseq_export.describe(samples, ["temp", "load"], predicts="change")
    edgeseq_export.export(Deep(), changes, store.model("own-change.onnx"))
    nodes = [
        helper.make_node("Sub", ["sample", "mean"], ["off"]),
        helper.make_node("Mul", ["off", "weight"], ["part"]),
        helper.make_node("Add", ["mean", "part"], ["mean_out"]),
        helper.make_node("Identity", ["mean_out"], ["said"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in ("sample", "mean")]
    inputs.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, []))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in ("said", "mean_out")]
    graph = helper.make_graph(nodes, "somebody", inputs, outputs)
    foreign = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(foreign, store.model("foreign.onnx"))
    sidecar = {"input": "sample", "output": "said", "states": {"mean": "mean_out"}, "constants": {"weight": 0.375}}
    store.model("foreign.sidecar.json").write_text(json.dumps(sidecar) + "\n")
    store.index["models"] |= {
        "own.onnx": {"features": ["temp", "load"], "described": options},
        "own-change.onnx": {},
        "foreign.onnx": {"sidecar": "foreign.sidecar.json"},
    }


def make_inputs(store: Store) -> None:
    """Whole samples for each checkpoint: a walk for the made-up ones, the end of the series for the trained ones."""
    inputs = store.index["inputs"]
    for seed, name in enumerate(("lstm", "gru", "rnn", "wide", "paths")):
        inputs[name] = {"samples": walk(store.opened(f"{name}.onnx").spec, seed)}
    samples, times = tail(Path("series/plant.csv"), ("temp",))
    inputs["temp"] = {"samples": samples, "times": times}
    samples, times = tail(Path("series/plant.csv"), ("temp", "pressure", "load"))
    inputs["several"] = {"samples": samples, "times": times}
    samples, times = tail(Path("series/plant.csv"), ("temp", "load"))
    inputs["linear"] = {"samples": samples, "times": times}
    inputs["value"] = {"samples": tail(Path("series/noise.csv"), ("v",))[0]}
    for name in "abc":
        samples, times = tail(Path(f"series/{name}.csv"), ("temp",))
        inputs[f"fleet-{name}"] = {"samples": samples, "times": times}
    unknown = [[round(70 + 2.5 * math.sin(at / 4) + 0.3 * math.cos(at), 3)] for at in range(STEPS)]
    inputs["fleet-unknown"] = {"samples": unknown}
    hours = [f"2024-02-29T{hour:02}:00" for hour in range(24)]
    clocked = [[round(12 + 0.4 * math.sin(at / 3), 3)] for at in range(24)]
    inputs["fleet-clock"] = {"samples": clocked, "times": hours}
    inputs["foreign"] = {"samples": [[round(math.sin(at / 3), 3)] for at in range(STEPS)]}


USES = {"several": "several", "value": "value", "own-change": "own", "own": "own", "foreign": "foreign"} | {
    name: name for name in ("lstm", "gru", "rnn", "wide", "paths", "linear")
}
"""Kind of a model file -> its inputs; the others see the temperature of the plant."""


def make_forecasts(store: Store) -> None:
    """What each model file forecasts of them."""
    for model, about in store.index["models"].items():
        kind, stem = model.partition(".")[0], model.removesuffix(".onnx")
        if kind == "fleet":
            for name in "abc":
                store.forecast(f"{stem}, sensor {name}", model, f"fleet-{name}", sensor=name)
            history = store.index["inputs"]["fleet-unknown"]["samples"]
            store.forecast(f"{stem}, a sensor learned", model, "fleet-unknown", history=history)
            store.forecast(f"{stem}, a sensor unknown", model, "fleet-unknown")
        elif kind == "fleet-clock":
            store.forecast(f"{stem}, sensor s1", model, "fleet-clock", sensor="s1")
        else:
            sidecar = {"sidecar": about["sidecar"]} if "sidecar" in about else {}
            store.forecast(stem, model, USES.get(kind, "temp"), **sidecar)


def make_snapshots(store: Store) -> None:
    """Of one plain stream of each kind of model; and of streams to which much has happened."""
    inputs = store.index["inputs"]
    plainly = [
        "lstm", "lstm.int8", "lstm.int4", "lstm.step", "lstm.int8-dynamic", "gru", "gru.step", "rnn", "wide", "paths",
        "several", "several.step", "clock", "linear", "linear.int8", "linear.step", "value",
        "classic-features", "classic-steps", "windows-gru", "own", "own-change", "foreign",
    ]  # fmt: skip
    for name in plainly:
        given = inputs[USES.get(name.partition(".")[0], "temp")]
        samples, times = given["samples"], given.get("times", [])
        sidecar = {"sidecar": "foreign.sidecar.json"} if name == "foreign" else {}
        store.snapshot(name, f"{name}.onnx", (samples[:15], times[:15]), (samples[15:23], times[15:23]), **sidecar)
    lstm, temp = inputs["lstm"]["samples"], inputs["temp"]
    nothing: list[float | None] = [None, None]
    half: list[float | None] = [None, lstm[12][1]]
    store.snapshot("lstm.fresh", "lstm.onnx", ([], []), (lstm[:5], []))
    store.snapshot(
        "lstm.imputed", "lstm.onnx", ([*lstm[:10], nothing, half], []), ([nothing, nothing, *lstm[14:20]], [])
    )
    store.snapshot("lstm.missing", "lstm.onnx", ([*lstm[:8], *[nothing] * 4], []), (lstm[12:17], []))
    rules = {"stuck_after": 3, "stuck": "skip", "range": "impute", "margin": 0.5, "skip_limit": 2}
    still, far = [*[lstm[9]] * 3], [99.0, lstm[9][1]]
    store.snapshot(
        "lstm.rules", "lstm.onnx", ([*lstm[:9], far, *still, lstm[9]], []),
        ([lstm[9], lstm[9], *lstm[10:13], far, nothing, lstm[13]], []), rules=rules, missing="skip",
    )  # fmt: skip
    samples, times = temp["samples"], temp["times"]
    watched = (samples[:15], times[:15])
    before, moments = tail(Path("series/plant.csv"), ("temp",), 2 * STEPS)
    wild = [[round(row[0] + 3 * (number % 2), 2)] for number, row in enumerate(samples)]
    store.snapshot(
        "trained.monitor", "lstm-trained.onnx", (before[:-15], moments[:-15]), (wild[-15:], times[-15:]), monitor=True
    )
    store.snapshot(
        "trained.monitor-no-more", "lstm-trained.onnx", ([], []), (wild[-15:-10], times[-15:-10]),
        file="trained.monitor.snapshot", restored={},
    )  # fmt: skip
    store.snapshot(
        "trained.monitor-from-now", "lstm-trained.onnx", (before[:-15], moments[:-15]), (wild[-15:-7], times[-15:-7]),
        restored={"monitor": True},
    )  # fmt: skip
    store.snapshot("trained.drift", "lstm-trained.onnx", ([*before, *wild, *wild], []), (samples[:8], []), monitor=True)
    store.snapshot("trained.native", "lstm-trained.onnx", watched, (samples[15:23], times[15:23]), on="lstm-trained.so")
    wide, moments = tail(Path("series/plant.csv"), ("temp", "pressure", "load"), 2 * STEPS)
    store.snapshot(
        "several.monitor", "several.onnx", (wide[:-8], moments[:-8]), (wide[-8:], moments[-8:]), monitor=True
    )
    # A period after the one before; two that lack; one that comes again; too many that lack.
    odd = [None, times[18], times[18], times[19], times[28]]
    taken = [samples[at] for at in (15, 18, 18, 19, 28)]
    store.snapshot("clock.odd-times", "clock.onnx", watched, (taken, odd))
    store.snapshot("trained.odd-times", "lstm-trained.onnx", watched, (taken, [times[15], *odd[1:]]))
    known = inputs["fleet-b"]
    for model in ("fleet", "fleet.step"):
        store.snapshot(
            model, f"{model}.onnx", (known["samples"][:15], known["times"][:15]),
            (known["samples"][15:23], known["times"][15:23]), sensor="b",
        )  # fmt: skip
    unknown = inputs["fleet-unknown"]["samples"]
    store.snapshot(
        "fleet.learned-monitor", "fleet.onnx", (unknown[:15], []), (unknown[15:23], []), history=unknown, monitor=True
    )
    clocked = inputs["fleet-clock"]
    store.snapshot(
        "fleet-clock", "fleet-clock.onnx", (clocked["samples"][:15], clocked["times"][:15]),
        (clocked["samples"][15:], [None] * 9), sensor="s1",
    )  # fmt: skip


def make_pools(store: Store) -> None:
    """Of one stream of a pool."""
    inputs = store.index["inputs"]
    for name in ("lstm", "lstm.int8", "lstm.step", "gru", "rnn", "linear", "classic-steps", "several", "own"):
        samples = inputs[USES.get(name.partition(".")[0], "temp")]["samples"]
        store.pool(name, f"{name}.onnx", samples[:18])
    lstm = inputs["lstm"]["samples"]
    nothing: list[float | None] = [None, None]
    store.pool("lstm.imputed", "lstm.onnx", [*lstm[:8], *[nothing] * 4, *lstm[12:18]])
    store.pool("fleet", "fleet.onnx", inputs["fleet-b"]["samples"][:18], sensor="b")
    unknown = inputs["fleet-unknown"]["samples"]
    store.pool("fleet.learned", "fleet.onnx", unknown[:18], history=unknown)
    moments = np.array(inputs["temp"]["times"], "datetime64[s]").astype(np.int64)
    names = [feature.name for feature in store.opened("clock.onnx").spec.features[1:]]
    read_off = clock_features(moments, names).round(6).tolist()
    whole = [[*row, *more] for row, more in zip(inputs["temp"]["samples"], read_off, strict=True)]
    store.pool("clock", "clock.onnx", whole[:18])
    store.pool("foreign", "foreign.onnx", inputs["foreign"]["samples"][:18], sidecar="foreign.sidecar.json")


def make_states(store: Store) -> None:
    """What `predict --state` leaves, of one stream and of many."""
    inputs = store.index["inputs"]
    samples, times = tail(Path("series/plant.csv"), ("temp",), 2 * STEPS)
    temp = [f"{at},{row[0]}" for row, at in pairs(samples, times)]
    header, first, second = ["time,temp"], temp[:45], [*temp[45:49], f"{times[49]},", *temp[50:54]]
    store.state("one", "lstm-trained.onnx", [], [*header, *first], [*header, *second])
    store.state("one.intervals", "lstm-trained.onnx", ["--intervals"], [*header, *first], [*header, *second])
    known = [f"{at},{row[0]}" for row, at in pairs(**inputs["fleet-b"])]
    store.state("one.fleet", "fleet.onnx", ["--sensor", "b"], [*header, *known[:14]], [*header, *known[14:20]])
    objects = [json.dumps({"temp": row[0], "time": at}) for row, at in pairs(**inputs["temp"])]
    store.state("one.clock", "clock.onnx", [], objects[:14], objects[14:20])
    bare = [" ".join(map(str, row)) for row in inputs["lstm"]["samples"]]
    rules = ["--stuck-after", "3", "--range", "impute", "--missing", "skip"]
    store.state("one.rules", "lstm.int8.onnx", rules, [*bare[:9], *[bare[9]] * 3], [bare[9], "99 20", "", *bare[10:14]])
    single = [str(row[0]) for row in inputs["foreign"]["samples"]]
    store.state("one.foreign", "foreign.onnx", [], single[:9], single[9:15], sidecar="foreign.sidecar.json")
    influx = ["--input-format", "influx"]

    def points(keys: Mapping[str, Samples], begin: int, end: int, names: Sequence[str]) -> list[str]:
        lines = []
        for at in range(begin, end):
            for key, samples in keys.items():
                cells = ",".join(f"{name}={value}" for name, value in zip(names, samples[at], strict=True))
                lines.append(f"{key} {cells} {1_710_000_000 + 3600 * at}000000000")
        return lines

    two = {"air,place=hall,site=a": inputs["lstm"]["samples"], r"air,place=b\ 2": inputs["lstm"]["samples"][::-1]}
    store.state("many", "lstm.onnx", influx, points(two, 0, 9, ("f0", "f1")), points(two, 9, 14, ("f0", "f1")))
    boilers = {f"boiler,site={name}": inputs[f"fleet-{name}"]["samples"] for name in "abc"}
    boilers["boiler,site=other"] = inputs["fleet-unknown"]["samples"]
    store.state("many.fleet", "fleet.onnx", influx, points(boilers, 0, 8, ("temp",)), points(boilers, 8, 12, ("temp",)))
    clocked = {"hall": inputs["temp"]["samples"], "yard": inputs["temp"]["samples"][::-1]}
    store.state("many.clock", "clock.onnx", influx, points(clocked, 0, 8, ("temp",)), points(clocked, 8, 12, ("temp",)))
    topics = {f"plant/{name}": inputs[f"fleet-{name}"]["samples"] for name in "ab"}
    by_mqtt(store, "many.mqtt", "fleet.onnx", topics)
    store.state("many.mqtt", "fleet.onnx", influx, [], points(topics, 8, 12, ("temp",)))


def by_mqtt(store: Store, name: str, model: str, topics: Mapping[str, Samples]) -> None:
    """Let a broker deliver eight samples of each stream."""
    path = store.path("states", f"{name}.state")
    with tempfile.TemporaryDirectory() as folder:
        server = broker.Broker(Path(folder, "broker"))
        words = [sys.executable, "-m", "edgeseq", "predict", store.model(model), "--state", path, "--provider", "cpu"]
        words += ["--publish", "forecasts/{id}", "--mqtt", f"mqtt://localhost:{server.port}/plant/+"]
        process = subprocess.Popen(list(map(str, words)))
        broker.wait_until(lambda: "Sending SUBACK to edgeseq-" in server.log(), "no subscription")
        peer = broker.Peer(server, "forecasts/#")
        for at in range(8):
            for topic, samples in topics.items():
                peer.publish(topic, {"temp": samples[at][0], "time": 1_710_000_000 + 3600 * at})
        broker.wait_until(lambda: len(peer.messages) == 8 * len(topics), "no forecasts")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        broker.end_all()


def main(folder: Path) -> None:
    """Make it all."""
    assert "v01" in edgeseq_runtime.__file__, edgeseq_runtime.__file__
    assert not any(path.suffix not in (".py", ".md") for path in folder.iterdir()), "what is stored is never remade"
    torch.set_num_threads(1)
    os.chdir(folder)
    store = Store(folder)
    for name in ("series", "checkpoints", "models"):
        store.path(name, "")
    write_series(folder / "series")
    with contextlib.redirect_stderr(io.StringIO()):
        make_checkpoints(store)
        make_models(store)
    make_own(store)
    make_inputs(store)
    make_forecasts(store)
    make_snapshots(store)
    make_pools(store)
    make_states(store)
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
