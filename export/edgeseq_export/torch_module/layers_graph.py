"""The step graph of a network of the user's own: scale, layers, and back to raw units."""

from collections.abc import Sequence

import numpy as np
import onnx

from edgeseq.model.cells import CELLS
from edgeseq_export.graph.builder import Graph
from edgeseq_export.graph.weights import in_onnx_order
from edgeseq_export.torch_module.layers import PARAMETERS, GraphLayer
from edgeseq_runtime.spec import CHANGE, Spec

_NODES = {
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "relu": "Relu",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "add": "Add",
}

_HAS_ALPHA = ("leaky_relu", "elu")


def build(spec: Spec, layers: Sequence[GraphLayer], opset: int) -> onnx.ModelProto:
    """Return the model file. Time and batch are free axes."""
    graph = Graph()
    centers, scales = (np.array([getattr(f, name) for f in spec.features], np.float32) for name in ("center", "scale"))
    value = "x"
    if centers.any():
        value = graph.node("Sub", [value, graph.constant("centers", centers)], "centered")
    if (scales != 1).any():
        value = graph.node("Div", [value, graph.constant("scales", scales)], "scaled")
    values, number = [value], 0
    for layer in layers:
        taken = [values[position] for position in layer.inputs]
        if layer.kind in CELLS:
            number += 1
            values.append(_add_recurrent(graph, layer, taken[0], number))
        else:
            values.append(_add(graph, layer, taken, f"{layer.name}.{len(values)}"))
    graph.rename(_add_raw(graph, spec, values[-1], centers), "y")
    return graph.model(spec, opset)


def _add_recurrent(graph: Graph, layer: GraphLayer, signal: str, number: int) -> str:
    """Add a recurrent layer with its states; returns its output, (time, batch, hidden)."""
    W, R, b_x, b_h = (in_onnx_order(layer.kind, layer.weights[name]) for name in PARAMETERS)
    kind = CELLS[layer.kind]
    memory = [f"{name}{number}" for name in kind.memory]
    parameters = {"W": W, "R": R, "B": np.concatenate([b_x, b_h])}
    inputs = [signal, *(graph.constant(f"{name}{number}", value[None]) for name, value in parameters.items())]
    outputs = [f"Y{number}", *(f"{state}_next" for state in memory)]
    inputs += ["", *memory]  # no lengths: all of the chunk
    graph.node(kind.onnx_operator, inputs, outputs, hidden_size=layer.hidden, **kind.onnx_attributes)
    return graph.node("Squeeze", [f"Y{number}", graph.integers("direction_axis", 1)], f"H{number}")


def _add(graph: Graph, layer: GraphLayer, taken: Sequence[str], name: str) -> str:
    if layer.kind == "linear":
        weight = graph.constant(f"{name}.weight", layer.weights["weight"].T.copy())
        product = graph.node("MatMul", [taken[0], weight], f"{name}.product")
        return graph.node("Add", [product, graph.constant(f"{name}.bias", layer.weights["bias"])], name)
    if layer.kind == "silu":
        return graph.node("Mul", [taken[0], graph.node("Sigmoid", taken, f"{name}.gate")], name)
    attributes = {"alpha": layer.alpha} if layer.kind in _HAS_ALPHA else {}
    return graph.node(_NODES[layer.kind], taken, name, **attributes)


def _add_raw(graph: Graph, spec: Spec, output: str, centers: np.ndarray) -> str:
    """Bring what the network says into raw units: a change is added to the last sample, a value to the center."""
    scales = np.array(spec.target_scales, np.float32).reshape(-1)
    if (scales != 1).any():
        output = graph.node("Mul", [output, graph.constant("target_scales", scales)], "said_raw")
    order = list(range(len(spec.targets))) * spec.horizon
    if spec.predicts != CHANGE:
        base = centers[order]
        return graph.node("Add", [output, graph.constant("target_centers", base)], "forecast") if base.any() else output
    last = "x"
    if len(spec.features) > 1:
        last = graph.node("Gather", [last, graph.integers("target_features", *order)], "last_target", axis=2)
    return graph.node("Add", [output, last], "forecast")
