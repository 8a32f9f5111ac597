"""A network for any sensor and a short series: whether to fit all weights to it, the last layer, or nothing.

The training part teaches, the validation part chooses. The network as it was is what has to be beaten: another is taken
only where its error over the validation part is lower by more than chance explains, so that a short part, which can
tell little, leaves the network as it was.
"""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch

from edgeseq.evaluation.learning import NOTHING
from edgeseq.series import Part
from edgeseq.series.gaps import Filled, fill
from edgeseq.starter import head_fit
from edgeseq.starter.history import History
from edgeseq.starter.network import Network
from edgeseq.starter.tuning import Pace, Tuner
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError

HEAD, ALL = "head", "all"

KINDS = (NOTHING, HEAD, ALL)
"""What was fitted to the series."""

LEAST_FOR_ALL = 500
"""Samples of a training part from which on all weights may move."""

MOST = 20_000
"""Samples of a training part that teach, its last ones: so few steps see no more."""

SAMPLES_A_STEP, MOST_STEPS = 5, 300
"""A step for so many samples, at most so many steps: a short series may move the weights a little only."""

PATIENCE = 80
"""Steps without a lower validation error after which no more are tried."""

VALIDATE_EVERY = 10
"""Steps."""

LEAST_ORIGINS = 20
"""Forecasts over the validation part below which it tells nothing."""

CLEARLY = 1.0
"""By so many standard errors of the mean gain over the validation part the network as it was must be beaten."""

FEW = 1.0
"""By so many more, over the number of independent forecasts."""

LEAST_GAIN = 0.01
"""The same as a share of its error: less is not worth another file."""

_LEAD = 1000
"""Samples before the validation part that warm up the memory with which candidates are compared."""

Report: TypeAlias = Callable[[int, float, float], None]
"""Called after each step with its number, the loss, and the lowest validation error so far."""


@dataclass(frozen=True)
class Candidate:
    """One way to fit the network to the series."""

    kind: str
    """One of `KINDS`."""
    network: Network = field(repr=False)
    step: int
    """The step whose weights these are; 0 but for all weights."""
    penalty: float | None
    """The ridge penalty of the last layer, where that alone was fitted."""


