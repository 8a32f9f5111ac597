"""The step graph, built node by node: raw samples and states in, raw forecasts and next states out.

    xa    = [x, 1]                               one more column, so that a zero state is recognised as fresh
    d     = x * seen - last                      the change; zero at a fresh stream's first sample
    n     = [x - center, d, ahead - center]      the network's input; its scales are folded into the weights
    h     = cells(n)
    y     = x + head(h)                          the forecast, the change added to the last sample

What is known ahead stands behind the sample in the graph's input, and is split off first.

Where the model was trained on several sensors, x is brought into the typical one's numbers first and y back into its
own, by the states offset and gain:

    z = (x - offset) / (1 + gain)    y = offset + (1 + gain) * y of z

A linear path adds a convolution over the last changes to the head. A network without memory sees windows instead,
[window, x - center], all of a chunk's at once. With a running scale other nodes stand before and behind the network:
those of `running`. Every node costs about as much as a hundred multiplications at this
size, so there are few. Time and batch are free axes; in the form "step" time is one, and a third of the nodes are not
needed.
"""

from collections.abc import Sequence

import numpy as np
import onnx

from edgeseq.model.cells import CELLS
from edgeseq_export.graph import running
from edgeseq_export.graph.builder import Graph
from edgeseq_export.graph.weights import CellWeights, Matrix, StepWeights
from edgeseq_runtime.spec import CHANGE, FEATURES, GAIN, OFFSET, RUNNING, SETTINGS, STEP, STREAM, Spec

_TO_THE_END = np.iinfo(np.int64).max


def build(spec: Spec, weights: StepWeights, opset: int) -> onnx.ModelProto:
    """Return the model file of `spec` with `weights`. The spec goes into the metadata as it is."""
    graph = Graph()
    if spec.scaling == RUNNING:
        graph.rename(_add_running(graph, spec, weights), "y")
        return graph.model(spec, opset)
    add = _add_stream if spec.layout == STREAM else _add_windows
    x = _add_split(graph, spec) if spec.known else "x"
    x = _add_typical(graph, x) if spec.sensors else x
    y = _add_base(graph, spec, x, add(graph, spec, weights, x))
    if spec.sensors:
        y = _add_own(graph, spec, y)
    graph.rename(y, "y")
    return graph.model(spec, opset)


def _add_split(graph: Graph, spec: Spec) -> str:
    """Split what is known ahead, (time, batch, step ahead * column), from the sample; returns the latter's name."""
    sizes = graph.integers("sample_and_ahead", len(spec.features), spec.inputs - len(spec.features))
    return graph.node("Split", ["x", sizes], ["sample", "ahead_raw"], axis=2)


def _add_typical(graph: Graph, x: str) -> str:
    """Add what the typical sensor would have measured; returns its name, (time, batch, feature)."""
    for state in SETTINGS:
        graph.node("Identity", [state], f"{state}_next")
    factor = graph.node("Add", [GAIN, graph.constant("unit_gain", np.float32(1))], "factor")
    return graph.node("Div", [graph.node("Sub", [x, OFFSET], "x_less_offset"), factor], "typical")


def _add_own(graph: Graph, spec: Spec, y: str) -> str:
    """Bring the typical sensor's forecasts into this one's numbers; returns their name."""
    offset, factor = (_add_targets(graph, spec, name, name) for name in (OFFSET, "factor"))
    return graph.node("Add", [graph.node("Mul", [y, factor], "y_by_gain"), offset], "y_own")


def _add_targets(graph: Graph, spec: Spec, values: str, name: str) -> str:
    """Add what of values (..., feature) belongs to each output's target; returns its name, (..., outputs)."""
    if len(spec.features) == 1:
        return values  # one for all
    order = list(range(len(spec.targets))) * spec.horizon
    return graph.node("Gather", [values, graph.integers("target_features", *order)], f"{name}_of_targets", axis=2)


def _add_stream(graph: Graph, spec: Spec, weights: StepWeights, x: str) -> str:
    """Add a network that carries its memory along; returns what it says in raw units, (time, batch, outputs)."""
    change = _add_change_of_one(graph, x) if spec.form == STEP else _add_change(graph, spec, x)
    signal = _add_cells(graph, spec, weights, _add_levels(graph, spec, x, change))
    output = _add_head(graph, weights, signal)
    output = _add_known(graph, spec, weights, signal, output) if spec.known else output
    return _add_linear(graph, spec, weights.linear, change, output) if weights.linear else output


