"""What the C of a model is made of: its struct, and its numbers in the order in which the code reads them.

Matrices lie column by column, so that one input after the other is multiplied into all gates at once, which compilers
turn into vector instructions. The units of a gate are padded to a whole number of vectors of four, columns to the four
that the code takes at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeseq.model import architecture
from edgeseq.model.cells import CELLS
from edgeseq_export.graph.weights import CellWeights, Matrix, StepWeights
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import FEATURES, STREAM, Spec

AT_ONCE = 4
"""Columns that the code takes together, and units in a vector."""


@dataclass(frozen=True)
class Field:
    """A member of the struct that holds a stream's memory."""

    name: str
    size: int


@dataclass(frozen=True)
class Product:
    """A matrix in C: bias + matrix * inputs."""

    name: str
    rows: int
    columns: int
    """Padded to whole groups of `AT_ONCE`."""
    matrix: Float32
    """(column, row)"""
    bias: Float32
    """(row,)"""


@dataclass(frozen=True)
class CLayer:
    """One recurrent layer."""

    number: int
    inputs: int
    products: tuple[Product, ...]
    """One, of input and memory together; one for each where a gate has two biases, as in a GRU."""


@dataclass(frozen=True)
class Program:
    """A model as C in float."""

    spec: Spec
    fields: tuple[Field, ...]
    """In the order, and of the sizes, of the model file's states: together they are one array of floats."""
    layers: tuple[CLayer, ...]
    head: Product
    linear: Product | None
    known: Product | None
    coefficient: Product | None

    @property
    def units(self) -> int:
        """Units of a layer, padded."""
        return padded(self.spec.hidden)

    @property
    def inputs(self) -> int:
        """Numbers that the first layer sees in one step."""
        return architecture.inputs(self.spec)

    @property
    def levels(self) -> tuple[int, ...]:
        """Features that the network sees the value of, in a stream."""
        return tuple(at for at, feature in enumerate(self.spec.features) if feature.level)

    @property
    def on_stack(self) -> int:
        """Numbers that one step keeps on the stack, at most: samples, the window, memories, what a product takes."""
        spec = self.spec
        products = [*(product for layer in self.layers for product in layer.products), self.head]
        products += [product for product in (self.linear, self.known, self.coefficient) if product]
        largest = max(product.columns + product.rows for product in products)
        window = spec.window * len(spec.features)
        return 4 * spec.inputs + window + self.inputs + 2 * (largest + spec.outputs + spec.layers * self.units)

    @property
    def steps(self) -> int:
        """Steps that the network takes for one sample: more than one where it sees a window step by step."""
        return self.spec.window if self.spec.layout not in (STREAM, FEATURES) else 1


def padded(size: int) -> int:
    """Return a size, rounded up to whole vectors."""
    return -(-size // AT_ONCE) * AT_ONCE


def program(spec: Spec, weights: StepWeights) -> Program:
    """Return the C program of a model whose weights are prepared for the step graph."""
    outputs = spec.outputs
    linear = None
    if weights.linear is not None:
        matrix = weights.linear.value().reshape(outputs, -1).T
        linear = _product("linear", matrix, np.zeros(outputs, np.float32))
    return Program(
        spec=spec,
        fields=tuple(_field(state.name, state.shape) for state in architecture.states(spec)),
        layers=tuple(_layer(spec, cell, number) for number, cell in enumerate(weights.cells, start=1)),
        head=_product("head", weights.head.value(), weights.head_bias),
        linear=linear,
        known=_without_bias("known", weights.known),
        coefficient=_without_bias("coefficient", weights.coefficient),
    )


def _field(name: str, shape: Sequence[int]) -> Field:
    return Field(name, int(np.prod([size for size in shape if size != -1])))


def _layer(spec: Spec, cell: CellWeights, number: int) -> CLayer:
    W, R, B = cell.W.value()[0], cell.R.value()[0], cell.B[0]
    kind = CELLS[spec.cell]
    gates = kind.gates
    wide, narrow = (_by_column(matrix, gates, spec.hidden) for matrix in (W, R))
    if kind.two_biases:
        biases = [_by_gate(half, gates, spec.hidden) for half in np.split(B, 2)]
        products = [_product(f"w{number}", wide, biases[0]), _product(f"r{number}", narrow, biases[1])]
    else:
        bias = _by_gate(B.reshape(-1, len(W)).sum(axis=0), gates, spec.hidden)
        products = [_product(f"w{number}", np.concatenate([narrow, wide]), bias)]
    return CLayer(number, W.shape[1], tuple(products))


def _product(name: str, matrix: Float32, bias: Float32) -> Product:
    """Return a matrix (column, row) with zero columns to fill the last group."""
    columns = padded(len(matrix))
    filled = np.zeros((columns, matrix.shape[1]), np.float32)
    filled[: len(matrix)] = matrix
    return Product(name, matrix.shape[1], columns, filled, bias)


def _without_bias(name: str, matrix: Matrix | None) -> Product | None:
    """Return a matrix (column, row) whose product is added to others; None where there is none."""
    if matrix is None:
        return None
    value = matrix.value()
    return _product(name, value, np.zeros(value.shape[1], np.float32))


def _by_column(matrix: Float32, gates: int, hidden: int) -> Float32:
    """Return a cell's matrix (gate * hidden, column) as (column, gate * padded unit)."""
    return np.stack([_by_gate(column, gates, hidden) for column in matrix.T])


def _by_gate(rows: Float32, gates: int, hidden: int) -> Float32:
    """Return rows (gate * hidden,) with each gate's padded by zeros."""
    by_gate = np.zeros((gates, padded(hidden)), np.float32)
    by_gate[:, :hidden] = rows.reshape(gates, hidden)
    return by_gate.reshape(-1)
