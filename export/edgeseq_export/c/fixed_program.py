"""A model in fixed point: int8 weights, int16 activations, int32 sums; and its reference, which C equals to the bit.

Numbers, as integers q that stand for q / 2^bits:

    inputs of the network    16 bits    11 behind the point, so from -16 to 16 typical changes or deviations
    hidden units h           16 bits    15: they lie between -1 and 1
    cells c                  32 bits    16
    sums before a gate       32 bits    12, cut at -8 and 8, where gates are shut or open
    gates                    32 bits    15, from a table of the sigmoid with straight lines between its entries
    what the network says    32 bits    16

Only differences of samples, their product with one constant and the last addition are done in float, one operation at a
time, so that no compiler can round them differently.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.model import architecture
from edgeseq.model.checkpoint import Checkpoint, Weights
from edgeseq_export.graph import calibration
from edgeseq_export.graph.quantization import fit_head, round_rows
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import CHANGE, FEATURES, GAIN, OFFSET, STREAM, Spec
from edgeseq_runtime.streaming.sensors import Scale

Integers = npt.NDArray[np.int64]

INPUT, UNIT, CELL, SUM, SAID = 11, 15, 16, 12, 16
"""Bits behind the point."""

TABLE_STEP = 7
"""A table entry for each 2^7 of a sum: 32 for a unit of the sigmoid's argument."""

LARGEST = 32767
"""Of 16 bits."""

MOST_COLUMNS = 512
"""Of a matrix: the sums of more could overflow."""

SHARP = 4
"""Further bits of an input before it is rounded."""

_LONG = 22
"""Bits of a factor for sums that may have 40."""

CELL_LIMIT = 1 << 30
"""Of a cell, and of what the network says."""


@dataclass(frozen=True)
class Scaled:
    """A matrix of integers, and what brings its sums to the wanted bits: (sum * factor) >> shift, plus bias."""

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
        """Return sums (batch, row) with the bits that are wanted, and the bias."""
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
    input_factors: tuple[float, ...]
    """Float32: what a level (first) or a change is multiplied with, `SHARP` bits finer than an input."""
    output_factors: Integers
    """(output,): what the network says times this, shifted by `output_shift`, is in the target's unit."""
    output_shift: int
    table: Integers
    """The sigmoid at 0, 1/32, ..., 8, and once more at 8."""


