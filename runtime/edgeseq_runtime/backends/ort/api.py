"""The one place that imports onnxruntime: silent, its telemetry off, and with a clear word where it is missing."""

import os
import re
from typing import NoReturn

from edgeseq_runtime.errors import DependencyError, ModelFileError

# Read when onnxruntime is imported; a device must not talk to anyone on its own.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    import onnxruntime
except ImportError as error:
    if not isinstance(error, ModuleNotFoundError) or error.name != "onnxruntime":
        raise DependencyError.cannot_load(error, "onnxruntime") from error
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


_ERRORS = tuple(
    kind
    for kind in vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
)
"""The exceptions that onnxruntime has names for."""


def reason(error: Exception) -> str:
    """Return what an exception of onnxruntime's says, in one line of bounded length."""
    line = str(error).partition("\n")[0]
    _, _, last = line.rpartition(_MARK)
    head = _HEAD.match(last)
    return (last[head.end() :] if head else line)[:300]


def raise_failure(error: Exception) -> NoReturn:
    """Raise what an exception in a step of onnxruntime's stands for.

    That is a `ModelFileError` for one of its own; they share no base but `Exception`, and some are Python's
    `RuntimeError`. What a signal handler raised, while onnxruntime had its turn, comes from another place and is raised
    as it is.
    """
    traceback = error.__traceback__
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    place = str(traceback.tb_frame.f_globals.get("__name__")) if traceback else ""
    if not (isinstance(error, _ERRORS) or place.startswith((__package__, "onnxruntime"))):
        raise error
    raise ModelFileError(f"the model fails when it is run: {reason(error)}") from error


__all__ = ["SILENT", "onnxruntime", "raise_failure", "reason"]
