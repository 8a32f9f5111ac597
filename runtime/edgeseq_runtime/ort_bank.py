"""Many streams' step by onnxruntime on the CPU: the states of all are bound, in two sets that take turns."""

from collections.abc import Callable

import numpy as np

from edgeseq_runtime.bank import Bank, Rows, roomy
from edgeseq_runtime.ort_engine import bind, bound_run
from edgeseq_runtime.ort_session import OrtSession, failure
from edgeseq_runtime.session import Array, States


class OrtBank(Bank):
    """A `Bank` for whose steps of all streams nothing is made anew but the forecasts.

    A step reads one set of states and writes the other, so a step that fails leaves all as it was. Steps of some
    streams are those of any bank. What lies beyond the streams' rows is zero, in both sets, for those that join.
    """

    _session: OrtSession

    def __init__(self, session: OrtSession, room: int) -> None:
        super().__init__(session, room)
        self._others = session.fresh(room)
        self._x: Array = np.empty((1, room, len(session.spec.features)), np.float32)
        self._y: Array = np.empty((1, room, session.spec.outputs), np.float32)
        self._steps: list[Callable[[], object]] = []  # for each set as the one that is read, for so many streams:
        self._count = 0
        self._turn = 0

    def advance(self, rows: Rows, x: Array) -> Array:
        """Move the streams at `rows` by a sample each; see `Bank`."""
        if not isinstance(rows, slice):
            return super().advance(rows, x)
        if len(x) != self._count:
            self._prepare(len(x))
        self._x[0, : self._count] = x
        try:
            self._steps[self._turn]()
        except Exception as error:
            raise failure(error) from error
        self._states, self._others, self._turn = self._others, self._states, self._turn ^ 1
        return self._y[0, : self._count].copy()

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; new ones are zero."""
        super().make_room(count)
        self._others = {name: roomy(state, count, len(self._before[name])) for name, state in self._others.items()}
        self._x, self._y = roomy(self._x, count, axis=1), roomy(self._y, count, axis=1)
        self._count = 0  # what is bound lies elsewhere now

    def _prepare(self, count: int) -> None:
        """Bind both sets for steps of the first `count` streams."""
        for name, state in self._others.items():
            state[*self._before[name], count:] = 0
        self._steps = [
            self._bind(count, *sets) for sets in ((self._states, self._others), (self._others, self._states))
        ]
        self._count, self._turn = count, 0

    def _bind(self, count: int, source: States, target: States) -> Callable[[], object]:
        first = {name: (*before, slice(0, count)) for name, before in self._before.items()}
        return bound_run(
            self._session,
            bind(
                self._session,
                self._x[:, :count],
                self._y[:, :count],
                {name: state[*first[name]] for name, state in source.items()},
                {name: state[*first[name]] for name, state in target.items()},
            ),
        )
