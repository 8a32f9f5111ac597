"""The backend "native": which files and providers are its own, and how they are opened.

The library of a model file is built here once, where a builder and a C compiler are, and kept in the user's cache; or
it was built elsewhere by `edgeseq export --format native` and is named in place of the model file.
"""

import os

from edgeseq_runtime.backends.base import Offer, Session
from edgeseq_runtime.backends.native import build, cache, owners
from edgeseq_runtime.backends.native.session import NativeSession
from edgeseq_runtime.backends.verification import deviations, passed
from edgeseq_runtime.errors import CheckError, UsageError
from edgeseq_runtime.model_file.library_file import NATIVE, LibraryFile
from edgeseq_runtime.model_file.source import Source
from edgeseq_runtime.sidecar import Sidecar


class NativeBackend:
    """A model's own C. Its methods are those of `backends.open.Backend`."""

    def offers(self) -> list[Offer]:
        """Return its one provider, where a library can be built here."""
        return [Offer(NATIVE, "(the model's own C, compiled here)")] if owners.are_known() and build.can_build() else []

    def accepts(self, source: Source, provider: str) -> bool:
        """Whether the file is a library, or the provider was asked for."""
        return source.library is not None or provider == NATIVE

    def choices(self, source: Source) -> list[str]:
        """Return its one provider for a library; a model file runs on it only where that is asked for."""
        return [NATIVE] if source.library else []

    def open(
        self, source: Source, *, provider: str, threads: int, sidecar: Sidecar | str | os.PathLike[str] | None
    ) -> Session:
        """Return a session of a library, or of the one that a model file is compiled to; one thread each.

        Raises `UsageError` where that cannot be or somebody else could have changed the library, `ModelFileError` where
        it cannot be loaded, `CheckError` where what was compiled does not do what the model file says.
        """
        del threads  # a step is one thread's
        if not owners.are_known():
            raise UsageError(
                "the provider 'native' needs a POSIX system such as Linux or macOS: a library is code, and "
                "here nobody can tell who could have changed it"
            )
        if source.library:
            return _open_library(source, source.library, provider)
        if sidecar is not None:
            raise UsageError(
                f"{source.name} has a sidecar; only models that edgeseq trained run on the provider 'native'"
            )
        return _open_model(source)


def _open_library(source: Source, library: LibraryFile, provider: str) -> Session:
    assert source.path is not None, "a library is never read from bytes"
    if provider not in ("auto", NATIVE):
        raise UsageError(f"{source.name} is a native library; it cannot run on {provider}")
    owners.check(source.path, library.content)
    return NativeSession(source, library)


def _open_model(source: Source) -> Session:
    path = cache.path_for(source.content)
    kept = cache.find(path, source.content)
    if kept:
        return NativeSession(source, kept)
    built = build.build(source.content)
    session = NativeSession(source, LibraryFile.read(built, "what was compiled here"))
    _verify(session)
    cache.store(path, built)
    return session


def _verify(session: Session) -> None:
    """Raise `CheckError` where a library does not give the forecasts that its model file carries for comparison."""
    worst = deviations(session) if session.spec.verification else {}
    if not passed(worst):
        raise CheckError(f"the model's C, compiled here, is off by {max(worst.values()):.3g} times what is allowed")
