"""Arrays with a row for each stream: what judgement remembers of streams lies in such, one beside the other."""

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import roomy

LEAST_ROOM = 8
"""Rows that the arrays of many streams begin with."""


class RowArrays:
    """Some arrays whose rows belong to streams, without gaps, and some to spare. A subclass declares and names them."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._blank: dict[str, float] = {}
        self._settings = set[str]()

    def _begin(
        self, name: str, shape: tuple[int, ...], kind: npt.DTypeLike, blank: float = 0, *, is_setting: bool = False
    ) -> None:
        """Have an attribute `name` that is an array of this shape for each stream, filled with `blank`.

        A setting says what a stream's sensor is like, and stays when the stream begins anew.
        """
        self._blank[name] = blank
        if is_setting:
            self._settings.add(name)
        setattr(self, name, np.full((self._room, *shape), blank, kind))

    def row_arrays(self) -> list[npt.NDArray[Any]]:
        """Return the arrays themselves."""
        return [getattr(self, name) for name in self._blank]

    def gather(self) -> None:
        """Have the arrays hold all: a subclass may keep some of it elsewhere between steps."""

    def look_up(self) -> None:
        """Look at the arrays anew: they may have changed otherwise than by the subclass."""

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; new ones are those of streams that have seen nothing."""
        for name, blank in self._blank.items():
            setattr(self, name, roomy(getattr(self, name), count, filled=blank))
        self._room = max(self._room, count)

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing."""
        for name, blank in self._blank.items():
            if name not in self._settings:
                getattr(self, name)[rows] = blank
