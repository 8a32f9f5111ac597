"""Checkpoints that were damaged, or made up: refused in one line, whatever is wrong with them."""

import json
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_runtime.errors import ModelFileError
from tests.conftest import CommandLine

SMALL = make_checkpoint(layers=1, hidden=2)

Header = dict[str, Any]


def parts_of(path: Path) -> tuple[Header, bytes]:
    """A safetensors file's header and what follows it, by its documentation."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write(path: Path, header: Header, data: bytes) -> Path:
    """A file as version 0.1 wrote it: without a hash."""
    header["__metadata__"].pop("sha256", None)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def with_spec(path: Path, **changes: Any) -> Path:
    """The same file with other values in its spec."""
    header, data = parts_of(path)
    spec = json.loads(header["__metadata__"]["edgeseq"])
    header["__metadata__"]["edgeseq"] = json.dumps({**spec, **changes})
    return write(path, header, data)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A checkpoint of some kilobytes."""
    SMALL.save(tmp_path / "small.safetensors")
    return tmp_path / "small.safetensors"


def refusals(path: Path, positions: range) -> None:
    """Whichever bit of these bytes is flipped, the file is refused."""
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for position in positions:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            Checkpoint.load(path)
    path.write_bytes(content)
    Checkpoint.load(path)


def test_a_flipped_bit_in_a_checkpoint_is_found_wherever_it_is(small: Path) -> None:
    """Every byte of a small one: length, header, hash, weights and samples."""
    refusals(small, range(small.stat().st_size))


@pytest.mark.slow
def test_a_flipped_bit_in_the_sines_checkpoint_is_found_wherever_it_is(brief_sine: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "sine.safetensors"
    brief_sine.save(path)
    refusals(path, range(path.stat().st_size))


def test_each_bit_of_the_hash_its_name_and_the_specs_is_needed(small: Path) -> None:
    """A file whose hash lost its name must not pass for one of version 0.1, which wrote none."""
    content = small.read_bytes()
    for text in (b'"sha256"', b'"edgeseq"', b'"__metadata__"'):
        begin = content.index(text)
        for bit in range(8 * begin, 8 * (begin + len(text))):
            damaged = bytearray(content)
            damaged[bit // 8] ^= 1 << bit % 8
            small.write_bytes(damaged)
            with pytest.raises(ModelFileError):
                Checkpoint.load(small)


def test_a_checkpoint_without_a_hash_passes_as_version_0_1_wrote_it(small: Path) -> None:
    write(small, *parts_of(small))
    assert Checkpoint.load(small).spec == SMALL.spec


@pytest.mark.parametrize("command", ["info", "export", "evaluate", "train --resume"])
def test_a_damaged_checkpoint_is_refused_by_every_command(
    edgeseq: CommandLine, brief_path: Path, tmp_path: Path, command: str
) -> None:
    """`train --resume` looks at the checkpoint of a run that has ended."""
    content = bytearray(brief_path.read_bytes())
    content[-1000] ^= 4  # in a weight: nothing but the hash can tell
    path = tmp_path / "sine.safetensors"
    path.write_bytes(content)
    words = {
        "info": ["info", path],
        "export": ["export", path, "-o", tmp_path / "model.onnx"],
        "evaluate": ["evaluate", path],
        "train --resume": ["train", "--steps", "60", "--hidden", "8", "--resume", "-o", path],
    }
    answer = edgeseq(*words[command])
    assert answer.code == 1
    assert answer.err.splitlines()[-1].endswith("is damaged: it was changed after it was written")
    assert path.read_bytes() == content


@pytest.mark.slow
def test_a_flipped_bit_in_every_97th_byte_is_found_by_the_command_line(
    edgeseq: CommandLine, brief_path: Path, tmp_path: Path
) -> None:
    content = brief_path.read_bytes()
    for position in range(0, len(content), 97):
        path = tmp_path / "sine.safetensors"
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        answer = edgeseq("info", path)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1), position


@pytest.mark.parametrize("layers", [1000, 10**7, 10**18])
def test_any_number_of_layers_takes_no_time(small: Path, layers: int) -> None:
    """The table of weights is made only where the file has as many."""
    with_spec(small, layers=layers, hidden=100_000)
    began = time.monotonic()
    with pytest.raises(ModelFileError, match=r"weights, its spec describes|layers is invalid"):
        Checkpoint.load(small)
    assert time.monotonic() - began < 1


KINDS = ("BOOL", "U8", "I8", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "F64", "I64", "U64", "C64", "F8_E4M3")


@pytest.mark.parametrize("kind", [*KINDS, "F8_E5M2", "F4", "F6_E2M3", "F128", "", None, 5])
@pytest.mark.parametrize("name", ["head.bias", "test.stretches", "validation.samples"])
def test_a_tensor_of_another_type_is_refused(small: Path, kind: Any, name: str) -> None:
    """Weights and samples are float32, stretches int64, and nothing else is."""
    header, data = parts_of(small)
    if header[name]["dtype"] == kind:
        return
    sizes = {"8": 1, "BOOL": 1, "16": 2, "32": 4, "64": 8}
    size = next((size for end, size in sizes.items() if str(kind).endswith(end) or end in str(kind)), 4)
    first, last = header[name]["data_offsets"]
    header[name].update(dtype=kind, shape=[(last - first) // size])
    write(small, header, data)
    with pytest.raises(ModelFileError) as caught:
        Checkpoint.load(small)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("shape", [[], [0], [-1], [2**63], [0, 2**63 - 1], [10**30], [1.5], "x", None, [[1]]])
def test_a_tensor_of_another_shape_is_refused(small: Path, shape: Any) -> None:
    for name in ("head.bias", "test.samples", "validation.stretches"):
        SMALL.save(small)
        header, data = parts_of(small)
        header[name]["shape"] = shape
        write(small, header, data)
        with pytest.raises(ModelFileError):
            Checkpoint.load(small)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("test.stretches", np.array([[50, 40]])),
        ("test.stretches", np.array([[-1, 60]])),
        ("test.stretches", np.array([[40, 2**62]])),
        ("test.samples", np.full((60, 1), np.inf, np.float32)),
        ("head.bias", np.full(1, np.nan, np.float32)),
        ("head.bias", np.full(1, np.inf, np.float32)),
    ],
)
def test_numbers_that_no_checkpoint_has_are_refused(small: Path, name: str, values: np.ndarray) -> None:
    header, data = parts_of(small)
    first, last = header[name]["data_offsets"]
    assert last - first == values.nbytes
    write(small, header, data[:first] + values.tobytes() + data[last:])
    with pytest.raises(ModelFileError):
        Checkpoint.load(small)


FEATURE = json.loads(SMALL.spec.to_json())["features"][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "own"},
        {"cell": "transformer"},
        {"target_scales": [[0]]},
        {"target_scales": [[-1]]},
        {"target_scales": [[1e-300]]},
        {"target_scales": []},
        *({"features": [{**FEATURE, name: value}]} for name in ("scale", "change", "std") for value in (0, -1, 1e300)),
        {"hidden": 10**400},
        {"horizon": 10**9},
        {"window": 10**12, "layout": "steps"},
        {"linear_path": 10**12},
        {"warmup": "x" * 10**6},
        {"series": None},
    ],
    ids=str,
)
def test_a_spec_that_no_network_can_have_is_refused(edgeseq: CommandLine, small: Path, changes: dict[str, Any]) -> None:
    """In one line of bounded length, by the commands that read checkpoints."""
    with_spec(small, **changes)
    for words in (["info", small], ["export", small, "-o", small.with_suffix(".onnx")]):
        answer = edgeseq(*words)
        assert (answer.code, answer.err.count("\n")) == (1, 1)
        assert len(answer.err) < 1000


