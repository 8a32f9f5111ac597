"""The reference of a model in fixed point: its step function in NumPy, which the C equals bit for bit."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.model import running_scale
from edgeseq.model.cells import memory_names
from edgeseq.model.scaling import per_output
from edgeseq_export.c import fixed_running
from edgeseq_export.c.fixed_program import (
    CELL,
    CELL_LIMIT,
    INPUT,
    LARGEST,
    OUTPUT,
    SHARP,
    SUM,
    TABLE_STEP,
    UNIT,
    FixedLayer,
    FixedProgram,
    Integers,
    shifted,
    to_input,
)
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import CHANGE, FEATURES, GAIN, OFFSET, RUNNING, STREAM
from edgeseq_runtime.streaming.sensors import Scale

Units: TypeAlias = dict[str, Integers]
"""h1, c1, ... -> what a layer remembers, (batch, hidden)."""


@dataclass
class _Memory:
    """What streams carry from one sample to the next."""

    last: Float32 | None
    """The last sample, (batch, feature); None in fresh streams."""
    window: Float32
    """The last samples but the newest, less their centers, (batch, feature, time); none in a stream."""
    changes: Integers
    """What the linear path sees but the newest, (batch, feature, time)."""
    stream: Float32
    """What a running scale follows, (batch, 13); see `fixed_running`."""
    units: Units


class FixedReference:
    """The step function of a program in fixed point."""

    def __init__(self, program: FixedProgram) -> None:
        self._program, self._spec = program, program.spec
        self._factors = np.array(program.input_factors, np.float32)
        self._centers = np.array([feature.center for feature in self._spec.features], np.float32)
        self._ahead_centers = np.array([column.center for column in self._spec.known * self._spec.horizon], np.float32)
        self._levels = [at for at, feature in enumerate(self._spec.features) if feature.level]

    def run(self, samples: npt.ArrayLike, sensor: Scale | None = None) -> Float32:
        """Take samples (time, batch, input) of fresh streams; return forecasts (time, batch, horizon * target)."""
        x = np.asarray(samples, np.float32)
        if sensor is None:
            return self._run(x)
        states = sensor.states()
        offset, factor = states[OFFSET][0], np.float32(1) + states[GAIN][0]
        own = slice(len(self._spec.features))
        typical = x.copy()
        typical[..., own] = (x[..., own] - offset) / factor
        return np.asarray(self._per_output(offset) + self._per_output(factor) * self._run(typical))

    def run_network(self, samples: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Take samples as `run` does; return the last layer's units and what the network gives.

        (time, batch, hidden) and (time, batch, output), before they are brought to the targets' units.
        """
        x = np.asarray(samples, np.float32)
        memory = self._fresh(x.shape[1])
        steps = [self._step(sample, memory) for sample in x]
        hidden, outputs = (np.stack(parts).astype(np.float64) for parts in zip(*steps, strict=True))
        return hidden / (1 << UNIT), outputs / (1 << OUTPUT)

    def _run(self, x: Float32) -> Float32:
        memory = self._fresh(x.shape[1])
        return np.stack([self._forecast(sample, self._step(sample, memory)[1], memory) for sample in x])

    def _fresh(self, batch: int) -> _Memory:
        spec = self._spec
        return _Memory(
            last=None,
            window=np.zeros((batch, len(spec.features), max(0, spec.window - 1)), np.float32),
            changes=np.zeros((batch, len(spec.measured), max(0, spec.linear_path - 1)), np.int64),
            stream=np.zeros((batch, running_scale.STATES), np.float32),
            units=self._fresh_units(batch),
        )

    def _fresh_units(self, batch: int) -> Units:
        names = memory_names(self._spec.cell, self._spec.layers)
        return {name: np.zeros((batch, self._spec.hidden), np.int64) for name in names}

    def _step(self, x: Float32, memory: _Memory) -> tuple[Integers, Integers]:
        """Move on by a sample (batch, input); return the last layer's units and what the network gives."""
        if self._spec.scaling == RUNNING:
            seen, memory.stream = fixed_running.follow(x, memory.stream)
            hidden = self._layers(to_input(seen * np.float32(1 << (INPUT + SHARP))), memory.units)
            return hidden, self._head(hidden)
        if self._spec.layout == STREAM:
            return self._stream(x, memory)
        return self._window(x, memory)

    def _stream(self, x: Float32, memory: _Memory) -> tuple[Integers, Integers]:
        """One sample after the other: the network sees level and change, and its memory is carried along."""
        x, ahead = np.split(x, [len(self._spec.features)], axis=1)
        last = x if memory.last is None else memory.last
        memory.last = x
        parts = (x - self._centers)[:, self._levels], x - last, ahead - self._ahead_centers
        sharp = np.concatenate(parts, axis=1)
        inputs = to_input(sharp * self._factors)
        hidden = self._layers(inputs, memory.units)
        output = self._head(hidden)
        linear = self._program.linear
        if self._spec.known:
            output = output + self._of_known(inputs[:, inputs.shape[1] - ahead.shape[1] :], hidden)
        if linear:
            changes = inputs[:, len(self._levels) :][:, : len(self._spec.measured), None]
            recent = np.concatenate([memory.changes, changes], axis=2)
            memory.changes = recent[:, :, 1:]
            output = output + linear.scaled(linear.products(recent.reshape(len(x), -1)))
        return hidden, output

    def _of_known(self, ahead: Integers, hidden: Integers) -> Integers:
        """Return what is known ahead (batch, step * column) counts for: by constant weights, and by the units."""
        known, coefficient, spec = self._program.known, self._program.coefficient, self._spec
        assert known is not None
        assert coefficient is not None
        by = coefficient.scaled(coefficient.products(hidden))
        by = np.clip(by, -CELL_LIMIT, CELL_LIMIT).reshape(len(ahead), spec.horizon, len(spec.targets), -1)
        sums = (by * ahead.reshape(len(ahead), spec.horizon, 1, -1)).sum(axis=3).reshape(len(ahead), -1)
        return known.scaled(known.products(ahead)) + shifted(sums, INPUT)

    def _window(self, x: Float32, memory: _Memory) -> tuple[Integers, Integers]:
        """The last samples together, to a network without memory: as one step of many features, or as many steps."""
        window = np.concatenate([memory.window, (x - self._centers)[:, :, None]], axis=2)  # (batch, feature, time)
        memory.window = window[:, :, 1:]
        steps = window.transpose(2, 0, 1)  # (time, batch, feature)
        if self._spec.layout == FEATURES:
            steps = np.concatenate(list(steps), axis=1)[None]
        units = self._fresh_units(len(x))
        for step in steps:
            hidden = self._layers(to_input(step * self._factors), units)
        return hidden, self._head(hidden)

    def _layers(self, signal: Integers, units: Units) -> Integers:
        """Run the layers on one step of inputs (batch, input); return the last one's units. `units` move on."""
        for number, layer in enumerate(self._program.layers, start=1):
            h, c = f"h{number}", f"c{number}"
            if self._spec.cell == "lstm":
                output, units[c] = self._lstm(layer, signal, units[h], units[c])
            elif self._spec.cell == "gru":
                output = self._gru(layer, signal, units[h])
            else:
                output = self._rnn(layer, signal, units[h])
            units[h] = signal = np.clip(output, -LARGEST, LARGEST)
        return signal

    def _lstm(self, layer: FixedLayer, x: Integers, h: Integers, c: Integers) -> tuple[Integers, Integers]:
        """Return h' = o tanh(c') and c' = f c + i g; see `edgeseq.reference.lstm_step`."""
        i, f, g, o = np.split(layer.sums(x, h), 4, axis=1)
        c = shifted(self._sigmoid(f) * c, UNIT) + shifted(self._sigmoid(i) * self._tanh(g), 2 * UNIT - CELL)
        c = np.clip(c, -CELL_LIMIT, CELL_LIMIT)
        return shifted(self._sigmoid(o) * self._tanh(shifted(c, CELL - SUM)), UNIT), c

    def _gru(self, layer: FixedLayer, x: Integers, h: Integers) -> Integers:
        """Return h' = (1 - z) n + z h, with n = tanh(W x + r (R h)); see `edgeseq.reference.gru_step`."""
        r, z, _ = map(self._sigmoid, np.split(layer.sums(x, h), 3, axis=1))
        of_x = layer.of_input.scaled(layer.of_input.products(x))
        of_h = layer.of_memory.scaled(layer.of_memory.products(h))
        n_x, n_h = (np.clip(sums[:, 2 * self._spec.hidden :], -LARGEST, LARGEST) for sums in (of_x, of_h))
        n = self._tanh(n_x + shifted(r * n_h, UNIT))
        return shifted(((1 << UNIT) - z) * n + z * h, UNIT)

    def _rnn(self, layer: FixedLayer, x: Integers, h: Integers) -> Integers:
        """Return h' = tanh(W x + R h); see `edgeseq.reference.rnn_step`."""
        return self._tanh(layer.sums(x, h))

    def _head(self, hidden: Integers) -> Integers:
        head = self._program.head
        return head.scaled(head.products(hidden))

    def _sigmoid(self, z: Integers) -> Integers:
        """Return the sigmoid of a sum, 0 to 2^15."""
        size = np.minimum(np.abs(z), LARGEST)
        at, between = size >> TABLE_STEP, size & ((1 << TABLE_STEP) - 1)
        low, high = self._program.table[at], self._program.table[at + 1]
        value = low + shifted((high - low) * between, TABLE_STEP)
        return np.asarray(np.where(z < 0, (1 << UNIT) - value, value))

    def _tanh(self, z: Integers) -> Integers:
        """Return the hyperbolic tangent of a sum, -2^15 to 2^15: 2 sigmoid(2 z) - 1."""
        return 2 * self._sigmoid(2 * np.clip(z, -LARGEST, LARGEST)) - (1 << UNIT)

    def _forecast(self, x: Float32, output: Integers, memory: _Memory) -> Float32:
        """Return the forecasts (batch, output) in the targets' units, of what the network gives after a sample."""
        output = np.clip(output, -CELL_LIMIT, CELL_LIMIT)
        scale = np.float32(2.0**-self._program.output_shift)
        distance = (output * self._program.output_factors).astype(np.float32) * scale
        if self._spec.scaling == RUNNING:
            distance = fixed_running.by_scale(distance, memory.stream, self._spec.horizon)
        base = x[:, : len(self._centers)]
        if self._spec.predicts != CHANGE:
            base = np.broadcast_to(self._centers, base.shape)
        return np.asarray(self._per_output(base) + distance, np.float32)

    def _per_output(self, values: Float32) -> Float32:
        """Return what belongs to the targets of values (batch, feature), for each output, (batch, output)."""
        return per_output(values[:, : len(self._spec.targets)], self._spec.horizon)
