"""The Numenta benchmark's harness, on a made-up folder."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.anomalies import nab, nab_detector, nab_files, nab_table
from benchmarks.anomalies.nab_detector import Found
from edgeseq.evaluation.nab_score import STANDARD, Labels
from edgeseq_runtime.anomalies import event

BEGIN = datetime(2014, 4, 1)

LEVEL = 700
"""Row from which the level of the file `shifts` is ten deviations higher."""


def times(count: int) -> list[datetime]:
    return [BEGIN + timedelta(minutes=5 * row) for row in range(count)]


def write(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = zip(times(len(values)), values.tolist(), strict=True)
    path.write_text("timestamp,value\n" + "".join(f"{time},{value!r}\n" for time, value in rows))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the benchmark's: a level that shifts, labelled, and a constant from which nothing can be learned."""
    noise = np.random.default_rng(0).normal(0, 1, 1300)
    noise[LEVEL:] += 10
    write(tmp_path / "data" / "made" / "shifts.csv", noise)
    write(tmp_path / "data" / "made" / "constant.csv", np.ones(1300))
    window = [f"{times(1300)[row]}.000000" for row in (LEVEL - 5, LEVEL + 60)]
    (tmp_path / "windows.json").write_text(json.dumps({"made/shifts.csv": [window], "made/constant.csv": []}))
    return tmp_path


def test_files_are_read_with_their_windows(folder: Path) -> None:
    """Windows become rows, and 15 % of a file are not scored: floor(0.15 * 1300) = 195."""
    constant, shifts = nab_files.read(folder)
    assert (constant.name, shifts.name) == ("made/constant.csv", "made/shifts.csv")
    assert shifts.labels == Labels(1300, [(LEVEL - 5, LEVEL + 60)], 195)
    assert constant.labels.windows == []
    assert shifts.values[3] == pytest.approx(np.random.default_rng(0).normal(0, 1, 1300)[3])


def test_a_long_file_has_750_rows_to_learn_from(tmp_path: Path) -> None:
    """The share is of 5,000 rows at most; the windows may stand where the benchmark's own repository has them."""
    write(tmp_path / "data" / "made" / "long.csv", np.zeros(6000))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_windows.json").write_text('{"made/long.csv": []}')
    (long,) = nab_files.read(tmp_path)
    assert long.learnt == 750


def test_a_repeated_time_counts_where_it_stands_first(tmp_path: Path) -> None:
    """Where an hour is repeated, a window's end is the first row of that time, as in the benchmark."""
    path = tmp_path / "data" / "made" / "back.csv"
    path.parent.mkdir(parents=True)
    stamps = [*times(8), *times(8)[4:], times(20)[-1]]
    path.write_text("timestamp,value\n" + "".join(f"{time},1\n" for time in stamps))
    (tmp_path / "windows.json").write_text(json.dumps({"made/back.csv": [[str(times(8)[2]), str(times(8)[5])]]}))
    (back,) = nab_files.read(tmp_path)
    assert back.labels.windows == [(2, 5)]


def test_published_scores_are_read_by_file(tmp_path: Path) -> None:
    """With the detector's name before the file's, as the benchmark writes it, and without."""
    for name, score in (("someone_a.csv", 0.25), ("b.csv", 1.0)):
        path = tmp_path / "results" / "someone" / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"timestamp,anomaly_score\n{BEGIN},{score}\n")
    found = nab_files.published_scores(tmp_path, "someone")
    assert {name: scores.tolist() for name, scores in found.items()} == {"made/a.csv": [0.25], "made/b.csv": [1.0]}


def test_the_benchmark_runs_and_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shift is met; the constant has a note; a second run takes what the file of results holds."""
    kept = folder / "nab.json"
    words = ["--folder", str(folder), "--json", str(kept), "--steps", "20", "--processes", "1"]
    nab.main(words)
    shown = capsys.readouterr()
    assert "no model: column 'value' is constant" in shown.err
    found = json.loads(kept.read_text())
    assert found["made/constant.csv"]["surprises"] == []
    rows = [row for row, digits, _ in found["made/shifts.csv"]["surprises"] if digits >= 4]
    assert any(LEVEL <= row <= LEVEL + 10 for row in rows)
    found["made/shifts.csv"]["train_seconds"] = 4321.0  # what no training takes
    kept.write_text(json.dumps(found))
    nab.main(words)
    again = capsys.readouterr()
    assert again.err == ""
    assert "4321" in again.out


def test_a_kept_model_is_not_trained_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a folder of models the second look at a file takes the first one's."""
    file = nab_files.read(folder)[1]
    first = nab_detector.find(file, folder / "models", 20)
    assert (folder / "models" / "made-shifts.onnx").exists()
    monkeypatch.setattr(nab_detector, "train", None)
    second = nab_detector.find(file, folder / "models", 20)
    assert (second.surprises, second.alarms) == (first.surprises, first.alarms)


def test_a_pause_follows_each_alarm() -> None:
    """Of surprises in a row one is an alarm, and the next that is far enough behind it; the first rows have none."""
    digits = np.zeros(400)
    digits[[5, 20, 21, 60, 20 + int(event.PAUSE), 21 + int(event.PAUSE)]] = 3
    assert np.flatnonzero(nab_table.alarms_at(digits, 3, begin=10)).tolist() == [20, 21 + int(event.PAUSE)]


def test_one_rate_for_all_files() -> None:
    """The rate whose alarms are the best in sum: here the one that leaves out the lesser surprises of a quiet file."""
    labels = [Labels(2000, [(1000, 1100)]), Labels(2000, [])]
    loud, quiet = np.zeros(2000), np.zeros(2000)
    loud[1000] = 5
    quiet[::200] = 3
    found = nab_table.at_best_limit(labels, [loud, quiet], STANDARD)
    assert 3 < found.threshold <= 5
    assert found.score == pytest.approx(100)


def test_a_table_names_who_is_beside(folder: Path) -> None:
    """Published figures stand only beside the files that they are of; detectors with scores are scored here."""
    files = nab_files.read(folder)
    found = {file.name: Found(1300, [], [], 0, 0) for file in files}
    assert not any("ARTime" in row["detector"] for row in nab_table.corpus_rows(files, found, folder))
    for file in files:
        path = folder / "results" / "numenta" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        scores = np.zeros(1300)
        scores[LEVEL - 5] = 1 if "shifts" in file.name else 0
        path.write_text("timestamp,anomaly_score\n" + "".join(f"{BEGIN},{score}\n" for score in scores.tolist()))
    (row,) = [row for row in nab_table.corpus_rows(files, found, folder) if row["detector"] == "HTM"]
    assert row["standard"] == 100
