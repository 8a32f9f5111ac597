"""Where compiled models are kept: a file for each model file, version and processor, in a folder of the user's own."""

import contextlib
import logging
import os
import platform
from pathlib import Path

from edgeseq_runtime import files
from edgeseq_runtime.backends.native import owners
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.model_file.library_file import JUDGEMENT, LibraryFile
from edgeseq_runtime.version import __version__


def path_for(content: bytes) -> Path:
    """Return where this user's cache keeps the library of a model file, built by this version for this processor."""
    import hashlib

    key = hashlib.sha256(content)
    key.update("\n".join((__version__, str(JUDGEMENT), platform.machine(), _processor())).encode())
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return folder / "edgeseq" / "native" / f"{key.hexdigest()[:32]}.so"


def find(path: Path, model: bytes) -> LibraryFile | None:
    """Return the library that is kept for a model file, None where there is none that fits.

    One that does not fit is told to the logger "edgeseq", which without further ado writes to stderr: it was damaged,
    or put there by another program. Raises `UsageError` where others could have put it there.
    """
    if not path.exists():
        return None
    try:
        library = _read(path)
    except ModelFileError as error:
        wrong = str(error)
    else:
        complaint = library.complaint() or _mismatch(library, model)
        if not complaint:
            return library
        wrong = f"{path} {complaint}"
    logging.getLogger("edgeseq").warning("the model is compiled anew: %s", wrong)
    return None


def store(path: Path, library: bytes) -> None:
    """Keep a library, in place of whatever is there but a folder.

    Raises `FileError`, and `UsageError` where others could put another one in its place.
    """
    files.make_folder(path.parent, mode=0o700)
    owners.check_folders(path)
    if path.is_symlink() or not path.is_file():  # a link would be followed, and a pipe be written to
        with contextlib.suppress(OSError):
            path.unlink()
    files.write_atomically(path, library)
    path.chmod(0o600)


def _read(path: Path) -> LibraryFile:
    """Raises `ModelFileError` where there is no whole library, rather than wait at a pipe."""
    if not path.is_file():
        raise ModelFileError(f"{path} is not a file")
    content = files.read(path)
    owners.check(path, content)
    return LibraryFile.read(content, str(path))


def _mismatch(library: LibraryFile, model: bytes) -> str | None:
    if not library.sha256:
        return "carries no hash"
    return None if library.model == model else "is another model's"


def _processor() -> str:
    """Return what the processor can do, as Linux tells; what is built for it may not run on another one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
