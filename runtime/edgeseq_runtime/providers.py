"""Which of onnxruntime's execution providers there are here, and which ones a name stands for.

The provider "native" is none of onnxruntime's; `edgeseq providers` lists it too, where it can be used.
"""

from edgeseq_runtime.backends.open import with_offers
from edgeseq_runtime.backends.ort import providers as ort
from edgeseq_runtime.backends.ort.providers import CPU, Provider, available, devices, is_arm, register
from edgeseq_runtime.errors import UnknownProviderError

__all__ = ["CPU", "Provider", "available", "candidates", "devices", "is_arm", "register"]


def candidates(name: str) -> list[str]:
    """Return onnxruntime's names for the providers that the user's `name` allows, the CPU first.

    `auto` allows all that are here; `arm`, on an ARM machine, those made for it. Any other name stands for one: what
    onnxruntime calls it, with or without "ExecutionProvider", in any case, or what its plug-in library was registered
    as. Raises `UsageError` where this machine does not have it, with what it has and what to install.
    """
    try:
        return ort.candidates(name)
    except UnknownProviderError as error:
        raise with_offers(error) from error
