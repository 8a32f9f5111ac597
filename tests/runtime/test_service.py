"""Streams by name: each as if it were alone, and saved only as far as it was acknowledged."""

import functools
import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError, SnapshotError
from edgeseq_runtime.mqtt.deduplication import SeenMessages
from edgeseq_runtime.outcomes import StepResult
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.service import named_streams
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.service.single_stream import SingleStream
from edgeseq_runtime.service.streams import Answer, NamedSample, State
from edgeseq_runtime.stores import streams_0_1
from edgeseq_runtime.stores.base import StreamRow
from tests.helpers.states import contained


def test_what_is_saved_is_the_last_sample_acknowledged_of_each_stream(model: bytes) -> None:
    """Not a later one, and of a stream without any nothing at all."""
    many = NamedStreams(Pool(model))
    assert not list(many.changed())
    states = []
    for value in (0.1, 0.2, 0.3):
        many.step("a", value)
        states.append(many.state("a"))
        many.step("b", value)
    many.acknowledge("a", states[1])
    many.marks["a"] = ["1:abc"]
    resumed = NamedStreams(Pool(model))
    assert resumed.load(many.changed()) == "resumed 1 streams after 2 samples"
    assert resumed.marks == {"a": ["1:abc"]}
    unbroken = Predictor(model)
    unbroken.run([0.1, 0.2])
    answer = resumed.step("a", 0.3)
    np.testing.assert_allclose(answer.forecast, unbroken.step(0.3), rtol=1e-6, atol=1e-6)
    assert (answer.number, resumed.step("b", 0.1).number) == (2, 0)


def test_marks_that_are_forgotten_are_saved_anew_without_a_sample(model: bytes) -> None:
    """Only those of streams that had some of the broker's numbers, and without packing a state."""
    many = NamedStreams(Pool(model))
    for name, mark in (("a", "1:abc"), ("b", "def")):
        many.step(name, 0.1)
        many.acknowledge(name)
        many.marks[name] = [mark]
    many.kept()
    many.marks_changed(SeenMessages(many.marks).forget_numbers())
    assert list(many.changed()) == [StreamRow("a", 1, None, ("abc",))]
    many.acknowledge("a")
    assert [row.snapshot is None for row in many.changed()] == [False]
    many.kept()
    assert not list(many.changed())


def test_one_stream_and_one_of_many_say_the_same(model: bytes) -> None:
    single, many = SingleStream(Predictor(model)), NamedStreams(Pool(model))
    for value in (0.1, 0.2, None, 0.4, 0.5):
        one, other = single.step("", (value,)), many.step("", (value,))
        np.testing.assert_allclose(one.forecast, other.forecast, rtol=1e-6, atol=1e-6)
        assert (one.status, one.warm, one.number) == (other.status, other.warm, other.number)


samples = st.tuples(
    st.sampled_from("abcd"), st.floats(-1, 1) | st.sampled_from([None, "text", (0.1, 0.2)]), st.just(None)
)


@given(st.lists(samples, max_size=30), st.data())
def test_samples_taken_together_are_taken_as_one_after_the_other(
    model: bytes, given_samples: list[tuple[str, Any, None]], data: st.DataObject
) -> None:
    """In any grouping; samples that are refused move no stream, and disturb none in the same step of the pool."""
    session = open_session(model)
    one, many = (NamedStreams(Pool(session, missing="error")) for _ in range(2))
    expected: list[StepResult | str] = []
    for name, values, time in given_samples:
        try:
            expected.append(one.step(name, values, time))
        except (DataError, MissingSampleError) as error:
            expected.append(str(error))
    found: list[StepResult | EdgeseqError] = []
    kept: dict[int, State] = {}
    while len(found) < len(given_samples):
        start = len(found)
        group = given_samples[start : start + data.draw(st.integers(1, 30))]
        found += many.step_all(group, lambda at, state: kept.__setitem__(start + at, state))  # noqa: B023 - called at once
    for answer, wanted in zip(found, expected, strict=True):
        if isinstance(wanted, str) or isinstance(answer, EdgeseqError):
            assert str(answer) == wanted
        else:
            np.testing.assert_allclose(answer.forecast, wanted.forecast, rtol=1e-5, atol=1e-6)
            assert answer[1:4] == wanted[1:4]
    for name in {name for name, _, _ in given_samples if name in one}:
        last = max(at for at in kept if given_samples[at][0] == name)
        number, state = one.state(name)
        assert kept[last][0] == number
        np.testing.assert_equal(dict(kept[last][1].counters), dict(state.counters))  # NaN equals NaN here
        for array, other in zip(kept[last][1].arrays.values(), state.arrays.values(), strict=True):
            np.testing.assert_allclose(array, other, rtol=1e-5, atol=1e-6)


