"""What the starter's model file says of itself, before its errors on made-up series are known."""

import math
from dataclasses import replace

from edgeseq.model import architecture, running_scale
from edgeseq_runtime.spec import FORMAT, RUNNING, STEP, Feature, Spec

LARGEST = 9e17
"""The largest sample that it takes."""

GAP_LIMIT = 8
"""Missing samples in a row that it fills in."""

HIDDEN, LAYERS = 64, 2


def spec(horizon: int = running_scale.KNOTS[-1]) -> Spec:
    """Return the spec of the starter for a horizon; all sizes are in multiples of the stream's scale."""
    value = Feature(
        name="value",
        unit="",
        mean=0.0,
        std=1.0,
        change=1.0,
        minimum=-LARGEST,
        maximum=LARGEST,
        level=False,
        center=0.0,
        scale=1.0,
    )
    made = Spec(
        series="starter",
        features=(value,),
        targets=(value.name,),
        horizon=horizon,
        target_scales=tuple((math.sqrt(ahead),) for ahead in range(1, horizon + 1)),
        warmup=1,
        gap_limit=GAP_LIMIT,
        cell="lstm",
        layers=LAYERS,
        hidden=HIDDEN,
        form=STEP,
        scaling=RUNNING,
        adapt=True,
        format=FORMAT,
    )
    return replace(made, states=architecture.states(made))
