"""A network of the user's own as a list of layers, and what it computes: NumPy, float64, one step at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeseq.model.cells import CELLS
from edgeseq.model.scaling import per_output
from edgeseq.reference import States64, cell_step, sigmoid
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.spec import CHANGE, Spec, State

PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
"""Of a recurrent layer, by torch's names."""


@dataclass(frozen=True)
class GraphLayer:
    """One operation on values (batch, size), the same at each step but for what a recurrent one remembers."""

    name: str
    """Where it stands in the module."""
    kind: str
    """One of `CELLS`, "linear", "add", or an activation of `activate`."""
    inputs: tuple[int, ...]
    """Values that go in: 0 is the scaled sample, k the output of layer k - 1."""
    weights: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    """By torch's names; of a linear layer `weight` (out, in) and `bias`."""
    alpha: float = 1.0
    """Of an activation that has one."""

    @property
    def hidden(self) -> int:
        """Units of a recurrent layer."""
        return int(self.weights["weight_hh"].shape[1])


def states(layers: Sequence[GraphLayer]) -> tuple[State, ...]:
    """Return the states of a network: h1, c1 for its first recurrent layer, and so on."""
    recurrent = (layer for layer in layers if layer.kind in CELLS)
    return tuple(
        State(f"{memory}{number}", f"{memory}{number}_next", (1, -1, layer.hidden))
        for number, layer in enumerate(recurrent, start=1)
        for memory in CELLS[layer.kind].memory
    )


def activate(kind: str, x: Float64, alpha: float) -> Float64:
    """Return an activation of x, as torch defines it."""
    if kind == "tanh":
        return np.tanh(x)
    if kind == "sigmoid":
        return sigmoid(x)
    if kind == "silu":
        return x * sigmoid(x)
    if kind == "relu":
        return np.maximum(x, 0.0)
    if kind == "leaky_relu":
        return np.where(x > 0, x, alpha * x)
    if kind == "elu":
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))
    if kind == "softplus":
        return np.logaddexp(x, 0.0)
    assert kind == "softsign"
    return x / (1.0 + np.abs(x))


class LayersOracle:
    """The step function of a network of the user's own, in raw units: what its model file must agree with."""

    def __init__(self, spec: Spec, layers: Sequence[GraphLayer]) -> None:
        self._spec, self._layers = spec, layers
        self._centers = np.array([feature.center for feature in spec.features])
        self._scales = np.array([feature.scale for feature in spec.features])
        self._output_scales = np.array(spec.target_scales).reshape(-1)

    def run(self, samples: npt.ArrayLike, states: States64 | None = None) -> tuple[Float64, States64]:
        """Take samples (time, batch, feature) step by step; return (time, batch, horizon * target) and states."""
        x = np.asarray(samples, np.float64)
        current = states or {state.name: np.zeros(state.sized(x.shape[1])) for state in self._spec.states}
        forecasts = []
        for sample in x:
            y, current = self._step(sample, current)
            forecasts.append(y)
        return np.stack(forecasts), current

    def _step(self, x: Float64, states: States64) -> tuple[Float64, States64]:
        values, following, number = [(x - self._centers) / self._scales], dict(states), 0
        for layer in self._layers:
            inputs = [values[position] for position in layer.inputs]
            if layer.kind in CELLS:
                number += 1
                values.append(_recur(layer, inputs[0], following, number))
            else:
                values.append(_apply(layer, inputs))
        base = x if self._spec.predicts == CHANGE else np.broadcast_to(self._centers, x.shape)
        targets = per_output(base[:, : len(self._spec.targets)], self._spec.horizon)
        return targets + values[-1] * self._output_scales, following


def _recur(layer: GraphLayer, x: Float64, states: States64, number: int) -> Float64:
    """Move the layer's states (1, batch, hidden) on by a step; return its output."""
    parameters = [layer.weights[name].astype(np.float64) for name in PARAMETERS]
    names = [f"{kind}{number}" for kind in CELLS[layer.kind].memory]
    memory = cell_step(layer.kind, x, [states[name][0] for name in names], *parameters)
    states |= {name: value[None] for name, value in zip(names, memory, strict=True)}
    return memory[0]


def _apply(layer: GraphLayer, inputs: Sequence[Float64]) -> Float64:
    if layer.kind == "linear":
        return np.asarray(inputs[0] @ layer.weights["weight"].astype(np.float64).T + layer.weights["bias"])
    if layer.kind == "add":
        return inputs[0] + inputs[1]
    return activate(layer.kind, inputs[0], layer.alpha)
