"""Who compiles a model file to a library: a builder that another package announces, where there is one.

The exporter does, by the entry point group `edgeseq_runtime.native_builder`; the device side imports nothing of it.
"""

from typing import Protocol, cast

from edgeseq_runtime.errors import UsageError

GROUP = "edgeseq_runtime.native_builder"


class Builder(Protocol):
    """What an entry point of the group leads to."""

    def compiler(self) -> list[str] | None:
        """Return the command of the C compiler; None where there is none."""

    def build(self, model: bytes) -> bytes:
        """Return the library of a model file's bytes. Raises `UsageError` and `CheckError`."""


def can_build() -> bool:
    """Whether a model file's library can be built here."""
    builder = _builder()
    return builder is not None and builder.compiler() is not None


def build(model: bytes) -> bytes:
    """Return the library of a model file's bytes.

    Raises `UsageError` where it cannot be built here, `CheckError` where its C does not compile.
    """
    builder = _builder()
    if builder is None:
        raise UsageError(
            "no provider 'native' here: to build it needs edgeseq[export] and a C compiler; or name a library that "
            "`edgeseq export --format native` built elsewhere in place of the model file"
        )
    return builder.build(model)


def _builder() -> Builder | None:
    """Return the first builder whose package and everything that it needs is installed."""
    from importlib.metadata import entry_points  # takes as long as a small start, and hardly anybody builds

    for entry in entry_points(group=GROUP):
        try:
            return cast("Builder", entry.load())
        except ImportError:
            continue
    return None
