"""A block of one stream's samples: stretches that nothing is odd about in few calls, what is odd one by one."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.anomalies.anomalies import p_values as to_p_values
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.backends.base import OneStream
from edgeseq_runtime.backends.usual import INFINITE, RunArrays, UsualStep
from edgeseq_runtime.errors import DataError, MissingSampleError
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.monitoring.conformal import LEVEL
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.rules import PACE, RANGE
from edgeseq_runtime.streaming.ledger import PLACES, REASON_CODES

_ROW = slice(0, 1)

Flags = npt.NDArray[np.bool_]


class _NotFiniteError(Exception):
    """A stretch has a forecast that is not finite: the stream should have started afresh."""


class Block:
    """Samples of one stream (time, inputs) with their times, and what becomes of them."""

    def __init__(
        self, judgement: Judgement, samples: npt.NDArray[Any], given: Float64 | None, unread: Flags | None
    ) -> None:
        self._judgement, self._engine = judgement, judgement.engine
        self._own, self._given, self._unread = samples, given, unread
        self._samples: Float32 = samples
        self._anchor = math.nan
        count, spec = len(samples), judgement.spec
        self._shape = (spec.horizon, len(spec.targets))
        ends = (count, *self._shape) if judgement.monitor else (0, *self._shape)
        kind = np.float64 if judgement.anchors else np.float32
        self._made = Outcomes(
            np.empty((count, *self._shape), kind),
            np.empty(count, np.int64),
            np.zeros(count, np.int8),
            np.zeros(count, np.int8),
            np.empty(count, np.bool_),
            np.full(count, np.nan),
            (np.empty(ends, kind), np.empty(ends, kind)) if judgement.monitor else None,
            np.empty(count, np.bool_) if judgement.monitor else None,
            np.empty((count, self._shape[1] + 1), np.float32) if judgement.anomalies else None,
            np.zeros(count, np.int8) if judgement.anomalies else None,
            np.empty(count, np.float64) if spec.learns_period else None,
            np.empty(count, np.float64) if judgement.anchors else None,
        )

    def take(self) -> Outcomes:
        """Take all samples, or none where one is refused, which what `Judgement.take` raises then names."""
        if not len(self._samples):
            return self._made
        try:
            self._take_all(by_stretches=True)
        except _NotFiniteError:
            self._take_all(by_stretches=False)
        return self._made

    def _take_all(self, *, by_stretches: bool) -> None:
        with self._judgement.all_or_nothing(_ROW):
            anchors = self._judgement.anchors
            if anchors:
                self._samples = anchors.counted_of_first(self._own)
                self._anchor = anchors.values[0]
            complete, plain = self._looked_through()
            self._take_stretches(complete, plain if by_stretches else np.zeros_like(plain))

    def _looked_through(self) -> tuple[Float32, Flags]:
        """Return the samples with the features of their times, and which are to be taken without a closer look."""
        clocks, given = self._judgement.clocks, self._given
        complete, count = self._samples, len(self._samples)
        if given is None and clocks.is_known:
            given = self._given = clocks.next_times(0, count)
        if given is None:
            return complete, self._judgement.screening.are_plain(complete)
        clocks.is_known = clocks.is_known or bool(np.isfinite(given).any())
        unread = np.zeros(count, np.bool_) if self._unread is None else self._unread
        untimed = ~np.isfinite(given)
        complete = clocks.with_features(complete, given, untimed)
        passed = np.diff(given, prepend=given[:1] - min(1.0, clocks.late / 2))
        late = (passed <= 0) | (passed >= clocks.late)
        return complete, self._judgement.screening.are_plain(complete) & ~(late | unread | untimed)

    def _take_stretches(self, complete: Float32, plain: Flags) -> None:
        anchors = self._judgement.anchors
        for start, stop in _stretches(plain):
            first = start
            while first < stop:
                end = first + anchors.unseen_of_first(self._own[first:stop]) if anchors else stop
                count = self._take_plain(complete[first:end], first) if plain[first] and end > first else 0
                if not count:
                    self._take_one(first)
                    if self._recounted(first + 1):
                        complete = self._samples
                first += count or 1

    def _recounted(self, at: int) -> bool:
        """Count the samples from here on anew where the stream began afresh in another place; return whether it did."""
        anchors = self._judgement.anchors
        if not anchors or anchors.values[0] == self._anchor:
            return False
        self._samples[at:] = anchors.counted_of_first(self._own[at:])
        self._anchor = anchors.values[0]
        return True

    def _take_plain(self, samples: Float32, at: int) -> int:
        """Take plain samples, or the first of them, in few calls; return how many: none where the first is odd."""
        judgement = self._judgement
        if judgement.usual and judgement.may_be_usual:
            count = self._run_usual(judgement.usual, samples, at)
            if count:
                return count
        if judgement.is_running:
            return 0  # what follows a stream is asked after each sample
        if judgement.usual and judgement.adaptation:
            samples = samples[:1]  # NumPy rounds in other places, and the next may be usual: blocks are as steps
        return self._run(samples, at) if self._may_run(samples[:1], at) else 0

    def _run_usual(self, usual: UsualStep, samples: Float32, at: int) -> int:
        """Take samples by the backend's own code, up to the first that is odd; return how many."""
        judgement, count = self._judgement, len(samples)
        ledger, monitor = judgement.ledger, judgement.monitor
        ends = (count, *self._shape) if monitor else (0,)
        made = RunArrays(
            np.empty((count, *self._shape), np.float32),
            np.empty(ends, np.float32),
            np.empty(ends[0], np.float32),
            np.empty((ends[0] if judgement.is_running else 0, self._shape[1]), np.float32),
            np.empty((count if judgement.anomalies else 0, self._shape[1] + 1), np.float32),
            np.empty(count if judgement.anomalies else 0, np.float32),
        )
        given = None if self._given is None else self._given[at : at + count]
        count, stopped = usual.run(samples, given, ledger.steps, monitor.turns if monitor else 0, made)
        if stopped == INFINITE:
            raise _NotFiniteError
        if not count:
            return 0
        if judgement.known:
            judgement.known.remember_all(_ROW)
        forecasts = judgement.in_own_numbers(_ROW, made.forecasts[:count][None])[0]
        numbers = np.arange(count)
        interval = drift = p_values = anomaly = None
        if monitor:
            moving = made.gains[:count] if judgement.is_running else None
            interval = monitor.around_through(made.width[:count], forecasts, LEVEL, moving)
            drift = made.raised[:count] > 0
            monitor.count(_ROW, count)
        if judgement.adaptation:
            judgement.adaptation.look_up()
        if judgement.anomalies:
            p_values, anomaly = to_p_values(made.bits[:count]), made.alarms[:count].astype(np.int8)
        warm = ledger.ages(_ROW) + 1 + numbers >= judgement.spec.warmup
        numbers = ledger.samples(_ROW) + numbers
        seconds = np.full(count, np.nan) if given is None else given[:count]
        none = np.zeros(count, np.int8)
        # Samples from which a period is learned, or another one, are odd, so that these have the same.
        periods = np.full(count, judgement.clocks.period_of(0)) if judgement.spec.learns_period else None
        anchors = np.full(count, self._anchor) if judgement.anchors else None
        watched = interval, drift, p_values, anomaly, periods, anchors
        self._write(slice(at, at + count), Outcomes(forecasts, numbers, none, none, warm, seconds, *watched))
        ledger.take_clean(_ROW)
        ledger.steps += count - 1
        return count

    def _may_run(self, sample: Float32, at: int) -> bool:
        """Whether a plain sample is so beside what came before the block, or what was odd in it, too."""
        judgement = self._judgement
        screening = judgement.screening
        if judgement.policy.confirms and (screening.away[0] or screening.are_flagged(sample)[0]):
            is_fresh = not judgement.ledger.ages(_ROW)[0]
            if is_fresh or not screening.is_near(sample, self._engine.x[_ROW]):
                return False
        if self._given is None:
            return True
        return judgement.clocks.are_on_time(_ROW, judgement.clocks.passed(_ROW, self._given[at : at + 1]))

    def _take_one(self, at: int) -> None:
        """Take one sample as a step does."""
        given = None if self._given is None else self._given[at : at + 1]
        unread = None if self._unread is None else self._unread[at : at + 1]
        judgement, anchors = self._judgement, self._judgement.anchors
        if anchors and anchors.is_first_young:
            anchors.counted(_ROW, self._own[at : at + 1])  # the same, and the stream's beginning sees it
        elif anchors:
            anchors.came[0] = self._own[at, 0]
        try:
            forecast = judgement.take(_ROW, self._samples[at : at + 1], given, unread)
        except (DataError, MissingSampleError) as error:
            raise type(error)(f"sample {at} of the block: {error}") from error
        self._write(slice(at, at + 1), judgement.outcomes(_ROW, judgement.in_own_numbers(_ROW, forecast)))

    def _run(self, samples: Float32, at: int) -> int:
        """Take plain samples in few calls, up to where a rule finds one stuck; return how many."""
        judgement = self._judgement
        screening, ledger = judgement.screening, judgement.ledger
        if screening.stuck_after:
            runs = screening.runs_through(samples)
            stuck = (runs[..., 1] > screening.stuck_after).any(axis=1)
            samples = samples[: int(stuck.argmax())] if stuck.any() else samples
        count = len(samples)
        if not count:
            return 0
        assert isinstance(self._engine, OneStream), "a block is one stream's"
        forecasts = self._engine.engine.run(samples).reshape(-1, *self._shape)
        if not np.isfinite(forecasts).all():
            raise _NotFiniteError
        if judgement.known:
            judgement.known.remember_all(_ROW)
        seconds = np.full(count, np.nan) if self._given is None else self._given[at : at + count]
        numbers = np.arange(count)
        warm = ledger.ages(_ROW) + 1 + numbers >= judgement.spec.warmup
        if judgement.adaptation:
            self._adapt(samples, forecasts, warm)
        flagged = screening.are_flagged(samples)
        reasons = np.where(flagged, REASON_CODES[RANGE], 0).astype(np.int8)
        if self._given is not None:
            told = judgement.clocks.note_paces(np.diff(seconds, prepend=judgement.clocks.last[0]))
            reasons[told] = REASON_CODES[PACE]
            ledger.counts[0, PLACES[PACE]] += len(told)
        interval = drift = p_values = anomaly = None
        if judgement.monitor:
            said = np.where(warm[:, None, None], forecasts, np.float32(np.nan))
            truths = samples[:, : self._shape[1]]
            width, drift, errors = judgement.monitor.update_through(truths, said)
            if judgement.anomalies:
                p_values, anomaly = judgement.anomalies.update_through(errors, truths)
            interval = judgement.monitor.around_through(width, forecasts, LEVEL)
        numbers = ledger.samples(_ROW) + numbers
        none = np.zeros(count, np.int8)
        watched = interval, drift, p_values, anomaly
        self._write(slice(at, at + count), Outcomes(forecasts, numbers, none, reasons, warm, seconds, *watched))
        ledger.take_clean(_ROW)
        ledger.steps += count - 1
        ledger.counts[0, PLACES[RANGE]] += np.count_nonzero(flagged)
        ledger.reason[0] = reasons[-1]
        ledger.is_quiet = not reasons[-1]
        if screening.stuck_after:
            screening.runs[0] = runs[count - 1]
        screening.waiting[0, :, 1] = 0
        screening.look_away(_ROW, samples[-1:])
        screening.settle()
        if self._given is not None:
            judgement.clocks.commit(_ROW, seconds[-1:])
        return count

    def _adapt(self, samples: Float32, forecasts: Float32, warm: Flags) -> None:
        """Adapt the network's forecasts (time, horizon, target) after plain samples, in place and one by one."""
        judgement, targets = self._judgement, self._shape[1]
        assert judgement.adaptation, "only where there is one"
        seen = truths = samples[:, :targets]
        if judgement.policy.doubts_range:
            doubted = judgement.screening.are_outside(samples)[:, :targets]
            truths = np.where(doubted, np.float32(np.nan), truths)
        for at in range(len(samples)):
            one = slice(at, at + 1)
            judgement.adaptation.update(_ROW, seen[one], truths[one], forecasts[one], warm[one])
        self._engine.put_forecasts(_ROW, forecasts[-1:].reshape(1, -1))

    def _write(self, where: slice, made: Outcomes) -> None:
        for name in ("forecasts", "numbers", "statuses", "reasons", "warm", "seconds"):
            getattr(self._made, name)[where] = getattr(made, name)
        if self._made.interval and made.interval:
            for kept, end in zip(self._made.interval, made.interval, strict=True):
                kept[where] = end
        for name in ("drift", "p_values", "anomaly", "periods", "anchors"):
            if getattr(self._made, name) is not None:
                getattr(self._made, name)[where] = getattr(made, name)


def _stretches(flags: Flags) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of equal flags."""
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    return pairwise([0, *edges.tolist(), len(flags)] if len(flags) else [])
