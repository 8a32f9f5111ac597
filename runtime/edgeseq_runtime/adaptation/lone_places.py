"""Where the numbers of one stream lie that `LoneStream` computes with: indices by which NumPy takes them.

A call of NumPy for a few numbers takes as long as one for a hundred, and much longer where shapes are to be broadcast
or arrays are no plain rows. So the numbers of all knots stand in one row, and those that others meet are taken once for
each.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation.layout import CHANGES, Layout

Indices = npt.NDArray[np.intp]

_CHANGES = tuple(f"change{number}" for number in range(1, CHANGES + 1))


class LonePlaces:
    """Indices into `waited`, what waits for a truth, and into `told`, what is said after a sample."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.knots = len(layout.knots)
        seasonal = ("seasonal",) if layout.season else ()
        self._experts = ("own", "corrected", "zero", *seasonal)
        self._seen = ("one", "own", *seasonal, *_CHANGES)
        words = len(layout.waits)
        self.waited: dict[str, Sequence[int]] = {
            name: range(at, self.knots * words, words) for at, name in enumerate(layout.waits)
        }
        """Name -> where each knot's number lies in `waited`: slot after slot, as in the stream's row."""
        self.waited |= self._in_turn(("came",), ("zero", "one"), self.knots * words)
        self.told = self._in_turn(("own", *seasonal, "corrected", "said"), ("base", *_CHANGES, "zero", "one"), 0)
        """The same of `told`, where they lie name after name."""
        self.told_size = 1 + max(max(at) for at in self.told.values())
        self.known_size = self.knots * (layout.experts + 1 + layout.features)

    def _in_turn(self, each: Iterable[str], shared: Iterable[str], begin: int) -> dict[str, Sequence[int]]:
        """Return places for a number at each knot, and for such as all knots share, one after the other."""
        found: dict[str, Sequence[int]] = {}
        for name in each:
            found[name] = range(begin, begin + self.knots)
            begin += self.knots
        for at, name in enumerate(shared, start=begin):
            found[name] = (at,) * self.knots
        return found

    def _each(self, places: dict[str, Sequence[int]], names: Sequence[str]) -> list[int]:
        """Return the places of some numbers: all of the first knot, then all of the second."""
        return [places[name][knot] for knot in range(self.knots) for name in names]

    @cached_property
    def before(self) -> Indices:
        """Of `waited`: the network's forecasts, what was said, what the correction saw and what experts forecast."""
        at = self.waited
        return np.array([*at["own"], *at["said"], *self._each(at, self._seen), *self._each(at, self._experts)])

    @cached_property
    def before_from(self) -> Indices:
        """Of `waited`: what those are counted from."""
        at = self.waited
        experts = self._each(at, ("said",) * self._layout.experts)
        return np.array([*at["came"], *at["came"], *self._each(at, self._less_seen), *experts])

    @cached_property
    def seen(self) -> Indices:
        """Of `told`: what the correction sees."""
        return np.array(self._each(self.told, self._seen))

    @cached_property
    def seen_from(self) -> Indices:
        """Of `told`: what that is counted from."""
        return np.array(self._each(self.told, self._less_seen))

    @property
    def _less_seen(self) -> list[str]:
        return ["own" if name == "seasonal" else "zero" for name in self._seen]

    @cached_property
    def alike(self) -> Indices:
        """Of `told`: what the correction sees at every step ahead, and zeros for what differs."""
        return np.array([self.told[name if name in ("one", *_CHANGES) else "zero"][0] for name in self._seen])

    @cached_property
    def experts(self) -> Indices:
        """Of `told`: what the experts forecast."""
        return np.array(self._each(self.told, self._experts))

    @cached_property
    def slots(self) -> Indices:
        """Of `told`: the words that are to wait, slot after slot."""
        return np.array(self._each(self.told, self._layout.waits))

    @cached_property
    def at_knots(self) -> Indices:
        """(number, knot): of trusts (knot, expert), what is alike (knot,) and weights (knot, feature), in a row.

        Of the experts but the first, what is alike, and the weights of the network's own forecast and the seasonal one.
        """
        experts, features = self._layout.experts, self._layout.features
        trusts = np.arange(self.knots * experts).reshape(self.knots, experts)[:, 1:]
        alike = trusts.size + self.knots + np.arange(self.knots)[:, None]
        weights = alike.max() + 1 + np.arange(self.knots * features).reshape(self.knots, features)
        return np.concatenate([trusts, alike, weights[:, 1:-CHANGES]], axis=1).T.copy()
