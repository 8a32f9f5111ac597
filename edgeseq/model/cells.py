"""The recurrent cells, one row for each: what is the same of a cell wherever it is computed stands here once.

Their equations are in `edgeseq.reference`, in `edgeseq_export.c.fixed_reference` and in the templates of the C.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeseq_runtime import spec


@dataclass(frozen=True)
class CellKind:
    """One kind of recurrent cell. Gates are counted in torch's order."""

    gates: int
    """Matrices, and biases, that its weights are stacks of."""
    memory: tuple[str, ...]
    """What it remembers: the hidden state "h", which is its output too, and for an LSTM the cell state "c"."""
    torch_class: str
    """Its class in `torch.nn`."""
    onnx_operator: str
    onnx_gates: tuple[int, ...]
    """The gates as ONNX stacks them."""
    onnx_attributes: Mapping[str, int] = field(default_factory=dict)
    """Of the operator, beside hidden_size, for it to compute what torch does."""
    two_biases: tuple[int, ...] = ()
    """Gates in which the biases of input and memory do not act as one, their sum."""


CELLS: Mapping[str, CellKind] = {
    "lstm": CellKind(
        gates=4,  # torch: input, forget, new, output; ONNX: input, output, forget, new
        memory=("h", "c"),
        torch_class="LSTM",
        onnx_operator="LSTM",
        onnx_gates=(0, 3, 1, 2),
    ),
    "gru": CellKind(
        gates=3,  # torch: reset, update, new; ONNX: update, reset, new
        memory=("h",),
        torch_class="GRU",
        onnx_operator="GRU",
        onnx_gates=(1, 0, 2),
        onnx_attributes={"linear_before_reset": 1},
        two_biases=(2,),  # the reset gate acts on the memory's, before the two are added
    ),
    "rnn": CellKind(gates=1, memory=("h",), torch_class="RNN", onnx_operator="RNN", onnx_gates=(0,)),
}
"""A spec's `cell` -> its kind."""

assert tuple(CELLS) == spec.CELLS


def memory_names(cell: str, layers: int) -> tuple[str, ...]:
    """Return the names of what a network's layers remember: h1, c1, h2, ..."""
    return tuple(f"{kind}{layer}" for layer in range(1, layers + 1) for kind in CELLS[cell].memory)
