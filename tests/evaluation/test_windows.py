"""Labelled windows: what is read from JSON and CSV, what is refused, and which rows they are."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.evaluation.windows import read_windows, rows_within
from edgeseq_runtime.errors import DataError

HOUR = 3600.0


def written(path: Path, content: object) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    "content",
    [
        [["1970-01-01T01:00", "1970-01-01T02:00"]],
        {"folder/a.csv": [["1970-01-01 01:00:00", "1970-01-01 02:00:00"]], "folder/b.csv": []},
        "first,last\n1970-01-01T01:00,1970-01-01T02:00\n",
        "1970-01-01T01:00,1970-01-01T02:00,a note\n\n",
    ],
)
def test_windows_are_read_from_each_form(tmp_path: Path, content: object) -> None:
    path = written(tmp_path / "windows", content)
    assert read_windows(path, series="elsewhere/a.csv", timed=True) == [(HOUR, 2 * HOUR)]


def test_a_list_without_windows_says_that_nothing_is_labelled(tmp_path: Path) -> None:
    assert read_windows(written(tmp_path / "w", []), series="x", timed=True) == []
    assert read_windows(written(tmp_path / "w", {"a.csv": []}), series="a.csv", timed=True) == []


def test_series_without_times_have_windows_of_rows(tmp_path: Path) -> None:
    assert read_windows(written(tmp_path / "w", [[3, 9]]), series="x", timed=False) == [(3.0, 9.0)]
    assert read_windows(written(tmp_path / "w", "first,last\n3,9\n"), series="x", timed=False) == [(3.0, 9.0)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([["2026-01-02", "2026-01-01"]], "ends after it begins"),
        ([["2026-01-02"]], "a pair"),
        ([["soon", "later"]], "expected a time"),
        ({"b.csv": []}, "one file named a.csv, got 0"),
        ("[1, 2", "expected JSON"),
        ("[" * 5000, "expected JSON"),
        ("1970-01-01T01:00\n", "a pair"),
        ("", "got none"),
        ("\n \n", "got none"),
        ("first,last\n", "got none"),
    ],
)
def test_what_is_no_window_is_refused_in_one_line(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        read_windows(written(tmp_path / "w", content), series="a.csv", timed=True)
    assert "\n" not in str(refused.value)


def test_a_time_is_refused_where_samples_have_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this series has no times"):
        read_windows(written(tmp_path / "w", [["2026-01-01", "2026-01-02"]]), series="a.csv", timed=False)


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=60, unique=True).map(sorted),
    st.lists(st.tuples(st.integers(-20, 220), st.integers(0, 80)), max_size=6),
)
def test_rows_within_are_those_with_a_time_between(times: list[int], pairs: list[tuple[int, int]]) -> None:
    """As looking at each row by itself has them; no row is in two windows."""
    spans = [(float(first), float(first + length)) for first, length in pairs]
    wanted = [row for row, time in enumerate(times) if any(first <= time <= last for first, last in spans)]
    found = rows_within(spans, len(times), np.array(times, np.float64))
    assert [row for first, last in found for row in range(first, last + 1)] == wanted


def test_windows_that_overlap_are_one() -> None:
    """Two people labelled the same event; a score counts it once."""
    assert rows_within([(10.0, 20.0), (15.0, 30.0), (16.0, 17.0), (31.0, 40.0)], 100, None) == [(10, 30), (31, 40)]


def test_a_file_without_windows_is_refused(tmp_path: Path) -> None:
    """Bytes of another kind are no empty list of windows."""
    file = tmp_path / "w.csv"
    file.write_bytes(b"\x93\x00junk")
    with pytest.raises(DataError, match="two times a line"):
        read_windows(str(file), series="a.csv", timed=True)
