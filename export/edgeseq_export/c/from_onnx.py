"""The weights of a model file, read back from its graph: what they were rounded to, if they were.

They are found by their names, which docs/format.md lists.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgeseq.model import architecture
from edgeseq.model.cells import CELLS
from edgeseq_export.graph.weights import CellWeights, Matrix, StepWeights
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec

Constants: TypeAlias = Mapping[str, npt.NDArray[np.float32]]
"""Name -> value."""


def step_weights(model: onnx.ModelProto, spec: Spec, purpose: str = "the provider 'native'") -> StepWeights:
    """Return the weights of a model file's graph, as `graph.weights.prepare` has them.

    `purpose` is what needs them, for the error. Raises `UsageError` where the graph lacks one of the constants that
    docs/format.md names.
    """
    shapes = weight_shapes(spec)
    weights = constants(model, shapes)
    for name, shape in shapes.items():
        if name not in weights or weights[name].shape != shape:
            raise UsageError(
                f"the model file was not written by edgeseq; {purpose} needs a constant {name!r} of shape "
                f"{list(shape)} in its graph"
            )
    layers = range(1, spec.layers + 1)
    return StepWeights(
        cells=tuple(
            CellWeights(W=Matrix(weights[f"W{layer}"]), R=Matrix(weights[f"R{layer}"]), B=weights[f"B{layer}"])
            for layer in layers
        ),
        head=Matrix(weights["head"]),
        head_bias=weights["head_bias"],
        linear=Matrix(weights["linear"]) if spec.linear_path else None,
        known=Matrix(weights["known"]) if spec.known else None,
        coefficient=Matrix(weights["coefficient"]) if spec.known else None,
    )


def weight_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight by its name in the graph."""
    rows = CELLS[spec.cell].gates * spec.hidden
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(1, spec.layers + 1):
        columns = architecture.inputs(spec) if layer == 1 else spec.hidden
        shapes |= {f"W{layer}": (1, rows, columns), f"R{layer}": (1, rows, spec.hidden), f"B{layer}": (1, 2 * rows)}
    (said,) = architecture.weight_shapes(spec)["head.bias"]
    shapes |= {"head": (spec.hidden, said), "head_bias": (said,)}
    if spec.known:
        shapes["known"] = (spec.ahead, spec.outputs)
        shapes["coefficient"] = (spec.hidden, spec.outputs * len(spec.known))
    if spec.linear_path:
        shapes["linear"] = (spec.outputs, len(spec.measured), spec.linear_path)
    return shapes


def constants(model: onnx.ModelProto, names: Iterable[str]) -> Constants:
    """Return the values of these names, stored or computed from what is stored; names that are neither are left out."""
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    values = {name: numpy_helper.to_array(stored[name]) for name in names if name in stored}
    nodes = _constant_nodes(graph, stored)
    computed = [name for name in names if any(name in node.output for node in nodes)]
    if computed:
        nodes = _needed(nodes, computed)
        used = {name for node in nodes for name in node.input}
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in computed]
        tensors = [tensor for name, tensor in stored.items() if name in used]
        part = helper.make_model(
            helper.make_graph(nodes, "constants", [], outputs, tensors), opset_imports=model.opset_import
        )
        results: Any = ReferenceEvaluator(part).run(None, {})
        values |= dict(zip(computed, results, strict=True))
    return values


def _constant_nodes(graph: onnx.GraphProto, stored: Iterable[str]) -> list[onnx.NodeProto]:
    """Return the nodes that depend on constants alone, in the graph's order, which is that of computation."""
    known, nodes = {"", *stored}, []  # an optional input that is left out has an empty name
    for node in graph.node:
        if known.issuperset(node.input):
            known.update(node.output)
            nodes.append(node)
    return nodes


def _needed(nodes: Iterable[onnx.NodeProto], names: Iterable[str]) -> list[onnx.NodeProto]:
    """Return those of the nodes that these names come from, in their order."""
    required, needed = set(names), []
    for node in reversed(list(nodes)):
        if required & set(node.output):
            required |= set(node.input)
            needed.append(node)
    return needed[::-1]
