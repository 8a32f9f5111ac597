"""Where forecasts wait for their truths: a ring of places for each step ahead, and no place to spare.

Of what is said s steps ahead, the last s forecasts wait. They lie in a ring of s places: with each sample the first of
them is read, and what is said now becomes the last. Over a horizon of h steps that is h (h + 1) / 2 places.

The rings lie so that one number, the turn, tells where all of them begin. Let L be the odd one of h and h + 1. The ring
of a far step, s > L / 2, and that of the near one, L - s, share a circle of L places, one behind the other. With each
sample the circle turns by one place, and then the place that was the first of either is the last of the other: there
what was said s steps ahead is read, and what is said L - s steps ahead is written. Where h is odd, the ring of h steps
has a circle of its own. There are R = h (h + 1) / 2 / L circles. Their first places lie side by side, then their second
ones, and so on.
"""

from functools import cached_property

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]

_MOST_KEPT = 256
"""Turns whose places are computed once only: all of them, but for horizons so long that these would take more memory
than the forecasts."""


class Waiting:
    """Knows the places of streams' forecasts (word,); it holds none of them. A word is a target's number."""

    def __init__(self, horizon: int, targets: int) -> None:
        self.turns = horizon | 1
        """After so many samples (L) all begins anew where it began."""
        self.words = horizon * (horizon + 1) // 2 * targets
        """Numbers of a stream that wait."""
        self.by_turn = self.words // self.turns
        """Words that lie between a place and the next one of the same circle (R, times the targets)."""
        self._steps = steps = np.arange(1, horizon + 1)
        is_near = steps <= self.turns // 2
        circle = np.where(is_near, steps - (self.turns - horizon), horizon - steps)[:, None] * targets
        of_step = circle + np.arange(targets)
        # A far ring begins where its circle does on turn 0. Seen from there its near one ends one place before that.
        self._read = of_step - np.where(is_near, steps, 0)[:, None] * self.by_turn
        self._written = of_step - np.where(is_near, 0, self.turns - steps)[:, None] * self.by_turn
        self._kept: dict[int, tuple[Places, Places]] = {}

    def at(self, turn: int) -> tuple[Places, Places]:
        """Return `read` and `written` of a turn."""
        turn %= self.turns
        if turn in self._kept:
            return self._kept[turn]
        places = self.read(turn), self.written(turn)
        if len(self._kept) < _MOST_KEPT:
            self._kept[turn] = places
        return places

    def read(self, turn: int | Places) -> Places:
        """Return where lies what has been said 1, 2, ... steps ahead of the sample to come, (..., horizon, target).

        `turn` (...) may be any count of samples.
        """
        return self._moved(self._read, turn)

    def written(self, turn: int | Places) -> Places:
        """Return where belongs what is said 1, 2, ... steps ahead after that sample, (..., horizon, target)."""
        return self._moved(self._written, turn)

    def in_order(self, turn: int) -> Places:
        """Return where lies all that waits, (place, target): one ring after the other, each from its first place on."""
        return self._moved(self._in_order, turn)

    @cached_property
    def _in_order(self) -> Places:
        within = np.concatenate([np.arange(step) for step in self._steps.tolist()])
        places: Places = np.repeat(self._read, self._steps, axis=0) + within[:, None] * self.by_turn
        return places

    def _moved(self, places: Places, turn: int | Places) -> Places:
        moved: Places = (places + np.multiply(turn, self.by_turn)[..., None, None]) % self.words
        return moved
