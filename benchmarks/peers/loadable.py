"""Runs one model file on one engine and says how far off it is. Needs numpy and the engine, nothing of edgeseq's.

    python loadable.py ENGINE MODEL.onnx CASES.npz

Writes CASES.json: for each case the largest deviation, states included, or why there is none. A case is CASE/x (call,
time, stream, feature), CASE/y (call, time, stream, output), CASE/begin/STATE and CASE/end/STATE; `scale` is what the
forecasts' deviations are divided by, `states` the states' names.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]
Call = Callable[[Arrays], list[Any]]
"""Takes x and the states, returns y and the next states."""


def onnxruntime(path: Path, _states: Sequence[str]) -> Call:
    """Open a file on onnxruntime."""
    import onnxruntime as engine

    options = engine.SessionOptions()
    options.log_severity_level = 3
    session = engine.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda feeds: list(session.run(None, feeds))


def reference(path: Path, _states: Sequence[str]) -> Call:
    """Open a file on onnx's own evaluator."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    return lambda feeds: list(evaluator.run(None, feeds))


def openvino(path: Path, _states: Sequence[str]) -> Call:
    """Open a file on OpenVINO."""
    import openvino as engine

    model = engine.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda feeds: [np.array(value) for value in model(feeds).values()]


def tract(path: Path, _states: Sequence[str]) -> Call:
    """Open a file on tract."""
    import tract as engine

    model = engine.onnx().load(str(path)).into_model().into_runnable()
    return lambda feeds: [tensor.to_numpy() for tensor in model.run(list(feeds.values()))]


def mnn(path: Path, states: Sequence[str]) -> Call:
    """Convert a file for MNN and open it."""
    import _tools
    from MNN import expr, nn

    target = str(path.with_suffix(".mnn"))
    _tools.mnnconvert(["", "-f", "ONNX", "--modelFile", str(path), "--MNNModel", target, "--bizCode", "edgeseq"])
    outputs = ["y", *(f"{state}_next" for state in states)]
    manager = nn.create_runtime_manager(({"backend": 0, "precision": "high", "numThread": 1},))
    module = nn.load_module_from_file(target, ["x", *states], outputs, runtime_manager=manager)

    def call(feeds: Arrays) -> list[Any]:
        values = [expr.const(np.ascontiguousarray(value), list(value.shape), expr.NCHW) for value in feeds.values()]
        return [np.array(value.read()) for value in module.forward(values)]

    return call


def ncnn(path: Path, _states: Sequence[str]) -> Call:
    """Convert a file for ncnn at the first call, whose shapes are then fixed."""
    import ncnn as engine

    net = engine.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False

    def convert(feeds: Arrays) -> None:
        shapes = ",".join(str(list(value.shape)).replace(" ", "") for value in feeds.values())
        command = [str(Path(sys.executable).with_name("pnnx")), path.name, f"inputshape={shapes}", "fp16=0"]
        done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pnnx: {done.stderr.splitlines()[-1].strip()}")
        if net.load_param(str(path.with_suffix(".ncnn.param"))):
            raise RuntimeError("ncnn knows not all layers that pnnx makes of it")
        net.load_model(str(path.with_suffix(".ncnn.bin")))

    def call(feeds: Arrays) -> list[Any]:
        if not net.layers():
            convert(feeds)
        extractor = net.create_extractor()
        for number, value in enumerate(feeds.values()):
            extractor.input(f"in{number}", engine.Mat(np.ascontiguousarray(value[0])).clone())
        found = [extractor.extract(f"out{number}") for number in range(len(feeds))]
        return [np.array(value)[None] for _, value in found]

    return call


OPENERS = {each.__name__: each for each in (onnxruntime, reference, openvino, tract, mnn, ncnn)}


def deviation(call: Call, case: Arrays, states: Sequence[str], scale: Any) -> float:
    """Return the largest deviation of one case."""
    current = {state: case[f"begin/{state}"] for state in states}
    worst = 0.0
    for x, wanted in zip(case["x"], case["y"], strict=True):
        y, *following = call({"x": x, **current})
        current = dict(zip(states, following, strict=True))
        worst = np.maximum(worst, (np.abs(y.reshape(wanted.shape) - wanted) / scale).max())  # NaN stays NaN
    for state in states:
        wanted = case[f"end/{state}"]
        off = np.abs(current[state].reshape(wanted.shape) - wanted) / np.maximum(1, np.abs(wanted))
        worst = np.maximum(worst, off.max())
    return float(worst)


def main(engine: str, model: str, cases: str) -> None:
    """Write what came of each case."""
    arrays = dict(np.load(cases))
    states, scale = arrays.pop("states").tolist(), arrays.pop("scale")
    found: dict[str, float | str] = {}
    for title in dict.fromkeys(key.split("/")[0] for key in arrays):
        case = {key.partition("/")[2]: value for key, value in arrays.items() if key.startswith(f"{title}/")}
        try:
            found[title] = deviation(OPENERS[engine](Path(model), states), case, states, scale)
        except Exception as error:  # noqa: BLE001 - engines' errors have no common base
            found[title] = f"{type(error).__name__}: {str(error.__cause__ or error)[:300]}"
    Path(cases).with_suffix(".json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
