"""The step function as a module of torch's: its own recurrent layers, and the same bookkeeping as the model file's."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edgeseq_runtime.spec import Spec


class StepModule(nn.Module):
    """x, last, seen (1, stream, 1), h and c (layer, stream, hidden) to the forecast and the next of each."""

    def __init__(self, spec: Spec, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        super().__init__()
        self.cell = nn.LSTM(2, spec.hidden, spec.layers)
        self.head = nn.Linear(spec.hidden, spec.outputs)
        found = {"head.weight": weights["head"].T, "head.bias": weights["head_bias"]}
        for layer in range(spec.layers):
            found[f"cell.weight_ih_l{layer}"] = weights[f"W{layer + 1}"]
            found[f"cell.weight_hh_l{layer}"] = weights[f"R{layer + 1}"]
            found[f"cell.bias_ih_l{layer}"] = weights[f"b{layer + 1}"]
            found[f"cell.bias_hh_l{layer}"] = np.zeros_like(weights[f"b{layer + 1}"])
        self.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in found.items()})
        self._memory = spec.layers, spec.hidden

    def fresh(self, streams: int) -> tuple[Tensor, ...]:
        """Return a sample to fill in, and the states of fresh streams."""
        layers, hidden = self._memory
        x, last, seen = (torch.zeros(1, streams, 1) for _ in range(3))
        return x, last, seen, torch.zeros(layers, streams, hidden), torch.zeros(layers, streams, hidden)

    def forward(self, x: Tensor, last: Tensor, seen: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        """Take a sample of each stream."""
        output, (h, c) = self.cell(torch.cat([x, x * seen - last], dim=2), (h, c))
        return x + self.head(output), x.clone(), torch.clamp(seen, min=1), h, c
