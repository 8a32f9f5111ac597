"""docs/format.md is a specification: a reader written from it alone finds every file right, and damage wrong."""

import ast
import dataclasses
import json
import re
import runpy
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor, spec
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.model_file import source
from edgeseq_runtime.model_file.source import Source
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.stores import streams_0_1
from tests.helpers.states import contained, save

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "format.md").read_text()
READER = DOCS / "reader.py"

check: Callable[[bytes], float] = runpy.run_path(str(READER))["check"]

WINDOWS = {"predicts": "value", "window": 5}
FILES: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lstm": ({"horizon": 3}, {}),
    "gru": ({"cell": "gru", "horizon": 2}, {}),
    "rnn": ({"cell": "rnn"}, {}),
    "int8": ({"horizon": 9, "hidden": 9}, {"quantize": "int8"}),
    "int4": ({"horizon": 9, "hidden": 9}, {"quantize": "int4"}),
    "int8-dynamic": ({}, {"quantize": "int8-dynamic"}),
    "several": ({"features": 3, "targets": 2, "horizon": 4, "linear_path": 5}, {}),
    "form step": ({"features": 2, "linear_path": 4}, {"form": "step"}),
    "fleet": ({"sensors": 3, "features": 2}, {}),
    "clocks": ({"clocks": ("hour_sin", "hour_cos"), "period": 60.0}, {}),
    "values": ({"predicts": "value"}, {}),
    "windows as features": ({"layout": "features", **WINDOWS}, {}),
    "windows as steps": ({"layout": "steps", "cell": "gru", **WINDOWS}, {}),
    "opset 21": ({}, {"opset": 21}),
}
"""Kind of a file -> the choices of its checkpoint, and those of its export."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A file of each kind."""
    return {
        kind: edgeseq_export.export(make_checkpoint(**network), **choices).content
        for kind, (network, choices) in FILES.items()
    }


@pytest.mark.parametrize("kind", FILES)
def test_the_reader_finds_every_file_right(kind: str, files: dict[str, bytes]) -> None:
    """As it was written, and its forecasts and states as near the oracle's as the file itself wants."""
    assert 0 <= check(files[kind]) <= 1


def test_the_reader_finds_a_trained_and_signed_file_right(brief_sine: Checkpoint, tmp_path: Path) -> None:
    """The signature is over the hash, as the page has it: an implementation of Ed25519 says so."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from cryptography.hazmat.primitives import serialization

    private = ed25519.Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "private.pem").write_bytes(text)
    made = edgeseq_export.export(brief_sine, key=str(tmp_path / "private.pem"))
    assert check(made.content) <= 1
    import base64

    signed = b"edgeseq model file 1\n" + bytes.fromhex(made.spec.sha256)
    private.public_key().verify(base64.b64decode(made.spec.signature), signed)


def test_the_reader_finds_the_starter_right() -> None:
    """Format 2, and a scale that runs along."""
    assert check(source.vouched(source.STARTER).content) <= 1


def test_the_reader_finds_a_network_of_ones_own_right() -> None:
    import torch

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = torch.nn.LSTM(1, 5), torch.nn.Linear(5, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.cell(x)[0])

    described = edgeseq_export.describe(np.sin(np.arange(90)), ["temp"], horizon=2)
    assert check(edgeseq_export.export(Own(), described).content) <= 1


@pytest.mark.parametrize("kind", ["lstm", "int8", "form step", "fleet"])
def test_the_reader_finds_one_flipped_bit(kind: str, files: dict[str, bytes]) -> None:
    """In weights, names, the spec and the hash itself, at two hundred places."""
    content = files[kind]
    random = np.random.default_rng(0)
    for place in random.choice(len(content), 200, replace=False).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        with pytest.raises(
            ValueError, match=r"no model file|has format|inputs and outputs|changed after it was written"
        ):
            check(bytes(damaged))


def test_the_reader_finds_another_network_under_a_right_hash(files: dict[str, bytes]) -> None:
    """The vector is no ornament: with a weight changed and the hash taken anew, the forecasts give it away."""
    import onnx
    from onnx import numpy_helper

    from edgeseq_export.signing import finalize

    model = onnx.load_from_string(files["lstm"])
    (head,) = (tensor for tensor in model.graph.initializer if tensor.name == "head")
    head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head) * np.float32(1.01), "head"))
    own = spec.Spec.from_json(next(entry.value for entry in model.metadata_props if entry.key == "edgeseq"))
    content, _ = finalize(model, own)
    with pytest.raises(ValueError, match="times what is allowed"):
        check(content)


def test_the_reader_refuses_a_later_format(files: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="has format 3; this reader knows 2"):
        check(files["lstm"].replace(b'"format":1}', b'"format":3}'))


def test_the_reader_is_independent_and_short() -> None:
    """It imports nothing of edgeseq, and is a page or two."""
    tree = ast.parse(READER.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"hashlib", "json", "sys", "pathlib", "numpy", "onnx", "onnxruntime"}
    assert len(READER.read_text().splitlines()) <= 81


def test_the_reader_as_the_page_calls_it(files: dict[str, bytes], tmp_path: Path) -> None:
    """The command and what it prints, but for the number; exit code 1 for a damaged file."""
    ((command, shown),) = re.findall(r"```sh\n(python reader.py .*)\n```\n\n```text\n(.*)\n```", PAGE)
    path = tmp_path / "model.onnx"
    for content, code in ((files["lstm"], 0), (files["lstm"][:-3], 1)):
        path.write_bytes(content)
        words = [sys.executable, READER, command.split()[-1]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code
        if not code:
            assert re.sub(r"[\d.]+ of", "# of", done.stdout.strip()) == re.sub(r"[\d.]+ of", "# of", shown)


# What the page says is all there is


def section(title: str) -> str:
    """The text from a heading to the next one."""
    return re.split(r"^#+ ", PAGE.split(f"{title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


SECTIONS = {
    spec.Spec: "## The spec",
    spec.Feature: "### A feature",
    spec.State: "### A state",
    Reading: "### The reading",
    spec.Sensor: "### A sensor",
    spec.Training: "### Training",
    spec.Figures: "### Figures and scores",
    spec.Score: "### Figures and scores",
    spec.Residuals: "### Residuals",
    spec.LearnedAnomalies: "### Anomalies",
    spec.Verification: "### Verification",
    Sidecar: "## The sidecar",
}


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_field_is_on_the_page(kind: type) -> None:
    """In its own section, by its name."""
    text = section(SECTIONS[kind])
    for item in dataclasses.fields(kind):
        assert f"`{item.name}`" in text, item.name


def dataclasses_in(kind: Any) -> set[type]:
    """Those that a field's type names, and those in their fields."""
    if not dataclasses.is_dataclass(kind):
        return set[type]().union(*(dataclasses_in(part) for part in get_args(kind)))
    assert isinstance(kind, type)
    return {kind}.union(*(dataclasses_in(part) for part in get_type_hints(kind).values()))


