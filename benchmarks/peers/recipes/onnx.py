"""The recipe as ONNX, for engines that read ONNX but have slow recurrent nodes or none."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.network import Network
from benchmarks.peers.recipes import written_out
from benchmarks.peers.recipes.written_out import Operation

_NODES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dense": ("Gemm", {"transB": 1}),
    "join": ("Concat", {"axis": 1}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "add": ("Add", {}),
    "sub": ("Sub", {}),
    "mul": ("Mul", {}),
    "max": ("Max", {}),
}


def convert(network: Network, streams: int) -> None:
    """Write the recipe for so many streams."""
    found = written_out.of(network)
    constants = [numpy_helper.from_array(value, name) for name, value in found.constants.items()]
    nodes = []
    for operation in found.operations:
        if operation.kind == "split":
            sizes = f"{operation.inputs[0]}_sizes"
            constants.append(numpy_helper.from_array(np.array(operation.sizes, np.int64), sizes))
            nodes.append(helper.make_node("Split", [*operation.inputs, sizes], operation.outputs, axis=1))
        else:
            nodes.append(_node(operation))

    def value(name: str, size: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [streams, size])

    graph = helper.make_graph(
        nodes,
        "written_out",
        [value("x", 1), value("state", found.width)],
        [value("y", network.spec.outputs), value("state_next", found.width)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    network.written_out(streams).write_bytes(model.SerializeToString())


def _node(operation: Operation) -> onnx.NodeProto:
    kind, attributes = _NODES[operation.kind]
    return helper.make_node(kind, operation.inputs, operation.outputs, **attributes)
