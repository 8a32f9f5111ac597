"""Training on windows, as the classic program does: each is a sequence of its own, drawn from a shuffled stream."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from edgeseq.model.scaling import importance, network_targets
from edgeseq.series.gaps import Filled
from edgeseq.series.series import Values
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.hyperparameters import HyperParameters
from edgeseq.training.network import Network
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.spec import FEATURES, Spec


class Windows:
    """Windows in a shuffle buffer: the place of one that is drawn is taken by the next in time order.

    The series is read again and again; a larger buffer shuffles it better.
    """

    def __init__(
        self,
        spec: Spec,
        hyperparameters: HyperParameters,
        train: Filled,
        network: Network,
        device: torch.device,
        group: ProcessGroup,
    ) -> None:
        del network  # no memory is carried from window to window
        self._spec, self._hyperparameters, self._device = spec, hyperparameters, device
        self._values = scaled(spec, train.values)
        self._targets = network_targets(spec, train)
        self.rows = whole_rows(spec, train, self._targets)
        """Rows of the training part that end a window."""
        if not len(self.rows):
            raise DataError(f"the training part has no stretch of {spec.window + spec.horizon} samples without a gap")
        self._buffer = np.arange(min(hyperparameters.shuffle_buffer, len(self.rows)))
        self._position = len(self._buffer) % len(self.rows)
        self._importance = torch.from_numpy(importance(spec)).to(device)
        self._shard = group.shard(hyperparameters.batch_size)

    def loss(self, network: Network, random: np.random.Generator) -> Tensor:
        """Draw a batch of windows; return the mean squared error of what the network says at their ends."""
        rows = self.rows[self.draw(random)][self._shard]
        inputs = torch.from_numpy(windows(self._spec, self._values, rows)).to(self._device)
        outputs, _ = network(inputs, network.fresh(len(rows)))
        targets = torch.from_numpy(self._targets[rows]).to(self._device)
        squares = torch.square(outputs[-1] - targets) * self._importance
        return squares.sum() / (self._hyperparameters.batch_size * squares.shape[1])

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what `restore` needs to go on from here."""
        return {"buffer": self._buffer, "position": np.array([self._position])}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from `state`. Raises `ValueError` for places that are none in `rows`."""
        self._buffer, self._position = state["buffer"], int(state["position"][0])
        if not all(0 <= place < len(self.rows) for place in (self._position, *self._buffer.tolist())):
            raise ValueError(self._position)

    def draw(self, random: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw one batch from the buffer, as places in `rows`, and fill the buffer up again."""
        drawn = np.empty(self._hyperparameters.batch_size, np.int64)
        for number, place in enumerate(random.integers(len(self._buffer), size=len(drawn))):
            drawn[number] = self._buffer[place]
            self._buffer[place] = self._position
            self._position = (self._position + 1) % len(self.rows)
        return drawn


def scaled(spec: Spec, values: Values) -> Values:
    """Return what a network without memory sees of samples (time, feature)."""
    centers, scales = ([getattr(feature, name) for feature in spec.features] for name in ("center", "scale"))
    return np.asarray((values.astype(np.float64) - centers) / scales, np.float32)


def whole_rows(spec: Spec, filled: Filled, targets: Float32) -> npt.NDArray[np.int64]:
    """Return the rows that end a whole window and whose targets are all known."""
    return np.flatnonzero(filled.warm(spec.window) & np.isfinite(targets).all(axis=1))


def windows(spec: Spec, values: Values, rows: npt.NDArray[np.int64]) -> Float32:
    """Return the windows of scaled values (time, feature) that end at `rows`, as the network takes them.

    (window, row, feature) for the layout "steps", (1, row, window * feature) for "features".
    """
    stacked = values[rows[None, :] + np.arange(1 - spec.window, 1)[:, None]]  # (window, row, feature)
    if spec.layout == FEATURES:
        stacked = stacked.transpose(1, 0, 2).reshape(1, len(rows), -1)
    return np.ascontiguousarray(stacked)
