"""Which of onnxruntime's execution providers there are here, which ones a name stands for, and how fast they are."""

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from edgeseq_runtime.backends.ort.api import onnxruntime, reason
from edgeseq_runtime.errors import UnknownProviderError, UsageError

CPU = "CPUExecutionProvider"

_SUFFIX = "ExecutionProvider"

_ARM = (CPU, "XnnpackExecutionProvider", "QNNExecutionProvider", "ACLExecutionProvider", "ArmNNExecutionProvider")
"""What `arm` chooses from. KleidiAI, Arm's own kernels, is a part of the CPU provider of ARM builds."""

_NEVER_BY_ITSELF = ("TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider")
"""They compile an engine for each shape, for longer than `auto` may take: whoever wants them names them."""

_NO_COMPUTING = "AzureExecutionProvider"
"""It calls a web service."""

_INSTALL = {
    "cuda": "pip install 'edgeseq[gpu]' in place of 'edgeseq[cpu]', beside NVIDIA's driver and libraries",
    "tensorrt": "pip install 'edgeseq[gpu]' in place of 'edgeseq[cpu]', beside TensorRT",
    "qnn": "pip install onnxruntime-qnn, and name its library with --provider-library qnn=PATH",
    "webgpu": "pip install onnxruntime-ep-webgpu, and name its library with --provider-library webgpu=PATH",
    "xnnpack": "an onnxruntime that was built with it, such as Debian's python3-onnxruntime",
}
"""Short name -> what brings that provider."""

MOMENT = 0.05
"""Seconds that each provider is timed for, after its first step."""

_libraries: dict[str, tuple[str, str]] = {}
"""Plug-ins registered by this process: their name -> the library's path, and the provider that it brought."""


@dataclass(frozen=True)
class Provider:
    """One provider that can be asked for here."""

    name: str
    """As onnxruntime calls it."""
    devices: tuple[str, ...]
    """What it runs on, where onnxruntime tells: the kind, then who makes it."""

    @property
    def short(self) -> str:
        """What a user types."""
        return self.name.removesuffix(_SUFFIX).lower()


def register(name: str, path: str | os.PathLike[str]) -> None:
    """Add the providers of a plug-in library to this process, for all sessions opened afterwards.

    `name` may then be asked for, and so may the name that the library gives its provider. The same library again
    changes nothing. Raises `UsageError` for one that onnxruntime cannot load, or that finds no device to run on.
    """
    path = os.path.realpath(path)  # onnxruntime would look for a relative one in its own folder
    if name in _libraries:
        if _libraries[name][0] == path:
            return
        raise UsageError(f"the provider library {name} is {_libraries[name][0]} already, not {path}")
    if not hasattr(onnxruntime, "register_execution_provider_library"):
        raise UsageError(f"onnxruntime {onnxruntime.__version__} takes no provider libraries; from 1.23 on it does")
    before = {device.ep_name for device in onnxruntime.get_ep_devices()}
    try:
        onnxruntime.register_execution_provider_library(name, path)
    except Exception as error:
        raise UsageError(f"the provider library {name}={path} cannot be used: {reason(error)}") from error
    added = [device.ep_name for device in onnxruntime.get_ep_devices() if device.ep_name not in before]
    if not added:
        onnxruntime.unregister_execution_provider_library(name)
        raise UsageError(f"the provider library {name}={path} finds no device here that it could run on")
    _libraries[name] = (path, added[0])


def available() -> list[Provider]:
    """Return the providers of this onnxruntime, plug-ins included, in its own order of preference."""
    names = [name for name in onnxruntime.get_available_providers() if name != _NO_COMPUTING]
    return [Provider(name, tuple(_describe(device) for device in devices(name))) for name in names]


def devices(provider: str) -> list[Any]:
    """Return onnxruntime's own objects for the devices of a provider: none for one that is built in, but the CPU's."""
    if not hasattr(onnxruntime, "get_ep_devices"):
        return []
    return [device for device in onnxruntime.get_ep_devices() if device.ep_name == provider]


def candidates(name: str) -> list[str]:
    """Return what `edgeseq_runtime.providers.candidates` does. Raises `UnknownProviderError`."""
    here = [provider.name for provider in available()]
    wanted = name.lower()
    if wanted == "auto":
        return _cpu_first(provider for provider in here if provider not in _NEVER_BY_ITSELF)
    if wanted == "arm":
        if not is_arm():
            raise UnknownProviderError(
                f"no provider 'arm' here: this machine is {platform.machine()}", groups=_groups()
            )
        return _cpu_first(provider for provider in here if provider in _ARM)
    for provider in here:
        if wanted in (provider.lower(), provider.removesuffix(_SUFFIX).lower()):
            return [provider]
    if name in _libraries:
        return [_libraries[name][1]]
    hint = _INSTALL.get(wanted.removesuffix(_SUFFIX.lower()), "")
    raise UnknownProviderError(f"no provider {name!r} here", hint=hint, groups=_groups())


def time_per_step(step: Callable[[], object]) -> float:
    """Return the least time that a step takes, of all that fit in a moment; the first one sets up, and is left out."""
    step()
    best, end = float("inf"), time.perf_counter() + MOMENT
    while (begin := time.perf_counter()) < end:
        step()
        best = min(best, time.perf_counter() - begin)
    return best


def is_arm() -> bool:
    """Whether this machine is an ARM one, of 32 or 64 bits."""
    return platform.machine().lower().startswith(("arm", "aarch64"))


def _groups() -> tuple[str, ...]:
    """Return the names that stand for several providers here."""
    return ("auto", "arm") if is_arm() else ("auto",)


def _cpu_first(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: name != CPU)


def _describe(device: Any) -> str:
    kind = device.device.type.name
    vendor = device.device.vendor or device.ep_vendor
    return f"{kind} ({vendor})" if vendor else str(kind)
