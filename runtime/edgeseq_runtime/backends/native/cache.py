"""Where compiled models are kept, and which places code may be loaded from: none that anybody may write to."""

import os
import platform
import stat
from collections.abc import Callable
from pathlib import Path

from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.version import __version__


def path_for(content: bytes) -> Path:
    """Return where this user's cache keeps the library of a model file, built by this version for this processor."""
    import hashlib

    key = hashlib.sha256(content)
    key.update("\n".join((__version__, platform.machine(), _processor())).encode())
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return folder / "edgeseq" / "native" / f"{key.hexdigest()[:32]}.so"


def store(path: Path, library: bytes, accept: Callable[[Path], None]) -> None:
    """Write a library into the cache once `accept` has returned for a file of it: whole and accepted, or not at all.

    Raises `FileError`, `UsageError` as `check_permissions` does, and what `accept` raises.
    """
    files.make_folder(path.parent, mode=0o700)
    _check_folders(path)
    candidate = path.with_name(f"{path.stem}.{os.getpid()}.so")  # several processes may build it at once
    try:
        files.write_atomically(candidate, library)
        candidate.chmod(0o600)
        accept(candidate)
        candidate.replace(path)
    finally:
        candidate.unlink(missing_ok=True)


def knows_owners() -> bool:
    """Whether this system tells who owns a file, without which nobody can say who put code there."""
    return hasattr(os, "geteuid")


def check_permissions(path: Path) -> None:
    """Raise `UsageError` where somebody else could have put or changed the file at a (resolved) path."""
    status = path.stat()
    if status.st_mode & stat.S_IWOTH or status.st_uid not in (0, os.geteuid()):
        raise UsageError(f"{path} could have been changed by others, and is not loaded: it is code")
    _check_folders(path)


def _check_folders(path: Path) -> None:
    """Refuse a folder that all may write to, and one above it unless its sticky bit protects what is within."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        protected = mode & stat.S_ISVTX and folder != path.parent
        if mode & stat.S_IWOTH and not protected:
            raise UsageError(f"{folder} can be written to by anybody, and code is not loaded from there: {path.name}")


def _processor() -> str:
    """Return what the processor can do, as Linux tells; what is built for it may not run on another one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