def _add_running(graph: Graph, spec: Spec, weights: StepWeights) -> str:
    """Add a network whose scale runs along with the stream; returns its forecast, (1, batch, outputs)."""
    seen = running.add_running_scale(graph, spec, "x")
    said = _add_head(graph, weights, _add_cells(graph, spec, weights, seen.features))
    return running.add_forecast(graph, spec, "x", said, seen)


def _add_cells(graph: Graph, spec: Spec, weights: StepWeights, signal: str) -> str:
    """Add all layers, whose memory is carried along; returns the last one's output, (time, batch, hidden)."""
    one_sample = spec.form == STEP
    for layer in range(1, spec.layers + 1):
        memory = [f"{kind}{layer}" for kind in CELLS[spec.cell].memory]
        signal = _add_cell(graph, spec, weights, layer, signal, memory, only_last=one_sample)
        if not one_sample:
            signal = graph.node("Squeeze", [signal, graph.integers("direction_axis", 1)], f"H{layer}")
    return signal


def _add_known(graph: Graph, spec: Spec, weights: StepWeights, signal: str, output: str) -> str:
    """Add what is known ahead counts for: by constant weights, and by coefficients of the last layer's output."""
    assert weights.known is not None
    assert weights.coefficient is not None
    ahead = "ahead" if any(column.center for column in spec.known) else "ahead_raw"
    product = graph.node("MatMul", [ahead, graph.matrix("known", weights.known)], "known_product")
    output = graph.node("Add", [output, product], "with_known")
    coefficients = graph.node("MatMul", [signal, graph.matrix("coefficient", weights.coefficient)], "coefficients")
    targets, columns = len(spec.targets), len(spec.known)
    if targets > 1:  # each target's outputs look at the same values
        order = np.tile(np.arange(spec.ahead).reshape(spec.horizon, 1, columns), (1, targets, 1)).reshape(-1)
        ahead = graph.node("Gather", [ahead, graph.integers("ahead_of_outputs", *order.tolist())], "values", axis=2)
    varying = graph.node("Mul", [coefficients, ahead], "varying_products")
    if columns > 1:
        total = np.repeat(np.eye(spec.outputs, dtype=np.float32), columns, axis=0)
        varying = graph.node("MatMul", [varying, graph.constant("sum_of_columns", total)], "varying")
    return graph.node("Add", [output, varying], "with_varying")


def _add_change(graph: Graph, spec: Spec, x: str) -> str:
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


def _add_change_of_one(graph: Graph, x: str) -> str:
    """Add the change of the one sample in a call; returns its name, (1, batch, feature)."""
    graph.node("Identity", [x], "last_next")
    graph.node("Max", ["seen", graph.constant("one", np.float32(1))], "seen_next")
    return graph.node("Sub", [graph.node("Mul", [x, "seen"], "x_kept"), "last"], "change")


def _add_levels(graph: Graph, spec: Spec, x: str, change: str) -> str:
    """Put levels before the changes, and what is known ahead behind them; returns the network's input."""
    levels = [position for position, feature in enumerate(spec.features) if feature.level]
    parts = [change]
    if levels:
        level = x
        if len(levels) < len(spec.features):
            level = graph.node("Gather", [x, graph.integers("level_features", *levels)], "level_raw", axis=2)
        parts.insert(0, _add_centers(graph, level, [spec.features[position].center for position in levels], "level"))
    if spec.known:
        centers = [column.center for column in spec.known] * spec.horizon
        parts.append(_add_centers(graph, "ahead_raw", centers, "ahead"))
    return graph.node("Concat", parts, "network_input", axis=2) if len(parts) > 1 else change


def _add_centers(graph: Graph, values: str, centers: Sequence[float], name: str) -> str:
    """Take centers from values (..., feature); returns the name of what is left, which is `name` if there are any."""
    if not any(centers):
        return values
    constant = graph.constant("centers" if name == "level" else f"{name}_centers", np.array(centers, np.float32))
    return graph.node("Sub", [values, constant], name)


