"""Tables of the benchmark: edgeseq's p-values and alarms, beside published detectors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.anomalies.nab_detector import RATE, Found
from benchmarks.anomalies.nab_files import NabFile, published_scores
from edgeseq.evaluation import nab_score
from edgeseq.evaluation.nab_score import PROFILES, Corpus
from edgeseq_runtime.anomalies import event

OF_31 = {"ARTime": 80.8, "CAD OSE": 76.3, "KNN-CAD": 61.6, "relative entropy": 57.1, "random cut forest": 52.8}
"""Published detectors' scores on the 31 files that edgeseq is developed with, standard profile, each at its best
threshold."""

OF_58 = {"ARTime": 74.9, "HTM": 70.5, "CAD OSE": 69.9, "KNN-CAD": 58.0, "relative entropy": 54.6}
OF_58 |= {"random cut forest": 51.7, "windowed Gaussian": 39.6, "random": 11.0}
"""The same on all 58, as published."""

SHIPPED = {"numenta": "HTM", "windowedGaussian": "windowed Gaussian"}
"""Detectors whose score of each row may lie beside the data, and what they are called."""

LIMITS = tuple(0.25 * step for step in range(5, 60))
"""Decimal digits of rates that are tried: an alarm is where a sample is less likely, after a pause without another."""

Scores = npt.NDArray[np.float64]


def corpus_rows(files: Sequence[NabFile], found: Mapping[str, Found], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each detector: the score by profile, each at its own best threshold."""
    labels = [file.labels for file in files]
    for name, column in (("p-values", 0), ("the most surprising kind, not calibrated", 1)):
        digits = [surprise(found[file.name], column) for file in files]
        best = {each: at_best_limit(labels, digits, profile) for each, profile in PROFILES.items()}
        rate = f"{10 ** -best['standard'].threshold:.2g}"
        yield {"detector": f"edgeseq, {name}", **_cells(best), "rate": rate}
    alarms = [alarmed(found[file.name]) for file in files]
    at = {name: nab_score.at_threshold(labels, alarms, 1, profile) for name, profile in PROFILES.items()}
    yield {"detector": "edgeseq, its alarms by default", **_cells(at), "rate": f"{RATE:g}"}
    yield from _others(files, folder)


def file_rows(files: Sequence[NabFile], found: Mapping[str, Found]) -> Iterator[dict[str, Any]]:
    """Yield a row for each file: what p-values find there at the rate that is best for all, standard profile."""
    labels = [file.labels for file in files]
    digits = [surprise(found[file.name], 0) for file in files]
    best = at_best_limit(labels, digits, nab_score.STANDARD)
    for file, scores, score in zip(files, digits, best.by_series, strict=True):
        rows = np.flatnonzero(alarms_at(scores, best.threshold, file.learnt))
        inside = [((rows >= first) & (rows <= last)) for first, last in file.labels.windows]
        yield {
            "file": file.name,
            "score": round(score, 3),
            "windows": len(inside),
            "met": sum(bool(each.any()) for each in inside),
            "alarms outside": len(rows) - sum(int(each.sum()) for each in inside),
            "training, s": round(found[file.name].train_seconds, 1),
            "note": found[file.name].note,
        }


def at_best_limit(labels: Sequence[nab_score.Labels], digits: Sequence[Scores], profile: nab_score.Profile) -> Corpus:
    """Return what the best of `LIMITS` gives, one for all series, with a pause after each alarm."""
    return max((_at_limit(labels, digits, limit, profile) for limit in LIMITS), key=lambda corpus: corpus.score)


def alarms_at(digits: Scores, limit: float, begin: int = 0) -> Scores:
    """Return 1 where a row from `begin` on has so many digits and no alarm was within the pause before, else 0."""
    alarms, free = np.zeros(len(digits)), begin
    for row in np.flatnonzero(digits >= limit).tolist():
        if row >= free:
            alarms[row], free = 1, int(row) + int(event.PAUSE) + 1
    return alarms


def _at_limit(
    labels: Sequence[nab_score.Labels], digits: Sequence[Scores], limit: float, profile: nab_score.Profile
) -> Corpus:
    alarms = [alarms_at(each, limit, label.unscored) for label, each in zip(labels, digits, strict=True)]
    return replace(nab_score.at_threshold(labels, alarms, 1, profile), threshold=limit)


def surprise(found: Found, column: int) -> Scores:
    """Return digits of each row, 0 where they are few or there is no p-value: of p, or of what it is made of."""
    scores = np.zeros(found.rows)
    for row, *digits in found.surprises:
        scores[row] = digits[column]
    return scores


def alarmed(found: Found) -> Scores:
    """Return 1 where there is an alarm and 0 elsewhere."""
    scores = np.zeros(found.rows)
    scores[[row for row, _ in found.alarms]] = 1
    return scores


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
            yield {"detector": name, **_cells(best), "rate": None}
    published = {31: OF_31, 58: OF_58}.get(len(files), {})
    for name, score in published.items():
        if name not in scored:
            yield {"detector": f"{name}, as published", **dict.fromkeys(PROFILES), "standard": score, "rate": None}


def _cells(by_profile: Mapping[str, Corpus]) -> dict[str, Any]:
    return {name: round(corpus.score, 1) for name, corpus in by_profile.items()}
