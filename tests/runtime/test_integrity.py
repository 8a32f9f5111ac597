"""A model file's signature: who made it can be told, and forging takes the key."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_runtime import integrity
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import UsageError
from tests.conftest import CommandLine

PEM, PKCS8, SPKI = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.PublicFormat
PLAIN = serialization.NoEncryption()


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """Files with a private and a public key."""
    return write_keys(tmp_path, "own")


def write_keys(folder: Path, name: str) -> tuple[str, str]:
    private = ed25519.Ed25519PrivateKey.generate()
    paths = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    paths[0].write_bytes(private.private_bytes(PEM, PKCS8, PLAIN))
    paths[1].write_bytes(private.public_key().public_bytes(PEM, SPKI.SubjectPublicKeyInfo))
    return str(paths[0]), str(paths[1])


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
    assert answer.out.splitlines()[-1].endswith(f"and signed with the key of {keys[1]}")
    edgeseq.must("verify", model)
    _, other = write_keys(tmp_path, "other")
    answer = edgeseq("verify", model, "--key", other, "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["passed"] is False
    assert "was not signed with the key that belongs to" in answer.err


def test_a_file_changed_after_it_was_signed_is_not_signed(checkpoint: Checkpoint, keys: tuple[str, str]) -> None:
    """Not even where its hash was changed along, which needs no key."""
    signed = edgeseq_export.export(checkpoint, key=keys[0])
    assert integrity.check(signed.content, signed.spec, keys[1]) is None
    forged = signed.content.replace(b"made_up", b"fake_up")
    found = integrity.digest(forged, signed.spec)
    forged = integrity.replace_field(forged, "sha256", found, signed.spec.sha256)
    spec = replace(signed.spec, sha256=found)
    assert integrity.check(forged, spec) is None
    assert "was not signed" in (integrity.check(forged, spec, keys[1]) or "")


def test_an_unsigned_file_says_so_where_a_key_is_given(model: bytes, keys: tuple[str, str]) -> None:
    spec = open_session(model).spec
    assert "was not signed" in (integrity.check(model, spec, keys[1]) or "")
    noise = replace(spec, signature=base64.b64encode(b"no signature at all").decode())
    assert "hash is another" in (integrity.check(model, replace(noise, sha256="00"), keys[1]) or "")


def test_what_is_no_key_is_refused(checkpoint: Checkpoint, model: bytes, keys: tuple[str, str], tmp_path: Path) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    locked = ed25519.Ed25519PrivateKey.generate()
    files = {
        "text": b"a key",
        "curve": curve.private_bytes(PEM, PKCS8, PLAIN),
        "locked": locked.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x")),
        "public": Path(keys[1]).read_bytes(),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UsageError, match="holds no Ed25519 private key"):
            edgeseq_export.export(checkpoint, key=str(path))
    for name in ("text", "curve", "locked"):
        with pytest.raises(UsageError, match="holds no Ed25519 public key"):
            integrity.check(model, open_session(model).spec, str(tmp_path / name))
