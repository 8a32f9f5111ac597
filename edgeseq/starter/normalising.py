"""How a stream is made free of unit, scale and offset: the numbers that follow it, in torch.

Everything is computed from the change d since the sample before, so a large offset cancels before anything is scaled.
An exponential mean m is kept as the distance x - m: with the gain a it moves by (1 - a) (distance + d). The equations
stand in docs/starter.md, and in NumPy in `reference`.
"""

import torch
from torch import Tensor

from edgeseq.model.running_scale import FLOOR, HABITS, LEVELS, OLDEST, SCALES, SPREAD, TINY


def step(x: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take a sample x (batch,) and the state (batch, STATES); zeros are a fresh stream.

    Return what the network sees (batch, FEATURES), the stream's scale (batch,), its distances from its levels (batch,
    level) and the next state.
    """
    last, age, distances, scales, spread, scaled, rarity, likeness = torch.split(
        state, [1, 1, len(LEVELS), len(SCALES), 1, 1, 1, 1], dim=1
    )
    d = age.clamp(max=1) * x[:, None] - last  # 0 for the first sample
    age = (age + 1).clamp(max=OLDEST)
    since = (age - 1).clamp(min=1)  # changes seen
    size = d.abs()

    distances = (1 - _gains(LEVELS, age)) * (distances + d)
    scales = scales + _gains(SCALES, since) * (size - scales)
    scale = scales.amax(dim=1, keepdim=True)
    spread = spread + _gains((SPREAD,), since) * (distances[:, 3:4].abs() - spread)
    per_scale = 1 / scale.clamp(min=TINY)
    change = torch.asinh(d * per_scale)
    gain = _gains((HABITS,), since)
    rarity = rarity + gain * (size / (size + scale).clamp(min=TINY) - rarity)
    likeness = likeness + gain * (change * scaled - likeness)

    features = torch.cat(
        [
            change,
            torch.asinh(distances * per_scale),
            torch.asinh(distances[:, 4:5] / spread.clamp(min=TINY)),
            torch.log(spread * per_scale + FLOOR),
            torch.log(scales[:, :1] * per_scale + FLOOR),
            rarity,
            likeness,
            age.rsqrt(),
        ],
        dim=1,
    )
    following = torch.cat([x[:, None], age, distances, scales, spread, change, rarity, likeness], dim=1)
    return features, scale[:, 0], distances, following


def _gains(lengths: tuple[float, ...], count: Tensor) -> Tensor:
    """Return what the newest of `count` (batch, 1) numbers counts in a mean over these lengths: 1/count at first."""
    return torch.maximum(1 / count, 1 / torch.tensor(lengths, dtype=count.dtype))
