"""Credentials are their owner's alone, and whatever is wrong with them is one line that shows none of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.mqtt import credentials
from edgeseq_runtime.mqtt.credentials import Credentials
from tests.conftest import CommandLine
from tests.helpers.broker import Broker, FakeBroker, Service, end_all, program, wait_until

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")

posix_only = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners and modes here")
root_only = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text("username = plant\npassword = secret\n")
    path.chmod(0o600)
    return path


@posix_only
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_a_file_of_its_owner_is_taken(file: Path, mode: int) -> None:
    """0440 is what systemd's LoadCredential makes."""
    file.chmod(mode)
    if os.access(file, os.R_OK):
        assert credentials.from_file(file).username == "plant"


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o444, 0o620, 0o602, 0o622, 0o660, 0o610, 0o601, 0o460, 0o442])
def test_a_file_that_others_may_read_or_change_is_refused(file: Path, mode: int) -> None:
    """Whoever may change it could name a `ca` of his own, and so be trusted as the broker."""
    file.chmod(mode)
    with pytest.raises(UsageError, match="can be read or changed by others") as error:
        credentials.from_file(file)
    assert "secret" not in str(error.value)


@root_only
def test_a_file_of_another_user_is_refused(file: Path) -> None:
    os.chown(file, 12345, -1)
    with pytest.raises(UsageError, match="belongs to another user"):
        credentials.from_file(file)


@posix_only
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe that nobody writes to would be waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, Path("/dev/null")):
        with pytest.raises(UsageError, match="is not a regular file"):
            credentials.from_file(path)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"password = s\xff\xfecret\nusername = me\n", "is not UTF-8 text"),
        (b"username = me\npassword = " + b"s" * 70_000 + b"\n", "70000 bytes; at most 65535 fit"),
        (b"username = m\0e\n", "the username for the broker contains a NUL character"),
        (b"secret\n" * 3, "line 1: expected NAME = VALUE, with one of"),
        (b"username = me\n" + b"# secret\n" * 200_000, "too large"),
    ],
)
def test_what_is_wrong_in_it_is_said_without_showing_it(file: Path, content: bytes, word: str) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError) as error:
        credentials.from_file(file)
    assert word in str(error.value)
    assert "secret" not in str(error.value)
    assert "sss" not in str(error.value)


@pytest.mark.parametrize("name", ["username", "password"])
@pytest.mark.parametrize("value", ["\udcff", "x" * 65_536, "a\0b"])
def test_names_and_passwords_that_the_protocol_has_no_room_for(name: str, value: str) -> None:
    with pytest.raises(UsageError, match="for the broker"):
        Credentials(**{"username": "me", name: value})


@pytest.mark.parametrize("value", ["\udcff", "x" * 65_536])
def test_an_id_that_the_protocol_has_no_room_for(edgeseq: CommandLine, model_path: Path, value: str) -> None:
    words = ("--mqtt", "mqtt://localhost/a", "--publish", "f", "--client-id", value)
    answer = edgeseq("predict", model_path, *words)
    assert answer.code == 2
    assert "edgeseq: a client's id" in answer.err


@pytest.mark.skipif(sys.platform == "win32", reason="an environment is text there")
def test_bytes_in_the_environment_are_named_in_one_line(model_path: Path) -> None:
    environment = {**os.environb, b"EDGESEQ_MQTT_USERNAME": b"me", b"EDGESEQ_MQTT_PASSWORD": b"\xff\xfe"}
    command = [
        sys.executable,
        "-m",
        "edgeseq",
        "predict",
        str(model_path),
        "--mqtt",
        "mqtt://localhost/a",
        "--publish",
        "f",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "edgeseq: the password for the broker is not UTF-8 text\n"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost, its key, and the key once more with a passphrase."""
    folder = tmp_path_factory.mktemp("certificates")
    openssl, key, locked = program("openssl"), str(folder / "key.pem"), str(folder / "locked.pem")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        [openssl, "rsa", "-aes256", "-passout", "pass:secret", "-in", key, "-out", locked],
        check=True,
        capture_output=True,
    )
    (folder / "key.pem").chmod(0o644)
    folder.chmod(0o755)
    return folder


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(certificates: Path) -> None:
    given = Credentials(cert=str(certificates / "cert.pem"), key=str(certificates / "locked.pem"))
    with pytest.raises(UsageError, match=r"locked.pem has a passphrase"):
        credentials.tls_context(given)


@pytest.mark.parametrize("name", ["ca", "cert", "key"])
def test_files_that_are_no_certificates_are_named(certificates: Path, tmp_path: Path, name: str) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    files = {kind: str(certificates / f"{kind}.pem") for kind in ("cert", "key")} | {name: str(junk)}
    for path in (junk, tmp_path / "none.pem"):
        with pytest.raises(UsageError, match="cannot use the certificates"):
            credentials.tls_context(Credentials(**(files | {name: str(path)})))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "listener", "hint"),
    [
        ("mqtt", "tls", "want TLS"),
        ("mqtts", "plain", "does it speak TLS there?"),
        ("mqtts", "wants a certificate", "a client's certificate"),
        ("mqtts", "silent", "it does not answer (does it speak TLS there?)"),
    ],
)
def test_a_broker_that_wants_something_else_is_said_to(
    certificates: Path, model_path: Path, tmp_path: Path, scheme: str, listener: str, hint: str
) -> None:
    """Once a minute, however often it is tried; a signal ends it within two seconds."""
    cert, key = certificates / "cert.pem", certificates / "key.pem"
    lines = ["allow_anonymous true"]
    if listener in ("tls", "wants a certificate"):
        lines += [f"certfile {cert}", f"keyfile {key}"]
    if listener == "wants a certificate":
        lines += [f"cafile {cert}", "require_certificate true"]
    silent = listener == "silent"
    broker = FakeBroker(lambda client: client.recv(1 << 16) and client.recv(1)) if silent else (
        Broker(tmp_path / "broker", *lines)
    )  # fmt: skip
    service = Service(broker, model_path, scheme=scheme, EDGESEQ_MQTT_CA=str(cert))
    wait_until(lambda: service.process.poll() is not None or "trying again" in service.said(), "nothing said")
    assert service.seconds_to_stop() < 2
    assert hint in service.said()
