"""What is learned of streams at the same places, all at once: a sample each, and the forecasts after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation import correction, experts, gate
from edgeseq_runtime.adaptation.correction import clipped
from edgeseq_runtime.adaptation.gate import MARGIN, MOST_TAUGHT
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.arrays import Float32, are_finite

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LearnedRows:
    """What is learned of streams, with experts and features along the first axes: so NumPy's loops are long."""

    weights: Float32
    """(feature, stream, target, knot)"""
    covariance: Float32
    """(feature, feature, stream, target, knot)"""
    sums: Float32
    """(3, expert, stream, target, knot): the experts' regret, variance and range."""

    @classmethod
    def of(cls, views: Mapping[str, Float32]) -> Self:
        """Return a copy of what the rows hold."""
        return cls(leading(views["weights"], 1), leading(views["covariance"], 2), leading(views["sums"], 2))

    def write(self, views: Mapping[str, Float32]) -> None:
        """Write it to the rows."""
        for name in ("weights", "covariance", "sums"):
            _put(views[name], getattr(self, name))


@dataclass(frozen=True)
class Moment:
    """A sample each of streams at the same places."""

    views: dict[str, Float32]
    """Of the streams' rows, by name."""
    learned: LearnedRows
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


class Learning:
    """Compares what waits with what came, and adapts forecasts: of rows that are laid out as `layout` has it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._sizes = np.array([*layout.knots, layout.kept])
        self._first = np.concatenate([[0], np.cumsum(layout.knots)[:-1]])
        self._steps = np.array(layout.knots) - 1
        self._all_steps = np.arange(layout.horizon)
        self._between = np.ascontiguousarray(layout.between.T)
        self._since = np.array(layout.since, np.int64)
        self._last = np.arange(CHANGES + 1)

    def learn(self, moment: Moment, truths: Float32) -> Float32:
        """Compare with truths (stream, target) what waits for them.

        Return the experts' weights after that, (expert, stream, target, knot).
        """
        layout, views, learned = self._layout, moment.views, moment.learned
        word = dict(zip(layout.waits, _picked(views["waiting"], self._first + moment.at[:-1]), strict=True))
        own, said, seasonal = word["own"], word["said"], word.get("seasonal")
        came = (truths[..., None] - word["base"]) / moment.scales[..., self._steps]
        known = np.isfinite(came - said)
        count = np.count_nonzero(known)
        regret, variance, largest = learned.sums
        if not count:
            return experts.weights(layout.prior, experts.rates(layout.prior, variance, largest), regret)
        seen = self._seen(own, seasonal, np.stack([word[name] for name in layout.waits[-CHANGES:]]))
        loss = experts.losses(self._experts(own, word["corrected"], seasonal), said, came)
        errors = clipped(came - own)
        if count < known.size:
            unknown = ~known
            seen[:, unknown], loss[:, unknown], errors[unknown] = 0, 0, 0
        taught = views["taught"][:, 0]
        taught += known.any(axis=(1, 2)) & (taught < MOST_TAUGHT)
        where = True if count == known.size else known
        gate.learn(views, where, came, own, said)
        np.maximum(largest, np.abs(loss), out=largest)
        variance += loss * loss
        rate = experts.rates(layout.prior, variance, largest)
        regret += loss * (1 + rate * loss)
        correction.learn(learned.weights, learned.covariance, seen, errors, where)
        return experts.weights(layout.prior, rate, regret)

    def forecast(self, moment: Moment, shares: Float32) -> bool:
        """Let what is said at the knots wait, and adapt forecasts; return whether any has changed.

        `shares` are the experts' weights (expert, stream, target, knot).
        """
        views, at, samples, warm = moment.views, moment.at, moment.samples, moment.warm
        own, seasonal = self._ahead(moment, self._steps)
        last = np.stack([views["values"][..., place] for place in (at[-1] - self._last) % self._sizes[-1]])
        changes = clipped((last[:-1] - last[1:]) / moment.unit)[..., None]  # (number, stream, target, 1)
        if not are_finite(changes):
            changes[~np.isfinite(changes)] = 0
        seen = self._seen(own, seasonal, changes)
        weights = moment.learned.weights
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
        shift = self._shift(moment, shares * (are_open & warm[:, None, None]), changes)
        adapted = moment.forecasts + (shift * moment.scales).swapaxes(1, 2)
        np.copyto(moment.forecasts, adapted, where=np.isfinite(adapted))
        return True

    def _shift(self, moment: Moment, shares: Float32, changes: Float32) -> Float32:
        """Return by how much adapted forecasts differ from the network's (stream, target, step), in typical changes.

        `shares` (expert, stream, target, knot) are the weights, zero where the gate is closed.
        """
        weights = moment.learned.weights
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

    def _ahead(self, moment: Moment, steps: Places) -> tuple[Float32, Float32 | None]:
        """Return the network's forecasts and the seasonal naive ones of steps ahead, counted from 0.

        In typical changes from the sample, (stream, target, step). The latter are the network's where the season before
        is not known; None without a season.
        """
        samples, scales = moment.samples[..., None], moment.scales[..., steps]
        own = np.ascontiguousarray((moment.forecasts[:, steps].swapaxes(1, 2) - samples) / scales)
        if not self._layout.season:
            return own, None
        before = moment.views["values"][..., (moment.at[-1] - self._since[steps]) % self._sizes[-1]]
        seasonal = (before - samples) / scales
        return own, seasonal if are_finite(seasonal) else np.where(np.isfinite(seasonal), seasonal, own)

    def _seen(self, own: Float32, seasonal: Float32 | None, changes: Float32) -> Float32:
        """Return what the correction sees of forecasts (stream, target, knot): features first."""
        seen = np.empty((self._layout.features, *own.shape), np.float32)
        seen[0], seen[1] = 1, own
        if seasonal is not None:
            np.subtract(seasonal, own, out=seen[2])
        seen[-CHANGES:] = changes
        np.minimum(seen, correction.CLIP, out=seen)
        return np.maximum(seen, -correction.CLIP, out=seen)

    def _experts(self, own: Float32, corrected: Float32, seasonal: Float32 | None) -> Float32:
        """Return the forecasts that are weighed (expert, stream, target, knot)."""
        found = np.zeros((self._layout.experts, *own.shape), np.float32)
        found[0], found[1] = own, corrected
        if seasonal is not None:
            found[3] = seasonal
        return found


def _picked(view: Float32, places: Places) -> Float32:
    """Return what lies at places of rings (stream, target, place, word): (word, stream, target, place).

    A copy of these alone: `take` would make one of all before.
    """
    picked = np.empty((view.shape[-1], *view.shape[:2], len(places)), np.float32)
    for number, place in enumerate(places.tolist()):
        picked[..., number] = np.moveaxis(view[:, :, place], -1, 0)
    return picked


def leading(view: Float32, axes: int) -> Float32:
    """Return a copy with its last axes before the others."""
    return np.array(np.moveaxis(view, range(-axes, 0), range(axes)), order="C")


def _put(view: Float32, numbers: Float32) -> None:
    """Write what `_first` gives back; a column at a time, since NumPy takes five times as long for all at once."""
    axes = numbers.ndim - 3  # behind which are stream, target and knot
    for place in np.ndindex(numbers.shape[:axes]):
        view[..., *place] = numbers[place]
