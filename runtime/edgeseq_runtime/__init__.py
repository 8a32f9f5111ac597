"""edgeseq's device side: streams samples through a model file. Needs numpy and onnxruntime, nothing more."""

from typing import TYPE_CHECKING, Any

from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.spec import Spec
from edgeseq_runtime.version import __version__

if TYPE_CHECKING:
    from edgeseq_runtime.pool import Pool
    from edgeseq_runtime.predictor import Predictor

__all__ = ["EdgeseqError", "Pool", "Predictor", "Spec", "__version__"]


def __getattr__(name: str) -> Any:
    """Import what needs onnxruntime when it is first asked for: errors and the spec are used without it."""
    if name == "Predictor":
        from edgeseq_runtime.predictor import Predictor

        return Predictor
    if name == "Pool":
        from edgeseq_runtime.pool import Pool

        return Pool
    raise AttributeError(f"module 'edgeseq_runtime' has no attribute {name!r}")
