"""What a model file says of itself: the one place where its metadata is defined, written and read.

The spec travels as JSON, in the header of a checkpoint and in the metadata of a model file. Field names
below are the JSON's keys.
"""

import json
import struct
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from edgeseq_runtime import spec_json, strict_json
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.reading import Reading

FORMAT = 2
"""The newest model file format that this version reads, which is that of files with rules a reader must obey."""

FIRST_FORMAT = 1
"""That of all other files, which version 0.1 reads as well."""

KEY = "edgeseq"
"""The metadata key that holds the spec."""

CELLS = ("lstm", "gru", "rnn")
OWN = "own"
"""The cell of a network that somebody else made: what is in it the spec does not say."""

QUANTIZATIONS = ("none", "int8", "int4", "int8-dynamic")

CLOCKS = tuple(f"{kind}_{wave}" for kind in ("hour", "weekday", "yearday") for wave in ("sin", "cos"))
"""Names of the features that are read off a sample's time."""

STREAM, FEATURES, STEPS = LAYOUTS = ("stream", "features", "steps")
"""How samples enter the network: one after the other, its memory carried along; or as a window at a time, which is one
step of as many features, or as many steps."""

CHUNK, STEP = FORMS = ("chunk", "step")
"""How many samples of a stream the graph takes in one call: any number, or one, for which a leaner graph will do."""

CHANGE, VALUE = PREDICTED = ("change", "value")
"""What the network says of a target: its change from the last sample, or its value."""

FIXED, RUNNING = SCALINGS = ("fixed", "running")
"""By what the network makes a stream free of its unit: statistics of the training part, or what follows the stream."""

SCALE = "scale"
"""The state of a running scale: by how much forecasts may be off for now, in the stream's unit; 0 before any change."""

OFFSET, GAIN = SETTINGS = ("offset", "gain")
"""States that say what a sensor is like and not what it has measured: they stay when its stream starts afresh. The gain
is kept as its distance from one, so that zeros are the typical sensor."""

LIMITS = {
    "horizon": (1, 100_000),
    "warmup": (0, 10_000_000),
    "gap_limit": (0, 10_000),
    "layers": (1, 1000),
    "hidden": (1, 100_000),
    "window": (0, 1_000_000),
    "linear_path": (0, 1_000_000),
}
"""The least and the most that some fields may hold: far more than training gives, no more than a device can bear."""

LATEST_TIME = 253_402_300_800.0
"""The year 10000, in seconds since 1970: no time in a file is as late."""

_FLOAT32_MAX = (2 - 2**-23) * 2.0**127
_FLOAT32 = "numbers that float32 holds"

_ROOM = 2.0**20
"""What a network may make of a value, in multiples of it, before float32 overflows."""

_MOST_CHANGES = 1e18
"""A value of more than this many typical changes would overflow float32 somewhere in the network."""


@dataclass(frozen=True)
class Feature:
    """One input column: its name, and its statistics over the training part, in the column's unit."""

    name: str
    unit: str
    mean: float
    std: float
    change: float
    """Root mean square of the change from one sample to the next."""
    minimum: float
    maximum: float
    level: bool
    """Whether the network sees the value itself; in a stream beside its change."""
    center: float
    """The network sees (value - center) / scale. Zero where the mean is small: the step graph then saves a node."""
    scale: float
    clock: bool = False
    """Whether it is read off the sample's time and not measured: hour_sin, ..., as in `time_features`."""

    @property
    def label(self) -> str:
        """The name with its unit, for people."""
        return f"{self.name} [{self.unit}]" if self.unit and self.unit not in self.name else self.name

    @property
    def limit(self) -> float:
        """The largest value that the network can take without an overflow, rounded to float32.

        A feature that never changed in training has only the limit that float32 sets. Values up to four times the
        training part's pass, as far as float32 holds them.
        """
        own = 4 * max(abs(self.minimum), abs(self.maximum))
        largest = min(max(_FLOAT32_MAX / _ROOM, own), _FLOAT32_MAX / 4)
        return _as_float32(min(largest, _MOST_CHANGES * abs(self.change) or largest))


