"""Many streams' step by onnxruntime on the CPU: the states of all are bound, in two sets that take turns."""

from collections.abc import Callable

import numpy as np

from edgeseq_runtime.bank import Rows, StatesBank, roomy
from edgeseq_runtime.ort_engine import bind, bound_run
from edgeseq_runtime.ort_session import OrtSession, failure
from edgeseq_runtime.session import Array, States


class OrtBank(StatesBank):
    """A `Bank` for whose steps of all streams nothing is made anew but the forecasts.

    A step reads one set and writes the other, so a step that fails leaves all as it was. Steps of some streams are
    those of any bank. What lies beyond the streams' rows is a fresh stream's, in both sets, for those that join.
    """

    _session: OrtSession

    def __init__(self, session: OrtSession, room: int) -> None:
        super().__init__(session, room)
        self._others = session.fresh(room)
        self._other_x, self._other_y = self.x.copy(), self.y.copy()
        self._steps: list[Callable[[], object]] = []  # for each set as the one that is read, for so many streams:
        self._count = 0
        self._turn = 0

    def advance(self, rows: Rows, x: Array) -> Array:
        """Move the streams at `rows` by a sample each; see `Bank`."""
        if not isinstance(rows, slice):
            return super().advance(rows, x)
        count = len(x)
        if count != self._count:
            self._prepare(count)
        self._other_x[:count] = x
        try:
            self._steps[self._turn]()
        except Exception as error:
            raise failure(error) from error
        self._turn ^= 1
        self._states, self._others = self._others, self._states
        self.x, self._other_x = self._other_x, self.x
        self.y, self._other_y = self._other_y, self.y
        return self.y[:count].copy()

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `Bank`."""
        super().make_room(count)
        self._others = {name: roomy(state, count, len(self._before[name])) for name, state in self._others.items()}
        self._other_x, self._other_y = roomy(self._other_x, count), roomy(self._other_y, count)
        self._count = 0  # what is bound lies elsewhere now

    def _prepare(self, count: int) -> None:
        """Bind both sets for steps of the first `count` streams."""
        for name, state in self._others.items():
            state[*self._before[name], count:] = 0
        self._other_x[count:], self._other_y[count:] = 0, np.nan
        there, back = (self._states, self.x, self.y), (self._others, self._other_x, self._other_y)
        self._steps = [self._bind(count, there[0], *back), self._bind(count, back[0], *there)]
        self._count, self._turn = count, 0

    def _bind(self, count: int, source: States, target: States, x: Array, y: Array) -> Callable[[], object]:
        """Return the step from one set's states to the other's, whose sample it takes and whose forecast it leaves."""
        sets = [
            {name: state[*self._before[name], slice(0, count)] for name, state in states.items()}
            for states in (source, target)
        ]
        return bound_run(self._session, bind(self._session, x[None, :count], y[None, :count], *sets))
