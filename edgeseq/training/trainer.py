"""The training loop: truncated back-propagation over lanes, the best validated weights kept, resumable anywhere."""

import contextlib
import copy
import ctypes
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch
from torch import Tensor

from edgeseq.checkpoint import Weights, read_tensors
from edgeseq.series import Part
from edgeseq.series.gaps import Filled, fill
from edgeseq.training.lanes import Lanes, Window
from edgeseq.training.network import Network
from edgeseq.training.recipe import Recipe
from edgeseq.training.scaling import network_inputs, network_targets
from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.spec import Spec

Report = Callable[[int, float, float], None]
"""Called after each step with its number, the loss, and the lowest validation error so far (NaN before the first)."""


@dataclass
class Best:
    """The weights with the lowest validation error so far."""

    weights: Weights
    step: int = 0
    mse: float = math.inf
    """Standardised, over all horizon steps and targets."""


class Trainer:
    """One training run. Everything it draws by chance depends on the seed and the step alone."""

    def __init__(self, spec: Spec, recipe: Recipe, train: Filled, validation: Part, *, seed: int, device: str) -> None:
        _make_repeatable(seed, spec)
        _keep_freed_memory()
        self.step = 0
        self._spec, self._recipe, self._seed = spec, recipe, seed
        self._device = torch.device(device)
        self._network = Network(spec).to(self._device)
        self._average = copy.deepcopy(self._network)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(),
            lr=recipe.learning_rate,
            betas=(0.9, recipe.beta2),
            weight_decay=recipe.weight_decay,
        )
        self._inputs = self._tensor(network_inputs(spec, train))
        self._targets = self._tensor(network_targets(spec, train))
        self._importance = self._tensor(_importance(spec))
        self._lanes = Lanes(train.segments, recipe.lanes, recipe.unroll, least=spec.warmup + 2, restart=recipe.restart)
        self._memory = self._network.fresh(recipe.lanes)
        self._validator = Validator(spec, validation, self._device)
        self.best = Best(self._average.weights())

    def run(self, report: Report, stop: Callable[[], bool], save_to: Path) -> bool:
        """Train to the end; return False where `stop` asked for an earlier one.

        The run's whole state goes to `save_to` at each validation and when it is stopped.
        """
        every = max(1, self._recipe.steps // self._recipe.validations)
        while self.step < self._recipe.steps:
            loss = self._train_step()
            if self.step % every == 0 or self.step == self._recipe.steps:
                self._validate()
                self.save(save_to)
            report(self.step, loss, self.best.mse if self.best.step else math.nan)
            if stop() and self.step < self._recipe.steps:
                self.save(save_to)
                return False
        return True

    def save(self, path: Path) -> None:
        """Write the run's whole state, from which `restore` goes on to the same end. Raises `FileError`."""
        tensors: dict[str, npt.NDArray[Any]] = {
            f"network.{name}": value for name, value in self._network.weights().items()
        }
        tensors |= {f"average.{name}": value for name, value in self._average.weights().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.weights.items()}
        tensors |= {f"lanes.{name}": value for name, value in self._lanes.state().items()}
        tensors |= {f"memory.{i}": value.cpu().numpy() for i, value in enumerate(self._memory)}
        for position, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{position}.{name}": value.cpu().numpy() for name, value in moments.items()}
        run = {"step": self.step, "best_step": self.best.step, "best_mse": repr(self.best.mse)}
        metadata = {"run": json.dumps(run), "identity": json.dumps(self._identity())}
        files.write_atomically(path, safetensors.numpy.save(tensors, metadata))

    def restore(self, path: Path) -> None:
        """Go on from where `save` was called. Raises `UsageError` where that was another run's."""
        tensors, metadata = read_tensors(path)
        _check_identity(json.loads(metadata.get("identity", "{}")), self._identity(), path)

        def part(prefix: str) -> dict[str, Any]:
            start = len(prefix) + 1
            return {name[start:]: value for name, value in tensors.items() if name.startswith(f"{prefix}.")}

        def weights(prefix: str) -> dict[str, Tensor]:
            return {name: torch.from_numpy(value) for name, value in part(prefix).items()}

        run = json.loads(metadata["run"])
        self.step = run["step"]
        self.best = Best(part("best"), run["best_step"], float(run["best_mse"]))
        self._network.load_state_dict(weights("network"))
        self._average.load_state_dict(weights("average"))
        self._lanes.restore(part("lanes"))
        self._memory = tuple(self._tensor(value) for value in part("memory").values())
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in weights("optimizer").items():
            position, _, key = name.partition(".")
            moments.setdefault(int(position), {})[key] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})

    def _train_step(self) -> float:
        """Move all lanes by one window and the weights by one step; return the loss."""
        random = np.random.default_rng([self._seed, self.step])
        window = self._lanes.next(random)
        inputs, targets, counts = self._batch(window, random)
        begins = self._tensor(window.fresh)
        memory = tuple(value.masked_fill(begins[None, :, None], 0.0) for value in self._memory)
        changes, memory = self._network(inputs, memory)
        self._memory = tuple(value.detach() for value in memory)
        loss = (torch.square(changes - targets) * counts * self._importance).sum() / counts.sum().clamp(min=1)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own lacks annotations
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self._optimizer.step()
        self.step += 1
        self._update_average()
        return float(loss.detach())

    def _batch(self, window: Window, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return inputs, targets and which of these count, each (time, lane, ...)."""
        rows = self._tensor(window.rows)
        begins = self._tensor(window.fresh)
        inputs, targets = self._inputs[rows], self._targets[rows]
        features = len(self._spec.features)
        inputs[0, :, -features:] = inputs[0, :, -features:].masked_fill(begins[:, None], 0.0)
        if self._recipe.noise:
            noise = random.standard_normal(inputs.shape, np.float32)
            inputs = inputs + self._recipe.noise * self._tensor(noise)
        counts = torch.isfinite(targets) & self._tensor(window.real)[:, :, None]
        # The sample that makes the stream warm is the last of the warm-up, and its forecast counts.
        counts[: self._spec.warmup - 1] &= ~begins[None, :, None]
        return inputs, torch.nan_to_num(targets), counts.float()

    def _learning_rate(self) -> float:
        recipe = self._recipe
        rise = min(1.0, (self.step + 1) / recipe.rise)
        return recipe.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * self.step / recipe.steps))

    def _update_average(self) -> None:
        decay = min(self._recipe.average, self.step / (self.step + 10))
        with torch.no_grad():
            for kept, value in zip(self._average.parameters(), self._network.parameters(), strict=True):
                kept.lerp_(value, 1 - decay)

    def _validate(self) -> None:
        mse = self._validator.mse(self._average)
        if mse < self.best.mse:
            self.best = Best(self._average.weights(), self.step, mse)

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a run to be the same run."""
        return {
            "data": self._spec.data_sha256,
            "network": [self._spec.cell, self._spec.layers, self._spec.hidden, self._spec.horizon],
            "features": [feature.name for feature in self._spec.features],
            "warmup": self._spec.warmup,
            "recipe": asdict(self._recipe),
            "seed": self._seed,
            "device": self._device.type,
        }

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self._device)


