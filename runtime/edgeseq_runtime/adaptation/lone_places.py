"""Where the numbers of one stream lie that `LoneStream` computes with: indices by which NumPy takes them.

A call of NumPy for a few numbers takes as long as one for a hundred, and much longer where shapes are to be broadcast
or arrays are no plain rows. So all numbers of a sample stand in one row, `now`, and those that others meet are taken
once for each.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.streaming.row_words import in_order

_CHANGES = tuple(f"change{number}" for number in range(1, CHANGES + 1))

Places = Mapping[str, Sequence[int]]
"""Name -> where each knot's number lies, or that of all."""


class LonePlaces:
    """Names of a sample's numbers -> where they lie in `now`, and indices into that and into what waits for a truth."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._knots, steps = len(layout.knots), layout.horizon
        seasonal = ("seasonal",) if layout.season else ()
        waits = ("own", *seasonal, "corrected", "said")
        ahead = dict.fromkeys(("correcting", *seasonal, "own"), (steps,))
        differing = {f"differing{number}": (1,) for number in range(1 + len(seasonal))}
        shared = {"one": (1,), **differing, **dict.fromkeys(_CHANGES, (1,)), "base": (1,), "zero": (1,)}
        at_knots = {f"{name}_at": (self._knots,) for name in waits}
        parts = in_order({**ahead, **shared, **at_knots})
        at = {name: slice(part.offset, part.offset + part.size) for name, part in parts.items()}
        self.size = at["said_at"].stop
        at["influences"] = slice(0, at["own"].stop)
        at["ahead"] = slice(steps, at["own"].stop)
        at["alike"] = slice(at["one"].start, at[_CHANGES[-1]].stop)
        at["told"] = slice(at["one"].start, self.size)
        at["ahead_at"] = slice(at["own_at"].start, at["corrected_at"].start)
        self.at = at
        """Name -> its place in `now`. What the correction sees at every step ahead is `alike`, 0 where it differs."""
        self.one, self.change, self.base = (at[name].start for name in ("one", _CHANGES[0], "base"))
        near = np.array(layout.knots) - 1
        self.at_knots = np.concatenate([at[name].start + near for name in ("own", *seasonal)])
        """Of `now`: what is forecast at the knots."""
        self._find_told(seasonal)
        self._find_waited(seasonal)
        self._find_between()

    def _find_told(self, seasonal: Sequence[str]) -> None:
        """Have indices into `told`, what is said at the knots."""
        begin, knots = self.at["told"].start, self._knots
        told: dict[str, Sequence[int]] = {
            name: range(at.start - begin, at.stop - begin) if name.endswith("_at") else (at.start - begin,) * knots
            for name, at in self.at.items()
        }
        seen, less = self._seen("_at", seasonal), self._less_seen("_at", seasonal)
        self.seen = np.array([*self._each(told, seen), *self._each(told, less)])
        """What the correction sees, and what that is counted from."""
        further = [f"{name}_at" for name in seasonal]
        self.experts = np.array(self._each(told, ("own_at", "corrected_at", "zero", *further)))
        words = ("base", "own_at", *further, "corrected_at", "said_at", *_CHANGES)
        self.slots = np.array(self._each(told, words))
        """The words that are to wait, slot after slot."""

    def _find_waited(self, seasonal: Sequence[str]) -> None:
        """Have indices into what waits: slot after slot, as in the stream's row, then what came, 0 and 1."""
        knots, words = self._knots, len(self._layout.waits)
        waited: dict[str, Sequence[int]] = {
            name: range(at, knots * words, words) for at, name in enumerate(self._layout.waits)
        }
        end = knots * words
        waited |= {"came": range(end, end + knots), "zero": (end + knots,) * knots, "one": (end + knots + 1,) * knots}
        experts = self._each(waited, ("own", "corrected", "zero", *seasonal))
        seen, less = self._seen("", seasonal), self._less_seen("", seasonal)
        said = self._each(waited, ["said"] * self._layout.experts)
        self.before = np.array([*waited["own"], *waited["said"], *self._each(waited, seen), *experts])
        """The network's forecasts, what was said, what the correction saw and what experts forecast."""
        self.before_from = np.array([*waited["came"], *waited["came"], *self._each(waited, less), *said])
        """What those are counted from."""

    def _find_between(self) -> None:
        """Have the indices of what lies between the knots: (number, knot) in a row."""
        knots, experts, features = range(self._knots), self._layout.experts, self._layout.features
        further = range(3, experts)
        self.trusts = np.array([knot * experts + expert for expert in (1, *further, 2) for knot in knots])
        """Of the shares (knot, expert): of the corrected forecast, the seasonal one and persistence."""
        differing = range(features - CHANGES - 1, 0, -1)
        self.weights = np.array([knot * features + feature for feature in differing for knot in knots])
        """Of the weights (knot, feature): those of the seasonal forecast and the network's own."""

    def _each(self, places: Places, names: Sequence[str]) -> list[int]:
        """Return the places of some numbers: all of the first knot, then all of the second."""
        return [places[name][knot] for knot in range(self._knots) for name in names]

    def _seen(self, suffix: str, seasonal: Sequence[str]) -> list[str]:
        return ["one", *(f"{name}{suffix}" for name in ("own", *seasonal)), *_CHANGES]

    def _less_seen(self, suffix: str, seasonal: Sequence[str]) -> list[str]:
        return ["zero", "zero", *(f"own{suffix}" for _ in seasonal), *["zero"] * CHANGES]
