"""Tables of the benchmark: edgeseq's p-values and alarms, beside published detectors."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.anomalies.nab_detector import RATE, Found
from benchmarks.anomalies.nab_files import NabFile, published_scores
from edgeseq.evaluation import nab_score
from edgeseq.evaluation.nab_score import PROFILES, Corpus

OF_31 = {"ARTime": 80.8, "CAD OSE": 76.3, "KNN-CAD": 61.6, "relative entropy": 57.1, "random cut forest": 52.8}
"""Published detectors' scores on the 31 files that edgeseq is developed with, standard profile, each at its best
threshold."""

OF_58 = {"ARTime": 74.9, "HTM": 70.5, "CAD OSE": 69.9, "KNN-CAD": 58.0, "relative entropy": 54.6}
OF_58 |= {"random cut forest": 51.7, "windowed Gaussian": 39.6, "random": 11.0}
"""The same on all 58, as published."""

SHIPPED = {"numenta": "HTM", "windowedGaussian": "windowed Gaussian"}
"""Detectors whose score of each row may lie beside the data, and what they are called."""

HOLD_OFF = 50
"""Rows: a surprise counts only where it is greater than all of so many before, so that one event is one alarm."""

Scores = npt.NDArray[np.float64]


def corpus_rows(files: Sequence[NabFile], found: Mapping[str, Found], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each detector: the score by profile, each at its own best threshold."""
    labels = [file.labels for file in files]
    surprises = [surprise(found[file.name]) for file in files]
    held = [newly(each, HOLD_OFF) for each in surprises]
    yield {"detector": "edgeseq", **_by_profile(labels, held)}
    yield {"detector": "edgeseq, each p-value by itself", **_by_profile(labels, surprises)}
    alarms = [alarmed(found[file.name]) for file in files]
    at = {name: nab_score.at_threshold(labels, alarms, 1, profile) for name, profile in PROFILES.items()}
    yield {"detector": f"edgeseq, its alarms at a rate of {RATE:g}", **_cells(at), "p at most": f"{RATE:g}"}
    yield from _others(files, folder)


def file_rows(files: Sequence[NabFile], found: Mapping[str, Found]) -> Iterator[dict[str, Any]]:
    """Yield a row for each file: what edgeseq found there at the threshold that is best for all, standard profile."""
    labels = [file.labels for file in files]
    held = [newly(surprise(found[file.name]), HOLD_OFF) for file in files]
    best = nab_score.best(labels, held)
    for file, scores, score in zip(files, held, best.by_series, strict=True):
        rows = np.flatnonzero(scores >= best.threshold)
        rows = rows[rows >= file.learnt]
        inside = [((rows >= first) & (rows <= last)) for first, last in file.labels.windows]
        yield {
            "file": file.name,
            "score": round(score, 3),
            "windows": len(inside),
            "met": sum(bool(each.any()) for each in inside),
            "alarms outside": len(rows) - sum(int(each.sum()) for each in inside),
            "alarms": len(found[file.name].alarms),
            "training, s": round(found[file.name].train_seconds, 1),
            "note": found[file.name].note,
        }


def surprise(found: Found) -> Scores:
    """Return -log10 p of each row, 0 where p is more than a tenth or there is none."""
    scores = np.zeros(found.rows)
    for row, bits in found.surprises:
        scores[row] = bits
    return scores


def alarmed(found: Found) -> Scores:
    """Return 1 where there is an alarm and 0 elsewhere."""
    scores = np.zeros(found.rows)
    scores[[row for row, _ in found.alarms]] = 1
    return scores


def newly(scores: Scores, hold_off: int) -> Scores:
    """Return scores where they are greater than all of the `hold_off` before, else 0."""
    before = np.concatenate([np.full(hold_off, -np.inf), scores[:-1]])
    highest = np.lib.stride_tricks.sliding_window_view(before, hold_off).max(axis=1)
    return np.where(scores > highest, scores, 0.0)


def _by_profile(labels: Sequence[nab_score.Labels], scores: Sequence[Scores]) -> dict[str, Any]:
    best = {name: nab_score.best(labels, scores, profile) for name, profile in PROFILES.items()}
    return {**_cells(best), "p at most": f"{10 ** -best['standard'].threshold:.2g}"}


def _others(files: Sequence[NabFile], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what others reach: scored here where each row's score is there, else as published for the same files."""
    labels, scored = [file.labels for file in files], set()
    for detector, name in SHIPPED.items():
        scores = published_scores(folder, detector)
        if all(file.name in scores for file in files):
            best = {
                each: nab_score.best(labels, [scores[file.name] for file in files], profile)
                for each, profile in PROFILES.items()
            }
            scored.add(name)
            yield {"detector": name, **_cells(best), "p at most": None}
    published = {31: OF_31, 58: OF_58}.get(len(files), {})
    for name, score in published.items():
        if name not in scored:
            yield {"detector": f"{name}, as published", **dict.fromkeys(PROFILES), "standard": score, "p at most": None}


def _cells(by_profile: Mapping[str, Corpus]) -> dict[str, Any]:
    return {name: round(corpus.score, 1) for name, corpus in by_profile.items()}
