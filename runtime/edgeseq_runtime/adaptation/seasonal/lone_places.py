"""Where the numbers of one stream lie that `LoneStream` computes with, and indices by which NumPy takes them.

Those of a sample stand in one row, `now`, from the sizes that all is counted in to what is said at the knots. Its end,
from what the correction sees on, is the record that is kept until the truths have come.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation.seasonal.layout import COARSE, FINE, WAITS, Layout
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.streaming.row_words import in_order

Indices = npt.NDArray[np.int64]

EXPERTS = ("own_at", "corrected_at", "blended_at", "zero", "naive_at", "change_at")
"""What the experts forecast, in their order."""

_PARTS, _PARTS_FROM = ("own_at", "naive_at", "change_at"), ("zero", "own_at", "own_at")
"""What the blend adds shares of: the network's forecast, and by how much the seasonal ones differ from it."""


class LonePlaces:
    """Names of a sample's numbers -> where they lie, and indices; `look` makes those that depend on the season."""

    def __init__(self, layout: Layout, growth: Float32) -> None:
        self._layout = layout
        steps, knots, further = layout.horizon, len(layout.knots), 1 + len(layout.ahead)
        self.steps = 3 * steps + layout.recent
        """What is computed of values: forecasts for each step, and what the correction sees."""
        ahead = dict.fromkeys(("both", "blending", "naive", "change", "own"), (steps,))
        seen = {"one": (1,), "last": (1,), "changes": (FINE + len(COARSE),), "seasonal": (further,)}
        at_knots = {
            f"{name}_at": (knots,) for name in ("own", "naive", "change", "scale", "blended", "corrected", "said")
        }
        parts = in_order({"sizes": (self.steps,), **ahead, **seen, "base": (1,), "zero": (1,), **at_knots})
        at = {name: slice(part.offset, part.offset + part.size) for name, part in parts.items()}
        self.size = at["said_at"].stop
        at["seen"], at["at_knots"] = _from(at["one"], at["seasonal"]), _from(at["own_at"], at["scale_at"])
        at["parts"], at["influences"] = _from(at["naive"], at["own"]), _from(at["both"], at["own"])
        at["sizes_of_own"] = slice(2 * steps, 3 * steps)
        self.at = at
        self.one, self.last, self.base = (at[name].start for name in ("one", "last", "base"))
        self.last_own = at["own"].stop - 1
        self.record = self.size - at["one"].start
        """Numbers of a record."""
        self._lags = np.array([*range(FINE + 1), *COARSE])
        self._ahead, self._steps = np.array(layout.ahead), np.arange(1, steps + 1)
        spans = np.sqrt(np.diff(self._lags)).astype(np.float32)
        self._per = np.concatenate([*[growth] * 3, [1, 1], spans, [1], growth[self._ahead - 1]]).astype(np.float32)
        self._find_knots()
        self._find_waiting()

    def _find_knots(self) -> None:
        """Have the indices of what is said at the knots; of `now` from zero on."""
        knots, experts = range(len(self._layout.knots)), len(EXPERTS)
        begin = self.at["zero"].start
        self.parts = np.array([*self._at_each(_PARTS, begin), *self._at_each(_PARTS_FROM, begin)])
        self.experts = np.array(self._at_each(EXPERTS, begin))
        self.waits = np.array(self._at_each([f"{name}_at" for name in WAITS], begin))
        self.trusts = np.array([knot * experts + expert for expert in (1, 2, 4, 5, 3) for knot in knots])
        """Of the shares (knot, expert): those of `influences`, one after the other."""
        self.weights = np.array([knot * len(_PARTS) + part for part in (1, 2, 0) for knot in knots])
        """Of the blend's weights (knot, part): those of `parts`, one after the other."""

    def _at_each(self, names: Sequence[str], begin: int, rows: Iterable[int] | None = None) -> list[int]:
        """Return the places of some numbers, counted from `begin`: all of the first knot, then all of the second.

        `rows` are the places of the knots' records, where they lie in such.
        """
        starts = rows or [0] * len(self._layout.knots)
        places = [(self.at[name].start - begin, self.at[name].stop - self.at[name].start > 1) for name in names]
        return [start + at + knot * each for knot, start in enumerate(starts) for at, each in places]

    def _find_waiting(self) -> None:
        """Have the indices of what waits: in records from that of the furthest knot on, and in the stream's row."""
        layout, knots = self._layout, np.array(self._layout.knots)
        begin, rows = self.at["one"].start, ((layout.horizon - knots) * self.record).tolist()
        errors = [place for name in ("own_at", "said_at", "blended_at") for place in self._at_each([name], begin, rows)]
        base, scale = (self._at_each([name], begin, rows) * 3 for name in ("base", "scale_at"))
        before = [*errors, *self._at_each(_PARTS, begin, rows), *self._at_each(EXPERTS, begin, rows)]
        said = self._at_each(["said_at"] * len(EXPERTS), begin, rows)
        self.compared = np.array([*before, *base, *self._at_each(_PARTS_FROM, begin, rows), *said, *scale])
        """Of records: forecasts in the order of `LoneLearning.off`, what those are counted from, and their sizes."""
        seen = (np.array(rows)[:, None] + np.arange(layout.recent)).reshape(-1)
        self.seen_twice = np.concatenate([seen, seen])
        words = len(WAITS)
        self.ring = np.repeat(knots * words, words)
        """Words after which a knot's slots begin anew, for each word that waits."""
        first = np.cumsum([0, *knots[:-1]]) * words + layout.parts["waiting"].offset
        self.first_slot = (first[:, None] + np.arange(words)).reshape(-1)

    def look(self, season: int) -> None:
        """Have the indices of this season; 0: none, and no seasonal forecasts."""
        at, steps, ahead = self.at, self._steps, self._ahead
        now = np.zeros_like(steps)
        then, since, further = now, now, np.zeros(1 + len(ahead), np.int64)
        if season:
            since = -(-steps // season) * season
            then, further = since - steps, np.array([season, *(-(-ahead // season) * season - ahead)])
        later = [then, then, now, [0, 0], self._lags[:-1], further]
        earlier = [now, since, now, [0, 0], self._lags[1:], np.zeros_like(further)]
        first = 0 if season else 2  # without a season nothing is computed of seasonal forecasts
        self.back: Indices = np.concatenate([*later[first:], *earlier[first:]])
        """How many samples ago those are that are compared: of all that is computed the later and the earlier ones."""
        self.begin = at["naive" if season else "own"].start
        self.begin_of_sizes = self.begin - at["naive"].start
        """Where in `now` that is written, and where the sizes of it are."""
        self.is_seasonal = season > 0
        self.per = self._per[first * len(steps) :]
        """What it is a multiple of, in scales."""
        self.own_of_taken = slice((2 - first) * len(steps), (3 - first) * len(steps))
        names = ("own", "naive", "change") if season else ("own", "own", "own")
        near = np.array(self._layout.knots) - 1
        self.at_knots = np.concatenate([*(at[name].start + near for name in names), at["sizes_of_own"].start + near])


def _from(first: slice, last: slice) -> slice:
    return slice(first.start, last.stop)
