"""The oracle: the cells' equations in plain NumPy, float64, one step at a time. Every engine is compared with it.

Weights are torch's: `weight_ih` (gates * hidden, input), `weight_hh` (gates * hidden, hidden), and a bias for each,
with the gates stacked in the order that each function names.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.model import architecture
from edgeseq.model.cells import CELLS, memory_names
from edgeseq.model.running_scale import KNOTS, YOUNG
from edgeseq.model.scaling import per_output
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import CHANGE, FEATURES, GAIN, OFFSET, RUNNING, SCALE, SETTINGS, STEP, STREAM, Spec

States64: TypeAlias = dict[str, Float64]
"""Name of a state -> its value, in the model file's shape."""


def sigmoid(z: Float64) -> Float64:
    """1 / (1 + exp(-z)), written with tanh so that nothing overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def rnn_step(x: Float64, h: Float64, W: Float64, R: Float64, b_x: Float64, b_h: Float64) -> Float64:
    """Elman's recurrent cell: h' = tanh(W x + b_x + R h + b_h).

    x (batch, input), h (batch, hidden); returns h' (batch, hidden). J. L. Elman, "Finding Structure in Time",
    Cognitive Science 14 (1990).
    """
    return np.tanh(x @ W.T + b_x + h @ R.T + b_h)


class Gates(NamedTuple):
    """What an LSTM makes of its input and its last output, each (batch, hidden), in torch's order."""

    i: Float64
    """Input gate, 0 to 1: how much of the new state enters the cell."""
    f: Float64
    """Forget gate, 0 to 1: how much of the cell stays."""
    g: Float64
    """New state, -1 to 1: what is to enter."""
    o: Float64
    """Output gate, 0 to 1: how much of the cell is shown."""


def lstm_gates(x: Float64, h: Float64, W: Float64, R: Float64, b_x: Float64, b_h: Float64) -> Gates:
    """Return an LSTM's gates for x (batch, input) and h (batch, hidden)."""
    i, f, g, o = np.split(x @ W.T + b_x + h @ R.T + b_h, 4, axis=-1)
    return Gates(sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o))


def lstm_step(
    x: Float64, h: Float64, c: Float64, W: Float64, R: Float64, b_x: Float64, b_h: Float64
) -> tuple[Float64, Float64]:
    """Long short-term memory with a forget gate: c' = f c + i g and h' = o tanh(c'), with the `Gates` i, f, g, o.

    x (batch, input), h and c (batch, hidden); returns h' and c'. S. Hochreiter and J. Schmidhuber, "Long
    Short-Term Memory", Neural Computation 9 (1997); forget gate: F. Gers et al., Neural Computation 12 (2000).
    """
    i, f, g, o = lstm_gates(x, h, W, R, b_x, b_h)
    c = f * c + i * g
    return o * np.tanh(c), c


def gru_step(x: Float64, h: Float64, W: Float64, R: Float64, b_x: Float64, b_h: Float64) -> Float64:
    """Gated recurrent unit; gates in the order reset, update, new.

    The reset gate acts after the matrix product, bias included, as in torch and cuDNN. x (batch, input), h (batch,
    hidden); returns h'. K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014.
    """
    r_x, z_x, n_x = np.split(x @ W.T + b_x, 3, axis=-1)
    r_h, z_h, n_h = np.split(h @ R.T + b_h, 3, axis=-1)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = np.tanh(n_x + r * n_h)
    return (1.0 - z) * n + z * h


def cell_step(cell: str, x: Float64, memory: Sequence[Float64], *parameters: Float64) -> tuple[Float64, ...]:
    """Return the next memory of a cell of that kind, each (batch, hidden); the first of it is the cell's output.

    `memory` is h, and of an LSTM c; `parameters` are W, R, b_x and b_h.
    """
    if cell == "lstm":
        return lstm_step(x, *memory, *parameters)
    step = gru_step if cell == "gru" else rnn_step
    return (step(x, *memory, *parameters),)


def running_step(x: Float64, stream: Float64) -> tuple[Float64, Float64]:
    """Take samples (batch, 1) and what a running scale follows (batch, 13), zeros for a fresh stream.

    Returns what the network sees, (batch, 12), and what is followed from here on: last sample, age, distances from five
    levels, mean absolute change over 30 and over 500 samples, spread, change, rarity, likeness.
    """
    last, age, distance, size, spread, change, rarity, likeness = np.split(stream, [1, 2, 7, 9, 10, 11, 12], axis=1)
    d = np.where(age > 0, x - last, 0.0)
    age = np.minimum(age + 1, 4096)
    changes = np.maximum(age - 1, 1)

    distance = (1 - np.maximum(1 / age, 1 / np.array([4.0, 16.0, 64.0, 256.0, 1024.0]))) * (distance + d)
    size = _running_mean(size, np.abs(d), changes, np.array([30.0, 500.0]))
    scale = size.max(axis=1, keepdims=True)
    spread = _running_mean(spread, np.abs(distance[:, 3:4]), changes, 500.0)
    earlier, change = change, np.arcsinh(_ratio(d, scale))
    rarity = _running_mean(rarity, _ratio(np.abs(d), np.abs(d) + scale), changes, 64.0)
    likeness = _running_mean(likeness, change * earlier, changes, 64.0)

    features = [
        change,
        np.arcsinh(_ratio(distance, scale)),
        np.arcsinh(_ratio(distance[:, 4:], spread)),
        np.log(_ratio(spread, scale) + 0.01),
        np.log(_ratio(size[:, :1], scale) + 0.01),
        rarity,
        likeness,
        1 / np.sqrt(age),
    ]
    return np.hstack(features), np.hstack([x, age, distance, size, spread, change, rarity, likeness])


