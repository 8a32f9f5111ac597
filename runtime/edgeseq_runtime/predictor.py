"""One stream, sample by sample: validation, the step, and what happens when a sample is missing."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, SnapshotError, UsageError
from edgeseq_runtime.model_file.source import Model
from edgeseq_runtime.monitoring.monitor import Monitor
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.rules import DISORDER, GAP, RANGE, REASONS, TIME, Rules
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.streaming.sensors import Scale
from edgeseq_runtime.streaming.snapshot import Snapshot, pack, unpack
from edgeseq_runtime.streaming.timestamps import Clock, Time
from edgeseq_runtime.streaming.validation import (
    IMPUTED,
    MISSING,
    OK,
    SKIPPED,
    STATUSES,
    Issue,
    Policy,
    Positions,
    RawSample,
    Validator,
)

Samples: TypeAlias = npt.ArrayLike | Sequence[float | None] | Sequence[Sequence[float | None]]
"""A block, (time, feature), or (time,) of one feature; NaN or None is a missing value."""

_COUNTED = (*STATUSES[1:], *REASONS, "filled")


class _NotFiniteError(Exception):
    """A block of samples has a forecast that is not finite."""


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
    to. `monitor` compares forecasts with what comes, for `interval` and `drift`; it costs some ten microseconds
    a sample. `sensor` is as in `set_sensor`, for a model that was trained on several; `sidecar` describes a model
    that edgeseq did not write (see `sidecar`). `key` is a file with an Ed25519 public key, in PEM form: only what was
    signed with its private half is opened.

    Raises `ModelFileError` for a file that is no model of edgeseq's or was changed after it was written, before
    anything of it is run; `UsageError` for an unknown provider or policy; and, with `monitor`, `DataError` for a model
    without residual quantiles.
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
        sensor: str | Scale | npt.ArrayLike | None = None,
        sidecar: Sidecar | str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(model, Session):
            model = open_session(model, provider=provider, threads=threads, sidecar=sidecar, key=key)
        self.session = model
        self.status = OK
        """What happened to the last sample, one of `validation.STATUSES`."""
        self.samples = 0
        """Samples seen since the stream began, missing ones included."""
        self._spec, self._rules = model.spec, rules
        self._sensor: tuple[str, Scale] | None = None  # the one that was asked for: how it is called, and its scale
        self._clock = Clock(self.spec)
        self._engine = model.engine()
        self._validator = Validator(self.spec, self._engine.x, rules)
        self._missing = missing
        self._policy = Policy(self.spec, missing, rules)
        self._monitor = Monitor(self.spec) if monitor else None
        self._one_by_one = monitor or bool(rules and rules.stuck_after)  # for `run`
        self._shape = (self.spec.horizon, len(self.spec.targets))
        self._y = self._engine.y.reshape(self._shape)
        self._move, self._copied = self._engine.advance, self._y.copy  # bound once: `step` has no time for it
        self._numbers: Any = memoryview(self._engine.y.reshape(-1).data)
        self._age = 0  # samples since the fresh start
        self._imputed = 0  # in a row
        self._skipped = 0  # in a row, where the last one was
        self._reason = ""  # what was found odd about
        self._reason_at = 0  # the sample of this number, the last of them
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._needs_care = False  # whether `step` must do more than the network's work
        self._interrupted = False  # whether the stream may be neither before a sample nor after it
        self._choose_path()
        if sensor is not None or self.spec.sensors:
            self.set_sensor(sensor)

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
    def warm(self) -> bool:
        """Whether enough samples have passed since the fresh start for a forecast to count."""
        return self._age >= self.spec.warmup

    @property
    def seconds(self) -> float:
        """The time that the last sample was taken at, in seconds since 1970 UTC; NaN where it is not known."""
        return self._clock.seconds

    @property
    def reason(self) -> str:
        """What was odd about the last sample, one of `rules.REASONS`; empty where nothing was."""
        return self._reason if self._reason_at == self.samples else ""

    @property
    def counts(self) -> dict[str, int]:
        """How many of the stream's samples had each status and reason; `filled` counts samples that never came."""
        taken = self.samples - sum(self._counts[status] for status in STATUSES[1:])
        return {OK: taken, **self._counts}

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
        forecast = self._y if self._age else np.full(self._shape, np.nan, np.float32)
        return self._required_monitor().intervals.around(forecast, level)

    def set_sensor(self, sensor: str | Scale | npt.ArrayLike | None) -> None:
        """Tell a model that was trained on several sensors which one this is; its stream starts afresh.

        A name that the model knows; or samples that the sensor has measured, (time,) or (time, measured feature), from
        which its level and size are learned; or None, for one of which nothing is known. Raises `UsageError` for an
        unknown name or a model that knows no sensors, and `DataError` for samples that do not tell.
        """
        scale = Scale.resolve(self.session.spec, sensor)
        called = sensor if isinstance(sensor, str) else "the one that was asked for"
        self._sensor = None if sensor is None else (called, Scale.from_states(scale.states()))  # as a snapshot has it
        self._adopt(scale)
        self._engine.load(self._engine.states() | scale.states())
        self.reset()

    def step(self, sample: RawSample, time: Time = None) -> Float32:
        """Take one sample; return the forecast after it, float32 (horizon, target).

        `time` shows what lacks before the sample and what comes twice, and matters to models that were trained with
        time features; without it, or where it cannot be read, a sample comes a period after the one before it; the
        latter has the reason "time". NaN where there is no finite forecast: `status` is then "missing".

        Raises `DataError` for a sample of the wrong length, with text in it, or that a rule refuses, and, with
        missing="error", `MissingSampleError`; all is then as before. Any other exception, of a signal's handler too,
        leaves a stream that takes no further sample until `reset` or `restore`.
        """
        try:
            if self._needs_care or time is not None:
                return self._step_with_care(sample, time)
            validator = self._validator
            if type(sample) is float and validator.low <= sample <= validator.high:
                validator.x[0] = sample  # as `check` does; its call alone takes as long as all of this
            elif issue := validator.check(sample):
                return self._step_with_issue(issue)
            self._move()
            number = self._numbers[0]
            if number - number:
                return self._step_without_forecast()
            self.samples += 1
            self._age += 1
            self._imputed = 0
            self.status = OK
            return self._copied()
        except EdgeseqError:  # before anything has moved
            raise
        except BaseException:
            self._interrupted = self._needs_care = True
            raise

    def _step_with_care(self, sample: RawSample, time: Time) -> Float32:
        """Take one sample where more than the network's work is to be done."""
        self._require_whole()
        try:
            seconds = self._clock.resolve(time)
        except DataError:
            return self._take_without_time(sample)
        return self._take(self._clock.with_time_features(sample, seconds), seconds)

    def run(self, samples: Samples, times: Sequence[Time] | None = None) -> Float32:
        """Take a block of samples (time,) or (time, feature); return (time, horizon, target).

        The same forecasts as `step` gives one by one, in few calls; with `monitor`, or where a rule says what is stuck,
        one by one. NaN and None mark a missing value. `times`, one for each sample, count as in `step`. `status` is
        that of the last sample. Raises `DataError` for a block of the wrong shape, with text in it, or with a sample
        that a rule refuses, and, with missing="error", `MissingSampleError`; all is then as before the block.
        """
        self._require_whole()
        array = _as_array(samples)
        timed = self._needs_care or times is not None
        count = array.shape[0] if array.ndim else 0
        seconds, unread = self._clock.resolve_block(times, count) if timed else (None, np.zeros(count, np.bool_))
        given = array if seconds is None else self._clock.block_with_time_features(array, seconds, unread)
        block = self._as_block(given)
        forecasts = np.full((len(block), *self._shape), np.nan, np.float32)
        plain = self._validator.are_clean(block) & (not self._one_by_one)
        if seconds is not None:
            plain &= self._clock.are_on_time(seconds) & ~unread
        try:
            with self._all_or_nothing():
                self._run_stretches(block, seconds, unread, plain, forecasts)
        except _NotFiniteError:
            with self._all_or_nothing():
                self._run_stretches(block, seconds, unread, np.zeros_like(plain), forecasts)
        self._choose_path()
        return forecasts

    def process(self, samples: Samples, times: Sequence[Time] | None = None) -> Outcomes:
        """Take a block of samples as `run` does; return all that became of each."""
        array = _as_array(samples)
        count = array.shape[0] if array.ndim else 0
        self._as_block(self._with_time_features(array, times, count))  # refuse what `run` refuses
        results = []
        with self._all_or_nothing():
            for row in range(count):
                number = self.samples
                try:
                    forecast = self.step(array[row], None if times is None else times[row])
                except (DataError, MissingSampleError) as error:
                    raise type(error)(f"sample {row} of the block: {error}") from error
                interval = self.interval() if self._monitor else None
                drift = self._monitor is not None and self.drift
                seconds = self._clock.seconds
                results.append(
                    StepResult(forecast, self.status, self.warm, number, self.reason, interval, drift, seconds)
                )
        return Outcomes.of(results, self._shape, monitored=self._monitor is not None)

    def _with_time_features(self, array: npt.NDArray[Any], times: Sequence[Time] | None, count: int) -> Any:
        if not self._needs_care and times is None:
            return array
        seconds, unread = self._clock.resolve_block(times, count)
        return self._clock.block_with_time_features(array, seconds, unread)

    def forecast(self, steps: int) -> Float32:
        """Return the next `steps` samples of each target, float32 (steps, target).

        Further than the horizon, the forecast itself is fed to a fork of the live state, a horizon at a time;
        features that are no targets keep their last value. Raises `EdgeseqError` before the first sample.
        """
        if steps < 1:
            raise UsageError(f"steps: expected at least 1, got {steps}")
        self._require_whole()
        if not self._age:
            raise EdgeseqError("no forecast yet: the stream has seen no sample since its start")
        parts = [self._y.copy()]
        states = self._engine.states()
        while len(parts) * len(self._y) < steps:
            x = np.repeat(self._engine.x, self.spec.horizon, axis=0)
            x[:, 0, : self._shape[1]] = parts[-1]
            if self._clock:
                begun = (len(parts) - 1) * len(self._y)
                x[:, 0, self._clock.measured :] = self._clock.features_ahead(begun + len(self._y))[begun:]
            y, states = self.session.advance(x, states)
            parts.append(y[-1].reshape(self._shape))
        return np.concatenate(parts)[:steps]

    def reset(self) -> None:
        """Start afresh: the next sample is the first of a new stream."""
        self._begin_afresh()
        self._clock.commit(math.nan)
        self._validator.runs.fill(0)
        if self._monitor:
            self._monitor.reset()
        self.samples = self._skipped = self._reason_at = 0
        self.status, self._reason = OK, ""
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._interrupted = False
        self._choose_path()

    def snapshot(self) -> bytes:
        """Return the stream's state as bytes that `restore` takes up, with this model file only."""
        self._require_whole()
        return pack(self.session.digest, self._snapshot())

    def restore(self, blob: bytes) -> None:
        """Go on from a snapshot. Raises `SnapshotError` where it is damaged, or of another model or sensor.

        A snapshot brings its sensor with it; only where one was asked for must it be that one.
        """
        snapshot = unpack(blob, self.session.digest, self._snapshot())
        counters = snapshot.counters
        if counters["status"] not in STATUSES or counters["reason"] not in ("", *REASONS):
            raise SnapshotError("the snapshot has a status or a reason that this version of edgeseq does not know")
        odd = sum(counters[f"counts.{status}"] for status in STATUSES[1:])
        if odd > counters["samples"] or (self._monitor and not self._monitor.might_hold(snapshot.arrays)):
            raise SnapshotError("the snapshot has counters or widths that no stream has")
        if self._sensor:
            self._check_sensor(*self._sensor, Scale.from_states(snapshot.arrays))
        try:
            with self._all_or_nothing():
                self._load(snapshot)
        except (EdgeseqError, ArithmeticError, ValueError) as error:  # a sensor whose numbers are out of all bounds
            raise SnapshotError("the snapshot has states that no stream has") from error

    def state(self) -> Snapshot:
        """Return a copy of the stream's state for `load`: what `snapshot` packs, without the packing."""
        current = self._snapshot()
        return Snapshot(current.counters, {name: array.copy() for name, array in current.arrays.items()})

    def load(self, state: Snapshot) -> None:
        """Be again as `state` found this stream."""
        self._load(state)

    def _snapshot(self) -> Snapshot:
        """Return the counters, and views of the arrays, that make up the stream's state."""
        counters = {
            "samples": self.samples,
            "age": self._age,
            "imputed": self._imputed,
            "skipped": self._skipped,
            "status": self.status,
            "reason": self._reason,
            "odd_at": self._reason_at,
            "seconds": self._clock.seconds,
            **{f"counts.{name}": count for name, count in self._counts.items()},
        }
        arrays = {"x": self._engine.x, "y": self._engine.y, "runs": self._validator.runs, **self._engine.states()}
        return Snapshot(counters, arrays | (self._monitor.arrays() if self._monitor else {}))

    def _check_sensor(self, called: str, wanted: Scale, found: Scale) -> None:
        """Refuse a snapshot of another sensor than was asked for: its numbers would be taken for those of this one."""
        if found.is_near(wanted):
            return
        known = found.name_among(self.session.spec.sensors)
        raise SnapshotError(f"the snapshot is of {known or 'another sensor'}, not of {called}")

    def _load(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot that fits; one without a monitor's arrays leaves that as it is at first."""
        counters = snapshot.counters
        if self.session.spec.sensors:
            self._adopt(Scale.from_states(snapshot.arrays))
        arrays = self._snapshot().arrays
        if self._monitor and not arrays.keys() <= snapshot.arrays.keys():
            self._monitor.reset()
        for name in arrays.keys() & snapshot.arrays.keys():
            arrays[name][...] = snapshot.arrays[name]
        self._engine.load({state.name: snapshot.arrays[state.name] for state in self.spec.states})
        self._engine.keep()
        self.samples, self.status = counters["samples"], counters["status"]
        self._age, self._imputed, self._skipped = counters["age"], counters["imputed"], counters["skipped"]
        self._reason, self._reason_at = counters["reason"], counters["odd_at"]
        self._counts = {name: counters[f"counts.{name}"] for name in _COUNTED}
        self._clock.commit(counters["seconds"])
        self._interrupted = False
        self._choose_path()

    def _require_whole(self) -> None:
        if self._interrupted:
            raise EdgeseqError("the stream was interrupted within a step: `reset` it, or `restore` a snapshot")

    def __copy__(self) -> Self:
        """Return a stream of its own, where this one is, over the same session."""
        self._require_whole()
        twin = object.__new__(type(self))
        Predictor.__init__(twin, self.session, missing=self._missing, rules=self._rules, monitor=self.monitors)
        twin._load(self._snapshot())
        twin._sensor = self._sensor
        return twin

    def __deepcopy__(self, _memo: object) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the model file and the stream's snapshot; the copy opens the model again on the same provider."""
        options = {"missing": self._missing, "rules": self._rules, "monitor": self.monitors}
        return _unpickled, (type(self), self.session.recipe(), options, self.snapshot())

    def _adopt(self, scale: Scale) -> None:
        """Judge samples and forecasts by a sensor's own numbers."""
        spec = scale.apply_to(self.session.spec)
        if spec.features == self._spec.features:
            return
        self._spec = spec
        self._validator = Validator(spec, self._engine.x, self._rules)
        if self._monitor:
            self._monitor = Monitor(spec)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Whatever goes wrong within leaves the stream as it was before."""
        before = self.state()
        try:
            yield
        except BaseException:
            self._interrupted = self._needs_care = True  # until all is in its place
            self._load(before)
            raise

    def _choose_path(self) -> None:
        """Note whether a sample needs more than validation and the network, so that `step` need not ask each time."""
        timed = bool(self._clock) or not math.isnan(self._clock.seconds)
        self._needs_care = timed or self._interrupted or self._monitor is not None

    def _take(self, sample: RawSample, seconds: float) -> Float32:
        """Take one sample, complete with the features of its time, NaN where that is not known."""
        lag = self._clock.missing_before(seconds)
        if not lag:
            return self._take_in_time(sample, seconds)
        with self._all_or_nothing():
            return self._take_at_odd_time(sample, seconds, lag)

    def _take_in_time(self, sample: RawSample, seconds: float) -> Float32:
        issue = self._validator.check(sample)
        if issue:
            forecast = self._step_with_issue(issue)
        elif self._advance(0, ()):
            self.samples += 1
            self.status = OK
            forecast = self._y.copy()
        else:
            forecast = self._step_without_forecast()
        self._clock.commit(seconds)
        self._needs_care = self._needs_care or not math.isnan(seconds)
        return forecast

    def _take_without_time(self, sample: RawSample) -> Float32:
        """Take a sample whose time cannot be read: a period after the one before.

        Where the model sees the time and none is known, the sample is missing.
        """
        seconds = self._clock.resolve(None)
        if math.isnan(seconds) and self._clock:
            issue = self._validator.check(self._clock.with_time_features(sample, seconds, may_lack=True))
            if issue and issue.rejected:
                lacks_more = issue.rejected[0] < self._clock.measured
                return self._step_with_issue(issue if lacks_more else replace(issue, reason=TIME))
        forecast = self._take_in_time(self._clock.with_time_features(sample, seconds), seconds)
        self._counts[TIME] += 1
        if not self.reason:
            self._reason, self._reason_at = TIME, self.samples
        return forecast

    def _take_at_odd_time(self, sample: RawSample, seconds: float, lag: int) -> Float32:
        """Take a sample before which `lag` samples lack; below 0 it should have come earlier."""
        status, afresh = self._policy.for_time(lag, **self._run_lengths())
        reason = GAP if lag > 0 else DISORDER
        if status == SKIPPED:
            self._note(status, reason)
            return self._y.copy()
        if afresh:
            self._begin_afresh()
        if status == IMPUTED:
            for moment in self._clock.next_times(lag).tolist():
                if not self._impute_missing(moment):
                    break  # the stream is fresh again
        forecast = self._take_in_time(sample, seconds)
        self._counts[reason] += 1
        if not self.reason:
            self._reason, self._reason_at = reason, self.samples
        return forecast

    def _impute_missing(self, seconds: float) -> bool:
        """Let the forecast stand in for a sample that never came; False where the next one is not finite."""
        nothing: list[float | None] = [None] * self._clock.measured
        issue = self._validator.check(self._clock.with_time_features(nothing, seconds))
        assert issue is not None
        self._validator.impute(self._y[0])
        self._counts["filled"] += 1
        return self._advance(self._imputed + 1, issue.rejected)

    def _step_with_issue(self, issue: Issue) -> Float32:
        """Deal with a sample that has an issue."""
        status = self._policy.for_value(issue, **self._run_lengths())
        if status == IMPUTED and not np.isfinite(self._y[0]).all():
            status = MISSING
        if status == IMPUTED:
            self._validator.impute(self._y[0])
        if status in (OK, IMPUTED) and not self._advance(self._imputed + 1 if status == IMPUTED else 0, issue.rejected):
            status = MISSING
        self._validator.remember(issue)  # after what may fail
        self._note(status, issue.reason)
        if status == MISSING:
            self._begin_afresh()
            return np.full(self._shape, np.nan, np.float32)
        return self._y.copy()

    def _step_without_forecast(self) -> Float32:
        """Deal with a forecast that is not finite: there is none, and the stream starts afresh.

        What is not finite in the state would stay there for ever, and must not stand in for a sample.
        """
        self._begin_afresh()
        self.samples += 1
        self.status = MISSING
        self._counts[MISSING] += 1
        return np.full(self._shape, np.nan, np.float32)

    def _run_lengths(self) -> dict[str, int]:
        """Return what a policy's limits are compared with."""
        skipped = self._skipped if self.status == SKIPPED else 0
        return {"age": self._age, "imputed": self._imputed, "skipped": skipped}

    def _note(self, status: str, reason: str) -> None:
        """Count an odd sample."""
        if status == SKIPPED:
            self._skipped = self._run_lengths()["skipped"] + 1
        if status != OK:
            self._counts[status] += 1
        self._counts[reason] += 1
        self.samples += 1
        self.status = status
        self._reason, self._reason_at = reason, self.samples

    def _advance(self, imputed: int, unknown: Positions) -> bool:
        """Let the network take the sample in the buffer, the last of `imputed` in a row that were filled in.

        Return whether there is a forecast; else the stream is fresh.
        """
        self._move()
        if not math.isfinite(self._numbers[0] + self._numbers[-1]):
            self._begin_afresh()
            return False
        if self._monitor:
            truth = self._engine.x[0, 0, : self._shape[1]].copy()
            truth[[position for position in unknown if position < len(truth)]] = np.nan
            self._monitor.update(truth, self._y if self._age + 1 >= self.spec.warmup else None, self._age)
        self._age += 1
        self._imputed = imputed
        return True

    def _begin_afresh(self) -> None:
        self._engine.clear()
        self._age = self._imputed = 0
        if self._monitor:
            self._monitor.forget()

    def _required_monitor(self) -> Monitor:
        if self._monitor is None:
            raise UsageError("intervals and drift need a Predictor made with monitor=True")
        return self._monitor

    def _is_on_time(self, seconds: npt.NDArray[np.float64] | None, row: int) -> bool:
        return seconds is None or not self._clock.missing_before(float(seconds[row]))

    def _run_stretches(
        self,
        block: Float32,
        seconds: npt.NDArray[np.float64] | None,
        unread: npt.NDArray[np.bool_],
        plain: npt.NDArray[np.bool_],
        forecasts: Float32,
    ) -> None:
        """Take samples (time, feature), those that are `plain` in few calls; write forecasts (time, horizon, target).

        Raises `_NotFiniteError` where a forecast in such a call is not finite: the stream should have started afresh.
        """
        for start, stop in _stretches(plain):
            first = start
            while first < stop and not (plain[first] and self._is_on_time(seconds, first)):
                forecasts[first] = self._take_row(block, seconds, first, readable=not unread[first])
                first += 1
            if first < stop:
                forecasts[first:stop] = self._run_clean(block[first:stop])
                self._clock.commit(math.nan if seconds is None else float(seconds[stop - 1]))

    def _take_row(
        self, block: Float32, seconds: npt.NDArray[np.float64] | None, row: int, *, readable: bool
    ) -> Float32:
        """Take one sample of a block (time, feature)."""
        try:
            if not readable:
                return self._take_without_time(block[row])
            return self._take(block[row], math.nan if seconds is None else float(seconds[row]))
        except (DataError, MissingSampleError) as error:
            raise type(error)(f"sample {row} of the block: {error}") from error

    def _run_clean(self, block: Float32) -> Float32:
        """Run a block (time, feature) without missing values; return (time, horizon, target)."""
        forecasts = self._engine.run(block)
        if not np.isfinite(forecasts).all():
            raise _NotFiniteError
        self.samples += len(block)
        self._age += len(block)
        self._imputed = 0
        self.status = OK
        flagged = self._validator.are_flagged(block)
        self._counts[RANGE] += int(flagged.sum())
        if flagged[-1]:
            self._reason, self._reason_at = RANGE, self.samples
        return forecasts.reshape(-1, *self._shape)

    def _as_block(self, block: npt.NDArray[Any]) -> Float32:
        shape = block.shape
        if block.ndim == 1 and len(self.spec.features) == 1:
            block = block[:, None]
        if block.ndim != 2 or block.shape[1] != len(self.spec.features):
            raise DataError(f"samples have shape {shape}; the model takes (time, {len(self.spec.features)})")
        if block.dtype == object:  # None among numbers
            block = np.array([self._validator.to_numbers(row) for row in block], np.float64)
        if block.dtype.kind not in "biuf":
            raise DataError(f"samples are of type {block.dtype}, not numbers")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so missing
            return block.astype(np.float32)


def _unpickled(kind: type[Predictor], recipe: Mapping[str, Any], options: Mapping[str, Any], blob: bytes) -> Predictor:
    predictor = object.__new__(kind)
    Predictor.__init__(predictor, open_session(**recipe), **options)
    predictor.restore(blob)
    return predictor


def _as_array(samples: Samples) -> npt.NDArray[Any]:
    try:
        return np.asarray(samples)
    except ValueError as error:
        raise DataError(f"samples are no array of numbers: {error}") from error


def _stretches(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each run of equal flags."""
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    return pairwise([0, *edges.tolist(), len(flags)] if len(flags) else [])
