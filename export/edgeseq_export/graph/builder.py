"""A graph in the making: nodes, constants, and the model file that they become."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeseq_export.graph.weights import Matrix
from edgeseq_runtime.spec import KEY, STEP, Spec, State


class Graph:
    """Nodes and constants; what adds one returns its name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """Add a constant."""
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
        """Add a node with one output or several; returns the first one's name."""
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

    def model(self, spec: Spec, opset: int) -> onnx.ModelProto:
        """Return the model file: the step function of `spec`, from the inputs x and its states to y and theirs."""
        proto = helper.make_graph(
            self.nodes,
            "edgeseq_step",
            [_samples("x", spec, spec.inputs), *(_state(state.name, state) for state in spec.states)],
            [_samples("y", spec, spec.outputs), *(_state(state.next, state) for state in spec.states)],
            self.constants,
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
