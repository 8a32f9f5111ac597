"""The network in torch: recurrent layers and a linear head, over scaled inputs. Only training needs it."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from edgeseq.model.architecture import inputs
from edgeseq.model.cells import CELLS
from edgeseq.model.checkpoint import Weights
from edgeseq_runtime.spec import Spec

Memory: TypeAlias = tuple[Tensor, ...]
"""Hidden state and, for an LSTM, cell state, each (layer, batch, hidden)."""


class Network(nn.Module):
    """`(inputs, memory) -> (scaled changes, memory)`, for a chunk of time and a batch of streams."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        kind = CELLS[spec.cell]
        self.cell = getattr(nn, kind.torch_class)(inputs(spec), spec.hidden, spec.layers)
        self.head = nn.Linear(spec.hidden, spec.outputs)
        self._ahead = spec.ahead
        if self._ahead:
            self.known = nn.Linear(self._ahead, spec.outputs, bias=False)
            nn.init.zeros_(self.known.weight)
            self.coefficient = nn.Linear(spec.hidden, spec.outputs * len(spec.known), bias=False)
            self._steps = spec.horizon, len(spec.targets), len(spec.known)
        self._memories = len(kind.memory)

    def forward(self, signal: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Run signal (time, batch, input); return scaled changes (time, batch, outputs) and the memory."""
        if self._memories == 2:
            output, memory = self.cell(signal, memory)
        else:
            output, hidden = self.cell(signal, memory[0])
            memory = (hidden,)
        said = self.head(output)
        return said + self._of_known(signal[..., -self._ahead :], output) if self._ahead else said, memory

    def _of_known(self, ahead: Tensor, output: Tensor) -> Tensor:
        """Return what values known ahead (..., step * column) add, beside the last layer's output (..., hidden)."""
        horizon, targets, columns = self._steps
        coefficients = self.coefficient(output).view(*output.shape[:-1], horizon, targets, columns)
        varying = (coefficients * ahead.reshape(*ahead.shape[:-1], horizon, 1, columns)).sum(-1)
        return torch.as_tensor(self.known(ahead) + varying.flatten(-2))

    def init_classic(self) -> None:
        """Initialise the weights as TensorFlow's BasicLSTMCell does.

        A layer's whole kernel is Glorot-uniform (X. Glorot and Y. Bengio, AISTATS 2010), its bias is zero but the
        forget gate's, which is one (F. Gers et al., Neural Computation 12, 2000). It has one bias where torch has two.
        """
        hidden = self.cell.hidden_size
        for name, value in self.cell.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(value)
                value.requires_grad_(not name.startswith("bias_hh") or isinstance(self.cell, nn.GRU))
                if name.startswith("bias_ih") and isinstance(self.cell, nn.LSTM):
                    nn.init.ones_(value.data[hidden : 2 * hidden])
            else:
                inputs = getattr(self.cell, name.replace("weight_hh", "weight_ih")).shape[1]
                bound = (6 / (inputs + hidden + len(value))) ** 0.5
                nn.init.uniform_(value, -bound, bound)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def fresh(self, batch: int) -> Memory:
        """Return the memory of `batch` fresh streams: zeros."""
        shape = (self.cell.num_layers, batch, self.cell.hidden_size)
        return tuple(torch.zeros(shape, device=self.head.weight.device) for _ in range(self._memories))

    def weights(self) -> Weights:
        """Return a copy of the weights as float32 arrays, by torch's names."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}
