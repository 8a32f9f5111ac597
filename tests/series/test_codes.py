"""Codes for "no value" are told by their statistics, and nothing else is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq.series.codes import suspects
from edgeseq_runtime.arrays import Float64

SIZES = (60, 480, 5000)


def temperatures(rng: np.random.Generator, samples: int = 480) -> Float64:
    return np.round(20 + 4 * np.sin(np.arange(samples) / 24 * 2 * np.pi) + rng.normal(0, 0.3, samples), 2)


def found(values: npt.NDArray[Any]) -> dict[float, int]:
    return {code.value: code.rows for code in suspects(values.astype(np.float32))}


@pytest.mark.parametrize(
    ("code", "rows"),
    [(-127, 6), (-127, 2), (85, 6), (-999, 3), (-9999, 200), (65535, 5), (9999, 2), (1e6, 3), (1234.5, 5), (-55.25, 4)],
)
def test_an_isolated_value_that_comes_again_is_named(code: float, rows: int) -> None:
    """A sensor's own code by little, any other number by more."""
    rng = np.random.default_rng(1)
    values = temperatures(rng)
    values[rng.choice(len(values), rows, replace=False)] = code
    assert found(values) == {code: rows}


def test_a_ds18b20_that_restarts_among_warm_samples_is_named() -> None:
    """85.0, which it says before its first measurement, is near a boiler's 54 to 72."""
    rng = np.random.default_rng(2)
    values = np.round(rng.uniform(54, 72, 480), 1)
    values[rng.choice(480, 6, replace=False)] = 85
    assert found(values) == {85: 6}


def test_several_codes_and_spikes_do_not_hide_each_other() -> None:
    """Each is judged by what is left without those outside of it."""
    rng = np.random.default_rng(3)
    values = temperatures(rng)
    rows = rng.choice(480, 15, replace=False)
    values[rows[:6]], values[rows[6:10]], values[rows[10:13]] = -127, 85, -9999
    values[rows[13]], values[rows[14]] = 1.1e6, 2e6  # each once: no codes
    assert found(values) == {-127: 6, 85: 4, -9999: 3}


def test_the_line_says_what_to_type() -> None:
    """The distance is in deviations of the others; float32 is written briefly."""
    values = temperatures(np.random.default_rng(4)).astype(np.float32)
    values[[3, 50, 99]] = np.float32(-999.9)
    (code,) = suspects(values)
    others = values[values > -900].astype(np.float64)
    away = (others.min() + 999.9) / others.std()
    assert str(code) == f"-999.9 in 3 rows, {away:.0f} deviations from all others: --na -999.9 takes it as missing"


def test_a_rare_code_in_a_long_series_is_named() -> None:
    """Though only some of its values are put in order."""
    values = np.resize(temperatures(np.random.default_rng(5), 4800), 1_000_003)
    values[[77_777, 500_001, 900_001]] = -127
    assert found(values) == {-127: 3}


NORMAL: dict[str, Callable[[np.random.Generator, int], npt.NDArray[Any]]] = {
    "normal": lambda rng, n: rng.normal(20, 3, n).round(1),
    "whole numbers": lambda rng, n: rng.normal(20, 3, n).round(),
    "wave": temperatures,
    "few counts": lambda rng, n: rng.poisson(0.2, n).astype(float),
    "counts": lambda rng, n: rng.poisson(50, n).astype(float),
    "long tail": lambda rng, n: rng.lognormal(2, 1.5, n).round(),
    "very long tail": lambda rng, n: rng.pareto(1.2, n).round(),
    "cauchy": lambda rng, n: rng.standard_cauchy(n).round(1),
    "constant 85": lambda _, n: np.full(n, 85.0),
    "on and off": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "states": lambda rng, n: rng.choice([0, 1, 2, 3, 10, 255], n, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]),
    "clipped at 100": lambda rng, n: np.clip(rng.normal(90, 15, n), 0, 100).round(1),
    "clipped at 0": lambda rng, n: np.clip(rng.normal(0, 5, n), 0, None).round(1),
    "rain": lambda rng, n: (np.where(rng.random(n) < 0.05, rng.exponential(3, n), 0) * 5).round() / 5,
    "counter that starts again": lambda rng, n: np.cumsum(rng.poisson(3, n)) % 500.0,
    "kettle": lambda rng, n: np.where(rng.random(n) < 0.05, rng.normal(2000, 8, n), rng.normal(3, 0.5, n)).round(),
    "walk": lambda rng, n: np.cumsum(rng.normal(0, 1, n)).round(1),
    "set points": lambda _, n: np.where(np.arange(n) % 48 < 20, 21.0, 17.0),
    "solar": lambda rng, n: np.round(np.maximum(0, np.sin(np.arange(n) / 4)) * rng.uniform(0, 800, n)),
    "missing": lambda _, n: np.full(n, np.nan),
}


@pytest.mark.parametrize("kind", NORMAL)
def test_what_is_no_code_is_not_named(kind: str) -> None:
    """Tails, plateaus, steps and switches are usual."""
    for seed in range(20):
        for samples in SIZES:
            assert not found(NORMAL[kind](np.random.default_rng(seed), samples))


def test_what_sensors_are_known_to_say_is_named_though_it_comes_once() -> None:
    """Where it is far off; another number that comes once may be a measurement."""
    values = temperatures(np.random.default_rng(6))
    values[77] = -127
    assert found(values) == {-127: 1}
    values[77] = -131
    assert not found(values)
