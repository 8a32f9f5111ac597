"""From a user's `nn.Module` to layers: what its forward does with a sequence, one operation after the other.

torch.fx runs the forward on a stand-in and takes down what is called; each call becomes a layer, or an error that
names it. What picks a sequence's last step is nothing here: a stream's last step is the present one.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from edgeseq.model.cells import CELLS
from edgeseq_export.torch_module.layers import PARAMETERS, GraphLayer
from edgeseq_runtime.errors import UsageError

_RECURRENT: Mapping[type[nn.Module], str] = {getattr(nn, kind.torch_class): name for name, kind in CELLS.items()}
"""torch's class -> the kind of layer."""

_ACTIVATIONS: Mapping[Any, str] = {
    **dict.fromkeys((nn.Tanh, torch.tanh, functional.tanh, "tanh"), "tanh"),
    **dict.fromkeys((nn.Sigmoid, torch.sigmoid, functional.sigmoid, "sigmoid"), "sigmoid"),
    **dict.fromkeys((nn.ReLU, torch.relu, functional.relu, "relu"), "relu"),
    **dict.fromkeys((nn.SiLU, functional.silu), "silu"),
    **dict.fromkeys((nn.LeakyReLU, functional.leaky_relu), "leaky_relu"),
    **dict.fromkeys((nn.ELU, functional.elu), "elu"),
    **dict.fromkeys((nn.Softplus, functional.softplus), "softplus"),
    **dict.fromkeys((nn.Softsign, functional.softsign), "softsign"),
}
"""torch's classes, functions and methods -> the kind of layer."""

_OPTIONS = {"leaky_relu": ("negative_slope", 0.01), "elu": ("alpha", 1.0), "softplus": ("beta", 1.0)}
"""Kind of an activation -> its parameter, and what torch takes for it."""

_NOTHING = (functional.dropout, "contiguous")
"""Functions and methods that do nothing when a network is used."""

_SUMS = (operator.add, torch.add, "add")

_KNOWN = (
    "LSTM, GRU, RNN, Linear, Tanh, Sigmoid, ReLU, SiLU, LeakyReLU, ELU, Softplus, Softsign, Dropout, Identity and sums"
)


class _Stand(ABC):
    """What stands in for a value of the forward."""

    @abstractmethod
    def part(self, index: Any, time: int) -> "_Stand | None":
        """Return what [index] takes of it, None where that cannot be expressed. `time` is the axis of time."""


@dataclass(frozen=True)
class _Value(_Stand):
    """The output of a layer, by its number."""

    number: int

    def part(self, index: Any, time: int) -> _Stand | None:
        """Take a sequence's last step: in a stream that is the present one, the value itself."""
        return self if _is_last_step(index, time) else None


@dataclass(frozen=True)
class _HiddenStates(_Stand):
    """The hidden states of a module's layers, (layer, batch, hidden)."""

    of: tuple[_Value, ...]

    def part(self, index: Any, time: int) -> _Stand | None:  # noqa: ARG002
        """Take a layer's: in a stream it is that layer's output."""
        return self.of[index] if isinstance(index, int) else None


class _CellStates(_Stand):
    """The cells of an LSTM's layers, with which nothing can be done."""

    def part(self, index: Any, time: int) -> None:
        """Nothing can be taken of it."""


@dataclass(frozen=True)
class _Pair(_Stand):
    """Two values: the output and the memory of a recurrent module, or an LSTM's hidden states and cells."""

    first: _Stand
    second: _Stand

    def part(self, index: Any, time: int) -> _Stand | None:  # noqa: ARG002
        """Take one of them."""
        return (self.first, self.second)[index] if index in (0, 1) else None


@dataclass(frozen=True)
class _Result(_Pair):
    """What a recurrent module returns: its output, and what its layers remember in the end."""

    first: _Value


