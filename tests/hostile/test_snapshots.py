"""States that were damaged, or made up with a hash that is right: refused, and the stream is as it was before."""

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import SnapshotError
from edgeseq_runtime.io.text_lines import LONGEST
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.spec import Residuals
from edgeseq_runtime.stores import streams_0_1
from tests.conftest import CommandLine
from tests.helpers.states import contained

MAGIC, STREAMS = b"edgeseq-snapshot-1\n", b"edgeseq-streams-1\n"

Parts = dict[str, Any]


@pytest.fixture(scope="module")
def content() -> bytes:
    """A model of two sensors with a linear path and residuals."""
    made = make_checkpoint(layers=1, hidden=3, horizon=2, linear_path=3, sensors=2)
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    residuals = Residuals(levels, tuple((tuple(level - 0.5 for level in levels),) for _ in range(2)))
    return edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals)))


@pytest.fixture
def predictor(content: bytes) -> Predictor:
    """A stream with every kind of memory."""
    p = Predictor(content, provider="cpu", monitor=True, sensor="s1")
    for number, value in enumerate([10.0, 10.5, None, 11.0, 99.0, 10.2]):
        p.step(value, 1000.0 + number)
    return p


def taken_apart(blob: bytes) -> tuple[Parts, bytes, bytes]:
    """Header, model's hash and body, by docs/format.md."""
    (length,) = struct.unpack_from("<I", blob, 83)
    return json.loads(blob[87 : 87 + length]), blob[51:83], blob[87 + length :]


def put_together(header: Any, model: bytes, body: bytes, magic: bytes = MAGIC) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = model + struct.pack("<I", len(text)) + text + body
    return magic + hashlib.sha256(content).digest() + content


def with_counter(name: str, value: Any) -> Callable[[bytes], bytes]:
    def change(blob: bytes) -> bytes:
        header, model, body = taken_apart(blob)
        header["counters"][name] = value
        return put_together(header, model, body)

    return change


def without_counter(name: str) -> Callable[[bytes], bytes]:
    def change(blob: bytes) -> bytes:
        header, model, body = taken_apart(blob)
        del header["counters"][name]
        return put_together(header, model, body)

    return change


def with_number(name: str, value: float) -> Callable[[bytes], bytes]:
    """The first number of an array is another one."""

    def change(blob: bytes) -> bytes:
        header, model, body = taken_apart(blob)
        before = list(header["arrays"])[: list(header["arrays"]).index(name)]
        at = 4 * sum(int(np.prod(header["arrays"][one])) for one in before)
        return put_together(header, model, body[:at] + struct.pack("<f", value) + body[at + 4 :])

    return change


def with_shape(name: str, shape: Any) -> Callable[[bytes], bytes]:
    def change(blob: bytes) -> bytes:
        header, model, body = taken_apart(blob)
        header["arrays"][name] = shape
        return put_together(header, model, body)

    return change


def with_header(header: Any) -> Callable[[bytes], bytes]:
    return lambda blob: put_together(header, *taken_apart(blob)[1:])


NUMBERS = (-1, -1000, 2**62, 10**30, 1.5, float("inf"), float("nan"), "5", None, True, [1])

CRAFTED: dict[str, Callable[[bytes], bytes]] = {
    **{f"{name} {value}": with_counter(name, value) for name in ("age", "imputed") for value in NUMBERS},
    **{f"status {value}": with_counter("status", value) for value in ("odd", "", "x" * 10**6, 5, None)},
    "no age": without_counter("age"),
    "a counter more": with_counter("counts.of_the_future", 1),
    "a long counter more": with_counter("x" * 10**6, 1),
    **{f"{name} {v}": with_number(name, v) for name in ("x", "h1", "last", "changes") for v in (np.nan, np.inf)},
    "no gain": with_number("gain", -1.0),
    **{f"offset {value}": with_number("offset", value) for value in (np.nan, -np.inf)},
    **{f"shape {shape}": with_shape("h1", shape) for shape in ([], [-1], [2**70], [1, 1, 4], "abc", None, 5, [[1]])},
    **{f"more {shape}": with_shape("z.more", shape) for shape in ([-3, -1], [0, 10**30], [2**70], [1], "ab", [1.5])},
    "an array more": with_shape("more", [0]),
    "header of a list": with_header([]),
    "header of nothing": with_header(None),
    "header of lists": with_header({"counters": [], "arrays": {}}),
    "header that is empty": with_header({}),
    "header that is deep": with_header(b"[" * 100_000),
    "header that is no text": with_header(b"\xff\xfe"),
    "a body too short": lambda blob: put_together(*taken_apart(blob)[:2], taken_apart(blob)[2][:-4]),
    "a body too long": lambda blob: put_together(*taken_apart(blob)[:2], taken_apart(blob)[2] + b"\0\0\0\0"),
    "a body of odd length": lambda blob: put_together(*taken_apart(blob)[:2], taken_apart(blob)[2] + b"\0"),
    "another model": lambda blob: put_together(taken_apart(blob)[0], bytes(32), taken_apart(blob)[2]),
}