def _add_linear(graph: Graph, spec: Spec, matrix: Matrix, change: str, output: str) -> str:
    """Add the linear path, a convolution over the last changes, to what the network says."""
    earlier = spec.linear_path - 1
    if len(spec.measured) < len(spec.features):
        measured = list(range(len(spec.measured)))
        change = graph.node("Gather", [change, graph.integers("measured", *measured)], "measured_change", axis=2)
    recent = graph.node("Transpose", [change], "change_by_stream", perm=[1, 2, 0])  # (batch, feature, time)
    recent = graph.node("Concat", ["changes", recent], "recent", axis=2)
    ends = graph.integers("newest", -earlier), graph.integers("end", _TO_THE_END)
    graph.node("Slice", [recent, *ends, graph.integers("recent_axis", 2)], "changes_next")
    linear = graph.node("Conv", [recent, graph.matrix("linear", matrix)], "linear_by_stream")
    linear = graph.node("Transpose", [linear], "linear_change", perm=[2, 0, 1])  # (time, batch, outputs)
    return graph.node("Add", [output, linear], "said")


def _add_windows(graph: Graph, spec: Spec, weights: StepWeights, x: str) -> str:
    """Add a network without memory; returns what it says in raw units, (time, batch, outputs).

    All windows of a chunk run together, as a batch of time * batch streams that begin afresh.
    """
    signal = _add_unfolded(graph, spec, x)
    for layer in range(1, spec.layers + 1):
        is_last = layer == spec.layers
        output = _add_cell(graph, spec, weights, layer, signal, [], only_last=is_last)
        direction = graph.integers("direction_axis", 1)
        signal = output if is_last else graph.node("Squeeze", [output, direction], f"H{layer}")
    output = _add_head(graph, weights, signal)  # (1, time * batch, outputs)
    sizes = [graph.node("Shape", ["x"], "x_shape"), graph.integers("from_time", 0), graph.integers("to_batch", 2)]
    sizes = [graph.node("Slice", sizes, "time_and_batch"), graph.integers("outputs", spec.outputs)]
    return graph.node("Reshape", [output, graph.node("Concat", sizes, "y_shape", axis=0)], "said")


def _add_unfolded(graph: Graph, spec: Spec, x: str) -> str:
    """Add the windows that end at each sample; returns their name, (step, time * batch, input)."""
    features = len(spec.features)
    level = _add_centers(graph, x, [feature.center for feature in spec.features], "level")
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
    graph: Graph,
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
    kind = CELLS[spec.cell]
    cell = weights.cells[layer - 1]
    inputs = [signal, *_add_matrices(graph, layer, cell), _add_bias(graph, f"B{layer}", cell)]
    if memory:
        inputs += ["", *memory]  # no lengths: all of the chunk
    following = [f"{state}_next" for state in memory] or [f"h{layer}_last"]
    outputs = ["" if only_last else f"Y{layer}", *following]
    graph.node(kind.onnx_operator, inputs, outputs, hidden_size=spec.hidden, **kind.onnx_attributes)
    return following[0] if only_last else f"Y{layer}"


def _add_matrices(graph: Graph, layer: int, cell: CellWeights) -> tuple[str, str]:
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


def _add_bias(graph: Graph, name: str, cell: CellWeights) -> str:
    """Add a cell's bias; a half that is zero is not stored, every session folds the padding."""
    rows = cell.W.factor.shape[1]
    zeros = 2 * rows - cell.B.shape[1]
    if not zeros:
        return graph.compact(name, cell.B)
    half = graph.compact(f"{name}.sum", cell.B)
    return graph.node("Pad", [half, graph.integers("bias_pads", 0, 0, 0, zeros)], name)


def _add_head(graph: Graph, weights: StepWeights, signal: str) -> str:
    """From the last layer's output to what the network says, in raw units."""
    product = graph.node("MatMul", [signal, graph.matrix("head", weights.head)], "head_product")
    bias = graph.constant("head_bias", weights.head_bias)
    return graph.node("Add", [product, bias], "network_says")


def _add_base(graph: Graph, spec: Spec, x: str, output: str) -> str:
    """From what the network says to the forecast: a change is added to the last sample, a value stands as it is."""
    if spec.predicts != CHANGE:
        return output
    return graph.node("Add", [output, _add_targets(graph, spec, x, "last")], "forecast")
