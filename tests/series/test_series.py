"""Series: the sine as it must be, gaps that are never invented over silently, and parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgeseq.series import Split, load
from edgeseq.series.gaps import fill, insert_missing, runs
from edgeseq_runtime.errors import DataError, UsageError
from tests.helpers.csv_helpers import csv, read


def test_the_sine_is_the_classic_programs() -> None:
    """10,010 points over 0 to 100.1 and 1,010 over 100.1 to 110.2, in float32 throughout."""
    series, parts = load(None)
    x = np.linspace(0, 100.1, 10010, dtype=np.float32)
    np.testing.assert_array_equal(series.values[:, 0], np.sin(x))
    np.testing.assert_array_equal(parts.test.values[:, 0], np.sin(np.linspace(100.1, 110.2, 1010, dtype=np.float32)))
    assert series.values.dtype == parts.test.values.dtype == np.float32
    assert parts.test.start == 10
    np.testing.assert_array_equal(parts.validation.values, series.values)
    assert len(parts.train) == parts.validation.start == 9009


def test_the_real_series_ships_with_its_gaps() -> None:
    series, parts = load("co2")
    assert (series.columns, series.units, series.time) == (("co2",), ("ppm",), "date")
    assert series.file_rows == 2284
    assert series.period == 7 * 24 * 3600
    assert int(np.isnan(series.values).sum()) == 59
    assert fill(series.values, 3).left == 4
    assert len(parts.train) == int(0.7 * 2284)


def test_a_path_is_taken_as_its_text(tmp_path: Path) -> None:
    path = csv(tmp_path, "v\n" + "".join(f"{row % 7}\n" for row in range(100)))
    for name in (Path(path), [Path(path)]):
        np.testing.assert_array_equal(load(name)[0].values, load(path)[0].values)


def test_an_unknown_series_is_named_with_the_examples() -> None:
    with pytest.raises(UsageError, match=r"no file 'nowhere.csv', and no example of that name \(sine, co2\)"):
        load("nowhere.csv")


@pytest.mark.parametrize("choice", [{"targets": ["x"]}, {"every": "1h"}, {"sort": True}, {"units": {"sine": "V"}}])
def test_the_sine_has_no_columns_to_choose(choice: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="the sine has one column"):
        load(None, **choice)


def test_a_unit_for_a_column_that_is_not_used_is_refused() -> None:
    with pytest.raises(UsageError, match="a unit is given for 'nosuch', but the columns in use are co2"):
        load("co2", units={"nosuch": "ppm"})
    assert load("co2", units={"co2": "umol/mol"})[0].units == ("umol/mol",)


# Gaps


def test_a_gap_by_hand() -> None:
    nan = np.nan
    values = np.array([nan, 1, nan, nan, 4, nan, nan, nan, nan, 9, nan, 11, nan], np.float32)[:, None]
    filled = fill(values, 3)
    np.testing.assert_array_equal(filled.values[:, 0], [nan, 1, 2, 3, 4, nan, nan, nan, nan, 9, 10, 11, nan])
    assert filled.segments == ((1, 5), (9, 12))
    assert (filled.missing, filled.interpolated, filled.left) == (9, 3, 3)
    np.testing.assert_array_equal(filled.observed[:, 0], np.isfinite(values[:, 0]))


series_with_gaps = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 60), st.integers(1, 3)), elements=st.sampled_from([1.0, 2.0, np.nan])
)


@given(values=series_with_gaps, limit=st.integers(0, 5))
def test_filling_changes_no_measured_value_and_fills_no_long_gap(values: np.ndarray, limit: int) -> None:
    filled = fill(values, limit)
    known = np.isfinite(values)
    np.testing.assert_array_equal(filled.values[known], values[known])
    for start, stop in runs(~known.all(axis=1)):  # a sample that lacks one of its values is missing
        inside = start > 0 and stop < len(values)
        assert np.isfinite(filled.values[start:stop]).all() == (inside and stop - start <= limit)
    covered = np.zeros(len(values), bool)
    for start, stop in filled.segments:
        assert np.isfinite(filled.values[start:stop]).all()
        covered[start:stop] = True
    assert not np.isfinite(filled.values[~covered]).all(axis=1).any()
    assert filled.missing == filled.interpolated + int((~covered).sum())


@given(
    steps=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    jitter=st.integers(0, 1000),
    limit=st.integers(0, 4),
)
def test_leaps_in_time_get_the_rows_they_lack(steps: list[int], jitter: int, limit: int) -> None:
    """With most steps of one period, each row stays, in order, behind as many missing ones as its leap lacks."""
    steps = [1] * (len(steps) + 1) + steps
    random = np.random.default_rng(jitter)
    seconds = np.concatenate([[0], np.cumsum(steps)]) * 60.0 + random.uniform(-1, 1, len(steps) + 1)
    values = np.arange(len(seconds), dtype=np.float32)[:, None]
    spread, rows = insert_missing(seconds, values, limit, 60.0)
    known = np.isfinite(spread[:, 0])
    np.testing.assert_array_equal(spread[known], values)
    np.testing.assert_array_equal(rows[known], np.arange(len(values)))
    lacking = [min(step - 1, limit + 1) for step in steps]
    assert np.diff(np.flatnonzero(known)).tolist() == [1 + count for count in lacking]


# Splits


def test_row_counts_and_fractions(tmp_path: Path) -> None:
    text = "v\n" + "".join(f"{number}\n" for number in range(100))
    series = read(csv(tmp_path, text))
    for split in ("70:10:20", "0.7:0.1:0.2"):
        parts = Split.parse(split).apply(series)
        assert (len(parts.train), parts.validation.start, len(parts.validation.values)) == (70, 70, 80)
        assert (parts.test.start, len(parts.test.values)) == (80, 100)
    assert len(Split.parse("50:10:5").apply(series).test.values) == 65


def test_rows_of_the_file_are_counted_where_samples_were_put_in(tmp_path: Path) -> None:
    times = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    text = "t,v\n" + "".join(f"{time},{time}\n" for time in times)
    parts = Split.parse("4:3:3").apply(read(csv(tmp_path, text)))
    assert parts.train[:, 0].tolist() == [0, 1, 2, 3]
    assert parts.test.values[parts.test.start :, 0].tolist() == [9, 10, 11]


@pytest.mark.parametrize("text", ["1:2", "a:b:c", "0.5:0.5:0.5", "0:1:2", "-1:2:3", "0.5:10:10", "inf:1:1", "1.5:2:3"])
def test_a_split_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="split"):
        Split.parse(text)


def test_a_split_larger_than_the_series_is_refused() -> None:
    with pytest.raises(DataError, match="needs 9002 rows; mauna_loa_co2 has 2284"):
        load("co2", split="9000:1:1")
