"""Opening a model: the backends are asked in turn whether the file and the provider are theirs."""

import os
from collections.abc import Sequence
from typing import Protocol

from edgeseq_runtime import files
from edgeseq_runtime.backends.base import Offer, Session, Source
from edgeseq_runtime.backends.native.backend import NativeBackend
from edgeseq_runtime.backends.ort.backend import OrtBackend
from edgeseq_runtime.errors import ModelFileError, UnknownProviderError, UsageError
from edgeseq_runtime.sidecar import Sidecar

Model = str | os.PathLike[str] | bytes
"""The path of a model file or of a native library, or a model file's bytes."""


class Backend(Protocol):
    """One way to run models."""

    plain: str
    """The provider that opens a file without a choice to make: for what the file says of itself."""

    def offers(self) -> list[Offer]:
        """Return the providers that it has here."""

    def accepts(self, source: Source, provider: str) -> bool:
        """Whether it is the one to open this file on this provider."""

    def choices(self, source: Source) -> list[str]:
        """Return the providers that a file may run on where none is asked for."""

    def open(
        self, source: Source, *, provider: str, threads: int, sidecar: Sidecar | str | os.PathLike[str] | None
    ) -> Session:
        """Return a session. Raises `ModelFileError` and `UsageError`."""


BACKENDS: Sequence[Backend] = (NativeBackend(), OrtBackend())
"""In the order in which they are asked."""


def open_session(
    model: Model,
    *,
    provider: str = "auto",
    threads: int = 1,
    sidecar: Sidecar | str | os.PathLike[str] | None = None,
) -> Session:
    """Return a session for a model.

    `provider` is "native" or as in `providers.candidates`: where it allows several, each takes a few steps of one
    stream, and the fastest is kept. `threads` within one operator of onnxruntime's. `sidecar` describes a model that
    edgeseq did not write. Raises `ModelFileError`, and `UsageError` for a provider that is not here or cannot run the
    model, and for a sidecar that does not fit.
    """
    if threads < 1:
        raise UsageError(f"threads is {threads}, must be at least 1")
    source = _source(model)
    return _open(_backend(source, provider), source, provider, threads, sidecar)


def open_plainly(model: Model, provider: str | None = None) -> Session:
    """Return a session for what the file says of itself; without a provider, on one that needs no choosing."""
    source = _source(model)
    backend = _backend(source, provider or "")
    return _open(backend, source, provider or backend.plain, 1, None)


def open_everywhere(model: Model) -> tuple[dict[str, Session], dict[str, str]]:
    """Return a session on each provider that the file may run on here, by its name, and why others are left out.

    Raises as `open_session` where it runs on none.
    """
    source = _source(model)
    backend = _backend(source, "")
    sessions: dict[str, Session] = {}
    refusals: dict[str, UsageError] = {}
    for name in backend.choices(source):
        try:
            sessions[name] = _open(backend, source, name, 1, None)
        except UsageError as error:
            refusals[name] = error
    if not sessions:
        raise next(iter(refusals.values()))
    return sessions, {name: str(error) for name, error in refusals.items()}


def offers() -> list[Offer]:
    """Return the providers that `provider` may name here."""
    return [offer for backend in reversed(BACKENDS) for offer in backend.offers()]


def with_offers(error: UnknownProviderError) -> UsageError:
    """Return the error for a provider that is not here, with those that are."""
    names = ", ".join(dict.fromkeys([*error.groups, *(offer.name for offer in offers())]))
    hint = f" (to have it: {error.hint})" if error.hint else ""
    return UsageError(f"{error}; available: {names}{hint}")


def is_onnx(model: Model) -> bool:
    """Whether a file is ONNX as it lies, so that any onnxruntime opens it, and not a library that holds a model."""
    return isinstance(_backend(_source(model), ""), OrtBackend)


def _source(model: Model) -> Source:
    if isinstance(model, bytes):
        return Source(model, "the model")
    return Source(files.read(model), os.fspath(model), os.fspath(model))


def _backend(source: Source, provider: str) -> Backend:
    return next(backend for backend in BACKENDS if backend.accepts(source, provider))


def _open(
    backend: Backend,
    source: Source,
    provider: str,
    threads: int,
    sidecar: Sidecar | str | os.PathLike[str] | None,
) -> Session:
    if files.is_checkpoint(source.content):
        raise ModelFileError(f"{source.name} is a checkpoint; `edgeseq export` makes a model file of it")
    try:
        return backend.open(source, provider=provider, threads=threads, sidecar=sidecar)
    except UnknownProviderError as error:
        raise with_offers(error) from error
