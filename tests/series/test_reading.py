"""Reading: files as users have them, and errors that name the place."""

import contextlib
import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from edgeseq_runtime.errors import DataError, UsageError
from tests.helpers.csv_helpers import csv, parquet, read


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
        ("v\n1\n1e300\n", {}, DataError, "line 3: column 'v' holds 1e300, which is too large"),
        ("time,v\n2020-01-01,1\n2020-01-01,2\n", {}, DataError, "line 3: time 2020-01-01 repeats"),
        ("time,v\n2020-01-02,1\n2020-01-01,2\n", {}, DataError, "line 3: time 2020-01-01 goes back"),
        ("time,v\n2020-01-02,1\nsoon,2\n", {}, DataError, "line 3: column 'time' holds 'soon', not a time"),
        ("time,date,v\n1,2,3\n2,3,4\n", {}, UsageError, "several columns look like times: time, date"),
        ("a,b\n1,2\n1,2,3\n", {"targets": ["a"]}, DataError, "line 3: expected 2 cells as in the header, got 3"),
        ("a,b\n1,2\n\n3\n", {"targets": ["a"]}, DataError, "line 4: expected 2 cells as in the header, got 1"),
        ('a,b\n1,2\n3,"4\n5,6\n', {"targets": ["a"]}, DataError, "line 3: a quoted cell does not end"),
        ('a,b\n1,"2"x\n', {"targets": ["a"]}, DataError, "line 2: a quoted cell does not end as it should"),
        ("v\n1\n\0", {}, DataError, "is not text: it holds zero bytes"),
        ("\n\n", {}, DataError, "is empty"),
        ("time,v\n2020-01-01,1\n ,2\n", {}, DataError, "line 3: column 'time' is empty"),
        ("time,v\n2020-01-01T00Z,1\n2020-01-01T01,2\n", {}, DataError, "line 3: .* without a zone, unlike '2020"),
        ("time,v\n2020-01-01T00,1\n2020-01-01T01Z,2\n", {}, DataError, "line 3: .* with a zone, unlike '2020"),
    ],
)
def test_what_cannot_be_read_is_said_clearly(
    tmp_path: Path, text: str | bytes, options: dict[str, Any], error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word) as caught:
        read(csv(tmp_path, text), **options)
    assert "\n" not in str(caught.value)


# Lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("time,v\n0,1\n\n\n1,x\n", 5),  # blank lines
        ("\n\ntime,v\n0,1\n,\n1,x\n", 6),  # before the header too, and a row of separators only
        ('note,time,v\n"a\nb\n",0,1\n"c",1,x\n', 5),  # lines within a quoted cell
        ('note,time,v\n,0,1\n"c\nd",1,x\n', 3),  # the line that the row begins on
        ("\ufefftime,v\r\n0,1\r\n1,x\r\n", 3),  # a byte order mark, and the line ends of Windows
        ("time,v\n0,1\n" + "".join(f"{number},2\n" for number in range(1, 5000)) + "5000,x\n", 5002),
    ],
)
def test_an_error_names_the_line_of_the_file(tmp_path: Path, text: str, line: int) -> None:
    assert text.replace("\r\n", "\n").split("\n")[line - 1].strip("\ufeff")  # that line is not blank
    with pytest.raises(
        DataError, match=rf"^line {line}: column 'v' holds 'x', not a number; --na x takes it as missing$"
    ):
        read(csv(tmp_path, text), targets=["v"], time="time")


def test_rows_with_nothing_in_them_are_no_samples_where_times_count(tmp_path: Path) -> None:
    series = read(csv(tmp_path, "time,note,v\n0,,1\n\n1,,2\n,,\n,a remark,\n2,,\n3,,4\n,,,,,\n\n"))
    np.testing.assert_array_equal(series.values, [[1], [2], [np.nan], [4]])
    assert series.file_rows == 4


