"""Loadable anywhere: each kind of model file on each engine that reads ONNX, as the worst deviation from the oracle.

    python -m benchmarks.peers.loading [--python NAME=PATH ...] [--only ENGINE...] [--json FILE]

Each --python names another interpreter that has another onnxruntime. Deviations are shares of the target's standard
deviation; states count too, as shares of the largest of them and one.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from benchmarks.peers.agreement import LARGEST
from benchmarks.peers.writing import spec_of
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.reference import Oracle
from edgeseq.testing import make_checkpoint
from edgeseq_export.graph.quantization import quantize
from edgeseq_export.graph.weights import values
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime.spec import CELLS, CHUNK, STEP, Spec

Found: TypeAlias = dict[str, float | str]
"""Case -> the worst deviation, or why there is none."""

KINDS: Mapping[str, tuple[str, str]] = {
    "float32": ("none", CHUNK),
    "int8": ("int8", CHUNK),
    "int4": ("int4", CHUNK),
    "float32, step": ("none", STEP),
}
"""What there is of each network: its quantisation and its form."""

CASES: Mapping[str, tuple[int, int, int]] = {"1 stream": (40, 1, 1), "3 streams": (40, 1, 3), "a chunk": (1, 20, 2)}
"""Title -> (call, time, stream)."""

ENGINES: Mapping[str, str] = {
    "onnxruntime": "onnxruntime",
    "reference": "onnx",
    "openvino": "openvino",
    "tract": "tract",
    "mnn": "mnn",
    "ncnn": "ncnn",
}
"""What `loadable` calls an engine -> its package."""


@dataclass(frozen=True)
class Engine:
    """An engine and the interpreter that has it."""

    name: str
    interpreter: str = sys.executable


def main(words: list[str] | None = None) -> None:
    """Print one row for each file."""
    parser = arguments("Run every kind of model file on every engine.")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="another onnxruntime's")
    parser.add_argument("--only", nargs="+", choices=ENGINES, metavar="ENGINE", help=f"of {', '.join(ENGINES)}")
    options = parser.parse_args(words)
    engines = {title: engine for name in options.only or ENGINES for title, engine in _installed(name)}
    others = (pair.partition("=") for pair in options.python)
    engines |= {f"onnxruntime {name}": Engine("onnxruntime", path) for name, _, path in others}
    publish("Largest deviation from the oracle, states included", list(table(engines)), options.json)


def table(engines: Mapping[str, Engine]) -> Iterator[dict[str, Any]]:
    """Yield a row for each file."""
    for title, checkpoint in checkpoints().items():
        for kind, (quantization, form) in KINDS.items():
            with tempfile.TemporaryDirectory() as folder:
                model = Path(folder, "model.onnx")
                write(model, checkpoint, quantization, form)
                found = {name: run(engine, model) for name, engine in engines.items()}
            note = "; ".join(f"{name}: {reason(cases)}" for name, cases in found.items() if reason(cases))
            yield {"file": f"{title} {kind}", **{name: cell(cases) for name, cases in found.items()}, "note": note}


def _installed(name: str) -> Iterator[tuple[str, Engine]]:
    """Yield an engine of this environment with its title, if it is there."""
    try:
        yield f"{name} {version(ENGINES[name])}", Engine(name)
    except PackageNotFoundError:
        print(f"{name}: left out, {ENGINES[name]} is not installed", file=sys.stderr)


def checkpoints() -> dict[str, Checkpoint]:
    """Return networks by their titles: each cell, and one with all that a graph can have."""
    wide = make_checkpoint(features=3, targets=2, horizon=4, linear_path=5)
    return {cell: make_checkpoint(hidden=30, cell=cell) for cell in CELLS} | {"several": wide}


def write(model: Path, checkpoint: Checkpoint, quantization: str = "none", form: str = CHUNK) -> None:
    """Write a model file and, beside it, what `loadable` compares it with."""
    model.write_bytes(edgeseq_export.build(checkpoint, quantization, form=form))
    spec = spec_of(model.read_bytes())
    oracle = Oracle(spec, values(quantize(checkpoint, quantization)))
    stds = [feature.std for feature in spec.target_features]
    arrays = {"states": np.array([state.name for state in spec.states]), "scale": np.tile(stds, spec.horizon)}
    for title, shape in CASES.items():
        if spec.form == CHUNK or shape[1] == 1:
            arrays |= {f"{title}/{name}": value for name, value in _case(spec, oracle, *shape).items()}
    np.savez(model.with_suffix(".npz"), allow_pickle=False, **arrays)


def _case(spec: Spec, oracle: Oracle, calls: int, time: int, streams: int) -> dict[str, np.ndarray]:
    x = random_walk(spec, calls * time, streams, seed=streams)
    y, states = oracle.run(x)
    found: dict[str, np.ndarray] = {"x": x.reshape(calls, time, streams, -1), "y": y.reshape(calls, time, streams, -1)}
    found |= {f"begin/{state.name}": np.zeros(state.sized(streams), np.float32) for state in spec.states}
    return found | {f"end/{name}": value for name, value in states.items()}


def run(engine: Engine, model: Path) -> Found:
    """Run a file on an engine, in a process of its own: some die of what they cannot do."""
    script = str(Path(__file__).with_name("loadable.py"))
    command = [engine.interpreter, "-I", script, engine.name, model.name, model.with_suffix(".npz").name]
    done = subprocess.run(command, cwd=model.parent, capture_output=True, check=False)
    if done.returncode:
        return dict.fromkeys(CASES, f"died with {done.returncode}")
    found: Found = json.loads(model.with_suffix(".json").read_text())
    return found


def cell(found: Found) -> str:
    """Return the worst deviation of what works, or that nothing does."""
    good = {title: value for title, value in found.items() if isinstance(value, float) and value <= LARGEST}
    if not good:
        return "wrong" if any(isinstance(value, float) for value in found.values()) else "no"
    only = "" if len(good) == len(found) else f", {' and '.join(good)} only"
    return f"{max(good.values()):.0e}{only}"


def reason(found: Found) -> str:
    """Return the first thing that does not work."""
    bad = {title: value for title, value in found.items() if isinstance(value, str) or not value <= LARGEST}
    for title, value in bad.items():
        why = value if isinstance(value, str) else f"off by {value:.0e}"
        return f"{title}: {why}" if len(bad) < len(found) else why
    return ""


if __name__ == "__main__":
    main()
