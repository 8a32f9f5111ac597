"""What stands around the network, for streams that lie in rows: one stream is one row.

Each step asks the same questions of all its samples at once: do they come when they should, is there anything odd about
their values? Where there is not, the network moves, and that is all. Only what is odd is looked at row by row. What
compares forecasts with truths, the monitor and the adaptation, is told of each step in one place, `watch`.
"""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Float64, Rows, are_finite
from edgeseq_runtime.backends.usual import INFINITE, ODD
from edgeseq_runtime.judgement.streams import Flags, JudgedStreams, Places
from edgeseq_runtime.rules import ABSENT, CONFIRM, DISORDER, GAP, KNOWN, PACE, RANGE, STUCK, TIME
from edgeseq_runtime.streaming.known_ahead import Told
from edgeseq_runtime.streaming.ledger import (
    CODES,
    LEFT_OUT,
    NONE,
    REASON_CODES,
    STOOD_IN,
    TAKEN,
    Codes,
)
from edgeseq_runtime.streaming.screening import Findings
from edgeseq_runtime.streaming.validation import IMPUTED, SKIPPED

_FIRST = slice(0, 1)


class Judgement(JudgedStreams):
    """Streams in rows, and what a step of them is."""

    @property
    def may_be_usual(self) -> bool:
        """Whether the short ways may be taken, `usual` among them: nothing waits to be confirmed."""
        return not (self.screening.any_waiting or self.clocks.any_ahead or self._any_far)

    @property
    def _any_far(self) -> bool:
        return self.beginnings is not None and self.beginnings.any_far

    def take(self, rows: Rows, block: Float32, given: Float64 | None, unread: Flags | None) -> Float32:
        """Move the streams at `rows` by a sample each; return forecasts (stream, outputs), NaN where there is none.

        `block` (stream, inputs) has NaN where a value is missing or not known ahead, `given` (stream,) the times, NaN
        where there is none, and `unread` (stream,) which of them could not be read. A slice means all streams. Raises
        `DataError` and `MissingSampleError` for what a policy refuses, `ModelFileError` from the engine; all is then as
        before.
        """
        if self.usual and self.may_be_usual and (unread is None or not np.count_nonzero(unread)):
            forecasts = self._take_usual(rows, block, given)
            if forecasts is not None:
                return forecasts
        return self.judge(rows, block, given, unread)

    def judge(self, rows: Rows, block: Float32, given: Float64 | None, unread: Flags | None) -> Float32:
        """Take samples as `take` does, in NumPy: the reference."""
        if given is None and not self.clocks.is_known:
            return self._take_in_time(rows, block, None)
        given = np.full(len(block), np.nan) if given is None else given
        self.clocks.is_known = self.clocks.is_known or bool(np.isfinite(given).any())
        seconds = self.clocks.resolve(rows, given)
        passed = self.clocks.passed(rows, seconds)
        if unread is None or not unread.any():
            if self.clocks.are_usual(rows, passed):
                return self._take_in_time(rows, self.clocks.with_features(block, seconds), seconds)
            if self.clocks.are_on_time(rows, passed):
                forecasts = self._take_in_time(rows, self.clocks.with_features(block, seconds), seconds)
                self._note_pace(self.places(rows), passed)
                return forecasts
        unread = np.zeros(len(block), np.bool_) if unread is None else unread
        return self._take_at_odd_times(self.places(rows), block, seconds, unread)

    def _take_usual(self, rows: Rows, block: Float32, given: Float64 | None) -> Float32 | None:
        """Take samples by the backend's own code; None where something is odd about one, and all is as before."""
        assert self.usual
        clocks, engine, monitor = self.clocks, self.engine, self.monitor
        if given is not None and not clocks.is_known:
            clocks.is_known = bool(np.isfinite(given).any())
        if clocks.features:
            given = clocks.resolve(rows, np.full(len(block), np.nan) if given is None else given)
            block = clocks.with_features(block, given)
        made = self.usual.take(rows, block, given, self.ledger.steps, monitor.turns if monitor else 0)
        if made == ODD:
            return None
        if self.known:
            self.known.remember_all(rows)
        forecasts = engine.y[rows].copy() if isinstance(rows, slice) else engine.y[rows]
        if made == INFINITE:
            given = np.full(len(block), np.nan) if given is None else given
            return self.drop_infinite(rows, block, forecasts, clocks.resolve(rows, given))
        if monitor:
            monitor.count(rows)
        if self.adaptation:
            self.adaptation.look_up()
        self.ledger.take_clean(rows)
        return forecasts

    def places(self, rows: Rows) -> Places:
        """Return the numbers of the rows."""
        return np.arange(rows.stop) if isinstance(rows, slice) else rows

    # A sample in time

    def _take_in_time(
        self, rows: Rows, block: Float32, seconds: Float64 | None, timeless: Flags | None = None
    ) -> Float32:
        """Take samples that nothing is odd about but, maybe, their values.

        `timeless` (stream,) are those whose time could not be read and is not known, for whose features there is none.
        """
        told: Told | None = None
        is_inside = self.screening.are_inside(rows, block) and not self._any_far
        if self.known and not is_inside:
            block, told = self.known.complete(rows, block, self.engine.x[rows])
            is_inside = self.screening.are_inside(rows, block)
        if not is_inside:
            forecasts = self._take_odd_values(self.places(rows), block, seconds, timeless)
            self._note_told(rows, told)
            return forecasts
        forecasts = self._take_inside(rows, block, seconds)
        self._note_told(rows, told)
        return forecasts

    def _take_inside(self, rows: Rows, block: Float32, seconds: Float64 | None) -> Float32:
        """Take samples that nothing is odd about."""
        forecasts = self.engine.advance(rows, block)
        self.screening.count_runs(rows, block)
        self.screening.follow(rows, block)
        if not are_finite(forecasts):
            return self.drop_infinite(rows, block, forecasts, seconds)
        if self.watches:
            self.watch(rows, block[:, : self._targets], forecasts)
        self.ledger.take_clean(rows)
        if seconds is not None:
            self.clocks.commit(rows, seconds)
        return forecasts

    def _note_told(self, rows: Rows, told: Told | None) -> None:
        """Note what samples that were taken have said of what is known ahead; None: all."""
        if self.known is None:
            return
        if told is None:
            self.known.remember_all(rows)
            return
        self.known.remember(rows, told)
        if told.lacking.any():
            self.ledger.find(self.places(rows), np.where(told.lacking, REASON_CODES[KNOWN], 0).astype(np.int8))

    def _note_pace(self, places: Places, passed: Float64) -> None:
        """Note in what pace samples come that were taken, (stream,); a new pace is the reason of one."""
        found = places[self.clocks.note_pace(places, passed)]
        found = found[self.ledger.status[found] == TAKEN]
        if len(found):
            self.clocks.tell_pace(found)
            self.ledger.tell(found, REASON_CODES[PACE])

    def drop_infinite(self, rows: Rows, block: Float32, forecasts: Float32, seconds: Float64 | None) -> Float32:
        """Finish a step of which forecasts are not finite: there are none, and those streams start afresh.

        What is not finite in a state would stay there for ever, and must not stand in for a sample.
        """
        none, sound = np.zeros(len(block), np.int8), np.zeros(block.shape, np.bool_)
        self._settle(self.places(rows), none.copy(), none, block, sound, forecasts, seconds)
        return forecasts

    def _take_odd_values(
        self, places: Places, block: Float32, seconds: Float64 | None, timeless: Flags | None
    ) -> Float32:
        ages = self.ledger.ages(places)
        last = self.engine.x[places, : self._features]
        findings = self.screening.find(places, block[:, : self._features], last, ages == 0)
        status, reason, rejected = self._judge(places, ages, findings, timeless)
        taken = status == TAKEN
        began_far = self.beginnings.are_far(places) & taken if self.beginnings else np.zeros_like(taken)
        jumps = findings.jumps & taken | began_far
        if not jumps.any():
            return self._move(places, block, seconds, findings, status, reason, rejected)
        reason[jumps & (reason == 0)] = REASON_CODES[RANGE]
        with self.all_or_nothing(places):
            self.begin_afresh(places[jumps])
            self.unlearn(places[began_far])
            if self.anchors:  # what lies far from all before it is a place of its own to count from
                self.anchors.move(places[jumps])
                block = np.where(jumps[:, None], np.float32(0), block)
                findings.runs[jumps, :, 0] = 0
            return self._move(places, block, seconds, findings, status, reason, rejected)

    def _move(
        self,
        places: Places,
        block: Float32,
        seconds: Float64 | None,
        findings: Findings,
        status: Codes,
        reason: Codes,
        rejected: Flags,
    ) -> Float32:
        """Let the network take samples that were judged, where it is to."""
        instead = self.engine.x[places]  # a feature that is no target keeps its last value
        instead[:, : self._targets] = self.engine.y[places, : self._targets]
        filled = block.copy()
        filled[:, : self._features] = np.where(rejected, instead[:, : self._features], block[:, : self._features])
        moving = status <= STOOD_IN
        forecasts = self.engine.y[places]
        if moving.all():
            forecasts = self.engine.advance(places, filled)
        elif moving.any():
            forecasts[moving] = self.engine.advance(places[moving], filled[moving])
        if self.known and not moving.all():  # a sample passes that the network does not see
            instead[:, self._features :] = block[:, self._features :]
            self.engine.put(places[~moving], instead[~moving], self.engine.y[places[~moving]])
        self.screening.look_away(places[moving], filled[moving])
        taken = np.where(rejected, np.float32(np.nan), block[:, : self._features])
        self.screening.follow(places[moving], taken[moving])
        self.screening.remember(places, findings)
        seen = block[:, : self._targets]
        self._settle(places, status, reason, filled, rejected, forecasts, seconds, self._doubted(findings), seen)
        return forecasts

    def _doubted(self, findings: Findings) -> Flags:
        """Return which targets' values are only flagged, (stream, target): they may be wrong.

        What lies out of range and was confirmed is not among them: a level that has moved for good is to be learned.
        """
        doubted = np.zeros(findings.stuck.shape, np.bool_)
        if STUCK in self.policy.flagged:
            doubted |= findings.stuck
        if self.policy.doubts_range:
            doubted |= findings.outside[:, : self._targets]
        return doubted

    def _judge(
        self, places: Places, ages: npt.NDArray[np.int64], findings: Findings, timeless: Flags | None
    ) -> tuple[Codes, Codes, Flags]:
        """Return status and reason of each sample, and which of its values are not to be used."""
        flagged = self.policy.flagged
        stuck = np.zeros(findings.absent.shape, np.bool_)
        stuck[:, : self._targets] = findings.stuck
        found = {ABSENT: findings.absent, CONFIRM: findings.held, RANGE: findings.outside, STUCK: stuck}
        status, reason = np.zeros(len(places), np.int8), np.zeros(len(places), np.int8)
        for name in (STUCK, RANGE):
            if name in flagged:
                reason[found[name].any(axis=1)] = REASON_CODES[name]
        rejecting = [name for name in found if name not in flagged]
        rejected = np.logical_or.reduce([found[name] for name in rejecting])
        for at in np.flatnonzero(rejected.any(axis=1)).tolist():
            name = next(name for name in rejecting if found[name][at].any())
            positions = np.flatnonzero(rejected[at]).tolist()
            if timeless is not None and timeless[at] and positions[0] >= len(self.spec.measured):
                name = TIME
            row = places[at]
            made = self.policy.for_value(
                name,
                positions,
                age=int(ages[at]),
                imputed=int(self.ledger.imputed[row]),
                skipped=int(self.ledger.skipped[row]),
            )
            status[at], reason[at] = CODES[made], REASON_CODES[name]
        return status, reason, rejected

    def _settle(
        self,
        places: Places,
        status: Codes,
        reason: Codes,
        block: Float32,
        rejected: Flags,
        forecasts: Float32,
        seconds: Float64 | None,
        doubted: Flags | None = None,
        seen: Float32 | None = None,
    ) -> None:
        """Write down what became of samples; where there is no forecast its place becomes NaN, its stream fresh.

        Values that are `doubted` (stream, target) were taken all the same, but are nothing to learn from. What was
        `seen` (stream, target) is what came, also where it is rejected.
        """
        moved = status <= STOOD_IN
        status[moved & ~np.isfinite(forecasts).all(axis=1)] = NONE
        moved = status <= STOOD_IN
        none = status == NONE
        forecasts[none] = np.nan
        if moved.any():
            truths = np.where(rejected[moved, : self._targets], np.nan, block[moved, : self._targets])
            said = forecasts[moved]
            came = None if seen is None else seen[moved]
            self.watch(places[moved], truths, said, None if doubted is None else doubted[moved], came)
            forecasts[moved] = said
            self.ledger.begun[places[moved]] -= 1
        if self.anomalies and not moved.all():
            self.anomalies.pass_by(places[~moved])
        if none.any():
            self.begin_afresh(places[none])
        self.ledger.take(places, status, reason)
        if seconds is not None:
            self.clocks.commit(places, seconds)

    def watch(
        self,
        rows: Rows,
        truths: Float32,
        forecasts: Float32,
        doubted: Flags | None = None,
        seen: Float32 | None = None,
    ) -> None:
        """Tell what compares forecasts with truths of a step: `truths` (stream, target), NaN where they are not known.

        It comes after the network's step and before the forecasts (stream, outputs) go out, which are adapted in place,
        here and in the engine; the ages do not count the step yet. Nothing is to be learned from truths that are
        `doubted` (stream, target). What was `seen` (stream, target) may be known where no truth is: a sample that was
        rejected is an anomaly or not all the same.
        """
        if not self.watches:
            return
        if self._room == 1 and len(truths):
            rows = _FIRST  # all streams that there are, which is looked for sooner
        if self.is_running:
            self.follow_scales(rows)
        warm = self.ledger.ages(rows) + 1 >= self.spec.warmup
        said = forecasts.reshape(-1, *self._shape)
        if self.adaptation:
            certain = truths if doubted is None else np.where(doubted, np.float32(np.nan), truths)
            if self.adaptation.update(rows, self.engine.x[rows, : self._targets], certain, said, warm):
                self.engine.put_forecasts(rows, forecasts.reshape(len(said), -1))
        if self.monitor:
            if np.count_nonzero(warm) < len(warm):
                said = np.where(warm[:, None, None], said, np.float32(np.nan))
            errors = self.monitor.update(rows, truths, said, seen)
            if self.anomalies:
                self.anomalies.update(rows, errors, truths if seen is None else seen)

    def watch_known(self, truths: Float32, forecasts: Float32) -> None:
        """As `watch`, for a lone stream's truths (target,) or () and forecasts (horizon, target), all numbers."""
        monitor, ledger = self.monitor, self.ledger
        if self.is_running:
            self.follow_first_scale()
        is_warm = ledger.steps - ledger.begun.item(0) + 1 >= self.spec.warmup
        if self.adaptation and self._targets > 1:
            self.watch(_FIRST, truths.reshape(1, -1), forecasts[None])
            return
        if self.adaptation:
            value = truths.item()
            if self.adaptation.update_lone(value, value, forecasts.reshape(-1), is_warm=is_warm):
                self.engine.put_forecasts(_FIRST, self.engine.y)
        if not monitor:
            return
        if is_warm and monitor.knows_first():
            errors = monitor.update_known(truths, forecasts)
            if self.anomalies:
                self.anomalies.update_known(errors, truths)
            return
        said = forecasts if is_warm else np.full_like(forecasts, np.nan)
        errors = monitor.update(_FIRST, truths.reshape(1, -1), said[None])
        if self.anomalies:
            self.anomalies.update(_FIRST, errors, truths.reshape(1, -1))

    # A sample at an odd time

    def _take_at_odd_times(self, places: Places, block: Float32, seconds: Float64, unread: Flags) -> Float32:
        """Take samples of which some do not come when they should, or at a time that is not known."""
        passed = self.clocks.passed(places, seconds)
        lags, far = self.clocks.lags(places, seconds)
        far &= ~unread
        lags[far | unread] = 0
        believed = np.where(far, self.clocks.last[places] + self.clocks.period_of(places), seconds)
        ahead, seconds = np.where(far, seconds - believed, 0), believed
        block = self.clocks.with_features(block, seconds, unread)
        timeless = unread & np.isnan(seconds)
        with self.all_or_nothing(places):
            left_out = self._meet(places, lags)
            forecasts = np.empty((len(places), self.spec.outputs), np.float32)
            if left_out.any():
                forecasts[left_out] = self._leave_out(places[left_out])
            taken = ~left_out
            if taken.any():
                rows = places[taken]
                forecasts[taken] = self._take_in_time(rows, block[taken], seconds[taken], timeless[taken])
                self.clocks.commit(rows, seconds[taken], ahead[taken])
                reason = np.select(
                    [lags[taken] > 0, lags[taken] < 0, (far | unread)[taken]],
                    [REASON_CODES[name] for name in (GAP, DISORDER, TIME)],
                    0,
                ).astype(np.int8)
                told = timeless[taken] & (self.ledger.status[rows] != TAKEN)
                reason[told & (reason == REASON_CODES[TIME])] = 0  # it has been counted, or more was lacking
                self.ledger.find(rows, reason)
                paced = taken & ~(far | unread) & (lags >= 0)
                if paced.any():
                    self._note_pace(places[paced], passed[paced])
        return forecasts

    def _meet(self, places: Places, lags: npt.NDArray[np.int64]) -> Flags:
        """Do what odd times lead to before their samples are taken; return which are left out."""
        left_out, afresh = np.zeros((2, len(places)), np.bool_)
        fills = np.zeros(len(places), np.int64)
        ages = self.ledger.ages(places)
        for at in np.flatnonzero(lags).tolist():
            row, lag = places[at], int(lags[at])
            status, afresh[at] = self.policy.for_time(
                lag,
                age=int(ages[at]),
                imputed=int(self.ledger.imputed[row]),
                skipped=int(self.ledger.skipped[row]),
            )
            left_out[at] = status == SKIPPED
            fills[at] = lag if status == IMPUTED else 0
        if afresh.any():
            self._begin_with_next(places[afresh])
        passed = (lags > 0) & (fills == 0)
        if self.known and passed.any():
            rows = places[passed]
            self.engine.put(rows, self.known.pass_by(rows, self.engine.x[rows], lags[passed]), self.engine.y[rows])
        if fills.any():
            self._fill(places, fills)
        return left_out

    def _begin_with_next(self, rows: Places) -> None:
        """Make streams fresh whose next sample has been counted, but not taken yet."""
        self.begin_afresh(rows)
        if self.anchors:
            self.anchors.see_again(rows)

    def _fill(self, places: Places, fills: npt.NDArray[np.int64]) -> None:
        """Let forecasts stand in for so many samples of each stream that never came."""
        measured = len(self.spec.measured)
        for step in range(1, int(fills.max()) + 1):
            rows = places[fills >= step]
            if not len(rows):
                break
            x = self.engine.x[rows]
            x[:, : self._targets] = self.engine.y[rows, : self._targets]
            if self.clocks.features:
                seconds = self.clocks.last[rows] + step * self.clocks.period_of(rows)
                x[:, measured : self._features] = self.clocks.features_at(seconds)
            if self.known:
                x = self.known.pass_by(rows, x, np.ones(len(rows), np.int64))
            forecasts = self.engine.advance(rows, x)
            self.ledger.counts[rows, -1] += 1
            finite = np.isfinite(forecasts).all(axis=1)
            whole, broken = rows[finite], rows[~finite]
            self.watch(whole, np.full((len(whole), self._targets), np.nan, np.float32), forecasts[finite])
            self.ledger.begun[whole] -= 1
            self.ledger.imputed[whole] += 1
            if len(broken):
                self._begin_with_next(broken)
                fills[np.isin(places, broken)] = 0
        self.ledger.is_quiet = False

    def _leave_out(self, rows: Places) -> Float32:
        """Leave out samples whose times are not after the last one's; return the last forecasts."""
        status, reason = np.full(len(rows), LEFT_OUT, np.int8), np.full(len(rows), REASON_CODES[DISORDER], np.int8)
        self.ledger.take(rows, status, reason)
        if self.anomalies:
            self.anomalies.pass_by(rows)
        return self.engine.y[rows]
