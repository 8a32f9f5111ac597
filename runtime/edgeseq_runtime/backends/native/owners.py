"""Who could have put code into a file: it is loaded only where nobody but its user and root could.

The rule is sshd's (`StrictModes`) for the files that it trusts. Access control lists are covered: what they give to
others shows in the bits of the group.
"""

import os
import stat
from pathlib import Path

from edgeseq_runtime.errors import FileError, UsageError

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def are_known() -> bool:
    """Whether this system tells who owns a file, without which nobody can say who put code there."""
    return hasattr(os, "geteuid")


def check(path: str | os.PathLike[str], content: bytes) -> None:
    """Raise `UsageError` where somebody else could have put or changed the file at `path`.

    It must be this user's or root's, and neither its group nor others may write to it, nor to any folder up to the
    root. What is judged is the very file that has `content`: links are followed, and it is opened once.
    """
    real = Path(os.path.realpath(path))
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path} is not a file, and code is loaded from files only")
        if status.st_mode & _OTHERS_WRITE or not _is_trusted(status):
            raise UsageError(
                f"{path} could have been changed by others, and is not loaded: it is code, and must belong to you or "
                f"root, and be writable by its owner only"
            )
        check_folders(real)
        if file.read(len(content) + 1) != content:
            raise UsageError(f"{path} was changed while it was opened")


def check_folders(path: Path) -> None:
    """Raise `UsageError` where somebody else could put another file at a (resolved) path.

    Above the folder that holds it a sticky one such as /tmp is as safe: nobody can rename what is another's.
    """
    for folder in path.parents:
        status = folder.stat()
        is_protected = status.st_mode & stat.S_ISVTX and folder != path.parent
        if not _is_trusted(status) or (status.st_mode & _OTHERS_WRITE and not is_protected):
            raise UsageError(
                f"{folder} can be written to by others, and code is not loaded from there: {path.name}; it must belong "
                f"to you or root, and be writable by its owner only"
            )


def _is_trusted(status: os.stat_result) -> bool:
    return status.st_uid in (0, os.geteuid())
