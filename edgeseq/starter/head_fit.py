"""The last layer alone, fitted to a series: least squares that hold on to what the layer was.

What the head says of a step ahead is a sum over the last layer's units. How it is to differ from what it was is a ridge
regression on these, towards 0: W = (H'H + penalty I)^-1 H'R, with the forecasts' errors R in multiples of scale
* sqrt(steps). A sample counts by the square of its scale, as it does for the squared error in the series' unit.
"""

import copy
from collections.abc import Iterator, Sequence

import torch

from edgeseq.starter.history import History
from edgeseq.starter.network import Network

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0)
"""In samples: how many of a typical scale it takes to move a unit's weight half of the way."""


@torch.no_grad()
def fitted(
    network: Network, history: History, penalties: Sequence[float] = PENALTIES
) -> Iterator[tuple[float, Network]]:
    """Yield each penalty, and the network with the head that it leads to.

    Only rows teach from which all steps ahead are known, and none at which the stream had not changed yet.
    """
    targets, scale = history.targets, history.scale[:, 0]
    teaches = torch.isfinite(targets).all(dim=1) & (scale > 0)
    if not teaches.any():
        return
    output = history.outputs(network)[teaches]
    scale = scale[teaches]
    errors = targets[teaches] - network.say(output, scale, history.distances[teaches, 0])
    growth = torch.arange(1, network.horizon + 1).double().sqrt()
    counts = (scale.double().square() / scale.double().square().mean())[:, None]
    units = torch.cat([output, torch.ones(len(output), 1)], dim=1).double()
    weighted = (units * counts).T
    gram, products = weighted @ units, weighted @ (errors.double() / (scale.double()[:, None] * growth))
    for penalty in penalties:
        change = torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=gram.dtype), products).float()
        moved = copy.deepcopy(network)
        moved.head.weight[: network.horizon] += change[:-1].T
        moved.head.bias[: network.horizon] += change[-1]
        yield penalty, moved
