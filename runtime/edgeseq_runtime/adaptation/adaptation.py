"""Forecasts that go on learning: the network's own, corrected, and weighed against the simplest ones by what came.

The network stays as it was trained. What is learned is small, bounded, and never far behind the network itself: a
correction by recursive least squares (`correction.py`), and the weights of four forecasts (`experts.py`): the
network's, the corrected one, persistence and the seasonal naive one. Both are learned at a few steps ahead, the knots;
the steps between them take what lies between. A gate at each knot lets the result out only while it has done clearly
better than the network alone (`gate.py`). A forecast teaches when its truth has come, and only by samples that were
measured and taken: what was imputed, left out, flagged or unknown teaches nothing.

All is counted as the change from the sample that a forecast was made at, in units of the typical change over so many
steps (`spec.target_scales`), times the gain of a stream's sensor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation import correction, experts
from edgeseq_runtime.adaptation.gate import MARGIN, MOST_TAUGHT, WORST
from edgeseq_runtime.adaptation.layout import KEPT, Layout
from edgeseq_runtime.adaptation.learning import Flags, LearnedRows, Learning, Moment, Places, leading
from edgeseq_runtime.adaptation.lone_step import LoneStep
from edgeseq_runtime.adaptation.lone_stream import LoneStream
from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import VALUE, Spec
from edgeseq_runtime.streaming.kept_rows import KeptRows


@dataclass(frozen=True)
class Learned:
    """What a stream has learned, for people."""

    taught: int
    """Samples that a forecast was compared with; it stops at 16,777,216."""
    knots: tuple[int, ...]
    """The steps ahead that are learned by themselves."""
    open: Flags
    """(target, knot): whether adapted forecasts go out; the network's own do elsewhere."""
    weights: Float32
    """(target, knot, expert): of the network, the corrected forecast, persistence and, with a season, the naive one. Of
    a model for any sensor as in `seasonal.layout.EXPERTS`."""
    season: int | None = None
    """Samples of the season that a model for any sensor has found; None where it has none, and for other models."""


