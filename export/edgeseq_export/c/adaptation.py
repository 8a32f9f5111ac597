"""What the C of adaptation is written from: the layout of a stream's row, and the numbers that it learns with."""

import math
from itertools import accumulate
from typing import Any

import numpy as np

from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.spec import CHANGE, Spec


def values(spec: Spec) -> dict[str, Any]:
    """Return what the templates ask for."""
    layout = Layout.of(spec)
    knots = np.array(layout.knots)
    steps = np.arange(1, spec.horizon + 1)
    before = np.clip(np.searchsorted(knots, steps, side="right") - 1, 0, max(len(knots) - 2, 0))
    after = np.minimum(before + 1, len(knots) - 1)
    nearness = layout.between[steps - 1, after] if len(knots) > 1 else np.zeros(1, np.float32)
    if spec.predicts == CHANGE:
        units = np.array(spec.target_scales, np.float32).T
    else:
        units = np.array([feature.change for feature in spec.target_features])[:, None] * np.sqrt(steps)
    return {
        "layout": layout,
        "changes": CHANGES,
        "first_slots": list(accumulate(layout.knots[:-1], initial=0)),
        "units": units.astype(np.float32),
        "units_of_changes": [feature.change for feature in spec.target_features],
        "before": before,
        "nearness": nearness.astype(np.float32),
        "trust": [0.5 * math.sqrt(max(-math.log(prior), 0.1)) for prior in layout.prior],
        "clip": 6.0,
        "reach": 50.0,
        "worst": 64.0,
        "memory": 0.999,
        "gate": 2.0,
        "forgetting": 0.9997,
        "first_variance": 0.003,
        "most_trace": 100 * 0.003 * layout.features,
    }