@dataclass(frozen=True)
class State:
    """One tensor of memory: an input of the graph, and the output that is to be fed back there."""

    name: str
    next: str
    shape: tuple[int, ...]
    """With -1 where the batch is: (1, -1, size); without one where there can be one stream only."""

    def __post_init__(self) -> None:
        sizes = [size for size in self.shape if size != -1]
        fits = self.shape and len(sizes) >= len(self.shape) - 1 and all(size > 0 for size in sizes)
        _require(fits, "states", "one -1 in a shape")

    def sized(self, batch: int) -> tuple[int, ...]:
        """Return the shape for a batch of streams."""
        return tuple(batch if size == -1 else size for size in self.shape)


@dataclass(frozen=True)
class Sensor:
    """One of several sensors of a kind: it measures offset + gain * z where the typical one, the network's, measures z.

    Each of as many numbers as there are features.
    """

    name: str
    offset: tuple[float, ...]
    gain: tuple[float, ...]


@dataclass(frozen=True)
class Score:
    """Errors of forecasts over all horizon steps and targets."""

    rmse: float
    mae: float
    mse_standardized: float
    """In units of the training part's variance, target by target."""
    mae_standardized: float


@dataclass(frozen=True)
class Figures:
    """What the test part showed, for the model and beside it for the baselines."""

    samples: int
    """How many forecasts were scored."""
    model: Score
    baselines: Mapping[str, Score]
    adapted: Score | None = None
    """The model with adaptation, which learns from the validation part on; None where that was not measured."""


@dataclass(frozen=True)
class Residuals:
    """Quantiles of truth minus forecast over the validation part."""

    levels: tuple[float, ...]
    quantiles: tuple[tuple[tuple[float, ...], ...], ...]
    """[horizon step][target][level], in the target's unit."""


@dataclass(frozen=True)
class LearnedAnomalies:
    """How surprising samples of the validation part were: what a fresh stream's p-values begin with."""

    samples: tuple[float, ...]
    """Of each target, how many taught."""
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    """Of each target, the running mean of its samples, and of their distances from it, at the end."""
    ladders: Mapping[str, tuple[tuple[float, ...], ...]]
    """Kind of surprise -> of each target, the gaps of its ladder from the lowest on, then the mean excess over the last."""
    last: tuple[tuple[float, ...], ...]
    """Of each target, the gaps of the ladder of all kinds together."""
    together: tuple[float, ...] = ()
    """The gaps of the ladder of all targets together, where these are several."""


