"""What the C of adaptation is written from, and what it is compared with: the reference in NumPy."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.model import running_scale
from edgeseq_runtime.adaptation import adaptation, correction, experts, gate
from edgeseq_runtime.adaptation.layout import CHANGES, Layout
from edgeseq_runtime.adaptation.of_model import adaptation_of
from edgeseq_runtime.adaptation.seasonal import blend, recent, season
from edgeseq_runtime.adaptation.seasonal import layout as seasonal
from edgeseq_runtime.adaptation.seasonal.layout import PRIOR
from edgeseq_runtime.adaptation.seasonal.layout import Layout as SeasonalLayout
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.spec import RUNNING, Spec


def values(spec: Spec) -> dict[str, Any]:
    """Return what the templates ask for; of a model that cannot adapt, no layout."""
    try:
        units = adaptation.typical_changes(spec)
    except UsageError:
        return {"layout": None}
    if spec.scaling == RUNNING:
        layout = SeasonalLayout(spec.horizon)
        unsure = float(blend.UNSURE * np.float32(seasonal.BLENDED))
        shared = _shared(layout.knots, layout.between.T, PRIOR, unsure)
        return shared | _seasonal(layout, units[0]) | {"unsure": blend.UNSURE}
    ordinary = Layout.of(spec)
    unsure = float(correction.UNSURE * np.float32(ordinary.features))
    return _shared(ordinary.knots, ordinary.between, ordinary.prior, unsure) | {
        "layout": ordinary,
        "unsure": correction.UNSURE,
        "changes": CHANGES,
        "units": units,
        "units_of_changes": [feature.change for feature in spec.target_features],
    }


def _shared(knots: Sequence[int], between: Float32, prior: Sequence[float], unsure: float) -> dict[str, Any]:
    """Return what all adaptation asks for; `between` (step, knot) is what each knot counts at each step ahead.

    `unsure` is the trace of a covariance at first.
    """
    steps = np.arange(1, len(between) + 1)
    before = np.clip(np.searchsorted(knots, steps, side="right") - 1, 0, max(len(knots) - 2, 0))
    after = np.minimum(before + 1, len(knots) - 1)
    patience = np.maximum(-np.log(prior), experts.PATIENCE)
    return {
        "first_slots": list(accumulate(knots[:-1], initial=0)),
        "before": before,
        "nearness": between[steps - 1, after] * (after > before),
        "prior": np.tile(np.array(prior, np.float32), len(knots)),
        "patience": np.tile(experts.RATE * np.sqrt(patience).astype(np.float32), len(knots)),
        "rate": experts.RATE,
        "least": experts.LEAST,
        "reach": experts.FAR,
        "clip": correction.CLIP,
        "forgetting": correction.FORGETTING,
        "most_trace": correction.MOST * np.float32(unsure),
        "memory": gate.MEMORY,
        "worst": gate.WORST,
        "margin": gate.MARGIN,
    }


def _seasonal(layout: SeasonalLayout, growth: Float32) -> dict[str, Any]:
    """Return what the C of seasonal adaptation asks for besides; `growth` (step,) is in multiples of the scale."""
    places = np.array([*range(seasonal.FINE + 1), *seasonal.COARSE])
    return {
        "layout": layout,
        "growth": growth,
        "prior_of_one": PRIOR,
        "experts": seasonal.EXPERTS,
        "blended": seasonal.BLENDED,
        "kept_values": seasonal.VALUES,
        "lags": seasonal.LAGS,
        "groups": seasonal.GROUPS,
        "longest": seasonal.LONGEST,
        "places": places.tolist(),
        "spans": np.sqrt(np.diff(places)),
        "apart": season.APART,
        "season_memory": season.MEMORY,
        "largest_difference": season.LARGEST,
        "least_compared": season.LEAST_COMPARED,
        "clearly": season.CLEARLY,
        "no_longer": season.NO_LONGER,
        "shortest": season.SHORTEST,
        "blend_clip": blend.CLIP,
        "season_oldest": season.OLDEST,
        "season_least": 1e-30,
        "recent_unsure": recent.UNSURE,
        "recent_most": correction.MOST * recent.UNSURE * np.float32(layout.recent),
        "recent_largest": recent.LARGEST,
    }


def adapted(
    spec: Spec, samples: npt.NDArray[np.float32], forecasts: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return what the reference makes of the network's forecasts (time, output) after whole samples (time, feature).

    Of the typical sensor, from a fresh start.
    """
    first = counted_from(spec, samples)
    made = np.asarray(forecasts - first, np.float32).reshape(len(forecasts), spec.horizon, -1)
    stream, one = adaptation_of(spec, 1), slice(0, 1)
    targets = np.asarray(samples, np.float32)[:, : len(spec.targets)] - first
    scales = running_scale.scales(targets[:, 0].astype(np.float64)) if spec.scaling == RUNNING else None
    for at, truth in enumerate(targets):
        if scales is not None:
            stream.set_gain(0, scales[at : at + 1])
        stream.update(one, truth[None], truth[None], made[at : at + 1], np.array([at + 1 >= spec.warmup]))
    return first + made.reshape(len(made), -1)


def counted_from(spec: Spec, samples: npt.NDArray[np.float32]) -> np.float32:
    """Return what samples (time, feature) are counted from: the first one, where the scale runs along."""
    return np.float32(samples[0, 0] if spec.scaling == RUNNING else 0)
