"""A model file's hash and signature: damage is found, who made it can be told, and forging takes the key."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.model_file.public_key import PublicKey
from edgeseq_runtime.model_file.source import Source
from tests.conftest import CommandLine
from tests.helpers.keys import write_keys
from tests.helpers.model_files import sealed


def complaint(content: bytes, key: str | None = None) -> str:
    return Source.read(content).complaint(PublicKey.read(key) if key else None) or ""


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """Files with a private and a public key."""
    return write_keys(tmp_path, "own")


def test_the_hash_is_that_of_the_file_with_zeros_in_its_place(model: bytes) -> None:
    """By hand, as another implementer would take it."""
    import hashlib

    spec = open_session(model).spec
    assert model.count(spec.sha256.encode()) == 1
    assert hashlib.sha256(model.replace(spec.sha256.encode(), b"0" * 64)).hexdigest() == spec.sha256


def test_who_has_signed_it_can_be_told(
    checkpoint: Checkpoint, keys: tuple[str, str], tmp_path: Path, edgeseq: CommandLine
) -> None:
    path, model = tmp_path / "m.safetensors", tmp_path / "m.onnx"
    checkpoint.save(path)
    edgeseq.must("export", path, "-o", model, "--sign", keys[0])
    answer = edgeseq.must("verify", model, "--key", keys[1])
    assert answer.out.splitlines()[-1].endswith(f"and signed with the key that belongs to {keys[1]}")
    edgeseq.must("verify", model)
    _, other = write_keys(tmp_path, "other")
    answer = edgeseq("verify", model, "--key", other, "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["passed"] is False
    assert "was not signed with the key that belongs to" in answer.err


def test_a_file_changed_after_it_was_signed_is_not_signed(checkpoint: Checkpoint, keys: tuple[str, str]) -> None:
    """Not even where its hash was changed along, which needs no key."""
    signed = edgeseq_export.export(checkpoint, key=keys[0])
    assert complaint(signed.content, keys[1]) == ""
    forged = onnx.load_from_string(signed.content)
    forged.producer_name = "somebody"
    content = sealed(forged)
    assert complaint(content) == ""
    assert "was not signed" in complaint(content, keys[1])
    # And not with the signature of the other file, either.
    spec = Source.read(content).spec
    assert spec is not None
    pasted = bytes(content).replace(b'"sha256":"', f'"signature":"{signed.spec.signature}","sha256":"'.encode())
    with pytest.raises(ModelFileError):
        Predictor(pasted)


def test_an_unsigned_file_says_so_where_a_key_is_given(model: bytes, keys: tuple[str, str]) -> None:
    assert "was not signed" in complaint(model, keys[1])


@pytest.mark.parametrize("signature", ["no signature at all", "AAAA"])
def test_what_cannot_be_a_signature_is_damage(model: bytes, signature: str) -> None:
    """Without a key, too: of the 88 characters only some can be others."""
    source = Source.read(model)
    assert source.spec is not None
    text = replace(source.spec, signature=base64.b64encode(signature.encode()).decode() + " ").to_json()
    proto = onnx.load_from_string(model)
    onnx.helper.set_model_props(proto, {"edgeseq": text})
    assert "its signature is none" in complaint(proto.SerializeToString())
