"""What was asked of `edgeseq predict`, and what of it goes together."""

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq.commands.predict.whose import note_unknown, of_one
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading import durations
from edgeseq_runtime.reading.overrides import NONE, Overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    import numpy.typing as npt

    from edgeseq.commands.options.anomalies import AnomalyRate
    from edgeseq.commands.predict.forecast_plot import ForecastPlot
    from edgeseq.commands.predict.formats import Format
    from edgeseq.commands.predict.terminal_view import TerminalView
    from edgeseq_runtime.backends.base import Session
    from edgeseq_runtime.reading.reading import Reading
    from edgeseq_runtime.rules import Rules
    from edgeseq_runtime.service.named_streams import NamedStreams
    from edgeseq_runtime.service.single_stream import SingleStream
    from edgeseq_runtime.spec import Spec


@dataclass(frozen=True)
class Defaults:
    """What holds where the user does not say, by the way in which samples come."""

    state_every: int
    unreadable: str


ERROR, MISSING, SKIP = UNREADABLE = ("error", "missing", "skip")
"""What a line leads to that cannot be read: an end, a missing sample, or nothing."""

JOIN_WAIT = "2s"
"""For how long a part of a sample is held."""

STDIN, MQTT = Defaults(state_every=100, unreadable=ERROR), Defaults(state_every=1, unreadable=MISSING)


