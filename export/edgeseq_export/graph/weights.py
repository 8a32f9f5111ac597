"""From a network's matrices to the graph's: gates in ONNX's order, the spec's scales folded in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.model import running_scale
from edgeseq.model.cells import CELLS
from edgeseq.model.checkpoint import Weights
from edgeseq.model.scaling import per_output
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.spec import CHANGE, FEATURES, RUNNING, STEPS, Spec


@dataclass(frozen=True)
class Matrix:
    """A matrix as a product: float32 numbers, or integers of few bits, times scales that broadcast over them."""

    factor: npt.NDArray[np.float32] | npt.NDArray[np.int8]
    scales: tuple[Float32, ...] = ()
    bits: int = 32
    """Of each number: 32 for float32, 8 or 4 for integers, which are held as int8 here."""

    @property
    def is_rounded(self) -> bool:
        """Whether the numbers are integers."""
        return self.bits < 32

    def value(self) -> Float32:
        """The matrix itself, float32."""
        product = self.factor.astype(np.float64)
        for scale in self.scales:
            product = product * scale
        return product.astype(np.float32)

    def scaled_by(self, scale: Float32) -> Self:
        """Return this matrix, multiplied by a scale that broadcasts over it."""
        return replace(self, scales=(*self.scales, scale))

    def map_factors(self, change: Callable[[Any], Any]) -> Self:
        """Return this matrix with the same change, such as a transposition, made to all factors of its product."""
        return replace(self, factor=change(self.factor), scales=tuple(change(scale) for scale in self.scales))


QuantizedWeights: TypeAlias = Mapping[str, Matrix]
"""A network's weights by torch's names, as the model file holds them; biases are matrices of one row."""


@dataclass(frozen=True)
class CellWeights:
    """One recurrent layer in ONNX's layout; G is the number of gates."""

    W: Matrix
    """(1, G * hidden, input)"""
    R: Matrix
    """(1, G * hidden, hidden); where it is rounded, with the first scale of W."""
    B: Float32
    """(1, 2 * G * hidden), or (1, G * hidden) where the second half is zero."""


@dataclass(frozen=True)
class StepWeights:
    """All weights of the step graph."""

    cells: tuple[CellWeights, ...]
    head: Matrix
    """(hidden, outputs)"""
    head_bias: Float32
    """(outputs,)"""
    linear: Matrix | None
    """(outputs, feature, lag), newest last; None where there is no linear path."""
    known: Matrix | None = None
    """(step ahead * column, outputs); None where nothing is known ahead."""
    coefficient: Matrix | None = None
    """(hidden, outputs * column); None where nothing is known ahead."""


def unquantized(weights: Weights) -> QuantizedWeights:
    """Return weights that are not rounded."""
    return {name: Matrix(value) for name, value in weights.items()}


def values(stored: QuantizedWeights) -> Weights:
    """Return the weights that the oracle must have to agree with the file."""
    return {name: matrix.value() for name, matrix in stored.items()}


def prepare(spec: Spec, stored: QuantizedWeights) -> StepWeights:
    """Return the step graph's weights: in ONNX's layout, with the spec's scales folded in."""
    scales = output_scales(spec).astype(np.float32)
    head_bias = stored["head.bias"].scaled_by(scales).value()
    if spec.predicts != CHANGE:
        head_bias = head_bias + per_output([feature.center for feature in spec.target_features], spec.horizon)
    return StepWeights(
        cells=tuple(_cell(spec, stored, layer) for layer in range(spec.layers)),
        head=stored["head.weight"].map_factors(np.transpose).scaled_by(scales),
        head_bias=head_bias.astype(np.float32),
        linear=_linear(spec, stored["linear.weight"], scales) if spec.linear_path else None,
        known=_known(spec, stored["known.weight"], scales) if spec.known else None,
        coefficient=_coefficient(spec, stored["coefficient.weight"]) if spec.known else None,
    )


def _coefficient(spec: Spec, weight: Matrix) -> Matrix:
    rows = 1 / _of_coefficients(spec)
    return weight.scaled_by(rows.astype(np.float32)[:, None]).map_factors(np.transpose)


def _of_coefficients(spec: Spec) -> Float64:
    """Return in what units a column is beside those of an output, (output * column,)."""
    scales = np.array(spec.target_scales).reshape(-1, 1)
    return np.asarray(np.array([column.scale for column in spec.known]) / scales).reshape(-1)