class Trace:
    """The layers of a module. Raises `UsageError`, which names the first that cannot be expressed."""

    def __init__(self, module: nn.Module) -> None:
        self.layers: list[GraphLayer] = []
        self.batch_first: bool | None = None
        """Whether the module takes streams first, then time; None where nothing in it minds."""
        self._module = module
        try:
            graph = fx.Tracer().trace(module)
        except Exception as error:  # whatever a forward may raise on a stand-in
            raise UsageError(f"the forward of {type(module).__name__} cannot be followed: {error}") from error
        self._env: dict[fx.Node, Any] = {}
        for node in graph.nodes:
            self._env[node] = self._take(node)

    def _take(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            if self._env:
                if node.args:  # a default: a state that may be given, and is not
                    return None
                raise UsageError(f"the forward takes {node.target!r} beside the samples; it may take samples only")
            return _Value(0)
        if node.op == "output":
            return self._end(node)
        if node.op == "call_module":
            return self._call(node)
        if node.op == "get_attr":
            self._refuse(node, f"{node.target!r}, a tensor of its own")
        return self._operate(node)

    def _call(self, node: fx.Node) -> Any:
        """Take a submodule."""
        name, module = str(node.target), self._module.get_submodule(str(node.target))
        recurrent = [kind for known, kind in _RECURRENT.items() if isinstance(module, known)]
        if recurrent:
            return self._recur(node, name, module, recurrent[0])
        value = self._value(node.args[0])
        if isinstance(module, (nn.Identity, nn.Dropout)):
            return value
        if type(module) is nn.Linear:
            bias: torch.Tensor | None = module.bias  # a module may be without
            zeros = torch.zeros(module.out_features)
            weights = {"weight": _array(module.weight), "bias": _array(zeros if bias is None else bias)}
            return self._add(GraphLayer(name, "linear", (value.number,), weights))
        if type(module) in _ACTIVATIONS:
            return self._activate(node, name, _ACTIVATIONS[type(module)], value, vars(module))
        kind = type(module).__name__
        raise UsageError(f"the layer {name!r} is a {kind}, which cannot be expressed; what can: {_KNOWN}")

    def _recur(self, node: fx.Node, name: str, module: Any, kind: str) -> _Result:
        value = self._value(node.args[0])
        if len(node.args) > 1 and self._is_given(node.args[1]):
            raise UsageError(f"the layer {name!r} is given a state: a stream carries its own")
        for option, default, why in (
            ("bidirectional", False, "is bidirectional: it would have to know the future"),
            ("proj_size", 0, "projects its state, which cannot be expressed"),
            ("nonlinearity", "tanh", "is a plain RNN without tanh, which cannot be expressed"),
        ):
            if getattr(module, option, default) != default:
                raise UsageError(f"the layer {name!r} {why}")
        if self.batch_first not in (None, module.batch_first):
            raise UsageError(f"the layer {name!r} has another batch_first than those before it")
        self.batch_first = bool(module.batch_first)
        outputs = []
        for number in range(module.num_layers):
            none = torch.zeros(module.weight_hh_l0.shape[0])  # a module may be without biases
            weights = {key: _array(getattr(module, f"{key}_l{number}", none)) for key in PARAMETERS}
            value = self._add(GraphLayer(f"{name}.{number}", kind, (value.number,), weights))
            outputs.append(value)
        hidden = _HiddenStates(tuple(outputs))
        return _Result(value, _Pair(hidden, _CellStates()) if "c" in CELLS[kind].memory else hidden)

    def _operate(self, node: fx.Node) -> Any:
        """Take a function or a method that the forward calls itself."""
        operation = self._OPERATIONS.get(node.target)
        return operation(self, node) if operation else self._refuse_operation(node)

    def _pick(self, node: fx.Node) -> Any:
        """Take an index: a part of what a recurrent module returns, or a sequence's last step."""
        source, index = node.args
        stand = self._env.get(source) if isinstance(source, fx.Node) else None
        part = stand.part(index, time=1 if self.batch_first else 0) if isinstance(stand, _Stand) else None
        return part or self._refuse(node, f"the index {index!r}")

    def _squeeze(self, node: fx.Node) -> Any:
        """Take the hidden state of a module's only layer."""
        source = node.args[0]
        states = self._env.get(source) if isinstance(source, fx.Node) else None
        if isinstance(states, _HiddenStates) and len(states.of) == 1:
            return states.of[0]
        return self._refuse_operation(node)

    def _pass(self, node: fx.Node) -> Any:
        return self._value(node.args[0])

    def _apply_activation(self, node: fx.Node) -> Any:
        return self._activate(node, node.name, _ACTIVATIONS[node.target], self._value(node.args[0]), node.kwargs)

    def _sum(self, node: fx.Node) -> Any:
        terms = node.all_input_nodes
        if len(terms) != 2 or len(node.args) != 2:
            return self._refuse_operation(node)
        return self._add(GraphLayer(node.name, "add", tuple(self._value(term).number for term in terms)))

    def _refuse_operation(self, node: fx.Node) -> NoReturn:
        self._refuse(node, f"{getattr(node.target, '__name__', node.target)!r}")

    _OPERATIONS: ClassVar[Mapping[Any, Callable[["Trace", fx.Node], Any]]] = {
        operator.getitem: _pick,
        "squeeze": _squeeze,
        **dict.fromkeys(_NOTHING, _pass),
        **dict.fromkeys(_ACTIVATIONS, _apply_activation),
        **dict.fromkeys(_SUMS, _sum),
    }
    """Functions and methods that a forward may call -> what takes them."""

    def _activate(self, node: fx.Node, name: str, kind: str, value: _Value, options: Mapping[str, Any]) -> _Value:
        option, usual = _OPTIONS.get(kind, ("", 1.0))
        given = next((argument for argument in node.args[1:] if isinstance(argument, (int, float))), usual)
        alpha = float(options.get(option, given))
        if kind == "softplus" and alpha != 1:
            self._refuse(node, f"softplus with a beta of {alpha:g}")
        return self._add(GraphLayer(name, kind, (value.number,), alpha=alpha))

    def _end(self, node: fx.Node) -> None:
        output = node.args[0]
        output = output[0] if isinstance(output, (tuple, list)) else output
        value = self._env.get(output) if isinstance(output, fx.Node) else None
        value = value.first if isinstance(value, _Result) else value
        if not isinstance(value, _Value) or value.number == 0:
            raise UsageError("the forward does not return what a layer gives")
        del self.layers[value.number :]  # what comes later is not asked for

    def _value(self, argument: Any) -> _Value:
        value = self._env.get(argument)
        value = value.first if isinstance(value, _Result) else value
        if not isinstance(value, _Value):
            raise UsageError(f"{argument} is no output of a layer")
        return value

    def _is_given(self, state: Any) -> bool:
        """Whether a state is more than a parameter of the forward that is None by default."""
        parts = state if isinstance(state, (tuple, list)) else (state,)
        return any(part is not None and not (part in self._env and self._env[part] is None) for part in parts)

    def _add(self, layer: GraphLayer) -> _Value:
        self.layers.append(layer)
        return _Value(len(self.layers))

    def _refuse(self, node: fx.Node, what: str) -> NoReturn:
        raise UsageError(f"the forward uses {what} ({node.name}), which cannot be expressed; what can: {_KNOWN}")


def _is_last_step(index: Any, time: int) -> bool:
    """Whether an index takes the last step of a sequence and all else of it."""
    parts = index if isinstance(index, tuple) else (index,)
    everything = (slice(None), Ellipsis)
    others = [part for at, part in enumerate(parts) if at != time]
    return len(parts) > time and parts[time] == -1 and all(part in everything for part in others)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)
