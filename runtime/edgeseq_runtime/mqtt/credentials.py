"""Who a device is to an MQTT broker: from the environment or a file, never from the command line."""

import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields

from edgeseq_runtime.errors import FileError, UsageError

PREFIX = "EDGESEQ_MQTT_"
"""Begins the names in the environment: EDGESEQ_MQTT_USERNAME and so on."""

LONGEST = 65_535
"""Bytes of a name, a password or an id, which is all that the protocol has room for."""

_LARGEST_FILE = 1 << 20
_SYSTEMD_MODE = 0o440
"""Of a file that systemd's LoadCredential hands to a service: an access list shows as the group's right to read."""


@dataclass(frozen=True, repr=False)
class Credentials:
    """A name and password, and files for TLS; each may be empty. Raises `UsageError`, which shows none of them."""

    username: str = ""
    password: str = ""
    ca: str = ""
    """A file of the certificates to trust; empty: the system's."""
    cert: str = ""
    """A file with the client's own certificate, for brokers that want one."""
    key: str = ""
    """A file with its key."""

    def __post_init__(self) -> None:
        if self.password and not self.username:
            raise UsageError("there is a password for the broker, but no username")
        if bool(self.cert) != bool(self.key):
            raise UsageError("a client's certificate and its key go together; only one of cert and key is given")
        check_text(self.username, "the username for the broker")
        check_text(self.password, "the password for the broker")


def check_text(text: str, what: str) -> None:
    """Refuse what the protocol has no room for. Raises `UsageError`, which calls it `what` and does not show it."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not UTF-8 text") from None
    if size > LONGEST:
        raise UsageError(f"{what} has {size} bytes; at most {LONGEST} fit")
    if "\0" in text:
        raise UsageError(f"{what} contains a NUL character")


def from_environment(environment: Mapping[str, str]) -> Credentials:
    """Take EDGESEQ_MQTT_USERNAME, _PASSWORD, _CA, _CERT and _KEY. Raises `UsageError` where one lacks another."""
    return Credentials(**{name: environment.get(PREFIX + name.upper(), "") for name in _names()})


def from_file(path: str | os.PathLike[str]) -> Credentials:
    """Read lines such as `username = plant`; blank lines and those that begin with # are ignored.

    Raises `UsageError` where others may read or write the file or where a line is something else; no message shows its
    content.
    """
    try:
        text = _read_private(path).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip() or name.startswith("#"):
            continue
        if not equals or name not in _names():
            raise UsageError(f"{path}, line {number}: expected NAME = VALUE, with one of {', '.join(_names())}")
        values[name] = value
    return Credentials(**values)


def tls_context(credentials: Credentials) -> ssl.SSLContext:
    """Return what trusts the given certificates, or the system's. Raises `UsageError` for files that are none."""

    def refuse_passphrase() -> str:
        raise UsageError(f"the key {credentials.key} has a passphrase, which a service cannot be asked for; remove it")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if credentials.cert:
            context.load_cert_chain(credentials.cert, credentials.key, refuse_passphrase)
        if credentials.ca:
            context.load_verify_locations(credentials.ca)
        else:
            context.load_default_certs()
    except UsageError:
        raise
    except (OSError, ValueError) as error:
        named = ", ".join(filter(None, (credentials.ca, credentials.cert, credentials.key)))
        raise UsageError(f"cannot use the certificates in {named}: {error}") from error
    return context


def _read_private(path: str | os.PathLike[str]) -> bytes:
    """Return what is in a file, once it is sure that it is only its owner's. Raises `UsageError`, `FileError`."""
    try:
        # A FIFO that nobody writes to would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            _check_private(path, os.fstat(file.fileno()))
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > _LARGEST_FILE:
        raise UsageError(f"{path} is too large for a file of credentials")
    return content


def _check_private(path: str | os.PathLike[str], status: os.stat_result) -> None:
    """Refuse a file whose password others may read, or whose certificates they may replace."""
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path} is not a regular file")
    if not hasattr(os, "geteuid"):  # as on Windows, where every file's mode says that all may read it
        return
    if status.st_uid not in (0, os.geteuid()):
        raise UsageError(f"{path} holds a password and belongs to another user")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077 and mode != _SYSTEMD_MODE:
        raise UsageError(f"{path} holds a password and can be read or changed by others; chmod 600 {path}")


def _names() -> list[str]:
    return [field.name for field in fields(Credentials)]
