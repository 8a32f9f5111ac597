"""The backend of onnxruntime: it opens every model file, on any of onnxruntime's providers.

onnxruntime is imported when it is first needed: a native library runs without it.
"""

import os

from edgeseq_runtime.backends.base import Offer, Session
from edgeseq_runtime.model_file.source import Source
from edgeseq_runtime.sidecar import Sidecar


class OrtBackend:
    """onnxruntime. Its methods are those of `backends.open.Backend`."""

    def offers(self) -> list[Offer]:
        """Return onnxruntime's providers, plug-ins included, and what they run on where it tells."""
        from edgeseq_runtime.backends.ort import providers

        return [
            Offer(provider.short, "  ".join([f"({provider.name})", *provider.devices]))
            for provider in providers.available()
        ]

    def accepts(self, source: Source, provider: str) -> bool:
        """Whether it opens the file: whatever nobody else does."""
        del source, provider
        return True

    def choices(self, source: Source) -> list[str]:
        """Return the names of the providers that "auto" would choose from."""
        del source
        from edgeseq_runtime.backends.ort import providers

        return providers.candidates("auto")

    def open(
        self, source: Source, *, provider: str, threads: int, sidecar: Sidecar | str | os.PathLike[str] | None
    ) -> Session:
        """Return a session on the provider; where its name allows several, on the fastest of them."""
        from edgeseq_runtime.backends.ort.session import OrtSession

        return OrtSession(source, provider=provider, threads=threads, sidecar=sidecar)
