"""A model file checked on the device where it stands, against the forecasts that the oracle made of its vector."""

from collections.abc import Mapping

import numpy as np

from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.sensors import Scale
from edgeseq_runtime.session import Session


@np.errstate(over="ignore", invalid="ignore")  # what is too large for float32 must fail, and does
def deviations(session: Session) -> dict[str, float]:
    """Return the worst deviation of the forecasts, in steps and in one chunk, as a share of what is allowed.

    Raises `ModelFileError` for a file that carries no verification vector.
    """
    vector = session.spec.verification
    if vector is None:
        raise ModelFileError("the model file carries no verification vector")
    spec = session.spec
    x = np.array(vector.x, np.float32)
    wanted = np.array(vector.y).reshape(len(x), spec.horizon, len(spec.targets))
    # One unit in the last place is what float32 cannot tell.
    allowed = np.array(vector.tolerance) + np.spacing(np.abs(wanted).astype(np.float32))
    predictor = Predictor(session, sensor=Scale.neutral(spec) if spec.sensors else None)
    stepped = np.stack([predictor.step(row) for row in x])
    predictor.reset()
    found = {"in steps": stepped, "in a chunk": predictor.run(x)}
    # numpy's maximum is NaN where a forecast is, and NaN passes no comparison.
    return {way: float(np.max(np.abs(y - wanted) / allowed)) for way, y in found.items()}


def passed(found: Mapping[str, float]) -> bool:
    """Whether all of `deviations` are within what is allowed; one that is NaN is not."""
    return all(deviation <= 1 for deviation in found.values())