class Validator:
    """The error over the validation part, as a stream would make it."""

    def __init__(self, spec: Spec, part: Part, device: torch.device) -> None:
        filled = fill(part.values, spec.gap_limit)
        inputs, targets = network_inputs(spec, filled), network_targets(spec, filled)
        first = part.start - 1  # the forecast of the first validation sample is made one sample before it
        self._pieces = []
        for start, stop in filled.segments:
            begin = max(start, first - 10 * spec.warmup)
            counts = np.isfinite(targets[begin:stop])
            counts[: max(first, start + spec.warmup - 1) - begin] = False
            if counts.any():
                arrays = inputs[begin:stop], np.nan_to_num(targets[begin:stop]), counts
                self._pieces.append([torch.from_numpy(array).to(device) for array in arrays])
        if not self._pieces:
            raise DataError(
                f"the validation part has no stretch of {spec.warmup + spec.horizon} samples without a longer "
                "gap: change --split or --max-gap, or shorten --horizon"
            )
        self._importance = torch.from_numpy(_error_scales(spec) ** 2).to(device)

    def mse(self, network: Network) -> float:
        """Return the mean squared error, standardised, over all forecasts that count."""
        total = count = 0.0
        with torch.no_grad():
            for inputs, targets, counts in self._pieces:
                changes, _ = network(inputs[:, None], network.fresh(1))
                squares = torch.square(changes[:, 0] - targets) * self._importance
                total += float(squares[counts].sum(dtype=torch.float64))
                count += float(counts.sum())
        return total / count


def _error_scales(spec: Spec) -> npt.NDArray[np.float32]:
    """Return what turns an error of the network into a standardised one, (horizon * target,)."""
    stds = np.array([feature.std for feature in spec.target_features])
    return np.asarray(np.array(spec.target_scales) / stds, np.float32).reshape(-1)


def _importance(spec: Spec) -> npt.NDArray[np.float32]:
    """Return the weight of each output in the loss: as the standardised error weighs it, 1 on average."""
    squares = _error_scales(spec) ** 2
    return np.asarray(squares / squares.mean())


def _check_identity(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    different = [name for name in wanted if found.get(name) != wanted[name]]
    if different:
        raise UsageError(
            f"{path} belongs to another run (different: {', '.join(different)}); "
            "give the options of that run, or train without --resume"
        )


def _make_repeatable(seed: int, spec: Spec) -> None:
    """Seed torch, and have it compute in one order."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(mode=True)
    if spec.hidden <= 64:
        torch.set_num_threads(1)  # a small network is slower on more


def _keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next one; giving it back costs a quarter of the training time."""
    trim_threshold, mmap_threshold = -1, -3  # names of mallopt's parameters, from malloc.h
    with contextlib.suppress(OSError, AttributeError):  # another C library, another way
        library = ctypes.CDLL(None)
        for parameter in (trim_threshold, mmap_threshold):
            library.mallopt(parameter, 1 << 28)