@dataclass(frozen=True)
class Verification:
    """A short stream with the forecasts that the oracle makes of it from a fresh state."""

    x: tuple[tuple[float, ...], ...]
    """[time][input]"""
    y: tuple[tuple[float, ...], ...]
    """[time][horizon * target], target fastest"""
    tolerance: tuple[float, ...]
    """The largest deviation that passes, for each target in its unit."""
    states: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What is left in each state at the end, in one number (`self_test.state_checksum`), and the largest deviation of
    it that passes."""


@dataclass(frozen=True)
class Training:
    """How the model came to be."""

    preset: str
    seed: int
    steps: int
    best_step: int
    """The step whose weights had the lowest validation error, and are these."""
    validation_mse: float
    """The lowest validation error, standardised."""
    device: str
    run: str
    """Digest of all that decides where the run ends: data, network, hyperparameters, seed."""
    options: Mapping[str, int | float | str | bool]
    """What was chosen by hand or decided from the data: learning rate, batch, unroll, noise, ..."""


@dataclass(frozen=True)
class Spec:
    """Everything that a runtime must know of a model, and what its user wants to."""

    series: str
    """Name of the series it was trained on."""
    features: tuple[Feature, ...]
    """Input columns in their order; the targets come first."""
    targets: tuple[str, ...]
    """Names of the features that are forecast."""
    horizon: int
    """How many samples ahead a forecast reaches."""
    target_scales: tuple[tuple[float, ...], ...]
    """(horizon step, target): the network's output times this is the change from the last sample, or the value's
    distance from the feature's center."""
    warmup: int
    """Samples after a fresh start before a forecast counts."""
    gap_limit: int
    """How many missing samples in a row may be filled in."""
    cell: str
    """One of `CELLS`, or `OWN`."""
    layers: int
    """Recurrent layers."""
    hidden: int
    """Units in a layer."""
    predicts: str = CHANGE
    """One of `PREDICTED`."""
    layout: str = STREAM
    """One of `LAYOUTS`."""
    window: int = 0
    """How many samples enter together, where the layout is not a stream."""
    scaling: str = FIXED
    """One of `SCALINGS`. Where it is running, all sizes and residuals are in multiples of the state `SCALE`."""
    linear_path: int = 0
    """How many of the last changes a linear path beside the network sees; 0: there is none."""
    time: str | None = None
    """Name of the time column."""
    reading: Reading | None = None
    """How the series' text was read; None where it came from no text, or from a training by version 0.1."""
    period: float | None = None
    """Seconds from one sample to the next."""
    first_time: float | None = None
    """Time of the training part's first sample, in seconds since 1970 UTC."""
    last_time: float | None = None
    """Time of its last sample."""
    season: int | None = None
    """Samples in one season, as the seasonal naive baseline used it."""
    split: str = ""
    """Train, validation and test part, as `--split` takes them."""
    quantize: str = "none"
    form: str = CHUNK
    """One of `FORMS`."""
    data_sha256: str = ""
    """Of the training part, as little-endian float32 rows."""
    producer: Mapping[str, str] = field(default_factory=dict)
    """Versions of what made the file."""
    states: tuple[State, ...] = ()
    """The step function's memory, in the order of the graph's inputs."""
    known: tuple[Feature, ...] = ()
    """Columns whose values over the horizon are known when a forecast is made; none of them is among the features."""
    adapt: bool = False
    """Whether streams go on learning on the device, unless its user says otherwise."""
    sensors: tuple[Sensor, ...] = ()
    """Those it was trained on, where these were several. All figures are then in the typical sensor's numbers."""
    training: Training | None = None
    figures: Figures | None = None
    residuals: Residuals | None = None
    anomalies: LearnedAnomalies | None = None
    verification: Verification | None = None
    sha256: str = ""
    """Of the model file with zeros in place of this and the signature; see `integrity`."""
    signature: str = ""
    format: int = FIRST_FORMAT
    """1; or 2 where there is what an older reader must obey, which `to_json` sees to."""

    def __post_init__(self) -> None:
        self._check_features()
        self._check_network()
        for sensor in self.sensors:
            sizes = len(sensor.offset), len(sensor.gain)
            fits = sizes == (len(self.features),) * 2 and all(sensor.gain)
            _require(fits, "sensors", "an offset and a gain for each")
        if self.verification:
            self._check_verification(self.verification)

    def _check_features(self) -> None:
        names = [feature.name for feature in self.features]
        every = [*names, *(column.name for column in self.known)]
        _require(self.features, "features", "at least one")
        _require(len(set(every)) == len(every), "features", "distinct names")
        _require(not any(column.clock for column in self.known), "known", "columns that are not of time")
        _require(self.targets, "targets", "at least one")
        are_features = tuple(names[: len(self.targets)]) == self.targets or self.cell == OWN
        _require(are_features, "targets", "the first features' names")
        clocks = [feature.clock for feature in self.features]
        _require(clocks == sorted(clocks) and not any(clocks[: len(self.targets)]), "features", "those of time last")
        read_off = all(name in CLOCKS for name, clock in zip(names, clocks, strict=True) if clock)
        _require(read_off, "features", f"those of time among {', '.join(CLOCKS)}")

    def _check_network(self) -> None:
        for name, kinds in (
            ("cell", (*CELLS, OWN)),
            ("quantize", QUANTIZATIONS),
            ("form", FORMS),
            ("predicts", PREDICTED),
            ("layout", LAYOUTS),
            ("scaling", SCALINGS),
        ):
            _require(getattr(self, name) in kinds, name, f"one of {', '.join(kinds)}")
        _require(not self.known or self.layout == STREAM or self.cell == OWN, "known", "none, but in a stream")
        _require(self.window >= 2 or (self.window == 0 and self.layout == STREAM), "window", "2 or more, 0 in a stream")
        linear = self.linear_path >= 2 and self.layout == STREAM and self.predicts == CHANGE
        _require(self.linear_path == 0 or linear, "linear_path", "2 or more, in a stream that predicts changes")
        alone = (
            self.layout == STREAM and self.predicts == CHANGE and not (self.known or self.sensors or self.linear_path)
        )
        fits = alone and self.form == STEP and len(self.features) == 1
        _require(self.scaling == FIXED or fits, "scaling", "fixed, but in a stream of one feature, step by step")
        for name, (least, most) in LIMITS.items():
            _require(least <= getattr(self, name) <= most, name, f"at least {least}, at most {most}")
        _require(_is_table(self.target_scales, self.horizon, len(self.targets)), "target_scales", "one for each output")

    def _check_numbers(self) -> None:
        """Refuse numbers that nothing measured gives. `from_json` asks: it is files that may hold anything."""
        for feature in (*self.features, *self.known):
            name = feature.name[:40]
            moves = feature.change > 0 or (feature.change == 0 and self.cell == OWN)
            signs = moves and feature.scale > 0 and feature.std >= 0
            _require(signs, "features", f"numbers above 0 for the scale and the change of {name}")
            _require(_are_float32(feature.center, feature.scale), "features", f"{_FLOAT32} for {name}")
            own = max(abs(feature.minimum), abs(feature.maximum))
            ordered = feature.minimum <= feature.maximum and own <= feature.limit
            _require(ordered, "features", f"a minimum and a maximum of {name} that are in order and fit its change")
        scales = all(min(row) > 0 and _are_float32(*row) for row in self.target_scales)
        _require(scales, "target_scales", f"numbers above 0, {_FLOAT32}")
        _require(self.period is None or self.period > 0, "period", "seconds above 0")
        times = [0.0 if time is None else time for time in (self.first_time, self.last_time)]
        _require(all(abs(time) < LATEST_TIME for time in times), "first_time", "a time before the year 10000")
        _require((self.season or 0) >= 0, "season", "at least 0")
        names = {state.name for state in self.states}
        _require(len(names) == len(self.states), "states", "distinct names")
        if self.sensors:
            _require(len({sensor.name for sensor in self.sensors}) == len(self.sensors), "sensors", "distinct names")
            _require(all(min(sensor.gain) > 0 for sensor in self.sensors), "sensors", "gains above 0")
            fit = all(_are_float32(*sensor.offset, *sensor.gain) for sensor in self.sensors)
            _require(fit, "sensors", _FLOAT32)
            _require(not names or {*SETTINGS} <= names, "sensors", f"the states {' and '.join(SETTINGS)}")
        if self.residuals:
            self._check_residuals(self.residuals)
        if self.anomalies:
            self._check_anomalies(self.anomalies)
        if self.verification:
            _require(min(self.verification.tolerance) >= 0, "verification", "tolerances of at least 0")

    def _check_residuals(self, residuals: Residuals) -> None:
        levels, steps = residuals.levels, residuals.quantiles
        fits = len(steps) == self.horizon and all(_is_table(step, len(self.targets), len(levels)) for step in steps)
        _require(fits, "residuals", "a number for each step, target and level")
        ordered = all(list(row) == sorted(row) for row in (levels, *(row for step in steps for row in step)))
        _require(ordered and all(0 < level < 1 for level in levels), "residuals", "levels and quantiles in order")

    def _check_anomalies(self, learned: LearnedAnomalies) -> None:
        ladders = (learned.last, *learned.ladders.values())
        fit = all(
            len(gaps) == len(self.targets) for gaps in (learned.samples, learned.means, learned.deviations, *ladders)
        )
        _require(fit, "anomalies", "numbers for each target")
        _require(all(0 <= samples < 2**24 for samples in learned.samples), "anomalies", "counts of samples")
        _require(min(learned.deviations) >= 0, "anomalies", "deviations of at least 0")
        _require(_are_float32(*learned.means, *learned.deviations), "anomalies", _FLOAT32)
        gaps = [gap for ladder in (*ladders, (learned.together,)) for row in ladder for gap in row]
        _require(all(1e-6 <= gap <= 1e9 for gap in gaps), "anomalies", "gaps from 1e-6 to 1e9")

    def _check_verification(self, vector: Verification) -> None:
        x, y = vector.x, vector.y
        tables = _is_table(x, len(x), self.inputs) and _is_table(y, len(x), self.outputs)
        _require(x and tables and len(vector.tolerance) == len(self.targets), "verification", "tables")
        known = {state.name for state in self.states}
        fits = vector.states.keys() <= known and all(len(pair) == 2 for pair in vector.states.values())
        _require(fits, "verification.states", "two numbers for states of the spec")

    @cached_property
    def target_features(self) -> tuple[Feature, ...]:
        """The features that are targets."""
        return self.features[: len(self.targets)]

    @cached_property
    def measured(self) -> tuple[Feature, ...]:
        """The features that come from sensors; those read off the time stand behind them."""
        return tuple(feature for feature in self.features if not feature.clock)

    @cached_property
    def known_reading(self) -> Reading:
        """How the series' text was read, as far as the file knows: of one by version 0.1, the time column."""
        return self.reading or Reading(time=(self.time,) if self.time else ())

    @cached_property
    def is_timed(self) -> bool:
        """Whether samples go by their times; else by their order, and a time is nothing but a name for a sample."""
        sees_time = any(feature.clock for feature in self.features)
        return self.period is not None or self.time is not None or sees_time or self.learns_period

    @property
    def learns_period(self) -> bool:
        """Whether each stream has a period of its own, which its first times tell."""
        return self.scaling == RUNNING and self.period is None

    @property
    def has_gains(self) -> bool:
        """Whether each stream has a size of its own, in multiples of which it is judged."""
        return bool(self.sensors) or self.scaling == RUNNING

    @property
    def takes_any(self) -> bool:
        """Whether it was trained on no sensor's series: each name under which samples have numbers is then a stream."""
        return self.scaling == RUNNING and not self.data_sha256

    def called(self, name: str) -> Self:
        """Return the same for a series that is called so, of a model that takes any; "" leaves the name."""
        if not name:
            return self
        return replace(self, features=(replace(self.features[0], name=name),), targets=(name,))

    @property
    def network(self) -> str:
        """The network in words, for people."""
        if self.cell == OWN:
            return "own"
        path = f", linear path over {self.linear_path} changes" if self.linear_path else ""
        seen = f", seeing windows of {self.window}" if self.window else ""
        return f"{self.layers} x {self.cell} of {self.hidden}{seen}{path}"

    @property
    def outputs(self) -> int:
        """Numbers in one forecast: horizon times targets."""
        return self.horizon * len(self.targets)

    @cached_property
    def inputs(self) -> int:
        """Numbers in one sample as the graph takes it: the features, then the known columns at each step ahead.

        Of the latter the column runs fastest: step ahead k (from 0) and column j are at features + k * columns + j.
        """
        return len(self.features) + self.ahead

    @property
    def ahead(self) -> int:
        """Numbers of these that are known ahead."""
        return self.horizon * len(self.known)

    @cached_property
    def input_features(self) -> tuple[Feature, ...]:
        """What each of these numbers is."""
        return (*self.features, *self.known * self.horizon)

    @property
    def binds(self) -> bool:
        """Whether there is something that an older reader, which would not know it, must obey."""
        return bool(self.known or self.adapt or self.scaling == RUNNING or (self.reading and self.reading.binds))

    def without_adaptation(self) -> Self:
        """Return the spec of the same model that forecasts as it was trained."""
        figures = replace(self.figures, adapted=None) if self.figures else None
        return replace(self, adapt=False, figures=figures)

    def to_json(self) -> str:
        """Return the spec as compact JSON, without what is as it is by default."""
        content = spec_json.encode(self) | {"format": FORMAT if self.binds else FIRST_FORMAT}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a spec. Raises `ModelFileError`, which names the first field that is wrong."""
        try:
            content = strict_json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelFileError("the spec is not JSON") from error
        except ValueError as error:
            raise ModelFileError(f"the spec is not JSON that can be read: {error}") from error
        if not isinstance(content, dict):
            raise ModelFileError("the spec is not a JSON object")
        version = content.get("format")
        if type(version) is not int or version < 1:
            raise ModelFileError(f"the spec's format is {shown(version)}, not a version number")
        if version > FORMAT:
            raise ModelFileError(
                f"the file has format {version}; this version of edgeseq reads up to format {FORMAT}: upgrade it"
            )
        spec = typing.cast("Self", spec_json.decode(cls, content, "spec"))
        spec._check_numbers()  # noqa: SLF001 - its own
        return spec


def _as_float32(value: float) -> float:
    """Return the nearest number that float32 holds."""
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)


def _are_float32(*numbers: float) -> bool:
    """Whether none of these, which the graph holds, is too large for it."""
    return max(map(abs, numbers)) <= _FLOAT32_MAX


def _is_table(rows: tuple[tuple[float, ...], ...], height: int, width: int) -> bool:
    return len(rows) == height and all(len(row) == width for row in rows)


def _require(condition: object, name: str, wanted: str) -> None:
    if not condition:
        raise ModelFileError(f"the spec's field {name} is invalid: expected {wanted}")
