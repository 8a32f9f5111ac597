"""The checkpoint: what training hands to export. One safetensors file: weights, and the spec in its header.

safetensors was chosen because it holds nothing but tensors and text, so that reading it runs no code.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from edgeseq.model.architecture import weight_shapes
from edgeseq.series.split import Part
from edgeseq_runtime import files
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.spec import KEY, Spec

Weights = Mapping[str, Float32]
"""torch's names -> values, of the shapes in `architecture.weight_shapes`."""

_PARTS = ("validation", "test")


@dataclass(frozen=True)
class Checkpoint:
    """A trained network with its spec."""

    spec: Spec
    weights: Weights
    validation: Part | None = None
    """The part that chose the weights, with what precedes it: export measures the residuals of its files with it."""
    test: Part | None = None
    """The part that judges them."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the checkpoint, whole or not at all. Raises `FileError`."""
        tensors: dict[str, npt.NDArray[Any]] = dict(self.weights)
        for name in _PARTS:
            part = getattr(self, name)
            if part:
                tensors |= {f"{name}.samples": part.values, f"{name}.stretches": np.array(part.stretches)}
        # safetensors writes an array's memory as it lies, whatever its order, and several entries in no fixed one.
        tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
        files.write_atomically(path, safetensors.numpy.save(tensors, {KEY: self.spec.to_json()}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Checkpoint":
        """Read a checkpoint. Raises `ModelFileError` for a file that is none, or whose weights do not fit."""
        tensors, metadata = read_tensors(path)
        if KEY not in metadata:
            raise ModelFileError(f"{path} is a safetensors file, but not a checkpoint that edgeseq wrote")
        try:
            spec = Spec.from_json(metadata[KEY])
            parts = {name: _take_part(spec, tensors, name) for name in _PARTS}
            _check_shapes(spec, tensors)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from error
        return cls(spec, tensors, **parts)


def _take_part(spec: Spec, tensors: dict[str, npt.NDArray[Any]], name: str) -> Part | None:
    samples, stretches = (tensors.pop(f"{name}.{what}", None) for what in ("samples", "stretches"))
    if samples is None or stretches is None:
        return None
    edges = [0, *stretches.reshape(-1).tolist()]
    ordered = stretches.ndim == 2 and stretches.shape[1] == 2 and edges == sorted(edges) and edges[-1] == len(samples)
    if samples.ndim != 2 or samples.shape[1] != len(spec.features) or not ordered:
        raise ModelFileError(f"the {name} part does not fit the spec")
    return Part(samples, edges[1], tuple(zip(edges[2:-1:2], edges[3:-1:2], strict=True)))


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Float32], dict[str, str]]:
    """Return tensors and metadata of a safetensors file. Raises `ModelFileError`."""
    files.read(path)  # for its error: safetensors words a missing file less clearly
    try:
        with safetensors.safe_open(path, "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118 - not a dict
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path} is not a checkpoint: {error}") from error


def _check_shapes(spec: Spec, weights: Weights) -> None:
    expected = weight_shapes(spec)
    shapes = {name: value.shape for name, value in weights.items()}
    if shapes != expected:
        names = sorted(name for name in {**expected, **shapes} if expected.get(name) != shapes.get(name))
        raise ModelFileError(f"the weight {names[0]} does not fit the spec")
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise ModelFileError("a weight is not finite")
