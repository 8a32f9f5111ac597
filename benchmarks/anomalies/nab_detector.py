"""A file of the benchmark through edgeseq: a model of its own from its first rows, then one stream through all rows.

Rows are samples: times of these files jump and repeat, and each row is to have a score.
"""

import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import edgeseq
import edgeseq_export
from benchmarks.anomalies.nab_files import NabFile
from edgeseq_runtime import Predictor
from edgeseq_runtime.anomalies import layout
from edgeseq_runtime.errors import DataError

HORIZON = 12
"""Samples ahead: a sample is judged by forecasts that were made of it up to so many before."""

SPLITS = ("0.6:0.3:0.1", "0.8:0.1:0.1")
"""Of the learned rows. The first gives quantiles of residuals even for 186 rows; the second is for series that begin as
a constant."""

RATE = 1e-4
"""Of false alarms, where alarms are shown: the one of `--anomalies`."""

_LEAST = 1.0
"""Lowest surprise that is kept, in decimal digits."""

_DIGITS = math.log10(2)
"""Of a bit."""


@dataclass(frozen=True)
class Found:
    """What the detector said of one file."""

    rows: int
    surprises: list[tuple[int, float, float]]
    """Row, -log10 p, and the same of the most surprising kind before it is calibrated for being the most of several;
    where either is at least 1."""
    alarms: list[tuple[int, str]]
    """Row and word."""
    train_seconds: float
    stream_seconds: float
    note: str = ""


def find(file: NabFile, models: Path | None, steps: int | None = None) -> Found:
    """Train and stream; a file that nothing can be learned from has no alarm, and a note."""
    begin = time.monotonic()
    try:
        content = _model(file, models, steps)
    except DataError as error:
        return Found(len(file.values), [], [], 0.0, 0.0, f"no model: {error}")
    trained = time.monotonic()
    surprises, alarms = [], []
    for row, (p_value, most, word) in enumerate(_judged(content, file)):
        digits = 0.0 if p_value is None else -math.log10(max(p_value, 1e-300))
        if max(digits, most) >= _LEAST:
            surprises.append((row, round(digits, 4), round(most, 4)))
        if word:
            alarms.append((row, word))
    return Found(len(file.values), surprises, alarms, trained - begin, time.monotonic() - trained)


def _judged(content: bytes, file: NabFile) -> Iterator[tuple[float | None, float, str]]:
    """Yield what is said of each row: p-value, digits of the most surprising kind, and word."""
    predictor = Predictor(content, provider="cpu", anomalies=RATE)
    found = predictor._judgement.anomalies  # noqa: SLF001  # what a p-value is made of is not public
    assert found
    word = found.layout.head + found.layout.of_target[layout.MOST].offset
    for value in file.values.tolist():
        predictor.step(value)
        p_value = predictor.p_value
        most = 0.0 if p_value is None else _DIGITS * float(found.row_arrays()[0][0, word])
        yield p_value, most, predictor.anomaly


def _model(file: NabFile, models: Path | None, steps: int | None) -> bytes:
    """Return the model file of the first rows; from `models`, where it is there, and kept there where it is not."""
    kept = models and models / file.name.replace("/", "-").replace(".csv", ".onnx")
    if kept and kept.exists():
        return kept.read_bytes()
    content = train(file, steps)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
    return content


def train(file: NabFile, steps: int | None = None) -> bytes:
    """Train on the rows that are not scored, by the defaults. Raises `DataError` where nothing can be learned."""
    with tempfile.TemporaryDirectory() as folder:
        head = Path(folder, file.path.name)
        head.write_text("value\n" + "".join(f"{value!r}\n" for value in file.values[: file.learnt].tolist()))
        for split in SPLITS:
            try:
                series, parts = edgeseq.load(head, targets=["value"], split=split)
                return edgeseq_export.export(edgeseq.fit(series, parts, horizon=HORIZON, steps=steps)).content
            except DataError:
                if split == SPLITS[-1]:
                    raise
    raise AssertionError("there is a split")
