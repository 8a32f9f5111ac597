"""What is fuzzed: each reader of bytes from outside, with inputs that are right, from which the wrong ones are made.

To add one: a function that takes the bytes and may raise an `EdgeseqError`, nothing else, and a row of `targets`.
"""

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl

import edgeseq_export
from edgeseq.model import tensor_file
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import load
from edgeseq.testing import make_checkpoint
from edgeseq.training import fitting, plan
from edgeseq.training.options import TrainingOptions
from edgeseq.training.trainer import Trainer
from edgeseq_runtime import Pool, Predictor, Rules
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.io import influx, text_lines
from edgeseq_runtime.model_file.public_key import PublicKey
from edgeseq_runtime.model_file.source import File, Source
from edgeseq_runtime.mqtt import credentials
from edgeseq_runtime.reading.times import to_seconds
from edgeseq_runtime.service.named_streams import NamedStreams
from edgeseq_runtime.service.single_stream import SingleStream
from edgeseq_runtime.service.streams import Streams
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.stores import streams_0_1
from tests.fuzz.inputs import Structure, header, plain_json
from tests.helpers.model_files import sealed_by_hand, unsealed
from tests.helpers.states import contained

STORED = Path(__file__).parents[1] / "stored" / "0.1"


@dataclass(frozen=True)
class Target:
    """A reader of bytes."""

    name: str
    read: Callable[[bytes], object]
    """Take the bytes; raise nothing but an `EdgeseqError`."""
    seeds: Sequence[bytes]
    """Inputs that are right, or nearly."""
    structure: Callable[[bytes], Structure] | None = None
    """What takes the JSON within them out, where there is some."""


def targets(folder: Path) -> list[Target]:
    """Return all of them; those that read files have these in `folder`."""
    checkpoint = make_checkpoint(hidden=3, layers=1, clocks=("hour_sin",), period=60.0)
    model = edgeseq_export.build(checkpoint)
    checkpoint.save(folder / "checkpoint")
    saved = (folder / "checkpoint").read_bytes()
    pool = NamedStreams(Pool(model, provider="cpu"))
    predictor = Predictor(model, provider="cpu")
    for value in (0.1, 0.2, 0.4):
        predictor.step(value, 60.0)
        for name in ("a", "b"):
            pool.step(name, value, 60.0)
            pool.acknowledge(name)
    fleet = edgeseq_export.build(make_checkpoint(hidden=3, sensors=2, linear_path=3, features=2, horizon=2))
    streams, spec = contained(pool.changed()), predictor.spec
    trainer, run = _interrupted(folder)

    def in_file(read: Callable[[str], object], name: str = "fuzzed") -> Callable[[bytes], object]:
        path = folder / name

        def write_and_read(content: bytes) -> object:
            path.write_bytes(content)
            path.chmod(0o600)
            return read(os.fspath(path))

        return write_and_read

    texts = [
        b"0.1\n0.2\n\n0.4\n",
        b"time,f0\n2025-03-01T00:00:00Z,1,5\n,2\n",
        b'{"t": 60, "f0": 0.5}\n[0.5]\n0.5\nnull\n',
    ]
    points = [b'm,site=a\\ b f0=0.5,g=1i,h=t,s="x, y" 1700000000000000000\nm f0=1u\n# no\nm f0=-1e3 1\n']
    payloads = [b'{"time": "2025-03-01", "f0": 0.5, "g": [1, {"a": null}]}', b"0.5", b"[0.5]"]
    moments = [b"2025-03-01T23:59:60.5+01:00", b"1700000000", b"20250301", b"-5.5", b"2025-W01-1T10"]
    series = [b"time,f0 [m],f1\n" + b"".join(b"%d,%d,a\n" % (60 * n, n % 7) for n in range(40)), b"v;w\n1,5;a\n2,5;b\n"]
    secrets = [b"# broker\nusername = plant\npassword = x = y\nca = /nowhere\n", b"cert=/a\nkey=/b\n"]
    sidecars = [(STORED / "models" / "foreign.sidecar.json").read_bytes(), b'{"input":"x","output":"y","states":{}}']
    return [
        Target("model file", lambda content: open_session(content, provider="cpu"), [model]),
        Target("model file of others", lambda content: Source.read(content).check(), [unsealed(model)]),
        Target(
            "native library",
            in_file(_read_library, "fuzzed.so"),
            [(STORED / "models" / "lstm-trained.so").read_bytes()],
        ),
        Target("public key", in_file(PublicKey.read), [(STORED / "models" / "public.pem").read_bytes()]),
        Target(
            "spec",
            lambda content: Spec.from_json(content.decode(errors="replace")),
            [spec.to_json().encode()],
            plain_json,
        ),
        Target("spec in a model file", _with_spec(model), [_spec_of(model)], plain_json),
        Target("spec in a fleet's model file", _with_spec(fleet), [_spec_of(fleet)], plain_json),
        Target("checkpoint", Checkpoint.from_bytes, [saved, _without_hash(saved)], _texts),
        Target(
            "interrupted run",
            in_file(lambda path: trainer.restore(Path(path))),
            [run, _without_hash(run)],
            _texts,
        ),
        Target(
            "snapshot", lambda content: predictor.restore(_hashed(content)), [predictor.snapshot()], header(83, "<I")
        ),
        Target(
            "many streams", lambda content: pool.load(streams_0_1.unpack(_hashed(content))), [streams], header(50, "<I")
        ),
        Target("lines of text", lambda content: _stream(text_lines.read, content, SingleStream(predictor)), texts),
        Target("line protocol", lambda content: _stream(influx.read, content, pool), points),
        Target("payload", lambda content: _take(content, pool), payloads, plain_json),
        Target("time", lambda content: to_seconds(content.decode(errors="replace")), moments),
        Target("credentials", in_file(credentials.from_file), secrets),
        Target("sidecar", in_file(Sidecar.read), sidecars, plain_json),
        Target("series as CSV", in_file(load, "fuzzed.csv"), series),
        Target("series as Parquet", in_file(load, "fuzzed.parquet"), [_parquet(folder)]),
    ]


