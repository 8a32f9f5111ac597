"""A model is read, looked through and vouched for before anything of it is run.

What may be opened is decided here, in this order: what kind of file it is and how large, what its spec says, whether
it is as it was written and, with a key, who signed it. Backends get nothing else.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias, Union

from edgeseq_runtime import files
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.model_file import integrity, onnx_file
from edgeseq_runtime.model_file.library_file import NATIVE, LibraryFile, is_library
from edgeseq_runtime.model_file.public_key import PublicKey
from edgeseq_runtime.spec import KEY, Spec

STARTER = "starter"
"""The name of the model for any sensor, which comes with the package. A file of that name is `./starter`."""

STARTER_FILE = Path(__file__).parent.parent / "models" / f"{STARTER}.onnx"

_LIBRARY_NAMES = (".so", ".dylib")
"""How the names of files end that are native libraries."""

_ARCHIVE = b"PK\x03\x04"
"""What a zip archive begins with."""

_ORT_FORMAT = b"ORTM"
"""What stands at the fifth byte of a file in onnxruntime's own format."""


@dataclass(frozen=True)
class File:
    """A file that was read, once."""

    content: bytes
    name: str = "the model"
    """What errors call it."""
    path: str | None = None
    """Where it lies, if it lies on a disk."""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read the file at `path`, or the model of the name `STARTER`. Raises `FileError`."""
        if path == STARTER:  # a name is text: a path object always leads to a file
            return cls(files.read(STARTER_FILE), STARTER, str(STARTER_FILE))
        return cls(files.read(path), os.fspath(path), os.fspath(path))


Model: TypeAlias = Union[str, "os.PathLike[str]", bytes, File, "Source"]
"""The path of a model file or of a native library, or the name `STARTER`; a model file's bytes; or one of them that was
read already."""


@dataclass(frozen=True)
class Source:
    """A model file that was looked through; or a native library, and the model file within."""

    content: bytes
    """The model file."""
    name: str
    """What errors call it."""
    path: str | None
    """Where it lies, if it lies on a disk."""
    onnx: onnx_file.OnnxFile
    """What the model file holds."""
    spec: Spec | None
    """What it says of itself; None in a file that others made."""
    library: LibraryFile | None = None
    """The library that it came in, if it did."""

    @classmethod
    def read(cls, model: Model, provider: str = "auto") -> "Source":
        """Read a model and look through it; nothing of it is run, and no engine is needed.

        A native library is taken for one where its name or the provider says so. Raises `FileError`, and
        `ModelFileError` for what is no model file, exceeds a limit or keeps data elsewhere.
        """
        if isinstance(model, Source):
            return model
        if isinstance(model, str | os.PathLike):
            model = File.read(model)
        file = File(model) if isinstance(model, bytes) else model
        _check_kind(file, provider)
        library = LibraryFile.read(file.content, file.name) if is_library(file.content) else None
        content = library.model if library else file.content
        onnx = onnx_file.read(content, file.name)
        spec = _spec(content[onnx.spec], file.name) if onnx.spec else None
        return cls(content, file.name, file.path, onnx, spec, library)

    @property
    def is_ours(self) -> bool:
        """Whether edgeseq wrote it: then it has a spec and a hash, or has lost them. Two places say so."""
        return self.onnx.producer == KEY or bool(self.spec and KEY in self.spec.producer)

    def complaint(self, key: PublicKey | None = None) -> str | None:
        """Return why it is not to be trusted, in words that follow its name; None where nothing is wrong.

        All that it is must be as it was written and, with a key, signed with its private half: a library as a file.
        """
        if self.library:
            wrong = self.library.complaint(key)
            return wrong or self._model_complaint(None)
        return self._model_complaint(key)

    def _model_complaint(self, key: PublicKey | None) -> str | None:
        if self.spec is None or self.onnx.spec is None:
            return "has no spec, and so neither hash nor signature"
        return integrity.complaint(self.content, self.spec, self.onnx.spec, key)

    def check(self, key: PublicKey | None = None, *, has_sidecar: bool = False) -> None:
        """Raise `ModelFileError` where it is not to be trusted, or has no spec and no sidecar that stands in.

        Other people's tools may leave out the hash, and the spec where there is a sidecar.
        """
        if self.spec is None and not has_sidecar:
            raise ModelFileError(
                f"{self.name} is an ONNX file, but not one that edgeseq wrote: its metadata has no spec; a sidecar "
                f"can stand in"
            )
        has_no_hash = self.spec is None or not self.spec.sha256
        if has_no_hash and not key and not self.is_ours and not self.library:
            return
        wrong = self.complaint(key)
        if wrong:
            raise ModelFileError(f"{self.name} {wrong}")


def vouched(
    model: Model,
    *,
    provider: str = "auto",
    key: str | os.PathLike[str] | None = None,
    has_sidecar: bool = False,
) -> Source:
    """Return a model that is as it was written and, with a key, signed with its private half.

    `key` is a file with an Ed25519 public key. Raises as `Source.read` and `PublicKey.read` do, and `ModelFileError`
    where it is not.
    """
    public = PublicKey.read(key) if key is not None else None
    source = Source.read(model, provider)
    source.check(public, has_sidecar=has_sidecar)
    return source


def _check_kind(file: File, provider: str) -> None:
    """Refuse what is no model file by its first bytes, and code that nobody called code."""
    if files.is_checkpoint(file.content):
        raise ModelFileError(f"{file.name} is a checkpoint; `edgeseq export` makes a model file of it")
    if files.is_cut_checkpoint(file.content):
        raise ModelFileError(f"{file.name} is a damaged checkpoint: it ends within its header")
    if file.content.startswith(_ARCHIVE):
        raise ModelFileError(
            f"{file.name} is a zip archive, as torch.save writes; a model file is ONNX, a checkpoint safetensors"
        )
    if file.content[4:8] == _ORT_FORMAT:
        raise ModelFileError(f"{file.name} is in onnxruntime's own format; give the ONNX file that it was made from")
    if not is_library(file.content):
        return
    if file.path is None:
        raise UsageError("a native library is loaded from its file, not from bytes")
    if provider != NATIVE and not file.path.endswith(_LIBRARY_NAMES):
        raise ModelFileError(
            f"{file.name} is a native library, which is code: it is loaded where its name ends in "
            f"{' or '.join(_LIBRARY_NAMES)}, or with the provider 'native'"
        )


def _spec(text: bytes, name: str) -> Spec:
    try:
        return Spec.from_json(text.decode())
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{name} is damaged: its text is not UTF-8") from error
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error}") from error
