"""How surprising each sample of streams is, given all that came before, as a p-value; and what is called an anomaly.

The errors of forecasts that were made of a sample one and more steps before, and the sample itself, give a few scores
(`kinds`, `scores`). Each climbs a ladder that has learned how such scores are distributed, and is then worth so many
bits; the most of them climbs a last ladder, since the most of several is larger than one. Of several targets, once more
(`ladder`). The p-value is 2^-bits: of normal samples a share p has one of at most p, whatever the noise is like, since
the ladders track just that.

An anomaly is a sample whose p-value is below the rate of false alarms that was asked for, unless there was one shortly
before (`event`). The rate changes nothing of what is learned.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.anomalies import event, ladder, layout, scores
from edgeseq_runtime.anomalies.first import first_row, first_sizes, might_be
from edgeseq_runtime.anomalies.kinds import LEAST_OF_SIZE, LEVEL_FORGETTING, STEPS, WORDS
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.anomalies.lone_stream import LoneStream
from edgeseq_runtime.arrays import Float32, Rows
from edgeseq_runtime.backends.usual import AnomalyArrays
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.kept_rows import KeptRows

KEPT = "anomalies.memory"
"""What a snapshot calls a stream's row."""

_FIRST = slice(0, 1)

Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class _Made:
    """What became of a target's sample."""

    bits: Float32
    """(kind, stream)"""
    teaches: Flags
    """(stream,): whether it teaches the last ladder."""


