"""The starter's network in torch: what the numbers of `normalising` say about the next 48 samples."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from edgeseq.model import running_scale
from edgeseq.model.running_scale import KNOTS, LEVELS, between_knots
from edgeseq.starter import normalising

HORIZON = 48
"""Samples that a forecast reaches ahead."""

HIDDEN, LAYERS = 64, 2

Memory: TypeAlias = tuple[Tensor, Tensor]
"""The LSTM's h and c, each (layer, batch, hidden)."""


class Network(nn.Module):
    """`(features, scale, distances, memory) -> (changes, memory)`, for a chunk of time and a batch of streams.

    A change is how far the sample some steps ahead lies from the last one, in the stream's unit. It is the network's
    word in multiples of scale * sqrt(steps), less a share of the distance from each level. A fresh network's word is 0,
    which is persistence.
    """

    def __init__(self, horizon: int = HORIZON) -> None:
        super().__init__()
        self.horizon = horizon
        self.cell = nn.LSTM(running_scale.FEATURES, HIDDEN, LAYERS)
        self.head = nn.Linear(HIDDEN, horizon + running_scale.SHARES)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: Tensor, scale: Tensor, distances: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Return changes (time, batch, horizon) and the memory; `scale` is (time, batch), `distances` have levels."""
        output, memory = self.cell(features, memory)
        return self.say(output, scale, distances), memory

    def say(self, output: Tensor, scale: Tensor, distances: Tensor) -> Tensor:
        """Return the changes (..., horizon) that the head makes of the last layer's output (..., HIDDEN)."""
        said = self.head(output)
        growth = torch.arange(1, self.horizon + 1, dtype=said.dtype).sqrt()
        shares = said[..., self.horizon :].unflatten(-1, (len(LEVELS), len(KNOTS)))
        knots = torch.from_numpy(between_knots(self.horizon)).to(said.dtype)
        returns = (distances[..., None] * shares).sum(-2) @ knots
        return torch.as_tensor(said[..., : self.horizon] * growth * scale[..., None] - returns)

    def fresh(self, batch: int) -> Memory:
        """Return the memory of fresh streams."""
        zeros = self.head.weight.new_zeros(LAYERS, batch, HIDDEN)
        return zeros, zeros

    @torch.no_grad()
    def stream(self, samples: Tensor) -> Tensor:
        """Return the forecasts (time, batch, horizon) after each sample (time, batch) of fresh streams."""
        features, scale, distances, _ = normalise(samples, samples.new_zeros(samples.shape[1], running_scale.STATES))
        changes, _ = self(features, scale, distances, self.fresh(samples.shape[1]))
        return torch.as_tensor(samples[..., None] + changes)


@torch.no_grad()
def normalise(samples: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what `normalising.step` makes of samples (time, batch): the first three stacked, and the last state."""
    parts = []
    for x in samples:
        *seen, state = normalising.step(x, state)
        parts.append(seen)
    features, scale, distances = (torch.stack(part) for part in zip(*parts, strict=True))
    return features, scale, distances, state
