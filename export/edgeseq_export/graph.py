"""The step graph, built node by node: raw samples and states in, raw forecasts and next states out.

    xa    = [x, 1]                               one more column, so that a zero state is recognised as fresh
    d     = x * seen - last                      the change; zero at a fresh stream's first sample
    n     = [x - center, d]                      the network's input; its scales are folded into the weights
    h     = cells(n)
    y     = x + head(h)                          the forecast, the change added to the last sample

Where the model was trained on several sensors, x is brought into the typical one's numbers first and y back into its
own, by the states offset and gain:

    z = (x - offset) / (1 + gain)    y = offset + (1 + gain) * y of z

A linear path adds a convolution over the last changes to the head. A network without memory sees windows instead,
[window, x - center], all of a chunk's at once. Every node costs about as much as a hundred multiplications at this
size, so there are few. Time and batch are free axes; in the form "step" time is one, and a third of the nodes are not
needed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeseq_export.weights import CellWeights, Matrix, StepWeights
from edgeseq_runtime.spec import CHANGE, FEATURES, GAIN, KEY, OFFSET, SETTINGS, STEP, STREAM, Spec, State

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

    def compact(self, name: str, value: npt.NDArray[np.float32]) -> str:
        """Add a constant of float32 numbers, in half the bytes where float16 holds all of them exactly."""
        half = value.astype(np.float16)
        if not np.array_equal(half, value):
            return self.constant(name, value)
        return self.node("Cast", [self.constant(f"{name}.16", half)], name, to=TensorProto.FLOAT)

    def integers(self, name: str, *values: int) -> str:
        """Add a constant of integers; one that several nodes name is added once."""
        known = any(constant.name == name for constant in self.constants)
        return name if known else self.constant(name, np.array(values, np.int64))

    def node(self, kind: str, inputs: Sequence[str], outputs: str | Sequence[str], **attributes: Any) -> str:
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0]

    def rename(self, old: str, new: str) -> None:
        """Give an output another name, which nothing uses yet as an input."""
        for node in self.nodes:
            node.output[:] = [new if output == old else output for output in node.output]

    def matrix(self, name: str, matrix: Matrix) -> str:
        """Add a weight matrix: as float32, or as integers with its scales in nodes that every session folds.

        Cast, Mul and the like are folded when a session is made and their inputs are constants; DequantizeLinear by
        default is not.
        """
        if not matrix.is_rounded:
            return self.constant(name, matrix.value())
        return self.scaled(name, self.integers_of(name, matrix.factor, matrix.bits), matrix.scales)

    def scaled(self, name: str, values: str, scales: Sequence[npt.NDArray[np.float32]]) -> str:
        """Add the product of values and scales, under the name."""
        for position, scale in enumerate(scales):
            last = position == len(scales) - 1
            factor = self.constant(f"{name}.scale{position}", scale)
            values = self.node("Mul", [values, factor], name if last else f"{name}.scaled{position}")
        return values

    def integers_of(self, name: str, integers: npt.NDArray[Any], bits: int) -> str:
        """Add integers of 8 or 4 bits; returns the name of them as float32.

        Of 4 bits two share a byte, less and more significant, from the first and the second half of the last axis; both
        are stored 8 too large.
        """
        if bits == 8:
            return self.node("Cast", [self.constant(f"{name}.int8", integers)], f"{name}.cast", to=TensorProto.FLOAT)
        size = integers.shape[-1]
        pairs = (size + 1) // 2
        odd = np.zeros((*integers.shape[:-1], 2 * pairs - size), np.int8)
        positive = (np.concatenate([integers, odd], axis=-1) + 8).astype(np.uint8)
        packed = positive[..., :pairs] + 16 * positive[..., pairs:]
        both = self.node("Cast", [self.constant(f"{name}.int4", packed)], f"{name}.both", to=TensorProto.FLOAT)
        sixteen, offset = (self.constant(f"{name}.{number}", np.float32(number)) for number in (16, 8))
        high = self.node("Floor", [self.node("Div", [both, sixteen], f"{name}.shifted")], f"{name}.high")
        low = self.node("Sub", [both, self.node("Mul", [high, sixteen], f"{name}.high16")], f"{name}.low")
        joined = self.node("Concat", [low, high], f"{name}.joined", axis=-1)
        if 2 * pairs > size:
            ends = self.integers("from_first", 0), self.integers(f"{name}.size", size), self.integers("last_axis", -1)
            joined = self.node("Slice", [joined, *ends], f"{name}.cut")
        return self.node("Sub", [joined, offset], f"{name}.integers")


def build(spec: Spec, weights: StepWeights, opset: int = 17) -> onnx.ModelProto:
    """Return the model file of `spec` with `weights`. The spec goes into the metadata as it is."""
    graph = _Graph()
    add = _add_stream if spec.layout == STREAM else _add_windows
    x = _add_typical(graph) if spec.sensors else "x"
    y = _add_base(graph, spec, x, add(graph, spec, weights, x))
    if spec.sensors:
        y = _add_own(graph, spec, y)
    graph.rename(y, "y")
    proto = helper.make_graph(
        graph.nodes,
        "edgeseq_step",
        [_samples("x", spec, len(spec.features)), *(_state(state.name, state) for state in spec.states)],
        [_samples("y", spec, spec.outputs), *(_state(state.next, state) for state in spec.states)],
        graph.constants,
        doc_string="Zero states are a fresh stream; feed each NAME_next back as NAME.",
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
        "network": spec.network,
        "quantization": spec.quantize,
    }


def _samples(name: str, spec: Spec, size: int) -> onnx.ValueInfoProto:
    time = 1 if spec.form == STEP else "time"
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [time, "batch", size])


def _state(name: str, state: State) -> onnx.ValueInfoProto:
    shape = ["batch" if size == -1 else size for size in state.shape]
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _add_typical(graph: _Graph) -> str:
    """Add what the typical sensor would have measured; returns its name, (time, batch, feature)."""
    for state in SETTINGS:
        graph.node("Identity", [state], f"{state}_next")
    factor = graph.node("Add", [GAIN, graph.constant("unit_gain", np.float32(1))], "factor")
    return graph.node("Div", [graph.node("Sub", ["x", OFFSET], "x_less_offset"), factor], "typical")


def _add_own(graph: _Graph, spec: Spec, y: str) -> str:
    """Bring the typical sensor's forecasts into this one's numbers; returns their name."""
    offset, factor = (_add_targets(graph, spec, name, name) for name in (OFFSET, "factor"))
    return graph.node("Add", [graph.node("Mul", [y, factor], "y_by_gain"), offset], "y_own")


def _add_targets(graph: _Graph, spec: Spec, values: str, name: str) -> str:
    """Add what of values (..., feature) belongs to each output's target; returns its name, (..., outputs)."""
    if len(spec.features) == 1:
        return values  # one for all
    order = list(range(len(spec.targets))) * spec.horizon
    return graph.node("Gather", [values, graph.integers("target_features", *order)], f"{name}_of_targets", axis=2)


