"""Ed25519 keys for tests, in files."""

from pathlib import Path

import pytest


def write_keys(folder: Path, name: str) -> tuple[str, str]:
    """Write a new private and public key in PEM form; return their paths. Skips the test without cryptography."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from cryptography.hazmat.primitives import serialization

    pem = serialization.Encoding.PEM
    private = ed25519.Ed25519PrivateKey.generate()
    paths = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    paths[0].write_bytes(
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    paths[1].write_bytes(private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return str(paths[0]), str(paths[1])
