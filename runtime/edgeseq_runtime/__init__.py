"""edgeseq's device side: streams samples through a model file. Needs numpy and onnxruntime, nothing more."""

from typing import TYPE_CHECKING, Any

from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.version import __version__

if TYPE_CHECKING:
    from edgeseq_runtime.pool import Pool
    from edgeseq_runtime.predictor import Predictor
    from edgeseq_runtime.rules import Rules
    from edgeseq_runtime.spec import Spec

__all__ = ["EdgeseqError", "Pool", "Predictor", "Rules", "Spec", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the rest when it is first asked for: the command line starts without it, the host without onnxruntime."""
    if name == "Predictor":
        from edgeseq_runtime.predictor import Predictor

        return Predictor
    if name == "Pool":
        from edgeseq_runtime.pool import Pool

        return Pool
    if name == "Rules":
        from edgeseq_runtime.rules import Rules

        return Rules
    if name == "Spec":
        from edgeseq_runtime.spec import Spec

        return Spec
    raise AttributeError(f"module 'edgeseq_runtime' has no attribute {name!r}")