OF_PREDICTORS: dict[str, Callable[[bytes], bytes]] = {
    **{f"{n} {v}": with_counter(n, v) for n in ("samples", "skipped", "odd_at", "counts.range") for v in NUMBERS},
    **{f"seconds {value}": with_counter("seconds", value) for value in (float("inf"), 10**400, 5, "1", None)},
    **{f"reason {value}": with_counter("reason", value) for value in ("odd", "x" * 10**6, None)},
    "more imputed than there were": with_counter("counts.imputed", 1000),
    **{f"runs {value}": with_number("runs", value) for value in (np.nan, np.inf)},
    **{f"width {value}": with_number("monitor.log_width", value) for value in (np.nan, np.inf, 1e30, -8.0)},
    **{f"evidence {value}": with_number("monitor.evidence", value) for value in (np.nan, 1.1, -0.1)},
    **{f"hurried {value}": with_number("monitor.hurried", value) for value in (np.nan, np.inf, -5.0)},
    **{f"share {value}": with_number("monitor.shares", value) for value in (np.nan, -0.1, 1.1)},
    **{f"drift {value}": with_number("monitor.raised", value) for value in (np.nan, 2.0)},
    "no samples": without_counter("samples"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [*CRAFTED, *OF_PREDICTORS])
def test_a_crafted_snapshot_is_refused_and_the_stream_is_as_before(predictor: Predictor, name: str) -> None:
    before = predictor.snapshot()
    crafted = {**CRAFTED, **OF_PREDICTORS}[name](before)
    assert crafted != before
    with pytest.raises(SnapshotError) as caught:
        predictor.restore(crafted)
    assert len(str(caught.value)) < 300
    assert predictor.snapshot() == before
    predictor.restore(before)


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_snapshot_is_refused_by_a_pool_too(content: bytes, name: str) -> None:
    """No stream begins with it, and the one that is there stays."""
    pool = Pool(content, provider="cpu")
    for value in (10.0, 10.5, 11.0):
        pool.step({"s1": value})
    before = pool.snapshot("s1")
    crafted = CRAFTED[name](before)
    for stream in ("s1", "new"):
        with pytest.raises(SnapshotError):
            pool.restore(stream, crafted)
    assert (pool.snapshot("s1"), pool.names) == (before, ("s1",))


def test_a_flipped_bit_in_a_snapshot_is_found_wherever_it_is(predictor: Predictor) -> None:
    before = predictor.snapshot()
    for position in range(len(before)):
        damaged = bytearray(before)
        damaged[position] ^= 1 << position % 8
        with pytest.raises(SnapshotError):
            predictor.restore(bytes(damaged))
    for length in range(0, len(before), 7):
        with pytest.raises(SnapshotError):
            predictor.restore(before[:length])
    assert predictor.snapshot() == before


def test_a_sensor_beyond_all_bounds_is_refused(predictor: Predictor) -> None:
    """Its numbers are finite; what follows from them is not."""
    before = predictor.snapshot()
    crafted = with_number("offset", 3e38)(with_number("gain", 3e38)(before))
    try:
        predictor.restore(crafted)
    except SnapshotError:
        assert predictor.snapshot() == before
    else:  # a sensor that measures such numbers, and no traceback with any sample of it
        for value in (1e38, 0.0, None):
            predictor.step(value)


# Snapshots of other versions


def test_a_snapshot_of_a_version_that_counted_less_is_taken(predictor: Predictor) -> None:
    """A reason that is new was never counted: its counter begins at 0."""
    before = predictor.snapshot()
    predictor.restore(without_counter("counts.range")(before))
    assert predictor.counts["range"] == 0
    assert taken_apart(predictor.snapshot()) == taken_apart(with_counter("counts.range", 0)(before))


def test_a_snapshot_of_a_version_that_counts_more_is_refused(predictor: Predictor) -> None:
    """Who cannot count something does not know what it leads to."""
    with pytest.raises(SnapshotError, match=r"by a newer version of edgeseq, which counts 'counts\.of"):
        predictor.restore(with_counter("counts.of_the_future", 1)(predictor.snapshot()))


# Many streams in one file


@pytest.fixture
def streams(content: bytes) -> NamedStreams:
    made = NamedStreams(Pool(content, provider="cpu"))
    for value in (10.0, 10.5, 11.0):
        for name in ("s0", "s1"):
            made.step(name, value)
            made.acknowledge(name)
            made.marks[name] = ["a", "b"]
    return made


def listing_of(blob: bytes) -> tuple[list[Parts], bytes]:
    (length,) = struct.unpack_from("<I", blob, 50)
    return json.loads(blob[54 : 54 + length]), blob[54 + length :]


def entry(**changes: Any) -> Callable[[list[Parts], bytes], bytes]:
    def change(listing: list[Parts], body: bytes) -> bytes:
        listing[1].update(changes)
        return put_together(listing, b"", body, STREAMS)

    return change


LISTINGS: dict[str, Callable[[list[Parts], bytes], bytes]] = {
    **{f"samples {value}": entry(samples=value) for value in NUMBERS},
    **{f"size {value}": entry(size=value) for value in (*NUMBERS, 0, 10)},
    **{f"name {value}": entry(name=value) for value in (1, None, ["a"], "s0")},
    "a name longer than any line": entry(name="x" * (LONGEST + 1)),
    **{f"marks {value}": entry(marks=value) for value in (None, 5, "ab", [1], [["a"]])},
    "no list": lambda _, body: put_together(5, b"", body, STREAMS),
    "a list of texts": lambda _, body: put_together(["size"], b"", body, STREAMS),
    "deep": lambda _, body: put_together(b"[" * 100_000, b"", body, STREAMS),
    "more than is listed": lambda listing, body: put_together(listing, b"", body + b"x", STREAMS),
    "one of them damaged": lambda listing, body: put_together(listing, b"", body[:-1] + b"\xff", STREAMS),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_a_crafted_file_of_streams_is_refused_and_no_stream_has_changed(
    content: bytes, streams: NamedStreams, name: str
) -> None:
    """Not even the first of them, which is whole."""
    crafted = LISTINGS[name](*listing_of(contained(streams.changed())))
    pool = Pool(content, provider="cpu")
    fresh = NamedStreams(pool)
    fresh.step("s0", 3.0)
    fresh.acknowledge("s0")
    before = list(fresh.changed()), pool.snapshot("s0")
    with pytest.raises(SnapshotError):
        fresh.load(streams_0_1.unpack(crafted))
    assert (list(fresh.changed()), pool.snapshot("s0"), len(fresh)) == (*before, 1)


def test_a_damaged_state_ends_predict_in_one_line(edgeseq: CommandLine, content: bytes, tmp_path: Any) -> None:
    """The file stays as it is."""
    (tmp_path / "m.onnx").write_bytes(content)
    (tmp_path / "in.txt").write_text("10\n10.5\n")
    words = ["predict", tmp_path / "m.onnx", "--input", tmp_path / "in.txt", "--state", tmp_path / "s"]
    edgeseq.must(*words)
    for change in (with_counter("samples", -7), with_number("h1", np.nan), with_counter("age", 10**30)):
        whole = (tmp_path / "s").read_bytes()
        (tmp_path / "s").write_bytes(change(whole))
        answer = edgeseq(*words)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1), answer.err
        assert (tmp_path / "s").read_bytes() == change(whole)
        (tmp_path / "s").write_bytes(whole)
