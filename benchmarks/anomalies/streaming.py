"""The real thing: a network trained on the first part of a series, exported, and what it says of the rest."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import edgeseq
import edgeseq_export
from benchmarks.anomalies.normal_series import DAY, Made
from edgeseq.series import load
from edgeseq_runtime import Pool, Predictor

LEARNED = 10_000
"""Samples that a network is trained, validated and tested on; those after them are streamed."""

RATE = 1e-4
"""Of the alarms."""

BEFORE = 1500
"""Normal samples before an event."""


@dataclass(frozen=True)
class Streamed:
    """What was said of a stream."""

    p_values: npt.NDArray[np.float64]
    """(n,) NaN where there is none."""
    words: dict[str, int]
    """Alarms after the hold-off, by what they say."""
    errors: npt.NDArray[np.float64]
    """(n,) truth minus the forecast that was made a sample before; NaN where there was none, and in the warm-up."""


def model_of(values: npt.NDArray[np.floating], *, steps: int = 300) -> bytes:
    """Return the model file of a small network, trained on values (n,) as `edgeseq train` does it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "normal.csv")
        path.write_text("value\n" + "".join(f"{value!r}\n" for value in values.tolist()))
        checkpoint = edgeseq.fit(*load(str(path)), horizon=12, layers=1, hidden=8, steps=steps)
    return edgeseq_export.build(checkpoint)


def stream(model: bytes, values: npt.NDArray[np.floating], provider: str) -> Streamed:
    """Stream values (n,) one by one."""
    predictor = Predictor(model, provider, anomalies=RATE)
    p_values, errors = np.full(len(values), np.nan), np.full(len(values), np.nan)
    words: dict[str, int] = {}
    said = np.nan
    for number, value in enumerate(values.tolist()):
        errors[number] = value - said
        forecast = predictor.step(value)
        said = float(forecast[0, 0]) if predictor.warm else np.nan
        p_value = predictor.p_value
        if p_value is not None:
            p_values[number] = p_value
            word = predictor.anomaly
            if word:
                words[word] = words.get(word, 0) + 1
    return Streamed(p_values, words, errors)


def try_out(
    model: bytes, plant: Callable[..., Made], kind: str, seeds: Sequence[int], after: int, provider: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.str_]]:
    """Return p-values (trial, after) and anomalies (trial, after) since an event that comes after `BEFORE` samples.

    It comes at all times of the day.
    """
    trials = np.stack([_trial(plant, kind, seed, after) for seed in seeds])
    pool = Pool(model, provider, anomalies=RATE)
    pool.add(*seeds)
    p_values, words = [], []
    for number, samples in enumerate(trials.T):
        pool.step_array(samples)
        if number >= BEFORE:
            p_values.append(np.array(pool.p_value, dtype=float))
            words.append(np.array(pool.anomaly))
    return np.stack(p_values, axis=1), np.stack(words, axis=1)


def _trial(plant: Callable[..., Made], kind: str, seed: int, after: int) -> npt.NDArray[np.float64]:
    """Return the samples of a trial, which begins at a time of the day that goes by its seed."""
    skipped = seed % DAY
    return plant(kind, seed, skipped + BEFORE + after, skipped + BEFORE).values[skipped:]
