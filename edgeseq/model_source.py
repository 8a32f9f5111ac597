"""What a user may hand over as a model, and how it becomes what a predictor opens."""

import os
from typing import TYPE_CHECKING, TypeAlias, Union

from edgeseq_runtime import files
from edgeseq_runtime.model_file.source import File

if TYPE_CHECKING:
    from edgeseq.model.checkpoint import Checkpoint

ModelSource: TypeAlias = Union[str, "os.PathLike[str]", bytes, "Checkpoint"]
"""The path of a model file, of a checkpoint or of a compiled library; a model file's bytes; or a checkpoint."""


def as_model_file(source: ModelSource) -> bytes | File:
    """Return what a predictor opens: bytes as they are, a path as what was read there, a checkpoint as a model file.

    A model file needs nothing but the runtime; a checkpoint is built with edgeseq_export. Raises `FileError` for a path
    that cannot be read and `ModelFileError` for a damaged checkpoint.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        file = File.read(source)
        if not files.is_checkpoint(file.content):
            return file
        from edgeseq.model.checkpoint import Checkpoint

        source = Checkpoint.from_bytes(file.content, os.fspath(source))
    import edgeseq_export

    return edgeseq_export.build(source)
