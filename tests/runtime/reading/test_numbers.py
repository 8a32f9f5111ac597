"""Numbers as they are written in cells and messages."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.numbers import NumberReader, RowReader
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Feature

GERMAN: dict[str, Any] = {"decimal": ",", "thousands": "."}
ENGLISH: dict[str, Any] = {"decimal": ".", "thousands": ","}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("19.6", 19.6),
        (" 19.6 ", 19.6),
        ("+5", 5.0),
        ("\u22125", -5.0),
        ("\u20130.5", -0.5),
        ("'-0.065", -0.065),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("5.", 5.0),
        ("21,5", 21.5),
        ("0,125", 0.125),
        ("1 234,5", 1234.5),
        ("1\u00a0234\u00a0567", 1234567.0),
        ("1\u202f234.5", 1234.5),
        ("1'234.5", 1234.5),
        ("1\u2019234\u2019567.25", 1234567.25),
        ("19.6 °C", 19.6),
        ("12°C", 12.0),
        ("40.4 %", 40.4),
        ("1,2 kW", 1.2),
        ("3.5 m3/h", 3.5),
        ("-7\u00a0W/m²", -7.0),
    ],
)
def test_a_number_is_read_where_it_can_be_one_only(cell: str, value: float) -> None:
    """Without any decision, what leaves no doubt is read."""
    assert NumberReader("temp")(cell) == value


@pytest.mark.parametrize(
    ("style", "cell", "value"),
    [
        (GERMAN, "1.050", 1050.0),
        (GERMAN, "1.234.567,5", 1234567.5),
        (GERMAN, "1,250", 1.25),
        (GERMAN, "-1.050 W", -1050.0),
        (ENGLISH, "1,050", 1050.0),
        (ENGLISH, "1,234,567.5", 1234567.5),
        (ENGLISH, "12,34,567", 1234567.0),
        ({"decimal": ","}, "20.5", 20.5),
        ({"decimal": ","}, "1050.5", 1050.5),
    ],
)
def test_the_decision_of_training_says_what_a_mark_is(style: dict[str, Any], cell: str, value: float) -> None:
    """A point parts thousands where it did in training."""
    assert NumberReader("power", **style)(cell) == value


@pytest.mark.parametrize(
    ("style", "cell"),
    [({}, "1,250"), ({"decimal": ","}, "1.050"), ({}, "-1,250 W"), ({"decimal": ","}, "999.999")],
)
def test_what_may_be_two_numbers_is_refused(style: dict[str, Any], cell: str) -> None:
    """One mark before three digits is decimal or parts thousands; the error names the option."""
    with pytest.raises(DataError, match=r"a decimal (comma|point) or a thousands separator\? --decimal says which"):
        NumberReader("power", **style)(cell)


@pytest.mark.parametrize(
    "cell",
    ["1_0", "\u0661\u0662", "\uff11\uff12", "0x1F", "12abc", "1..2", "1.2.3", "20:15", "2024-01-01", "10m30s", "5e",
     "1 23", "1'23", "--5", "''5", "1" * 401, "1,2,3", "x", "e5", "5 apples", "1,250.5,5"],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_none(cell: str) -> None:
    """Forms of programming languages, dates, and words behind digits are refused, with the cell in the error."""
    with pytest.raises(DataError, match="temp is"):
        NumberReader("temp")(cell)


@pytest.mark.parametrize(
    "word",
    ["", " ", "NaN", "-nan", "inf", "-INF", "Infinity", "1e999", "n/a", "NULL", "None", "nil", "unavailable", "Unknown",
     "-", "--", "\u2014", "?", "#N/A", "#VALUE!", "#DIV/0!", "Bad", "Bad Input", "I/O Timeout", "Comm Fail", "No Data",
     "offline", "Pt Created"],
)  # fmt: skip
def test_words_for_a_missing_value_are_none_in_any_case(word: str) -> None:
    """As historians, hubs and spreadsheets write them."""
    for cell in (word, word.upper(), word.lower()):
        assert NumberReader("temp")(cell) is None
        assert NumberReader("temp").number(cell) is None


def test_further_words_and_codes_are_missing_in_text_and_as_numbers() -> None:
    """A code is a number: it is found however it is written, and as float32 has it."""
    read = NumberReader("temp", decimal=",", missing=("kaputt", "-127", "-999.9"))
    assert [read(cell) for cell in ("KAPUTT", "-127", "-127,0", "-1270e-1", "\u2212127", "-126")] == [None] * 5 + [-126]
    assert [read.number(value) for value in (-127, -127.0, -999.9000244140625, "-127", 5)] == [None] * 4 + [5]
    with pytest.raises(DataError):
        read("defekt")


def _feature(name: str, minimum: float, maximum: float) -> Feature:
    return Feature(name, "", 0.5, 0.5, 0.1, minimum, maximum, level=True, center=0.0, scale=1.0)


def test_flags_are_one_and_zero_where_the_values_were() -> None:
    """A temperature that is "on" is none."""
    flag = NumberReader("pump")
    assert [flag(cell) for cell in ("on", "OFF", "True", "false", "yes", "No")] == [1, 0, 1, 0, 1, 0]
    assert [flag.number(value) for value in (True, False, "on")] == [1, 0, 1]
    temp = NumberReader.of(_feature("temp", 15, 25), Reading())
    for value in (True, "on"):
        with pytest.raises(DataError, match="temp is"):
            temp.number(value)
    assert NumberReader.of(_feature("pump", 0, 1), None)("on") == 1


def test_a_unit_is_the_features_own_or_the_first_that_came() -> None:
    """Another unit is never taken for it: 12 kW are not 12 W."""
    own = NumberReader("temp", unit="°C")
    assert [own(cell) for cell in ("12 °C", "12 \u2103", "12 degC", "12 C", "12")] == [12] * 5
    with pytest.raises(DataError, match=r"temp is '12 °F'; its unit is °C"):
        own("12 °F")
    first = NumberReader("power")
    assert [first(cell) for cell in ("800 W", "900", "700 W")] == [800, 900, 700]
    with pytest.raises(DataError, match=r"power is '1.2 kW'; its unit is W"):
        first("1.2 kW")
    assert NumberReader("basket", unit="apples")("5 apples") == 5


@pytest.mark.parametrize(
    ("value", "said"),
    [([1], "a list"), ({}, "an object"), (10**400, "too large"), (Decimal(1), "a value of type Decimal")],
)
def test_values_that_are_no_numbers_are_refused(value: Any, said: str) -> None:
    """With what they are."""
    with pytest.raises(DataError, match=said):
        NumberReader("temp").number(value)


def test_a_number_of_json_that_is_not_finite_is_missing() -> None:
    """Of its own field."""
    row = RowReader([NumberReader("temp"), NumberReader("hum")])
    assert row.numbers([20.1, math.nan]) == (20.1, None)
    assert row.numbers([-math.inf, None]) == (None, None)
    assert row.cells(["inf", "5"]) == (None, 5.0)


@given(st.lists(st.text("0123456789.,-+eE_ naif\u0661'", max_size=8), min_size=2, max_size=2))
def test_a_row_is_read_as_its_cells_are(cells: list[str]) -> None:
    """The quick way of plain numbers is no other reading."""
    readers = [NumberReader("a"), NumberReader("b")]

    def one_by_one() -> tuple[float | None, ...] | str:
        try:
            return tuple(reader(cell) for reader, cell in zip(readers, cells, strict=True))
        except DataError as error:
            return str(error)

    try:
        row: tuple[float | None, ...] | str = RowReader(readers).cells(cells)
    except DataError as error:
        row = str(error)
    assert row == one_by_one()


@given(st.floats(-1e12, 1e12), st.sampled_from([(".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", "'")]))
def test_a_number_written_in_a_style_is_read_back(number: float, style: tuple[str, str]) -> None:
    """With thousands parted and four digits behind the sign, as Python's own formatting writes it."""
    decimal, thousands = style
    text = f"{number:,.4f}".translate({ord(","): thousands, ord("."): decimal})
    assert NumberReader("x", decimal=decimal, thousands=thousands)(text) == float(f"{number:.4f}")
