"""An independent reader of model files, written from format.md alone: checks the hash, and runs the file's own samples.

python reader.py MODEL.onnx needs numpy, onnx and onnxruntime, and nothing of edgeseq.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

FORMAT = 2


def spec_of(content):
    """Return the spec of a model file's bytes. Raises ValueError for what is none, or of a later format."""
    try:
        model = onnx.load_model_from_string(content)
        spec = json.loads({entry.key: entry.value for entry in model.metadata_props}["edgeseq"])
        version, states = spec["format"], spec.get("states", [])
        names = ["x", *(state["name"] for state in states)], ["y", *(state["next"] for state in states)]
    except Exception as error:
        raise ValueError(f"no model file: {error}") from error
    if not version <= FORMAT:
        raise ValueError(f"the file has format {version}; this reader knows {FORMAT}")
    if names != tuple([value.name for value in values] for values in (model.graph.input, model.graph.output)):
        raise ValueError("the graph's inputs and outputs are not x, y and the states")
    return spec


def hash_of(content, spec):
    """Return SHA-256 of the file with zeros in the places of hash and signature."""
    for name, digits in (("sha256", 64), ("signature", 88)):
        content = content.replace(f'"{name}":"{spec.get(name)}"'.encode(), f'"{name}":"{"0" * digits}"'.encode())
    return hashlib.sha256(content).hexdigest()


def run(session, spec, x, length):
    """Run x (time, 1, feature) from zero states in calls of so many samples; return y and the states left."""
    shapes = {state["name"]: [1 if size == -1 else size for size in state["shape"]] for state in spec["states"]}
    states, forecasts = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, []
    for begin in range(0, len(x), length):
        y, *following = session.run(None, {"x": x[begin : begin + length], **states})
        states = dict(zip(states, following, strict=True))
        forecasts.append(y)
    return np.concatenate(forecasts), states


def deviations(content, spec):
    """Yield each deviation from the verification vector, as a share of what is allowed."""
    vector = spec["verification"]
    x, wanted = (np.array(vector[name])[:, None] for name in ("x", "y"))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    allowed = np.tile(vector["tolerance"], spec["horizon"]) + np.spacing(np.abs(wanted).astype(np.float32))
    for length in (1,) if spec.get("form") == "step" else (1, len(x)):
        y, states = run(session, spec, x.astype(np.float32), length)
        yield from (np.abs(y - wanted) / allowed).flat
        for name, (number, most) in vector.get("states", {}).items():
            values = states[name].astype(np.float64).ravel()
            weighed = values @ np.cos(np.arange(1, values.size + 1))
            yield abs(weighed - number) / (most + np.spacing(np.float32(abs(number))))


def check(content):
    """Return the worst deviation, as a share of what is allowed. Raises ValueError for a file that fails."""
    spec = spec_of(content)
    if hash_of(content, spec) != spec.get("sha256"):
        raise ValueError("the file was changed after it was written")
    worst = np.max(list(deviations(content, spec)))
    if not worst <= 1:  # NaN is none
        raise ValueError(f"off by {worst:.3g} times what is allowed")
    return worst


if __name__ == "__main__":
    found = check(Path(sys.argv[1]).read_bytes())
    print(f"{sys.argv[1]}: as it was written; worst deviation {found:.3f} of what is allowed")
