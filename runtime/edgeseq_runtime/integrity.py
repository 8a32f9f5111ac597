"""The integrity of a model file: a hash that finds any bit that was flipped, and a signature that says who made it.

Both stand in the spec, and are taken of the file with zeros in their places. The signature is Ed25519 (RFC 8032) over
the hash; it needs the package cryptography, the extra `sign`.
"""

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BLANK_HASH = "0" * 64
"""What stands in the spec where the hash is to come: as long as its hexadecimal digits."""

BLANK_SIGNATURE = "0" * 88
"""The same for a signature, which is 64 bytes in base64."""

_PURPOSE = b"edgeseq model file 1\n"
"""What is signed begins with this, so that a signature for another purpose is none for this one."""


def check(content: bytes, spec: Spec, key: str | None = None) -> str | None:
    """Return why a model file is not to be trusted, None where nothing speaks against it.

    It must be as it was written and, with the file of a public key, signed with its private half. Raises `UsageError`
    where that file holds no such key.
    """
    public = _public_key(key) if key else None
    if not spec.sha256:
        return "the model file carries no hash: it was not written by this version of edgeseq"
    actual = digest(content, spec)
    if actual != spec.sha256:
        return "the model file was changed after it was written: its hash is another one"
    if public and not _is_signed(public, spec.signature, actual):
        return f"the model file was not signed with the key that belongs to {key}"
    return None


def digest(content: bytes, spec: Spec) -> str:
    """Return the hash of a model file, in hexadecimal digits."""
    blank = replace_field(content, "sha256", BLANK_HASH, spec.sha256)
    blank = replace_field(blank, "signature", BLANK_SIGNATURE, spec.signature)
    return hashlib.sha256(blank).hexdigest()


def replace_field(content: bytes, field: str, value: str, instead_of: str) -> bytes:
    """Return a model file with another value, as long as the old one, in a field of its spec."""
    return content.replace(f'"{field}":"{instead_of}"'.encode(), f'"{field}":"{value}"'.encode())


def message(hexadecimal: str) -> bytes:
    """Return what is signed of a file with this hash."""
    return _PURPOSE + bytes.fromhex(hexadecimal)


def _is_signed(key: "Ed25519PublicKey", signature: str, hexadecimal: str) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(signature, validate=True), message(hexadecimal))
    except (InvalidSignature, ValueError):
        return False
    return True


def _public_key(path: str) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(files.read(Path(path)))
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} holds no Ed25519 public key in PEM form")
    return key
