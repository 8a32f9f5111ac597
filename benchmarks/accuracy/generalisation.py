"""Sines that the default model of the sine has never seen: other sizes, phases, places and frequencies.

Training knows one sine, and copies of it at other rates; what it learned of the law shows on sines of its own making.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import training
from benchmarks.accuracy.rows import Row
from benchmarks.accuracy.training import Settings
from edgeseq_runtime.predictor import Predictor

AMPLITUDES = (0.5, 1.0, 2.0)
OFFSETS = (-0.5, 0.0, 0.5)
FREQUENCIES = (0.8, 0.9, 1.0, 1.1, 1.25)
PHASES = (0.3, 1.9, 3.5, 5.1)

_COUNTED = 2000
"""Forecasts of each stream that count: two periods and a half of the slowest."""

_PLACES = 6
"""Named at most, where the model is worse than the extrapolation."""


@dataclass(frozen=True)
class Wave:
    """One sine, sampled as the training's is."""

    amplitude: float
    offset: float
    frequency: float
    phase: float

    def samples(self, count: int) -> npt.NDArray[np.float32]:
        """Return (count, 1)."""
        angle = self.frequency * 0.01 * np.arange(count) + self.phase
        return np.asarray((self.offset + self.amplitude * np.sin(angle))[:, None], np.float32)

    def __str__(self) -> str:
        """The wave without its phase."""
        return f"{self.offset:g} + {self.amplitude:g} sin({self.frequency:g} t)"


WAVES = [
    Wave(*numbers)
    for numbers in product(AMPLITUDES, OFFSETS, FREQUENCIES, PHASES)
    if numbers[:3] != (1.0, 0.0, 1.0)  # the training's own
]


def measure(settings: Settings) -> Iterator[Row]:
    """Measure the error as a share of that of 2 x[-1] - x[-2] on the same stream."""
    predictors = [Predictor(training.sine(settings, seed).file()) for seed in range(settings.seeds)]
    shares = np.array([[share(predictor, wave) for wave in WAVES] for predictor in predictors])  # (seed, wave)
    title = f"{len(WAVES)} unseen sines: RMSE / extrapolation's"
    yield Row(f"{title}, median", np.median(shares, axis=1).tolist())
    yield Row(f"{title}, worst", shares.max(axis=1).tolist(), note=f"{WAVES[int(shares.max(axis=0).argmax())]}")
    for frequency in FREQUENCIES:
        at = [number for number, wave in enumerate(WAVES) if wave.frequency == frequency]
        yield Row(f"{title}, worst at frequency {frequency:g}", shares[:, at].max(axis=1).tolist())
    yield Row("unseen sines with a share above 1", (shares > 1).sum(axis=1).tolist(), note=_where(shares))


def share(predictor: Predictor, wave: Wave) -> float:
    """Return the model's RMSE on a fresh stream, from its warm-up on, as a share of linear extrapolation's."""
    warmup = max(predictor.spec.warmup, 2)
    values = wave.samples(warmup + _COUNTED)
    predictor.reset()
    forecasts = predictor.run(values[:-1])[:, 0, 0].astype(np.float64)[warmup - 1 :]
    x = values[:, 0].astype(np.float64)
    line = (2 * x[1:-1] - x[:-2])[warmup - 2 :]
    truth = x[warmup:]
    return float(np.sqrt(np.mean((forecasts - truth) ** 2) / np.mean((line - truth) ** 2)))


def _where(shares: npt.NDArray[np.float64]) -> str:
    """Say where any seed's share is above 1, whatever the phase, the worst places first."""
    found: dict[str, float] = {}
    for wave, worst in zip(WAVES, shares.max(axis=0), strict=True):
        found[str(wave)] = max(worst, found.get(str(wave), 0.0))
    above = sorted((place for place in found if found[place] > 1), key=found.__getitem__, reverse=True)
    places = [f"{found[place]:.3g} on {place}" for place in above[:_PLACES]]
    more = [f"and at {len(above) - _PLACES} more of {len(found)} places"] if len(above) > _PLACES else []
    return "; ".join(places + more) or "none"
