"""The training loop: one step after the other, the best validated weights kept, resumable anywhere."""

import copy
import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgeseq.model import tensor_file
from edgeseq.model.checkpoint import Weights
from edgeseq.model.tensor_file import Tensors
from edgeseq.series import Part, gaps
from edgeseq.series.gaps import Fill, Filled
from edgeseq.starter.allocator import keep_freed_memory
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.fine_tuning import InitialWeights, load
from edgeseq.training.hyperparameters import HyperParameters
from edgeseq.training.network import Network
from edgeseq.training.tbptt import TbpttBatches
from edgeseq.training.validation import validator
from edgeseq.training.windows import Windows
from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError, ModelFileError, UsageError
from edgeseq_runtime.spec import FIRST_FORMAT, STREAM, Spec, Training

Report = Callable[[int, float, float], None]
"""Called after each step with its number, the loss, and the lowest validation error so far (NaN before the first)."""

CURVE_POINTS = 100
"""Points of a run's learning curve, at least, if it has as many steps."""


@dataclass
class Best:
    """The weights that become the checkpoint."""

    weights: Weights
    step: int = 0
    mse: float = math.inf
    """Standardised, over all horizon steps and targets."""


class Trainer:
    """One training run. Everything it draws by chance depends on the seed and the step alone."""

    def __init__(
        self,
        spec: Spec,
        hyperparameters: HyperParameters,
        train: Filled,
        validation: Part,
        *,
        seed: int,
        device: str,
        group: ProcessGroup,
        initial: InitialWeights | None = None,
        fill: Fill = gaps.fill,
    ) -> None:
        self._recorded = {**hyperparameters.options(), **(initial.recorded if initial else {})}
        self._identity = _identity(spec, hyperparameters, seed, device) | (initial.recorded if initial else {})
        self.run_id = hashlib.sha256(json.dumps(self._identity).encode()).hexdigest()[:16]
        """The same for two runs that end at the same weights."""
        _make_repeatable(seed, spec, device)
        keep_freed_memory()
        self.step = 0
        self.curve: list[tuple[float, ...]] = []
        """The learning curve: step, mean loss since the last point, learning rate, validation error or NaN."""
        self._hyperparameters, self._seed, self._device, self._group = hyperparameters, seed, device, group
        self.network = Network(spec)
        if hyperparameters.preset == "classic":
            self.network.init_classic()
        if initial:
            load(self.network, initial.weights)
        self.network.to(torch.device(device))
        self._average = copy.deepcopy(self.network)
        self._average.cell.flatten_parameters()  # a copy's weights lie apart, and a GPU would gather them at each call
        self.optimizer = _optimizer(hyperparameters, self.network)
        kind = TbpttBatches if spec.layout == STREAM else Windows
        self.batches = kind(spec, hyperparameters, train, self.network, torch.device(device), group)
        self._validator = validator(spec, validation, torch.device(device), fill)
        self.best = Best(self._average.weights())
        if initial and hyperparameters.keep_weights == "best":
            self.best.mse = self._validator.mse(self._average)  # training that only makes it worse changes nothing
        self._losses: list[float] = []

    def run(self, report: Report, stop: Callable[[], bool], save_to: Path) -> bool:
        """Train to the end; return False where `stop` asked for an earlier one.

        The run's whole state goes to `save_to` at each validation and when it is stopped.
        """
        self._group.check_same([self.run_id, self.step])
        every = max(1, self._hyperparameters.steps // self._hyperparameters.validations)
        while self.step < self._hyperparameters.steps:
            loss = self.train_step()
            validates = self.step % every == 0 or self.step == self._hyperparameters.steps
            mse = self.validate() if validates else math.nan
            self._record(loss, mse)
            if validates:
                self.save(save_to)
            report(self.step, loss, self.best.mse if math.isfinite(self.best.mse) else math.nan)
            if self._group.all_reduce_sum(stop()) and self.step < self._hyperparameters.steps:
                self.save(save_to)
                return False
        return True

    def save(self, path: Path) -> None:
        """Write the run's whole state, from which `restore` goes on to the same end. Raises `FileError`."""
        tensors = self._tensors()
        run = {"step": self.step, "best_step": self.best.step, "best_mse": repr(self.best.mse)}
        texts = {"run": json.dumps(run), "identity": json.dumps(self._identity)}
        if self._group.is_main:
            files.write_atomically(path, tensor_file.pack(tensors, texts))

    def restore(self, path: Path) -> None:
        """Go on from where `save` was called.

        Raises `UsageError` where that was another run's, `ModelFileError` for a file that is damaged or none of these.
        """
        tensors, texts = tensor_file.unpack(files.read(path), str(path), {"run", "identity"}, "an interrupted run")
        try:
            identity, run = json.loads(texts["identity"]), json.loads(texts["run"])
            _check_identity(identity, self._identity, path)
            self._take_up(run, tensors)
        except UsageError:
            raise
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"{path} is damaged: it is no interrupted run that can go on; train without --resume"
            ) from error

    def _tensors(self) -> Tensors:
        tensors: Tensors = {"curve": np.array(self.curve), "losses": np.array(self._losses)}
        tensors |= {f"network.{name}": value for name, value in self.network.weights().items()}
        tensors |= {f"average.{name}": value for name, value in self._average.weights().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.weights.items()}
        tensors |= {f"lessons.{name}": value for name, value in self.batches.state().items()}
        for position, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{position}.{name}": value.cpu().numpy() for name, value in moments.items()}
        return tensors

    def _take_up(self, run: dict[str, Any], tensors: Tensors) -> None:
        """Go on from what was saved. What does not fit raises one of the errors that Python has for it."""

        def part(prefix: str) -> dict[str, Any]:
            start = len(prefix) + 1
            return {name[start:]: value for name, value in tensors.items() if name.startswith(f"{prefix}.")}

        def weights(prefix: str) -> dict[str, Tensor]:
            return {name: torch.from_numpy(value) for name, value in part(prefix).items()}

        self._check_fit(tensors)
        self.step, best_step, best_mse = run["step"], run["best_step"], float(run["best_mse"])
        _require(type(self.step) is int and 1 <= self.step <= self._hyperparameters.steps)
        _require(type(best_step) is int and 0 <= best_step <= self.step and best_mse >= 0)
        self.best = Best(part("best"), best_step, best_mse)
        curve, losses = tensors["curve"], tensors["losses"]
        _require(curve.size == 0 or (curve.ndim == 2 and curve.shape[1] == 4 and _is_rising(curve[:, 0], self.step)))
        _require(losses.ndim == 1)
        self.curve, self._losses = [tuple(point) for point in curve.tolist()], losses.tolist()
        self.network.load_state_dict(weights("network"))
        self._average.load_state_dict(weights("average"))
        self.batches.restore(part("lessons"))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in weights("optimizer").items():
            position, _, key = name.partition(".")
            moments.setdefault(int(position), {})[key] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})

    def _check_fit(self, tensors: Tensors) -> None:
        """Require the names, types and shapes of what would be saved here, and finite numbers."""
        moments = {"step", "sum"} if self._hyperparameters.optimizer == "adagrad" else {"step", "exp_avg", "exp_avg_sq"}
        expected = {name: (value.dtype, value.shape) for name, value in self._tensors().items()}
        for position, parameter in enumerate(self.optimizer.param_groups[0]["params"]):
            if parameter.requires_grad:
                shapes = {name: () if name == "step" else tuple(parameter.shape) for name in moments}
                expected |= {f"optimizer.{position}.{n}": (np.dtype(np.float32), s) for n, s in shapes.items()}
        found = {name: (value.dtype, value.shape) for name, value in tensors.items()}
        for name in ("curve", "losses"):  # of any length
            _require(found.pop(name)[0] == expected.pop(name)[0])
        _require(found == expected)
        _require(all(np.isfinite(value).all() for name, value in tensors.items() if name != "curve"))

    def summary(self) -> Training:
        """Return how the run has gone so far, for the spec."""
        return Training(
            preset=self._hyperparameters.preset,
            seed=self._seed,
            steps=self.step,
            best_step=self.best.step,
            validation_mse=float(f"{self.best.mse:.5g}"),
            device=self._device,
            run=self.run_id,
            options=self._recorded,
        )

    def train_step(self) -> float:
        """Move the weights by one step; return the loss."""
        loss = self.batches.loss(self.network, np.random.default_rng([self._seed, self.step]))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own lacks annotations
        self._group.sum_gradients(self.network.parameters())
        if self._hyperparameters.max_grad_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._hyperparameters.max_grad_norm)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self._learning_rate()
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return self._group.all_reduce_sum(float(loss.detach()))

    def _learning_rate(self) -> float:
        hyperparameters = self._hyperparameters
        if not hyperparameters.lr_warmup:
            return hyperparameters.learning_rate
        warmup = min(1.0, (self.step + 1) / hyperparameters.lr_warmup)
        return (
            hyperparameters.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * self.step / hyperparameters.steps))
        )

    def _update_average(self) -> None:
        decay = min(self._hyperparameters.ema_decay, self.step / (self.step + 10))
        with torch.no_grad():
            for kept, value in zip(self._average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(value, 1 - decay)

    def validate(self) -> float:
        """Return the validation error of the averaged weights; keep these where they are the best so far.

        Raises `DataError` where it is not finite.
        """
        mse = self._validator.mse(self._average)
        if not math.isfinite(mse):
            raise DataError(f"training failed at step {self.step}: the validation error is {mse}")
        if mse < self.best.mse or self._hyperparameters.keep_weights == "last":
            self.best = Best(self._average.weights(), self.step, mse)
        return mse

    def _record(self, loss: float, mse: float) -> None:
        """Add a point to the learning curve where one is due."""
        self._losses.append(loss)
        due = (
            self.step % max(1, self._hyperparameters.steps // CURVE_POINTS) == 0
            or self.step == self._hyperparameters.steps
        )
        if due or not math.isnan(mse):
            self.curve.append((self.step, float(np.mean(self._losses)), self.optimizer.param_groups[0]["lr"], mse))
            self._losses.clear()


def _optimizer(hyperparameters: HyperParameters, network: Network) -> torch.optim.Optimizer:
    if hyperparameters.optimizer == "adagrad":
        return torch.optim.Adagrad(network.parameters(), hyperparameters.learning_rate, initial_accumulator_value=0.1)
    return torch.optim.AdamW(
        network.parameters(),
        hyperparameters.learning_rate,
        betas=(0.9, hyperparameters.beta2),
        weight_decay=hyperparameters.weight_decay,
    )


def _identity(spec: Spec, hyperparameters: HyperParameters, seed: int, device: str) -> dict[str, Any]:
    """Return all that decides where a run ends, by the name to blame where it differs."""
    content = json.loads(spec.to_json())
    # The same samples teach the same, whenever they were taken and however they were written.
    for name in ("producer", "first_time", "last_time", "reading"):
        content.pop(name, None)
    content["format"] = FIRST_FORMAT  # which follows from the reading
    return {**content, **hyperparameters.recorded(), "seed": seed, "device": device}


def _check_identity(saved: dict[str, Any], expected: dict[str, Any], path: Path) -> None:
    different = [name for name in {**saved, **expected} if saved.get(name) != expected.get(name)]
    if different:
        raise UsageError(
            f"{path} belongs to another run (different: {', '.join(different)[:200]}); "
            "give the options of that run, or train without --resume"
        )


def _require(condition: object) -> None:
    if not condition:
        raise ValueError


def _is_rising(steps: npt.NDArray[np.float64], last: int) -> bool:
    return bool((np.diff(steps, prepend=0) > 0).all() and (steps <= last).all())


def _make_repeatable(seed: int, spec: Spec, device: str) -> None:
    """Seed torch, and have it compute in one order, in float32."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(mode=True)
    if device == "cuda":
        # What cuBLAS needs in order to compute in one order. It is read when cuBLAS is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # TF32 has ten bits of mantissa: the error of a series without noise would end far above the CPU's.
        torch.backends.cudnn.allow_tf32 = False
    if spec.hidden <= 64:
        torch.set_num_threads(1)  # a small network is slower on more
