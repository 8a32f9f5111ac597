"""The starter's oracle: the equations of docs/starter.md in NumPy, float64, one step at a time.

Every engine is compared with it, so it shares no code with them.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq.reference import lstm_step
from edgeseq_runtime.arrays import Float64

State: TypeAlias = dict[str, Float64]
"""Name -> numbers, (batch, n); zeros are a fresh stream."""

SIZES: Mapping[str, int] = {
    "last": 1,
    "age": 1,
    "distance": 5,
    "size": 2,
    "spread": 1,
    "change": 1,
    "rarity": 1,
    "likeness": 1,
    "h1": 64,
    "c1": 64,
    "h2": 64,
    "c2": 64,
}
"""The state: 269 numbers a stream."""

HORIZON = 48
MEMORY = np.array([4.0, 16.0, 64.0, 256.0, 1024.0])
KNOTS = np.array([1, 4, 14, 48])


class Oracle:
    """The step function `(sample, state) -> (forecast, next state)`; `weights` are the network's, by torch's names."""

    def __init__(self, weights: Mapping[str, npt.ArrayLike]) -> None:
        self._weights = {name: np.asarray(value, np.float64) for name, value in weights.items()}

    def fresh(self, batch: int = 1) -> State:
        """Return the state of fresh streams."""
        return {name: np.zeros((batch, size)) for name, size in SIZES.items()}

    def step(self, sample: npt.ArrayLike, state: State) -> tuple[Float64, State]:
        """Take a sample (batch,); return the forecast of the next samples, (batch, HORIZON), and the next state."""
        x = np.asarray(sample, np.float64)[:, None]
        features, following = normalise(x, state)
        h1, c1 = self._layer(0, features, state["h1"], state["c1"])
        h2, c2 = self._layer(1, h1, state["h2"], state["c2"])
        said = h2 @ self._weights["head.weight"].T + self._weights["head.bias"]
        scale = following["size"].max(axis=1, keepdims=True)
        change = said[:, :HORIZON] * scale * np.sqrt(np.arange(1, HORIZON + 1))
        for level in range(len(MEMORY)):
            first = HORIZON + level * len(KNOTS)
            for row, shares in enumerate(said[:, first : first + len(KNOTS)]):
                share = np.interp(np.log(np.arange(1, HORIZON + 1)), np.log(KNOTS), shares)
                change[row] -= following["distance"][row, level] * share
        return x + change, following | {"h1": h1, "c1": c1, "h2": h2, "c2": c2}

    def _layer(self, number: int, x: Float64, h: Float64, c: Float64) -> tuple[Float64, Float64]:
        names = (f"cell.{name}_l{number}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        return lstm_step(x, h, c, *(self._weights[name] for name in names))


def normalise(x: Float64, state: State) -> tuple[Float64, State]:
    """Take a sample (batch, 1); return what the network sees, (batch, 12), and the next state but for the LSTM."""
    age = np.minimum(state["age"] + 1, 4096)
    d = np.where(state["age"] > 0, x - state["last"], 0.0)
    changes = np.maximum(age - 1, 1)

    distance = (1 - np.maximum(1 / age, 1 / MEMORY)) * (state["distance"] + d)
    size = _mean(state["size"], np.abs(d), changes, np.array([30.0, 500.0]))
    scale = size.max(axis=1, keepdims=True)
    spread = _mean(state["spread"], np.abs(distance[:, 3:4]), changes, 500.0)
    change = np.arcsinh(_ratio(d, scale))
    rarity = _mean(state["rarity"], _ratio(np.abs(d), np.abs(d) + scale), changes, 64.0)
    likeness = _mean(state["likeness"], change * state["change"], changes, 64.0)

    features = np.hstack(
        [
            change,
            np.arcsinh(_ratio(distance, scale)),
            np.arcsinh(_ratio(distance[:, 4:], spread)),
            np.log(_ratio(spread, scale) + 0.01),
            np.log(_ratio(size[:, :1], scale) + 0.01),
            rarity,
            likeness,
            1 / np.sqrt(age),
        ]
    )
    return features, {
        "last": x,
        "age": age,
        "distance": distance,
        "size": size,
        "spread": spread,
        "change": change,
        "rarity": rarity,
        "likeness": likeness,
    }


def _mean(mean: Float64, value: Float64, count: Float64, length: Float64 | float) -> Float64:
    """Return a mean over the `count` values so far, and once they are more, an exponential one over `length`."""
    return mean + np.maximum(1 / count, 1 / length) * (value - mean)


def _ratio(one: Float64, other: Float64) -> Float64:
    """Return one / other, 0 where the other is 0."""
    return np.divide(one, other, out=np.zeros(np.broadcast_shapes(one.shape, other.shape)), where=other != 0)
