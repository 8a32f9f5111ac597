"""The step function in elementary operators and with its whole state in one tensor, for engines that want it so.

Recurrent nodes are slow or unknown in some engines, and each tensor that crosses their Python interface costs time.
The recipe is written once; `onnx.py`, `litert.py` and `torch.py` beside it put it into the engines' formats.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.peers.network import CannotError, Network
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import CHANGE


@dataclass(frozen=True)
class Operation:
    """One operator: split, dense, join, sigmoid, tanh, add, sub, mul or max, on rows (stream, column)."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    """Of the outputs, where an input is split."""


@dataclass
class Recipe:
    """Operators in their order. Inputs x (stream, 1) and state (stream, `width`); outputs y and state_next."""

    width: int
    operations: list[Operation] = field(default_factory=list)
    constants: dict[str, Float32] = field(default_factory=dict)
    """A dense operator's weight is (output, input)."""

    def add(self, kind: str, inputs: Sequence[str], output: str) -> str:
        """Add an operator of one output; returns that."""
        self.operations.append(Operation(kind, tuple(inputs), (output,)))
        return output

    def split(self, whole: str, parts: Sequence[str], sizes: Sequence[int]) -> None:
        """Part columns."""
        self.operations.append(Operation("split", (whole,), tuple(parts), tuple(sizes)))

    def constant(self, name: str, value: Any) -> str:
        """Add numbers that every step reads."""
        self.constants[name] = np.asarray(value, np.float32)
        return name


def of(network: Network) -> Recipe:
    """Return the recipe of a stream of LSTMs over the level and the change of one feature."""
    spec, weights = network.spec, network.weights
    feature, *others = spec.features
    kind = spec.cell, spec.predicts, spec.linear_path, feature.level, feature.center
    if others or kind != ("lstm", CHANGE, 0, True, 0):
        raise CannotError("the recipe is for LSTMs over one feature that lies around zero, and its change")
    layers = range(1, spec.layers + 1)
    memory = [f"{kind}{layer}" for layer in layers for kind in "hc"]
    recipe = Recipe(network.packed_width)
    recipe.split("state", ["last", "seen", *memory], [1, 1, *[spec.hidden] * len(memory)])
    recipe.add("mul", ["x", "seen"], "kept")
    signal = ["x", recipe.add("sub", ["kept", "last"], "change")]
    for layer in layers:
        signal = [_add_cell(recipe, weights, layer, signal, spec.hidden)]
    head = [recipe.constant("head", weights["head"].T), recipe.constant("head_bias", weights["head_bias"])]
    recipe.add("add", ["x", recipe.add("dense", [*signal, *head], "says")], "y")
    recipe.add("max", ["seen", recipe.constant("one", [[1]])], "seen_next")
    recipe.add("join", ["x", "seen_next", *(f"{name}_next" for name in memory)], "state_next")
    return recipe


def _add_cell(recipe: Recipe, weights: dict[str, Float32], layer: int, signal: Sequence[str], hidden: int) -> str:
    """Add one LSTM; returns its output."""

    def own(name: str) -> str:
        return f"{name}{layer}"

    both = np.concatenate([weights[own("W")], weights[own("R")]], axis=1)
    operands = [recipe.constant(own("WR"), both), recipe.constant(own("b"), weights[own("b")])]
    recipe.add("join", [*signal, own("h")], own("seen_by"))
    recipe.add("dense", [own("seen_by"), *operands], own("gates"))
    recipe.split(own("gates"), [own(f"raw_{gate}") for gate in "ifgo"], [hidden] * 4)
    i, f, o = (recipe.add("sigmoid", [own(f"raw_{gate}")], own(gate)) for gate in "ifo")
    g = recipe.add("tanh", [own("raw_g")], own("g"))
    kept, new = recipe.add("mul", [f, own("c")], own("kept")), recipe.add("mul", [i, g], own("new"))
    c = recipe.add("add", [kept, new], f"{own('c')}_next")
    return recipe.add("mul", [o, recipe.add("tanh", [c], own("shown"))], f"{own('h')}_next")
