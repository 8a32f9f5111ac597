"""What is odd about samples' values: for many streams' samples at once, or many samples of one stream.

Each finding is an array with a row for each sample. A non-finite number must be caught here: onnxruntime's LSTM turns
NaN into a finite, wrong forecast, so the output cannot tell.

A value is *out of range* where it lies more than `SPREADS` of the feature's deviation and changes beyond what the
training part has shown. It is *held* where it lies, besides, more than `CHANGES` typical changes from the last value:
what rises slowly is followed, a glitch is not. Held values in a row that lie near each other are a new level, and the
last of `CONFIRMED_BY` is taken. Near means as near as above or, since a new level may be noisier, nearer than half of
the way back to the range. A fresh stream has no last value: its first one is held where it lies more than the whole
width of the training part's range beyond; nearer, a series that has risen since its training is likelier than a glitch,
which would do little harm. As far beyond is *away*. A stream that goes away, or comes back, starts afresh with that
sample: a network that has seen such a jump forecasts nothing of use for as long as it remembers. All distances are
times `Rules.margin`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.rules import CONFIRMED_BY, RANGE, Rules
from edgeseq_runtime.spec import Feature, Spec
from edgeseq_runtime.streaming.policy import Policy
from edgeseq_runtime.streaming.row_arrays import RowArrays
from edgeseq_runtime.streaming.validation import as_float32

SPREADS = 1.0
"""How far beyond the training part's range nothing is odd yet, in deviations and changes."""

CHANGES = 8.0
"""How far from the last value a value out of range may lie, in typical changes."""

