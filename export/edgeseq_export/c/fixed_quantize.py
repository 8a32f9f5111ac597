"""From a checkpoint to a model in fixed point: its matrices rounded row by row, then the head fitted anew."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.model import architecture
from edgeseq.model.cells import CELLS
from edgeseq.model.checkpoint import Checkpoint, Weights
from edgeseq.reference import Oracle
from edgeseq_export.c.fixed_program import (
    INPUT,
    LARGEST,
    MOST_COLUMNS,
    OUTPUT,
    SHARP,
    SUM,
    TABLE_STEP,
    UNIT,
    FixedLayer,
    FixedProgram,
    Integers,
    Scaled,
    shifted,
)
from edgeseq_export.c.fixed_reference import FixedReference
from edgeseq_export.graph import calibration
from edgeseq_export.graph.quantization import fit_head, round_rows
from edgeseq_export.graph.weights import output_scales
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import FEATURES, RUNNING, STREAM, Spec

_LONG = 22
"""Bits of a factor for sums that may have 40."""


def program(checkpoint: Checkpoint) -> FixedProgram:
    """Return a checkpoint's program in fixed point; the head is fitted to the hidden units that come of it.

    Raises `UsageError` for a network that is too wide for it.
    """
    spec, weights = checkpoint.spec, checkpoint.weights
    columns = max(architecture.inputs(spec), spec.hidden, spec.linear_path)
    if columns > MOST_COLUMNS:
        raise UsageError(f"fixed point takes at most {MOST_COLUMNS} columns in a matrix; this network has {columns}")
    samples = calibration.samples(checkpoint)
    hidden, output = FixedReference(_rounded(spec, weights)).run_network(samples)
    residual = _float_outputs(spec, weights, samples) - output
    counts = min(spec.warmup, len(samples) // 2)  # samples of the warm-up
    rows = [values[counts:].reshape(-1, values.shape[2]) for values in (residual, hidden)]
    weight, bias = fit_head(weights, *rows)
    return _rounded(spec, {**weights, "head.weight": weight, "head.bias": bias})


def _rounded(spec: Spec, weights: Weights) -> FixedProgram:
    """Return the program of weights as they are."""
    paths = {
        name: _without_bias(weights[f"{name}.weight"], bits)
        for name, bits in (("linear", INPUT), ("known", INPUT), ("coefficient", UNIT))
        if f"{name}.weight" in weights
    }
    factors, shift = _as_factors(output_scales(spec) / (1 << OUTPUT))
    return FixedProgram(
        spec=spec,
        layers=tuple(_layer(spec, weights, layer) for layer in range(spec.layers)),
        head=_scaled(weights["head.weight"], weights["head.bias"], UNIT, OUTPUT, bits=16, factor_bits=_LONG),
        linear=paths.get("linear"),
        known=paths.get("known"),
        coefficient=paths.get("coefficient"),
        input_factors=tuple(float(np.float32(factor)) for factor in _input_factors(spec)),
        output_factors=factors,
        output_shift=shift,
        table=_sigmoid_table(),
    )


def _without_bias(weight: npt.NDArray[np.float32], input_bits: int) -> Scaled:
    """Return a matrix (row, ...) whose sums are added to what the head gives."""
    matrix = weight.reshape(len(weight), -1)
    return _scaled(matrix, np.zeros(len(matrix), np.float32), input_bits, OUTPUT, factor_bits=_LONG)


def _layer(spec: Spec, weights: Weights, layer: int) -> FixedLayer:
    W, R, b_x, b_h = (weights[f"cell.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    b_x, b_h = _joined_biases(spec, b_x, b_h)
    matrices = _scaled(W, b_x, UNIT if layer else INPUT, SUM), _scaled(R, b_h, UNIT, SUM)
    return FixedLayer(*_with_one_shift(matrices))


def _joined_biases(
    spec: Spec, b_x: npt.NDArray[np.float32], b_h: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return a layer's biases (gate * hidden,) with the second one added to the first, and zero, where it may be."""
    first, second = b_x + b_h, np.zeros_like(b_h)
    for gate in CELLS[spec.cell].two_biases:
        rows = slice(gate * spec.hidden, (gate + 1) * spec.hidden)
        first[rows], second[rows] = b_x[rows], b_h[rows]
    return first, second


def _scaled(
    matrix: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    input_bits: int,
    sum_bits: int,
    *,
    bits: int = 8,
    factor_bits: int = 30,
) -> Scaled:
    """Return a matrix of integers of so many `bits`.

    Its inputs have `input_bits` behind the point; its scaled sums, and its bias, have `sum_bits`.
    """
    integers, scale = round_rows(matrix, bits)
    factor, shift = _as_factors(scale[:, 0].astype(np.float64) * 2.0 ** (sum_bits - input_bits), factor_bits)
    whole = np.rint(bias.astype(np.float64) * (1 << sum_bits)).astype(np.int64)
    return Scaled(integers.astype(np.int64), factor, shift, whole)


def _with_one_shift(matrices: Iterable[Scaled]) -> Iterable[Scaled]:
    """Return matrices whose scaled sums can be added before they are shifted."""
    matrices = tuple(matrices)
    shift = min(matrix.shift for matrix in matrices)
    return [replace(matrix, factor=shifted(matrix.factor, matrix.shift - shift), shift=shift) for matrix in matrices]


def _as_factors(numbers: npt.NDArray[np.float64], bits: int = 30) -> tuple[Integers, int]:
    """Return positive numbers as integers of at most so many bits, which stand for themselves / 2^shift.

    One shift for all. A sum of 31 bits times a factor of 30 fits into 64.
    """
    shift = int(np.clip(bits - np.ceil(np.log2(numbers.max())), 1, 62))
    return np.rint(numbers * 2.0**shift).astype(np.int64), shift


def _input_factors(spec: Spec) -> Sequence[float]:
    """Return what each input of the network is multiplied with; see `FixedProgram.input_factors`."""
    sharp = float(1 << (INPUT + SHARP))
    if spec.scaling == RUNNING:
        return [sharp] * architecture.inputs(spec)
    if spec.layout != STREAM:
        scales = [sharp / feature.scale for feature in spec.features]
        return scales * spec.window if spec.layout == FEATURES else scales
    levels = [sharp / feature.scale for feature in spec.features if feature.level]
    ahead = [sharp / column.scale for column in spec.known] * spec.horizon
    return [*levels, *(sharp / feature.change for feature in spec.features), *ahead]


def _sigmoid_table() -> Integers:
    """Return the sigmoid, with 15 bits, at each place of the table; the last twice, for the line beyond it."""
    places = np.arange((LARGEST >> TABLE_STEP) + 2) / (1 << (SUM - TABLE_STEP))
    sigmoid = np.rint((1 << UNIT) / (1 + np.exp(-places))).astype(np.int64)
    return np.minimum(sigmoid, (1 << UNIT) - 1)


def _float_outputs(spec: Spec, weights: Mapping[str, Any], samples: calibration.Samples) -> npt.NDArray[np.float64]:
    """Return what the float network gives for samples (time, stream, input), (time, stream, output)."""
    said: list[npt.NDArray[np.float64]] = []
    Oracle(spec, weights, watch=lambda name, values: said.append(values) if name == "said" else None).run(samples)
    return np.stack(said)
