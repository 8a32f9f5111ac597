"""A model in fixed point: int8 weights, int16 activations, int32 sums.

Numbers, as integers q that stand for q / 2^bits:

    inputs of the network    16 bits    11 behind the point, so from -16 to 16 typical changes or deviations
    hidden units h           16 bits    15: they lie between -1 and 1
    cells c                  32 bits    16
    sums before a gate       32 bits    12, cut at -8 and 8, where gates are shut or open
    gates                    32 bits    15, from a table of the sigmoid with straight lines between its entries
    outputs of the network   32 bits    16

Only differences of samples, their product with one constant and the last addition are done in float, one operation at a
time, so that no compiler can round them differently. `fixed_quantize` makes a program of a checkpoint,
`fixed_reference` runs it in NumPy, `render` writes it as C, which equals the reference to the last bit.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.spec import Spec

Integers: TypeAlias = npt.NDArray[np.int64]

INPUT, UNIT, CELL, SUM, OUTPUT = 11, 15, 16, 12, 16
"""Bits behind the point."""

TABLE_STEP = 7
"""A table entry for each 2^7 of a sum: 32 for a unit of the sigmoid's argument."""

LARGEST = 32767
"""Of 16 bits."""

MOST_COLUMNS = 512
"""Of a matrix: the sums of more could overflow."""

SHARP = 4
"""Further bits of an input before it is rounded."""

CELL_LIMIT = 1 << 30
"""Of a cell, and of what the network gives."""


@dataclass(frozen=True)
class Scaled:
    """A matrix of integers, and what brings its sums to other bits: (sum * factor) >> shift, plus bias."""

    matrix: Integers
    """(row, column)"""
    factor: Integers
    """(row,), at most 2^30"""
    shift: int
    bias: Integers
    """(row,)"""

    def products(self, x: Integers) -> Integers:
        """Return the sums for inputs (batch, column), (batch, row), before they are scaled."""
        return np.asarray(x @ self.matrix.T)

    def scaled(self, sums: Integers) -> Integers:
        """Return sums (batch, row) brought to the other bits, with the bias."""
        return self.bias + shifted(sums * self.factor, self.shift)


@dataclass(frozen=True)
class FixedLayer:
    """One recurrent layer; rows in torch's order of gates. Both matrices have the same shift."""

    of_input: Scaled
    of_memory: Scaled

    def sums(self, x: Integers, h: Integers) -> Integers:
        """Return the sums of inputs and memory together, (batch, row); they are rounded once."""
        both = self.of_input.products(x) * self.of_input.factor + self.of_memory.products(h) * self.of_memory.factor
        return self.of_input.bias + shifted(both, self.of_input.shift)


@dataclass(frozen=True)
class FixedProgram:
    """A model in fixed point."""

    spec: Spec
    layers: tuple[FixedLayer, ...]
    head: Scaled
    linear: Scaled | None
    known: Scaled | None
    coefficient: Scaled | None
    input_factors: tuple[float, ...]
    """Float32: what a level (first) or a change is multiplied with, `SHARP` bits finer than an input."""
    output_factors: Integers
    """(output,): what the network gives times this, shifted by `output_shift`, is in the target's unit."""
    output_shift: int
    table: Integers
    """The sigmoid at 0, 1/32, ..., 8, and once more at 8."""


def shifted(value: Integers, bits: int) -> Integers:
    """Return value / 2^bits, rounded to the nearest; halves up."""
    return (value + ((1 << bits) >> 1)) >> bits


def to_input(sharp: npt.NDArray[np.float32]) -> Integers:
    """Return inputs that are `SHARP` bits finer, and float32, as the integers that the network takes."""
    limit = np.float32((LARGEST + 1) << SHARP)
    whole = np.trunc(np.clip(sharp, -limit, limit)).astype(np.int64)  # as C does, towards zero
    return np.clip(shifted(whole, SHARP), -LARGEST, LARGEST)
