"""From torch's weights to the graph's: gates reordered, scales folded in, matrices quantised where asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.checkpoint import Weights
from edgeseq_runtime.spec import CHANGE, FEATURES, STEPS, Spec

Array: TypeAlias = npt.NDArray[np.float32]

_GATE_ORDER = {
    "lstm": (0, 3, 1, 2),  # torch: input, forget, new, output; ONNX: input, output, forget, new
    "gru": (1, 0, 2),  # torch: reset, update, new; ONNX: update, reset, new
    "rnn": (0,),
}


_LEAST_COLUMNS = 4
"""A matrix with fewer stays float32: a scale for each row would take more room than int8 saves."""


@dataclass(frozen=True)
class Matrix:
    """A matrix as a product: float32 or int8 numbers, times scales that broadcast over them."""

    factor: npt.NDArray[np.float32] | npt.NDArray[np.int8]
    scales: tuple[Array, ...] = ()

    @property
    def quantized(self) -> npt.NDArray[np.int8] | None:
        """The int8 numbers, or None for a float matrix."""
        return self.factor if self.factor.dtype == np.int8 else None  # type: ignore[return-value]  # told by dtype

    def value(self) -> Array:
        """The matrix itself, float32."""
        product = self.factor.astype(np.float64)
        for scale in self.scales:
            product = product * scale
        return product.astype(np.float32)

    def times(self, scale: Array) -> Self:
        """Return this matrix times a scale."""
        return replace(self, scales=(*self.scales, scale))

    def each(self, change: Callable[[Any], Any]) -> Self:
        """Return the matrix with all its factors changed alike: transposed, reordered."""
        return replace(self, factor=change(self.factor), scales=tuple(change(scale) for scale in self.scales))


Quantized: TypeAlias = Mapping[str, Matrix]
"""A network's weights by torch's names, as the model file holds them; biases are matrices of one row."""


@dataclass(frozen=True)
class CellWeights:
    """One recurrent layer in ONNX's layout; G is the number of gates."""

    W: Matrix
    """(1, G * hidden, input)"""
    R: Matrix
    """(1, G * hidden, hidden)"""
    B: Array
    """(1, 2 * G * hidden), or (1, G * hidden) where the second half is zero."""


@dataclass(frozen=True)
class StepWeights:
    """All weights of the step graph."""

    cells: tuple[CellWeights, ...]
    head: Matrix
    """(hidden, outputs)"""
    head_bias: Array
    """(outputs,)"""
    linear: Matrix | None
    """(outputs, feature, lag), newest last; None where there is no linear path."""


def quantize_rows(matrix: Array) -> tuple[npt.NDArray[np.int8], Array]:
    """Round each row of a matrix (row, ...) to int8 with a scale of its own, symmetric, to the nearest.

    Returns the int8 values and the scales (row, 1, ...); their product is the matrix, off by half a scale at most.
    """
    scale = np.abs(matrix).max(axis=tuple(range(1, matrix.ndim)), keepdims=True) / 127
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.rint(matrix / scale).astype(np.int8), scale


def quantize(weights: Weights, kind: str) -> Quantized:
    """Return the weights as a model file of this quantisation holds them: with "int8", large matrices are rounded."""

    def stored(value: Array) -> Matrix:
        if kind != "int8" or value.ndim == 1 or value[0].size < _LEAST_COLUMNS:
            return Matrix(value)
        integers, scale = quantize_rows(value)
        return Matrix(integers, (scale,))

    return {name: stored(value) for name, value in weights.items()}


def values(quantized: Quantized) -> Weights:
    """Return the weights that the oracle must have to agree with the file."""
    return {name: matrix.value() for name, matrix in quantized.items()}


def prepare(spec: Spec, quantized: Quantized) -> StepWeights:
    """Return the step graph's weights: in ONNX's layout, with the spec's scales folded in."""
    scales = np.array(spec.target_scales, np.float32).reshape(-1)
    head_bias = quantized["head.bias"].times(scales).value()
    if spec.predicts != CHANGE:
        head_bias = head_bias + np.tile([feature.center for feature in spec.target_features], spec.horizon)
    return StepWeights(
        cells=tuple(_cell(spec, quantized, layer) for layer in range(spec.layers)),
        head=quantized["head.weight"].each(np.transpose).times(scales),
        head_bias=head_bias.astype(np.float32),
        linear=_linear(spec, quantized["linear.weight"], scales) if spec.linear_path else None,
    )


def _linear(spec: Spec, weight: Matrix, scales: Array) -> Matrix:
    changes = np.array([1 / feature.change for feature in spec.measured], np.float32)
    return weight.times(scales[:, None, None]).times(changes[None, :, None])


def _cell(spec: Spec, quantized: Quantized, layer: int) -> CellWeights:
    order = _GATE_ORDER[spec.cell]

    def reordered(rows: Any) -> Any:
        gates = np.split(rows, len(order))
        return np.concatenate([gates[gate] for gate in order])

    W, R, b_x, b_h = (
        quantized[f"cell.{name}_l{layer}"].each(reordered) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    biases = [b_x.value(), b_h.value()]
    if spec.cell != "gru":  # a GRU's reset gate acts on one of the two; elsewhere only their sum counts
        biases = [biases[0] + biases[1]]
    if layer == 0:
        W = W.times(_input_scales(spec))
    return CellWeights(
        W=replace(W, factor=W.factor[None]), R=replace(R, factor=R.factor[None]), B=np.concatenate(biases)[None]
    )


def _input_scales(spec: Spec) -> Array:
    """Return what turns the graph's raw levels and changes into the network's inputs, (input,)."""
    if spec.layout in (FEATURES, STEPS):
        values = np.array([1 / feature.scale for feature in spec.features], np.float32)
        return np.tile(values, spec.window) if spec.layout == FEATURES else values
    levels = [1 / feature.scale for feature in spec.features if feature.level]
    changes = [1 / feature.change for feature in spec.features]
    return np.array([*levels, *changes], np.float32)
