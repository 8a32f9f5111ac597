"""edgeseq's export: from a checkpoint to a model file that has been compared with the oracle. Needs no torch.

A network of one's own in PyTorch becomes one too: `export(module, describe(samples, names), "model.onnx")`.
"""

from typing import TYPE_CHECKING, Any

from edgeseq_export.export import build, export
from edgeseq_export.model_file import ModelFile
from edgeseq_export.starter_file import starter

if TYPE_CHECKING:
    from edgeseq_export.torch_module.export import describe

__all__ = ["ModelFile", "build", "describe", "export", "starter"]


def __getattr__(name: str) -> Any:
    """Import torch when it is first needed."""
    if name == "describe":
        from edgeseq_export.torch_module.export import describe

        return describe
    raise AttributeError(f"module 'edgeseq_export' has no attribute {name!r}")
