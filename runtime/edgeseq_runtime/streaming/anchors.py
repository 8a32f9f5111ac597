"""From where streams of any sensor are counted: each sample less the stream's first one, in float64.

The network and all that judges its forecasts work in float32. There an offset of 1e6 leaves a tenth of a unit: a meter
that counts up would be seen in stairs, and how a value is rounded could open a gate of adaptation a sample sooner. The
network for any sensor looks at changes only, so its streams may be counted from anywhere. What is given is counted from
the anchor before it is rounded to float32. What goes out has the anchor added to it, in float64. Nothing between the
two knows of it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.streaming.beginnings import Beginnings
from edgeseq_runtime.streaming.row_arrays import RowArrays

KEPT = "anchor.value"
"""What a snapshot calls it. A stream of an earlier version was counted from zero."""


class Anchors(RowArrays):
    """What is subtracted from each stream's samples, and added to all that is said of them."""

    values: Float64
    """(stream,), NaN before the first number."""
    came: Float64
    """(stream,): the samples that are being taken, as they came."""

    def __init__(self, room: int, limit: float, beginnings: Beginnings) -> None:
        super().__init__(room)
        self._beginnings = beginnings
        self._limit = limit
        """A sample beyond it is no number to the network."""
        self._begin("values", (), np.float64, np.nan)
        self._begin("came", (), np.float64, np.nan)

    def counted(self, rows: Any, samples: npt.NDArray[Any]) -> Float32:
        """Return a sample each of streams, (stream, 1), as they are counted; a stream's first number is its anchor."""
        came = samples[:, 0].astype(np.float64)
        self.came[rows] = came
        anchors, usable = self.values[rows], np.abs(came) <= self._limit
        self._beginnings.see(rows, came, usable)
        begins = np.isnan(anchors) & usable
        if np.count_nonzero(begins):
            anchors = np.where(begins, came, anchors)
            self.values[rows] = anchors
        return _less(came, anchors)

    @property
    def is_first_young(self) -> bool:
        """Whether it is still to be seen if the only stream began with garbage."""
        return self._beginnings.is_first_open

    @property
    def level_of_first(self) -> float:
        """The value that shows nothing of that while all is equal to it; NaN elsewhere."""
        return self._beginnings.level_of_first

    def unseen_of_first(self, samples: npt.NDArray[Any]) -> int:
        """Return how many samples in a row (time, 1) of the only stream, as they came, show nothing of that."""
        return self._beginnings.unseen_of_first(samples[:, 0])

    def kept(self, rows: Any) -> list[npt.NDArray[Any]]:
        """Return copies of all that `counted` may change, for `put_back` where the samples are refused after all."""
        changing = self._changing if self._beginnings.any_open(rows) else [self.values]
        return [np.array(array[rows]) for array in changing]

    def put_back(self, rows: Any, kept: list[npt.NDArray[Any]]) -> None:
        """Have all be as it was when `kept` was asked."""
        for array, before in zip(self._changing, kept, strict=False):  # or the first of them only
            array[rows] = before
        self._beginnings.look_up()

    @property
    def _changing(self) -> list[npt.NDArray[Any]]:
        return [self.values, *self._beginnings.row_arrays()]

    def counted_of_first(self, samples: npt.NDArray[Any]) -> Float32:
        """Return samples in a row (time, 1) of the only stream as they are counted. Its beginning does not see them."""
        came = samples[:, 0].astype(np.float64)
        if np.isnan(self.values[0]):
            self.values[:1] = next(iter(came[np.abs(came) <= self._limit]), np.nan)
        return _less(came, self.values[:1])

    def in_own_numbers(self, rows: Any, said: Float32) -> Float64:
        """Return what is said of streams, (stream, ...), as they are measured."""
        anchors = self.known(rows)
        return np.asarray(said + anchors.reshape(-1, *[1] * (said.ndim - 1)))

    def known(self, rows: Any) -> Float64:
        """Return what streams are counted from, (stream,); 0 before the first number, of which nothing is said."""
        return _known(self.values[rows])

    def move(self, rows: npt.NDArray[np.intp]) -> None:
        """Count streams from the samples that are being taken: they start afresh with these, for what they are."""
        self.values[rows] = self.came[rows]
        self._beginnings.close(rows)

    def see_again(self, rows: npt.NDArray[np.intp]) -> None:
        """Have the samples that are being taken be the first of streams that have just started afresh."""
        came = self.came[rows]
        self._beginnings.see(rows, came, np.abs(came) <= self._limit)

    def counters_of(self, rows: npt.NDArray[np.intp]) -> list[dict[str, float]]:
        """Return what a snapshot has to keep of streams."""
        return [{KEPT: anchor} for anchor in self.values[rows].tolist()]

    def load(self, row: int, counters: Mapping[str, Any]) -> None:
        """Go on from what `counters_of` returned."""
        self.values[row] = counters[KEPT]

    def might_hold(self, counters: Mapping[str, Any]) -> bool:
        """Whether counters, of those that `counters_of` names, can be a stream's."""
        return not abs(counters[KEPT]) > self._limit


def _less(came: Float64, anchors: Float64) -> Float32:
    with np.errstate(over="ignore", invalid="ignore"):
        return (came - _known(anchors)).astype(np.float32)[:, None]


def _known(anchors: Float64) -> Float64:
    return np.where(np.isnan(anchors), 0.0, anchors)
