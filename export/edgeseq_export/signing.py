"""Signing a model file when it is finished: its digest and, with a private key, a signature."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from edgeseq_export.graph.builder import metadata
from edgeseq_runtime import files, integrity
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def finalize(model: onnx.ModelProto, spec: Spec, key: str | None = None) -> tuple[bytes, Spec]:
    """Return a model file with its spec, both with digest and signature; `key` is the file with the private key.

    Raises `UsageError` where that holds no Ed25519 key.
    """
    private = _private_key(key) if key else None
    blank = replace(spec, sha256=integrity.BLANK_HASH, signature=integrity.BLANK_SIGNATURE if private else "")
    onnx.helper.set_model_props(model, metadata(blank))
    content = bytes(model.SerializeToString())
    digest = integrity.digest(content, blank)
    signature = base64.b64encode(private.sign(integrity.message(digest))).decode() if private else ""
    content = integrity.replace_field(content, "sha256", digest, integrity.BLANK_HASH)
    content = integrity.replace_field(content, "signature", signature, integrity.BLANK_SIGNATURE)
    return content, replace(spec, sha256=digest, signature=signature)


def _private_key(path: str) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(files.read(Path(path)), password=None)
    except (ValueError, TypeError):  # no key at all, or one that is locked
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} holds no Ed25519 private key in PEM form, without a password")
    return key
