"""Copies: the same law at another pace, size and place, and nothing that was not measured."""

from dataclasses import replace
from itertools import pairwise
from typing import Unpack

import numpy as np
import pytest
import torch

from edgeseq.series import Part, Parts, Series, augment, load
from edgeseq.series.gaps import Filled, fill
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.network import Network
from edgeseq.training.options import TrainingKeywords, TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq.training.tbptt import TbpttBatches

STEP = 0.01
"""Of the sine's argument, from sample to sample."""


def sine(samples: int, step: float = STEP, first: float = 0.0) -> np.ndarray:
    return np.sin(step * (first + np.arange(samples)))


def filled(values: np.ndarray) -> Filled:
    return fill(values.astype(np.float32)[:, None])


@pytest.mark.parametrize("rate", augment.RATES)
def test_the_copy_of_a_sine_is_a_sine_of_another_frequency(rate: float) -> None:
    """Within float32's rounding, 6e-8, of the samples that it is made of: it begins with the second."""
    (copy,) = augment.at_other_rates(filled(sine(3000)), [rate])
    assert len(copy.values) == pytest.approx(3000 / rate, abs=4)
    wanted = np.sin(STEP * (1 + rate * np.arange(len(copy.values))))
    np.testing.assert_allclose(copy.values[:, 0], wanted, atol=1.2e-7, rtol=0)


@pytest.mark.parametrize("rate", augment.RATES)
def test_a_series_of_any_length_can_be_copied(rate: float) -> None:
    """Where the steps of a copy add up to just the last place, rounding must not lead past it."""
    for samples in [*range(5, 200), *range(2200, 2300)]:
        (copy,) = augment.at_other_rates(filled(np.arange(samples)), [rate])
        assert copy.values[-1, 0] <= samples - 2


def test_a_cubic_is_copied_exactly() -> None:
    """Four points determine it."""
    time = np.arange(50.0)
    values = (time - 20) ** 3 / 1000 - time
    (copy,) = augment.at_other_rates(filled(values), [0.8])
    at = 1 + 0.8 * np.arange(len(copy.values))
    np.testing.assert_allclose(copy.values[:, 0], (at - 20) ** 3 / 1000 - at, rtol=1e-6, atol=1e-6)


def test_no_copy_reaches_over_a_gap() -> None:
    """Two segments with a jump between: each copy stays on its own side, and a segment of four samples has none."""
    values = np.concatenate([np.zeros(60), np.full(5, np.nan), np.full(40, 100.0), np.full(5, np.nan), np.zeros(4)])
    found = augment.at_other_rates(filled(values), [0.8, 1.25])
    assert [np.unique(copy.values).tolist() for copy in found] == [[0.0], [100.0], [0.0], [100.0]]
    assert [len(copy.values) for copy in found] == [72, 47, 46, 30]
    assert all(copy.segments == ((0, len(copy.values)),) for copy in found)


def test_what_was_filled_in_does_not_count_as_measured_nor_does_what_is_made_of_it() -> None:
    """A copy's value is made of four samples: each of these must have been measured."""
    values = sine(200)
    values[100:102] = np.nan
    (copy,) = augment.at_other_rates(filled(values), [0.8])
    at = 1 + 0.8 * np.arange(len(copy.values))
    made_of = np.floor(at + 1e-9)[:, None] + np.arange(-1, 3)
    wanted = ~np.isin(made_of, [100, 101]).any(axis=1)
    np.testing.assert_array_equal(copy.observed[:, 0], wanted)
    exact = np.abs(copy.values[:, 0] - np.sin(STEP * at)) < 1.2e-7
    assert exact[copy.observed[:, 0]].all()
    assert not exact.all()


# In training


def planned(values: np.ndarray, **options: Unpack[TrainingKeywords]) -> Plan:
    values = values.astype(np.float32)[:, None]
    ends = int(0.7 * len(values)), int(0.8 * len(values))
    parts = Parts(values[: ends[0]], Part(values[: ends[1]], ends[0]), Part(values, ends[1]))
    series = Series("made", ("v",), ("",), 1, values, np.arange(len(values)))
    chosen: TrainingKeywords = {"steps": 5, "hidden": 4, **options}
    return plan(series, parts, TrainingOptions(**chosen))