def _spec_of(model: bytes) -> bytes:
    spec = json.loads(open_session(model, provider="cpu").spec.to_json())
    return json.dumps({**spec, "producer": {}}).encode()


def _interrupted(folder: Path) -> tuple[Trainer, bytes]:
    """Return a run after two of its steps, and what it saves."""
    series, parts = load("co2")
    with fitting.torch_as_before():
        trainer = fitting.start(
            plan.plan(series, parts, TrainingOptions(hidden=2, layers=1, steps=5)), parts, seed=0, device="cpu"
        )
        trainer.train_step()
        trainer.train_step()
    trainer.save(folder / "run")
    return trainer, (folder / "run").read_bytes()


def _parquet(folder: Path) -> bytes:
    rows = np.arange(50)
    pl.DataFrame({"time": rows * 60, "v": np.sin(rows / 9)}).write_parquet(folder / "seed.parquet")
    return (folder / "seed.parquet").read_bytes()


def _with_spec(model: bytes) -> Callable[[bytes], None]:
    """Return what opens a model file with another spec and a hash that is right, and streams a few samples."""

    def read(text: bytes) -> None:
        try:
            spec = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(spec, dict):
            return
        try:
            content = sealed_by_hand(onnx.load_from_string(model), spec)
        except (UnicodeEncodeError, RecursionError):  # the hand's own, not the reader's
            return
        predictor = Predictor(content, provider="cpu", missing="skip", rules=Rules(stuck_after=2))
        measured = len(predictor.spec.measured)
        for value in (0.1, None, 1e30, 0.1, -5.0):
            predictor.step([value] * measured, 60.0)
        predictor.run([[value] * measured for value in (0.1, 0.2, float("nan"))])
        predictor.forecast(5)
        predictor.restore(predictor.snapshot())

    return read


def _read_library(path: str) -> None:
    Source.read(File.read(path), "native").check()


def _without_hash(content: bytes) -> bytes:
    """Return a file of tensors as version 0.1 wrote it: what is changed in it is not found by its hash."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    del header["__metadata__"][tensor_file.HASH]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def _texts(content: bytes) -> Structure:
    """Take the header of a file of tensors with the JSON that its texts are; the hash is left out."""
    value, put = header(0, "<Q")(content)
    texts = value.pop("__metadata__")
    texts.pop(tensor_file.HASH, None)

    def put_both(changed: Any) -> bytes:
        both = changed if isinstance(changed, dict) else {}
        texts, tensors = both.get("texts"), both.get("tensors")
        written = {name: json.dumps(text) for name, text in texts.items()} if isinstance(texts, dict) else texts
        return put({"__metadata__": written, **tensors} if isinstance(tensors, dict) else tensors)

    return {"texts": {name: json.loads(text) for name, text in texts.items()}, "tensors": value}, put_both


def _hashed(content: bytes) -> bytes:
    """Return a container with a hash that is right: only so is what is in it read."""
    end = content.find(b"\n") + 1
    return content[:end] + hashlib.sha256(content[end + 32 :]).digest() + content[end + 32 :]


def _stream(read: Callable[..., Iterable[text_lines.Sample]], content: bytes, streams: Streams) -> None:
    for sample in read(content.split(b"\n"), streams.spec):
        if not sample.problem:
            streams.step(sample.stream or "", sample.values, sample.time)


def _take(content: bytes, streams: NamedStreams) -> None:
    time, values = text_lines.json_parser(streams.spec)(content.decode(errors="replace"))
    streams.step("plant", values, time)