def test_a_header_that_is_no_table_of_texts_is_refused(small: Path) -> None:
    deep = "[" * 100_000
    for texts in ({}, {"edgeseq": deep}, {"edgeseq": "null"}, {"edgeseq": '{"format": 1e999}'}, {"other": "x"}):
        header, data = parts_of(small)
        header["__metadata__"] = dict(texts)
        write(small, header, data)
        with pytest.raises(ModelFileError):
            Checkpoint.load(small)
    for content in (
        b"",
        b"{",
        b"\0" * 100,
        b"\xff" * 8 + b"{",
        struct.pack("<Q", 2) + b"{}",
        b"\x02" + b"\0" * 7 + b"[]",
    ):
        small.write_bytes(content)
        with pytest.raises(ModelFileError):
            Checkpoint.load(small)


def test_a_weight_that_is_lacking_or_too_many_is_refused(small: Path) -> None:
    header, data = parts_of(small)
    header["head.gain"] = header.pop("head.bias")
    write(small, header, data)
    with pytest.raises(ModelFileError, match=r"head\.bias does not fit"):
        Checkpoint.load(small)


def test_equal_checkpoints_are_equal_files(tmp_path: Path) -> None:
    """Safetensors alone would put the texts of the header in no fixed order."""
    files = []
    for number in range(5):
        replace(SMALL).save(tmp_path / str(number))
        files.append((tmp_path / str(number)).read_bytes())
    assert len(set(files)) == 1


@pytest.mark.parametrize("times", [[0.0] * 3, [np.nan] * 60, [1e300] * 60, list(range(60, 0, -1))])
def test_times_that_are_none_of_the_samples_are_refused(tmp_path: Path, times: list[float]) -> None:
    """Too few, not finite, in no year, or backwards."""
    assert SMALL.test
    part = replace(SMALL.test, seconds=np.array(times, np.float64))
    assert len(part.values) == 60
    replace(SMALL, test=part).save(tmp_path / "c")
    with pytest.raises(ModelFileError, match="the times of the test part are no times of its samples"):
        Checkpoint.load(tmp_path / "c")


@pytest.mark.parametrize("errors", [np.zeros(5), np.array([-1.0]), np.zeros(1, np.float32)])
def test_errors_by_step_that_do_not_fit_are_refused(tmp_path: Path, errors: Any) -> None:
    replace(SMALL, by_step={"ridge": errors}).save(tmp_path / "c")
    with pytest.raises(ModelFileError, match="the errors of ridge by step ahead do not fit the spec"):
        Checkpoint.load(tmp_path / "c")


def test_times_and_errors_by_step_come_back(tmp_path: Path) -> None:
    assert SMALL.test
    seconds = np.linspace(0, 3600, len(SMALL.test.values), dtype=np.float64)
    replace(SMALL, test=replace(SMALL.test, seconds=seconds), by_step={"ridge": np.array([0.5])}).save(tmp_path / "c")
    found = Checkpoint.load(tmp_path / "c")
    assert found.test
    np.testing.assert_array_equal(found.test.seconds, seconds)
    assert found.by_step["ridge"].tolist() == [0.5]
    assert found.validation
    assert found.validation.seconds is None


@pytest.mark.parametrize("time", [1e300, -1e12])
def test_a_training_in_no_year_is_refused(small: Path, time: float) -> None:
    with_spec(small, first_time=time)
    with pytest.raises(ModelFileError, match="first_time"):
        Checkpoint.load(small)