def test_no_dataclass_of_the_spec_is_forgotten() -> None:
    assert dataclasses_in(spec.Spec) == SECTIONS.keys() - {Sidecar}


def test_no_field_is_on_the_page_that_is_none() -> None:
    """The first column of the tables names fields of that dataclass and nothing else."""
    for kind, title in SECTIONS.items():
        if kind is spec.Score:
            continue
        names = {item.name for item in dataclasses.fields(kind)}
        table = re.findall(r"^\| field .*\n\|[-|]+\n((?:\|.*\n)+)", section(title), re.MULTILINE)[0]
        shown = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
        assert shown == names, title


def test_the_defaults_on_the_page_are_the_specs() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|", section("## The spec"), re.MULTILINE)
    words = {"": dataclasses.MISSING, "null": None, "0": 0, "false": False, "empty": ""}
    defaults = {item.name: item.default for item in dataclasses.fields(spec.Spec)}
    for name, shown in rows:
        text = shown.strip(" `")
        if defaults[name] not in ((), dataclasses.MISSING) and name != "format":
            assert words.get(text, text) == defaults[name], name


@pytest.mark.parametrize("kind", ["lstm", "several", "form step", "fleet", "windows as steps"])
def test_the_states_are_those_of_the_page(kind: str, files: dict[str, bytes]) -> None:
    """Their names are in the page's table, whatever the network."""
    table = section("### A state")
    for state in open_session(files[kind], provider="cpu").spec.states:
        assert f"`{state.name}`" in table


# The other files of the page, read by it alone


def test_a_checkpoint_is_a_safetensors_file_with_the_spec_in_its_header(brief_path: Path) -> None:
    content = brief_path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["edgeseq"])
    assert about["format"] == 1
    assert not {"states", "verification", "sha256"} & about.keys()
    for name, tensor in header.items():
        general = re.sub(r"_l\d+$", "_lN", name)
        assert f"`{general}`" in section("## The checkpoint"), name
        kinds = {"stretches": "I64", "seconds": "F64", "ridge": "F64"}
        assert tensor["dtype"] == kinds.get(name.rpartition(".")[2], "F32")


