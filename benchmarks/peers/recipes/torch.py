"""The recipe as a module of torch's, for ExecuTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.recipes.written_out import Operation, Recipe


class WrittenOut(nn.Module):
    """Runs a recipe: x (stream, 1) and state (stream, width) to y and the next state."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._operations = recipe.operations
        for name, value in recipe.constants.items():
            self.register_buffer(name, torch.from_numpy(value.copy()))
        self._constants = tuple(recipe.constants)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take a sample of each stream."""
        values = {"x": x, "state": state} | {name: getattr(self, name) for name in self._constants}
        for operation in self._operations:
            found = _apply(operation, [values[name] for name in operation.inputs])
            values |= dict(zip(operation.outputs, found, strict=True))
        return values["y"], values["state_next"]


def _apply(operation: Operation, inputs: list[Tensor]) -> list[Tensor]:
    if operation.kind == "split":
        return list(torch.split(inputs[0], list(operation.sizes), dim=1))
    if operation.kind == "join":
        return [torch.cat(inputs, dim=1)]
    if operation.kind == "dense":
        return [functional.linear(*inputs)]
    return [getattr(torch, {"max": "maximum"}.get(operation.kind, operation.kind))(*inputs)]
