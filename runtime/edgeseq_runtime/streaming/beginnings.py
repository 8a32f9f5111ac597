"""Whether a stream of any sensor began with garbage: what a sensor gives at power-up, far from all that followed.

A running scale and levels that have seen such a value remember it for hundreds of samples, and float32 holds few digits
of samples that are counted from it. So the first value is compared once with what came after it. It is garbage where it
lies more than `WIDTHS` times the width of the next `FEWEST` samples beyond them: this is the rule for a value that lies
far from all before it (`shown_range`), read backwards. Scale, unit and offset change nothing of it. The stream then
starts afresh with the newest sample, as if that were its first.

A first value that repeats is one value, up to `FEWEST - 1` times. While what followed is all equal, it has no width,
and nothing is decided. Samples are compared as they came, in float64: counted from garbage they may look equal.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.streaming.row_arrays import RowArrays
from edgeseq_runtime.streaming.shown_range import FEWEST, WIDTHS

FOLLOWED = FEWEST
"""What `seen` is after the first sample that differs from the stream's first one; lower, it counts those alike."""

WHOLE = FOLLOWED + FEWEST - 1
"""What it is when `FEWEST` samples have followed, until they are not all equal."""

FAR, PAST = WHOLE + 1, WHOLE + 2
"""What it is when the first value was found to be garbage, until the stream starts afresh; and when all is decided."""

_OPEN, _NUMBERS = "beginning.open", ("first", "least", "most")
"""What a snapshot calls `PAST - seen`, so that nothing is open where that lacks; and the numbers."""

Flags = npt.NDArray[np.bool_]


class Beginnings(RowArrays):
    """The first value of each stream, and the range of those after it."""

    seen: npt.NDArray[np.int8]
    """(stream,): 0 before the first number; see above."""
    first: Float64
    least: Float64
    most: Float64
    """(stream,): which mean nothing before they have come."""

    def __init__(self, room: int, margin: float, *, confirms: bool) -> None:
        """Where the rule about values out of range does not confirm them, no stream starts afresh because of one."""
        super().__init__(room)
        self._reach = margin * WIDTHS
        self._fresh = 0 if confirms else PAST
        self.any_far = False
        """Whether any stream is to start afresh with its next sample."""
        self._begin("seen", (), np.int8, self._fresh)
        for name in _NUMBERS:
            self._begin(name, (), np.float64)

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing."""
        super().erase(rows)
        self.look_up()

    def look_up(self) -> None:
        """Look at the arrays anew; see `RowArrays`."""
        self.any_far = bool(np.count_nonzero(self.seen == FAR))

    @property
    def is_first_open(self) -> bool:
        """Whether the first stream has more to see."""
        return bool(self.seen.item(0) < FAR)

    @property
    def level_of_first(self) -> float:
        """The value that shows nothing while all that followed in the first stream is equal to it; NaN elsewhere."""
        return self.least.item(0) if self.seen.item(0) == WHOLE else np.nan

    def unseen_of_first(self, came: Float64) -> int:
        """Return how many of the samples in a row (time,) at the begin show the first stream nothing."""
        if not self.is_first_open:
            return len(came)
        return int(np.argmax(np.append(came != self.level_of_first, True)))

    def any_open(self, rows: Any) -> bool:
        """Whether any of the streams at `rows` has more to see."""
        return bool(np.count_nonzero(self.seen[rows] < FAR))

    def see(self, rows: Any, came: Float64, usable: Flags) -> None:
        """Take a sample each of streams as it came, (stream,); those that are not `usable` say nothing."""
        is_open = self.seen[rows] < FAR
        if not np.count_nonzero(is_open):
            return
        rows, came, takes = np.arange(len(self.seen))[rows][is_open], came[is_open], usable[is_open]
        seen, first, least, most = self.seen[rows], self.first[rows], self.least[rows], self.most[rows]
        first = np.where(takes & (seen == 0), came, first)
        alike = (seen < FOLLOWED) & (came == first)
        differs = takes & (seen < FOLLOWED) & ~alike
        follows = takes & (seen >= FOLLOWED)
        least = np.where(differs, came, np.where(follows, np.minimum(least, came), least))
        most = np.where(differs, came, np.where(follows, np.maximum(most, came), most))
        more = np.minimum(seen + 1, WHOLE)
        after = np.where(differs, FOLLOWED, np.where(takes, more, seen))
        after = np.where(takes & alike & (more == FOLLOWED), PAST, after)
        with np.errstate(over="ignore", invalid="ignore"):
            width, beyond = most - least, np.maximum(first - most, least - first)
            decides = takes & (after == WHOLE) & (width > 0)
            far = decides & (beyond > self._reach * width)
        after = np.where(decides, np.where(far, FAR, PAST), after)
        self.first[rows], self.least[rows], self.most[rows], self.seen[rows] = first, least, most, after
        self.any_far = self.any_far or bool(np.count_nonzero(far))

    def are_far(self, rows: Any) -> Flags:
        """Return which streams are to start afresh, (stream,)."""
        return np.asarray(self.seen[rows] == FAR)

    def open_again(self, rows: Any) -> None:
        """Streams start afresh after a time in which nothing is known of them: the sensor may power up again."""
        self.seen[rows] = self._fresh
        self.look_up()

    def close(self, rows: Any) -> None:
        """Streams start afresh with a value that was compared with those before it."""
        self.seen[rows] = PAST
        self.look_up()

    def counters_of(self, rows: npt.NDArray[np.intp]) -> list[dict[str, Any]]:
        """Return what a snapshot has to keep of streams."""
        numbers = zip(*(getattr(self, name)[rows].tolist() for name in _NUMBERS), strict=True)
        return [
            {_OPEN: PAST - seen, **{f"beginning.{name}": number for name, number in zip(_NUMBERS, found, strict=True)}}
            for seen, found in zip(self.seen[rows].tolist(), numbers, strict=True)
        ]

    def load(self, row: int, counters: Mapping[str, Any]) -> None:
        """Go on from what `counters_of` returned."""
        self.seen[row] = PAST - counters[_OPEN] if self._fresh == 0 else PAST
        for name in _NUMBERS:
            getattr(self, name)[row] = counters[f"beginning.{name}"]
        self.look_up()

    def might_hold(self, counters: Mapping[str, Any], limit: float) -> bool:
        """Whether counters, of those that `counters_of` names, can be a stream's whose numbers are within a limit."""
        numbers = [counters[f"beginning.{name}"] for name in _NUMBERS]
        return counters[_OPEN] <= PAST and all(abs(number) <= limit for number in numbers) and numbers[1] <= numbers[2]
