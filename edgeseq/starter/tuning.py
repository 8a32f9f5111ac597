"""All weights of a trained network, moved a little by gradients towards one series.

Readers begin at places spread over the history, with the memory that the network has there, and read on in windows;
the gradient stops at a window's border. The rate is small and falls to 0, so that few passes leave most of the network
as it was. What is kept is the mean of the weights over the last steps.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from edgeseq.starter.history import History
from edgeseq.starter.lessons import LIMIT, NOISE_FLOOR
from edgeseq.starter.network import Network

WINDOW = 96
"""Samples through which the gradient goes back."""

READERS = 8
"""At most; each has a window of its own to begin with."""

_WARMUP = 10
"""First steps, over which the rate goes up."""

_MEMORY = 0.9
"""What the mean of the weights keeps of itself in a step."""


@dataclass(frozen=True)
class Pace:
    """How far the weights may move."""

    steps: int
    rate: float = 1e-3
    max_grad_norm: float = 1.0

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.rate * min(1.0, (step + 1) / _WARMUP) * 0.5 * (1 + math.cos(math.pi * step / self.steps))


class Tuner:
    """Moves a copy of a network; `average` is what came of it so far."""

    def __init__(self, network: Network, history: History, pace: Pace) -> None:
        self.average = copy.deepcopy(network)
        self._network, self._history, self._pace = copy.deepcopy(network), history, pace
        self._step = 0
        self._optimizer = torch.optim.Adam(self._network.parameters(), pace.rate, betas=(0.9, 0.99))
        self._known = torch.isfinite(history.targets)
        squares = torch.where(self._known, history.targets, 0.0).double().square().sum(dim=0)
        mean = squares / self._known.sum(dim=0).clamp(min=1)
        self._persistence = torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt().float()
        self._rows = _spread(history, READERS, WINDOW)
        self._memory = history.memory_at(network, self._rows.tolist())

    def train_step(self) -> float:
        """Move all readers by one window and the weights by one step; return the loss."""
        rows = self._rows + torch.arange(WINDOW)[:, None]
        is_real = rows < self._ends()
        rows = torch.minimum(rows, self._ends() - 1)
        history = self._history
        changes, memory = self._network(
            history.features[rows, 0], history.scale[rows, 0], history.distances[rows, 0], self._memory
        )
        counts = self._known[rows] & is_real[..., None]
        loss = _loss((changes - torch.nan_to_num(history.targets[rows])) / self._persistence, counts)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own lacks annotations
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._pace.max_grad_norm)
        if math.isfinite(float(norm)):
            self._move()
        self._step += 1
        self._read_on((memory[0].detach(), memory[1].detach()))
        return float(loss.detach())

    def _move(self) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self._pace.rate_at(self._step)
        self._optimizer.step()
        share = min(_MEMORY, self._step / (self._step + 10))
        with torch.no_grad():
            for kept, value in zip(self.average.parameters(), self._network.parameters(), strict=True):
                kept.lerp_(value, 1 - share)

    def _ends(self) -> Tensor:
        """Return the end of each reader's segment."""
        ends = [next(stop for start, stop in self._history.segments if start <= row < stop) for row in self._rows]
        return torch.tensor(ends)

    def _read_on(self, memory: tuple[Tensor, Tensor]) -> None:
        """Move the readers to their next window; one that is through a segment begins the next, afresh."""
        segments = self._history.segments
        following = {stop: segments[(number + 1) % len(segments)][0] for number, (_, stop) in enumerate(segments)}
        ends = self._ends().tolist()
        rows = [row + WINDOW for row in self._rows.tolist()]
        is_through = torch.tensor([row >= end - 1 for row, end in zip(rows, ends, strict=True)])
        rows = [following[end] if row >= end - 1 else row for row, end in zip(rows, ends, strict=True)]
        self._rows = torch.tensor(rows)
        h, c = (part.masked_fill(is_through[None, :, None], 0.0) for part in memory)
        self._memory = h, c


def _loss(errors: Tensor, counts: Tensor) -> Tensor:
    """Return the logarithm of the mean of Huber's loss over the errors that count, as in the network's own training."""
    shares = 2 * torch.nn.functional.huber_loss(errors, torch.zeros_like(errors), reduction="none", delta=LIMIT)
    return ((shares * counts).sum() / counts.sum().clamp(min=1) + NOISE_FLOOR).log()


def _spread(history: History, most: int, window: int) -> Tensor:
    """Return rows at which readers begin, evenly spread over the segments laid end to end, rising."""
    inside = torch.cat([torch.arange(start, stop) for start, stop in history.segments])
    count = max(1, min(most, len(inside) // window))
    return inside[torch.arange(count) * len(inside) // count]
