"""Training that begins with the weights of a model that is there already: which of it must fit, and in which units.

The weights compute with numbers in units of their own training part. A model goes on either as the same function of raw
numbers, with weights turned into the new units (`rescaled`), or with its weights as they are, which then see the new
series as they saw the old one: that is right where the other series is the same kind of thing in other units, or on
another level. The validation part says which.
"""

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from edgeseq.model.checkpoint import Checkpoint, Weights
from edgeseq.model.rescaling import rescaled
from edgeseq.series import Part
from edgeseq.training import adapting
from edgeseq.training.autoregressive import RECORDED_WEIGHT
from edgeseq.training.network import Network
from edgeseq.training.options import ADAPT, AUTO, TrainingOptions
from edgeseq.training.validation import validator
from edgeseq_runtime import files
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.model_file.source import File, vouched
from edgeseq_runtime.printable import listed
from edgeseq_runtime.spec import OWN, STREAM, Feature, Spec

RAW, OWN_UNITS = "raw", "own"
"""In which units a model goes on: as the same function of raw numbers, or of numbers in the series' own units."""

_CLEARLY = 0.95
"""The other units' validation error, as a share of that in raw units, below which they are taken."""

_LEAST_SHARE = 0.1
"""The network's weight beside a linear path below which its own head cannot be told: files round the weight."""


@dataclass(frozen=True)
class Pretrained:
    """A model to go on from."""

    name: str
    """What its user calls it."""
    spec: Spec
    weights: Weights
    """By torch's names, in the units of `spec`, the linear path among them."""

    @classmethod
    def read(cls, path: str | os.PathLike[str], key: str | os.PathLike[str] | None = None) -> "Pretrained":
        """Read a checkpoint, or a model file of float weights; with `key` it must be signed, as for a predictor.

        Raises `FileError`, `ModelFileError`, and `UsageError` for a model whose weights cannot be had.
        """
        file = File.read(path)
        if key is None and files.is_checkpoint(file.content):
            return cls.of(Checkpoint.from_bytes(file.content, file.name), file.name)
        source = vouched(file, key=key)
        if source.spec is None or source.spec.cell == OWN:
            raise UsageError(f"{file.name} was not trained by edgeseq: there is nothing to go on from")
        if source.spec.quantize != "none":
            raise UsageError(
                f"{file.name} is quantised ({source.spec.quantize}), so its weights are rounded: give its checkpoint, "
                "or the model file exported without --quantize"
            )
        return cls(file.name, source.spec, _weights_of_file(source.content, source.spec, file.name))

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str = "the checkpoint") -> "Pretrained":
        """Return a checkpoint to go on from."""
        return cls(name, checkpoint.spec, checkpoint.weights)

    @property
    def digest(self) -> str:
        """Digest of the weights and of the units they are in."""
        digest = hashlib.sha256(repr((self.spec.features, self.spec.target_scales)).encode())
        for name in sorted(self.weights):
            digest.update(self.weights[name].tobytes())
        return digest.hexdigest()[:16]

    def adopt(self, options: TrainingOptions, named: Collection[str]) -> TrainingOptions:
        """Return options with the model's own shape, but for what the user has `named`: that is compared later."""
        spec = self.spec
        own: dict[str, Any] = {
            "preset": spec.training.preset if spec.training else options.preset,
            "horizon": spec.horizon,
            "cell": spec.cell,
            "layers": spec.layers,
            "hidden": spec.hidden,
            "linear_path": spec.linear_path,
            "layout": spec.layout,
            "window": spec.window or None,
            "adapt": _wanted(spec),
        }
        if own["preset"] == "classic" and spec.layout == STREAM and spec.training:
            own["unroll"] = spec.training.options.get("unroll")  # without it the preset has no streams
        return replace(options, **{name: value for name, value in own.items() if name not in named})

    def columns(
        self, targets: Sequence[str], features: Sequence[str], known: Sequence[str], clocks: Sequence[str]
    ) -> tuple[Sequence[str], ...]:
        """Return the columns to train on: those that the user names, or else the model's."""
        measured = [feature.name for feature in self.spec.measured]
        own_clocks = [feature.name for feature in self.spec.features if feature.clock]
        count = len(self.spec.targets)
        ahead = [column.name for column in self.spec.known]
        return targets or measured[:count], features or measured[count:], known or ahead, clocks or own_clocks

    def check(self, spec: Spec) -> None:
        """Refuse to go on as a network of another shape, in one line that names all that differs."""
        different = _differences(self.spec, spec)
        if different:
            raise UsageError(f"{self.name} is no start for this training: it has {'; '.join(different)}")

    def on(self, spec: Spec, validation: Part) -> "InitialWeights":
        """Return the weights to begin with for a network of `spec`. Raises `UsageError` where it has another shape.

        In raw units, unless the validation part is clearly better forecast in the series' own.
        """
        self.check(spec)
        judge = validator(spec, validation, torch.device("cpu"))
        alone, head = self._without_linear_path()
        turned = {RAW: rescaled(alone, self.spec, spec), OWN_UNITS: alone}
        with torch.random.fork_rng(devices=[]):
            network = Network(spec)
        errors = {}
        for units, weights in turned.items():
            load(network, weights)
            errors[units] = judge.mse(network)
        units = OWN_UNITS if errors[OWN_UNITS] < _CLEARLY * errors[RAW] else RAW
        weights = turned[units]
        if not head:
            weights = {n: value for n, value in weights.items() if not n.startswith(("head.", "coefficient."))}
        return InitialWeights(self.name, weights, self.digest, units, errors)

    def _without_linear_path(self) -> tuple[Weights, bool]:
        """Return the network's own weights, and whether its head is known.

        A linear path is added to the network's forecast after the training, which scales its head. What the path has
        added to the bias, the mean of a change, and to what is known ahead stays there.
        """
        weights = {name: value for name, value in self.weights.items() if name != "linear.weight"}
        share = self.spec.training.options.get(RECORDED_WEIGHT) if self.spec.training else None
        if not self.spec.linear_path or not isinstance(share, float | int) or not 0 <= share < 1:
            return weights, True
        if share < _LEAST_SHARE:
            return weights, False
        scaled = {"head.weight", "head.bias", "coefficient.weight"} & weights.keys()
        whole = {name: weights[name] / np.float32(share) for name in scaled}
        return {**weights, **whole}, True


