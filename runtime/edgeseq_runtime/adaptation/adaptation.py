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
from edgeseq_runtime.arrays import Float32, Rows
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
        scales = self.scales  # (target, step), or with the sensors' gains (stream, target, step)
        units = self.changes
        if self._has_gains:
            gains = self.gains[rows]
            scales, units = scales * gains[..., None], units * gains
        with np.errstate(all="ignore"):
            shares = self._learn(views, at, truths, scales)
            views["values"][..., at[-1]] = samples
            changed = self._forecast(views, at, samples, forecasts, warm, scales, units, shares)
        at = (at + 1) % self._sizes
        views["places"][...] = at
        if isinstance(rows, slice):
            self._at = at
        else:
            self.memory[rows] = memory
            self.look_up()
        return changed

    def update_lone(self, sample: float, truth: float, forecasts: Float32, *, is_warm: bool) -> bool:
        """Do what `update` does for the only stream, of one target; `forecasts` (step,) are changed in place."""
        lone, views = self._lone, self._views_of(self.memory)
        assert lone, "only where there is one stream"
        scales = self.scales * self.gains[0, 0]
        if not self._is_bound:
            lone.bind(scales[0], float(self.changes[0] * self.gains[0, 0]))
            self._is_bound = True
        with np.errstate(all="ignore"):
            if lone.learn(truth):
                shares = lone.shares
            else:
                shares = self._learn(views, lone.places, np.full((1, 1), truth, np.float32), scales)[0, 0]
                lone.mistrust()
            lone.take(sample)
            changed = lone.forecast(forecasts, shares) if is_warm and lone.is_known else None
            if changed is None:
                units = self.changes * self.gains[0]
                samples, warm = np.full((1, 1), sample, np.float32), np.full(1, is_warm)
                shaped = forecasts.reshape(1, -1, 1)
                changed = self._forecast(views, lone.places, samples, shaped, warm, scales, units, shares[None, None])
        lone.move_on()
        return changed

    def _learn(self, views: Mapping[str, Float32], at: Places, truths: Float32, scales: Float32) -> Float32:
        """Compare with truths (stream, target) what waits for them; return the experts' weights after that."""
        layout, waits = self.layout, self.layout.waits
        waited = views["waiting"][:, :, self._first + at[:-1]]  # (stream, target, knot, word)
        word = {name: waited[..., number] for number, name in enumerate(waits)}
        came = (truths[..., None] - word["base"]) / scales[..., self._steps]
        said = word["said"]
        known = np.isfinite(came - said)
        regret, variance, largest = views["regret"], views["variance"], views["range"]
        if not np.count_nonzero(known):
            return experts.weights(layout.prior, experts.rates(layout.prior, variance, largest), regret)
        taught = views["taught"][:, 0]
        taught += np.any(known, axis=(1, 2)) & (taught < MOST_TAUGHT)
        own = word["own"]
        self._learn_gate(views, known, came, own, said)
        # The experts
        forecasts = self._experts(own, word["corrected"], word.get("seasonal"))
        loss = np.where(known[..., None], experts.losses(forecasts, said, came), np.float32(0))
        np.maximum(largest, np.abs(loss), out=largest)
        variance += loss * loss
        rate = experts.rates(layout.prior, variance, largest)
        regret += loss * (1 + rate * loss)
        # The correction
        seen = self._seen(own, word.get("seasonal"), waited[..., -CHANGES:])
        seen = np.where(known[..., None], seen, np.float32(0))
        errors = np.where(known, clipped(came - own), np.float32(0))
        weights, covariance = correction.learn(views["weights"], views["covariance"], seen, errors)
        np.copyto(views["weights"], weights, where=known[..., None])
        np.copyto(views["covariance"], covariance, where=known[..., None, None])
        return experts.weights(layout.prior, rate, regret)

    @staticmethod
    def _learn_gate(views: Mapping[str, Float32], known: Flags, came: Float32, own: Float32, said: Float32) -> None:
        """Count by how much what was said has been better than the network's own forecasts."""
        lost, lost_by_all = (np.minimum(np.square(came - forecast), WORST) for forecast in (own, said))
        gain, worst = views["gain"], views["worst"]
        np.copyto(gain, MEMORY * gain + (lost_by_all - lost), where=known)
        np.copyto(worst, np.maximum(MEMORY * worst, lost), where=known)

    def _forecast(
        self,
        views: Mapping[str, Float32],
        at: Places,
        samples: Float32,
        forecasts: Float32,
        warm: Flags,
        scales: Float32,
        units: Float32,
        shares: Float32,
    ) -> bool:
        """Let what is said at the knots wait, and adapt forecasts; return whether any has changed."""
        steps = self._steps
        at_knots = scales[..., steps]
        own = (forecasts[:, steps].swapaxes(1, 2) - samples[..., None]) / at_knots
        seasonal = self._seasonal(views, at, samples, at_knots, own, steps)
        last = views["values"][..., (at[-1] - self._last) % self._sizes[-1]]
        changes = (last[..., :-1] - last[..., 1:]) / units[..., None]
        changes = clipped(np.where(np.isfinite(changes), changes, np.float32(0)))
        seen = self._seen(own, seasonal, np.broadcast_to(changes[..., None, :], (*own.shape, CHANGES)))
        correcting = clipped((views["weights"] * seen).sum(axis=-1))
        corrected = own + correcting
        said = (shares * self._experts(own, corrected, seasonal)).sum(axis=-1)
        base = np.broadcast_to(samples[..., None], own.shape)
        middle = () if seasonal is None else (seasonal,)
        waits = np.stack([base, own, *middle, corrected, said, *np.moveaxis(seen[..., -CHANGES:], -1, 0)], axis=-1)
        whole = np.isfinite(waits.sum(axis=-1)) & warm[:, None, None]
        views["waiting"][:, :, self._first + at[:-1]] = np.where(whole[..., None], waits, np.float32(np.nan))
        are_open = views["gain"] < -MARGIN * views["worst"]
        if not np.count_nonzero(are_open):
            return False
        shares = shares * (are_open & warm[:, None, None])[..., None]
        shift = self._shift(views, at, samples, forecasts, scales, shares, changes)
        adapted = forecasts + (shift * scales).swapaxes(1, 2)
        np.copyto(forecasts, adapted, where=np.isfinite(adapted))
        return True

    def _shift(
        self,
        views: Mapping[str, Float32],
        at: Places,
        samples: Float32,
        forecasts: Float32,
        scales: Float32,
        shares: Float32,
        changes: Float32,
    ) -> Float32:
        """Return by how much adapted forecasts differ from the network's own, in typical changes, (stream, target, step).

        `shares` (stream, target, knot, expert) are the weights, zero where the gate is closed.
        """
        steps = np.arange(self.layout.horizon)
        own = (forecasts.swapaxes(1, 2) - samples[..., None]) / scales
        between = self.layout.between.T
        share = np.matmul(shares.swapaxes(2, 3), between)  # (stream, target, expert, step)
        weights = views["weights"]
        alike = weights[..., 0] + (weights[..., -CHANGES:] * changes[:, :, None]).sum(axis=-1)
        correcting = np.matmul(alike, between) + np.matmul(weights[..., 1], between) * clipped(own)
        shift = -share[:, :, 2] * own
        seasonal = self._seasonal(views, at, samples, scales, own, steps)
        if seasonal is not None:
            off = seasonal - own
            shift += share[:, :, 3] * off
            correcting += np.matmul(weights[..., 2], between) * clipped(off)
        return shift + share[:, :, 1] * clipped(correcting)

    def _seasonal(
        self,
        views: Mapping[str, Float32],
        at: Places,
        samples: Float32,
        scales: Float32,
        own: Float32,
        steps: npt.NDArray[np.intp],
    ) -> Float32 | None:
        """Return the seasonal naive forecast (stream, target, n) of steps ahead, counted from 0; None without a season.

        The network's own where the season before is not known.
        """
        if not self.layout.season:
            return None
        before = views["values"][..., (at[-1] - self._since[steps]) % self._sizes[-1]]
        seasonal = (before - samples[..., None]) / scales
        return np.where(np.isfinite(seasonal), seasonal, own)

    @staticmethod
    def _seen(own: Float32, seasonal: Float32 | None, changes: Float32) -> Float32:
        """Return what the correction sees of forecasts (stream, target, knot): with a last axis of features."""
        middle = [] if seasonal is None else [seasonal - own]
        return clipped(np.stack([np.ones_like(own), own, *middle, *np.moveaxis(changes, -1, 0)], axis=-1))

    @staticmethod
    def _experts(own: Float32, corrected: Float32, seasonal: Float32 | None) -> Float32:
        """Return the forecasts that are weighed (stream, target, knot, expert)."""
        last = [] if seasonal is None else [seasonal]
        return np.stack([own, corrected, np.zeros_like(own), *last], axis=-1)

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
        with np.errstate(all="ignore"):
            rate = experts.rates(layout.prior, views["variance"], views["range"])
            weights = experts.weights(layout.prior, rate, views["regret"])
        are_open = views["gain"] < -MARGIN * views["worst"]
        return Learned(int(views["taught"][0, 0]), layout.knots, are_open[0], weights[0])

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