def _running_mean(mean: Float64, value: Float64, count: Float64, length: Float64 | float) -> Float64:
    """Return a mean over the `count` values so far, and once they are more, an exponential one over `length`."""
    return mean + np.maximum(1 / count, 1 / length) * (value - mean)


def _ratio(one: Float64, other: Float64) -> Float64:
    """Return one / other, 0 where the other is 0."""
    return np.divide(one, other, out=np.zeros(np.broadcast_shapes(one.shape, other.shape)), where=other != 0)


class Oracle:
    """The step function of a checkpoint, in raw units, float64: what a model file must agree with.

    `weights` are the network's, by torch's names; batches are independent streams. `watch` is shown what the
    "head" is multiplied with, (batch, hidden), and what all of the network has "said", (batch, output).
    """

    def __init__(
        self,
        spec: Spec,
        weights: Mapping[str, npt.ArrayLike],
        watch: Callable[[str, Float64], None] = lambda _name, _inputs: None,
    ) -> None:
        self._spec, self._watch = spec, watch
        self._weights = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        self._output_scales = np.array(spec.target_scales).reshape(-1)  # (horizon * target,)
        self._changes = np.array([feature.change for feature in spec.features])
        self._centers = np.array([feature.center for feature in spec.features])
        self._scales = np.array([feature.scale for feature in spec.features])
        self._memory = memory_names(spec.cell, spec.layers)
        self._ahead_centers, self._ahead_scales = (
            np.array([getattr(column, name) for column in spec.known * spec.horizon]) for name in ("center", "scale")
        )
        self._levels = [i for i, feature in enumerate(spec.features) if feature.level]

    def fresh(self, batch: int = 1) -> States64:
        """Return the states of `batch` fresh streams: zeros."""
        return {state.name: np.zeros(state.sized(batch)) for state in architecture.states(self._spec)}

    def step(self, sample: npt.ArrayLike, states: States64) -> tuple[Float64, States64]:
        """Take a sample (batch, input); return the forecast (batch, horizon * target) and the next states.

        Behind the features stands what is known ahead, step after step.
        """
        x, ahead = np.split(np.asarray(sample, np.float64), [len(self._spec.features)], axis=1)
        if self._spec.scaling == RUNNING:
            return self._running(x, states)
        if not self._spec.sensors:
            return self._step(x, ahead, states)
        # What this sensor measures, in the typical one's numbers and back.
        offset, gain = states[OFFSET][0], 1 + states[GAIN][0]
        y, next_states = self._step((x - offset) / gain, ahead, states)
        return self._tiled(offset) + self._tiled(gain) * y, next_states | {name: states[name] for name in SETTINGS}

    def _step(self, x: Float64, ahead: Float64, states: States64) -> tuple[Float64, States64]:
        next_states: States64 = {}
        if self._spec.layout == STREAM:
            outputs = self._stream(x, ahead, states, next_states)
        else:
            outputs = self._window(x, states, next_states)
        self._watch("said", outputs)
        base = x if self._spec.predicts == CHANGE else np.broadcast_to(self._centers, x.shape)
        return self._tiled(base) + outputs * self._output_scales, next_states

    def _running(self, x: Float64, states: States64) -> tuple[Float64, States64]:
        """One sample after the other, with a scale that runs along: the equations of docs/starter.md."""
        horizon = self._spec.horizon
        features, stream = running_step(x, states["stream"][0])
        memory = {name: states[name][0] for name in self._memory}
        said = self.network(features, memory)
        self._watch("said", said)
        scale = stream[:, 7:9].max(axis=1, keepdims=True)
        leap = said[:, :horizon] * self._output_scales * scale
        ahead, ends = np.log(np.arange(1, horizon + 1)), np.log(KNOTS)
        lines = np.stack([np.interp(ahead, ends, end) for end in np.eye(len(KNOTS))])  # (knot, step ahead)
        shares = said[:, horizon:].reshape(len(x), -1, len(KNOTS)) @ lines
        leap -= np.einsum("bl,blk->bk", stream[:, 2:7], shares)
        own = scale * (1 + YOUNG / np.sqrt(stream[:, 1:2]))
        moved = {"stream": stream, SCALE: own, **memory}
        return x + leap, {name: value[None] for name, value in moved.items()}

    def _tiled(self, values: Float64) -> Float64:
        """Return what belongs to the targets of values (batch, feature), for each output, (batch, horizon * target)."""
        return per_output(values[:, : len(self._spec.targets)], self._spec.horizon)

    def run(self, samples: npt.ArrayLike, states: States64 | None = None) -> tuple[Float64, States64]:
        """Take samples (time, batch, input) step by step; return (time, batch, horizon * target) and states."""
        x = np.asarray(samples, np.float64)
        states = self.fresh(x.shape[1]) if states is None else states
        forecasts = []
        for sample in x:
            y, states = self.step(sample, states)
            forecasts.append(y)
        return np.stack(forecasts), states

    def _stream(self, x: Float64, ahead: Float64, states: States64, next_states: States64) -> Float64:
        """One sample after the other: the network sees level and change, and its memory is carried along."""
        last, seen = self._recall(states)
        change = np.where(seen > 0, x - last, 0.0)
        next_states |= self._remember(x)
        level = ((x - self._centers) / self._scales)[:, self._levels]
        memory = {name: states[name][0] for name in self._memory}
        known = (ahead - self._ahead_centers) / self._ahead_scales
        outputs = self.network(np.concatenate([level, change / self._changes, known], axis=1), memory)
        next_states |= {name: value[None] for name, value in memory.items()}
        if self._spec.known:
            outputs = outputs + known @ self._weights["known.weight"].T + self._varying(known, memory)
        if self._spec.linear_path:
            measured = len(self._spec.measured)
            recent = np.concatenate([states["changes"], change[:, :measured, None]], axis=2)  # (batch, feature, lag)
            next_states["changes"] = recent[:, :, 1:]
            scaled = recent / self._changes[:measured, None]
            outputs = outputs + np.einsum("bfl,ofl->bo", scaled, self._weights["linear.weight"])
        return outputs

    def _varying(self, known: Float64, memory: States64) -> Float64:
        """Return what a column known ahead counts for at the very step, by coefficients that vary with the state.

        known (batch, step ahead * column); returns (batch, horizon * target). Varying-coefficient models: T. Hastie and
        R. Tibshirani, Journal of the Royal Statistical Society B 55 (1993).
        """
        spec = self._spec
        coefficients = memory[f"h{spec.layers}"] @ self._weights["coefficient.weight"].T
        coefficients = coefficients.reshape(len(known), spec.horizon, len(spec.targets), len(spec.known))
        values = known.reshape(len(known), spec.horizon, len(spec.known))
        varying: Float64 = np.einsum("bhtk,bhk->bht", coefficients, values)
        return varying.reshape(len(known), spec.outputs)

    def _recall(self, states: States64) -> tuple[Float64, Float64]:
        """Return the last sample (batch, feature), and whether there is one (batch, 1)."""
        if self._spec.form == STEP:
            return states["last"][0], states["seen"][0]
        return states["last"][0, :, :-1], states["last"][0, :, -1:]

    def _remember(self, x: Float64) -> States64:
        seen = np.ones((len(x), 1))
        if self._spec.form == STEP:
            return {"last": x[None], "seen": seen[None]}
        return {"last": np.concatenate([x, seen], axis=1)[None]}

    def _window(self, x: Float64, states: States64, next_states: States64) -> Float64:
        """The last samples together, to a network without memory: as one step of many features, or as many steps."""
        window = np.concatenate([states["window"], (x - self._centers)[:, :, None]], axis=2)  # (batch, feature, time)
        next_states["window"] = window[:, :, 1:]
        steps = window.transpose(2, 0, 1) / self._scales  # (time, batch, feature)
        if self._spec.layout == FEATURES:
            steps = np.concatenate(list(steps), axis=1)[None]
        memory = {name: np.zeros((len(x), self._spec.hidden)) for name in self._memory}
        for step in steps:
            outputs = self.network(step, memory)
        return outputs

    def network(self, signal: Float64, memory: States64) -> Float64:
        """Run layers and head on one step (batch, input); `memory` h1, c1, ... (batch, hidden) moves on."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        for layer in range(1, self._spec.layers + 1):
            parameters = [self._weights[f"cell.{name}_l{layer - 1}"] for name in names]
            own = [f"{kind}{layer}" for kind in CELLS[self._spec.cell].memory]
            following = cell_step(self._spec.cell, signal, [memory[name] for name in own], *parameters)
            memory |= dict(zip(own, following, strict=True))
            signal = following[0]
        self._watch("head", signal)
        return signal @ self._weights["head.weight"].T + self._weights["head.bias"]
