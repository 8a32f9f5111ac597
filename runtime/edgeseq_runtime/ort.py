"""The one place that imports onnxruntime: with its telemetry off, and with a clear word where it is missing."""

import os

from edgeseq_runtime.errors import DependencyError

# Read when onnxruntime is imported; a device must not talk to anyone on its own.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    import onnxruntime
except ImportError as error:
    raise DependencyError(
        "onnxruntime is not installed; pip install 'edgeseq[cpu]', or 'edgeseq[gpu]' where there is an NVIDIA GPU"
    ) from error

# Where another package imported onnxruntime before us, the variable came too late.
onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime"]