def _add_stream(graph: _Graph, spec: Spec, weights: StepWeights, x: str) -> str:
    """Add a network that carries its memory along; returns what it says in raw units, (time, batch, outputs)."""
    alone = spec.form == STEP
    change = _add_change_of_one(graph, x) if alone else _add_change(graph, spec, x)
    signal = _add_levels(graph, spec, x, change)
    for layer in range(1, spec.layers + 1):
        kinds = ("h", "c") if spec.cell == "lstm" else ("h",)
        memory = [f"{kind}{layer}" for kind in kinds]
        output = _add_cell(graph, spec, weights, layer, signal, memory, only_last=alone)
        direction = graph.integers("direction_axis", 1)
        signal = output if alone else graph.node("Squeeze", [output, direction], f"H{layer}")
    said = _add_head(graph, weights, signal)
    return _add_linear(graph, spec, weights.linear, change, said) if weights.linear else said


def _add_change(graph: _Graph, spec: Spec, x: str) -> str:
    """Add the change from the last sample, zero at a fresh stream's first; returns its name, (time, batch, feature)."""
    pads = graph.integers("one_column_more", 0, 0, 0, 0, 0, 1)
    seen = graph.node("Pad", [x, pads, graph.constant("one", np.float32(1))], "x_seen")
    timeline = graph.node("Concat", ["last", seen], "timeline", axis=0)  # (1 + time, batch, feature + 1)
    first, final = graph.integers("first", 0), graph.integers("final", -1)
    before = graph.node("Slice", [timeline, first, final, graph.integers("time_axis", 0)], "before")
    graph.node("Gather", [timeline, final], "last_next", axis=0)
    parts = graph.integers("sample_and_seen", len(spec.features), 1)
    graph.node("Split", [before, parts], ["last_sample", "was_seen"], axis=2)
    kept = graph.node("Mul", [x, "was_seen"], "x_kept")
    return graph.node("Sub", [kept, "last_sample"], "change")


