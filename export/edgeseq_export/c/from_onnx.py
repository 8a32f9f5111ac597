"""The weights of a model file, read back from its graph: what they were rounded to, if they were."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeseq_export.graph.weights import CellWeights, Matrix, StepWeights
from edgeseq_runtime.spec import Spec

Constants = dict[str, npt.NDArray[np.float32]]


def step_weights(model: onnx.ModelProto, spec: Spec) -> StepWeights:
    """Return the weights of the graph that `graph.build` made of the spec, as `weights.prepare` had them."""
    layers = range(1, spec.layers + 1)
    named = [f"{matrix}{layer}" for layer in layers for matrix in "WRB"]
    found = constants(model, [*named, "head", "head_bias", *(["linear"] if spec.linear_path else [])])
    return StepWeights(
        cells=tuple(
            CellWeights(W=Matrix(found[f"W{layer}"]), R=Matrix(found[f"R{layer}"]), B=found[f"B{layer}"])
            for layer in layers
        ),
        head=Matrix(found["head"]),
        head_bias=found["head_bias"],
        linear=Matrix(found["linear"]) if spec.linear_path else None,
    )


def constants(model: onnx.ModelProto, names: Iterable[str]) -> Constants:
    """Return the values of these names, which depend on constants alone."""
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    computed = [name for name in names if name not in stored]
    found = {name: numpy_helper.to_array(stored[name]) for name in names if name in stored}
    if computed:
        nodes = _needed(graph, computed)
        used = {name for node in nodes for name in node.input}
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in computed]
        tensors = [tensor for name, tensor in stored.items() if name in used]
        part = helper.make_model(
            helper.make_graph(nodes, "constants", [], outputs, tensors), opset_imports=model.opset_import
        )
        values: Any = ReferenceEvaluator(part).run(None, {})
        found |= dict(zip(computed, values, strict=True))
    return found


def _needed(graph: onnx.GraphProto, names: Iterable[str]) -> list[onnx.NodeProto]:
    """Return the nodes that these names come from, in the graph's order, which is that of computation."""
    wanted, found = set(names), []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            found.append(node)
    return found[::-1]