def test_a_snapshot_is_laid_out_as_the_page_says(files: dict[str, bytes]) -> None:
    """Magic, hash of the rest, hash of the model file, header, arrays; nothing between and nothing after."""
    model = files["several"]
    predictor = Predictor(model, provider="cpu")
    predictor.run(np.ones((4, 3)))
    pool = Pool(predictor.session)
    pool.step({"a": [1.0, 1.0, 1.0]})
    for blob, ours in ((predictor.snapshot(), predictor.states), (pool.snapshot("a"), {})):
        counters, arrays = unpacked(blob, model)
        for name in counters:
            assert f"`{re.sub(r'counts.*', 'counts.NAME', name)}`" in section("## The snapshot"), name
        for name, value in ours.items():
            np.testing.assert_array_equal(arrays[name], value)
        assert arrays.keys() >= {"x", "y", "last", "h1", "changes"}


def unpacked(blob: bytes, model: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A snapshot's counters and arrays, by what the page says of its bytes."""
    assert blob[:19] == b"edgeseq-snapshot-1\n"
    assert blob[19:51] == sha256(blob[51:]).digest()
    assert blob[51:83] == sha256(model).digest()
    (length,) = struct.unpack_from("<I", blob, 83)
    header = json.loads(blob[87 : 87 + length])
    at, arrays = 87 + length, {}
    for name, shape in header["arrays"].items():
        size = int(np.prod(shape))
        arrays[name] = np.frombuffer(blob, "<f4", size, at).reshape(shape)
        at += 4 * size
    assert at == len(blob)
    return header["counters"], arrays


def test_many_streams_of_version_0_1_are_laid_out_as_the_page_says(files: dict[str, bytes]) -> None:
    blob = contained(two_streams(files["lstm"]).changed())
    assert blob[:18] == b"edgeseq-streams-1\n"
    assert blob[18:50] == sha256(blob[50:]).digest()
    (length,) = struct.unpack_from("<I", blob, 50)
    listing, at = json.loads(blob[54 : 54 + length]), 54 + length
    for entry in listing:
        assert entry.keys() == {"name", "samples", "size", "marks"}
        unpacked(blob[at : at + entry["size"]], files["lstm"])
        at += entry["size"]
    assert ([entry["name"] for entry in listing], at) == (["a", "b"], len(blob))
    assert [row.name for row in streams_0_1.unpack(blob)] == ["a", "b"]


def test_a_database_of_streams_is_laid_out_as_the_page_says(files: dict[str, bytes], tmp_path: Path) -> None:
    """Read by SQLite and the page alone: tables, columns, and what each row's hash is of."""
    save(two_streams(files["lstm"]), tmp_path / "state")
    database = sqlite3.connect(tmp_path / "state")
    tables = database.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    text = section("## The snapshot")
    for _, sql in tables:
        assert " ".join(sql.split()) in " ".join(text.split())
    assert [name for name, _ in tables] == ["model", "streams", "listing"]
    ((mark, digest, model),) = database.execute("SELECT mark, sha256, model FROM model")
    assert (mark, model) == ("edgeseq-model--1", sha256(files["lstm"]).digest())
    assert digest == sha256(mark.encode() + model).digest()
    rows = database.execute("SELECT mark, sha256, save, name, samples, marks, snapshot FROM streams").fetchall()
    for mark, digest, number, name, samples, marks, snapshot in rows:
        numbers = struct.pack("<QQIII", number, samples, len(name), len(marks), len(snapshot))
        assert digest == sha256(mark.encode() + numbers + name + marks.encode() + snapshot).digest()
        assert (mark, samples, json.loads(marks)) == ("edgeseq-stream-1", 1, [])
        unpacked(snapshot, files["lstm"])
    for mark, digest, number, name in database.execute("SELECT mark, sha256, save, name FROM listing"):
        numbers = struct.pack("<QQIII", number, 0, len(name), 0, 0)
        assert digest == sha256(mark.encode() + numbers + name).digest()
        assert mark == "edgeseq-listed-1"
    names = "SELECT CAST(name AS TEXT) FROM "
    assert [database.execute(names + table).fetchall() for table in ("streams", "listing")] == [[("a",), ("b",)]] * 2
    database.close()


def two_streams(model: bytes) -> NamedStreams:
    streams = NamedStreams(Pool(model, provider="cpu"))
    for name in ("a", "b"):
        streams.step(name, [0.5])
        streams.acknowledge(name)
    return streams


def test_the_metadata_keys_are_those_of_the_page(files: dict[str, bytes]) -> None:
    import onnx

    for content in files.values():
        for entry in onnx.load_from_string(content).metadata_props:
            assert f"`{entry.key}`" in section("## The metadata")


def test_the_hash_is_found_by_the_runtime_too(files: dict[str, bytes]) -> None:
    """The reader's hash and the runtime's are one."""
    hash_of = runpy.run_path(str(READER))["hash_of"]
    for content in files.values():
        own = open_session(content, provider="cpu").spec
        assert hash_of(content, json.loads(own.to_json())) == own.sha256
        assert Source.read(content).complaint() is None
