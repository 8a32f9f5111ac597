"""What a native library is: how to tell one, and the version of what it offers to this process."""

NATIVE = "native"
"""Provider name of this backend."""

INTERFACE = 3
"""Version of what a library offers; another one cannot be used."""

_MAGIC = (b"\x7fELF", b"\xcf\xfa\xed\xfe")
"""What libraries begin with, on Linux and on macOS."""


def is_library(content: bytes) -> bool:
    """Whether these bytes are a library of some kind."""
    return content.startswith(_MAGIC)
