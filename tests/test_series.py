"""Series: the sine as it must be, files as users have them, gaps that are never invented over silently."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgeseq.series import Split, load
from edgeseq.series.gaps import fill, insert_missing, runs
from edgeseq.series.reader import read
from edgeseq_runtime.errors import DataError, UsageError


def csv(folder: Path, text: str, name: str = "series.csv") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


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


def test_one_column_of_numbers_needs_no_flags(tmp_path: Path) -> None:
    series = read(csv(tmp_path, "note,temp [degC],date\nfine,1.5,2020-01-01\nbad,2.5,2020-01-02\n"))
    assert series.columns == ("temp [degC]",)
    assert series.units == ("degC",)
    assert series.time == "date"
    np.testing.assert_array_equal(series.values, [[1.5], [2.5]])


def test_targets_come_first_and_features_once(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b,c\n1,2,3\n4,5,6\n")
    series = read(path, targets=["c"], features=["a", "c", "a"])
    assert series.columns == ("c", "a")
    assert series.targets == 1
    np.testing.assert_array_equal(series.values, [[3, 1], [6, 4]])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    text = "t,v\n0,1\n1,2\n".replace(",", separator)
    np.testing.assert_array_equal(read(csv(tmp_path, text)).values, [[1], [2]])


@pytest.mark.parametrize("cell", ["", "nan", "NA", "null", "None", " ", "inf", "-inf"])
def test_what_stands_for_missing(tmp_path: Path, cell: str) -> None:
    series = read(csv(tmp_path, f"a,b\n1,x\n{cell},x\n3,x\n"))
    np.testing.assert_array_equal(series.values, [[1], [np.nan], [3]])


def test_parquet_comes_through_the_same_door(tmp_path: Path) -> None:
    path = tmp_path / "series.parquet"
    pl.DataFrame({"date": ["2020-01-01", "2020-01-02"], "v": [1.25, None]}).write_parquet(path)
    series = read(str(path))
    np.testing.assert_array_equal(series.values, [[1.25], [np.nan]])
    assert series.period == 86400


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        ("2020-01-01", "2020-01-02", 86400),
        ("2020-01-01 00:00:00", "2020-01-01 00:15:00", 900),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:10+00:00", 10),
        ("2020-01-01T01:00:00+01:00", "2020-01-01T00:00:30Z", 30),
        ("20200228", "20200229", 86400),
        ("1577836800", "1577836860", 60),
        ("1577836800000", "1577836800250", 0.25),
        ("0", "1", 1),
    ],
)
def test_times_in_every_form(tmp_path: Path, first: str, second: str, seconds: float) -> None:
    series = read(csv(tmp_path, f"time,v\n{first},1\n{second},2\n"))
    assert series.period == pytest.approx(seconds)


def test_a_column_of_dates_is_the_time_whatever_its_name(tmp_path: Path) -> None:
    assert read(csv(tmp_path, "when,v\n2020-01-01,1\n2020-01-02,2\n")).time == "when"


def test_rows_that_are_not_there_become_missing_samples(tmp_path: Path) -> None:
    """Two hours are lacking; a week is too, of which four samples are put in: one more than may be filled."""
    times = ["01T00", "01T01", "01T04", "01T05", "08T05", "08T06"]
    text = "time,v\n" + "".join(f"2020-01-{time}:00,{number}\n" for number, time in enumerate(times))
    series = read(csv(tmp_path, text))
    nan = np.nan
    np.testing.assert_array_equal(series.values[:, 0], [0, 1, nan, nan, 2, 3, nan, nan, nan, nan, 4, 5])
    np.testing.assert_array_equal(series.rows, [0, 1, 2, 2, 2, 3, 4, 4, 4, 4, 4, 5])
    filled = fill(series.values, 3)
    assert str(filled) == ("6 missing samples: 2 interpolated, 4 in 1 longer gaps; 2 segments")


def test_time_none_goes_by_the_order_of_rows(tmp_path: Path) -> None:
    series = read(csv(tmp_path, "time,v\n1,1\n1,2\n0,3\n"), time="none", targets=["v"])
    assert series.time is None
    assert len(series) == 3


@pytest.mark.parametrize(
    ("text", "options", "error", "word"),
    [
        ("", {}, DataError, "is empty"),
        ("a,b\n", {}, DataError, "no rows"),
        ("v\n1\n2\nabc\n", {}, DataError, r"line 4: column 'v' holds 'abc', not a number"),
        ("v,w\n1,1\n2,1\n", {}, UsageError, "several columns of numbers: v, w; name one with --target"),
        ("v\n1\n", {"targets": ["x"]}, UsageError, "no column 'x'; the columns are v"),
        ("v\n1\n", {"targets": ["v"], "features": ["y"]}, UsageError, "no column 'y'"),
        ("v\n1\n", {"time": "z"}, UsageError, "no column 'z'"),
        ("v\nx\ny\n", {}, DataError, "no column of numbers; its columns are v"),
        ("a,b\n1,\n2,\n", {"targets": ["b"]}, DataError, "'b' holds no numbers"),
        ("v\n1\n1e300\n", {}, DataError, "too large"),
        ("time,v\n2020-01-01,1\n2020-01-01,2\n", {}, DataError, "line 3: time 2020-01-01 repeats"),
        ("time,v\n2020-01-02,1\n2020-01-01,2\n", {}, DataError, "line 3: time 2020-01-01 goes back"),
        ("time,v\n2020-01-02,1\nsoon,2\n", {}, DataError, "line 3: column 'time' holds 'soon', not a time"),
        ("time,date,v\n1,2,3\n2,3,4\n", {}, UsageError, "several columns look like times: time, date"),
        ("a,b\n1,2\n1,2,3\n", {"targets": ["a"]}, DataError, "cannot read"),
    ],
)
def test_what_cannot_be_read_is_said_clearly(
    tmp_path: Path, text: str, options: dict[str, object], error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word) as caught:
        read(csv(tmp_path, text), **options)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read(csv(tmp_path, "hello", "series.parquet"))


def test_an_unknown_series_is_named_with_the_examples() -> None:
    with pytest.raises(UsageError, match=r"no file 'nowhere.csv', and no example of that name \(sine, co2\)"):
        load("nowhere.csv")


def test_the_sine_has_no_columns_to_choose() -> None:
    with pytest.raises(UsageError, match="the sine has one column"):
        load(None, targets=["x"])


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
    for column in range(values.shape[1]):
        for start, stop in runs(~known[:, column]):
            inside = start > 0 and stop < len(values)
            assert np.isfinite(filled.values[start:stop, column]).all() == (inside and stop - start <= limit)
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
    spread, rows, period = insert_missing(seconds, values, limit)
    assert period == pytest.approx(60, abs=2)
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