def test_samples_of_many_streams_are_one_step_of_the_pool(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many steps as the stream with the most samples has, and the samples of each in their order."""
    steps: list[list[object]] = []
    process = Pool.process

    def counted(self: Pool, samples: Mapping[Any, Any], *words: Any) -> Any:
        steps.append(list(samples))
        return process(self, samples, *words)

    monkeypatch.setattr(Pool, "process", counted)
    many = NamedStreams(Pool(model))
    answers = many.step_all([(name, 0.1, None) for name in ("a", "b", "a", "c", "a", "b")])
    assert steps == [["a", "b", "c"], ["a", "b"], ["a"]]
    assert [answer.number for answer in answers if isinstance(answer, StepResult)] == [0, 0, 1, 0, 2, 1]


def test_names_that_never_come_again_do_not_fill_the_memory(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_streams, "MAX_STREAMS", 3)
    many = NamedStreams(Pool(model))
    for name in "abc":
        many.step(name, 0.1)
    with pytest.raises(DataError, match="more than 3 streams; the last is 'd'"):
        many.step("d", 0.1)
    many.step("a", 0.2)


def sealed(header: bytes, rest: bytes = b"") -> bytes:
    """A file whose digest is right, whatever it holds."""
    body = struct.pack("<I", len(header)) + header + rest
    return b"edgeseq-streams-1\n" + hashlib.sha256(body).digest() + body


anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "samples", "size", "marks"]), inner)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=80) | anything.map(lambda content: sealed(json.dumps(content).encode(), b"edgeseq")))
def test_no_file_breaks_the_reader(model: bytes, blob: bytes) -> None:
    many = NamedStreams(Pool(model))
    try:
        many.load(streams_0_1.unpack(blob))
    except SnapshotError:
        return
    assert blob.startswith(sealed(b"[]")[:18])


def test_a_file_cut_short_or_changed_is_refused(model: bytes) -> None:
    session = open_session(model)
    many = NamedStreams(Pool(session))
    many.step("a", 0.1)
    many.acknowledge("a")
    blob = contained(many.changed())
    cuts = [*range(0, len(blob), 97), len(blob)]
    for start, stop in pairwise(cuts):
        for damaged in (
            blob[:start],
            blob[:start] + bytes([blob[start] ^ 1]) + blob[start + 1 :],
            blob[:start] + blob[stop:],
        ):
            with pytest.raises(SnapshotError):
                NamedStreams(Pool(session)).load(streams_0_1.unpack(damaged))


@given(
    batches=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.sampled_from([0.1, -0.4, 0.7, None]),
                st.sampled_from([0.0, 10.0, 25.0, 60.0, 200.0, -70.0, "n/a"]),
            ),
            max_size=6,
        ),
        max_size=8,
    ),
    cut=st.integers(0, 7),
    hold=st.sampled_from([None, 90.0]),
)
def test_streams_that_gather_are_each_as_if_alone(
    gathering: Callable[[float | None], bytes], batches: list[list[tuple[str, Any, Any]]], cut: int, hold: float | None
) -> None:
    """Samples in batches of several of one stream; all streams go on from what was kept after the sample before."""
    content = gathering(hold)
    many, now = NamedStreams(Pool(content)), dict.fromkeys("abc", 1.7e9)
    alone = {name: SingleStream(Predictor(content)) for name in "abc"}
    for number, batch in enumerate(batches):
        samples: list[NamedSample] = []
        for name, value, step in batch:
            time = now[name] + step if isinstance(step, float) else step
            now[name] = max(now[name], time) if isinstance(time, float) else now[name]
            samples.append((name, [value], time))
        kept: dict[str, State] = {}
        names = [sample[0] for sample in samples]
        found = many.gather_all(samples, functools.partial(_note, kept, names))
        for sample, answer in zip(samples, found, strict=True):
            name = sample[0]
            wanted = alone[name].gather("", *sample[1:])
            assert isinstance(answer, Answer)
            assert answer.finding == wanted.finding
            for mine, other in zip(answer.periods, wanted.periods, strict=True):
                assert (mine.time, repr(mine.values)) == (other.time, repr(other.values))
                assert isinstance(mine.result, StepResult)
                assert isinstance(other.result, StepResult)
                assert (mine.result.status, mine.result.reason) == (other.result.status, other.result.reason)
                assert (mine.result.number, mine.result.seconds) == (other.result.number, other.result.seconds)
                np.testing.assert_allclose(mine.result.forecast, other.result.forecast, rtol=1e-5, atol=1e-6)
        for name, state in kept.items():
            many.acknowledge(name, state)
        if number == cut:
            resumed = NamedStreams(Pool(content))
            if list(many._numbers):
                for name in list(many._numbers):
                    many.acknowledge(name)
                resumed.load(list(many.changed()))
            many = resumed


def _note(kept: dict[str, State], names: list[str], at: int, state: State) -> None:
    kept[names[at]] = state


@pytest.fixture(scope="module")
def gathering() -> Callable[[float | None], bytes]:
    """Models of minutes that gather their samples, by how long a value holds."""

    @functools.cache
    def made(hold: float | None) -> bytes:
        checkpoint = make_checkpoint(hidden=4, layers=1, period=60.0)
        known = Reading(time=("time",), every=60.0, hold=hold)
        return edgeseq_export.build(replace(checkpoint, spec=replace(checkpoint.spec, time="time", reading=known)))

    return made
