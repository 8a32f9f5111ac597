"""The one place that imports onnxruntime: silent, its telemetry off, and with a clear word where it is missing."""

import os
import re

from edgeseq_runtime.errors import DependencyError, ModelFileError, cannot_load

# Read when onnxruntime is imported; a device must not talk to anyone on its own.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    import onnxruntime
except ImportError as error:
    if not isinstance(error, ModuleNotFoundError) or error.name != "onnxruntime":
        raise cannot_load(error) from error
    raise DependencyError(
        "onnxruntime is not installed; pip install 'edgeseq[cpu]', or 'edgeseq[gpu]' where there is an NVIDIA GPU"
    ) from error

# Where another package imported onnxruntime before us, the variable came too late.
onnxruntime.disable_telemetry_events()

SILENT = 4
"""onnxruntime's log level "fatal": what goes wrong reaches the user as one exception, not also as lines on stderr."""

onnxruntime.set_default_logger_severity(SILENT)

_MARK = "[ONNXRuntimeError] : "
_HEAD = re.compile(r"\d+ : \w+ : (?:/\S+:\d+ )?")
"""With the mark, what onnxruntime puts before a reason, once for each layer that the error passed: its code, and a line
of C++."""


def reason(error: Exception) -> str:
    """Return what an exception of onnxruntime's says, in one line of bounded length."""
    line = str(error).partition("\n")[0]
    _, _, last = line.rpartition(_MARK)
    head = _HEAD.match(last)
    return (last[head.end() :] if head else line)[:300]


def failure(error: Exception) -> ModelFileError:
    """Return what to raise for an exception of onnxruntime's, which share no base but `Exception`, at a step."""
    return ModelFileError(f"the model fails when it is run: {reason(error)}")


__all__ = ["SILENT", "failure", "onnxruntime", "reason"]
