"""edgeseq's export: from a checkpoint to a model file that has been compared with the oracle. Needs no torch."""

from edgeseq_export.export import ModelFile, build, export

__all__ = ["ModelFile", "build", "export"]
