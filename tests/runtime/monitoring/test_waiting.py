"""Forecasts that wait for their truths, beside a dictionary that keeps all of them."""

from collections import deque
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.testing import make_spec
from edgeseq_runtime.monitoring.monitor import Monitor
from edgeseq_runtime.monitoring.waiting import Waiting
from edgeseq_runtime.spec import Residuals, Spec

Float32 = npt.NDArray[np.float32]

STREAMS = 3
ALL, FIRST = slice(0, STREAMS), slice(0, 1)

streams = st.lists(st.integers(0, STREAMS - 1), min_size=1, max_size=STREAMS, unique=True)
moves = st.lists(
    st.tuples(st.sampled_from(["all"] * 4 + ["block", "undone"]), st.integers(1, 12))
    | st.tuples(st.sampled_from(["some"] * 4 + ["forget", "erase", "snapshot", "earlier snapshot"]), streams),
    max_size=40,
)


@given(st.integers(1, 60), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_each_step_ahead_has_a_ring_of_as_many_places(horizon: int, targets: int, begin: int) -> None:
    """Queues of Python's, one for each step ahead, from any turn on; not a word more than these need."""
    waiting = Waiting(horizon, targets)
    words, number = np.full(waiting.words, np.nan), 0
    queues: list[deque[list[float]]] = [deque([[np.nan] * targets] * step) for step in range(1, horizon + 1)]
    assert waiting.words == targets * sum(map(len, queues))
    for turn in range(begin, begin + 2 * horizon + 3):
        np.testing.assert_array_equal(words[waiting.in_order(turn)], [one for queue in queues for one in queue])
        read, written = waiting.at(turn)
        np.testing.assert_array_equal(np.sort(read, axis=None), np.sort(written, axis=None))
        np.testing.assert_array_equal(words[read], [queue.popleft() for queue in queues])
        said = np.arange(number, number := number + horizon * targets).reshape(horizon, targets)
        words[written] = said
        for queue, one in zip(queues, said.tolist(), strict=True):
            queue.append([float(value) for value in one])


@pytest.mark.parametrize("horizon", [255, 256, 257, 400])
def test_horizons_too_long_to_keep_all_places_have_the_same(horizon: int) -> None:
    waiting = Waiting(horizon, 1)
    for turn in (*range(waiting.turns), *range(waiting.turns)):
        for found, wanted in zip(waiting.at(turn), (waiting.read(turn), waiting.written(turn)), strict=True):
            np.testing.assert_array_equal(found, wanted)


class Dictionary:
    """All that was said of one stream's samples."""

    def __init__(self, spec: Spec) -> None:
        self.horizon, self.targets = spec.horizon, len(spec.targets)
        self.said: dict[tuple[int, int], Float32] = {}  # (sample, steps ahead)
        self.number = 0

    def of(self, number: int, ahead: int) -> Float32:
        """Return what was said of a sample so many steps ahead of it."""
        return self.said.get((number, ahead), np.full(self.targets, np.nan, np.float32))

    def errors(self, truth: Float32, forecast: Float32) -> Float32:
        """Take a sample and the forecast after it; return the errors (horizon, target)."""
        found = np.stack([truth - self.of(self.number, ahead) for ahead in range(1, self.horizon + 1)])
        self.number += 1
        self.said |= {(self.number + step, step + 1): one for step, one in enumerate(forecast)}
        return found

    def in_an_earlier_version(self, age: int) -> Float32:
        """Return what `monitor.said` was: a place for each sample to come, and what is over as it was."""
        said = np.full((self.horizon, self.horizon, self.targets), 99, np.float32)
        for ahead in range(1, self.horizon + 1):
            for coming in range(ahead):
                said[(age + coming) % self.horizon, ahead - 1] = self.of(self.number + coming, ahead)
        return said


class Watched:
    """Streams of a monitor, each beside its dictionary."""

    def __init__(self, spec: Spec, seed: int) -> None:
        self.spec, self.monitor, self.random = spec, Monitor(spec, STREAMS), np.random.default_rng(seed)
        self.kept = [Dictionary(spec) for _ in range(STREAMS)]

    def made_up(self, *shape: int) -> Float32:
        """Return numbers of which some are not known."""
        numbers = self.random.standard_normal((*shape, len(self.spec.targets)))
        return np.where(self.random.random(numbers.shape) < 0.1, np.nan, numbers).astype(np.float32)

    def take(self, rows: "slice | npt.NDArray[np.intp]") -> None:
        """Have the streams at `rows` take a sample each."""
        chosen = np.arange(STREAMS)[rows]
        truths, forecasts = self.made_up(len(chosen)), self.made_up(len(chosen), self.spec.horizon)
        found = self.monitor.update(rows, truths, forecasts)
        for row, *made in zip(chosen, found, truths, forecasts, strict=True):
            np.testing.assert_array_equal(made[0], self.kept[row].errors(*made[1:]))

    def take_block(self, count: int) -> None:
        """Have the first stream take samples in a row."""
        truths, forecasts = self.made_up(count), self.made_up(count, self.spec.horizon)
        for made in zip(self.monitor.update_through(truths, forecasts)[2], truths, forecasts, strict=True):
            np.testing.assert_array_equal(made[0], self.kept[0].errors(*made[1:]))

    def undo(self) -> None:
        """Have the streams take a sample that is taken back, as after an interruption."""
        monitor, turns = self.monitor, self.monitor.turns
        arrays = [array.copy() for array in monitor.row_arrays()]
        monitor.update(ALL, self.made_up(STREAMS), self.made_up(STREAMS, self.spec.horizon))
        for array, before in zip(monitor.row_arrays(), arrays, strict=True):
            array[...] = before
        monitor.look_up()
        monitor.turns = turns

    def load(self, row: int, *, is_earlier: bool) -> None:
        """Have a stream go on from its snapshot."""
        arrays, age = self.monitor.arrays_of(row), int(self.random.integers(100))
        assert self.monitor.might_hold(arrays)
        if is_earlier:
            del arrays["monitor.waiting"]
            (name,) = self.monitor.earlier()
            arrays[name] = self.kept[row].in_an_earlier_version(age)
            assert arrays[name].shape == self.monitor.earlier()[name].shape
        self.monitor.load(row, age, arrays)

    def forget(self, row: int, *, is_erased: bool) -> None:
        """Have a stream begin afresh, or anew."""
        (self.monitor.erase if is_erased else self.monitor.forget)(np.array([row]))
        self.kept[row] = Dictionary(self.spec)


@given(st.integers(1, 9), st.integers(1, 2), moves, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_however_streams_move_each_truth_meets_what_was_said_of_it(
    horizon: int, targets: int, moves: list[tuple[str, int | list[int]]], seed: int
) -> None:
    """Together, some of them, one in blocks; taken back, begun afresh or anew; from snapshots, earlier ones too."""
    spec = make_spec(horizon=horizon, targets=targets, features=targets)
    residuals = Residuals((0.1, 0.5, 0.9), (((-1.0, 0.0, 1.0),) * targets,) * horizon)
    watched = Watched(replace(spec, residuals=residuals), seed)
    for kind, what in (*moves, ("all", 1), ("some", [2, 0])):
        if kind == "all":
            watched.take(ALL)
        elif kind == "some":
            watched.take(np.array(what))
        elif kind == "block":
            assert isinstance(what, int)
            watched.take_block(what)
        elif kind == "undone":
            watched.undo()
        else:
            assert isinstance(what, list)
            for row in what:
                if kind in {"forget", "erase"}:
                    watched.forget(row, is_erased=kind == "erase")
                else:
                    watched.load(row, is_earlier=kind == "earlier snapshot")
