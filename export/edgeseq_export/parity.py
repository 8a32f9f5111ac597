"""The parity check: no file is exported that does not compute, in every shape, what the oracle computes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnx

from edgeseq.model.scaling import per_output
from edgeseq.reference import States64
from edgeseq_export import tolerances
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime.arrays import Float32, States
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.verification import state_checksum
from edgeseq_runtime.errors import CheckError
from edgeseq_runtime.spec import GAIN, OFFSET, SETTINGS, Spec, Verification

VERIFICATION_NUMBERS = 72
"""How many forecast numbers, at most, a model file carries for verification on the device."""

_STEPS = 48
_SHAPES = ((_STEPS, 1), (7, 5), (1, 17), (33, 2))  # (time, batch): none of them is special to the graph


@dataclass(frozen=True)
class Deviation:
    """The worst difference from the oracle that the parity check found."""

    forecast: float
    """As a share of the target's standard deviation."""
    state: float
    allowed: float
    """The tolerance of `forecast`."""


class Reference(Protocol):
    """The step function in float64."""

    def run(self, samples: npt.ArrayLike, states: States64 | None = None) -> tuple[npt.NDArray[np.float64], States64]:
        """Take samples (time, batch, input); return (time, batch, horizon * target) and the states left."""


def check(model: bytes, spec: Spec, oracle: Reference) -> Deviation:
    """Compare a model file with its oracle: in steps, chunks and batches, states included.

    Raises `CheckError` where the file is no valid ONNX or deviates by more than its tolerance.
    """
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        raise CheckError(f"the graph is not valid ONNX: {error}") from error
    session = open_session(model, provider="cpu")
    forecast = state = 0.0
    for how, x, begin, y, states in _runs(session):
        expected, expected_states = oracle.run(x, {name: value.astype(np.float64) for name, value in begin.items()})
        forecast = float(np.maximum(forecast, forecast_deviation(spec, y, expected)))  # NaN stays NaN
        deviations = [_state_deviation(states[name], expected_states[name]) for name in states]
        state = float(np.max([state, *deviations]))
        passed = agrees(spec, y, expected) and state <= tolerances.STATE[spec.quantize]
        if not passed:
            raise CheckError(
                f"the graph, run {how}, deviates from the oracle by {forecast:.1e} of the series' scale "
                f"(states: {state:.1e}); allowed is {tolerances.FORECAST[spec.quantize]:.0e}"
            )
    return Deviation(forecast, state, tolerances.FORECAST[spec.quantize])


def forecast_deviation(spec: Spec, y: Float32, expected: npt.NDArray[np.float64]) -> float:
    """Return the largest |y - expected| (..., horizon * target) as a share of each target's standard deviation."""
    return float((np.abs(y - expected) / _scale(spec)).max())


def agrees(spec: Spec, y: Float32, expected: npt.NDArray[np.float64]) -> bool:
    """Whether forecasts are within the tolerance, to which one unit in float32's last place is added.

    For a series far from zero (1,000,000 give or take 1) that unit is the larger of the two.
    """
    unit = np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64)
    allowed = tolerances.FORECAST[spec.quantize] * _scale(spec) + unit
    return bool((np.abs(y - expected) <= allowed).all())


def _scale(spec: Spec) -> npt.NDArray[np.float64]:
    return per_output([feature.std for feature in spec.target_features], spec.horizon)


def verification(spec: Spec, oracle: Reference) -> Verification:
    """Return a short stream with the oracle's forecasts, for a device to check itself against."""
    time = max(3, min(16, VERIFICATION_NUMBERS // spec.outputs))
    x = random_walk(spec, time, 1, seed=1)
    y, states = oracle.run(x)
    tolerance = tolerances.FORECAST[spec.quantize] * np.array([feature.std for feature in spec.target_features])
    return Verification(
        x=tuple(tuple(map(_shortest, row)) for row in x[:, 0]),
        y=tuple(tuple(_rounded(value, tolerance.min()) for value in row) for row in y[:, 0]),
        tolerance=tuple(_significant(value, 3) for value in tolerance),
        states={name: _state_vector(spec, value) for name, value in states.items() if name not in SETTINGS},
    )


def _state_vector(spec: Spec, state: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return a state as one number, and how far that may be off: as far as its numbers may be."""
    allowed = tolerances.STATE[spec.quantize] * np.maximum(1, np.abs(state))
    of_sum = np.sqrt(allowed.size) * float(allowed.max())  # deviations have no common sign
    return round(state_checksum(state), 7), _significant(of_sum, 2)


# Numbers in the file are as short as they may be: a device parses them, and each digit is a byte.


def _shortest(value: np.float32) -> float:
    """Return the number of the fewest digits that is this one in float32: the device gets the very same sample."""
    return float(str(value))


def _rounded(value: float, tolerance: float) -> float:
    """Return a number to so many places that the rounding is a twentieth of the tolerance at most."""
    return round(float(value), int(np.ceil(1 - np.log10(tolerance))))


def _significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _runs(session: Session) -> Iterator[tuple[str, Float32, States, Float32, States]]:
    """Yield how the session was run, with samples, first states, forecasts and final states."""
    for time, batch in _SHAPES:
        begin = _begin(session, batch)
        x = random_walk(session.spec, time, batch, seed=time)
        if session.spec.sensors:
            own = slice(len(session.spec.features))
            x[..., own] = begin[OFFSET] + (1 + begin[GAIN]) * x[..., own]
        y, states = session.advance(x, begin)
        yield f"in a chunk of {time} x {batch}", x, begin, y, states
        y, states = _in_steps(session, x, begin)
        yield f"in steps of {batch} streams", x, begin, y, states


def _begin(session: Session, batch: int) -> States:
    """Return the states of fresh streams; their sensors, where these differ, are half as large as the typical one."""
    states = session.fresh(batch)
    if session.spec.sensors:
        random = np.random.default_rng(batch)
        stds = [feature.std for feature in session.spec.features]
        states[OFFSET] = (random.uniform(-1, 1, states[OFFSET].shape) * stds).astype(np.float32)
        states[GAIN] = random.uniform(-0.5, 0, states[GAIN].shape).astype(np.float32)  # no error becomes larger by it
    return states


def _in_steps(session: Session, x: Float32, states: States) -> tuple[Float32, States]:
    forecasts = []
    for row in range(len(x)):
        y, states = session.advance(x[row : row + 1], states)
        forecasts.append(y)
    return np.concatenate(forecasts), states


def _state_deviation(state: Float32, expected: npt.NDArray[np.float64]) -> float:
    return float((np.abs(state - expected) / np.maximum(1, np.abs(expected))).max())
