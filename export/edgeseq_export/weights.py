"""From torch's weights to the graph's: gates reordered, scales folded in, matrices quantised where asked."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.checkpoint import Weights
from edgeseq_runtime.spec import Spec

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
    """A matrix as a product: float32, or int8, times scales that broadcast over it."""

    factor: npt.NDArray[np.float32] | npt.NDArray[np.int8]
    scales: tuple[Array, ...]

    @property
    def quantized(self) -> npt.NDArray[np.int8] | None:
        """The int8 values, or None for a float matrix."""
        return self.factor if self.factor.dtype == np.int8 else None  # type: ignore[return-value]  # told by dtype

    def value(self) -> Array:
        """The matrix itself, float32."""
        product = self.factor.astype(np.float64)
        for scale in self.scales:
            product = product * scale
        return product.astype(np.float32)


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


def quantize_rows(matrix: Array) -> tuple[npt.NDArray[np.int8], Array]:
    """Round each row of a matrix (row, column) to int8 with a scale of its own, symmetric, to the nearest.

    Returns the int8 values and the scales (row, 1); their product is the matrix, off by half a scale at most.
    """
    scale = np.abs(matrix).max(axis=1, keepdims=True) / 127
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.rint(matrix / scale).astype(np.int8), scale


def round_to_int8(weights: Weights) -> Weights:
    """Return the weights as the int8 model file holds them: matrices rounded, biases as they are."""
    return {name: _matrix(value, int8=True).value() if value.ndim == 2 else value for name, value in weights.items()}


def prepare(spec: Spec, weights: Weights) -> StepWeights:
    """Return the step graph's weights; matrices are int8 where `spec.quantize` is "int8"."""
    int8 = spec.quantize == "int8"
    cells = tuple(_cell(spec, weights, layer, int8=int8) for layer in range(spec.layers))
    scales = np.array(spec.target_scales).reshape(-1)
    head = _matrix(weights["head.weight"], int8=int8)
    return StepWeights(
        cells=cells,
        head=Matrix(
            head.factor.T.copy(),
            (*(scale.T for scale in head.scales), scales.astype(np.float32)),
        ),
        head_bias=(weights["head.bias"] * scales).astype(np.float32),
    )


def _cell(spec: Spec, weights: Weights, layer: int, *, int8: bool) -> CellWeights:
    order = _GATE_ORDER[spec.cell]

    def reordered(name: str) -> Array:
        gates = np.split(weights[f"cell.{name}_l{layer}"], len(order))
        return np.concatenate([gates[gate] for gate in order])

    biases = [reordered("bias_ih"), reordered("bias_hh")]
    if spec.cell != "gru":  # a GRU's reset gate acts on one of the two; elsewhere only their sum counts
        biases = [biases[0] + biases[1]]
    W, R = (_matrix(reordered(name), int8=int8) for name in ("weight_ih", "weight_hh"))
    column_scales = (_input_scales(spec),) if layer == 0 else ()
    return CellWeights(
        W=Matrix(W.factor[None], (*W.scales, *column_scales)),
        R=Matrix(R.factor[None], R.scales),
        B=np.concatenate(biases)[None],
    )


def _matrix(value: Array, *, int8: bool) -> Matrix:
    if not int8 or value.shape[1] < _LEAST_COLUMNS:
        return Matrix(value, ())
    integers, scale = quantize_rows(value)
    return Matrix(integers, (scale,))


def _input_scales(spec: Spec) -> Array:
    """What turns the graph's raw levels and changes into the network's inputs, (level + feature,)."""
    levels = [1 / feature.std for feature in spec.features if feature.level]
    changes = [1 / feature.change for feature in spec.features]
    return np.array([*levels, *changes], np.float32)
