"""Files of keys that are no Ed25519 keys: one line for each, no warning beside it, and no traceback."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeseq_export.signing import signer
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import DependencyError, ModelFileError, UsageError
from edgeseq_runtime.model_file.public_key import PublicKey
from tests.conftest import CommandLine
from tests.helpers.keys import write_keys

# Curves that OpenSSL knows and the package cryptography does not, and a kind of key that it warns of.
PRIVATE = {
    "secp112r1": (
        "ME4CAQAwEAYHKoZIzj0CAQYFK4EEAAYENzA1AgEBBA4qCbDDVavnlrPjsJbrmqEgAx4ABK3hOuY3Kixmo3hOF3bbJQB+h/sia+WEsVIdZ2A="
    ),
    "DSA": (
        "MIIBWgIBADCCATMGByqGSM44BAEwggEmAoGBAPoh6jsMBubtKGH+XHTQEjHBJZMb4bIv04YGu74MpPkDCZDietEIBsgRZosM"
        "xjLxqdo9oPmZbbImQhdcRVEfnpJ1VqyjxLB1ZG/XisteGmdKcXuOl5jzPgkm6nda4xyiF7tILoQtDjGnk6FigI0Ny3kAOOda"
        "eUobxvD/AQWWeV+JAh0AhjJ29ozHZ+ckGbrCoFx+6jKBCiTXxxlW8N0m4QKBgAOAcpez9ksfo2Qzo0T0rlOApvk1BbhsQR7E"
        "FK8khMCJLJWNBZFnq2OWUDzMHd/zuyfVY25BrP91U9n3oZ+hpOz++s/aqgAsjDYyT/BQKYCRbyYRxktqNp5R7ma6PPohOL6W"
        "74yE6siNYKuyJeolVLHaWw1ANfx75R0XEy9WlYciBB4CHD8aXJaNGO1C/8EJFsfKj2DYlIxZ8xSOgx89ufc="
    ),
}
PUBLIC = {
    "secp112r1": "MDIwEAYHKoZIzj0CAQYFK4EEAAYDHgAEreE65jcqLGajeE4XdtslAH6H+yJr5YSxUh1nYA==",
    "sect571r1": (
        "MIGnMBAGByqGSM49AgEGBSuBBAAnA4GSAAQB5Bc7HMW2gO+U51Z62+SJh0ViATUFLEIt5GjfkUx1x/e90uHrw7G/MfetSIv8"
        "1u1ZGKYwPHBECCRHyGOW6Te+Uerx7671AREHuVQzrkx5fH3w2uJTx+wBJjClGultJ2mhjflTeWT3+dOM1QMlSLk4Ix19zQSm"
        "YfzOrV1nH/4LLqfcFnk16qsPAcThelT2bk0="
    ),
    "Ed25519 and a byte more": "MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "cut": "MCowBQYDK2VwAyEA",
    "no base64": "MCow!",
}


def pem(label: str, body: str) -> bytes:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


def others() -> dict[str, tuple[bytes, bytes]]:
    """Private and public keys of other kinds, in PEM form."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519

    plain = serialization.NoEncryption()
    form, pkcs8, spki = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.PublicFormat.SubjectPublicKeyInfo,
    )
    keys: dict[str, Any] = {
        "RSA": rsa.generate_private_key(65537, 2048),
        "P-256": ec.generate_private_key(ec.SECP256R1()),
        "X25519": x25519.X25519PrivateKey.generate(),
        "Ed448": ed448.Ed448PrivateKey.generate(),
    }
    found = {
        name: (key.private_bytes(form, pkcs8, plain), key.public_key().public_bytes(form, spki))
        for name, key in keys.items()
    }
    own = ed25519.Ed25519PrivateKey.generate()
    locked = own.private_bytes(form, pkcs8, serialization.BestAvailableEncryption(b"x"))
    der = own.public_key().public_bytes(serialization.Encoding.DER, spki)
    good = own.public_key().public_bytes(form, spki)
    return found | {
        "locked, DER": (locked, der),
        "the other half": (good, own.private_bytes(form, pkcs8, plain)),
        "UTF-16": (b"", good.decode().encode("utf-16")),
        "empty": (b"", b""),
        "zeros": (bytes(1000), bytes(1000)),
    }


def files(folder: Path, *, private: bool) -> list[Path]:
    """A file for each kind of key that is none of ours."""
    label, bodies = ("PRIVATE KEY", PRIVATE) if private else ("PUBLIC KEY", PUBLIC)
    contents = {name: pem(label, body) for name, body in bodies.items()}
    contents |= {name: both[0 if private else 1] for name, both in others().items()}
    paths = []
    for number, content in enumerate(contents.values()):
        paths.append(folder / f"{number}.pem")
        paths[-1].write_bytes(content)
    return paths


@pytest.mark.filterwarnings("error")
def test_a_public_key_of_another_kind_is_one_line(tmp_path: Path) -> None:
    for path in files(tmp_path, private=False):
        with pytest.raises(UsageError, match="holds no Ed25519 public key in PEM form"):
            PublicKey.read(path)


@pytest.mark.filterwarnings("error")
def test_a_private_key_of_another_kind_is_one_line(tmp_path: Path) -> None:
    for path in files(tmp_path, private=True):
        with pytest.raises(UsageError, match="holds no Ed25519 private key in PEM form"):
            signer(str(path))


@pytest.mark.parametrize("command", ["verify", "info", "predict", "evaluate", "backtest", "bench"])
def test_every_command_that_opens_a_model_takes_a_key(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, command: str
) -> None:
    """A wrong key is bad usage, and a model that it did not sign is refused, on stdin's way in as well."""
    (tmp_path / "text").write_text("no key")
    answer = edgeseq(command, model_path, "--key", tmp_path / "text")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    _, public = write_keys(tmp_path, "own")
    answer = edgeseq(command, model_path, "--key", public)
    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert f"was not signed with the key that belongs to {public}" in answer.err


def test_a_predictor_and_a_pool_take_a_key(model: bytes, tmp_path: Path) -> None:
    _, public = write_keys(tmp_path, "own")
    for kind in (Predictor, Pool):
        with pytest.raises(ModelFileError, match="was not signed with the key"):
            kind(model, key=public)


def test_without_cryptography_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edgeseq: CommandLine, model_path: Path
) -> None:
    _, public = write_keys(tmp_path, "own")
    for name in [name for name in sys.modules if name.startswith("cryptography.hazmat.primitives.asymmetric")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(DependencyError, match=r"pip install 'edgeseq\[sign\]'"):
        PublicKey.read(public)
    answer = edgeseq("verify", model_path, "--key", public)
    assert (answer.code, answer.err.count("\n")) == (1, 1)


def test_a_key_with_text_around_it_and_windows_line_ends_is_one(tmp_path: Path) -> None:
    _, public = write_keys(tmp_path, "own")
    own = PublicKey.read(public)
    (tmp_path / "with-text.pem").write_bytes(b"Subject: ours\r\n" + Path(public).read_bytes().replace(b"\n", b"\r\n"))
    assert PublicKey.read(tmp_path / "with-text.pem").raw == own.raw


def test_a_megabyte_of_the_beginning_of_a_key_is_looked_through_in_no_time(tmp_path: Path) -> None:
    """Each beginning could lead to a search up to the end."""
    path = tmp_path / "many"
    path.write_bytes(b"-----BEGIN PUBLIC KEY-----" * 2000)
    code = f"from edgeseq_runtime.model_file.public_key import PublicKey; PublicKey.read({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=10)
    assert "holds no Ed25519 public key" in done.stderr
