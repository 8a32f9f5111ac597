"""What an export gives."""

from dataclasses import dataclass

from edgeseq_export.parity import Deviation
from edgeseq_runtime.spec import Spec


@dataclass(frozen=True)
class ModelFile:
    """A model file that has passed the parity check."""

    content: bytes
    spec: Spec
    deviation: Deviation
