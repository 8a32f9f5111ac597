"""What the C of adaptation is written from: the layout of a stream's row, and the numbers that it learns with."""

from itertools import accumulate
from typing import Any

import numpy as np

from edgeseq_runtime.adaptation import adaptation, correction, experts
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import Spec


def values(spec: Spec) -> dict[str, Any]:
    """Return what the templates ask for; of a model that cannot adapt, no layout."""
    try:
        units = adaptation.typical_changes(spec)
    except UsageError:
        return {"layout": None}
    layout = Layout.of(spec)
    knots, steps = np.array(layout.knots), np.arange(1, spec.horizon + 1)
    before = np.clip(np.searchsorted(knots, steps, side="right") - 1, 0, max(len(knots) - 2, 0))
    after = np.minimum(before + 1, len(knots) - 1)
    patience = np.maximum(-np.log(layout.prior), experts.PATIENCE)
    return {
        "layout": layout,
        "changes": CHANGES,
        "first_slots": list(accumulate(layout.knots[:-1], initial=0)),
        "units": units,
        "units_of_changes": [feature.change for feature in spec.target_features],
        "before": before,
        "nearness": layout.between[steps - 1, after] * (after > before),
        "trust": experts.RATE * np.sqrt(patience),
        "rate": experts.RATE,
        "least": experts.LEAST,
        "reach": experts.FAR,
        "clip": correction.CLIP,
        "forgetting": correction.FORGETTING,
        "unsure": correction.UNSURE,
        "most_trace": correction.MOST * correction.UNSURE * np.float32(layout.features),
        "memory": adaptation.MEMORY,
        "worst": adaptation.WORST,
        "margin": adaptation.MARGIN,
    }
