"""Numbers, durations, dates and tables for people."""

import math

import numpy as np
import pytest

from edgeseq.text import COLUMNS, decimals_of, duration, error, every, moment, table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3600, "1 h"),
        (5400, "90 min"),
        (86400 * 7, "7 d"),
        (152 * 7 * 86400, "1064 d"),
        (0.01, "10 ms"),
        (2629746, "30.4 d"),
        (1e300, "1e+300 s"),
        (math.inf, "inf s"),
    ],
)
def test_a_duration_is_in_the_unit_in_which_it_is_whole(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_rate_below_a_second_is_a_rate() -> None:
    assert [every(period) for period in (3600, 1, 0.01)] == ["one every 1 h", "one every 1 s", "100 a second"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01"),
        (1772366400, "2026-03-01 12:00"),
        (1772366401, "2026-03-01 12:00:01"),
        (-3e11, "-3e+11 s after 1970"),
    ],
)
def test_a_moment_has_as_much_of_the_time_as_it_needs(seconds: float, text: str) -> None:
    assert moment(seconds) == text


@pytest.mark.parametrize(
    ("values", "decimals"),
    [([1, 2, 300], 0), ([316.1, 317.3, np.nan], 1), ([20.25, 3.5], 2), ([0.1234567, 1.0], None), ([np.nan], None)],
)
def test_data_end_after_so_many_decimals(values: list[float], decimals: int | None) -> None:
    assert decimals_of(np.array(values, np.float32)) == decimals


def test_an_error_has_one_digit_more_than_the_data_and_two_figures_at_least() -> None:
    assert [error(value, 1) for value in (0.4905, 2.026, 0.00123, 0.0)] == ["0.49", "2.03", "0.0012", "0.00"]
    assert error(0.4905) == "0.4905"
    assert error(math.nan, 1) == "-"


def test_a_table_that_is_too_wide_has_its_header_on_two_lines() -> None:
    header = ("RMSE by fold", *(f"a long name {number}" for number in range(6)))
    lines = table(header, [("one", *"123456")]).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= COLUMNS
    assert lines[0].split() == ["RMSE", *["a", "long"] * 6]
    assert lines[1].split()[:4] == ["by", "fold", "name", "0"]
    assert len(table(("a b", "c d"), [("1", "2")]).splitlines()) == 3
