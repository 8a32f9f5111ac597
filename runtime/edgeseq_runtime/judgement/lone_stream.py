"""One stream's samples, one at a time: a short way for those that nothing is odd about, `Judgement` for the others."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32, Forecasts
from edgeseq_runtime.backends.base import OneStream
from edgeseq_runtime.backends.usual import INFINITE, ODD
from edgeseq_runtime.errors import DataError, EdgeseqError
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.reading.times import Time, TimeReader
from edgeseq_runtime.streaming.known_values import KnownReader, KnownValues
from edgeseq_runtime.streaming.validation import UNREAD, RawSample, Reader, as_float32

_ROW = slice(0, 1)


class LoneStream:
    """Steps of the only stream of a judgement, each of which gives what `Judgement.judge` would."""

    def __init__(self, judgement: Judgement, reader: Reader, known_reader: KnownReader, times: TimeReader) -> None:
        assert isinstance(judgement.engine, OneStream), "one row"
        self._judgement, self._stream, self._engine = judgement, judgement.engine, judgement.engine.engine
        self._ledger, self._clocks, self._screening = judgement.ledger, judgement.clocks, judgement.screening
        self._monitor, self._adaptation, self._known = judgement.monitor, judgement.adaptation, judgement.known
        self._anchors = judgement.anchors
        self._anchor = 0.0
        """What samples are counted from; NaN where that is the first one to come."""
        self._is_young = False
        """Whether what a sample is counted from, or whether the stream began with garbage, is still to be seen."""
        self._level = math.nan
        """The value that shows nothing of that."""
        self._before: list[npt.NDArray[Any]] = []
        """What the last sample has changed of it, as it was before."""
        self._reader, self._known_reader, self._to_seconds = reader, known_reader, times.seconds
        self._features = len(judgement.spec.features)
        self._shape = (judgement.spec.horizon, len(judgement.spec.targets))
        self.is_interrupted = False
        """Whether the stream may be neither before a sample nor after it."""
        self.bind()

    def bind(self) -> None:
        """Bind once what the short ways have no time to look for: after the stream was loaded, or got a sensor."""
        judgement, engine = self._judgement, self._engine
        self._x: Any = memoryview(engine.x.reshape(-1).data)  # writing to an array itself takes three times as long
        self._numbers: Any = memoryview(engine.y.reshape(-1).data)
        self._last: Any = memoryview(self._clocks.last.data)
        self._came: Any = memoryview(self._anchors.came.data) if self._anchors else None
        self._usual_step = judgement.usual
        self._said = engine.y.reshape(self._shape)
        self._move = engine.advance
        own = None if engine.own is None else engine.own.reshape(self._shape)
        of_anchored = self._in_own_numbers if own is None else own.copy
        self._copied = of_anchored if self._anchors else self._said.copy
        self._added = engine.anchor.reshape(())
        targets = self._shape[1]
        self._truths = engine.x.reshape(-1)[:targets].reshape(targets if targets > 1 else ())
        self._find_ranges()
        self.choose_path()

    def require_whole(self) -> None:
        """Raise `EdgeseqError` for a stream that was interrupted."""
        if self.is_interrupted:
            raise EdgeseqError("the stream was interrupted within a step: `reset` it, or `restore` a snapshot")

    def _find_ranges(self) -> None:
        """Find between which values nothing is odd, and between which that stays so."""
        bounds = self._screening.bounds_of(_ROW)
        low, high = (ends[0, : self._features].tolist() for ends in (bounds.low, bounds.high))
        self._ranges: list[tuple[float, float]] = list(zip(low, high, strict=True))
        self._low, self._high = self._screening.shown_by_first() or self._ranges[0]

    def choose_path(self) -> None:
        """Note which of its ways the next sample may take, so that `step` need not ask for each part."""
        if self._judgement.is_running:
            self._find_ranges()
        if self._anchors:
            self._find_anchor()
        self._period = float(self._clocks.period_of(0))
        span = self._clocks.span_of_first()
        may_be_usual = self._judgement.may_be_usual and not self.is_interrupted
        self._is_calm = may_be_usual and span is not None
        self._early, self._late = span or (math.inf, -math.inf)
        watched = self._judgement.watches or self._screening.stuck_after
        bare = len(self._ranges) == 1 and not (watched or self._known or self._clocks.is_known)
        self._is_bare = self._is_calm and bare and self._ledger.is_quiet and not self._is_young
        self._is_native = may_be_usual and self._usual_step is not None

    def step(self, sample: RawSample, time: Time, known: KnownValues) -> Forecasts:
        """Take one sample as `Predictor.step` says; return the forecast (horizon, target)."""
        try:
            is_bare = self._is_bare and time is None and known is None
            if is_bare and type(sample) is float:
                value = sample - self._anchor
                if self._low <= value <= self._high:
                    self._x[0] = value
                    self._move()
                    number = self._numbers[0]
                    if number - number == 0:
                        self._ledger.steps += 1
                        return self._copied()
                    return self._without_forecast(math.nan)
            return self._step(sample, time, known)
        except EdgeseqError:  # before anything has moved
            raise
        except BaseException:
            self.is_interrupted = True
            self.choose_path()
            raise

    def _step(self, sample: RawSample, time: Time, known: KnownValues) -> Forecasts:
        """Take one sample, by a short way where it is in range and on time."""
        self.require_whole()
        ahead = None if known is None else self._known_reader.read(known)
        try:
            given, unread = self._to_seconds(time, self._last[0]), None
        except DataError:
            given, unread = math.nan, np.ones(1, np.bool_)
        if self._anchors:
            sample = self._counted(sample)
        if unread is None and (self._is_native or self._is_calm) and (ahead is not None or not self._known):
            take = self._take_natively if self._is_native else self._take_calmly
            taken = take(sample, given, ahead)
            if taken is not None:
                return taken
        block = as_float32(self._reader.read_all([sample]))
        if self._known:
            block = self._known_reader.with_ahead(block, (self._known_reader.nothing if ahead is None else ahead)[None])
        try:
            forecast = self._judgement.judge(_ROW, block, np.array([given]), unread)
        except EdgeseqError:
            if self._anchors and self._before:  # no number has come after all
                self._anchors.put_back(_ROW, self._before)
                self.choose_path()
            raise
        self.choose_path()
        return self._judgement.in_own_numbers(_ROW, forecast).reshape(self._shape)

    def _counted(self, sample: RawSample) -> float:
        """Return a sample as it is counted; the first number of a stream is what it is counted from."""
        assert self._anchors, "only where streams are counted so"
        value = sample if type(sample) is float else self._reader.read(sample)[0]
        if not self._is_young or value == self._level:
            self._came[0], self._before = value, []
            return value - self._anchor
        self._before = self._anchors.kept(_ROW)
        counted: float = self._anchors.counted(_ROW, np.array([[value]])).item()
        self.choose_path()
        return counted

    def _find_anchor(self) -> None:
        assert self._anchors, "only where streams are counted so"
        self._anchor = self._anchors.values.item(0)
        self._is_young = self._anchor != self._anchor or self._anchors.is_first_young
        self._level = self._anchors.level_of_first
        self._added[()] = self._anchor if self._anchor == self._anchor else 0.0

    def _in_own_numbers(self) -> Forecasts:
        said = self._said.astype(np.float64)  # before the sum, which has half of the time then
        said += self._added
        return said

    def _take_natively(self, sample: RawSample, given: float, ahead: Float32 | None) -> Forecasts | None:
        """Take a sample by the backend's own code; None where something is odd about it. `given` may be NaN."""
        usual, ledger, monitor, clocks = self._usual_step, self._ledger, self._monitor, self._clocks
        assert usual, "only where there is such code"
        if type(sample) is float and len(self._ranges) == 1:
            usual.sample[0] = sample
        elif not self._write(sample, given, usual.sample):
            return None
        if ahead is not None:
            usual.sample[self._features :] = ahead.data
        usual.given[0] = given
        usual.counted[0] = ledger.steps
        if monitor:
            usual.counted[1] = monitor.turns
        made = usual.take_one()
        if made == ODD:
            return None
        if self._known:
            self._known.remember_all(_ROW)
        if made == INFINITE:
            return self._without_forecast(self._last[0] + self._period if math.isnan(given) else given)
        if monitor:
            monitor.turns += 1
        if self._adaptation:
            self._adaptation.look_up()
        if ledger.is_quiet:
            ledger.steps += 1
        else:
            ledger.take_clean(_ROW)
            self.choose_path()
        if not clocks.is_known and not math.isnan(given):
            clocks.is_known, self._is_bare = True, False
        return self._copied()

    def _write(self, sample: RawSample, given: float, to: Any) -> bool:
        """Write a sample's numbers to a place, with those of its time; return False where that is not known."""
        values, clocks = self._reader.read(sample), self._clocks
        if clocks.features and UNREAD in values:
            seconds = self._last[0] + self._period if math.isnan(given) else given
            if math.isnan(seconds):
                return False
            values = clocks.complete(values, seconds)
        for place, value in enumerate(values):
            to[place] = value
        return True

    def _take_calmly(self, sample: RawSample, given: float, ahead: Float32 | None) -> Forecasts | None:
        """Take a sample step by step; None where something is odd about it. `given` may be NaN."""
        seconds = self._last[0] + self._period if math.isnan(given) else given
        values = self._usual(sample, seconds)
        if values is None or (ahead is not None and not self._are_usable(ahead)):
            return None
        return self._take(values, seconds, ahead)

    def _are_usable(self, ahead: Float32) -> bool:
        return self._known is not None and self._known.are_usable(ahead)

    def _usual(self, sample: RawSample, seconds: float) -> list[float] | None:
        """Return a sample's numbers where each is in range and its time is as it should be."""
        passed = seconds - self._last[0]
        if passed < self._early or passed >= self._late:
            return None
        single = type(sample) is float and len(self._ranges) == 1
        values: list[float] = [sample] if single else self._reader.read(sample)  # type: ignore[list-item]
        if self._clocks.features and UNREAD in values:
            if math.isnan(seconds):
                return None
            values = self._clocks.complete(values, seconds)
        for value, (low, high) in zip(values, self._ranges, strict=True):
            if not low <= value <= high:
                return None
        return None if self._screening.stuck_after and self._screening.is_first_stuck(values) else values

    def _take(self, values: list[float], seconds: float, ahead: Float32 | None) -> Forecasts:
        """Take a sample that nothing is odd about; `seconds` is NaN where its time is not known."""
        for place, value in enumerate(values):
            self._x[place] = value
        if ahead is not None:
            self._x[self._features :] = ahead.data
        self._move()
        if self._known:
            self._known.remember_all(_ROW)
        if self._screening.stuck_after:
            self._screening.count_first(values)
        if self._judgement.is_running and not self._low <= values[0] <= self._high:
            self._screening.follow(_ROW, self._engine.x[0])
            self._find_ranges()
        if not math.isfinite(self._numbers[0] + self._numbers[-1]):
            return self._without_forecast(seconds)
        if self._judgement.watches:
            self._judgement.watch_known(self._truths, self._said)
        self._last[0] = seconds
        if self._ledger.is_quiet:
            self._ledger.steps += 1
        else:
            self._ledger.take_clean(_ROW)
            self.choose_path()
        if not math.isnan(seconds) and (self._is_bare or not self._clocks.is_known):
            self._clocks.is_known, self._is_bare = True, False
        return self._copied()

    def _without_forecast(self, seconds: float) -> Forecasts:
        """Deal with a forecast that is not finite: there is none, and the stream starts afresh."""
        forecast = self._judgement.drop_infinite(_ROW, self._stream.x, self._stream.y.copy(), np.array([seconds]))
        self.choose_path()
        return self._judgement.in_own_numbers(_ROW, forecast).reshape(self._shape)