def program(checkpoint: Checkpoint) -> FixedProgram:
    """Return a checkpoint's program in fixed point; the head is fitted to the hidden units that come of it.

    Raises `UsageError` for a network that is too wide for it.
    """
    spec, weights = checkpoint.spec, checkpoint.weights
    columns = max(architecture.inputs(spec), spec.hidden, spec.linear_path)
    if columns > MOST_COLUMNS:
        raise UsageError(f"fixed point takes at most {MOST_COLUMNS} columns in a matrix; this network has {columns}")
    made = _program(spec, weights)
    samples = calibration.samples(checkpoint)
    heard = FixedReference(made)
    hidden, said = heard.listen(samples)
    lacking = _said_by_float(spec, weights, samples) - said
    counts = min(spec.warmup, len(samples) // 2)
    flat_hidden, flat_lacking = (array[counts:].reshape(-1, array.shape[2]) for array in (hidden, lacking))
    weight, bias = fit_head(weights, flat_lacking, flat_hidden)
    return _program(spec, {**weights, "head.weight": weight, "head.bias": bias})


class FixedReference:
    """The step function of a program in fixed point, in NumPy: what the C must equal bit for bit."""

    def __init__(self, made: FixedProgram) -> None:
        self._made, self._spec = made, made.spec
        self._factors = np.array(made.input_factors, np.float32)
        self._centers = np.array([feature.center for feature in self._spec.features], np.float32)
        self._levels = [at for at, feature in enumerate(self._spec.features) if feature.level]

    def run(self, samples: npt.ArrayLike, sensor: Scale | None = None) -> npt.NDArray[np.float32]:
        """Take samples (time, batch, feature) of fresh streams; return forecasts (time, batch, horizon * target)."""
        x = np.asarray(samples, np.float32)
        memory = self._fresh(x.shape[1])
        if sensor is None:
            return np.stack([self._forecast(sample, self._step(sample, memory)[1]) for sample in x])
        states = sensor.states()
        offset, factor = states[OFFSET][0], np.float32(1) + states[GAIN][0]
        typical = (x - offset) / factor
        y = np.stack([self._forecast(sample, self._step(sample, memory)[1]) for sample in typical])
        targets = len(self._spec.targets)
        return np.asarray(
            np.tile(offset[:, :targets], self._spec.horizon) + np.tile(factor[:, :targets], self._spec.horizon) * y
        )

    def listen(self, samples: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return what the last layer gives, (time, batch, hidden), and what the network says, (..., output)."""
        x = np.asarray(samples, np.float32)
        memory = self._fresh(x.shape[1])
        steps = [self._step(sample, memory) for sample in x]
        hidden, said = (np.stack(parts).astype(np.float64) for parts in zip(*steps, strict=True))
        return hidden / (1 << UNIT), said / (1 << SAID)

    def _fresh(self, batch: int) -> dict[str, Any]:
        spec = self._spec
        features = len(spec.features)
        memory: dict[str, Any] = {"last": None}
        if spec.linear_path:
            memory["changes"] = np.zeros((batch, len(spec.measured), spec.linear_path - 1), np.int64)
        if spec.layout != STREAM:
            memory["window"] = np.zeros((batch, features, spec.window - 1), np.float32)
        return memory | self._rest(batch)

    def _rest(self, batch: int) -> dict[str, Integers]:
        """Return the layers' memory of fresh streams."""
        kinds = "hc" if self._spec.cell == "lstm" else "h"
        return {
            f"{kind}{n}": np.zeros((batch, self._spec.hidden), np.int64)
            for n in range(1, self._spec.layers + 1)
            for kind in kinds
        }

    def _step(self, x: npt.NDArray[np.float32], memory: dict[str, Any]) -> tuple[Integers, Integers]:
        """Move on by a sample (batch, feature); return the hidden units and what the network says."""
        if self._spec.layout == STREAM:
            return self._stream(x, memory)
        return self._window(x, memory)

    def _stream(self, x: npt.NDArray[np.float32], memory: dict[str, Any]) -> tuple[Integers, Integers]:
        last = x if memory["last"] is None else memory["last"]
        memory["last"] = x
        given = np.concatenate([(x - self._centers)[:, self._levels], x - last], axis=1)
        inputs = to_input(given * self._factors)
        hidden = self._network(inputs, memory)
        said = self._made.head.scaled(self._made.head.products(hidden))
        if self._made.linear:
            measured = len(self._spec.measured)
            changes = inputs[:, len(self._levels) :][:, :measured, None]
            recent = np.concatenate([memory["changes"], changes], axis=2)
            memory["changes"] = recent[:, :, 1:]
            said = said + self._made.linear.scaled(self._made.linear.products(recent.reshape(len(x), -1)))
        return hidden, said

    def _window(self, x: npt.NDArray[np.float32], memory: dict[str, Any]) -> tuple[Integers, Integers]:
        window = np.concatenate([memory["window"], (x - self._centers)[:, :, None]], axis=2)  # (batch, feature, time)
        memory["window"] = window[:, :, 1:]
        steps = window.transpose(2, 0, 1)  # (time, batch, feature)
        if self._spec.layout == FEATURES:
            steps = np.concatenate(list(steps), axis=1)[None]
        rest = self._rest(len(x))
        for step in steps:
            hidden = self._network(to_input(step * self._factors), rest)
        return hidden, self._made.head.scaled(self._made.head.products(hidden))

    def _network(self, signal: Integers, memory: dict[str, Any]) -> Integers:
        """Run the layers on one step of inputs (batch, input)."""
        for number, layer in enumerate(self._made.layers, start=1):
            h = memory[f"h{number}"]
            if self._spec.cell == "lstm":
                i, f, g, o = np.split(layer.sums(signal, h), 4, axis=1)
                c = shifted(self._sigmoid(f) * memory[f"c{number}"], UNIT)
                c = c + shifted(self._sigmoid(i) * self._tanh(g), 2 * UNIT - CELL)
                memory[f"c{number}"] = c = np.clip(c, -CELL_LIMIT, CELL_LIMIT)
                signal = shifted(self._sigmoid(o) * self._tanh(shifted(c, CELL - SUM)), UNIT)
            elif self._spec.cell == "gru":
                r, z, _ = map(self._sigmoid, np.split(layer.sums(signal, h), 3, axis=1))
                of_x, of_h = (
                    part.scaled(part.products(given))
                    for part, given in ((layer.of_input, signal), (layer.of_memory, h))
                )
                n_x, n_h = (np.clip(sums[:, 2 * self._spec.hidden :], -LARGEST, LARGEST) for sums in (of_x, of_h))
                n = self._tanh(n_x + shifted(r * n_h, UNIT))
                signal = shifted(((1 << UNIT) - z) * n + z * h, UNIT)
            else:
                signal = self._tanh(layer.sums(signal, h))
            memory[f"h{number}"] = signal = np.clip(signal, -LARGEST, LARGEST)
        return signal

    def _sigmoid(self, z: Integers) -> Integers:
        """Return the sigmoid of a sum, 0 to 2^15."""
        size = np.minimum(np.abs(z), LARGEST)
        at, between = size >> TABLE_STEP, size & ((1 << TABLE_STEP) - 1)
        low, high = self._made.table[at], self._made.table[at + 1]
        value = low + shifted((high - low) * between, TABLE_STEP)
        return np.asarray(np.where(z < 0, (1 << UNIT) - value, value))

    def _tanh(self, z: Integers) -> Integers:
        """Return the hyperbolic tangent of a sum, -2^15 to 2^15: 2 sigmoid(2 z) - 1."""
        return 2 * self._sigmoid(2 * np.clip(z, -LARGEST, LARGEST)) - (1 << UNIT)

    def _forecast(self, x: npt.NDArray[np.float32], said: Integers) -> npt.NDArray[np.float32]:
        """Return the forecasts (batch, output) in the targets' units."""
        said = np.clip(said, -CELL_LIMIT, CELL_LIMIT)
        steps = (said * self._made.output_factors).astype(np.float32) * np.float32(2.0**-self._made.output_shift)
        base = x if self._spec.predicts == CHANGE else np.broadcast_to(self._centers, x.shape)
        return np.asarray(np.tile(base[:, : len(self._spec.targets)], self._spec.horizon) + steps, np.float32)


def shifted(value: Integers, bits: int) -> Integers:
    """Return value / 2^bits, rounded to the nearest; halves up."""
    return (value + ((1 << bits) >> 1)) >> bits


def to_input(sharp: npt.NDArray[np.float32]) -> Integers:
    """Return inputs that are `SHARP` bits finer, and float32, as the integers that the network takes."""
    limit = np.float32((LARGEST + 1) << SHARP)
    whole = np.trunc(np.clip(sharp, -limit, limit)).astype(np.int64)  # as C does, towards zero
    return np.clip(shifted(whole, SHARP), -LARGEST, LARGEST)


def _program(spec: Spec, weights: Weights) -> FixedProgram:
    layers = []
    for layer in range(spec.layers):
        W, R, b_x, b_h = (weights[f"cell.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        alone = np.arange(len(b_h)) >= 2 * spec.hidden if spec.cell == "gru" else np.zeros(len(b_h), bool)
        b_x, b_h = b_x + np.where(alone, 0, b_h), np.where(alone, b_h, 0)  # a GRU's candidate alone keeps two biases
        parts = _scaled(W, b_x, UNIT if layer else INPUT, SUM), _scaled(R, b_h, UNIT, SUM)
        layers.append(FixedLayer(*_with_one_shift(parts)))
    linear = None
    if spec.linear_path:
        matrix = weights["linear.weight"].reshape(spec.outputs, -1)
        linear = _scaled(matrix, np.zeros(spec.outputs, np.float32), INPUT, SAID, factor_bits=_LONG)
    factors, shift = _as_factors(np.array(spec.target_scales, np.float64).reshape(-1) / (1 << SAID))
    return FixedProgram(
        spec=spec,
        layers=tuple(layers),
        head=_scaled(weights["head.weight"], weights["head.bias"], UNIT, SAID, bits=16, factor_bits=_LONG),
        linear=linear,
        input_factors=tuple(float(np.float32(factor)) for factor in _input_factors(spec)),
        output_factors=factors,
        output_shift=shift,
        table=_table(),
    )


def _scaled(
    matrix: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    given: int,
    wanted: int,
    *,
    bits: int = 8,
    factor_bits: int = 30,
) -> Scaled:
    """Return a matrix of integers for inputs with `given` bits behind the point, whose sums get `wanted`."""
    integers, scale = round_rows(matrix, bits)
    factor, shift = _as_factors(scale[:, 0].astype(np.float64) * 2.0 ** (wanted - given), factor_bits)
    whole = np.rint(bias.astype(np.float64) * (1 << wanted)).astype(np.int64)
    return Scaled(integers.astype(np.int64), factor, shift, whole)


def _with_one_shift(parts: Iterable[Scaled]) -> Iterable[Scaled]:
    """Return matrices whose scaled sums can be added before they are shifted."""
    parts = tuple(parts)
    shift = min(part.shift for part in parts)
    return [replace(part, factor=shifted(part.factor, part.shift - shift), shift=shift) for part in parts]


def _as_factors(numbers: npt.NDArray[np.float64], bits: int = 30) -> tuple[Integers, int]:
    """Return positive numbers as integers of at most so many bits, which stand for themselves / 2^shift.

    One shift for all. A sum of 31 bits times a factor of 30 fits into 64.
    """
    shift = int(np.clip(bits - np.ceil(np.log2(numbers.max())), 1, 62))
    return np.rint(numbers * 2.0**shift).astype(np.int64), shift


def _input_factors(spec: Spec) -> Sequence[float]:
    sharp = float(1 << (INPUT + SHARP))
    if spec.layout != STREAM:
        scales = [sharp / feature.scale for feature in spec.features]
        return scales * spec.window if spec.layout == FEATURES else scales
    levels = [sharp / feature.scale for feature in spec.features if feature.level]
    return [*levels, *(sharp / feature.change for feature in spec.features)]


def _table() -> Integers:
    """Return the sigmoid, with 15 bits, at each place of the table; the last twice, for the line beyond it."""
    places = np.arange((LARGEST >> TABLE_STEP) + 2) / (1 << (SUM - TABLE_STEP))
    found = np.rint((1 << UNIT) / (1 + np.exp(-places))).astype(np.int64)
    return np.minimum(found, (1 << UNIT) - 1)


def _said_by_float(spec: Spec, weights: Mapping[str, Any], samples: calibration.Samples) -> npt.NDArray[np.float64]:
    """Return what the float network says of samples (time, stream, feature), (time, stream, output)."""
    from edgeseq.reference import Oracle

    y, _ = Oracle(spec, weights).run(samples)
    base = samples if spec.predicts == CHANGE else np.broadcast_to([f.center for f in spec.features], samples.shape)
    targets = np.tile(base[..., : len(spec.targets)].astype(np.float64), spec.horizon)
    return np.asarray((y - targets) / np.array(spec.target_scales).reshape(-1))
