"""Who a device is to an MQTT broker: from the environment or a file, never from the command line."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError

PREFIX = "EDGESEQ_MQTT_"
"""Begins the names in the environment: EDGESEQ_MQTT_USERNAME and so on."""


@dataclass(frozen=True, repr=False)
class Credentials:
    """A name and password, and files for TLS; each may be empty."""

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


def from_environment(environment: Mapping[str, str]) -> Credentials:
    """Take EDGESEQ_MQTT_USERNAME, _PASSWORD, _CA, _CERT and _KEY. Raises `UsageError` where one lacks another."""
    return Credentials(**{name: environment.get(PREFIX + name.upper(), "") for name in _names()})


def from_file(path: str | os.PathLike[str]) -> Credentials:
    """Read lines such as `username = plant`; blank lines and those that begin with # are ignored.

    Raises `UsageError` where others may read the file or where a line is something else; no message shows its content.
    """
    content = files.read(path)
    has_modes = hasattr(os, "geteuid")  # elsewhere, as on Windows, every file's mode says so
    if has_modes and Path(path).stat().st_mode & stat.S_IROTH:
        raise UsageError(f"{path} holds a password and can be read by every user; chmod 600 {path}")
    values: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip() or name.startswith("#"):
            continue
        if not equals or name not in _names():
            raise UsageError(f"{path}, line {number}: wanted is one of {', '.join(_names())}, then = and a value")
        values[name] = value
    return Credentials(**values)


def _names() -> list[str]:
    return [field.name for field in fields(Credentials)]