def test_a_blank_line_is_a_missing_sample_where_the_order_counts(tmp_path: Path) -> None:
    """As it is for `predict`; those at the end of the file are none."""
    series = read(csv(tmp_path, "v\n1\n\n3\n4\n\n\n"))
    np.testing.assert_array_equal(series.values, [[1], [np.nan], [3], [4]])
    series = read(csv(tmp_path, "v,w\n1,5\n,\n3,6\n,\n"), targets=["v"])
    np.testing.assert_array_equal(series.values, [[1], [np.nan], [3]])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, encoding: str) -> None:
    """Both begin with a byte order mark."""
    series = read(csv(tmp_path, "Zeit\tGröße [µm]\r\n2020-01-01\t1\r\n2020-01-02\t2\r\n".encode(encoding)))
    assert (series.columns, series.units, series.time) == (("Größe [µm]",), ("µm",), "Zeit")
    np.testing.assert_array_equal(series.values, [[1], [2]])


# Columns


@pytest.mark.parametrize("header", ["v,v", "v, v", " v,v "])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match="has several columns called 'v': give each its own name"):
        read(csv(tmp_path, f"{header}\n1,2\n"), targets=["v"])


def test_columns_without_a_name_are_no_samples_but_may_be_times(tmp_path: Path) -> None:
    """A table that was saved with its index has one; a spreadsheet may leave empty ones at the end."""
    assert read(csv(tmp_path, ",date,v,,\n0,2020-01-01,5,,\n1,2020-01-02,6,,\n")).columns == ("v",)
    series = read(csv(tmp_path, ",v\n2020-01-01,5\n2020-01-02,6\n"))
    assert (series.columns, series.time, series.period) == (("v",), "column 1", 86400)


def test_the_time_column_cannot_be_a_sample(tmp_path: Path) -> None:
    path = csv(tmp_path, "t,v\n1,1\n2,2\n")
    for choice in ({"targets": ["t"]}, {"targets": ["v"], "features": ["t"]}):
        with pytest.raises(UsageError, match="t is the time column; it cannot be a target or a feature as well"):
            read(path, time="t", **choice)


# Numbers


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_read_where_they_can_be_nothing_else(tmp_path: Path, separator: str) -> None:
    text = "time;a;b;c\n0;1,5;1,250;-0,125\n1;2,25;1300;7\n2;;2e3;1,5e-1\n".replace(";", separator)
    series = read(csv(tmp_path, text), targets=["a", "b", "c"])
    expected = [[1.5, 1.25, -0.125], [2.25, 1300, 7], [np.nan, 2000, 0.15]]
    np.testing.assert_array_equal(series.values, np.array(expected, np.float32))


def test_a_column_of_decimal_commas_is_one_of_numbers(tmp_path: Path) -> None:
    assert read(csv(tmp_path, "name;v\na;1,5\nb;2,5\n")).columns == ("v",)


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        (
            ("1,250", "3,500"),
            "line 2: column 'v' holds '1,250': a decimal comma or a thousands separator?",
        ),
        (("1,5", "2.5"), "line 2: column 'v' holds '1,5', line 3: column 'v' holds '2.5': decimal commas and"),
        (("1.5", "1.250,5"), "line 3: column 'v' holds '1.250,5', line 2: column 'v' holds '1.5': decimal commas and"),
        (("1,5", "1,250,000"), "line 2: column 'v' holds '1,5', line 3: column 'v' holds '1,250,000': decimal"),
    ],
)
def test_commas_that_may_be_something_else_are_refused(tmp_path: Path, cells: tuple[str, str], word: str) -> None:
    with pytest.raises(DataError, match=word):
        read(csv(tmp_path, "v;w\n" + "".join(f"{cell};1\n" for cell in cells)), targets=["v"])


# Parquet


def test_parquet_comes_through_the_same_door(tmp_path: Path) -> None:
    path = tmp_path / "series.parquet"
    pl.DataFrame({"date": ["2020-01-01", "2020-01-02"], "v": [1.25, None]}).write_parquet(path)
    series = read(str(path))
    np.testing.assert_array_equal(series.values, [[1.25], [np.nan]])
    assert series.period == 86400


