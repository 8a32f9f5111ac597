"""A public key and what its private half signed: Ed25519 (RFC 8032), by the package cryptography, the extra `sign`."""

import base64
import os
import re
from dataclasses import dataclass
from typing import Self

from edgeseq_runtime import files
from edgeseq_runtime.errors import DependencyError, UsageError

FILE_LIMIT = 1 << 16
"""Bytes of a file with a key, at most."""

_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----")

_HEADER = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key, and of no other kind, in its DER form (RFC 8410, section 4)."""


@dataclass(frozen=True)
class PublicKey:
    """The public half of an Ed25519 key."""

    name: str
    """The file that it was read from."""
    raw: bytes
    """Its 32 bytes."""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a key from a file in PEM form.

        Raises `UsageError` where it holds none, `FileError` where it cannot be read, and `DependencyError` where
        nothing could be checked with it.
        """
        # Whatever is no Ed25519 key never meets a library's reader of keys, which knows many kinds and warns of some.
        found = _PEM.search(files.read(path, FILE_LIMIT))
        try:
            der = base64.b64decode(b"".join(found[1].split()), validate=True) if found else b""
        except ValueError:
            der = b""
        raw = der.removeprefix(_HEADER)
        if len(raw) != 32 or len(der) != len(_HEADER) + 32:
            raise UsageError(f"{os.fspath(path)} holds no Ed25519 public key in PEM form")
        try:
            import cryptography.hazmat.primitives.asymmetric.ed25519  # noqa: F401 - told now, not at the signature
        except ImportError as error:
            raise DependencyError("cryptography is not installed; pip install 'edgeseq[sign]'") from error
        return cls(os.fspath(path), raw)

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature of a message is that of the private half."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True
