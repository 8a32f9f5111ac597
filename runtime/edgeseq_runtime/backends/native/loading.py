"""Machine code from memory into this process: what was checked is what is loaded, whatever happens to the file."""

import ctypes
import os
import tempfile
from pathlib import Path

from edgeseq_runtime.backends.native import owners
from edgeseq_runtime.errors import ModelFileError

Loaded = tuple[ctypes.CDLL, ctypes.PyDLL]
"""A library twice: for calls that let other threads run meanwhile, and for calls that do not."""

_loaded: dict[bytes, Loaded] = {}
"""What this process has loaded, by the code. It stays: a library cannot be taken out again safely."""


def load(code: bytes, name: str) -> Loaded:
    """Load a library from its bytes; `name` is what errors call it.

    Raises `ModelFileError` where it cannot be loaded here, and `UsageError` where it would have to go through a folder
    that others may write to.
    """
    if code not in _loaded:
        _loaded[code] = _from_memory(code) or _from_folder(code, name)
    return _loaded[code]


def _from_memory(code: bytes) -> Loaded | None:
    """Load by a file that has no name in any folder, as Linux has them; None where that cannot be done."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        descriptor = os.memfd_create("edgeseq-native")
    except OSError:
        return None
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(code)
        loaded = _open(f"/proc/self/fd/{descriptor}")
    except OSError:  # it may be that such files, or /proc, are forbidden here
        os.close(descriptor)
        return None
    # The descriptor is never closed: the loader knows libraries by their path, and another file under the same number
    # would be taken for this one.
    return loaded


def _from_folder(code: bytes, name: str) -> Loaded:
    """Load from a file in a folder of this process's own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="edgeseq-") as folder:
        path = Path(os.path.realpath(folder), "model.so")
        path.write_bytes(code)
        owners.check_folders(path)
        try:
            return _open(str(path))
        except OSError as error:
            reason = str(error).replace(str(path), name)
            raise ModelFileError(f"{name} cannot be loaded here: {reason}") from error


def _open(path: str) -> Loaded:
    return ctypes.CDLL(path), ctypes.PyDLL(path)
