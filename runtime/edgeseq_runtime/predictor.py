"""One stream, sample by sample, over the same judgement as a pool's many: what it adds is a short way for the usual."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation.adaptation import Learned
from edgeseq_runtime.anomalies.anomalies import Anomalies
from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.backends.base import OneStream, Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.usual import INFINITE, ODD
from edgeseq_runtime.errors import DataError, EdgeseqError, SnapshotError, UsageError
from edgeseq_runtime.judgement.blocks import Block
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.model_file.source import Model
from edgeseq_runtime.monitoring.monitor import Monitor
from edgeseq_runtime.outcomes import Outcomes
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.reading.times import Time, TimeReader, require_one_each
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.known_values import KnownReader, KnownValues
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE
from edgeseq_runtime.streaming.sensors import Scale
from edgeseq_runtime.streaming.snapshot import Snapshot, pack, unpack
from edgeseq_runtime.streaming.validation import STATUSES, UNREAD, RawSample, Reader

Samples: TypeAlias = npt.ArrayLike | Sequence[float | None] | Sequence[Sequence[float | None]]
"""A block, (time, feature), or (time,) of one feature; NaN or None is a missing value."""

_ROW = slice(0, 1)


class Predictor:
    """Streams samples of one sensor through a model file.

        p = Predictor("model.onnx")
        p.step(21.4)        # the forecast after this sample, float32 (horizon, target), in the target's unit

    `model` is a path or the file's bytes. `provider` is auto, cpu, cuda, arm, native or a name that onnxruntime knows;
    `threads` are those within one of onnxruntime's operators.
    `missing` says what a missing or non-finite sample leads to: "impute" lets the model's own last forecast stand in,
    at most `spec.gap_limit` times in a row, after which the stream starts afresh with the next sample;
    "skip" leaves the state alone and repeats the last forecast, at most `rules.skip_limit` times in a row; "reset"
    starts afresh at once; "error" raises `MissingSampleError`. `rules` says what is odd besides, and what that leads
    to. `monitor` compares forecasts with what comes, for `interval` and `drift`; it costs some five microseconds a
    sample, with a native library a tenth of one. `adapt` lets forecasts learn from what comes (`adaptation`); None:
    where the model file says so. `anomalies` is a rate of false alarms per sample, such as 1e-4: `p_value`, `p_values`
    and `anomaly` are there then, and what `monitor` brings. `sensor` is as in `set_sensor`, for a model that was
    trained on several; `sidecar` describes a model that edgeseq did not write (see `sidecar`). `key` is a file with an
    Ed25519 public key, in PEM form: only what was signed with its private half is opened. `reading` says how times are
    written, where that differs from what the model file says.

    Raises `ModelFileError` for a file that is no model of edgeseq's or was changed after it was written, before
    anything of it is run; `UsageError` for an unknown provider or policy, for a model that cannot adapt, and for a rate
    that is not between 0 and 0.5; and, with `monitor` or `anomalies`, `DataError` for a model without residual
    quantiles.
    """

    def __init__(
        self,
        model: Model | Session,
        provider: str = "auto",
        threads: int = 1,
        missing: str = "impute",
        rules: Rules | None = None,
        *,
        monitor: bool = False,
        adapt: bool | None = None,
        anomalies: float | None = None,
        sensor: str | Scale | npt.ArrayLike | None = None,
        sidecar: Sidecar | str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        reading: Reading | None = None,
    ) -> None:
        if not isinstance(model, Session):
            model = open_session(model, provider=provider, threads=threads, sidecar=sidecar, key=key)
        self.session = model
        self._reading, self._rules, self._missing = reading, rules, missing
        self._spec = self._described(model.spec)
        self._times = TimeReader(self._spec.reading)
        self._to_seconds = self._times.seconds
        self._sensor: tuple[str, Scale] | None = None  # the one that was asked for: how it is called, and its scale
        self._stream = OneStream(model)
        self._engine = self._stream.engine
        self._judgement = Judgement(
            model, self._stream, 1, missing=missing, rules=rules, monitor=monitor, adapt=adapt, anomalies=anomalies
        )
        self._reader = Reader(model.spec)
        self._features, self._known_reader = len(model.spec.features), KnownReader(model.spec)
        self._shape = (self.spec.horizon, len(self.spec.targets))
        self._interrupted = False  # whether the stream may be neither before a sample nor after it
        self._bind()
        if sensor is not None or self.spec.sensors:
            self.set_sensor(sensor)

    def _bind(self) -> None:
        """Bind once what the short ways of `step` have no time to look for."""
        judgement, engine = self._judgement, self._engine
        self._ledger, self._clocks, self._screening = judgement.ledger, judgement.clocks, judgement.screening
        self._monitor, self._adaptation = judgement.monitor, judgement.adaptation
        self._known = judgement.known
        self._x: Any = memoryview(engine.x.reshape(-1).data)  # writing to an array itself takes three times as long
        self._numbers: Any = memoryview(engine.y.reshape(-1).data)
        self._last: Any = memoryview(self._clocks.last.data)
        self._usual_step = judgement.usual
        self._said = engine.y.reshape(self._shape)
        self._move, self._copied = engine.advance, self._said.copy
        targets = self._shape[1]
        self._truths = engine.x.reshape(-1)[:targets].reshape(targets if targets > 1 else ())
        self._find_ranges()
        self._choose_path()

    def _find_ranges(self) -> None:
        """Find between which values nothing is odd, and between which that stays so."""
        bounds = self._screening.bounds_of(_ROW)
        low, high = (ends[0, : self._features].tolist() for ends in (bounds.low, bounds.high))
        self._ranges: list[tuple[float, float]] = list(zip(low, high, strict=True))
        self._low, self._high = self._screening.shown_by_first() or self._ranges[0]

    def _choose_path(self) -> None:
        """Note which of its ways the next sample may take, so that `step` need not ask for each part."""
        if self._judgement.is_running:
            self._find_ranges()
        self._period = float(self._clocks.period_of(0))
        span = self._clocks.span_of_first()
        may_be_usual = self._judgement.may_be_usual and not self._interrupted
        self._is_calm = may_be_usual and span is not None
        self._early, self._late = span or (math.inf, -math.inf)
        watched = self._judgement.watches or self._screening.stuck_after
        bare = len(self._ranges) == 1 and not (watched or self._known or self._clocks.is_known)
        self._is_bare = self._is_calm and bare and self._ledger.is_quiet
        self._is_native = may_be_usual and self._usual_step is not None

    @property
    def spec(self) -> Spec:
        """What the model file says of itself, in this sensor's numbers; `session.spec` has the typical sensor's."""
        return self._spec

    @property
    def providers(self) -> list[str]:
        """The onnxruntime providers in use."""
        return self.session.providers

    @property
    def states(self) -> dict[str, Float32]:
        """A copy of the states that the next sample meets, by name, in the spec's shapes."""
        return {name: np.array(value) for name, value in self._engine.states().items()}

    @property
    def samples(self) -> int:
        """Samples seen since the stream began, missing ones included."""
        return self._ledger.steps - int(self._ledger.joined[0])

    @property
    def status(self) -> str:
        """What happened to the last sample, one of `validation.STATUSES`."""
        return STATUSES[self._ledger.status[0]]

    @property
    def warm(self) -> bool:
        """Whether enough samples have passed since the fresh start for a forecast to count."""
        return self._ledger.steps - int(self._ledger.begun[0]) >= self.spec.warmup

    @property
    def reason(self) -> str:
        """What was odd about the last sample, one of `rules.REASONS`; empty where nothing was."""
        return REASONS_BY_CODE[self._ledger.reason[0]]

    @property
    def seconds(self) -> float:
        """The time that the last sample was taken at, in seconds since 1970 UTC; NaN where it is not known."""
        return float(self._last[0])

    @property
    def period(self) -> float:
        """Seconds from one sample to the next: the model's, or those that the stream's first times told; else NaN."""
        return float(self._clocks.period_of(0))

    @property
    def pace(self) -> float:
        """Seconds from one sample to the next where that is not the model's period, as it was found last; else 0."""
        return float(self._clocks.pace[0])

    @property
    def counts(self) -> dict[str, int]:
        """How many of the stream's samples had each status and reason; `filled` counts samples that never came."""
        return self._ledger.counts_of(0)

    @property
    def monitors(self) -> bool:
        """Whether `interval` and `drift` are there."""
        return self._monitor is not None

    @property
    def drift(self) -> bool:
        """Whether the running error has left what validation showed; see `drift`. Raises `UsageError` as `interval`."""
        return bool(self._required_monitor().drift.raised[0])

    def interval(self, level: float = 0.9) -> tuple[Float32, Float32]:
        """Return the ends between which the truth lies with the probability `level`, each float32 (horizon, target).

        They lie around the last forecast, as far off as validation's residuals were, times what the samples since have
        taught: in the long run nine tenths of the truths lie between the ends for 0.9, whatever the series does; other
        levels follow. NaN where there is no forecast. Raises `UsageError` without `monitor=True`, and for a level that
        is not between 0 and 1.
        """
        return self._required_monitor().around(0, self._said, level)

    @property
    def adapts(self) -> bool:
        """Whether forecasts learn from what comes."""
        return self._judgement.adaptation is not None

    @property
    def learned(self) -> Learned:
        """What the stream has learned. Raises `UsageError` where forecasts do not adapt."""
        if self._judgement.adaptation is None:
            raise UsageError("this Predictor does not adapt: make it with adapt=True")
        return self._judgement.adaptation.learned(0)

    @property
    def finds_anomalies(self) -> bool:
        """Whether `p_value`, `p_values` and `anomaly` are there."""
        return self._judgement.anomalies is not None

    @property
    def p_value(self) -> float | None:
        """The probability that a normal sample is at least as surprising as the last one was, all targets together.

        None where there is none: of a sample that is missing, left out or the first ones. Raises `UsageError` without
        `anomalies`.
        """
        p_value = float(self.surprise()[0][-1])
        return None if math.isnan(p_value) else p_value

    @property
    def p_values(self) -> Float32:
        """The same of each target alone, (target,), NaN where there is none."""
        return self.surprise()[0][:-1]

    @property
    def anomaly(self) -> str:
        """What kind of anomaly the last sample is: spike, break, drift, stuck or noise; empty where it is none.

        Raises `UsageError` without `anomalies`.
        """
        return self.surprise()[1]

    def surprise(self) -> tuple[Float32, str]:
        """Return both as `Outcomes` have them: p-values (target + 1,), last that of all together, and `anomaly`.

        Raises `UsageError` without `anomalies`.
        """
        p_values, code = self._required_anomalies().found_first()
        return p_values, ANOMALIES_BY_CODE[code]

    def set_sensor(self, sensor: str | Scale | npt.ArrayLike | None) -> None:
        """Tell a model that was trained on several sensors which one this is; its stream starts afresh.

        A name that the model knows; or samples that the sensor has measured, (time,) or (time, measured feature), from
        which its level and size are learned; or None, for one of which nothing is known. Raises `UsageError` for an
        unknown name or a model that knows no sensors, and `DataError` for samples that do not tell.
        """
        scale = Scale.resolve(self.session.spec, sensor)
        called = sensor if isinstance(sensor, str) else "the one that was asked for"
        self._sensor = None if sensor is None else (called, Scale.from_states(scale.states()))  # as a snapshot has it
        self.reset()
        self._judgement.set_sensor(0, scale)
        self._spec = scale.apply_to(self._described(self.session.spec))
        self._bind()

    def step(self, sample: RawSample, time: Time = None, known: KnownValues = None) -> Float32:
        """Take one sample; return the forecast after it, float32 (horizon, target).

        `time` shows what lacks before the sample and what comes twice, and matters to models that were trained with
        time features; without it, or where it cannot be read, a sample comes a period after the one before it; the
        latter has the reason "time". NaN where there is no finite forecast: `status` is then "missing".

        `known` are the values of the columns known ahead, from one step after the sample on: (horizon, column), of one
        column (horizon,) too, or a list for each by its name. They may be others than the sample before said for the
        same times. Where one is None or NaN, or they end before the horizon, what was said before for that time stands
        in, else the last value that is known; the sample then has the reason "known".

        Raises `DataError` for a sample of the wrong length, with text in it, or that a rule refuses, and, with
        missing="error", `MissingSampleError`; all is then as before. Any other exception, of a signal's handler too,
        leaves a stream that takes no further sample until `reset` or `restore`.
        """
        try:
            is_bare = self._is_bare and time is None and known is None
            if is_bare and type(sample) is float and self._low <= sample <= self._high:
                self._x[0] = sample
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
            self._interrupted = True
            self._choose_path()
            raise

    def _step(self, sample: RawSample, time: Time, known: KnownValues) -> Float32:
        """Take one sample, by a short way where it is in range and on time."""
        self._require_whole()
        ahead = None if known is None else self._known_reader.read(known)
        try:
            given, unread = self._to_seconds(time, self._last[0]), None
        except DataError:
            given, unread = math.nan, np.ones(1, np.bool_)
        if unread is None and (self._is_native or self._is_calm) and (ahead is not None or not self._known):
            take = self._take_natively if self._is_native else self._take_calmly
            taken = take(sample, given, ahead)
            if taken is not None:
                return taken
        block = self._reader.read_all([sample])
        if self._known:
            block = self._known_reader.with_ahead(block, (self._known_reader.nothing if ahead is None else ahead)[None])
        forecast = self._judgement.judge(_ROW, block, np.array([given]), unread)
        self._choose_path()
        return forecast.reshape(self._shape)

    def _take_natively(self, sample: RawSample, given: float, ahead: Float32 | None) -> Float32 | None:
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
            self._choose_path()
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

    def _take_calmly(self, sample: RawSample, given: float, ahead: Float32 | None) -> Float32 | None:
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

    def _take(self, values: list[float], seconds: float, ahead: Float32 | None) -> Float32:
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
            self._choose_path()
        if not math.isnan(seconds) and (self._is_bare or not self._clocks.is_known):
            self._clocks.is_known, self._is_bare = True, False
        return self._copied()

    def _without_forecast(self, seconds: float) -> Float32:
        """Deal with a forecast that is not finite: there is none, and the stream starts afresh."""
        forecast = self._judgement.drop_infinite(_ROW, self._stream.x, self._stream.y.copy(), np.array([seconds]))
        self._choose_path()
        return forecast.reshape(self._shape)

    def run(self, samples: Samples, times: Sequence[Time] | None = None, known: npt.ArrayLike | None = None) -> Float32:
        """Take a block of samples (time,) or (time, feature); return (time, horizon, target).

        The same forecasts as `step` gives one by one, in few calls. NaN and None mark a missing value. `times`, one for
        each sample, and `known` (time, horizon, column), of one column (time, horizon) too, count as in `step`; NaN
        marks what is not known. `status` is that of the last sample. Raises `DataError` for a block of the
        wrong shape, with text in it, or with a sample that a rule refuses, and, with missing="error",
        `MissingSampleError`; all is then as before the block.
        """
        return self.process(samples, times, known).forecasts

    def process(
        self, samples: Samples, times: Sequence[Time] | None = None, known: npt.ArrayLike | None = None
    ) -> Outcomes:
        """Take a block of samples as `run` does; return all that became of each."""
        self._require_whole()
        block, given, unread = self._reader.read_block(samples), None, None
        block = self._known_reader.with_ahead(block, self._known_reader.read_block(known, block.shape[:1]))
        if times is not None:
            require_one_each(times, len(block))
            given, unread = self._times.read_run(times, self._last[0])
        try:
            return Block(self._judgement, block, given, unread).take()
        except BaseException:
            self._interrupted = self._judgement.is_torn
            raise
        finally:
            self._choose_path()

    def forecast(self, steps: int) -> Float32:
        """Return the next `steps` samples of each target, float32 (steps, target).

        Further than the horizon, the forecast itself is fed to a fork of the live state, a horizon at a time;
        features that are no targets keep their last value, and so do columns known ahead beyond what is known. Raises
        `EdgeseqError` before the first sample.
        """
        if steps < 1:
            raise UsageError(f"steps: expected at least 1, got {steps}")
        self._require_whole()
        if not self._ledger.ages(0):
            raise EdgeseqError("no forecast yet: the stream has seen no sample since its start")
        horizon, parts, states = self.spec.horizon, [self._copied()], self._engine.states()
        while len(parts) * horizon < steps:
            x = np.repeat(self._engine.x, horizon, axis=0)
            x[:, 0, : self._shape[1]] = parts[-1]
            begun = (len(parts) - 1) * horizon
            if self._clocks.features:
                ahead = self._clocks.features_at(self._clocks.next_times(0, begun + horizon)[begun:])
                x[:, 0, self._features - len(self._clocks.features) : self._features] = ahead
            if self._known:
                passed = np.arange(begun + 1, begun + horizon + 1)
                x[:, 0, self._features :] = self._known.ahead_of(self._engine.x.reshape(-1), passed)
            y, states = self.session.advance(x, states)
            parts.append(y[-1].reshape(self._shape))
        return np.concatenate(parts)[:steps]

    def reset(self) -> None:
        """Start afresh: the next sample is the first of a new stream."""
        self._judgement.erase(0)
        self._interrupted = False
        self._choose_path()

    def snapshot(self) -> bytes:
        """Return the stream's state as bytes that `restore` takes up, with this model file only."""
        return pack(self.session.digest, self.state())

    def state(self) -> Snapshot:
        """Return a copy of the stream's state, which `snapshot` makes bytes of."""
        self._require_whole()
        return self._judgement.snapshot(0)

    def load(self, state: Snapshot) -> None:
        """Be again as `state` found this stream."""
        self._load(state)

    def restore(self, blob: bytes) -> None:
        """Go on from a snapshot, of this class or of a pool's stream.

        A snapshot brings its sensor with it; only where one was asked for must it be that one. Raises `SnapshotError`
        where it is damaged, or of another model or sensor.
        """
        snapshot = unpack(blob, self.session.digest, self._judgement.snapshot(0))
        self._judgement.check(snapshot)
        if self._sensor:
            self._check_sensor(*self._sensor, Scale.from_states(snapshot.arrays))
        try:
            with self._judgement.all_or_nothing(_ROW):
                self._load(snapshot)
        except (EdgeseqError, ArithmeticError, ValueError) as error:  # a sensor whose numbers are out of all bounds
            raise SnapshotError("the snapshot has states that no stream has") from error

    def _check_sensor(self, called: str, wanted: Scale, found: Scale) -> None:
        """Refuse a snapshot of another sensor than was asked for: its numbers would be taken for those of this one."""
        if found.is_near(wanted):
            return
        known = found.name_among(self.session.spec.sensors)
        raise SnapshotError(f"the snapshot is of {known or 'another sensor'}, not of {called}")

    def _load(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot that fits."""
        if self.session.spec.sensors:
            self._spec = Scale.from_states(snapshot.arrays).apply_to(self._described(self.session.spec))
        self._judgement.load(0, snapshot)
        self._interrupted = False
        self._bind()

    def _described(self, spec: Spec) -> Spec:
        """Return a spec with the reading that was asked for."""
        return replace(spec, reading=self._reading) if self._reading else spec

    def _require_whole(self) -> None:
        if self._interrupted:
            raise EdgeseqError("the stream was interrupted within a step: `reset` it, or `restore` a snapshot")

    def __copy__(self) -> Self:
        """Return a stream of its own, where this one is, over the same session."""
        state = self.state()
        twin = object.__new__(type(self))
        Predictor.__init__(twin, self.session, **self._options())
        twin._load(state)
        twin._sensor = self._sensor
        return twin

    def __deepcopy__(self, _memo: object) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the model file and the stream's snapshot; the copy opens the model again on the same provider."""
        return _unpickled, (type(self), self.session.recipe(), self._options(), self.snapshot())

    def _options(self) -> dict[str, Any]:
        """Return what this predictor was made with."""
        return {
            "missing": self._missing,
            "rules": self._rules,
            "monitor": self.monitors,
            "adapt": self.adapts,
            "anomalies": None if self._judgement.anomalies is None else self._judgement.anomalies.rate,
            "reading": self._reading,
        }

    def _required_monitor(self) -> Monitor:
        if self._monitor is None:
            raise UsageError("intervals and drift need a Predictor made with monitor=True")
        return self._monitor

    def _required_anomalies(self) -> Anomalies:
        if self._judgement.anomalies is None:
            raise UsageError("p-values and anomalies need a Predictor made with a rate of false alarms: anomalies=1e-4")
        return self._judgement.anomalies


def _unpickled(kind: type[Predictor], recipe: Mapping[str, Any], options: Mapping[str, Any], blob: bytes) -> Predictor:
    predictor = object.__new__(kind)
    Predictor.__init__(predictor, open_session(**recipe), **options)
    predictor.restore(blob)
    return predictor
