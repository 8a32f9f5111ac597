"""Many streams' step by onnxruntime: on the CPU with two sets of states bound, elsewhere with the states left there."""

from collections.abc import Callable
from typing import Any

import numpy as np

from edgeseq_runtime.arrays import Float32, Rows, States, roomy
from edgeseq_runtime.backends.base import Session, StatesBatchEngine
from edgeseq_runtime.backends.ort.api import raise_failure
from edgeseq_runtime.backends.ort.engine import bind, bound_run, memory, on_device, run_on_device
from edgeseq_runtime.backends.ort.io_mapping import GraphIO


class OrtBatchEngine(StatesBatchEngine):
    """A `BatchEngine` whose steps of all streams make nothing anew but the forecasts.

    A step reads one set and writes the other, so a step that fails leaves all as it was. Steps of some streams are
    as any batch engine takes them. What lies beyond the streams' rows is a fresh stream's, in both sets, for those that
    join.
    """

    def __init__(self, session: Session, raw: Any, io: GraphIO, room: int) -> None:
        super().__init__(session, room)
        self._raw, self._io = raw, io
        self._others = session.fresh(room)
        self._other_x, self._other_y = self.x.copy(), self.y.copy()
        self._steps: list[Callable[[], object]] = []  # for each set as the one that is read, for so many streams:
        self._count = 0
        self._turn = 0

    def advance(self, rows: Rows, x: Float32) -> Float32:
        """Move the streams at `rows` by a sample each; see `BatchEngine`."""
        if not isinstance(rows, slice):
            return super().advance(rows, x)
        count = len(x)
        if count != self._count:
            self._prepare(count)
        self._other_x[:count] = x
        try:
            self._steps[self._turn]()
        except Exception as error:  # noqa: BLE001 - it is raised again
            raise_failure(error)
        self._turn ^= 1
        self._states, self._others = self._others, self._states
        self.x, self._other_x = self._other_x, self.x
        self.y, self._other_y = self._other_y, self.y
        return self.y[:count].copy()

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `BatchEngine`."""
        super().make_room(count)
        self._others = {name: roomy(state, count, len(self._before[name])) for name, state in self._others.items()}
        self._other_x, self._other_y = roomy(self._other_x, count), roomy(self._other_y, count)
        self.forget_bindings()  # what is bound lies elsewhere now

    def forget_bindings(self) -> None:
        """Bind anew at the next step; see `BatchEngine`."""
        self._count = 0

    def _prepare(self, count: int) -> None:
        """Bind both sets for steps of the first `count` streams."""
        for name, state in self._others.items():
            state[*self._before[name], count:] = 0
        self._other_x[count:], self._other_y[count:] = 0, np.nan
        there, back = (self._states, self.x, self.y), (self._others, self._other_x, self._other_y)
        self._steps = [self._bind(count, there[0], *back), self._bind(count, back[0], *there)]
        self._turn, self._count = 0, count

    def _bind(self, count: int, source: States, target: States, x: Float32, y: Float32) -> Callable[[], object]:
        """Return the step from one set's states to the other's, whose sample it takes and whose forecast it leaves."""
        sets = [
            {name: state[*self._before[name], slice(0, count)] for name, state in states.items()}
            for states in (source, target)
        ]
        binding = bind(self._raw, self._io, self._session.spec.states, x[None, :count], y[None, :count], *sets)
        return bound_run(self._raw, binding)


class DeviceBatchEngine(StatesBatchEngine):
    """A `BatchEngine` whose states stay on the device from one step of all streams to the next.

    Whatever else is done with them fetches them first; the next step of all streams brings them back.
    """

    def __init__(self, session: Session, raw: Any, io: GraphIO, room: int) -> None:
        super().__init__(session, room)
        self._raw, self._io, self._memory = raw, io, memory(session)
        self._values: dict[str, Any] = {}
        """The states of the first `_count` streams on the device; none: `_states` are what the next step reads."""
        self._count = 0

    def advance(self, rows: Rows, x: Float32) -> Float32:
        """Move the streams at `rows` by a sample each; see `BatchEngine`."""
        if not isinstance(rows, slice) or len(x) != self._count:
            self._fetch()
        if not isinstance(rows, slice):
            return super().advance(rows, x)
        values = self._values or on_device(
            {name: state[*self._before[name], rows] for name, state in self._states.items()}
        )
        try:
            y, values = run_on_device(self._raw, self._io, self._session.spec.states, x[None], values, self._memory)
        except Exception as error:  # noqa: BLE001 - it is raised again
            raise_failure(error)
        self._values, self._count = values, len(x)
        forecasts = y.reshape(len(x), -1)
        self.x[rows], self.y[rows] = x, forecasts
        return forecasts

    def by_row(self, name: str) -> Float32:
        """Return a view of the state `name` of all streams, with the rows first."""
        self._fetch()
        return super().by_row(name)

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `BatchEngine`."""
        self._fetch()
        super().make_room(count)

    def _fetch(self) -> None:
        """Have the states in the CPU's memory, where they can be changed."""
        if self._values:
            self._states = {name: np.array(value.numpy()) for name, value in self._values.items()}
            self._values, self._count = {}, 0
