"""The oracle: the cells' equations in plain NumPy, float64, one step at a time. Every engine is compared with it.

Weights are torch's: `weight_ih` (gates * hidden, input), `weight_hh` (gates * hidden, hidden), and a bias for each,
with the gates stacked in the order that each function names.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.spec import Spec

Array: TypeAlias = npt.NDArray[np.float64]
States: TypeAlias = dict[str, Array]
"""Name of a state, as in the model file -> its value (batch, size)."""


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), written with tanh so that nothing overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def rnn_step(x: Array, h: Array, W: Array, R: Array, b_x: Array, b_h: Array) -> Array:
    """Elman's recurrent cell: h' = tanh(W x + b_x + R h + b_h).

    x (batch, input), h (batch, hidden); returns h' (batch, hidden). J. L. Elman, "Finding Structure in Time",
    Cognitive Science 14 (1990).
    """
    return np.tanh(x @ W.T + b_x + h @ R.T + b_h)


def lstm_step(x: Array, h: Array, c: Array, W: Array, R: Array, b_x: Array, b_h: Array) -> tuple[Array, Array]:
    """Long short-term memory with a forget gate; gates in the order input, forget, new, output.

    x (batch, input), h and c (batch, hidden); returns h' and c'. S. Hochreiter and J. Schmidhuber, "Long
    Short-Term Memory", Neural Computation 9 (1997); forget gate: F. Gers et al., Neural Computation 12 (2000).
    """
    i, f, g, o = np.split(x @ W.T + b_x + h @ R.T + b_h, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x: Array, h: Array, W: Array, R: Array, b_x: Array, b_h: Array) -> Array:
    """Gated recurrent unit; gates in the order reset, update, new.

    The reset gate acts after the matrix product, bias included, as in torch and cuDNN. x (batch, input), h (batch,
    hidden); returns h'. K. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014.
    """
    r_x, z_x, n_x = np.split(x @ W.T + b_x, 3, axis=-1)
    r_h, z_h, n_h = np.split(h @ R.T + b_h, 3, axis=-1)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = np.tanh(n_x + r * n_h)
    return (1.0 - z) * n + z * h


def state_sizes(spec: Spec) -> dict[str, int]:
    """Return name and size of each state, in the model file's order.

    `last` holds the last sample and a one, which tells a stream that has seen a sample from a fresh one.
    """
    sizes = {"last": len(spec.features) + 1}
    for layer in range(1, spec.layers + 1):
        sizes[f"h{layer}"] = spec.hidden
        if spec.cell == "lstm":
            sizes[f"c{layer}"] = spec.hidden
    return sizes


class Oracle:
    """The step function of a checkpoint, in raw units, float64: what a model file must agree with.

    `weights` are the network's, by torch's names; batches are independent streams.
    """

    def __init__(self, spec: Spec, weights: Mapping[str, npt.ArrayLike]) -> None:
        self._spec = spec
        self._weights = {name: np.asarray(value, np.float64) for name, value in weights.items()}
        self._scales = np.array(spec.target_scales).reshape(-1)  # (horizon * target,)
        self._changes = np.array([feature.change for feature in spec.features])
        self._levels = [i for i, feature in enumerate(spec.features) if feature.level]
        self._centers = np.array([spec.features[i].center for i in self._levels])
        self._deviations = np.array([spec.features[i].std for i in self._levels])

    def fresh(self, batch: int = 1) -> States:
        """Return the states of `batch` fresh streams: zeros."""
        return {name: np.zeros((batch, size)) for name, size in state_sizes(self._spec).items()}

    def step(self, sample: npt.ArrayLike, states: States) -> tuple[Array, States]:
        """Take a sample (batch, feature); return the forecast (batch, horizon * target) and the next states."""
        x = np.asarray(sample, np.float64)
        last, seen = states["last"][:, :-1], states["last"][:, -1:]
        change = np.where(seen > 0, x - last, 0.0) / self._changes
        level = (x[:, self._levels] - self._centers) / self._deviations
        following = {"last": np.concatenate([x, np.ones_like(seen)], axis=1)}
        signal = np.concatenate([level, change], axis=1)
        for layer in range(1, self._spec.layers + 1):
            signal = self._cell(layer, signal, states, following)
        forecast = signal @ self._weights["head.weight"].T + self._weights["head.bias"]
        targets = np.tile(x[:, : len(self._spec.targets)], self._spec.horizon)
        return targets + forecast * self._scales, following

    def run(self, samples: npt.ArrayLike, states: States | None = None) -> tuple[Array, States]:
        """Take samples (time, batch, feature) step by step; return (time, batch, horizon * target) and states."""
        x = np.asarray(samples, np.float64)
        states = self.fresh(x.shape[1]) if states is None else states
        forecasts = []
        for sample in x:
            y, states = self.step(sample, states)
            forecasts.append(y)
        return np.stack(forecasts), states

    def _cell(self, layer: int, signal: Array, states: States, following: States) -> Array:
        """Run one layer; put its next states into `following` and return its output (batch, hidden)."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        parameters = [self._weights[f"cell.{name}_l{layer - 1}"] for name in names]
        h = states[f"h{layer}"]
        if self._spec.cell == "lstm":
            h, following[f"c{layer}"] = lstm_step(signal, h, states[f"c{layer}"], *parameters)
        elif self._spec.cell == "gru":
            h = gru_step(signal, h, *parameters)
        else:
            h = rnn_step(signal, h, *parameters)
        following[f"h{layer}"] = h
        return h