class Fitting:
    """Fits a network to the series of two parts, in steps."""

    def __init__(
        self,
        network: Network,
        train: Filled,
        validation: Part,
        *,
        gap_limit: int,
        steps: int | None,
        rate: float | None,
    ) -> None:
        self.step = 0
        self._network = network
        self._judge = _Judge(network.horizon, validation, gap_limit)
        self._history = History.of(_newest(train), network.horizon)
        samples = sum(stop - start for start, stop in self._history.segments)
        allowed = min(samples // SAMPLES_A_STEP, MOST_STEPS) if samples >= LEAST_FOR_ALL else 0
        self.steps = (steps or allowed) if self._judge.tells else 0
        """How many steps there will be: none where the parts are too short."""
        self.rate = rate or Pace.rate
        self._unfitted = self._judge.squares(network)
        self._best = {NOTHING: Candidate(NOTHING, network, 0, None)}
        self._errors = {NOTHING: float(self._unfitted.mean())}

    @property
    def note(self) -> str:
        """What is going to be tried, for the user to read."""
        if not self._judge.tells:
            return f"fitting: nothing, since the validation part has fewer than {LEAST_ORIGINS} forecasts to choose by"
        if not self.steps:
            return f"fitting: the last layer; all weights take {LEAST_FOR_ALL:,} training samples"
        return f"fitting: the last layer, and all weights in {self.steps} steps at a rate of {self.rate:g}"

    @property
    def lowest(self) -> float:
        """The lowest validation error so far."""
        return min(self._errors.values())

    def run(self, report: Report, stop: Callable[[], bool]) -> bool:
        """Fit the last layer, then all weights step by step; return False where `stop` asked for an earlier end."""
        if self._judge.tells:
            for penalty, network in head_fit.fitted(self._network, self._history):
                self._try(HEAD, network, penalty=penalty)
        if not self.steps:
            return True
        tuner = Tuner(self._network, self._history, Pace(self.steps, self.rate))
        while self.step < self.steps:
            loss = tuner.train_step()
            self.step += 1
            if self.step % VALIDATE_EVERY == 0 or self.step == self.steps:
                self._try(ALL, tuner.average)
            report(self.step, loss, self.lowest)
            if self.step - self._best_step >= PATIENCE:
                break
            if stop() and self.step < self.steps:
                return False
        return True

    @property
    def _best_step(self) -> int:
        return self._best[ALL].step if ALL in self._best else 0

    def _try(self, kind: str, network: Network, penalty: float | None = None) -> None:
        """Keep a network that is the best of its kind so far."""
        error = float(self._judge.squares(network).mean())
        if math.isfinite(error) and error < self._errors.get(kind, math.inf):
            self._errors[kind] = error
            step = self.step if kind == ALL else 0
            self._best[kind] = Candidate(kind, copy.deepcopy(network), step, penalty)

    @property
    def candidates(self) -> Mapping[str, Candidate]:
        """The best of each kind that was tried, by its name."""
        return self._best

    @property
    def tells(self) -> bool:
        """Whether the validation part has forecasts enough to choose by."""
        return self._judge.tells


def choose(squares: Mapping[str, Float64], horizon: int) -> str:
    """Return the kind whose squared errors (origin,) are lowest, or `NOTHING` where none beats it clearly."""
    for kind in sorted(squares, key=lambda kind: float(squares[kind].mean())):
        if kind == NOTHING or is_clear(squares[NOTHING], squares[kind], horizon):
            return kind
    return NOTHING


def is_clear(before: Float64, after: Float64, horizon: int) -> bool:
    """Whether squared errors (origin,) `after` are lower than those `before` by more than chance explains.

    Forecasts whose horizons overlap share their errors: of as many origins as a horizon has samples, one counts. Few
    of these do not even tell how large chance is.
    """
    if len(before) < LEAST_ORIGINS:
        return False
    gain, independent = before - after, max(1.0, len(before) / horizon)
    chance = float(gain.std()) / math.sqrt(independent)
    return bool(gain.mean() > max((CLEARLY + FEW / independent) * chance, LEAST_GAIN * before.mean()))


class _Judge:
    """The validation part, streamed by a network."""

    def __init__(self, horizon: int, part: Part, gap_limit: int) -> None:
        begin = max(0, part.start - MOST)
        self._history = History.of(fill(part.values[begin:], gap_limit), horizon)
        origins = part.origins(horizon) - begin
        known = torch.isfinite(self._history.targets).numpy()[origins].all(axis=1)
        self._origins = origins[known]
        if not len(self._origins):
            raise DataError(
                f"the validation part has no stretch of {horizon + 1} samples without a gap: change --split or "
                "--max-gap, or shorten --horizon"
            )
        self.tells = len(self._origins) >= LEAST_ORIGINS
        """Whether it has forecasts enough to tell anything."""

    @torch.no_grad()
    def squares(self, network: Network) -> Float64:
        """Return the mean squared error of the forecast made at each origin, (origin,)."""
        first = max(0, int(self._origins[0]) - _LEAD)
        rows, history = slice(first, int(self._origins[-1]) + 1), self._history
        output = history.outputs(network, rows)
        changes = network.say(output, history.scale[rows, 0], history.distances[rows, 0]).double()
        squares = (changes - history.targets[rows].double()).square().mean(dim=1)
        return np.asarray(squares.numpy()[self._origins - first])


def _newest(train: Filled) -> Filled:
    """Return the end of a training part, as far as it teaches."""
    if len(train.values) <= MOST:
        return train
    cut = len(train.values) - MOST
    segments = tuple((max(start - cut, 0), stop - cut) for start, stop in train.segments if stop > cut)
    return Filled(train.values[cut:], train.observed[cut:], segments, train.missing, train.interpolated, train.left)