class Anomalies(KeptRows):
    """What streams' samples have been like, and how surprising the last one was.

    Raises `DataError` for a model without residual quantiles, and `UsageError` for a rate that is not between 0 and
    0.5.
    """

    kept_as = KEPT

    memory: Float32
    """(stream, words): see `layout`."""
    offsets: Float32
    gains: Float32
    """(stream, target): of their sensors."""

    def __init__(self, spec: Spec, room: int, rate: float) -> None:
        super().__init__(room)
        if not 0 < rate < 0.5:
            raise UsageError(f"anomalies: expected a rate of false alarms between 0 and 0.5, got {rate}")
        self.rate = rate
        self.limit = np.float32(-math.log2(rate))
        """Bits from which on a sample is an anomaly."""
        self.layout = Layout.of(spec)
        own = self.layout.head + self.layout.of_target[layout.OWN_BITS].offset
        bits = [own + target * self.layout.block for target in range(self.layout.targets)]
        self._bits = np.array([*bits, self.layout.shared[layout.BITS].offset])
        """Places of the bits of each target, and of all together."""
        self._alarm = self.layout.shared[layout.ALARM].offset
        self.far = min(spec.horizon, STEPS) - 1
        """Place among errors, counted from 0, of the farther ones."""
        near, far = first_sizes(spec)
        self.least = np.float32(LEAST_OF_SIZE) * near[:, None], np.float32(LEAST_OF_SIZE) * far[:, None]
        """(target, 1) each: below what typical sizes of errors do not fall."""
        self._priors, self._rates = (
            np.array([getattr(kind, name) for kind in self.layout.kinds], np.float32) for name in ("prior", "rate")
        )
        self._trained, self._weights = (
            np.array([getattr(kind, name) for kind in self.layout.kinds], np.float32)[:, None]
            for name in ("trained", "weight")
        )
        self._codes = np.array([WORDS.index(kind.word) + 1 for kind in self.layout.kinds], np.float32)
        self._has_gains = bool(spec.sensors)
        level = (layout.MEAN, layout.DEVIATION, layout.SEEN, layout.ANCHOR) if self.layout.is_running else ()
        self._of_stretch = (*layout.SUMS, layout.SLOW, layout.VALUES, layout.RUN, layout.LAST, *level)
        """Words of a target that do not outlast a fresh start; where the scale runs, nor does the level."""
        self.fresh = first_row(spec, self.layout)
        """(words,): the row of a stream that has seen nothing."""
        self._apart: tuple[int, Float32] | None = None
        """The first streams, so many, with words first (word, stream), while `memory` does not have them: `gather`."""
        self._views: tuple[Float32, scores.Views] | None = None
        self.keeps_apart = True
        """Whether that may be so after `update`: not where other code works on `memory`."""
        self._begin("memory", (self.layout.words,), np.float32)
        self._begin("offsets", (self.layout.targets,), np.float32, 0, is_setting=True)
        self._begin("gains", (self.layout.targets,), np.float32, 1, is_setting=True)
        self.memory[:] = self.fresh
        self._find_lone()

    def _find_lone(self) -> None:
        """Have one stream of one target go a way of its own, which is sooner."""
        is_lone = len(self.memory) == self.layout.targets == 1
        least = float(self.least[0][0, 0]), float(self.least[1][0, 0])
        self._lone = LoneStream(self.layout, self.memory[0], self.limit, least) if is_lone else None

    # Rows that come and go

    def make_room(self, count: int) -> None:
        """Have so many rows, or more; see `RowArrays`."""
        self.gather()
        before = len(self.memory)
        super().make_room(count)
        self.memory[before:] = self.fresh
        self._find_lone()

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing; see `RowArrays`."""
        self.gather()
        self.memory[rows] = self.fresh

    def row_arrays(self) -> list[npt.NDArray[Any]]:
        """Return the arrays themselves; see `RowArrays`."""
        self.gather()
        return super().row_arrays()

    def gather(self) -> None:
        """Have `memory` hold all: steps of all streams keep it where it is changed sooner."""
        if self._apart:
            count, columns = self._apart
            self._apart = None
            self.memory[:count] = columns.T

    def forget(self, rows: Any) -> None:
        """Streams start afresh: errors and samples before do not count. What was learned of them stays."""
        self.gather()
        self.pass_by(rows)
        for target in range(self.layout.targets):
            begin = self.layout.head + target * self.layout.block
            for name in self._of_stretch:
                place = begin + self.layout.of_target[name].offset
                self.memory[rows, place] = self.fresh[place]

    def pass_by(self, rows: Any) -> None:
        """Note that the last samples of streams have no p-value."""
        self.gather()
        for place in self._bits:
            self.memory[rows, place] = np.nan
        self.memory[rows, self._alarm] = 0

    def set_sensor(self, row: int, offset: npt.ArrayLike, gain: npt.ArrayLike) -> None:
        """Have a stream's sensor measure `offset + gain * z` where the typical one measures z, (target,) each."""
        self.offsets[row], self.gains[row] = offset, gain

    # A sample

    def update(self, rows: Rows, errors: Float32, samples: Float32) -> None:
        """Take a sample each of streams, (stream, target), NaN where it is not known.

        `errors` (stream, horizon, target) are those of what forecasts 1, 2, ... samples ago said of them: truth minus
        forecast, in the typical sensor's numbers, NaN where there was no forecast.
        """
        if self._has_gains:
            samples = (samples - self.offsets[rows]) / self.gains[rows]
        if self._lone and len(samples):
            error = errors.item(0)
            if math.isfinite(error):
                self._lone.update(error, errors.item(self.far), samples.item())
            else:
                self.pass_by(_FIRST)
            return
        near = errors[:, 0].T
        far = errors[:, self.far].T if self.far else np.full_like(near, np.nan)
        columns, known = self._columns(rows), np.isfinite(near)
        if known.all():
            self._take(columns, near, far, samples.T, known)
        else:
            moved, none = columns.copy(), np.float32(0)
            self._take(moved, np.where(known, near, none), far, np.where(known, samples.T, none), known)
            self._keep(columns, moved, known)
        if not isinstance(rows, slice):
            self.memory[rows] = columns.T
        elif not self.keeps_apart:
            self.gather()

    def update_known(self, errors: Float32, samples: Float32) -> None:
        """Do what `update` does for the only stream, (target,) or (), with errors (horizon, target)."""
        if self._lone and not self._has_gains and math.isfinite(error := errors.item(0)):
            self._lone.update(error, errors.item(self.far), samples.item())
        else:
            self.update(_FIRST, errors[None], samples.reshape(1, -1))

    def _views_of(self, columns: Float32) -> scores.Views:
        """Return views of streams by name, of those that stay apart made once."""
        if self._apart is None or columns is not self._apart[1]:
            return self.layout.views(columns)
        if self._views is None or self._views[0] is not columns:
            self._views = columns, self.layout.views(columns)
        return self._views[1]

    def _columns(self, rows: Rows) -> Float32:
        """Return streams with words first: those of a slice to be changed in place, others as a copy."""
        if not isinstance(rows, slice):
            self.gather()
            return np.ascontiguousarray(self.memory[rows].T)
        if self._apart and self._apart[0] != rows.stop:
            self.gather()
        if self._apart:
            return self._apart[1]
        columns = np.ascontiguousarray(self.memory[rows].T)
        self._apart = rows.stop, columns
        return columns

    def _take(self, columns: Float32, near: Float32, far: Float32, samples: Float32, known: Flags) -> None:
        """Take samples of streams (word, stream), and errors (target, stream) of which so many are `known`."""
        views = self._views_of(columns)
        near, samples = (np.minimum(np.maximum(each, -scores.LARGEST), scores.LARGEST) for each in (near, samples))
        far = np.where(
            np.isfinite(far), np.minimum(np.maximum(far, -scores.LARGEST), scores.LARGEST), np.float32(np.nan)
        )
        with np.errstate(all="ignore"):
            found = scores.take(views, self.layout.kinds, near, far, samples)
            made = [self._take_target(views, target, each.reshape(-1)) for target, each in enumerate(found)]
            scores.take_sizes(views, near, far, self.least)
            count = views[layout.COUNT]
            np.minimum(count + 1, event.MOST_COUNTED, out=count)
            if self.layout.is_running:
                np.minimum(views[layout.SEEN] + 1, np.float32(LEVEL_FORGETTING), out=views[layout.SEEN])
            if self.layout.targets == 1:
                self._finish(views, views[layout.OWN_BITS][0], made[0].bits[None], np.zeros(near.shape[1], np.intp))
            else:
                self._take_together(views, np.where(known, views[layout.OWN_BITS], np.float32(-1)), made)

    def _take_target(self, views: scores.Views, target: int, found: Float32) -> "_Made":
        """Let a target's scores (kind * stream,) climb, and learn of them."""
        own = {name: views[name][target] for name in (layout.EVENT, layout.TAUGHT, layout.QUIET)}
        gaps = views[layout.GAPS][:, target].reshape(ladder.RUNGS, -1)
        last_gaps, count = views[layout.LAST_GAPS][:, target], views[layout.COUNT][target]
        climbed = ladder.climb(gaps, found, ladder.KINDS_TOGETHER)
        weighed = ladder.bits_of_kinds(climbed, self._weights)
        most, bits = views[layout.MOST][target], views[layout.OWN_BITS][target]
        np.maximum.reduce(weighed, axis=0, out=most)
        last = ladder.climb(last_gaps, most, ladder.LAST_TOGETHER)
        bits[...] = ladder.bits_of_last(last)
        teaches = event.move(own, bits)
        if count.min() < ladder.MOST_TRAINED:
            climbed = ladder.stretch(gaps, found, climbed, (count + self._trained).reshape(-1))
        ladder.learn(gaps, climbed, None, ladder.KindRates(self._priors, self._rates, count))
        ladder.learn(last_gaps, last, None if teaches.all() else teaches, ladder.LastRates())
        return _Made(weighed, teaches)

    def _take_together(self, views: scores.Views, bits: Float32, made: "list[_Made]") -> None:
        """Let the most bits of several targets (target, stream) climb: it teaches where its target does."""
        target = bits.argmax(axis=0)
        most = bits.max(axis=0)
        teaches = np.stack([each.teaches for each in made])[target, np.arange(len(target))]
        found = ladder.climb(views[layout.TOGETHER], most, ladder.LAST_TOGETHER)
        ladder.learn(views[layout.TOGETHER], found, teaches, ladder.LastRates())
        self._finish(views, ladder.bits_of_last(found), np.stack([each.bits for each in made]), target)

    def _finish(self, views: scores.Views, bits: Float32, of_kinds: Float32, target: npt.NDArray[np.intp]) -> None:
        """Note the bits of all targets together (stream,), and where they are an alarm its code.

        `of_kinds` are (target, kind, stream), `target` (stream,) is whose they are.
        """
        pause = views[layout.PAUSE]
        is_alarm = (bits > self.limit) & (pause == 0)
        views[layout.BITS][...] = bits
        alarm = views[layout.ALARM]
        alarm[...] = 0
        np.maximum(pause - 1, np.float32(0), out=pause)
        for stream in np.flatnonzero(is_alarm).tolist():
            alarm[stream] = self._codes[of_kinds[target[stream], :, stream].argmax()]
            pause[stream] = event.PAUSE

    def _keep(self, columns: Float32, moved: Float32, known: Flags) -> None:
        """Write to streams what has moved of those targets of which the error was known; others have no p-value."""
        any_known = known.any(axis=0)
        np.copyto(columns[: self.layout.head], moved[: self.layout.head], where=any_known)
        np.copyto(self.layout.blocks(columns), self.layout.blocks(moved), where=known[:, None])
        views = self._views_of(columns)
        np.copyto(views[layout.OWN_BITS], np.float32(np.nan), where=~known)
        np.copyto(views[layout.BITS], np.float32(np.nan), where=~any_known)
        np.copyto(views[layout.ALARM], np.float32(0), where=~any_known)

    def update_through(self, errors: Float32, samples: Float32) -> tuple[Float32, Codes]:
        """Take samples in a row of the first stream, (time, target), with errors (time, horizon, target).

        Return what `found` does after each: (time, target + 1) and (time,).
        """
        bits = np.empty((len(samples), self.layout.targets + 1), np.float32)
        alarms = np.empty(len(samples), np.float32)
        for at in range(len(samples)):
            self.update(_FIRST, errors[at : at + 1], samples[at : at + 1])
            bits[at : at + 1], alarms[at : at + 1] = self._words(_FIRST)
        return p_values(bits), alarms.astype(np.int8)

    def arrays(self) -> AnomalyArrays:
        """Return what `update` reads and changes, for who does the same in other code."""
        return AnomalyArrays(self.memory, self.offsets if self._has_gains else None, float(self.limit))

    # What was found

    def found(self, rows: Any) -> tuple[Float32, Codes]:
        """Return the p-values of streams' last samples, and the codes of their anomalies (stream,).

        (stream, target + 1), of which the last is that of all targets together; NaN where there is none.
        """
        bits, alarms = self._words(rows)
        return p_values(bits), alarms.astype(np.int8)

    def found_first(self) -> tuple[Float32, int]:
        """Return the same of the first stream, (target + 1,) and a code, in less time."""
        self.gather()
        row = self.memory[0]
        return p_values(row[self._bits]), int(row[self._alarm])

    def _words(self, rows: Any) -> tuple[Float32, Float32]:
        places, alarm = self._bits, self._alarm
        if isinstance(rows, slice) and self._apart and self._apart[0] == rows.stop:
            columns = self._apart[1]
            return columns[places].T, columns[alarm]
        self.gather()
        memory = self.memory[rows]
        return memory[..., places], memory[..., alarm]

    # For snapshots

    def might_hold(self, arrays: Mapping[str, Float32]) -> bool:
        """Whether arrays, of those that `arrays_of` names, can be what a stream has learned."""
        return KEPT not in arrays or might_be(self.layout, arrays[KEPT].reshape(-1, 1))


def p_values(bits: Float32) -> Float32:
    """Return 2^-bits; NaN where there are none."""
    return np.exp2(-bits.astype(np.float64)).astype(np.float32)
