"""How well the network forecasts made-up series that it was not trained on, by the age of the stream."""

from dataclasses import dataclass

import numpy as np
import torch

from edgeseq.starter import made_up
from edgeseq.starter.network import HORIZON, Network
from edgeseq_runtime.arrays import Float64

SEED = 1_000_003
"""Of the validation series; training draws from other seeds."""

AGES = ((1, 15), (16, 300), (301, 1000), (1001, 2000))
"""First and last sample of each band, counted from 1."""


@dataclass(frozen=True)
class Validation:
    """Made-up series and where persistence stands on them."""

    samples: torch.Tensor
    """(time, series)."""
    families: list[str]
    persistence: Float64
    """Squared errors, (age band, series, HORIZON)."""


def make(count: int = 200) -> Validation:
    """Return the validation series; equal calls return equal ones."""
    length = AGES[-1][1] + HORIZON
    values = made_up.series(np.random.default_rng(SEED), count, length)
    families = made_up.names(np.random.default_rng(SEED), count)
    samples = torch.from_numpy(np.ascontiguousarray(values.T, np.float32))
    return Validation(samples, families, _errors(samples[..., None].expand(-1, -1, HORIZON), samples))


def shares(network: Network, validation: Validation) -> Float64:
    """Return the network's squared error over persistence's, (age band, series); NaN where persistence has none."""
    mean = _errors(network.stream(validation.samples[: AGES[-1][1]]), validation.samples).mean(axis=2)
    beside = validation.persistence.mean(axis=2)
    return np.where(beside > 0, mean / np.where(beside > 0, beside, 1), np.nan)


def geometric_means(share: Float64) -> Float64:
    """Return the geometric mean over the series of each age band, (age band,); a share below 1e-6 counts as that."""
    return np.asarray(np.exp(np.nanmean(np.log(np.maximum(share, 1e-6)), axis=1)))


def mean_squared_error(network: Network, validation: Validation) -> float:
    """Return the mean squared error over all series, steps ahead and samples; the series have deviation 1."""
    errors = _errors(network.stream(validation.samples[: AGES[-1][1]]), validation.samples)
    lengths = [last - first + 1 for first, last in AGES]
    return float(np.average(errors.mean(axis=(1, 2)), weights=lengths))


def rows(network: Network, validation: Validation) -> list[list[str]]:
    """Return a line for each family, and one for all: the geometric mean at each age, and the worst at any."""
    share = shares(network, validation)
    families = np.array(validation.families)
    kinds = {name: families == name for name in made_up.FAMILIES} | {"all": np.ones(len(families), bool)}
    return [
        [
            name,
            str(is_kind.sum()),
            *(f"{mean:.3f}" for mean in geometric_means(share[:, is_kind])),
            f"{np.nanmax(share[:, is_kind]):.2f}",
        ]
        for name, is_kind in kinds.items()
        if is_kind.any()
    ]


HEADER = ["family", "series", *(f"{first} to {last}" for first, last in AGES), "worst"]
"""Of the table that `rows` makes."""


def _errors(forecasts: torch.Tensor, samples: torch.Tensor) -> Float64:
    """Return mean squared errors of forecasts (time, series, HORIZON), (age band, series, HORIZON)."""
    bands = []
    for first, last in AGES:
        truths = samples[first : last + HORIZON].unfold(0, HORIZON, 1)
        errors = (forecasts[first - 1 : last] - truths).double()
        bands.append(errors.square().mean(dim=0).numpy())
    return np.stack(bands)
