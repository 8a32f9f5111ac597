"""The step graph, built node by node: raw samples and states in, raw forecasts and next states out.

    xa    = [x, 1]                               one more column, so that a zero state is recognised as fresh
    d     = x * seen - last                      the change; zero at a fresh stream's first sample
    n     = [x - center, d]                      the network's input; its scales are folded into the weights
    h     = cells(n)
    y     = x + head(h)                          the forecast, the change added to the last sample

Every node costs about as much as a hundred multiplications at this size, so there are few. Time and batch are
free axes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeseq_export.weights import CellWeights, Matrix, StepWeights
from edgeseq_runtime.spec import KEY, Spec

_TO_THE_END = np.iinfo(np.int64).max

_CELL_NODES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {"linear_before_reset": 1}),
    "rnn": ("RNN", {}),
}


class _Graph:
    """Nodes and constants in the making."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def integers(self, name: str, *values: int) -> str:
        return self.constant(name, np.array(values, np.int64))

    def node(self, kind: str, inputs: Sequence[str], outputs: str | Sequence[str], **attributes: Any) -> str:
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0]

    def matrix(self, name: str, matrix: Matrix) -> str:
        """Add a weight matrix: as float32, or as int8 with its scales in nodes that every session folds.

        Cast and Mul of constants are folded when a session is made; DequantizeLinear by default is not.
        """
        if matrix.quantized is None:
            return self.constant(name, matrix.value())
        current = self.node(
            "Cast", [self.constant(f"{name}.int8", matrix.quantized)], f"{name}.cast", to=TensorProto.FLOAT
        )
        for position, scale in enumerate(matrix.scales):
            last = position == len(matrix.scales) - 1
            scaled = name if last else f"{name}.scaled{position}"
            current = self.node("Mul", [current, self.constant(f"{name}.scale{position}", scale)], scaled)
        return current


def build(spec: Spec, weights: StepWeights, opset: int = 17) -> onnx.ModelProto:
    """Return the model file of `spec` with `weights`. The spec goes into the metadata as it is."""
    graph = _Graph()
    signal = _add_inputs(graph, spec)
    for layer in range(1, spec.layers + 1):
        signal = _add_cell(graph, spec, weights, layer, signal)
    _add_head(graph, spec, weights, signal)
    proto = helper.make_graph(
        graph.nodes,
        "edgeseq_step",
        [_value("x", "time", len(spec.features)), *(_value(s.name, 1, s.shape[-1]) for s in spec.states)],
        [_value("y", "time", spec.outputs), *(_value(s.next, 1, s.shape[-1]) for s in spec.states)],
        graph.constants,
        doc_string="A step function: samples and states in, forecasts and next states out. Zero states are a "
        "fresh stream; feed each NAME_next back as NAME.",
    )
    opsets = [helper.make_opsetid("", opset)]
    ir_version = max(8, helper.find_min_ir_version_for(opsets))
    model = helper.make_model(proto, opset_imports=opsets, ir_version=ir_version)
    model.producer_name = "edgeseq"
    model.producer_version = spec.producer.get("edgeseq", "")
    helper.set_model_props(model, metadata(spec))
    return model


def metadata(spec: Spec) -> dict[str, str]:
    """Return the metadata of a model file: the spec, and what a person wants to see in a viewer."""
    return {
        KEY: spec.to_json(),
        "features": ", ".join(feature.label for feature in spec.features),
        "targets": ", ".join(spec.targets),
        "horizon": f"{spec.horizon} samples" + (f" of {spec.period:g} s" if spec.period else ""),
        "network": f"{spec.layers} x {spec.cell} of {spec.hidden}",
        "quantization": spec.quantize,
    }


def _value(name: str, time: int | str, size: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [time, "batch", size])


def _add_inputs(graph: _Graph, spec: Spec) -> str:
    """From raw samples to the network's input; returns its name, (time, batch, level + feature)."""
    features = len(spec.features)
    pads = graph.integers("one_column_more", 0, 0, 0, 0, 0, 1)
    seen = graph.node("Pad", ["x", pads, graph.constant("one", np.float32(1))], "x_seen")
    timeline = graph.node("Concat", ["last", seen], "timeline", axis=0)  # (1 + time, batch, feature + 1)
    first, final = graph.integers("first", 0), graph.integers("final", -1)
    before = graph.node("Slice", [timeline, first, final, graph.integers("time_axis", 0)], "before")
    graph.node("Gather", [timeline, final], "last_next", axis=0)
    parts = graph.integers("sample_and_seen", features, 1)
    graph.node("Split", [before, parts], ["last_sample", "was_seen"], axis=2)
    kept = graph.node("Mul", ["x", "was_seen"], "x_kept")
    change = graph.node("Sub", [kept, "last_sample"], "change")
    levels = [position for position, feature in enumerate(spec.features) if feature.level]
    if not levels:
        return change
    level = "x"
    if len(levels) < features:
        level = graph.node("Gather", ["x", graph.integers("level_features", *levels)], "level_raw", axis=2)
    centers = np.array([spec.features[position].center for position in levels], np.float32)
    if centers.any():
        level = graph.node("Sub", [level, graph.constant("centers", centers)], "level")
    return graph.node("Concat", [level, change], "network_input", axis=2)


def _add_cell(graph: _Graph, spec: Spec, weights: StepWeights, layer: int, signal: str) -> str:
    """Add one recurrent layer; returns the name of its output, (time, batch, hidden)."""
    kind, attributes = _CELL_NODES[spec.cell]
    cell = weights.cells[layer - 1]
    states = [f"h{layer}", f"c{layer}"] if spec.cell == "lstm" else [f"h{layer}"]
    inputs = [
        signal,
        graph.matrix(f"W{layer}", cell.W),
        graph.matrix(f"R{layer}", cell.R),
        _add_bias(graph, f"B{layer}", cell),
        "",  # sequence lengths: all of the chunk
        *states,
    ]
    outputs = [f"Y{layer}", *(f"{state}_next" for state in states)]
    output = graph.node(kind, inputs, outputs, hidden_size=spec.hidden, **attributes)
    direction = graph.integers("direction_axis", 1) if layer == 1 else "direction_axis"
    return graph.node("Squeeze", [output, direction], f"H{layer}")


def _add_bias(graph: _Graph, name: str, cell: CellWeights) -> str:
    """Add a cell's bias; a half that is zero is not stored, every session folds the padding."""
    gates = cell.W.factor.shape[1]
    lacking = 2 * gates - cell.B.shape[1]
    if not lacking:
        return graph.constant(name, cell.B)
    half = graph.constant(f"{name}.sum", cell.B)
    return graph.node("Pad", [half, graph.integers(f"{name}.pads", 0, 0, 0, lacking)], name)


def _add_head(graph: _Graph, spec: Spec, weights: StepWeights, signal: str) -> None:
    """From the last layer's output to the forecast in raw units."""
    change = graph.node("MatMul", [signal, graph.matrix("head", weights.head)], "head_product")
    change = graph.node("Add", [change, graph.constant("head_bias", weights.head_bias)], "forecast_change")
    targets = len(spec.targets)
    base = "x"
    if len(spec.features) > 1:
        order = list(range(targets)) * spec.horizon
        base = graph.node("Gather", ["x", graph.integers("target_features", *order)], "last_target", axis=2)
    graph.node("Add", [change, base], "y")
