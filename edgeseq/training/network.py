"""The network in torch: recurrent layers and a linear head, over scaled inputs. Only training needs it."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from edgeseq.checkpoint import Weights
from edgeseq_runtime.spec import Spec

Memory: TypeAlias = tuple[Tensor, ...]
"""Hidden state and, for an LSTM, cell state, each (layer, batch, hidden)."""

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Network(nn.Module):
    """`(inputs, memory) -> (scaled changes, memory)`, for a chunk of time and a batch of streams."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        inputs = len(spec.features) + sum(feature.level for feature in spec.features)
        self.cell = _CELLS[spec.cell](inputs, spec.hidden, spec.layers)
        self.head = nn.Linear(spec.hidden, spec.outputs)
        self._memories = 2 if spec.cell == "lstm" else 1

    def forward(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Run inputs (time, batch, input); return scaled changes (time, batch, outputs) and the memory."""
        if self._memories == 2:
            output, memory = self.cell(inputs, memory)
        else:
            output, hidden = self.cell(inputs, memory[0])
            memory = (hidden,)
        return self.head(output), memory

    def fresh(self, batch: int) -> Memory:
        """Return the memory of `batch` fresh streams: zeros."""
        shape = (self.cell.num_layers, batch, self.cell.hidden_size)
        return tuple(torch.zeros(shape, device=self.head.weight.device) for _ in range(self._memories))

    def weights(self) -> Weights:
        """Return a copy of the weights as float32 arrays, by torch's names."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}
