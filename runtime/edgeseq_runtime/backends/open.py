"""Opening a model: the backends are asked in turn whether the file and the provider are theirs."""

import os
from collections.abc import Sequence
from typing import Protocol

from edgeseq_runtime.backends.base import Offer, Session
from edgeseq_runtime.backends.native.backend import NativeBackend
from edgeseq_runtime.backends.ort.backend import OrtBackend
from edgeseq_runtime.errors import UnknownProviderError, UsageError
from edgeseq_runtime.model_file.source import Model, Source, vouched
from edgeseq_runtime.sidecar import Sidecar


class Backend(Protocol):
    """One way to run models."""

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
    key: str | os.PathLike[str] | None = None,
) -> Session:
    """Return a session for a model.

    `provider` is "native" or as in `providers.candidates`: where it allows several, each takes a few steps of one
    stream, and the fastest is kept. `threads` within one operator of onnxruntime's, at most as many as the machine has
    cores. `sidecar` describes a model that edgeseq did not write. `key` is a file with an Ed25519 public key: what was
    not signed with its private half is refused. Raises `ModelFileError`, before anything of the file is run where it
    was changed after it was written, and `UsageError` for a provider that is not here or cannot run the model, for a
    sidecar that does not fit, and for what is no key.
    """
    if threads < 1:
        raise UsageError(f"threads: expected at least 1, got {threads}")
    source = vouched(model, key=key, provider=provider, has_sidecar=sidecar is not None)
    return _open(source, provider, min(threads, os.cpu_count() or threads), sidecar)


def open_everywhere(source: Source) -> tuple[dict[str, Session], dict[str, str]]:
    """Return a session on each provider that a file may run on here, by its name, and why others are left out.

    Raises as `open_session` where it runs on none.
    """
    sessions: dict[str, Session] = {}
    refusals: dict[str, UsageError] = {}
    for name in _backend(source, "").choices(source):
        try:
            sessions[name] = _open(source, name)
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


def _backend(source: Source, provider: str) -> Backend:
    return next(backend for backend in BACKENDS if backend.accepts(source, provider))


def _open(
    source: Source, provider: str, threads: int = 1, sidecar: Sidecar | str | os.PathLike[str] | None = None
) -> Session:
    try:
        return _backend(source, provider).open(source, provider=provider, threads=threads, sidecar=sidecar)
    except UnknownProviderError as error:
        raise with_offers(error) from error
