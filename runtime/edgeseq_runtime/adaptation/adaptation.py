"""Forecasts that go on learning: the network's own, corrected, and weighed against the simplest ones by what came.

The network stays as it was trained. What is learned is small, bounded, and never far behind the network itself: a
correction by recursive least squares (`correction.py`), and the weights of four forecasts (`experts.py`): the network's,
the corrected one, persistence and the seasonal naive one. Both are learned at a few steps ahead, the knots; the steps
between them take what lies between. A gate at each knot lets the result out only while it has done clearly better than
the network alone. A forecast teaches when its truth has come, and only by samples that were measured and taken: what was
imputed, left out, flagged or unknown teaches nothing.

All is counted as the change from the sample that a forecast was made at, in units of the typical change over so many
steps (`spec.target_scales`), times the gain of a stream's sensor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation import correction, experts
from edgeseq_runtime.adaptation.correction import clipped
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.adaptation.lone_stream import MARGIN, MEMORY, MOST_TAUGHT, WORST, LoneStream
from edgeseq_runtime.arrays import Float32, Rows, are_finite
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import VALUE, Spec
from edgeseq_runtime.streaming.row_arrays import RowArrays

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


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
    """(target, knot, expert): of the network, the corrected forecast, persistence and, with a season, seasonal naive."""


@dataclass(frozen=True)
class _Moment:
    """A sample each of streams at the same places."""

    views: dict[str, Float32]
    """Of the streams' rows, by name."""
    at: Places
    samples: Float32
    """(stream, target): as the network saw them."""
    forecasts: Float32
    """(stream, horizon, target): the network's, which become the adapted ones."""
    warm: Flags
    """(stream,): whether forecasts count."""
    scales: Float32
    """(target, step), or with sensors' gains (stream, target, step): typical changes over so many steps."""
    unit: Float32
    """(target,), or (stream, target): typical changes from one sample to the next."""


