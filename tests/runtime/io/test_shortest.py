"""Numbers as text: what numpy writes of a float32, for many at once."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgeseq_runtime.io.shortest import shortest, shortest_lists


def texts(numbers: np.ndarray) -> list[str]:
    return [repr(float(str(number))) for number in numbers.reshape(-1)]


@pytest.mark.parametrize("exponent", range(256))
def test_any_exponent_has_the_text_that_numpy_gives_it(exponent: int) -> None:
    """All float32 numbers of one exponent are too many: some random ones, the ends, and both signs."""
    random = np.random.default_rng(exponent)
    fractions = np.concatenate([random.integers(0, 1 << 23, 200), [0, 1, 2, (1 << 23) - 1, 1 << 22]])
    if exponent == 255:
        fractions = np.array([0, 1 << 22])  # infinite, and a NaN that computes without a warning
    numbers = ((exponent << 23) + fractions).astype(np.uint32).view(np.float32)
    for signed in (numbers, -numbers):
        assert [repr(value) for value in shortest(signed).tolist()] == texts(signed)


@given(st.integers(1, 8), st.integers(-8, 8), st.lists(st.integers(-(10**8), 10**8), min_size=20, max_size=40))
def test_decimals_that_people_write_come_back_as_they_were(digits: int, places: int, numbers: list[int]) -> None:
    """Numbers of few digits at any place, such as 21.4, whose float32 has many more."""
    values = np.array([float(f"{number % 10**digits}e{places}") for number in numbers], np.float32)
    assert [repr(value) for value in shortest(values).tolist()] == texts(values)


@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.floats(width=32)))
def test_lists_have_the_same_shape_and_numbers(numbers: np.ndarray) -> None:
    """Of few numbers and of many, contiguous or not."""
    for given_numbers in (numbers, numbers.T, np.tile(numbers, (1, 13))):
        found = shortest_lists(given_numbers)
        assert np.shape(found) == given_numbers.shape
        assert [repr(value) for row in found for value in row] == texts(given_numbers)


def test_what_is_written_is_what_json_would_write_of_it() -> None:
    """One line of numbers at a time: exponents, whole numbers and small ones among them."""
    from edgeseq.commands.predict.formats import _numbers

    random = np.random.default_rng(0)
    for size in (1, 24):
        for scale in 10.0 ** np.arange(-12, 20):
            numbers = shortest_lists((scale * random.standard_normal(size)).astype(np.float32))
            numbers[0] = [0.0, -0.0, 1.0, float(scale)][random.integers(4)]
            assert _numbers(numbers) == json.dumps(numbers)
    assert _numbers([float("nan"), float("inf"), -float("inf"), 1.5]) == "[null, null, null, 1.5]"