def batches(made: Plan) -> TbpttBatches:
    network = Network(made.spec)
    return TbpttBatches(made.spec, made.hyperparameters, made.train, network, torch.device("cpu"), ProcessGroup())


def batch(streams: TbpttBatches, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets, which of them count, and the readers that begin afresh."""
    random = np.random.default_rng(seed)
    window = streams.next_window(random)
    inputs, targets, counts = streams.batch(window, random)
    return inputs.numpy().astype(np.float64), targets.numpy(), counts.numpy().astype(bool), window.fresh


@pytest.mark.parametrize("step", [0.05, 1.9])
def test_a_copys_target_is_what_its_scaled_series_does_next(step: float) -> None:
    """Of a slow sine and of a fast one, level and change go together."""
    made = planned(sine(4000, step), level=True, season=100)
    made = replace(made, hyperparameters=replace(made.hyperparameters, augment=True, input_noise=0.0))
    spec, feature = made.spec, made.spec.features[0]
    streams = batches(made)
    for number in range(6):
        inputs, targets, counts, _ = batch(streams, number)
        level, change = inputs[..., 0] * feature.scale, inputs[..., 1] * feature.change
        assert np.abs(np.diff(level, axis=0) - change[1:])[counts[1:, :, 0]].max() < 2e-6
        said = targets[..., 0] * spec.target_scales[0][0]
        following = level + said
        both = counts[:-1, :, 0] & counts[1:, :, 0]
        assert np.abs(following[:-1] - level[1:])[both].max() < 2e-6


def test_half_of_the_readers_read_copies_of_many_sizes_and_places() -> None:
    """The others read the series itself; a reader keeps its size and place for as long as its memory."""
    series, parts = load(None)
    made = plan(series, parts, TrainingOptions(steps=5, hidden=4))
    assert made.hyperparameters.augment
    streams = batches(made)
    half = made.hyperparameters.batch_size // 2
    for number in range(20):
        before = streams.gain.copy(), streams.shift.copy()
        *_, fresh = batch(streams, number)
        same = (streams.gain == before[0]) & (streams.shift == before[1])
        assert same[~fresh].all()
        assert not same[half:][fresh[half:]].any()
        assert (streams.gain[:half] == 1).all()
        assert (streams.shift[:half] == 0).all()
    assert 0.49 < streams.gain[half:].min() < 0.8
    assert 1.25 < streams.gain[half:].max() < 2.02
    assert -0.5 <= streams.shift[half:].min() < -0.2
    assert 0.2 < streams.shift[half:].max() <= 0.5


def test_the_copies_readers_read_nothing_but_copies_and_all_of_them() -> None:
    made = planned(sine(4000, 0.05), season=100)
    made = replace(made, hyperparameters=replace(made.hyperparameters, augment=True))
    streams = batches(made)
    half, original = made.hyperparameters.batch_size // 2, len(made.train.values)
    seen: set[int] = set()
    for number in range(60):
        rows = streams.next_window(np.random.default_rng(number)).rows
        assert rows[:, :half].max() < original
        assert rows[:, half:].min() >= original
        seen |= set(rows[:, half:].ravel().tolist())
    borders = original + np.cumsum([0] + [len(copy.values) for copy in augment.at_other_rates(made.train)])
    assert all(any(start <= row < stop for row in seen) for start, stop in pairwise(borders))


@pytest.mark.parametrize(("period", "wanted"), [(5.3, False), (9.1, False), (30, True), (200, True)])
def test_copies_are_made_where_they_obey_the_law_as_well(period: float, wanted: bool) -> None:
    """Between a few samples a period, a cubic is no sine: training on it was five times worse than without."""
    assert planned(sine(4000, 2 * np.pi / period)).hyperparameters.augment is wanted
    assert not planned(sine(4000, 2 * np.pi / period), layout="steps").hyperparameters.augment


def test_without_a_linear_law_there_are_no_copies() -> None:
    series, parts = load("co2")
    made = plan(series, parts, TrainingOptions(steps=5))
    assert not made.hyperparameters.augment
    streams = batches(made)
    assert len(streams.inputs) == len(made.train.values)
    batch(streams, 0)
    assert (streams.gain == 1).all()