class Adaptation(KeptRows):
    """What streams have shown, and what was learned of it.

    Raises `UsageError` for a model that does not say of what size its targets' changes are.
    """

    kept_as = KEPT

    memory: Float32
    """(stream, words): see `layout`."""
    gains: Float32
    """(stream, target): of their sensors."""

    def __init__(self, spec: Spec, room: int) -> None:
        super().__init__(room)
        self.layout = layout = Layout.of(spec)
        self.scales = typical_changes(spec)
        self.changes = np.array([feature.change for feature in spec.features[: layout.targets]], np.float32)
        self._has_gains = bool(spec.sensors)
        self._sizes = np.array([*layout.knots, layout.kept])
        self._learning = Learning(layout)
        self._at: Places | None = None
        """Places that all streams have in common; None where that is to be looked up."""
        self._views: dict[int, dict[str, Float32]] = {}
        self._apart: tuple[int, LearnedRows] | None = None
        """What was learned of the first streams, so many, while `memory` does not have it: see `gather`."""
        self.keeps_apart = True
        """Whether that may be so after `update`: not where other code works on `memory`."""
        self._fresh = self._fresh_row()
        self._begin("memory", (layout.words,), np.float32)
        self._begin("gains", (layout.targets,), np.float32, 1, is_setting=True)
        self.memory[:] = self._fresh
        self._lone: LoneStep | LoneStream | None = None
        self._find_lone()

    def _find_lone(self) -> None:
        """Have one stream of one target go a way of its own; always, since a float differs there in its last bit."""
        is_lone = len(self.memory) == self.layout.targets == 1
        way = LoneStep if self.layout.horizon == 1 else LoneStream
        self._lone = way(self.layout, self.memory[0]) if is_lone else None
        self._is_bound = False

    def _fresh_row(self) -> Float32:
        row = np.zeros((1, self.layout.words), np.float32)
        views = self.layout.views(row)
        views["values"].fill(np.nan)
        views["waiting"].fill(np.nan)
        views["covariance"][...] = correction.UNSURE * np.eye(self.layout.features)
        return np.asarray(row[0])

    # Rows that come and go

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `RowArrays`."""
        self.gather()
        before = len(self.memory)
        super().make_room(count)
        self.memory[before:] = self._fresh
        self._views = {}
        self._find_lone()
        self.look_up()

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing; see `RowArrays`."""
        self.gather()
        self.memory[rows] = self._fresh
        self.look_up()

    def row_arrays(self) -> list[npt.NDArray[Any]]:
        """Return the arrays themselves; see `RowArrays`."""
        self.gather()
        return super().row_arrays()

    def gather(self) -> None:
        """Have `memory` hold all that was learned: a pool's steps keep most of it where it is changed sooner."""
        if self._apart:
            count, learned = self._apart
            self._apart = None
            learned.write(self._views_of(self.memory[:count]))

    def forget(self, rows: Any) -> None:
        """Streams start afresh: no forecast waits, no sample is known. What was learned stays."""
        for target in range(self.layout.targets):
            begin = self.layout.head + target * self.layout.block
            waiting = self.layout.of_target["waiting"]
            self.memory[rows, begin : begin + waiting.offset + waiting.size] = np.nan
        self.look_up()

    def look_up(self) -> None:
        """Look for the places anew: they may have changed otherwise than by `update`."""
        self._at = None
        self._is_bound = False

    def set_gain(self, row: int, gain: npt.ArrayLike) -> None:
        """Have a stream's sensor measure so many times what the typical one does, (target,)."""
        self.gains[row] = gain
        self.look_up()

    # A sample

    def update(self, rows: Rows, samples: Float32, truths: Float32, forecasts: Float32, warm: Flags) -> bool:
        """Take a sample each of streams and adapt the network's forecasts after them, in place.

        `samples` (stream, target) are those that the network saw, `truths` the same, NaN where they teach nothing.
        `forecasts` (stream, horizon, target) are numbers; those of streams that are not `warm` stay as they are.
        Return whether any has changed.
        """
        if self._lone and len(samples):
            return self.update_lone(samples.item(), truths.item(), forecasts.reshape(-1), is_warm=bool(warm[0]))
        if not isinstance(rows, slice):
            self.gather()
        memory, at = self._brought_together(rows)
        views = self._views_of(memory) if isinstance(rows, slice) else self._views_for(memory)
        learned = self._learned_of(views, len(memory)) if isinstance(rows, slice) else LearnedRows.of(views)
        moment = self._moment(views, learned, at, rows, samples, forecasts, warm)
        with np.errstate(all="ignore"):
            shares = self._learning.learn(moment, truths)
            views["values"][..., at[-1]] = samples
            changed = self._learning.forecast(moment, shares)
        if not self._apart:
            learned.write(views)
        at = (at + 1) % self._sizes
        views["places"][...] = at
        if isinstance(rows, slice):
            self._at = at
        else:
            self.memory[rows] = memory
            self.look_up()
        return changed

    def _learned_of(self, views: dict[str, Float32], count: int) -> LearnedRows:
        """Return what was learned of the first streams, so many, which stays apart from their rows if it may."""
        if self._apart and self._apart[0] != count:
            self.gather()
        learned = self._apart[1] if self._apart else LearnedRows.of(views)
        if self.keeps_apart:
            self._apart = count, learned
        return learned

    def _moment(
        self,
        views: dict[str, Float32],
        learned: LearnedRows,
        at: Places,
        rows: Rows,
        samples: Float32,
        forecasts: Float32,
        warm: Flags,
    ) -> Moment:
        scales, unit = self.scales, self.changes
        if self._has_gains:
            gains = self.gains[rows]
            scales, unit = scales * gains[..., None], unit * gains
        return Moment(views, learned, at, samples, forecasts, warm, scales, unit)

    def update_lone(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `update` does for the only stream, of one target; `forecasts` (step,) are changed in place."""
        lone = self._lone
        assert lone, "only where there is one stream"
        if not self._is_bound:
            self._is_bound = True
            lone.bind(self.scales[0] * self.gains[0, 0], float(self.changes[0] * self.gains[0, 0]))
        return lone.update(sample, truth, forecasts, is_warm=is_warm)

    # Where everything lies

    def _views_of(self, memory: Float32) -> dict[str, Float32]:
        """Return the views of the first rows, which are made once."""
        count = len(memory)
        if count not in self._views:
            self._views = {count: self._views_for(memory)}
        return self._views[count]

    def _views_for(self, memory: Float32) -> dict[str, Float32]:
        return self.layout.views(memory) | {"sums": self.layout.sums(memory)}

    def _brought_together(self, rows: Rows) -> tuple[Float32, Places]:
        """Return the rows, and the places that they have in common; rings are turned where places differ."""
        memory = self.memory[rows]
        if isinstance(rows, slice) and self._at is not None:
            return memory, self._at
        part = self.layout.shared["places"]
        places = memory[:, part.offset : part.offset + part.size].astype(np.int64)
        at = places[0]
        apart = np.flatnonzero((places != at).any(axis=1))
        if len(apart):
            turned = memory[apart]
            views = self.layout.views(turned)
            turns = places[apart] - at
            ends = np.cumsum(self._sizes[:-1])
            rings = [views["waiting"][:, :, end - size : end] for end, size in zip(ends, self._sizes[:-1], strict=True)]
            for number, ring in enumerate([*rings, views["values"][..., None]]):
                from_ = (np.arange(ring.shape[2]) + turns[:, number, None]) % ring.shape[2]
                ring[...] = np.take_along_axis(ring, from_[:, None, :, None], axis=2)
            views["places"][...] = at
            memory[apart] = turned
        return memory, at

    # For people, and for snapshots

    def learned(self, row: int) -> Learned:
        """Return what a stream has learned."""
        self.gather()
        views, layout = self._views_for(self.memory[row : row + 1]), self.layout
        regret, variance, largest = leading(views["sums"], 2)
        with np.errstate(all="ignore"):
            weights = experts.weights(layout.prior, experts.rates(layout.prior, variance, largest), regret)
        are_open = views["gain"] < -MARGIN * views["worst"]
        return Learned(int(views["taught"][0, 0]), layout.knots, are_open[0], np.moveaxis(weights, 0, -1)[0])

    def might_hold(self, arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays_of` names, can be what a stream has learned."""
        if KEPT not in arrays:
            return True
        views = self.layout.views(arrays[KEPT].reshape(1, -1))
        places, taught, waiting = views["places"], views["taught"], views["waiting"]
        if not ((places >= 0) & (places < self._sizes) & (places == np.floor(places))).all():
            return False
        finite = np.isfinite(waiting)
        whole = finite.all(axis=-1) | ~finite.any(axis=-1)
        bounds = {"weights": 1e6, "regret": 1e12, "gain": 1e6}
        sums = {"variance": 1e15, "range": 1e4, "worst": float(WORST), "taught": MOST_TAUGHT}
        return bool(
            whole.all()
            and not np.isinf(views["values"]).any()
            and all((np.abs(views[name]) <= most).all() for name, most in bounds.items())
            and all(((views[name] >= 0) & (views[name] <= most)).all() for name, most in sums.items())
            and correction.is_covariance(views["covariance"])
            and (taught == np.floor(taught)).all()
        )


def typical_changes(spec: Spec) -> Float32:
    """Return the sizes of changes (target, step) that all is counted in, in the typical sensor's numbers.

    Those that the network was scaled by; where it says values, the change of one step times the root of their number.
    Raises `UsageError` where there are none.
    """
    changes = np.array([feature.change for feature in spec.features[: len(spec.targets)]], np.float64)
    if spec.predicts == VALUE:
        scales = changes[:, None] * np.sqrt(np.arange(1, spec.horizon + 1))
    else:
        scales = np.array(spec.target_scales, np.float64).T
    sizes = scales.astype(np.float32)
    if not (np.isfinite(sizes).all() and (sizes > 0).all() and (changes.astype(np.float32) > 0).all()):
        raise UsageError("the model cannot adapt: it does not say how much its targets change from sample to sample")
    return sizes
