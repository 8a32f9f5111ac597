"""What a step graph would be without its bookkeeping: two recurrent layers and a head, with the same states."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeseq_runtime.spec import Spec


def build(spec: Spec) -> bytes:
    """Return a graph with the inputs and outputs of a stream of LSTMs' step graph, and random weights.

    Raw samples go straight into the first layer, the head's output is the forecast, and what else there is of states is
    only passed on. Time and batch are free, as in the step graph of the form "chunk".
    """
    random = np.random.default_rng(0)
    constants = {"direction": np.array([1], np.int64)}
    others = [s for s in spec.states if s.name[0] not in "hc"]
    nodes = [helper.make_node("Identity", [s.name], [s.next]) for s in others]
    signal, size, gates = "x", len(spec.features), 4 * spec.hidden

    def weight(name: str, *shape: int) -> str:
        constants[name] = random.uniform(-0.5, 0.5, shape).astype(np.float32)
        return name

    for layer in range(1, spec.layers + 1):
        W, R = weight(f"W{layer}", 1, gates, size), weight(f"R{layer}", 1, gates, spec.hidden)
        inputs = [signal, W, R, weight(f"B{layer}", 1, 2 * gates), "", f"h{layer}", f"c{layer}"]
        outputs = [f"Y{layer}", f"h{layer}_next", f"c{layer}_next"]
        nodes.append(helper.make_node("LSTM", inputs, outputs, hidden_size=spec.hidden))
        nodes.append(helper.make_node("Squeeze", [f"Y{layer}", "direction"], [f"H{layer}"]))
        signal, size = f"H{layer}", spec.hidden
    nodes.append(helper.make_node("MatMul", [signal, weight("head", size, spec.outputs)], ["product"]))
    nodes.append(helper.make_node("Add", ["product", weight("bias", spec.outputs)], ["y"]))

    def value(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def state(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
        return value(name, *("batch" if length == -1 else length for length in shape))

    graph = helper.make_graph(
        nodes,
        "session_only",
        [value("x", "time", "batch", len(spec.features)), *(state(s.name, s.shape) for s in spec.states)],
        [value("y", "time", "batch", spec.outputs), *(state(s.next, s.shape) for s in spec.states)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())
