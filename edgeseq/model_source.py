"""What a user may hand over as a model, and how it becomes what a predictor opens."""

import os
from typing import TYPE_CHECKING, TypeAlias, Union

from edgeseq_runtime import files

if TYPE_CHECKING:
    from edgeseq.model.checkpoint import Checkpoint

ModelSource: TypeAlias = Union[str, "os.PathLike[str]", bytes, "Checkpoint"]
"""The path of a model file, of a checkpoint or of a compiled library; a model file's bytes; or a checkpoint."""


def as_model_file(source: ModelSource) -> str | bytes:
    """Return what a predictor opens: a path or bytes as they are, a checkpoint as the model file that it becomes.

    A model file needs nothing but the runtime; a checkpoint is built with edgeseq_export. Raises `FileError` for a path
    that cannot be read and `ModelFileError` for a damaged checkpoint.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if not files.is_checkpoint(files.read(path)):
            return path
        from edgeseq.model.checkpoint import Checkpoint

        source = Checkpoint.load(path)
    import edgeseq_export

    return edgeseq_export.build(source)
