"""Weights of few bits that keep the forecasts: each rounded to the nearest, then the head fitted anew.

Rounding moves the hidden units a little, but they still carry what they did. The head, which stays precise where it is
small, is fitted by least squares so that the network gives what it gave before: that alone takes away nearly all of the
error that rounding brought. docs/decisions.md compares it with other ways.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.model.cells import CELLS
from edgeseq.model.checkpoint import Checkpoint, Weights
from edgeseq.reference import Oracle
from edgeseq_export.graph import calibration
from edgeseq_export.graph.weights import Matrix, QuantizedWeights, unquantized, values
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import Spec

BITS = {"int8": 8, "int4": 4}
"""Kinds of quantisation that round weights -> bits of a weight."""

_OUTER_BITS = 8
"""Of the head and of the linear path, whose errors nothing makes good: with 4 CO2 lost 3 %."""

_LEAST_OUTPUTS = 8
"""A head of fewer stays float32: it saves little, and the forecast depends on it most."""

_RIDGE = 1e-9
"""Penalty of the head's change, as a share of the hidden units' mean square."""

_LEAST = 1e-30
"""Penalty where the hidden units never move."""

_LEAST_SCALE = 2.0**-14
"""Of a cell's row: the smallest that float16 holds with all its digits."""


def quantize(checkpoint: Checkpoint, kind: str) -> QuantizedWeights:
    """Return the weights as a model file of this quantisation holds them. Others than those of `BITS` stay as they are.

    The head is fitted on the end of the training part; nothing after it is looked at.
    """
    weights = checkpoint.weights
    stored = dict(unquantized(weights))
    if kind not in BITS:
        return stored
    spec = checkpoint.spec
    for layer in range(spec.layers):
        stored |= _rounded_cell(weights, layer, BITS[kind]) | _half_biases(spec, weights, layer)
    if spec.linear_path:
        stored["linear.weight"] = _rounded(weights["linear.weight"])
    for name in ("known.weight", "coefficient.weight"):
        if spec.known:
            stored[name] = _rounded(weights[name])
    samples = calibration.samples(checkpoint)
    exact, rounded = (_run(spec, each, samples) for each in (weights, values(stored)))
    return stored | _fitted_head(spec, weights, exact.output - rounded.output, rounded.hidden)


def round_rows(
    matrix: npt.NDArray[np.floating], bits: int, least: float = 0.0
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
    """Round each row of a matrix (row, ...) to integers of so many bits with a scale of its own, to the nearest.

    Returns the integers and the scales (row, 1, ...), float16 where there is a `least` one; their product is the
    matrix, off by half a scale at most.
    """
    limit = 2 ** (bits - 1) - 1
    largest = np.abs(matrix).max(axis=tuple(range(1, matrix.ndim)), keepdims=True).astype(np.float64)
    scale = np.asarray(largest / limit, np.float32)
    scale = np.where(scale > 0, scale, np.float32(1))
    if least:
        scale = np.maximum(scale, least).astype(np.float16).astype(np.float32)
    return np.clip(np.rint(matrix / scale), -limit, limit).astype(np.int8 if bits <= 8 else np.int16), scale


def _rounded_cell(weights: Weights, layer: int, bits: int) -> dict[str, Matrix]:
    """Return both matrices of a layer, with one scale for a row of both."""
    names = [f"cell.weight_ih_l{layer}", f"cell.weight_hh_l{layer}"]
    both = np.concatenate([weights[name] for name in names], axis=1)
    integers, scale = round_rows(both, bits, _LEAST_SCALE)
    halves = np.split(integers, [weights[names[0]].shape[1]], axis=1)
    return {name: Matrix(half, (scale,), bits) for name, half in zip(names, halves, strict=True)}


def _half_biases(spec: Spec, weights: Weights, layer: int) -> dict[str, Matrix]:
    """Return the cells' biases rounded to float16: in the first of the two, where only their sum counts."""
    names = [f"cell.{name}_l{layer}" for name in ("bias_ih", "bias_hh")]
    first, second = (weights[name] for name in names)
    if not CELLS[spec.cell].two_biases:
        first, second = first + second, np.zeros_like(second)
    halves = (value.astype(np.float16).astype(np.float32) for value in (first, second))
    return {name: Matrix(half) for name, half in zip(names, halves, strict=True)}


def _rounded(weight: npt.NDArray[np.floating]) -> Matrix:
    integers, scale = round_rows(weight, _OUTER_BITS)
    return Matrix(integers, (scale,), _OUTER_BITS)


@dataclass(frozen=True)
class _HeadSamples:
    """The head's inputs, and the network's outputs; one row for each sample."""

    hidden: Float64
    """(sample, hidden)"""
    output: Float64
    """(sample, output), the linear path's part included"""


def _run(spec: Spec, weights: Weights, samples: calibration.Samples) -> _HeadSamples:
    """Run streams of samples (time, stream, feature); the warm-up does not count."""
    watched: dict[str, list[Float64]] = defaultdict(list)
    Oracle(spec, weights, watch=lambda name, inputs: watched[name].append(inputs)).run(samples)
    # A network that takes a window in steps has a hidden state after each; the head sees the last one's only.
    steps = len(watched["head"]) // len(samples)
    counts = slice(min(spec.warmup, len(samples) // 2), None)
    hidden = np.concatenate(watched["head"][steps - 1 :: steps][counts])
    return _HeadSamples(hidden, np.concatenate(watched["said"][counts]))


def _fitted_head(spec: Spec, weights: Weights, residual: Float64, hidden: Float64) -> dict[str, Matrix]:
    """Return the head that also gives the residual (sample, output), from the hidden units (sample, hidden)."""
    weight, _ = fit_head(weights, residual, hidden)
    head = _rounded(weight) if spec.outputs >= _LEAST_OUTPUTS else Matrix(weight)
    lost = (weights["head.weight"] - head.value()).astype(np.float64) @ hidden.mean(axis=0)
    bias = weights["head.bias"] + residual.mean(axis=0) + lost
    return {"head.weight": head, "head.bias": Matrix(bias.astype(np.float32))}


def fit_head(
    weights: Weights, residual: Float64, hidden: Float64
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return weight and bias of the head that also gives the residual (sample, output), by least squares.

    `hidden` are the hidden units that it is given, (sample, hidden).
    """
    center, mean = hidden.mean(axis=0), residual.mean(axis=0)
    around = hidden - center
    moments = around.T @ around / len(around)
    moments += (_RIDGE * np.trace(moments) / len(moments) + _LEAST) * np.eye(len(moments))
    change = np.linalg.solve(moments, around.T @ (residual - mean) / len(around)).T
    bias = weights["head.bias"] + mean - change @ center
    return (weights["head.weight"] + change).astype(np.float32), bias.astype(np.float32)
