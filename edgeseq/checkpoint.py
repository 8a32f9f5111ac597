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

from edgeseq_runtime import files
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.spec import KEY, Spec

Weights = Mapping[str, npt.NDArray[np.float32]]
"""torch's names -> values: cell.weight_ih_l0 ..., head.weight (outputs, hidden), head.bias."""

_SAMPLES, _START = "test.samples", "test.start"


@dataclass(frozen=True)
class Test:
    """Samples that judge the model: the test part, with what precedes it, so that export can measure too."""

    samples: npt.NDArray[np.float32]
    """(time, feature)"""
    start: int
    """Row of the first sample that is to be forecast."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained network with its spec."""

    spec: Spec
    weights: Weights
    test: Test | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the checkpoint, whole or not at all. Raises `FileError`."""
        tensors: dict[str, npt.NDArray[Any]] = dict(self.weights)
        if self.test:
            tensors |= {_SAMPLES: self.test.samples, _START: np.array([self.test.start])}
        # One entry of metadata only: safetensors writes several in no fixed order.
        files.write_atomically(path, safetensors.numpy.save(tensors, {KEY: self.spec.to_json()}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Checkpoint":
        """Read a checkpoint. Raises `ModelFileError` for a file that is none, or whose weights do not fit."""
        tensors, metadata = read_tensors(path)
        if KEY not in metadata:
            raise ModelFileError(f"{path} is a safetensors file, but not a checkpoint that edgeseq wrote")
        try:
            spec = Spec.from_json(metadata[KEY])
            samples, start = tensors.pop(_SAMPLES, None), tensors.pop(_START, None)
            _check_shapes(spec, tensors)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from error
        test = None if samples is None or start is None else Test(samples, int(start[0]))
        return cls(spec, tensors, test)


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, str]]:
    """Return tensors and metadata of a safetensors file. Raises `ModelFileError`."""
    files.read(path)  # for its error: safetensors words a missing file less clearly
    try:
        with safetensors.safe_open(path, "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118 - not a dict
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path} is not a checkpoint: {error}") from error


def weight_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight that a network of this spec has."""
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[spec.cell] * spec.hidden
    width = len(spec.features) + sum(feature.level for feature in spec.features)
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(spec.layers):
        shapes[f"cell.weight_ih_l{layer}"] = (gates, spec.hidden if layer else width)
        shapes[f"cell.weight_hh_l{layer}"] = (gates, spec.hidden)
        shapes[f"cell.bias_ih_l{layer}"] = shapes[f"cell.bias_hh_l{layer}"] = (gates,)
    return shapes | {"head.weight": (spec.outputs, spec.hidden), "head.bias": (spec.outputs,)}


def _check_shapes(spec: Spec, weights: Weights) -> None:
    wanted = weight_shapes(spec)
    found = {name: value.shape for name, value in weights.items()}
    if found != wanted:
        names = sorted(name for name in {**wanted, **found} if wanted.get(name) != found.get(name))
        raise ModelFileError(f"the weight {names[0]} does not fit the spec")
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise ModelFileError("a weight is not finite")