def _known(spec: Spec, weight: Matrix, scales: Float32) -> Matrix:
    ahead = np.array([1 / column.scale for column in spec.known] * spec.horizon, np.float32)
    return weight.scaled_by(scales[:, None]).scaled_by(ahead[None, :]).map_factors(np.transpose)


def network_weights(spec: Spec, step: StepWeights) -> Weights:
    """Return a network's weights, by torch's names, from the step graph's: what `prepare` turns into these.

    But for rounding, and where a cell has two biases that act as one: then the first is their sum.
    """
    scales = output_scales(spec)
    centers = per_output([feature.center for feature in spec.target_features], spec.horizon)
    bias = step.head_bias - (0.0 if spec.predicts == CHANGE else centers)
    weights = {"head.weight": step.head.value().T / scales[:, None], "head.bias": bias / scales}
    if step.linear:
        changes = np.array([feature.change for feature in spec.measured])
        weights["linear.weight"] = step.linear.value() / scales[:, None, None] * changes[:, None]
    if step.known:
        columns = np.array([column.scale for column in spec.known] * spec.horizon)
        weights["known.weight"] = step.known.value().T / scales[:, None] * columns
    if step.coefficient:
        weights["coefficient.weight"] = step.coefficient.value().T * _of_coefficients(spec)[:, None]
    for layer, cell in enumerate(step.cells):
        W, R = cell.W.value()[0], cell.R.value()[0]
        rows = len(W)
        halves = np.pad(cell.B[0], (0, 2 * rows - cell.B.size)).reshape(2, rows)
        if not CELLS[spec.cell].two_biases:
            halves = np.stack([halves.sum(axis=0), np.zeros(rows)])
        if layer == 0:
            W = W / _input_scales(spec)
        named = {"weight_ih": W, "weight_hh": R, "bias_ih": halves[0], "bias_hh": halves[1]}
        weights |= {f"cell.{name}_l{layer}": _in_torch_order(spec.cell, value) for name, value in named.items()}
    return {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}


def output_scales(spec: Spec) -> Float64:
    """Return in what unit the network says each number; shares of the distance from a level have none."""
    scales = np.array(spec.target_scales, np.float64).reshape(-1)
    return np.append(scales, np.ones(running_scale.SHARES)) if spec.scaling == RUNNING else scales


def _linear(spec: Spec, weight: Matrix, scales: Float32) -> Matrix:
    changes = np.array([1 / feature.change for feature in spec.measured], np.float32)
    return weight.scaled_by(scales[:, None, None]).scaled_by(changes[None, :, None])


def in_onnx_order(cell: str, rows: Any) -> Any:
    """Return the rows of a cell's matrix or bias with its gates as ONNX has them, of those as torch has them."""
    order = CELLS[cell].onnx_gates
    gates = np.split(rows, len(order))
    return np.concatenate([gates[gate] for gate in order])


def _in_torch_order(cell: str, rows: Any) -> Any:
    """Undo `in_onnx_order`."""
    gates = np.split(rows, len(CELLS[cell].onnx_gates))
    return np.concatenate([gates[CELLS[cell].onnx_gates.index(gate)] for gate in range(len(gates))])


def _cell(spec: Spec, stored: QuantizedWeights, layer: int) -> CellWeights:
    W, R, b_x, b_h = (
        stored[f"cell.{name}_l{layer}"].map_factors(partial(in_onnx_order, spec.cell))
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    biases = [b_x.value(), b_h.value()]
    if not CELLS[spec.cell].two_biases:
        biases = [biases[0] + biases[1]]
    if layer == 0:
        W = W.scaled_by(_input_scales(spec))
    return CellWeights(
        W=replace(W, factor=W.factor[None]), R=replace(R, factor=R.factor[None]), B=np.concatenate(biases)[None]
    )


def _input_scales(spec: Spec) -> Float32:
    """Return what turns raw levels, changes and values known ahead into the network's inputs, (input,)."""
    if spec.scaling == RUNNING:
        return np.ones(running_scale.FEATURES, np.float32)
    if spec.layout in (FEATURES, STEPS):
        values = np.array([1 / feature.scale for feature in spec.features], np.float32)
        return np.tile(values, spec.window) if spec.layout == FEATURES else values
    levels = [1 / feature.scale for feature in spec.features if feature.level]
    changes = [1 / feature.change for feature in spec.features]
    ahead = [1 / column.scale for column in spec.known] * spec.horizon
    return np.array([*levels, *changes, *ahead], np.float32)
