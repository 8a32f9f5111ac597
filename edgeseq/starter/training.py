"""The training of the starter: reproducible by its seed, interrupted and resumed at will."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from edgeseq.model import running_scale, tensor_file
from edgeseq.starter import lessons
from edgeseq.starter.network import HIDDEN, LAYERS, Network
from edgeseq_runtime import files
from edgeseq_runtime.errors import ModelFileError, UsageError


@dataclass(frozen=True)
class Settings:
    """All that decides where a training ends."""

    seed: int = 0
    steps: int = 10_900
    decay: int = 1_700
    """Last steps, over which the rate goes down to 0."""
    rate: float = 3e-3
    warmup: int = 100
    """First steps, over which the rate goes up."""
    max_grad_norm: float = 1.0
    """Longer gradients are cut to this length."""

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.rate * min(1.0, (step + 1) / self.warmup, (self.steps - step) / self.decay)


class Trainer:
    """A training run. `step` steps are done; `skipped` of them had a gradient that was not finite."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        torch.manual_seed(settings.seed)
        torch.use_deterministic_algorithms(mode=True)
        self.network = Network()
        self.step = self.skipped = 0
        self._lessons = lessons.Lessons(settings.seed)
        self._memory = self.network.fresh(lessons.STREAMS)
        self._optimizer = torch.optim.Adam(self.network.parameters(), settings.rate, betas=(0.9, 0.99))

    def train_step(self) -> float:
        """Move all readers by one window and the weights by one step; return the loss.

        Where loss or gradient is not finite, the weights stay, and all streams begin afresh.
        """
        window = self._lessons.window(self.step)
        h, c = (value.masked_fill(window.fresh[None, :, None], 0.0) for value in self._memory)
        changes, (h, c) = self.network(window.features, window.scale, window.distances, (h, c))
        loss = lessons.loss(changes, window)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own lacks annotations
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.max_grad_norm)
        if math.isfinite(float(loss.detach())) and math.isfinite(float(norm)):
            for group in self._optimizer.param_groups:
                group["lr"] = self.settings.rate_at(self.step)
            self._optimizer.step()
            self._memory = h.detach(), c.detach()
        else:
            self.skipped += 1
            self._memory = self.network.fresh(lessons.STREAMS)
            self._lessons.state = torch.zeros_like(self._lessons.state)
        self.step += 1
        return float(loss.detach())

    def run(self, path: Path, report: Callable[[float], None], every: int = 50) -> None:
        """Train to the end; each `every` steps, write to `path` and `report` the mean loss since the last time."""
        losses = []
        while self.step < self.settings.steps:
            losses.append(self.train_step())
            if self.step % every == 0 or self.step == self.settings.steps:
                files.write_atomically(path, self.pack())
                report(float(np.mean(losses)))
                losses.clear()

    def pack(self) -> bytes:
        """Return all that `resume` needs to go on from here, as a safetensors file."""
        tensors = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        for position, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{position}.{name}": value.numpy() for name, value in moments.items()}
        tensors |= {f"memory.{number}": value.numpy() for number, value in enumerate(self._memory)}
        tensors["stream"] = self._lessons.state.numpy()
        progress = {"step": self.step, "skipped": self.skipped}
        texts = {"starter": json.dumps(asdict(self.settings)), "progress": json.dumps(progress)}
        return tensor_file.pack({name: np.ascontiguousarray(value) for name, value in tensors.items()}, texts)

    @classmethod
    def resume(cls, path: Path, settings: Settings) -> "Trainer":
        """Return the run that was saved at `path`. Raises `UsageError` where other settings were given.

        With other `steps` and `decay` it is the same run as long as neither rate has begun to go down.
        """
        tensors, progress, saved = _read(path)
        trainer = cls(settings)
        trainer.step, trainer.skipped = progress["step"], progress["skipped"]
        same = replace(saved, steps=settings.steps, decay=settings.decay) == settings
        falls = min(one.steps - one.decay for one in (saved, settings))  # the step from which the rates differ
        if saved != settings and not (same and trainer.step <= falls):
            raise UsageError(f"{path} is of another run: {asdict(saved)}")
        trainer.network.load_state_dict(_part(tensors, "network."))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _part(tensors, "optimizer.").items():
            position, _, key = name.partition(".")
            moments.setdefault(int(position), {})[key] = value
        trainer._optimizer.load_state_dict({**trainer._optimizer.state_dict(), "state": moments})
        memory = _part(tensors, "memory.")
        trainer._memory = memory["0"], memory["1"]
        trainer._lessons.state = torch.from_numpy(tensors["stream"])
        return trainer


def load(path: Path) -> tuple[Network, Settings, int]:
    """Return the network saved at `path`, what it was trained with, and the steps done. Raises `ModelFileError`."""
    tensors, progress, settings = _read(path)
    network = Network()
    network.load_state_dict(_part(tensors, "network."))
    return network, settings, progress["step"]


def _read(path: Path) -> tuple[tensor_file.Tensors, dict[str, int], Settings]:
    tensors, texts = tensor_file.unpack(
        files.read(path), str(path), ("starter", "progress"), "a run of the starter's training"
    )
    expected = {f"network.{name}": tuple(value.shape) for name, value in Network().state_dict().items()}
    expected |= {f"memory.{number}": (LAYERS, lessons.STREAMS, HIDDEN) for number in (0, 1)}
    expected["stream"] = (lessons.STREAMS, running_scale.STATES)
    found = {name: value.shape for name, value in tensors.items() if not name.startswith("optimizer.")}
    try:
        progress, settings = json.loads(texts["progress"]), Settings(**json.loads(texts["starter"]))
    except (TypeError, ValueError):
        found = {}
    if found != expected:
        raise ModelFileError(f"{path} is of another version of the starter")
    return tensors, progress, settings


def _part(tensors: tensor_file.Tensors, start: str) -> dict[str, torch.Tensor]:
    named = {name: torch.from_numpy(value) for name, value in tensors.items() if name.startswith(start)}
    return {name[len(start) :]: value for name, value in sorted(named.items())}
