"""Names for onnxruntime's execution providers, and the rule that none is replaced silently."""

from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.ort import onnxruntime

NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "arm": "CPUExecutionProvider",
}
"""Short names. ARM builds of onnxruntime bring their kernels inside the CPU provider."""

_INSTALL = {"cuda": "pip install 'edgeseq[gpu]'"}


def available() -> list[str]:
    """Return the providers of this onnxruntime build, in its own order of preference.

    Azure's is left out: it computes nothing here, it calls a web service.
    """
    return [provider for provider in onnxruntime.get_available_providers() if provider != "AzureExecutionProvider"]


def resolve(name: str) -> str:
    """Return onnxruntime's name for the provider that the user calls `name`.

    `auto` is the CPU: for one stream of a small recurrent network it is the fastest. Any name that
    onnxruntime knows is taken as well, with or without "ExecutionProvider", in any case. Raises `UsageError`
    where this machine does not have it.
    """
    wanted = NAMES.get("cpu" if name == "auto" else name.lower())
    for provider in available():
        if provider == wanted or provider.lower() in (name.lower(), f"{name}ExecutionProvider".lower()):
            return provider
    have = ", ".join(short_names())
    hint = _INSTALL.get(name.lower())
    raise UsageError(f"no provider {name!r} here; available: auto, {have}" + (f" (try: {hint})" if hint else ""))


def short_names() -> list[str]:
    """Return what a user may type for the providers that are available."""
    return [provider.removesuffix("ExecutionProvider").lower() for provider in available()]
