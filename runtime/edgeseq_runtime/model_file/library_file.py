"""A native library as a file: machine code that holds a model file, and at its end what binds both.

| bytes | |
|---|---|
| | machine code, as the compiler made it |
| 18 | `edgeseq-library-1` and a line feed |
| 4 | version of what the code offers, little-endian like the next two |
| 8, 8 | where in the code the model file begins, and its length |
| 32 | SHA-256 of all that comes before |
| 64 | Ed25519 signature over `edgeseq library 1`, a line feed and those 32 bytes; zeros where there is none |
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from edgeseq_runtime.errors import CheckError, ModelFileError
from edgeseq_runtime.model_file import elf
from edgeseq_runtime.model_file.public_key import PublicKey

NATIVE = "native"
"""The provider that runs libraries."""

INTERFACE = 4
"""Version of what the code offers; another one cannot be used."""

JUDGEMENT = 16
"""Version of its step with judgement; where the code has another one or none, NumPy judges, and adds anchors."""

_UNSEALED_INTERFACE = 3
"""That of version 0.1, whose libraries can be used as well: they offer the same, but end with the code."""

_LIBRARIES = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""What libraries begin with: on Linux; on macOS, the last for several processors in one."""

_MAGIC = b"edgeseq-library-1\n"
_END = struct.Struct("<18sIQQ")
_HASH_SIZE, _SIGNATURE_SIZE = 32, 64
_WHOLE_END = _END.size + _HASH_SIZE + _SIGNATURE_SIZE

_PURPOSE = b"edgeseq library 1\n"
"""What is signed begins with this, so that a signature for another purpose is none for this one."""


def is_library(content: bytes) -> bool:
    """Whether these bytes are a library of some kind."""
    return content.startswith(_LIBRARIES)


@dataclass(frozen=True)
class LibraryFile:
    """A library, taken apart. Nothing of it is loaded."""

    code: bytes
    """What is loaded: the library as the compiler made it."""
    model: bytes
    """The model file within."""
    content: bytes
    """The whole file."""
    sha256: bytes = b""
    """The hash; empty in a library of version 0.1, which had none."""
    signature: bytes = b""

    @classmethod
    def read(cls, content: bytes, name: str) -> Self:
        """Take the bytes of a library apart; `name` is what errors call it.

        Raises `ModelFileError` for one that is cut short, none of edgeseq's, or of another version.
        """
        magic, interface, start, size = _end(content)
        if magic != _MAGIC:
            return cls._read_unsealed(content, name)
        if interface != INTERFACE:
            raise ModelFileError(f"{name} was built by another version of edgeseq; export it anew")
        code, seal = content[:-_WHOLE_END], content[-_HASH_SIZE - _SIGNATURE_SIZE :]
        if start + size > len(code):
            raise ModelFileError(f"{name} is damaged: it does not hold the model file that it says")
        return cls(code, code[start : start + size], content, seal[:_HASH_SIZE], seal[_HASH_SIZE:])

    @classmethod
    def _read_unsealed(cls, content: bytes, name: str) -> Self:
        """Take apart a library of version 0.1, which carried no hash of itself."""
        interface = elf.find_symbol(content, "edgeseq_interface")
        if interface is None:
            raise ModelFileError(f"{name} is a library, but none of edgeseq's, or it is damaged")
        if int.from_bytes(interface, "little") != _UNSEALED_INTERFACE:
            raise ModelFileError(f"{name} is damaged, or was built by another version of edgeseq; export it anew")
        model = elf.find_symbol(content, "edgeseq_model")
        if model is None:
            raise ModelFileError(f"{name} is damaged: it holds no model file")
        return cls(content, model, content)

    def complaint(self, key: PublicKey | None = None) -> str | None:
        """Return why it is not to be trusted, in words that follow its name; None where nothing is wrong."""
        import hashlib  # brings OpenSSL, some milliseconds: not before there is something to hash

        hashed = memoryview(self.content)[: -_HASH_SIZE - _SIGNATURE_SIZE]
        if self.sha256 and hashlib.sha256(hashed).digest() != self.sha256:
            return "was changed after it was written: its hash is another one"
        if key and not (self.sha256 and key.has_signed(_PURPOSE + self.sha256, self.signature)):
            return f"was not signed with the key that belongs to {key.name}"
        return None


def seal(code: bytes, model: bytes, sign: Callable[[bytes], bytes] | None = None) -> bytes:
    """Return a library as a file: `code` as the compiler made it, which holds the bytes of `model`.

    `sign` returns the 64 bytes of the signature of what it gets. Raises `CheckError` for code without the model file.
    """
    import hashlib

    start = code.find(model)
    if start < 0:
        raise CheckError("the compiled library does not hold the model file: what did the compiler do?")
    hashed = code + _END.pack(_MAGIC, INTERFACE, start, len(model))
    sha256 = hashlib.sha256(hashed).digest()
    return hashed + sha256 + (sign(_PURPOSE + sha256) if sign else bytes(_SIGNATURE_SIZE))


def _end(content: bytes) -> tuple[bytes, int, int, int]:
    """Return what stands at the end of a library; zeros of what is shorter."""
    if len(content) < _WHOLE_END:
        return b"", 0, 0, 0
    magic, interface, start, size = _END.unpack_from(content, len(content) - _WHOLE_END)
    return magic, interface, start, size
