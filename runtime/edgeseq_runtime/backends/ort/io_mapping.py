"""How the step function's tensors are called and laid out in a graph: edgeseq's own, or one that others made.

Of a graph that others made a sidecar says which tensors are the sample, the forecast and the states. All else is read
off the graph: shapes, the number of values in a sample, that in a forecast.
"""

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.spec import OWN, STEP, Feature, Spec, State

CONTEXT = "context"
"""A state of the runtime's own, for a model whose samples overlap: the end of the last one."""

_LAYOUTS = {1: "f", 2: "bf", 3: "btf"}
"""Axes of a sample or a forecast, by their number, where the sidecar does not say."""

_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
"""Of constant inputs, as onnxruntime calls them."""


class GraphIO:
    """How the step function's tensors are called and laid out in a graph; here in those that edgeseq writes."""

    x, y = "x", "y"
    overlap = 0

    def __init__(self) -> None:
        self.constants: dict[str, npt.NDArray[Any]] = {}

    def x_shape(self, time: int, batch: int, features: int) -> tuple[int, ...]:
        """Return the shape of the samples (time, batch, feature) in the graph; their memory is the same."""
        return time, batch, features

    def y_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one stream's forecast (1, 1, outputs) in the graph; its memory is the same."""
        return shape


class MappedGraphIO(GraphIO):
    """The tensors of somebody else's graph; one sample of each stream in a call."""

    def __init__(self, session: Any, sidecar: Sidecar) -> None:
        super().__init__()
        self._sidecar = sidecar
        self.x, self.y, self.overlap = sidecar.input, sidecar.output, sidecar.overlap
        self._inputs = {value.name: value for value in session.get_inputs()}
        self._outputs = {value.name: value for value in session.get_outputs()}
        self.seen: tuple[int, ...] = ()
        """The shape of a forecast, set by whoever has seen one."""
        self._require_names()
        axes = len(self._inputs[self.x].shape)
        self.layout = sidecar.layout or _LAYOUTS.get(axes, "")
        if len(self.layout) != axes:
            raise UsageError(f"the input {self.x!r} has {axes} axes: give the sidecar a layout for them")
        self.constants = {name: self._constant(name, value) for name, value in sidecar.constants.items()}
        several = next((name for name in (self.x, *self.constants) if name in sidecar.states), None)
        if several or self.x in self.constants:
            raise UsageError(f"the sidecar says more than one thing of the input {several or self.x!r}")

    @cached_property
    def states(self) -> tuple[State, ...]:
        """The states, with -1 where the streams lie, if they lie anywhere."""
        names = self._sidecar.states.items()
        states = tuple(State(name, next_name, self._shape(name)) for name, next_name in names)
        return (*states, State(CONTEXT, CONTEXT, (-1, self.overlap))) if self.overlap else states

    @cached_property
    def features(self) -> int:
        """Values in what the graph takes as a sample."""
        size = self._inputs[self.x].shape[self.layout.index("f")]
        size = size if isinstance(size, int) and size > 0 else self._sidecar.features
        if not size > self.overlap:
            raise UsageError(f"the input {self.x!r} does not say how large a sample is: give the sidecar features")
        return size

    def x_shape(self, time: int, batch: int, features: int) -> tuple[int, ...]:
        """Return the shape of samples (1, batch, feature) in the graph."""
        assert time == 1
        sizes = {"t": 1, "b": batch, "f": features}
        if batch > 1 and "b" not in self.layout:
            raise UsageError("the model takes one stream at a time")
        return tuple(sizes[axis] for axis in self.layout)

    def y_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one stream's forecast, as the graph was seen to give it."""
        return self.seen or shape

    def spec(self, name: str, outputs: int) -> Spec:
        """Return a spec that says what little is known: nothing of ranges, sizes or residuals."""
        given = self.features - self.overlap
        names = [self.x] if given == 1 else [f"{self.x}[{at}]" for at in range(given)]
        targets = (self.y,) if outputs == 1 else tuple(f"{self.y}[{at}]" for at in range(outputs))
        return Spec(
            series=name,
            features=tuple(Feature(name, "", 0, 1, 1, 0, 0, level=True, center=0, scale=1) for name in names),
            targets=targets,
            horizon=1,
            target_scales=((1.0,) * outputs,),
            warmup=0,
            gap_limit=0,
            cell=OWN,
            layers=1,
            hidden=1,
            form=STEP,
            states=self.states,
        )

    def _require_names(self) -> None:
        required = {self.x, *self._sidecar.states, *self._sidecar.constants}
        for what, names, there in (
            ("input", required, self._inputs),
            ("output", {self.y, *self._sidecar.states.values()}, self._outputs),
        ):
            lacking = sorted(names - there.keys())
            if lacking:
                raise UsageError(f"the model has no {what} {lacking[0]!r}; it has {', '.join(there)}")
        unnamed = sorted(self._inputs.keys() - required)
        if unnamed:
            raise UsageError(f"the sidecar is silent on the input {unnamed[0]!r}: is it a state or a constant?")

    def _shape(self, state: str) -> tuple[int, ...]:
        value = self._inputs[state]
        shape = tuple(size if isinstance(size, int) and size > 0 else -1 for size in value.shape)
        if value.type != "tensor(float)" or shape.count(-1) > 1:
            raise UsageError(
                f"the state {state!r}: expected float32 with one free size, got {value.type} {value.shape}"
            )
        return shape

    def _constant(self, name: str, value: Any) -> npt.NDArray[Any]:
        tensor = self._inputs[name]
        kind = _TYPES.get(tensor.type)
        try:
            array = np.array(value, kind)
        except (ValueError, TypeError, OverflowError):
            kind = None
        if kind is None:
            raise UsageError(f"the constant {name!r} is {value!r}; the model wants {tensor.type}")
        size = math.prod(size for size in tensor.shape if isinstance(size, int))
        return array.reshape([1] * len(tensor.shape)) if array.size == size == 1 else array
