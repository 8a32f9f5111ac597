"""The error over the validation part, by which the weights are chosen."""

from typing import Protocol

import numpy as np
import torch

from edgeseq.model.scaling import error_scales, network_inputs, network_targets
from edgeseq.series import Part, gaps
from edgeseq.series.gaps import Fill
from edgeseq.training import windows
from edgeseq.training.network import Network
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.spec import STREAM, Spec

BLOCK = 4096
"""Windows in one call of the network."""


class Validator(Protocol):
    """What computes a network's validation error."""

    def mse(self, network: Network) -> float:
        """Return the mean squared error, standardised, over all forecasts that count."""


def validator(spec: Spec, part: Part, device: torch.device, fill: Fill = gaps.fill) -> Validator:
    """Return the validator for networks of a spec. Raises `DataError` for a part in which no forecast counts.

    `fill` fills short gaps of what streams are shown.
    """
    if spec.layout == STREAM:
        return StreamValidator(spec, part, device, fill)
    return WindowValidator(spec, part, device)


class StreamValidator:
    """Streams the part; the state is warmed up on the samples before it."""

    def __init__(self, spec: Spec, part: Part, device: torch.device, fill: Fill) -> None:
        filled = fill(part.values, spec.gap_limit)
        inputs, targets = network_inputs(spec, filled), network_targets(spec, filled)
        judged = np.zeros(len(part.values), bool)
        judged[part.origins(1)] = True  # the forecast of the first validation sample is made one sample before it
        self._pieces = []
        for start, stop in filled.segments:
            if not judged[start:stop].any():
                continue
            begin = max(start, start + int(judged[start:stop].argmax()) - 10 * spec.warmup)
            counts = np.isfinite(targets[begin:stop]) & judged[begin:stop, None]
            counts[: max(0, start + spec.warmup - 1 - begin)] = False
            if counts.any():
                arrays = inputs[begin:stop], np.nan_to_num(targets[begin:stop]), counts
                self._pieces.append([torch.from_numpy(array).to(device) for array in arrays])
        if not self._pieces:
            raise _no_forecast_counts(spec)
        self._squared_scales = torch.from_numpy(error_scales(spec) ** 2).to(device)

    def mse(self, network: Network) -> float:
        """Return the mean squared error, standardised, over all forecasts that count."""
        total = count = 0.0
        with torch.no_grad():
            for inputs, targets, counts in self._pieces:
                outputs, _ = network(inputs[:, None], network.fresh(1))
                squares = torch.square(outputs[:, 0] - targets) * self._squared_scales
                total += float(squares[counts].sum(dtype=torch.float64))
                count += float(counts.sum())
        return total / count


class WindowValidator:
    """Gives the network each window that ends in the part."""

    def __init__(self, spec: Spec, part: Part, device: torch.device) -> None:
        filled = gaps.fill(part.values, spec.gap_limit)
        self._spec, self._device = spec, device
        self._values = windows.scaled(spec, filled.values)
        self._targets = network_targets(spec, filled)
        rows = windows.whole_rows(spec, filled, self._targets)
        self._rows = rows[np.isin(rows, part.origins(1))]
        if not len(self._rows):
            raise _no_forecast_counts(spec)
        self._squared_scales = error_scales(spec) ** 2

    def mse(self, network: Network) -> float:
        """Return the mean squared error, standardised, over all windows."""
        total = 0.0
        with torch.no_grad():
            for start in range(0, len(self._rows), BLOCK):
                rows = self._rows[start : start + BLOCK]
                inputs = torch.from_numpy(windows.windows(self._spec, self._values, rows)).to(self._device)
                outputs, _ = network(inputs, network.fresh(len(rows)))
                squares = np.square(outputs[-1].cpu().numpy() - self._targets[rows]) * self._squared_scales
                total += float(squares.sum(dtype=np.float64))
        return total / (len(self._rows) * self._spec.outputs)


def _no_forecast_counts(spec: Spec) -> DataError:
    return DataError(
        f"the validation part has no stretch of {spec.warmup + spec.horizon} samples without a longer gap: change "
        "--split or --max-gap, or shorten --horizon"
    )
