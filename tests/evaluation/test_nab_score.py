"""The score of the Numenta benchmark: by hand, by its definition written out row by row, and as published."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.anomalies import nab_files
from edgeseq.evaluation import nab_score
from edgeseq.evaluation.nab_score import PROFILES, STANDARD, Labels, Profile
from tests.conftest import ETTH1

NAB = ETTH1.parent / "nab"


def sigmoid(x: float) -> float:
    return 2 / (1 + math.exp(5 * x)) - 1


def by_definition(labels: Labels, alarms: np.ndarray, profile: Profile) -> float:
    """Return the score from the definition alone: a loop over alarms and windows."""
    total = 0.0
    for first, last in labels.windows:
        if last < labels.unscored:
            continue
        width = last - first + 1
        worth = [
            profile.hit * sigmoid(-(last - row + 1) / width) / sigmoid(-1)
            for row in range(max(first, labels.unscored), last + 1)
            if alarms[row]
        ]
        total += max(worth, default=-profile.miss)
    for row in range(labels.unscored, labels.rows):
        before = [(first, last) for first, last in labels.windows if last < row]
        if not alarms[row] or any(first <= row <= last for first, last in labels.windows):
            continue
        if not before:
            total -= profile.false_alarm
            continue
        first, last = before[-1]
        past = (row - last) / max(last - first, 1)
        total += profile.false_alarm * (sigmoid(past) if past <= 3 else -1.0)
    return total


def test_a_window_by_hand() -> None:
    """Of a window of rows 4 to 7, its first row is worth 1; row 8 past it costs what the sigmoid says of 1/3."""
    labels = Labels(20, [(4, 7)])
    worth = labels.worth()
    assert worth[4] == 1
    assert worth[7] == pytest.approx(sigmoid(-0.25) / sigmoid(-1))
    assert worth[3] == -0.11
    assert worth[8] == pytest.approx(0.11 * sigmoid(1 / 3))
    assert worth[17] == -0.11  # 10 rows past a width of 4: beyond 3


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [([], 0.0), ([4], 100.0), ([4, 5, 7], 100.0), ([0, 4], 100 * (2 - 0.11) / 2), ([0], -100 * 0.11 / 2)],
)
def test_the_scale(alarms: list[int], expected: float) -> None:
    """No alarm is 0, the first row of the only window 100; further alarms within it change nothing."""
    labels, scores = Labels(20, [(4, 7)]), np.zeros(20)
    scores[alarms] = 1
    assert nab_score.at_threshold([labels], [scores], 1).score == pytest.approx(expected)


def test_rows_to_learn_from_count_nothing() -> None:
    """An alarm among the first rows neither costs nor meets a window there, which does not count as missed either."""
    labels, scores = Labels(30, [(2, 5), (20, 22)], unscored=10), np.zeros(30)
    scores[[1, 3, 20]] = 1
    assert nab_score.at_threshold([labels], [scores], 1).score == pytest.approx(100)


def test_profiles_weigh_misses_and_false_alarms() -> None:
    """A miss costs 1, 1 and 2; an alarm far from any window 0.11, 0.22 and 0.11."""
    labels, none, first = Labels(20, [(10, 12)]), np.zeros(20), np.eye(20)[0]
    for name, miss, false_alarm in (("standard", 1, 0.11), ("low FP", 1, 0.22), ("low FN", 2, 0.11)):
        assert nab_score.score_at(labels, none, 1, PROFILES[name]) == -miss
        assert nab_score.score_at(labels, first, 1, PROFILES[name]) == pytest.approx(-miss - false_alarm)


@given(st.data())
def test_every_threshold_is_as_by_definition(data: st.DataObject) -> None:
    """Whatever the windows and the scores, ties too: the curve has what a loop over the definition has."""
    rows = data.draw(st.integers(5, 40))
    edges = sorted(data.draw(st.sets(st.integers(0, rows - 1), max_size=6)))
    windows = list(zip(edges[::2], edges[1::2], strict=False))
    labels = Labels(rows, windows, data.draw(st.integers(0, rows // 2)))
    scores = np.array(data.draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows)), np.float64)
    profile = PROFILES[data.draw(st.sampled_from(sorted(PROFILES)))]
    for threshold in range(6):
        expected = by_definition(labels, scores >= threshold, profile)
        assert nab_score.score_at(labels, scores, threshold, profile) == pytest.approx(expected)
    if labels.scored:
        possible = [nab_score.at_threshold([labels], [scores], each, profile).score for each in range(6)]
        assert nab_score.best([labels], [scores], profile).score == pytest.approx(max(possible))


def test_one_threshold_for_all_series() -> None:
    """Each series alone would have a threshold of its own; together they have the one that is best for their sum."""
    labels = [Labels(20, [(10, 12)]), Labels(20, [(10, 12)])]
    loud, quiet = np.zeros(20), np.zeros(20)
    loud[[1, 2, 3]], loud[10], quiet[10] = 0.5, 0.9, 0.4
    found = nab_score.best(labels, [loud, quiet])
    assert found.threshold == 0.4
    assert found.by_series == pytest.approx([1 - 3 * 0.11, 1])
    assert found.score == pytest.approx(100 * (2 * 2 - 0.33) / 4)


def test_no_threshold_where_every_alarm_costs() -> None:
    """Where alarms only cost, the best is none: an infinite threshold, and 0."""
    found = nab_score.best([Labels(200, [(195, 199)])], [np.eye(200)[0]])
    assert (found.threshold, found.score) == (math.inf, 0)


def test_without_windows_there_is_nothing_to_scale() -> None:
    """A corpus without a window has no score from 0 to 100."""
    assert math.isnan(nab_score.best([Labels(20, [])], [np.zeros(20)]).score)


@pytest.mark.parametrize("windows", [[(5, 3)], [(3, 5), (5, 8)], [(15, 20)], [(8, 9), (1, 2)], [(-1, 2)]])
def test_windows_that_cannot_be_are_refused(windows: list[tuple[int, int]]) -> None:
    """Windows that overlap, lie outside the series or are out of order are refused with the rows that could be."""
    with pytest.raises(ValueError, match=r"windows: expected some of rows \d+ to 19, got"):
        Labels(20, windows)


@pytest.mark.parametrize("scores", [np.zeros(19), np.full(20, np.nan)])
def test_scores_that_cannot_be_are_refused(scores: np.ndarray) -> None:
    """A score for each row, and each a number."""
    with pytest.raises(ValueError, match="scores: expected"):
        nab_score.curve(Labels(20, [(3, 5)]), scores)


@pytest.mark.skipif(not NAB.is_dir(), reason="the benchmark's files are not here")
@pytest.mark.parametrize(("detector", "corpus"), [("numenta", 70.5), ("windowedGaussian", 36.7)])
def test_as_published(detector: str, corpus: float) -> None:
    """Two detectors' published scores of each file, and of all at the best threshold, come out of their results."""
    files, scores = nab_files.read(NAB), nab_files.published_scores(NAB, detector)
    with (NAB / "published_scores.csv").open(newline="") as lines:
        published = {row["file"]: row for row in csv.DictReader(lines) if row["detector"] == detector}
    assert len(files) == len(published) == 31
    for file in files:
        row = published[file.name]
        found = nab_score.score_at(file.labels, scores[file.name], float(row["threshold"]), STANDARD)
        assert found == pytest.approx(float(row["score"]), abs=1e-6), file.name
    best = nab_score.best([file.labels for file in files], [scores[file.name] for file in files])
    assert best.score == pytest.approx(corpus, abs=0.05)
