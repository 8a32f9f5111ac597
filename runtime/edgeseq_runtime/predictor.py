"""One stream, sample by sample, over the same judgement as a pool's many."""

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
from edgeseq_runtime.arrays import Float32, Forecasts
from edgeseq_runtime.backends.base import OneStream, Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import EdgeseqError, SnapshotError, UsageError
from edgeseq_runtime.judgement.blocks import Block
from edgeseq_runtime.judgement.far_ahead import forecasts_far_ahead
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.judgement.lone_stream import LoneStream
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
from edgeseq_runtime.streaming.validation import STATUSES, RawSample, Reader

Samples: TypeAlias = npt.ArrayLike | Sequence[float | None] | Sequence[Sequence[float | None]]
"""A block, (time, feature), or (time,) of one feature; NaN or None is a missing value."""

_ROW = slice(0, 1)


class Predictor:
    """Streams samples of one sensor through a model file.

        p = Predictor("model.onnx")
        p.step(21.4)        # the forecast after this sample, float32 (horizon, target), in the target's unit

    Forecasts and intervals of a model for any sensor, whose streams are counted from their first sample, are float64: a
    meter that has counted to 1e8 is known to a tenth. Those of all others are float32.
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
        self._sensor: tuple[str, Scale] | None = None  # the one that was asked for: how it is called, and its scale
        stream = OneStream(model)
        self._engine = stream.engine
        judgement = self._judgement = Judgement(
            model, stream, 1, missing=missing, rules=rules, monitor=monitor, adapt=adapt, anomalies=anomalies
        )
        self._ledger, self._clocks, self._monitor = judgement.ledger, judgement.clocks, judgement.monitor
        self._reader, self._known_reader = Reader(model.spec), KnownReader(model.spec)
        self._lone = LoneStream(judgement, self._reader, self._known_reader, self._times)
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
        """A copy of the states that the next sample meets, by name, in the spec's shapes; counted from `anchor`."""
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
        return float(self._clocks.last[0])

    @property
    def period(self) -> float:
        """Seconds from one sample to the next: the model's, or those that the stream's first times told; else NaN."""
        return float(self._clocks.period_of(0))

    @property
    def anchor(self) -> float:
        """What the stream is counted from, of a model for any sensor; else 0. A forecast less this is a float32."""
        anchors = self._judgement.anchors
        return float(anchors.known(0)) if anchors else 0.0

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

    def interval(self, level: float = 0.9) -> tuple[Forecasts, Forecasts]:
        """Return the ends between which the truth lies with the probability `level`, each (horizon, target).

        They lie around the last forecast, as far off as validation's residuals were, times what the samples since have
        taught: in the long run nine tenths of the truths lie between the ends for 0.9, whatever the series does; other
        levels follow. NaN where there is no forecast. Raises `UsageError` without `monitor=True`, and for a level that
        is not between 0 and 1.
        """
        said = self._judgement.in_own_numbers(_ROW, self._engine.y.reshape(1, self.spec.horizon, -1))
        return self._required_monitor().around(0, said[0], level)

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
        self._lone.bind()

    def step(self, sample: RawSample, time: Time = None, known: KnownValues = None) -> Forecasts:
        """Take one sample; return the forecast after it, (horizon, target).

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
        return self._lone.step(sample, time, known)

    def run(
        self, samples: Samples, times: Sequence[Time] | None = None, known: npt.ArrayLike | None = None
    ) -> Forecasts:
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
        self._lone.require_whole()
        block, given, unread = self._reader.read_block(samples), None, None
        block = self._known_reader.with_ahead(block, self._known_reader.read_block(known, block.shape[:1]))
        if times is not None:
            require_one_each(times, len(block))
            given, unread = self._times.read_run(times, float(self._clocks.last[0]))
        try:
            return Block(self._judgement, block, given, unread).take()
        except BaseException:
            self._lone.is_interrupted = self._judgement.is_torn
            raise
        finally:
            self._lone.choose_path()

    def forecast(self, steps: int) -> Forecasts:
        """Return the next `steps` samples of each target, (steps, target).

        Further than the horizon, the forecast itself is fed to a fork of the live state, a horizon at a time;
        features that are no targets keep their last value, and so do columns known ahead beyond what is known. Raises
        `EdgeseqError` before the first sample.
        """
        if steps < 1:
            raise UsageError(f"steps: expected at least 1, got {steps}")
        self._lone.require_whole()
        if not self._ledger.ages(0):
            raise EdgeseqError("no forecast yet: the stream has seen no sample since its start")
        return forecasts_far_ahead(self._judgement, self.session, steps)

    def reset(self) -> None:
        """Start afresh: the next sample is the first of a new stream."""
        self._judgement.erase(0)
        self._lone.is_interrupted = False
        self._lone.choose_path()

    def snapshot(self) -> bytes:
        """Return the stream's state as bytes that `restore` takes up, with this model file only."""
        return pack(self.session.digest, self.state())

    def state(self) -> Snapshot:
        """Return a copy of the stream's state, which `snapshot` makes bytes of."""
        self._lone.require_whole()
        return self._judgement.snapshot(0)

    def load(self, state: Snapshot) -> None:
        """Be again as `state` found this stream."""
        self._load(state)

    def restore(self, blob: bytes) -> None:
        """Go on from a snapshot, of this class or of a pool's stream.

        A snapshot brings its sensor with it; only where one was asked for must it be that one. Raises `SnapshotError`
        where it is damaged, or of another model or sensor.
        """
        snapshot = unpack(blob, self.session.digest, self._judgement.like())
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
        self._lone.is_interrupted = False
        self._lone.bind()

    def _described(self, spec: Spec) -> Spec:
        """Return a spec with the reading that was asked for."""
        return replace(spec, reading=self._reading) if self._reading else spec

    def _require_whole(self) -> None:
        if self._lone.is_interrupted:
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
