"""Forecasts further ahead than a model's horizon: its own are fed to the network, a horizon at a time."""

import numpy as np

from edgeseq_runtime.arrays import Forecasts
from edgeseq_runtime.backends.base import OneStream, Session
from edgeseq_runtime.judgement.judgement import Judgement


def forecasts_far_ahead(judgement: Judgement, session: Session, steps: int) -> Forecasts:
    """Return the next `steps` samples of each target, (steps, target), of the only stream, which stays where it is.

    Features that are no targets keep their last value; those of the time, and columns known ahead, go on.
    """
    assert isinstance(judgement.engine, OneStream), "one row"
    spec, engine, clocks = judgement.spec, judgement.engine.engine, judgement.clocks
    horizon, features, targets = spec.horizon, len(spec.features), len(spec.targets)
    parts, states = [engine.y.reshape(horizon, targets).copy()], engine.states()
    while len(parts) * horizon < steps:
        x = np.repeat(engine.x, horizon, axis=0)
        x[:, 0, :targets] = parts[-1]
        begun = (len(parts) - 1) * horizon
        if clocks.features:
            ahead = clocks.features_at(clocks.next_times(0, begun + horizon)[begun:])
            x[:, 0, features - len(clocks.features) : features] = ahead
        if judgement.known:
            passed = np.arange(begun + 1, begun + horizon + 1)
            x[:, 0, features:] = judgement.known.ahead_of(engine.x.reshape(-1), passed)
        y, states = session.advance(x, states)
        parts.append(y[-1].reshape(horizon, targets))
    said: Forecasts = judgement.in_own_numbers(slice(0, 1), np.concatenate(parts)[None, :steps])[0]
    return said