def test_columns_of_other_kinds_do_not_matter(tmp_path: Path) -> None:
    """The one column of numbers is found beside lists, structures, bytes and flags."""
    others = {"list": [[1], []], "structure": [{"a": 1}] * 2, "bytes": [b"1"] * 2, "flag": [True, False]}
    moments = [datetime.datetime(2020, 1, 1, hour) for hour in (0, 1)]
    series = read(parquet(tmp_path, {**others, "when": moments, "v": [1, 2]}))
    assert (series.columns, series.time, series.period) == (("v",), "when", 3600)


def test_damage_in_a_column_that_is_not_used_does_not_matter(tmp_path: Path) -> None:
    noise = [np.random.default_rng(row).bytes(1000) for row in range(100)]
    path = Path(parquet(tmp_path, {"noise": noise, "lists": [[1]] * 100, "v": np.arange(100.0)}))
    content = bytearray(path.read_bytes())
    content[4:90_000] = bytes(90_000 - 4)
    path.write_bytes(content)
    with pytest.raises(pl.exceptions.PolarsError):
        pl.read_parquet(path, columns=["noise"])
    assert len(read(str(path))) == 100


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ([True, False, None], [1, 0, np.nan]),
        ([Decimal("1.50"), None, Decimal("-2.25")], [1.5, np.nan, -2.25]),
        ([1, None, 3], [1, np.nan, 3]),
        (["1.5", "NA", " 3 "], [1.5, np.nan, 3]),
        ([float("inf"), 1.0, float("nan")], [np.nan, 1, np.nan]),
        (pl.Series(["1", "2", "1"], dtype=pl.Categorical), [1, 2, 1]),
    ],
)
def test_all_that_can_be_a_number_is_one(tmp_path: Path, cells: Any, values: list[float]) -> None:
    series = read(parquet(tmp_path, {"v": cells, "other": [[1]] * 3}), targets=["v"])
    np.testing.assert_array_equal(series.values[:, 0], values)


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({"v": ["1", "x"]}, "row 2: column 'v' holds 'x', not a number"),
        ({"v": [[1], [2]]}, r"column 'v' holds List\(Int64\), not numbers"),
        ({"v": [datetime.date(2020, 1, 1)] * 2}, "column 'v' holds Date, not numbers"),
        ({"v": [1.0, 1e39]}, r"row 2: column 'v' holds 1e\+39, which is too large for float32"),
        ({"v": [None, None]}, "column 'v' holds no numbers at all"),
        ({"v": [1, 2], "time": [0, None]}, "row 2: column 'time' is empty"),
        ({"v": [1, 2], "time": [[0], [1]]}, r"column 'time' holds List\(Int64\), not times"),
        ({"v": [1, 2], "time": [datetime.time(1)] * 2}, "column 'time' holds Time, not times"),
        ({"v": [], "time": []}, "no rows"),
        ({"v": [1, 2], "v ": [1, 2]}, "several columns called 'v'"),
    ],
)
def test_what_parquet_holds_is_said_clearly(tmp_path: Path, columns: dict[str, Any], word: str) -> None:
    with pytest.raises(DataError, match=word):
        read(parquet(tmp_path, columns), targets=["v"])


def test_a_path_is_a_path_and_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "a[1]*"
    folder.mkdir()
    assert len(read(parquet(folder, {"v": [1.0, 2.0]}))) == 2


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read(csv(tmp_path, "hello", "series.parquet"))


def test_a_damaged_parquet_file_gives_one_line(tmp_path: Path) -> None:
    whole = Path(parquet(tmp_path, {"v": np.arange(100.0)})).read_bytes()
    errors = []
    for place in range(4, len(whole), 7):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            path = csv(tmp_path, damaged, "damaged.parquet")
            with contextlib.suppress(UsageError):  # a letter of the column's name
                try:
                    read(path, targets=["v"])
                except DataError as error:
                    errors.append(str(error))
    assert len(errors) > len(whole) // 7
    assert not [error for error in errors if "\n" in error]
