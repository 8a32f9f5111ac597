"""What the C of anomalies is written from: the constants and the fresh row of the reference in NumPy."""

from typing import Any

import numpy as np

from edgeseq_runtime.anomalies import event, first, kinds, ladder, scores
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.spec import Spec

_MEANINGS = {
    "spike": "a sample unlike those before",
    "break": "a level that has shifted",
    "drift": "errors that add up slowly",
    "stuck": "the same value again and again",
    "noise": "noise that has grown, or fallen silent",
}


def values(spec: Spec) -> dict[str, Any]:
    """Return what the templates ask for; of a model without residual quantiles, no detector."""
    try:
        near, far = first.first_sizes(spec)
    except DataError:
        return {"detector": None}
    layout = Layout.of(spec)
    fresh = first.first_row(spec, layout)
    detector = {
        "layout": layout,
        "fresh": np.nan_to_num(fresh),
        "unknown": np.flatnonzero(np.isnan(fresh)).tolist(),
        "steps": min(spec.horizon, kinds.STEPS),
        "meanings": {word: _MEANINGS[word] for word in kinds.WORDS},
        "kinds": [kind.name for kind in layout.kinds],
        "codes": [kinds.WORDS.index(kind.word) + 1 for kind in layout.kinds],
        "priors": [kind.prior for kind in layout.kinds],
        "rates": [kind.rate for kind in layout.kinds],
        "trained": [kind.trained for kind in layout.kinds],
        "weights": [kind.weight for kind in layout.kinds],
        "rungs": ladder.RUNGS,
        "worth_below": ladder.BELOW,
        "worth": ladder.WORTH,
        "last_up": ladder.LAST_UP,
        "last_down": ladder.LAST_DOWN,
        "trusted_beyond": ladder.TRUSTED_BEYOND,
        "least_gap": ladder.LEAST_GAP,
        "most_bits": ladder.MOST_BITS,
        "most_score": ladder.MOST_SCORE,
        "clip": kinds.CLIP,
        "sum_clip": kinds.SUM_CLIP,
        "allowance": kinds.ALLOWANCE,
        "most_sum": kinds.MOST_SUM,
        "of_slow": kinds.SLOW,
        "of_spread": kinds.SPREAD,
        "of_values": kinds.VALUES,
        "value_clip": kinds.VALUE_CLIP,
        "least_values": kinds.LEAST_VALUES,
        "forgetting": kinds.FORGETTING,
        "first_counts": kinds.FIRST_COUNTS,
        "level_forgetting": kinds.LEVEL_FORGETTING,
        "most_of_size": kinds.MOST_OF_SIZE,
        "least": kinds.LEAST_OF_SIZE * near,
        "least_far": kinds.LEAST_OF_SIZE * far,
        "least_spread": scores.LEAST_SPREAD,
        "largest": scores.LARGEST,
        "begins": event.BEGINS,
        "surprising": event.SURPRISING,
        "certain": event.CERTAIN,
        "ends": event.ENDS,
        "teaches": event.TEACHES,
        "lasts": event.LASTS,
        "pause": event.PAUSE,
        "most_counted": event.MOST_COUNTED,
    }
    return {"detector": detector}