@dataclass(frozen=True)
class PredictOptions:
    """The options of one run. Raises `UsageError` where they contradict each other."""

    model: str
    source: str
    """A file, or - for stdin."""
    input_format: str
    is_table: bool
    """Whether it is a file that is no text."""
    output_format: str
    keep: bool
    """Whether input lines are written as well."""
    times: bool
    """Whether it is said when the steps of a forecast are."""
    future_points: bool
    """Whether line protocol has a point for each step, at its time."""
    sidecar: str | None
    provider: str
    threads: int
    key: str | None
    """A file with the public key of whoever must have signed the model."""
    state: str | None
    state_every: int | None
    fresh: bool
    intervals: bool
    anomaly_rate: "AnomalyRate | None"
    """How many false alarms are put up with; None: no anomalies are looked for."""
    adapt: bool | None
    """Whether forecasts go on learning; None: as the model says."""
    sensor: str | None
    history: str | None
    """A file with samples to learn the sensor's scale from."""
    live: bool
    plot: str | None
    """A picture to draw at the end."""
    missing: str
    rules: "Rules"
    unreadable: str | None
    fields: "Mapping[str, str]"
    """Where features and the time stand, by their names, for those that are not under them."""
    join_wait: str
    """How long a sample waits for features that come apart from it: a duration, or none."""
    mqtt: str | None
    publish: str | None
    credentials: str | None
    client_id: str | None
    overrides: Overrides
    """What is said about how samples are written."""

    def __post_init__(self) -> None:
        if self.state_every is not None and not self.state:
            raise UsageError("--state-every needs --state FILE")
        if self.mqtt is not None or self.is_influx or self.names_streams:
            self._check_streams()
        if self.sensor and self.history:
            raise UsageError("--sensor and --history both say what the sensor is like: give one of them")
        if self.join_wait != NONE:
            durations.parse(self.join_wait)
        if self.intervals and self.output_format != "jsonl":
            raise UsageError("--intervals needs --format jsonl")
        if self.mqtt is None:
            self._check_lines()
        else:
            self._check_messages()

    @property
    def save_every(self) -> int:
        """Samples after which the state is saved; 0: at the end only."""
        return self._defaults.state_every if self.state_every is None else self.state_every

    @property
    def on_unreadable(self) -> str:
        """What a line that is no sample leads to: one of `UNREADABLE`."""
        return self.unreadable or self._defaults.unreadable

    @property
    def join_seconds(self) -> float:
        """Seconds of `join_wait`. Raises `UsageError`."""
        return 0.0 if self.join_wait == NONE else durations.parse(self.join_wait)

    @property
    def is_influx(self) -> bool:
        """Whether the input is line protocol, of many streams."""
        return self.input_format == "influx"

    @property
    def names_streams(self) -> bool:
        """Whether the user says which column names the stream of a line."""
        return self.overrides.id not in (None, "", NONE)

    def reading(self, spec: "Spec") -> "Reading":
        """Return how samples are written: as training found out, except for what the user says."""
        return self.overrides.over(spec.known_reading)

    @property
    def looks_for_times(self) -> bool:
        """Whether something in a line may be its time."""
        return self.overrides.time != NONE

    def is_named(self, spec: "Spec") -> bool:
        """Whether lines are of streams by name, and not of one, which some options ask for."""
        asks_for_one = self.sensor or self.history or self.live or self.plot
        return self.is_influx or bool((self.reading(spec).id or spec.takes_any) and not asks_for_one)

    def _said_reading(self, spec: "Spec") -> "Reading | None":
        """Return the same where that is not what the model file says: line protocol counts nanoseconds."""
        if self.is_influx:
            return replace(self.reading(spec), time_format=self.overrides.time_format or "ns")
        return self.reading(spec) if self.overrides != Overrides() else None

    def open_session(self) -> "Session":
        """Open the model."""
        from edgeseq_runtime.backends.open import open_session

        return open_session(
            self.model, provider=self.provider, threads=self.threads, sidecar=self.sidecar, key=self.key
        )

    def _alarm_rate(self, spec: "Spec") -> float | None:
        """Return how many false alarms there may be a sample; None where no anomalies are looked for."""
        period = self.reading(spec).every or spec.period
        return None if self.anomaly_rate is None else self.anomaly_rate.per_sample(period)

    def single_stream(self, session: "Session") -> "SingleStream":
        """Return the model's one stream."""
        from edgeseq_runtime.predictor import Predictor
        from edgeseq_runtime.service.single_stream import SingleStream

        reading = self._said_reading(session.spec)
        sensor = _read_samples(self.history, session.spec, reading) if self.history else self.sensor
        predictor = Predictor(
            session,
            missing=self.missing,
            rules=self.rules,
            monitor=self.intervals,
            adapt=self.adapt,
            anomalies=self._alarm_rate(session.spec),
            sensor=sensor,
            reading=reading,
        )
        return SingleStream(predictor, self.rules.skip_limit)

    def named_streams(self, session: "Session", sensors: "Callable[[str], Iterable[str]]") -> "NamedStreams":
        """Return the model's streams by name; `sensors` says what a stream's sensor may be called."""
        from edgeseq_runtime.pool import Pool
        from edgeseq_runtime.service.named_streams import NamedStreams

        reading = self._said_reading(session.spec)
        pool = Pool(
            session,
            missing=self.missing,
            rules=self.rules,
            monitor=self.intervals,
            adapt=self.adapt,
            anomalies=self._alarm_rate(session.spec),
            reading=reading,
        )
        return NamedStreams(pool, sensors, self.rules.skip_limit, note_unknown)

    def format(self, spec: "Spec") -> "Format":
        """Return what turns results into lines."""
        from edgeseq.commands.predict import formats

        if self.future_points and not (spec.period or spec.learns_period):
            note("--future-points has no effect: the model does not know in how many seconds samples follow each other")
        if self.output_format == "influx":
            return formats.InfluxFormat(spec, keep=self.keep, ahead=self.future_points)
        named = self.is_named(spec)
        if self.output_format == "csv":
            return formats.CsvFormat(spec, named=named, times=self.times, anomalies=self.anomaly_rate is not None)
        return formats.JsonFormat(spec, named=named, times=self.times, intervals=self.intervals)

    def terminal_view(self, spec: "Spec") -> "TerminalView | None":
        """Return what shows the stream on the terminal, where that was asked for and stderr is one."""
        if not self.live:
            return None
        if sys.stderr is None or not sys.stderr.isatty():
            note("--live has no effect: stderr is not a terminal")
            return None
        from edgeseq.commands.predict.terminal_view import TerminalView

        return TerminalView(spec)

    def forecast_plot(self, spec: "Spec") -> "ForecastPlot | None":
        """Return what draws the end of the stream, where that was asked for. Raises `DependencyError`."""
        if not self.plot:
            return None
        from edgeseq.commands.predict.forecast_plot import ForecastPlot

        return ForecastPlot(spec, self.plot)

    @property
    def _defaults(self) -> Defaults:
        return STDIN if self.mqtt is None else MQTT

    def _check_streams(self) -> None:
        """Refuse what only one stream by itself can have."""
        if self.live or self.plot:
            option = "--live" if self.live else "--plot"
            raise UsageError(f"{option} needs a single stream, without --mqtt, influx or --id")
        if self.sensor or self.history:
            raise UsageError(
                "--sensor and --history need a single stream; with --mqtt, influx or --id, the stream's name says it"
            )

    def _check_lines(self) -> None:
        if self.publish or self.credentials or self.client_id:
            raise UsageError("--publish, --credentials and --client-id need --mqtt")
        if self.output_format == "influx" and not self.is_influx:
            raise UsageError("--format influx needs --input-format influx, for the measurement and the tags")
        if self.keep and self.output_format != "influx":
            raise UsageError("--keep needs --format influx")
        if self.future_points and self.output_format != "influx":
            raise UsageError("--future-points needs --format influx")

    def _check_messages(self) -> None:
        if not self.publish:
            raise UsageError("--mqtt needs --publish TOPIC, e.g. forecasts/{id}")
        if self.source != "-" or self.is_influx or self.output_format != "jsonl":
            raise UsageError(
                "--mqtt reads and writes JSON: it cannot be combined with --input, --input-format, --format, --keep"
            )
        if self.keep or self.future_points:
            raise UsageError(f"{'--keep' if self.keep else '--future-points'} needs --format influx, without --mqtt")


def _read_samples(path: str, spec: "Spec", reading: "Reading | None") -> "npt.NDArray[np.float64]":
    """Return the samples in a file, in whatever form they would have as input, (time, feature). Raises `DataError`."""
    import numpy as np

    from edgeseq_runtime import files
    from edgeseq_runtime.io import text_lines

    rows = []
    try:
        for sample in of_one(text_lines.read(text_lines.split([files.read(path)]), spec, reading=reading)):
            if sample.problem:
                raise DataError(f"line {sample.line}: {sample.problem}")  # noqa: TRY301 - the file is named below
            rows.append(sample.values)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return np.array(rows, np.float64).reshape(-1, len(spec.measured))
