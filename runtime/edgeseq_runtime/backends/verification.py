"""A model file checked on the device where it stands, against what the oracle made of its vector."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.errors import ModelFileError


@np.errstate(over="ignore", invalid="ignore")  # what is too large for float32 must fail, and does
def deviations(session: Session) -> dict[str, float]:
    """Return the worst deviation, as a share of what is allowed, of the forecasts in steps and in one chunk.

    And of the states that both leave behind, where the file says what these should be. Raises `ModelFileError` for a
    file that carries no verification vector.
    """
    vector = session.spec.verification
    if vector is None:
        raise ModelFileError("the model file carries no verification vector")
    spec = session.spec
    x = np.array(vector.x, np.float32)
    expected = np.array(vector.y).reshape(len(x), spec.horizon, len(spec.targets))
    # One unit in the last place is what float32 cannot tell.
    allowed = np.array(vector.tolerance) + np.spacing(np.abs(expected).astype(np.float32))
    forecasts, states_left = {}, []
    for way in ("in steps", "in a chunk"):
        engine = session.engine()  # fresh: where there are several sensors, the typical one's
        y = engine.run_by_steps(x) if way == "in steps" else engine.run(x)
        forecasts[way] = y.reshape(expected.shape)
        states_left.append({name: np.array(value) for name, value in engine.states().items()})
    # numpy's maximum is NaN where a forecast is, and NaN passes no comparison.
    worst = {way: float(np.max(np.abs(y - expected) / allowed)) for way, y in forecasts.items()}
    shares = [
        abs(state_checksum(states[name]) - number) / (most + np.spacing(np.float32(abs(number))))
        for states in states_left
        for name, (number, most) in vector.states.items()
    ]
    return worst | ({"states": float(np.max(shares))} if shares else {})


def state_checksum(state: npt.ArrayLike) -> float:
    """Return a state as one number that hardly any error leaves as it is: the sum of its numbers times cos 1, ..."""
    numbers = np.asarray(state, np.float64).reshape(-1)
    return float(numbers @ np.cos(np.arange(1, numbers.size + 1)))


def passed(worst: Mapping[str, float]) -> bool:
    """Whether all of `deviations` are within what is allowed; one that is NaN is not."""
    return all(deviation <= 1 for deviation in worst.values())