_WAITING = "confirm.waiting"
"""What a snapshot calls what waits."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Findings:
    """What is odd about samples, a row each."""

    absent: Flags
    """(sample, feature): no number that the network can take."""
    outside: Flags
    """(sample, feature): out of range, and to be used if nothing forbids it."""
    held: Flags
    """(sample, feature): held back until it is confirmed."""
    jumps: Flags
    """(sample,): far from the sample before, and one of the two is away."""
    stuck: Flags
    """(sample, target): has stood still for too long."""
    runs: Float32
    """(sample, target, 2): `Screening.runs` with these samples."""
    waiting: Float32
    """(sample, feature, 2): `Screening.waiting` with these samples."""


@dataclass(frozen=True)
class Bounds:
    """What values are compared with, each (1 or stream, inputs): features, then what is known ahead."""

    limit: Float32
    """The largest that the network can take."""
    low: Float32
    high: Float32
    """Between which nothing is odd."""
    near: Float32
    """How far from the last value one out of range may lie."""
    first: Float32
    """How far out of range the first value of a stream may lie."""

    @classmethod
    def of(cls, features: tuple[Feature, ...], margin: float, ahead: Sequence[tuple[float, ...]] = ()) -> "Bounds":
        """Return those of one sensor, (1, inputs)."""
        columns = [*(_bounds(feature, margin) for feature in features), *ahead]
        with np.errstate(over="ignore"):
            return cls(*np.ascontiguousarray(np.array(columns, np.float64).astype(np.float32).T)[:, None])

    def of_first(self, count: int) -> "Bounds":
        """Return those of the first columns."""
        return Bounds(*(getattr(self, one.name)[:, :count] for one in fields(self)))


def _unbound(limit: float) -> tuple[float, ...]:
    return limit, -limit, limit, limit, limit


def _bounds(feature: Feature, margin: float) -> tuple[float, ...]:
    """Return limit, low, high, near and first.

    What never changed in training, and what is read off the time, has no range to be outside of.
    """
    limit = feature.limit
    if feature.clock or not (feature.maximum > feature.minimum and feature.change > 0):
        return _unbound(limit)
    reach = margin * SPREADS * (feature.std + feature.change)
    low, high = max(-limit, feature.minimum - reach), min(limit, feature.maximum + reach)
    first = margin * (feature.maximum - feature.minimum)
    return limit, low, high, min(limit, margin * CHANGES * feature.change), min(limit, first)


def _bounds_ahead(column: Feature, margin: float, *, takes_all: bool) -> tuple[float, ...]:
    """Return those of a column known ahead.

    A value that lies further out of range than a fresh stream's first one may is none. It stands for no value, as 9999
    does, and nothing that comes after it could confirm it.
    """
    limit, low, high, _, first = _bounds(column, margin)
    if takes_all:
        return _unbound(limit)
    return limit, max(-limit, low - first), min(limit, high + first), limit, limit


def _beyond(values: Float32, bounds: Bounds) -> Float32:
    """Return how far values (stream, feature) lie out of range; below 0 within it."""
    return np.asarray(np.maximum(bounds.low - values, values - bounds.high))


class Screening(RowArrays):
    """Looks at samples' values before the network does."""

    runs: Float32
    """(stream, target, 2): the target's last value, and how often in a row it has come; only where a rule asks."""
    waiting: Float32
    """(stream, feature, 2): the last value that was held, and how many have been in a row."""
    away: Flags
    """(stream,): whether a value that was taken last is away."""

    def __init__(self, spec: Spec, rules: Rules, policy: Policy, room: int) -> None:
        super().__init__(room)
        self._margin, self.stuck_after, self._confirms = rules.margin, rules.stuck_after, policy.confirms
        self._flagged = policy.flagged
        self._targets = len(spec.targets)
        self._own = spec.has_gains
        """Whether each stream has bounds of its own."""
        self._features = len(spec.features)
        ahead = [_bounds_ahead(column, rules.margin, takes_all=policy.doubts_range) for column in spec.known]
        self._ahead = ahead * spec.horizon
        self.bounds = Bounds.of(spec.features, rules.margin, self._ahead)
        self.any_waiting = False
        """Whether a value of any stream may be waiting to be confirmed, or is away."""
        self._begin("runs", (self._targets, 2), np.float32)
        self._begin("waiting", (len(spec.features), 2), np.float32)
        self._begin("away", (), np.bool_)
        if self._own:
            self._columns: Float32
            self._guessed: Flags  # whether nothing is known of the sensor, so that its first value is no glitch yet
            self._begin("_guessed", (), np.bool_, is_setting=True)
            self._begin("_columns", (len(fields(Bounds)), spec.inputs), np.float32, is_setting=True)
        self._rounded: Any = memoryview(np.zeros(1, np.float32).data)
        self._bind()

    def _bind(self) -> None:
        """Find the first stream's runs, which what is asked of one stream has no time to look for."""
        self._first: Any = memoryview(self.runs[0].data)

    def make_room(self, count: int) -> None:
        """Have so many rows, or more."""
        super().make_room(count)
        self._bind()

    def set_bounds(self, row: int, features: tuple[Feature, ...], *, guessed: bool) -> None:
        """Judge a stream by its own sensor's numbers; they may be `guessed`, from those of other sensors."""
        self._guessed[row] = guessed
        self._columns[row] = np.concatenate(astuple(Bounds.of(features, self._margin, self._ahead)))

    def bounds_of(self, rows: Any) -> Bounds:
        """Return the bounds of the streams at `rows`."""
        if not self._own:
            return self.bounds
        return Bounds(*self._columns[rows].swapaxes(0, -2))

    def are_inside(self, rows: Rows, block: Float32) -> bool:
        """Whether all values are there and in range, none is stuck, and none waits: nothing is to be judged."""
        if self.any_waiting:
            return False
        bounds = self.bounds_of(rows)
        inside = (block >= bounds.low) & (block <= bounds.high)
        if np.count_nonzero(inside) < inside.size:  # a tenth of the time that all() takes
            return False
        return not self.stuck_after or not np.count_nonzero(self._lengths(rows, block) > self.stuck_after)

    def count_runs(self, rows: Rows, block: Float32) -> None:
        """Remember samples (stream, feature) that `are_inside`, where a rule asks for it."""
        if self.stuck_after:
            lengths = self._lengths(rows, block)
            self.runs[rows, :, 0], self.runs[rows, :, 1] = block[:, : self._targets], lengths

    def _lengths(self, rows: Rows, block: Float32) -> Float32:
        """Return how often in a row targets have come with these samples, (stream, target)."""
        runs = self.runs[rows]
        return np.where(block[:, : self._targets] == runs[..., 0], runs[..., 1] + np.float32(1), np.float32(1))

    def is_first_stuck(self, values: list[float]) -> bool:
        """Whether a target of the first stream has stood still for too long with a sample's numbers."""
        runs, rounded = self._first, self._rounded
        for target in range(self._targets):
            rounded[0] = values[target]
            if rounded[0] == runs[target, 0] and runs[target, 1] >= self.stuck_after:
                return True
        return False

    def count_first(self, values: list[float]) -> None:
        """Remember a sample's numbers of the first stream, as `count_runs`."""
        runs, rounded = self._first, self._rounded
        for target in range(self._targets):
            rounded[0] = values[target]
            runs[target, 1] = runs[target, 1] + 1 if rounded[0] == runs[target, 0] else 1
            runs[target, 0] = rounded[0]

    def find(self, rows: npt.NDArray[np.intp], block: Float32, last: Float32, are_fresh: Flags) -> Findings:
        """Return what is odd about a sample each of streams, (stream, feature).

        `last` are the values that the network saw last (stream, feature), which mean nothing where streams `are_fresh`.
        """
        bounds = self.bounds_of(rows).of_first(self._features)
        with np.errstate(over="ignore", invalid="ignore"):
            usable = np.abs(block) <= bounds.limit
            outside = usable & ~((block >= bounds.low) & (block <= bounds.high))
            held, waiting = self._hold(rows, block, usable, outside, last, are_fresh, bounds)
            jumps = self._jumps(rows, block, last, bounds) & ~are_fresh
        runs = self.runs[rows]
        if self.stuck_after:
            values, known = block[:, : self._targets], usable[:, : self._targets]
            runs[..., 1] = np.where(known, np.where(values == runs[..., 0], runs[..., 1] + 1, 1), runs[..., 1])
            runs[..., 0] = np.where(known, values, runs[..., 0])
            stuck = runs[..., 1] > self.stuck_after
        else:
            stuck = np.zeros(runs.shape[:2], np.bool_)
        return Findings(~usable, outside & ~held, held, jumps, stuck, runs, waiting)

    def _hold(
        self,
        rows: npt.NDArray[np.intp],
        block: Float32,
        usable: Flags,
        outside: Flags,
        last: Float32,
        are_fresh: Flags,
        bounds: Bounds,
    ) -> tuple[Flags, Float32]:
        """Return which values are held, and what waits then."""
        waiting = self.waiting[rows]
        if not self._confirms:
            return np.zeros_like(usable), waiting
        before, count = waiting[..., 0], waiting[..., 1]
        unlike = ~(np.abs(block - last) <= bounds.near)
        unlike[are_fresh] = (_beyond(block, bounds) > bounds.first)[are_fresh]
        if self._own:
            unlike[are_fresh & self._guessed[rows]] = False
        far = outside & unlike
        back = _beyond(before, bounds)
        agree = (count > 0) & (np.abs(block - before) <= np.maximum(bounds.near, back / 2))
        count = np.where(far, np.where(agree, count + 1, 1), np.where(usable, 0, count))
        held = far & (count < CONFIRMED_BY)
        waiting[..., 1] = np.where(far & ~held, 0, count)
        waiting[..., 0] = np.where(far, block, before)
        return held, waiting

    def _jumps(self, rows: npt.NDArray[np.intp], block: Float32, last: Float32, bounds: Bounds) -> Flags:
        if not self._confirms:
            return np.zeros(len(block), np.bool_)
        is_far = ~(np.abs(block - last) <= bounds.near)
        return np.asarray((is_far & ((_beyond(block, bounds) > bounds.first) | self.away[rows][:, None])).any(axis=1))

    def look_away(self, rows: Any, block: Float32) -> None:
        """Note which samples that streams have taken (stream, feature) are away."""
        if self._confirms:
            bounds = self.bounds_of(rows)
            with np.errstate(over="ignore"):
                self.away[rows] = (_beyond(block, bounds) > bounds.first).any(axis=1)

    def follow(self, rows: Any, block: Float32) -> None:
        """Note what streams have taken, (stream, feature). What training has shown of a sensor is not moved by it."""

    def shown_by_first(self) -> tuple[float, float] | None:
        """Return between which values `follow` changes nothing of the first stream; None: it never does."""
        return None

    def forget(self, rows: Any) -> None:
        """Streams start afresh."""
        self.away[rows] = False

    def arrays_of(self, rows: npt.NDArray[np.intp]) -> dict[str, Float32]:
        """Return copies of what a snapshot has to keep of streams besides their runs, rows first."""
        return {_WAITING: self.waiting[rows]}

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned; where that lacks, nothing waits."""
        self.waiting[row] = arrays.get(_WAITING, 0)

    def might_hold(self, arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays_of` names, can be what is remembered of a stream."""
        del arrays
        return True

    def remember(self, rows: npt.NDArray[np.intp], findings: Findings) -> None:
        """Remember what these samples have come to."""
        self.runs[rows], self.waiting[rows] = findings.runs, findings.waiting
        self.settle()

    def settle(self) -> None:
        """Note whether a value of any stream waits, after streams have come or gone too."""
        self.any_waiting = bool(self.waiting[..., 1].any() or self.away.any())

    def are_plain(self, block: Float32) -> Flags:
        """Return which samples of the first stream's block (time, feature) are taken without more than a flag, (time,).

        As far as each one and the one before tell; the first is compared with itself, and no run is counted.
        """
        bounds = self.bounds_of(slice(0, 1))
        with np.errstate(over="ignore", invalid="ignore"):
            plain = np.asarray((block >= bounds.low) & (block <= bounds.high))
            if RANGE in self._flagged:
                usable = np.abs(block) <= bounds.limit
                near = np.asarray(np.abs(np.diff(block, axis=0, prepend=block[:1])) <= bounds.near)
                taken = usable & (near if self._confirms else True)
                plain[:, : self._features] |= taken[:, : self._features]
                if self._confirms:
                    away = (_beyond(block, bounds) > bounds.first).any(axis=1)
                    plain[1:] &= np.asarray(near)[1:] | ~np.asarray(away)[:-1, None]
        return np.asarray(plain.all(axis=1))

    def are_flagged(self, block: Float32) -> Flags:
        """Return which of the first stream's plain samples (time, feature) are out of range all the same, (time,)."""
        return np.asarray(self.are_outside(block).any(axis=1))

    def are_outside(self, block: Float32) -> Flags:
        """Return which values of the first stream's plain samples (time, feature) are out of range all the same."""
        bounds = self.bounds_of(slice(0, 1))
        return np.asarray(~((block >= bounds.low) & (block <= bounds.high)))

    def is_near(self, sample: Float32, last: Float32) -> bool:
        """Whether each value of the first stream's sample (1, feature) is near the last one taken, or both in range."""
        bounds = self.bounds_of(slice(0, 1))
        inside = (sample >= bounds.low) & (sample <= bounds.high) & ~self.away[0]
        with np.errstate(over="ignore"):
            return bool((inside | (np.abs(sample - last) <= bounds.near)).all())

    def runs_through(self, block: Float32) -> Float32:
        """Return `runs` of the first stream after each of its plain samples (time, feature): (time, target, 2)."""
        values = block[:, : self._targets]
        rows = np.arange(len(values))[:, None]
        same = values == np.concatenate([self.runs[:1, :, 0], values[:-1]])
        begun = np.maximum.accumulate(np.where(same, -1, rows))  # where the run of each began; -1: before the block
        lengths = rows - begun + np.where(begun < 0, self.runs[0, :, 1], 1)
        return as_float32(np.stack([values, lengths], axis=-1))
