"""What can go wrong, each error both edgeseq's own and the builtin that a caller would expect.

The command line turns any `EdgeseqError` into one line and exit code 1; a `UsageError` into exit code 2.
"""

from edgeseq_runtime.printable import printable


class EdgeseqError(Exception):
    """Base of every error that edgeseq raises on purpose. Its text is one line, meant for the user.

    Files and other libraries have a say in it, so it is `printable`.
    """

    def __str__(self) -> str:
        return printable(" ".join(super().__str__().split()))


class UsageError(EdgeseqError, ValueError):
    """What was asked for does not exist or does not fit: a provider, a column, a pair of options."""


class UnknownProviderError(UsageError):
    """A provider that is not here: `hint` says how to have it, `groups` which names stand for several here."""

    def __init__(self, text: str, *, hint: str = "", groups: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.hint, self.groups = hint, groups


class ModelFileError(EdgeseqError, ValueError):
    """A model file or checkpoint that cannot be read: missing, damaged, not edgeseq's, or too new."""


class DataError(EdgeseqError, ValueError):
    """A series or a sample that cannot be used: text among numbers, a missing column, too few samples."""


class TooManyStreamsError(DataError):
    """A sample of one more stream than there may be; the others are as before."""


class SnapshotError(EdgeseqError, ValueError):
    """A snapshot that is damaged or belongs to another model."""


class MissingSampleError(EdgeseqError, ValueError):
    """A missing or non-finite sample, where `missing="error"` forbids it."""


class DependencyError(EdgeseqError, ImportError):
    """A package that this command needs is not installed; the text names the extra that brings it."""

    @classmethod
    def cannot_load(cls, error: ImportError, package: str = "") -> "DependencyError":
        """Return what to raise for a package that is there and cannot be loaded: short of memory, or a part lacks."""
        package = package or (error.name or "a library").partition(".")[0]
        cause: BaseException = error
        while cause.__cause__ is not None:  # the first error says why, the later ones much else
            cause = cause.__cause__
        reason = (str(cause).strip() or "no reason is given").splitlines()[0][:300]
        hint = "; is there enough memory?" if "failed to map" in reason or "annot allocate" in reason else ""
        return cls(f"cannot load {package}: {reason}{hint}")


class CheckError(EdgeseqError, AssertionError):
    """A check failed: a model file deviates from the oracle by more than its tolerance."""


class FileError(EdgeseqError, OSError):
    """A file that cannot be read or written; the text names it and gives the system's reason."""
