"""Opening a model on one provider: with options for a small device, and never on another one in silence."""

from collections import Counter
from typing import Any

from edgeseq_runtime.backends.ort import providers
from edgeseq_runtime.backends.ort.api import SILENT, onnxruntime, reason
from edgeseq_runtime.errors import ModelFileError, UsageError

Placement = dict[str, Counter[str]]
"""Provider -> which operators run there, and how many of each."""

_SETTINGS = {"CUDAExecutionProvider": {"use_tf32": "0"}}
"""Provider -> its own options. TF32 keeps ten bits of each factor: too few to agree with the other providers."""

_RECORDS = hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info")
"""Whether this onnxruntime tells which node runs where."""


def create_inference_session(content: bytes, name: str, provider: str, threads: int) -> Any:
    """Return an `onnxruntime.InferenceSession` for a model file's bytes, on the provider of that (onnxruntime's) name.

    The CPU may take over what the provider has no kernel for, as onnxruntime has it, but not everything: at least
    one node must run where it was asked to. An onnxruntime that does not tell must run all of them there. `name` is
    what errors call the file. Raises `UsageError` where the provider is at fault, `ModelFileError` where the file is.
    """
    try:
        session = _start(content, provider, threads)
    except Exception as error:
        if provider != providers.CPU:
            create_inference_session(content, name, providers.CPU, threads)  # raises where the file is the reason
            raise UsageError(f"{provider} cannot run {name} here: {reason(error)}") from error
        raise ModelFileError(f"{name} is not a model that onnxruntime can load: {reason(error)}") from error
    if provider not in session.get_providers():
        raise UsageError(
            f"{provider} is built in, but cannot be started here: are its driver and its libraries installed?"
            f" In use would be {', '.join(session.get_providers())}"
        )
    where = placement(session)
    if where and provider not in where:
        raise UsageError(f"{provider} can run no part of {name}: every node would run on {', '.join(where)}")
    return session


def placement(session: Any) -> Placement:
    """Return which nodes run where; nothing where this onnxruntime does not tell."""
    if not _RECORDS:
        return {}
    where: Placement = {}
    for part in session.get_provider_graph_assignment_info():
        where.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return where


def _start(content: bytes, provider: str, threads: int) -> Any:
    options = _options(threads)
    if provider != providers.CPU and not _RECORDS:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    if provider != providers.CPU and (devices := providers.devices(provider)):
        options.add_provider_for_devices(devices[:1], {})  # a plug-in; some take one device only
        return onnxruntime.InferenceSession(content, options, enable_fallback=0)
    # Without enable_fallback=0 it would print to stdout, and try another provider than the one asked for.
    chosen = (provider, _SETTINGS.get(provider, {}))
    return onnxruntime.InferenceSession(content, options, providers=[chosen], enable_fallback=0)


def _options(threads: int) -> Any:
    """Options for a small network on a device: no thread pool that spins, no arena that grows."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    # What was looked through is what is loaded: no file is at once an ONNX file and one in onnxruntime's own format.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An x86 processor without VNNI saturates where it multiplies integers by signed 8-bit weights, which version 0.1
    # wrote with int8-dynamic. So onnxruntime makes them unsigned; nothing else changes.
    options.add_session_config_entry("session.x64quantprecision", "1")
    if _RECORDS:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return options
