"""The fields of a spec, as a checkpoint and a model file hold them in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec.findings import Figures, LearnedAnomalies, Residuals, Training, Verification
from edgeseq_runtime.spec.format import CHANGE, CHUNK, FIRST_FORMAT, FIXED, STREAM
from edgeseq_runtime.spec.inputs import Feature, Sensor, State


@dataclass(frozen=True)
class SpecFields:
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
