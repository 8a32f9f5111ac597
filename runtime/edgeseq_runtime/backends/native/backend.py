"""The backend "native": which files and providers are its own, and how they are opened.

The library of a model file is built here once, where a builder and a C compiler are, and kept in the user's cache; or
it was built elsewhere by `edgeseq export --format native` and is named in place of the model file.
"""

import os
from pathlib import Path

from edgeseq_runtime.backends.base import Offer, Session, Source
from edgeseq_runtime.backends.native import build, cache
from edgeseq_runtime.backends.native.abi import NATIVE, is_library
from edgeseq_runtime.backends.native.session import NativeSession
from edgeseq_runtime.backends.verification import deviations, passed
from edgeseq_runtime.errors import CheckError, UsageError
from edgeseq_runtime.sidecar import Sidecar


class NativeBackend:
    """A model's own C. Its methods are those of `backends.open.Backend`."""

    plain = NATIVE

    def offers(self) -> list[Offer]:
        """Return its one provider, where a library can be built here."""
        return (
            [Offer(NATIVE, "(the model's own C, compiled here)")] if cache.knows_owners() and build.can_build() else []
        )

    def accepts(self, source: Source, provider: str) -> bool:
        """Whether the file is a library, or the provider was asked for."""
        return is_library(source.content) or provider == NATIVE

    def choices(self, source: Source) -> list[str]:
        """Return its one provider for a library; a model file runs on it only where that is asked for."""
        return [NATIVE] if is_library(source.content) else []

    def open(
        self, source: Source, *, provider: str, threads: int, sidecar: Sidecar | str | os.PathLike[str] | None
    ) -> Session:
        """Return a session of a library, or of the one that a model file is compiled to; one thread each.

        Raises `UsageError` where that cannot be or somebody else could have changed the library, `ModelFileError` where
        it cannot be loaded, `CheckError` where what was compiled does not do what the model file says.
        """
        del threads  # a step is one thread's
        if not cache.knows_owners():
            raise UsageError(
                "the provider 'native' needs a POSIX system such as Linux or macOS: a library is code, and "
                "here nobody can tell who could have changed it"
            )
        if is_library(source.content):
            return _open_library(source, provider)
        if sidecar is not None:
            raise UsageError(
                f"{source.name} has a sidecar; only models that edgeseq trained run on the provider 'native'"
            )
        return _open_model(source.content)


def _open_library(source: Source, provider: str) -> Session:
    if source.path is None:
        raise UsageError("a native library is loaded from its file, not from bytes")
    if provider not in ("auto", NATIVE):
        raise UsageError(f"{source.name} is a native library; it cannot run on {provider}")
    path = Path(os.path.realpath(source.path))
    cache.check_permissions(path)
    return NativeSession(path)


def _open_model(content: bytes) -> Session:
    path = cache.path_for(content)
    if path.exists():
        cache.check_permissions(path)
    else:
        cache.store(path, build.build(content), _verify)
    return NativeSession(path)


def _verify(path: Path) -> None:
    """Raise `CheckError` where a library does not give the forecasts that its model file carries for comparison."""
    session = NativeSession(path)
    worst = deviations(session) if session.spec.verification else {}
    if not passed(worst):
        raise CheckError(f"the model's C, compiled here, is off by {max(worst.values()):.3g} times what is allowed")
