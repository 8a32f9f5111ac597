"""What a model file is made of: its nodes, its constants, and where its bytes go."""

from collections import Counter
from dataclasses import dataclass

import onnx
from onnx import TensorProto, numpy_helper


@dataclass(frozen=True)
class Constant:
    """One tensor that the file holds."""

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class ModelStats:
    """A model file, taken apart."""

    operators: tuple[tuple[str, str, str], ...]
    """Of each node: operator, inputs, outputs."""
    constants: tuple[Constant, ...]
    total: int
    """Bytes of the file."""
    described: int
    """Of these, bytes that describe it: the spec and the other metadata."""

    @classmethod
    def of(cls, content: bytes) -> "ModelStats":
        """Take a model file apart."""
        model = onnx.load_from_string(content)
        nodes = [(n.op_type, ", ".join(filter(None, n.input)), ", ".join(n.output)) for n in model.graph.node]
        constants = []
        for tensor in model.graph.initializer:
            value = numpy_helper.to_array(tensor)
            kind = TensorProto.DataType.Name(tensor.data_type).lower()
            constants.append(Constant(tensor.name, kind, value.shape, value.nbytes))
        described = sum(entry.ByteSize() for entry in model.metadata_props)
        return cls(tuple(nodes), tuple(constants), len(content), described)

    @property
    def weights(self) -> int:
        """Bytes of all constants."""
        return sum(constant.bytes for constant in self.constants)

    @property
    def sizes(self) -> str:
        """Where the bytes go."""
        rest = self.total - self.weights - self.described
        return f"{self.weights:,} bytes of weights, {self.described:,} of description, {rest:,} of structure"

    @property
    def nodes(self) -> str:
        """How many nodes there are of each operator."""
        counts = Counter(operator for operator, _, _ in self.operators)
        return ", ".join(f"{count} {operator}" for operator, count in counts.most_common())
