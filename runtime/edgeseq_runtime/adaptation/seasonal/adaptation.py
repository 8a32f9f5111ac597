"""Adaptation of a model for any sensor: it finds the season by itself, and learns of each stream from its begin on.

The network stays as it was trained; what is learned is small, bounded, and never far behind the network itself (see
`learning.py`, `season.py`, `recent.py`). All is counted in multiples of the scale that the network lets run along; what
waits for its truth keeps the scale of its own time. A gate at each knot lets the result out only while it has done
clearly better than the network alone, which is the brake while a stream is young.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation import correction, experts
from edgeseq_runtime.adaptation.adaptation import Learned, typical_changes
from edgeseq_runtime.adaptation.gate import MARGIN, MOST_TAUGHT, WORST
from edgeseq_runtime.adaptation.layout import KEPT
from edgeseq_runtime.adaptation.seasonal import blend, recent, season
from edgeseq_runtime.adaptation.seasonal.layout import LONGEST, PRIOR, Layout
from edgeseq_runtime.adaptation.seasonal.learning import Learning, Moment
from edgeseq_runtime.adaptation.seasonal.lone_stream import LoneStream
from edgeseq_runtime.adaptation.seasonal.season import Flags
from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.kept_rows import KeptRows


class SeasonalAdaptation(KeptRows):
    """What streams have shown, and what was learned of it."""

    kept_as = KEPT

    memory: Float32
    """(stream, words): see `layout`."""
    gains: Float32
    """(stream, 1): their scales after the last sample, which the network says; 0 where nothing has changed yet."""

    def __init__(self, spec: Spec, room: int) -> None:
        super().__init__(room)
        assert len(spec.targets) == 1, "a running scale is that of one value"
        self.layout = Layout(spec.horizon)
        self.scales = typical_changes(spec)
        self._rows = Learning(self.layout, self.scales[0])
        self.keeps_apart = False
        self._views: dict[int, dict[str, Float32]] = {}
        self._fresh = self._fresh_row()
        self._begin("memory", (self.layout.words,), np.float32)
        self._begin("gains", (1,), np.float32)
        self.memory[:] = self._fresh
        self._lone: LoneStream | None = None
        self._find_lone()

    def _find_lone(self) -> None:
        """Have one stream go a way of its own; always, since a float differs there in its last bit."""
        is_lone = len(self.memory) == 1
        self._lone = LoneStream(self.layout, self.scales[0], self.memory[0]) if is_lone else None

    def _fresh_row(self) -> Float32:
        row = np.zeros((1, self.layout.words), np.float32)
        views = self.layout.views(row)
        self._forget(views)
        views["covariance"][...] = blend.UNSURE * np.eye(views["covariance"].shape[-1])
        views["recent_covariance"][...] = recent.UNSURE * np.eye(self.layout.recent)
        return np.asarray(row[0])

    @staticmethod
    def _forget(views: Mapping[str, Float32]) -> None:
        for name in ("values", "units", "waiting"):
            views[name].fill(np.nan)

    # Rows that come and go

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `RowArrays`."""
        before = len(self.memory)
        super().make_room(count)
        self.memory[before:] = self._fresh
        self._views = {}
        self._find_lone()

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing; see `RowArrays`."""
        super().erase(rows)
        self.memory[rows] = self._fresh
        self.look_up()

    def forget(self, rows: Any) -> None:
        """Streams start afresh: no forecast waits, no sample is known. What was learned stays, the season too."""
        memory = self.memory[rows]
        self._forget(self.layout.views(memory))
        self.memory[rows] = memory
        self.look_up()

    def look_up(self) -> None:
        """Look at the rows anew: they may have changed otherwise than by `update`."""
        if self._lone:
            self._lone.look_up()

    def set_gain(self, row: int, gain: npt.ArrayLike) -> None:
        """Count a stream in multiples of `gain` (1,) from the next sample on."""
        self.gains[row] = gain

    # A sample

    def update(self, rows: Rows, samples: Float32, truths: Float32, forecasts: Float32, warm: Flags) -> bool:
        """Take a sample each of streams and adapt the network's forecasts after them, in place.

        `samples` (stream, 1) are those that the network saw, `truths` the same, NaN where they teach nothing.
        `forecasts` (stream, horizon, 1) are numbers; those of streams that are not `warm` stay as they are.
        Return whether any has changed.
        """
        if self._lone and len(samples):
            return self.update_lone(samples.item(), truths.item(), forecasts.reshape(-1), is_warm=bool(warm[0]))
        memory = self.memory[rows]
        views = self._views_of(memory) if isinstance(rows, slice) else self._views_for(memory)
        begins = np.arange(len(memory))[:, None] * self.layout.words
        clock = views["clock"].astype(np.int64)
        with np.errstate(all="ignore"):
            moment = Moment(
                memory.reshape(-1), begins, views, clock, samples, truths, forecasts[..., 0], warm, self.gains[rows]
            )
            changed = self._rows.take(moment)
        views["clock"][...] = (clock + 1) % self.layout.turns
        if not isinstance(rows, slice):
            self.memory[rows] = memory
        return changed

    def update_lone(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `update` does for the only stream; `forecasts` (step,) are changed in place."""
        assert self._lone, "only where there is one stream"
        return self._lone.update(sample, truth, self.gains.item(0), forecasts, is_warm=is_warm)

    def _views_of(self, memory: Float32) -> dict[str, Float32]:
        """Return the views of the first rows, which are made once."""
        count = len(memory)
        if count not in self._views:
            self._views = {count: self._views_for(memory)}
        return self._views[count]

    def _views_for(self, memory: Float32) -> dict[str, Float32]:
        views = self.layout.views(memory)
        first = {name: np.moveaxis(views[name], -1, 0) for name in ("weights", "regret", "variance", "range")}
        return views | first | {"covariance": np.moveaxis(views["covariance"], (-2, -1), (0, 1))}

    # For people, and for snapshots

    def learned(self, row: int) -> Learned:
        """Return what a stream has learned."""
        views = self._views_for(self.memory[row : row + 1])
        regret, variance, largest = (views[name] for name in ("regret", "variance", "range"))
        with np.errstate(all="ignore"):
            weights = experts.weights(PRIOR, experts.rates(PRIOR, variance, largest), regret)
        are_open = views["gain"] < -MARGIN * views["worst"]
        found = int(views["season"][0, 0]) or None
        return Learned(int(views["taught"][0, 0]), self.layout.knots, are_open, np.moveaxis(weights, 0, -1), found)

    def might_hold(self, arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays_of` names, can be what a stream has learned."""
        if KEPT not in arrays:
            return True
        views = self.layout.views(arrays[KEPT].reshape(1, -1))
        finite = np.isfinite(views["waiting"])
        counts = {"clock": self.layout.turns - 1, "taught": MOST_TAUGHT, "seen": season.OLDEST, "season": LONGEST}
        sums = {"repeats": float(season.LARGEST), "moved": float(season.LARGEST), "variance": 1e15, "range": 1e4}
        bounds = {"weights": 1e6, "recent_weights": float(recent.LARGEST), "regret": 1e12, "gain": 1e6}
        return bool(
            (finite.all(axis=-1) | ~finite.any(axis=-1)).all()
            and not np.isinf(views["values"]).any()
            and not (views["units"] < 0).any()
            and all((views[name] == np.floor(views[name])).all() for name in counts)
            and all((np.abs(views[name]) <= most).all() for name, most in bounds.items())
            and all(
                ((views[name] >= 0) & (views[name] <= most)).all()
                for name, most in (counts | sums | {"worst": float(WORST)}).items()
            )
            and correction.is_covariance(views["covariance"], blend.UNSURE)
            and correction.is_covariance(views["recent_covariance"], recent.UNSURE)
        )