class Adaptation(RowArrays):
    """What streams have shown, and what was learned of it. Raises `UsageError` for a model that does not say of what
    size changes are.
    """

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
        self._first = np.concatenate([[0], np.cumsum(layout.knots)[:-1]])
        self._steps = np.array(layout.knots) - 1
        self._all_steps = np.arange(layout.horizon)
        self._between = np.ascontiguousarray(layout.between.T)
        self._since = np.array(layout.since, np.int64)
        self._last = np.arange(CHANGES + 1)
        self._at: Places | None = None
        """Places that all streams have in common; None where that is to be looked up."""
        self._views: dict[int, dict[str, Float32]] = {}
        self._fresh = self._fresh_row()
        self._begin("memory", (layout.words,), np.float32)
        self._begin("gains", (layout.targets,), np.float32, 1, is_setting=True)
        self.memory[:] = self._fresh
        self._lone: LoneStream | None = None
        self._find_lone()

    def _find_lone(self) -> None:
        """Have one stream of one target go a way of its own; always, since a float differs there in its last bit."""
        is_lone = len(self.memory) == self.layout.targets == 1
        self._lone = LoneStream(self.layout, self.memory[0]) if is_lone else None
        self._is_bound = False

    def _fresh_row(self) -> Float32:
        row = np.zeros((1, self.layout.words), np.float32)
        views = self.layout.views(row)
        views["values"].fill(np.nan)
        views["waiting"].fill(np.nan)
        views["covariance"][...] = correction.UNSURE * np.eye(self.layout.features)
        return row[0]

    # Rows that come and go

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `RowArrays`."""
        before = len(self.memory)
        super().make_room(count)
        self.memory[before:] = self._fresh
        self._views = {}
        self._find_lone()
        self.look_up()

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing; see `RowArrays`."""
        self.memory[rows] = self._fresh
        self.look_up()

    def forget(self, rows: Any) -> None:
        """Streams start afresh: no forecast waits, no sample is known. What was learned stays."""
        for target in range(self.layout.targets):
            begin = self.layout.head + target * self.layout.block
            waiting = self.layout.of_target["waiting"]
            self.memory[rows, begin : begin + waiting.offset + waiting.size] = np.nan

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
        if self._lone and isinstance(rows, slice):
            return self.update_lone(samples.item(), truths.item(), forecasts.reshape(-1), is_warm=bool(warm[0]))
        memory, at = self._brought_together(rows)
        views = self._views_of(memory) if isinstance(rows, slice) else self.layout.views(memory)
        moment = self._moment(views, at, rows, samples, forecasts, warm)
        with np.errstate(all="ignore"):
            shares = self._learn(moment, truths)
            views["values"][..., at[-1]] = samples
            changed = self._forecast(moment, shares)
        at = (at + 1) % self._sizes
        views["places"][...] = at
        if isinstance(rows, slice):
            self._at = at
        else:
            self.memory[rows] = memory
            self.look_up()
        return changed

    def _moment(
        self, views: dict[str, Float32], at: Places, rows: Rows, samples: Float32, forecasts: Float32, warm: Flags
    ) -> "_Moment":
        if not self._has_gains:
            return _Moment(views, at, samples, forecasts, warm, self.scales, self.changes)
        gains = self.gains[rows]
        return _Moment(views, at, samples, forecasts, warm, self.scales * gains[..., None], self.changes * gains)

    def update_lone(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `update` does for the only stream, of one target; `forecasts` (step,) are changed in place."""
        lone = self._lone
        assert lone, "only where there is one stream"
        if not self._is_bound:
            self._is_bound = True
            lone.bind(self.scales[0] * self.gains[0, 0], float(self.changes[0] * self.gains[0, 0]))
        learned = lone.learn(truth)
        shares = lone.shares
        if not learned:
            moment = self._lone_moment(lone, sample, forecasts, is_warm=is_warm)
            with np.errstate(all="ignore"):
                shares = self._learn(moment, np.full((1, 1), truth, np.float32))[:, 0, 0].T
            lone.mistrust()
        lone.take(sample)
        changed = lone.forecast(forecasts, shares) if is_warm and lone.is_known else None
        if changed is None:
            moment = self._lone_moment(lone, sample, forecasts, is_warm=is_warm)
            with np.errstate(all="ignore"):
                changed = self._forecast(moment, shares.T[:, None, None])
        lone.move_on()
        return changed

    def _lone_moment(self, lone: LoneStream, sample: float, forecasts: Float32, *, is_warm: bool) -> "_Moment":
        views, samples = self._views_of(self.memory), np.full((1, 1), sample, np.float32)
        shaped = forecasts.reshape(1, -1, 1)
        return self._moment(views, lone.places, slice(0, 1), samples, shaped, np.full(1, is_warm))

    def _learn(self, moment: "_Moment", truths: Float32) -> Float32:
        """Compare with truths (stream, target) what waits for them.

        Return the experts' weights after that, (expert, stream, target, knot): what is computed for each expert or
        feature has these along the first axis, so that NumPy's loops are long.
        """
        layout, views = self.layout, moment.views
        waited = np.moveaxis(views["waiting"].take(self._first + moment.at[:-1], axis=2), -1, 0)
        word = dict(zip(layout.waits, np.ascontiguousarray(waited), strict=True))
        own, said, seasonal = word["own"], word["said"], word.get("seasonal")
        came = (truths[..., None] - word["base"]) / moment.scales[..., self._steps]
        known = np.isfinite(came - said)
        count = np.count_nonzero(known)
        regret, variance, largest = (_first(views[name], 1) for name in ("regret", "variance", "range"))
        if not count:
            return experts.weights(layout.prior, experts.rates(layout.prior, variance, largest), regret)
        seen = self._seen(own, seasonal, [word[name] for name in layout.waits[-CHANGES:]])
        loss = experts.losses(self._experts(own, word["corrected"], seasonal), said, came)
        errors = clipped(came - own)
        if count < known.size:
            unknown = ~known
            seen[:, unknown], loss[:, unknown], errors[unknown] = 0, 0, 0
        taught = views["taught"][:, 0]
        taught += known.any(axis=(1, 2)) & (taught < MOST_TAUGHT)
        where = True if count == known.size else known
        self._learn_gate(views, where, came, own, said)
        np.maximum(largest, np.abs(loss), out=largest)
        variance += loss * loss
        rate = experts.rates(layout.prior, variance, largest)
        regret += loss * (1 + rate * loss)
        for name, sums in (("regret", regret), ("variance", variance), ("range", largest)):
            _put(views[name], sums)
        # Weights do not move where nothing is known, of which covariances know nothing.
        weights, covariance = correction.learn(
            _first(views["weights"], 1), _first(views["covariance"], 2), seen, errors
        )
        _put(views["weights"], weights)
        _put(views["covariance"], covariance, where)
        return experts.weights(layout.prior, rate, regret)

    @staticmethod
    def _learn_gate(
        views: Mapping[str, Float32], where: Flags | bool, came: Float32, own: Float32, said: Float32
    ) -> None:
        """Count by how much what was said has been better than the network's own forecasts."""
        lost, lost_by_all = (np.minimum(np.square(came - forecast), WORST) for forecast in (own, said))
        gain, worst = views["gain"], views["worst"]
        np.copyto(gain, MEMORY * gain + (lost_by_all - lost), where=where)
        np.copyto(worst, np.maximum(MEMORY * worst, lost), where=where)

    def _forecast(self, moment: "_Moment", shares: Float32) -> bool:
        """Let what is said at the knots wait, and adapt forecasts; return whether any has changed.

        `shares` are the experts' weights (expert, stream, target, knot).
        """
        views, at, samples, warm = moment.views, moment.at, moment.samples, moment.warm
        own, seasonal = self._ahead(moment, self._steps)
        last = views["values"].take((at[-1] - self._last) % self._sizes[-1], axis=2)
        changes = (last[..., :-1] - last[..., 1:]) / moment.unit[..., None]
        changes = clipped(np.where(np.isfinite(changes), changes, np.float32(0)))
        changes = list(np.moveaxis(changes, -1, 0)[..., None])  # each (stream, target, 1)
        seen = self._seen(own, seasonal, changes)
        weights = _first(views["weights"], 1)
        corrected = own + clipped(np.einsum("i...,i...->...", weights, seen))
        said = np.einsum("i...,i...->...", shares, self._experts(own, corrected, seasonal))
        words = (samples[..., None], own, *([] if seasonal is None else [seasonal]), corrected, said, *changes)
        waits = np.empty((*own.shape, len(words)), np.float32)
        for number, word in enumerate(words):
            waits[..., number] = word
        if np.count_nonzero(warm) < len(warm) or not are_finite(waits):
            waits[~(np.isfinite(waits).all(axis=-1) & warm[:, None, None])] = np.nan
        for number, slot in enumerate((self._first + at[:-1]).tolist()):
            views["waiting"][:, :, slot] = waits[:, :, number]
        are_open = views["gain"] < -MARGIN * views["worst"]
        if not np.count_nonzero(are_open):
            return False
        shift = self._shift(moment, shares * (are_open & warm[:, None, None]), weights, changes)
        adapted = moment.forecasts + (shift * moment.scales).swapaxes(1, 2)
        np.copyto(moment.forecasts, adapted, where=np.isfinite(adapted))
        return True

    def _shift(self, moment: "_Moment", shares: Float32, weights: Float32, changes: list[Float32]) -> Float32:
        """Return by how much adapted forecasts differ from the network's own, in typical changes, (stream, target, step).

        `shares` (expert, stream, target, knot) are the weights, zero where the gate is closed.
        """
        own, seasonal = self._ahead(moment, self._all_steps)
        alike = weights[0] + sum(weight * change for weight, change in zip(weights[-CHANGES:], changes, strict=True))
        share, alike, by_own = (np.matmul(known, self._between) for known in (shares[1:], alike, weights[1]))
        correcting = alike + by_own * clipped(own)
        shift = -share[1] * own
        if seasonal is not None:
            off = seasonal - own
            shift += share[2] * off
            correcting += np.matmul(weights[2], self._between) * clipped(off)
        return np.asarray(shift + share[0] * clipped(correcting))

    def _ahead(self, moment: "_Moment", steps: Places) -> tuple[Float32, Float32 | None]:
        """Return the network's forecasts and the seasonal naive ones of steps ahead, counted from 0.

        In typical changes from the sample, (stream, target, step). The latter are the network's where the season before
        is not known; None without a season.
        """
        samples, scales = moment.samples[..., None], moment.scales[..., steps]
        own = np.ascontiguousarray((moment.forecasts[:, steps].swapaxes(1, 2) - samples) / scales)
        if not self.layout.season:
            return own, None
        before = moment.views["values"].take((moment.at[-1] - self._since[steps]) % self._sizes[-1], axis=2)
        seasonal = (before - samples) / scales
        return own, seasonal if are_finite(seasonal) else np.where(np.isfinite(seasonal), seasonal, own)

    def _seen(self, own: Float32, seasonal: Float32 | None, changes: list[Float32]) -> Float32:
        """Return what the correction sees of forecasts (stream, target, knot): features first."""
        seen = np.empty((self.layout.features, *own.shape), np.float32)
        seen[0], seen[1] = 1, own
        if seasonal is not None:
            np.subtract(seasonal, own, out=seen[2])
        for number, change in enumerate(changes, start=len(seen) - CHANGES):
            seen[number] = change
        np.minimum(seen, correction.CLIP, out=seen)
        return np.maximum(seen, -correction.CLIP, out=seen)

    def _experts(self, own: Float32, corrected: Float32, seasonal: Float32 | None) -> Float32:
        """Return the forecasts that are weighed (expert, stream, target, knot)."""
        found = np.zeros((self.layout.experts, *own.shape), np.float32)
        found[0], found[1] = own, corrected
        if seasonal is not None:
            found[3] = seasonal
        return found

    # Where everything lies

    def _views_of(self, memory: Float32) -> dict[str, Float32]:
        """Return the views of the first rows, which are made once."""
        count = len(memory)
        if count not in self._views:
            self._views = {count: self.layout.views(memory)}
        return self._views[count]

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
        views, layout = self.layout.views(self.memory[row : row + 1].copy()), self.layout
        regret, variance, largest = (_first(views[name], 1) for name in ("regret", "variance", "range"))
        with np.errstate(all="ignore"):
            weights = experts.weights(layout.prior, experts.rates(layout.prior, variance, largest), regret)
        are_open = views["gain"] < -MARGIN * views["worst"]
        return Learned(int(views["taught"][0, 0]), layout.knots, are_open[0], np.moveaxis(weights, 0, -1)[0])

    def arrays_of(self, row: int) -> dict[str, Float32]:
        """Return a copy of all that a snapshot has to keep of a stream."""
        return {_KEPT: self.memory[row].copy()}

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned; where that lacks, the stream has learned nothing yet."""
        self.erase(row)
        if _KEPT in arrays:
            self.memory[row] = arrays[_KEPT]

    def might_hold(self, arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays_of` names, can be what a stream has learned."""
        if _KEPT not in arrays:
            return True
        views = self.layout.views(arrays[_KEPT].reshape(1, -1))
        places, taught, waiting = views["places"], views["taught"], views["waiting"]
        if not ((places >= 0) & (places < self._sizes) & (places == np.floor(places))).all():
            return False
        finite = np.isfinite(waiting)
        whole = finite.all(axis=-1) | ~finite.any(axis=-1)
        diagonal = np.diagonal(views["covariance"], axis1=-2, axis2=-1)
        bounds = {"weights": 1e6, "regret": 1e12, "gain": 1e6}
        sums = {"variance": 1e15, "range": 1e4, "worst": float(WORST), "taught": MOST_TAUGHT}
        return bool(
            whole.all()
            and not np.isinf(views["values"]).any()
            and all((np.abs(views[name]) <= most).all() for name, most in bounds.items())
            and all(((views[name] >= 0) & (views[name] <= most)).all() for name, most in sums.items())
            and np.isfinite(views["covariance"]).all()
            and (diagonal > 0).all()
            and (diagonal.sum(axis=-1) <= 1.01 * correction.MOST * correction.UNSURE * self.layout.features).all()
            and (taught == np.floor(taught)).all()
        )


_KEPT = "adaptation.memory"
"""What a snapshot calls a stream's row."""


def _first(view: Float32, axes: int) -> Float32:
    """Return a copy with its last axes before the others."""
    return np.array(np.moveaxis(view, range(-axes, 0), range(axes)), order="C")


def _put(view: Float32, numbers: Float32, where: Flags | bool = True) -> None:
    """Write what `_first` gives back; a column at a time, since NumPy takes five times as long for all at once."""
    axes = numbers.ndim - 3
    for place in np.ndindex(numbers.shape[:axes]):
        np.copyto(view[..., *place], numbers[place], where=where)


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
    scales = scales.astype(np.float32)
    if not (np.isfinite(scales).all() and (scales > 0).all() and (changes.astype(np.float32) > 0).all()):
        raise UsageError("the model cannot adapt: it does not say how much its targets change from sample to sample")
    return scales
