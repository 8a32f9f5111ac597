"""What the C of adaptation is written from, and what it is compared with: the reference in NumPy."""

from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.adaptation import adaptation, correction, experts, gate
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
        "prior": np.tile(np.array(layout.prior, np.float32), len(knots)),
        "patience": np.tile(experts.RATE * np.sqrt(patience).astype(np.float32), len(knots)),
        "rate": experts.RATE,
        "least": experts.LEAST,
        "reach": experts.FAR,
        "clip": correction.CLIP,
        "forgetting": correction.FORGETTING,
        "unsure": correction.UNSURE,
        "most_trace": correction.MOST * correction.UNSURE * np.float32(layout.features),
        "memory": gate.MEMORY,
        "worst": gate.WORST,
        "margin": gate.MARGIN,
    }


def adapted(
    spec: Spec, samples: npt.NDArray[np.float32], forecasts: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return what the reference makes of the network's forecasts (time, output) after whole samples (time, feature).

    Of the typical sensor, from a fresh start.
    """
    made = np.array(forecasts, np.float32).reshape(len(forecasts), spec.horizon, -1)
    stream, one = adaptation.Adaptation(spec, 1), slice(0, 1)
    targets = np.asarray(samples, np.float32)[:, : len(spec.targets)]
    for at, truth in enumerate(targets):
        stream.update(one, truth[None], truth[None], made[at : at + 1], np.array([at + 1 >= spec.warmup]))
    return made.reshape(len(made), -1)