def _add_change_of_one(graph: _Graph, x: str) -> str:
    """Add the change of the one sample in a call; returns its name, (1, batch, feature)."""
    graph.node("Identity", [x], "last_next")
    graph.node("Max", ["seen", graph.constant("one", np.float32(1))], "seen_next")
    return graph.node("Sub", [graph.node("Mul", [x, "seen"], "x_kept"), "last"], "change")


def _add_levels(graph: _Graph, spec: Spec, x: str, change: str) -> str:
    """Put levels before the changes; returns the network's input, (time, batch, level + feature)."""
    levels = [position for position, feature in enumerate(spec.features) if feature.level]
    if not levels:
        return change
    level = x
    if len(levels) < len(spec.features):
        level = graph.node("Gather", [x, graph.integers("level_features", *levels)], "level_raw", axis=2)
    level = _add_centers(graph, level, [spec.features[position].center for position in levels])
    return graph.node("Concat", [level, change], "network_input", axis=2)


def _add_centers(graph: _Graph, values: str, centers: Sequence[float]) -> str:
    if not any(centers):
        return values
    return graph.node("Sub", [values, graph.constant("centers", np.array(centers, np.float32))], "level")


def _add_linear(graph: _Graph, spec: Spec, matrix: Matrix, change: str, said: str) -> str:
    """Add the linear path, a convolution over the last changes, to what the network says."""
    lacking = spec.linear_path - 1
    if len(spec.measured) < len(spec.features):
        measured = list(range(len(spec.measured)))
        change = graph.node("Gather", [change, graph.integers("measured", *measured)], "measured_change", axis=2)
    recent = graph.node("Transpose", [change], "change_by_stream", perm=[1, 2, 0])  # (batch, feature, time)
    recent = graph.node("Concat", ["changes", recent], "recent", axis=2)
    ends = graph.integers("newest", -lacking), graph.integers("end", _TO_THE_END)
    graph.node("Slice", [recent, *ends, graph.integers("recent_axis", 2)], "changes_next")
    linear = graph.node("Conv", [recent, graph.matrix("linear", matrix)], "linear_by_stream")
    linear = graph.node("Transpose", [linear], "linear_change", perm=[2, 0, 1])  # (time, batch, outputs)
    return graph.node("Add", [said, linear], "said")


def _add_windows(graph: _Graph, spec: Spec, weights: StepWeights, x: str) -> str:
    """Add a network without memory; returns what it says in raw units, (time, batch, outputs).

    All windows of a chunk run together, as a batch of time * batch streams that begin afresh.
    """
    signal = _add_unfolded(graph, spec, x)
    for layer in range(1, spec.layers + 1):
        is_last = layer == spec.layers
        output = _add_cell(graph, spec, weights, layer, signal, [], only_last=is_last)
        direction = graph.integers("direction_axis", 1)
        signal = output if is_last else graph.node("Squeeze", [output, direction], f"H{layer}")
    said = _add_head(graph, weights, signal)  # (1, time * batch, outputs)
    sizes = [graph.node("Shape", ["x"], "x_shape"), graph.integers("from_time", 0), graph.integers("to_batch", 2)]
    sizes = [graph.node("Slice", sizes, "time_and_batch"), graph.integers("outputs", spec.outputs)]
    return graph.node("Reshape", [said, graph.node("Concat", sizes, "y_shape", axis=0)], "said")


