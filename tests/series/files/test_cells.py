"""Whole columns as numbers."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.series.files import cells
from edgeseq.series.files.number_style import NumberStyle, decide
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.numbers import NumberReader
from edgeseq_runtime.reading.words import FLAGS

STYLES = [(".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", "'")]


def place(row: int) -> str:
    return f"line {row + 2}"


def text(*values: str | None, name: str = "temp") -> pl.Series:
    return pl.Series(name, values, dtype=pl.String)


def read(*values: str | None, missing: tuple[str, ...] = (), unit: str = "") -> cells.Numbers:
    return cells.read_all([text(*values)], (), place, missing=missing, units=[unit])


# Decimal signs and thousands


@pytest.mark.parametrize(
    ("columns", "others", "style"),
    [
        ([["704", "1.116", "95"], ["19,6", "21,1", "8"]], [], (",", ".")),  # the other column shows it
        ([["704", "1.116", "95"]], [["19,6"]], (",", ".")),  # though it is not used
        ([["704", "1,116", "95"]], [["19.6"]], (".", ",")),
        ([["704", "1.116", "1500"]], [], (".", "")),  # thousands are not parted
        ([["704", "1,116", "1500"]], [], (",", "")),
        ([["1.234.567", "1.000"]], [], (",", ".")),
        ([["1,234,567", "1,000"]], [], (".", ",")),
        ([["1.050,5", "1.050"]], [], (",", ".")),
        ([["1 050,5", "7"]], [], (",", " ")),
        ([["1\u2019050", "7"]], [], (".", "'")),
        ([["0.125", "0.250", "1"]], [], (".", "")),  # no thousands begin with a zero
        ([["21.375", "20.125"]], [], (".", "")),  # three digits behind the point everywhere
        ([["1.050 W", "704 W"]], [["19,6 °C"]], (",", ".")),
        ([["-1.050", "704"]], [["'-19,6"]], (",", ".")),
        ([["1.5e3", "1.250"]], [], (".", "")),
    ],
)
def test_the_decimal_sign_is_decided_over_all_columns(
    columns: list[list[str]], others: list[list[str]], style: tuple[str, str]
) -> None:
    """By what cannot be read otherwise, in the columns that are used, else in others."""
    found = decide([text(*column) for column in columns], [text(*other) for other in others], place)
    assert (found.decimal, found.thousands) == style


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([["704", "1.116", "95"]], "line 3: column 'temp' holds '1.116': a decimal point or a thousands separator?"),
        ([["704", "1,116", "95"]], "line 3: column 'temp' holds '1,116': a decimal comma or a thousands separator?"),
        ([["19,6"], ["52.5"]], "line 2: column 'temp' holds '19,6', line 2: column 'temp' holds '52.5': decimal"),
        ([["19,6", "1.050", "1500"]], "line 3: .* holds '1.050', line 4: .* holds '1500': numbers of 1000 or more"),
    ],
)
def test_what_may_be_two_numbers_is_refused_with_its_line(columns: list[list[str]], said: str) -> None:
    """A guess would be off by a factor of a thousand."""
    with pytest.raises(DataError, match=said):
        decide([text(*column) for column in columns], [], place)


def test_what_the_user_says_goes_before() -> None:
    """`--decimal` settles what the cells leave open."""
    column = text("704", "1.116", "95")
    assert decide([column], [], place, decimal=",").thousands == "."
    assert decide([column], [], place, decimal=".").thousands == ""


def test_decisions_and_doubts_are_told() -> None:
    """In one line each; nothing where all is usual."""
    assert decide([text("19.6", "20")], [], place).notes == ()
    assert decide([text("1.050,5")], [], place).notes == ("numbers: decimal comma, points part thousands",)
    assert decide([text("1 050")], [], place).notes == ("numbers: blanks part thousands",)
    (doubt,) = decide([text("21.375", "20.125")], [], place).notes
    assert "'21.375'" in doubt
    assert "--decimal ," in doubt


def test_a_mark_far_down_a_long_column_is_seen() -> None:
    """The first look is at some cells only."""
    values = ["704"] * 50_001
    values[33_333] = "1.116"
    with pytest.raises(DataError, match="line 33335"):
        decide([text(*values)], [], place)
    values[33_333] = "1 116,5"
    assert decide([text(*values)], [], place).decimal == ","
    values = ["704.5"] * 50_001
    values[33_333] = "1,116.5"
    assert decide([text(*values)], [], place).thousands == ","


# Missing values, flags, units


def test_words_for_missing_are_counted_in_one_line() -> None:
    """Those that are no news, such as empty cells, are not."""
    found = read("19.6", "unavailable", "unknown", "unavailable", "", "NaN", "n/a")
    assert found.notes == ("missing: temp: 2 cells 'unavailable', 1 'unknown'",)
    np.testing.assert_array_equal(found.values[:, 0], np.array([19.6] + [np.nan] * 6, np.float32))
    many = read("1", *("-", "--", "?", "??", "***", "bad", "#N/A", "err"))
    assert many.notes[0].endswith("1 '??', 2 others")


def test_a_code_is_missing_where_it_is_named() -> None:
    """However it is written, and in typed columns too."""
    found = read("5", "-127", "6", "-127.0", "kaputt", missing=("-127", "kaputt"))
    np.testing.assert_array_equal(found.values[:, 0], np.array([5, np.nan, 6, np.nan, np.nan], np.float32))
    assert found.notes == ("missing: temp: 1 cell 'kaputt', 2 -127",)
    typed = cells.read(pl.Series("t", [5.0, -999.9, None]), place, NumberStyle(missing=("-999.9",)))
    np.testing.assert_array_equal(typed.values, np.array([5, np.nan, np.nan], np.float32))


def test_an_unknown_word_names_the_option() -> None:
    """With the line and the words, if they are few."""
    with pytest.raises(DataError, match=r"^line 3: .* holds 'kaputt', not a number; --na kaputt takes it as missing$"):
        read("5", "kaputt", "6", "kaputt")
    with pytest.raises(DataError, match=r"holds 'a b', not a number; --na 'a b' --na c takes them as missing$"):
        read("5", "a b", "c")
    with pytest.raises(DataError, match=r"holds 'a', not a number$"):
        read("5", "a", "b", "c", "d")


def test_a_column_of_flags_is_ones_and_zeros() -> None:
    """On and off, true and false, with words for missing among them."""
    found = read("on", "off", "unavailable", "True", "FALSE")
    np.testing.assert_array_equal(found.values[:, 0], np.array([1, 0, np.nan, 1, 0], np.float32))
    assert "flags: temp is 1 for True, on, 0 for FALSE, off" in found.notes
    with pytest.raises(DataError, match=r"line 3: .* holds 'on', line 2: .* holds '5': flags and numbers"):
        read("5", "on", "off")
    np.testing.assert_array_equal(cells.read(pl.Series("b", [True, False]), place).values, [1, 0])


def test_a_unit_that_cells_share_is_the_columns() -> None:
    """Two units, or another than is known, are refused."""
    found = read("19.6 °C", "20 °C", "", "21°C")
    assert found.units == ("°C",)
    assert found.notes == ("unit: temp is in °C by its cells",)
    assert read("5 apples", "6 apples").units == ("apples",)
    assert read("5 °C", "6", unit="°C").units == ("°C",)
    assert read("5", "6", unit="°C").units == ("°C",)
    assert read("1,2 kW", "0,9 kW").values[0, 0] == np.float32(1.2)
    with pytest.raises(DataError, match=r"line 2: .* holds '800 W', line 3: .* holds '1.2 kW': expected one unit"):
        read("800 W", "1.2 kW")
    with pytest.raises(DataError, match=r"line 2: .* holds '5 °F'; its unit is °C"):
        read("5 °F", unit="°C")
    with pytest.raises(DataError, match=r"line 3: .* holds '6 apples', not a number"):
        read("5", "6 apples", "7", "8")


@pytest.mark.parametrize(
    ("values", "are_numbers"),
    [
        (["19.6 °C", "20 °C", "unavailable"], True),
        (["'-0.3", "1.1"], True),
        (["1,5", "2", "x"], True),
        (["on", "off"], False),
        (["2024-01-01"], False),
        (["12:30"], False),
        (["10.0.0.1"], False),
        (["5 h", "3 kW"], True),  # which is refused for its two units
        (["5 apples", "3 pears"], False),
        (["", None], False),
    ],
)
def test_a_column_of_numbers_is_told_from_others(values: list[str | None], are_numbers: bool) -> None:
    """With units and apostrophes; dates, addresses and flags are none."""
    assert cells.mostly_numbers(text(*values)) is are_numbers


# Typed columns


def test_typed_columns_are_cast_once() -> None:
    """Infinite values are missing, those too large for float32 an error."""
    np.testing.assert_array_equal(cells.read(pl.Series("v", [1, 2, None]), place).values, [1, 2, np.nan])
    np.testing.assert_array_equal(cells.read(pl.Series("v", [1.5, float("inf")]), place).values, [1.5, np.nan])
    with pytest.raises(DataError, match=r"line 3: column 'v' holds 1e\+?39, which is too large for float32"):
        cells.read(pl.Series("v", [1.0, 1e39]), place)


# Host and device


def on_device(cell: str | None, found: cells.Numbers) -> float:
    style = found.style
    reader = NumberReader(
        "temp", decimal=style.decimal, thousands=style.thousands, missing=style.missing, unit=found.units[0]
    )
    value = reader.number(cell)
    return np.nan if value is None else value


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text("0123456789.,-+eE \u00a0'°CkWn/aoinf\u0661_\u2212", max_size=9), min_size=1, max_size=4))
def test_any_column_that_is_read_is_read_alike_on_a_device(values: list[str]) -> None:
    """Cell by cell, by the decision that the host has made."""
    try:
        found = read(*values)
    except DataError:
        return
    expected = np.array([on_device(value, found) for value in values]).astype(np.float32)
    np.testing.assert_array_equal(found.values[:, 0], expected)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=8),
    st.sampled_from(STYLES),
    st.sampled_from(["", " °C", "%", " kWh"]),
    st.integers(0, 4),
)
def test_a_column_in_any_style_is_read_back_or_refused(
    numbers: list[float], style: tuple[str, str], unit: str, digits: int
) -> None:
    """Written by Python's own formatting; never read as something else, on the host or a device."""
    decimal, thousands = style
    marks = {ord(","): thousands, ord("."): decimal}
    values = [f"{number:,.{digits}f}".translate(marks) + unit for number in numbers]
    truth = np.array([float(f"{number:.{digits}f}") for number in numbers])
    # Where all columns are unlike, the user says the sign; then nothing is refused.
    found = cells.read_all([text(*values)], (), place, decimal=decimal)
    np.testing.assert_array_equal(found.values[:, 0], truth.astype(np.float32))
    device = np.array([on_device(value, found) for value in values])
    np.testing.assert_array_equal(device.astype(np.float32), truth.astype(np.float32))
    try:
        guessed = read(*values).values[:, 0]
    except DataError as error:
        if "or a thousands separator?" not in str(error):
            raise
        return
    always_three = digits == 3 or all(re.fullmatch(r"-?[1-9]\d{0,2}\.\d{3}\D*", value) for value in values)
    if not (thousands == "." and always_three):
        np.testing.assert_array_equal(guessed, truth.astype(np.float32))


@given(st.sampled_from(sorted(FLAGS)), st.booleans())
def test_flags_are_the_same_on_a_device(flag: str, upper: bool) -> None:
    """In any case."""
    cell = flag.upper() if upper else flag
    found = read(cell, "off")
    assert on_device(cell, found) == found.values[0, 0]
