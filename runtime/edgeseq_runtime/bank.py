"""The memory of many streams, a row for each without gaps, and the step that moves all or some of them."""

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.session import Array, Session, batch_axis

Rows: TypeAlias = slice | npt.NDArray[np.intp]
"""Which streams a step moves; a slice: all of them, from the first on."""


class Bank(ABC):
    """What a pool is over, as an engine is what a predictor is over: `Session.bank` makes one."""

    x: Array
    """Each stream's last sample (stream, feature)."""
    y: Array
    """And its last forecast (stream, outputs); NaN where there is none yet."""

    def __init__(self, session: Session, room: int) -> None:
        self._session = session
        self.names = tuple(state.name for state in session.spec.states)
        """The states' names."""
        self.x = np.zeros((room, len(session.spec.features)), np.float32)
        self.y = np.full((room, session.spec.outputs), np.nan, np.float32)

    @abstractmethod
    def advance(self, rows: Rows, x: Array) -> Array:
        """Move the streams at `rows` by a sample each, x (stream, feature); return forecasts (stream, outputs), a copy.

        Raises `ModelFileError` where that fails, and leaves all as they were.
        """

    @abstractmethod
    def by_row(self, name: str) -> Array:
        """Return a view of the state `name` of all streams, with the rows first."""

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; new ones are those of fresh streams."""
        self.x, self.y = roomy(self.x, count), roomy(self.y, count, filled=np.nan)


class StatesBank(Bank):
    """A `Bank` of arrays in the session's own shapes, so that a step of every stream takes them as they are."""

    def __init__(self, session: Session, room: int) -> None:
        super().__init__(session, room)
        # What selects all of the axes that lie before the streams', to index a state with them and rows.
        self._before = {state.name: (slice(None),) * batch_axis(state) for state in session.spec.states}
        self._states = session.fresh(room)

    def advance(self, rows: Rows, x: Array) -> Array:
        """Move the streams at `rows` by a sample each; see `Bank`."""
        states = {name: state[*self._before[name], rows] for name, state in self._states.items()}
        y, following = self._session.advance(x[None], states)
        all_moved = isinstance(rows, slice)
        if all_moved:
            self._states = following  # there is nothing to copy
        else:
            for name, state in following.items():
                self._states[name][*self._before[name], rows] = state
        forecasts: Array = y[0]
        self.x[rows], self.y[rows] = x, forecasts
        return forecasts

    def by_row(self, name: str) -> Array:
        """Return a view of the state `name` of all streams, with the rows first."""
        return np.moveaxis(self._states[name], len(self._before[name]), 0)

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `Bank`."""
        super().make_room(count)
        for name, state in self._states.items():
            self._states[name] = roomy(state, count, axis=len(self._before[name]))


def roomy(array: npt.NDArray[Any], count: int, axis: int = 0, filled: float = 0) -> npt.NDArray[Any]:
    """Return an array with `count` rows or more along an axis: itself, or twice as large."""
    room = array.shape[axis]
    if count <= room:
        return array
    shape = (*array.shape[:axis], max(count, 2 * room) - room, *array.shape[axis + 1 :])
    return np.concatenate([array, np.full(shape, filled, array.dtype)], axis=axis)
