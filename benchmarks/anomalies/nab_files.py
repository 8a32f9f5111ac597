"""The files of the Numenta Anomaly Benchmark: series, labelled windows, and what others made of them."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.evaluation.nab_score import Labels

_WINDOWS = ("windows.json", "labels/combined_windows.json")

_LEARNT_SHARE = 0.15
_LEARNT_MOST = 750
"""The benchmark's own: 15 % of a file, of 5,000 rows at most."""


@dataclass(frozen=True)
class NabFile:
    """One file, all rows in the file's order."""

    name: str
    """Folder and file: realTweets/Twitter_volume_FB.csv."""
    path: Path
    times: Sequence[datetime]
    values: npt.NDArray[np.float64]
    labels: Labels

    @property
    def learnt(self) -> int:
        """Rows at the start that are not scored."""
        return self.labels.unscored


def read(folder: Path) -> list[NabFile]:
    """Return the files of FOLDER/data, by name, with their windows: windows.json, or the benchmark's own place."""
    own, original = (folder / name for name in _WINDOWS)
    windows = json.loads((own if own.exists() else original).read_text())
    paths = sorted((folder / "data").glob("*/*.csv"))
    return [_read_file(path, f"{path.parent.name}/{path.name}", windows) for path in paths]


def published_scores(folder: Path, detector: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return a published detector's score of each row, by file."""
    paths = (folder / "results" / detector).glob("*/*.csv")
    return {
        f"{path.parent.name}/{path.name.removeprefix(f'{detector}_')}": _column(path, "anomaly_score") for path in paths
    }


def _read_file(path: Path, name: str, windows: Mapping[str, Sequence[tuple[str, str]]]) -> NabFile:
    with path.open(newline="") as lines:
        times = [datetime.fromisoformat(row["timestamp"]) for row in csv.DictReader(lines)]
    first_row: dict[datetime, int] = {}
    for row, time in enumerate(times):
        first_row.setdefault(time, row)  # an hour that is repeated counts where it stands first
    spans = [(first_row[datetime.fromisoformat(a)], first_row[datetime.fromisoformat(b)]) for a, b in windows[name]]
    learnt = min(int(_LEARNT_SHARE * len(times)), _LEARNT_MOST)
    return NabFile(name, path, times, _column(path, "value"), Labels(len(times), spans, learnt))


def _column(path: Path, column: str) -> npt.NDArray[np.float64]:
    with path.open(newline="") as lines:
        return np.array([float(row[column]) for row in csv.DictReader(lines)])