@dataclass(frozen=True)
class InitialWeights:
    """What a run begins with."""

    name: str
    weights: Weights
    """Those of the network, in the plan's units; without a head where the model's own counted for nothing."""
    digest: str
    """Of the model gone on from."""
    units: str
    """`RAW` or `OWN_UNITS`."""
    errors: Mapping[str, float]
    """Validation error by units, standardised, before any training."""

    @property
    def recorded(self) -> dict[str, str]:
        """What the spec says of it, in `training.options`."""
        return {"from": self.digest, "from_units": self.units}

    @property
    def note(self) -> str:
        """What the user is told."""
        if "head.weight" not in self.weights:
            return f"begins with the recurrent layers of {self.name}, whose forecast is its linear path's"
        kept, other = (self.errors[units] for units in (self.units, OWN_UNITS if self.units == RAW else RAW))
        if self.units == RAW:
            return f"begins with {self.name}: the same forecasts in raw units (validation error {kept:.3g})"
        return (
            f"begins with {self.name}, scaled as this series is (validation error {kept:.3g}; as the same forecasts in "
            f"raw units {other:.3g})"
        )


def load(network: Network, weights: Weights) -> None:
    """Give a network these weights; what they lack stays as it is."""
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()}, strict=False)


def _wanted(spec: Spec) -> str:
    """Return what was chosen of adaptation; a model of version 0.1 leaves it open."""
    chosen = spec.training.options.get(adapting.WANTED) if spec.training else None
    return str(chosen) if chosen in ADAPT else AUTO


def _differences(own: Spec, other: Spec) -> list[str]:
    """Return all that differs of what the weights' shapes and meaning depend on, in words.

    Columns count by their number and order: another series may call them otherwise.
    """
    pairs: dict[str, tuple[Any, Any]] = {
        "cell": (own.cell, other.cell),
        "layers": (own.layers, other.layers),
        "hidden units": (own.hidden, other.hidden),
        "horizon": (own.horizon, other.horizon),
        "layout": (own.layout, other.layout),
        "window": (own.window, other.window),
        "forecasts of the": (own.predicts, other.predicts),
        "targets": (len(own.targets), len(other.targets)),
        "time features": (_listed(own.features, "clock"), _listed(other.features, "clock")),
    }
    known = [[column.name for column in spec.known] for spec in (own, other)]
    if len(known[0]) != len(known[1]) or _are_swapped(*known):
        pairs["known ahead"] = listed(known[0]) or "nothing", listed(known[1]) or "nothing"
    names = [[feature.name for feature in spec.measured] for spec in (own, other)]
    if len(names[0]) != len(names[1]) or _are_swapped(*names):
        pairs["columns"] = listed(names[0]), listed(names[1])
    elif [feature.level for feature in own.features] != [feature.level for feature in other.features]:
        pairs["input the level of"] = _listed(own.features, "level"), _listed(other.features, "level")
    return [f"{what} {mine}, not {theirs}" for what, (mine, theirs) in pairs.items() if mine != theirs]


def _are_swapped(own: Sequence[str], other: Sequence[str]) -> bool:
    """Whether the same names stand in another order."""
    return own != other and sorted(own) == sorted(other)


def _listed(features: Sequence[Feature], what: str) -> str:
    """Return the names of those features of which something holds."""
    return listed([feature.name for feature in features if getattr(feature, what)]) or "none"


def _weights_of_file(content: bytes, spec: Spec, name: str) -> Weights:
    import onnx

    from edgeseq_export.c.from_onnx import step_weights
    from edgeseq_export.graph.weights import network_weights

    weights = network_weights(spec, step_weights(onnx.load_from_string(content), spec, "--from"))
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise ModelFileError(f"{name}: a weight is not a finite number")
    return weights