def _add_unfolded(graph: _Graph, spec: Spec, x: str) -> str:
    """Add the windows that end at each sample; returns their name, (step, time * batch, input)."""
    features = len(spec.features)
    level = _add_centers(graph, x, [feature.center for feature in spec.features])
    series = graph.node("Transpose", [level], "by_stream", perm=[1, 2, 0])  # (batch, feature, time)
    series = graph.node("Concat", ["window", series], "timeline", axis=2)
    ends = graph.integers("newest", 1 - spec.window), graph.integers("end", _TO_THE_END)
    graph.node("Slice", [series, *ends, graph.integers("timeline_axis", 2)], "window_next")
    # A convolution with the identity lays the window's samples side by side, (batch, window * feature, time).
    identity = np.eye(spec.window * features, dtype=np.float32).reshape(-1, spec.window, features).transpose(0, 2, 1)
    unfolded = graph.node("Conv", [series, graph.constant("identity", identity)], "unfolded")
    steps, inputs = (1, spec.window * features) if spec.layout == FEATURES else (spec.window, features)
    shape = graph.integers("by_step", 0, steps, inputs, -1)
    unfolded = graph.node("Reshape", [unfolded, shape], "windows_by_stream")
    unfolded = graph.node("Transpose", [unfolded], "windows", perm=[1, 3, 0, 2])  # (step, time, batch, input)
    return graph.node("Reshape", [unfolded, graph.integers("one_batch", steps, -1, inputs)], "network_input")


def _add_cell(
    graph: _Graph,
    spec: Spec,
    weights: StepWeights,
    layer: int,
    signal: str,
    memory: Sequence[str],
    *,
    only_last: bool = False,
) -> str:
    """Add one recurrent layer, which begins with `memory` and leaves it in NAME_next.

    Returns the name of its output, (time, 1, batch, hidden), or, where only that of the last step counts, (1, batch,
    hidden): what is left in h.
    """
    kind, attributes = _CELL_NODES[spec.cell]
    cell = weights.cells[layer - 1]
    inputs = [signal, *_add_matrices(graph, layer, cell), _add_bias(graph, f"B{layer}", cell)]
    if memory:
        inputs += ["", *memory]  # no lengths: all of the chunk
    following = [f"{state}_next" for state in memory] or [f"h{layer}_last"]
    graph.node(kind, inputs, ["" if only_last else f"Y{layer}", *following], hidden_size=spec.hidden, **attributes)
    return following[0] if only_last else f"Y{layer}"


def _add_matrices(graph: _Graph, layer: int, cell: CellWeights) -> tuple[str, str]:
    """Add a cell's matrices W and R; integers stand side by side in one constant, with one scale for a row of both."""
    W, R = f"W{layer}", f"R{layer}"
    if not cell.W.is_rounded:
        return graph.matrix(W, cell.W), graph.matrix(R, cell.R)
    name, (row_scale, *others) = f"WR{layer}", cell.W.scales
    integers = np.concatenate([cell.W.factor, cell.R.factor], axis=2)
    scale = graph.compact(f"{name}.scale", row_scale)
    both = graph.node("Mul", [graph.integers_of(name, integers, cell.W.bits), scale], name)
    sizes = graph.integers(f"{name}.sizes", cell.W.factor.shape[2], cell.R.factor.shape[2])
    parts = [f"{W}.unscaled" if others else W, R]
    graph.node("Split", [both, sizes], parts, axis=2)
    graph.scaled(W, parts[0], others)
    return W, R


def _add_bias(graph: _Graph, name: str, cell: CellWeights) -> str:
    """Add a cell's bias; a half that is zero is not stored, every session folds the padding."""
    gates = cell.W.factor.shape[1]
    lacking = 2 * gates - cell.B.shape[1]
    if not lacking:
        return graph.compact(name, cell.B)
    half = graph.compact(f"{name}.sum", cell.B)
    return graph.node("Pad", [half, graph.integers("bias_pads", 0, 0, 0, lacking)], name)


def _add_head(graph: _Graph, weights: StepWeights, signal: str) -> str:
    """From the last layer's output to what the network says, in raw units."""
    product = graph.node("MatMul", [signal, graph.matrix("head", weights.head)], "head_product")
    bias = graph.constant("head_bias", weights.head_bias)
    return graph.node("Add", [product, bias], "network_says")


def _add_base(graph: _Graph, spec: Spec, x: str, said: str) -> str:
    """From what the network says to the forecast: a change is added to the last sample, a value stands as it is."""
    if spec.predicts != CHANGE:
        return said
    return graph.node("Add", [said, _add_targets(graph, spec, x, "last")], "forecast")
