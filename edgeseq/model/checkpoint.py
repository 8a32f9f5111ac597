"""The checkpoint: what training hands to export. One safetensors file: weights, and the spec in its header."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.model import tensor_file
from edgeseq.model.architecture import weight_count, weight_shapes
from edgeseq.model.tensor_file import Tensors
from edgeseq.series.split import Part
from edgeseq_runtime import files
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.spec import KEY, LATEST_TIME, OWN, Spec

Weights = Mapping[str, Float32]
"""torch's names -> values, of the shapes in `architecture.weight_shapes`."""

_PARTS = ("validation", "test")

_BY_STEP = "by_step."

_LEAST, _LARGEST = (float(size) for size in (np.finfo(np.float32).smallest_subnormal, np.finfo(np.float32).max))


@dataclass(frozen=True)
class Checkpoint:
    """A trained network with its spec."""

    spec: Spec
    weights: Weights
    validation: Part | None = None
    """The part that chose the weights, with what precedes it: export measures the residuals of its files with it."""
    test: Part | None = None
    """The part that judges them."""
    by_step: Mapping[str, Float64] = field(default_factory=dict)
    """Baselines that only a training part can teach -> RMSE by step ahead over the test part (horizon,)."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the checkpoint, whole or not at all. Raises `FileError`."""
        tensors: Tensors = dict(self.weights)
        for name in _PARTS:
            part = getattr(self, name)
            if part:
                tensors |= {f"{name}.samples": part.values, f"{name}.stretches": np.array(part.stretches)}
                if part.seconds is not None:
                    tensors[f"{name}.seconds"] = part.seconds
        tensors |= {f"{_BY_STEP}{name}": rmse for name, rmse in self.by_step.items()}
        files.write_atomically(path, tensor_file.pack(tensors, {KEY: self.spec.to_json()}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Checkpoint":
        """Read a checkpoint. Raises `FileError`, and `ModelFileError` as `from_bytes` does."""
        return cls.from_bytes(files.read(path), os.fspath(path))

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "the checkpoint") -> "Checkpoint":
        """Return the checkpoint in a file's bytes; `name` is what errors call it.

        Raises `ModelFileError` for bytes that are none, that were changed after they were written, or whose weights do
        not fit their spec.
        """
        tensors, texts = tensor_file.unpack(content, name, {KEY}, "a checkpoint")
        try:
            spec = Spec.from_json(texts[KEY])
            _check_spec(spec)
            parts = {part: _take_part(spec, tensors, part) for part in _PARTS}
            by_step = _take_by_step(spec, tensors)
            _check_weights(spec, tensors)
        except ModelFileError as error:
            raise ModelFileError(f"{name}: {error}") from error
        return cls(spec, tensors, **parts, by_step=by_step)


def _check_spec(spec: Spec) -> None:
    """Refuse what a network of edgeseq's cannot be made with, and a model file of another kind of network can."""
    if spec.cell == OWN:
        raise ModelFileError("the spec's cell is own: a checkpoint holds a network that edgeseq trained")
    sizes = [size for feature in spec.features for size in (feature.std, feature.change, feature.scale)]
    sizes += [size for step in spec.target_scales for size in step]
    if not all(_LEAST <= size <= _LARGEST for size in sizes):
        raise ModelFileError("the spec has a deviation, a change or a scale that is no float32 above 0")


def _take_part(spec: Spec, tensors: Tensors, name: str) -> Part | None:
    samples, stretches, seconds = (tensors.pop(f"{name}.{what}", None) for what in ("samples", "stretches", "seconds"))
    if samples is None or stretches is None:
        return None
    edges = [0, *stretches.reshape(-1).tolist()]
    ordered = stretches.ndim == 2 and stretches.shape[1] == 2 and edges == sorted(edges) and edges[-1] == len(samples)
    of_type = samples.dtype == np.float32 and stretches.dtype == np.int64 and not np.isinf(samples).any()
    if samples.ndim != 2 or samples.shape[1] != len(spec.features) + len(spec.known) or not ordered or not of_type:
        raise ModelFileError(f"the {name} part does not fit the spec")
    if seconds is not None and not _are_times(seconds, len(samples)):
        raise ModelFileError(f"the times of the {name} part are no times of its samples")
    return Part(samples, edges[1], tuple(zip(edges[2:-1:2], edges[3:-1:2], strict=True)), seconds)


def _take_by_step(spec: Spec, tensors: Tensors) -> dict[str, Float64]:
    names = [name for name in tensors if name.startswith(_BY_STEP)]
    found = {name.removeprefix(_BY_STEP): tensors.pop(name) for name in names}
    for name, rmse in found.items():
        if rmse.dtype != np.float64 or rmse.shape != (spec.horizon,) or not (rmse[~np.isnan(rmse)] >= 0).all():
            raise ModelFileError(f"the errors of {name[:40]} by step ahead do not fit the spec")
    return found


def _are_times(seconds: npt.NDArray[Any], count: int) -> bool:
    """Whether these may be the times of as many samples: in order, and before the year 10000."""
    fits = seconds.dtype == np.float64 and seconds.shape == (count,)
    return fits and bool((np.abs(seconds) < LATEST_TIME).all() and (np.diff(seconds) >= 0).all())


def _check_weights(spec: Spec, weights: Tensors) -> None:
    if len(weights) != weight_count(spec):  # before a table is made of them: the spec may claim any number of layers
        raise ModelFileError(f"the file has {len(weights)} weights, its spec describes {weight_count(spec)}")
    expected = weight_shapes(spec)
    shapes = {name: value.shape for name, value in weights.items()}
    if shapes != expected:
        names = sorted(name for name in {**expected, **shapes} if expected.get(name) != shapes.get(name))
        raise ModelFileError(f"the weight {names[0][:40]} does not fit the spec")
    if not all(value.dtype == np.float32 and np.isfinite(value).all() for value in weights.values()):
        raise ModelFileError("a weight is not a finite number of float32")
