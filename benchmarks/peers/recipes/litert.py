"""The recipe as LiteRT's flatbuffer, operator by operator: the converter from torch clashes with the other engines."""

from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from benchmarks.peers.network import Network
from benchmarks.peers.recipes import written_out
from benchmarks.peers.recipes.written_out import Operation, Recipe
from edgeseq_runtime.arrays import Float32

_OPERATORS: Mapping[str, tuple[str, str | None, dict[str, Any]]] = {
    "split": ("SPLIT_V", "SplitVOptions", {}),
    "dense": ("FULLY_CONNECTED", "FullyConnectedOptions", {"keepNumDims": True}),
    "join": ("CONCATENATION", "ConcatenationOptions", {"axis": 1}),
    "sigmoid": ("LOGISTIC", None, {}),
    "tanh": ("TANH", None, {}),
    "add": ("ADD", "AddOptions", {}),
    "sub": ("SUB", "SubOptions", {}),
    "mul": ("MUL", "MulOptions", {}),
    "max": ("MAXIMUM", "MaximumMinimumOptions", {}),
}
"""Kind -> the operator, the type of its options, and those that are not the default."""


def convert(network: Network, streams: int) -> None:
    """Write the recipe for so many streams."""
    writer = _Writer(written_out.of(network), streams)
    network.written_out(streams, "tflite").write_bytes(writer.content())


class _Writer:
    """Numbers tensors as they are named first, and fills the schema's objects."""

    def __init__(self, found: Recipe, streams: int) -> None:
        self._streams = streams
        self._kinds = sorted({operation.kind for operation in found.operations})
        self._numbers: dict[str, int] = {}
        self._buffers = [schema.BufferT()]  # the first stays empty: what is computed has no content
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._columns = {"x": 1, "state": found.width}
        for name, size in self._columns.items():
            self._tensor(name, [streams, size])
        for name, value in found.constants.items():
            self._constant(name, value)
            self._columns[name] = len(value)  # a dense operator's outputs
        for operation in found.operations:
            self._operate(operation)
        self._graph.inputs = [self._numbers[name] for name in ("x", "state")]
        self._graph.outputs = [self._numbers[name] for name in ("y", "state_next")]

    def content(self) -> bytes:
        """Return the file."""
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [self._graph], self._buffers
        model.operatorCodes = [_code(kind) for kind in self._kinds]
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, name: str, shape: list[int], kind: int = schema.TensorType.FLOAT32, buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, kind, buffer
        self._graph.tensors.append(tensor)
        self._numbers[name] = len(self._numbers)
        return self._numbers[name]

    def _constant(self, name: str, value: Float32 | np.ndarray) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self._buffers.append(buffer)
        kind = schema.TensorType.FLOAT32 if value.dtype == np.float32 else schema.TensorType.INT32
        return self._tensor(name, list(value.shape), kind, len(self._buffers) - 1)

    def _operate(self, operation: Operation) -> None:
        inputs = [self._numbers[name] for name in operation.inputs]
        if operation.kind == "split":
            whole = operation.inputs[0]
            inputs.append(self._constant(f"{whole}_sizes", np.array(operation.sizes, np.int32)))
            inputs.append(self._constant(f"{whole}_axis", np.array(1, np.int32)))
        found = schema.OperatorT()
        found.opcodeIndex, found.inputs = self._kinds.index(operation.kind), inputs
        found.outputs = [
            self._tensor(name, [self._streams, size])
            for name, size in zip(operation.outputs, self._sizes(operation), strict=True)
        ]
        _, options, choices = _OPERATORS[operation.kind]
        if options:
            found.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            found.builtinOptions = _options(options, choices | _parts(operation))
        self._graph.operators.append(found)

    def _sizes(self, operation: Operation) -> tuple[int, ...]:
        """Return how many columns each output has."""
        known = [self._columns[name] for name in operation.inputs if name in self._columns]
        size = {"join": sum(known), "dense": known[-1]}.get(operation.kind, max(known))
        sizes = operation.sizes or (size,)
        self._columns |= dict(zip(operation.outputs, sizes, strict=True))
        return sizes


def _code(kind: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, _OPERATORS[kind][0])
    code.version = 1
    return code


def _parts(operation: Operation) -> dict[str, int]:
    return {"numSplits": len(operation.outputs)} if operation.kind == "split" else {}


def _options(name: str, choices: dict[str, Any]) -> Any:
    options = getattr(schema, f"{name}T")()
    for choice, value in choices.items():
        setattr(options, choice, value)
    return options
