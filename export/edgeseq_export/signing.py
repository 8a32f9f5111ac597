"""Sealing a model file when it is finished: its hash and, with a private key, a signature."""

import base64
import warnings
from collections.abc import Callable
from dataclasses import replace

import onnx

from edgeseq_export.graph.builder import metadata
from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.model_file import integrity, onnx_file
from edgeseq_runtime.model_file.public_key import FILE_LIMIT
from edgeseq_runtime.spec import Spec


def finalize(model: onnx.ModelProto, spec: Spec, key: str | None = None) -> tuple[bytes, Spec]:
    """Return a model file with its spec, both with hash and signature; `key` is the file with the private key.

    Raises `UsageError` where that holds no Ed25519 key, and `ModelFileError` for a spec that has a hash within.
    """
    sign = signer(key) if key else None
    blank = replace(spec, sha256=integrity.BLANK_HASH, signature=integrity.BLANK_SIGNATURE if sign else "")
    onnx.helper.set_model_props(model, metadata(blank))
    content = bytes(model.SerializeToString())
    place = onnx_file.read(content).spec
    assert place is not None, "it was put there"
    fields = integrity.fields(content, blank, place)
    digest = integrity.digest(content, fields)
    signature = base64.b64encode(sign(integrity.message(digest))).decode() if sign else ""
    sealed = bytearray(content)
    sealed[fields["sha256"]] = digest.encode()
    if sign:
        sealed[fields["signature"]] = signature.encode()
    return bytes(sealed), replace(blank, sha256=digest, signature=signature)


def signer(path: str) -> Callable[[bytes], bytes]:
    """Return what signs with the private key in a file. Raises `UsageError` where that holds no Ed25519 key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of kinds of keys that are going out of use
            key = load_pem_private_key(files.read(path, FILE_LIMIT), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # no key at all, or one that is locked, or of an odd kind
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} holds no Ed25519 private key in PEM form, without a password")
    return key.sign
