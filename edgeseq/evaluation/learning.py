"""Streams that go on learning, as on a device, from the first rows on that training has not seen.

The forecasts are those of the same model file, streamed once more with adaptation. What a stream has learned before a
row is all that a device would have learned that began with the validation part, or `MOST_LEARNED` samples before the
test part: so many precede the part in a checkpoint, by which an export measures the same. A model for any sensor, of
which nothing was fitted to the series, was trained on none of the rows, so that all of them teach.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np

from edgeseq.evaluation.metrics import Forecasts
from edgeseq.evaluation.samples import Samples
from edgeseq.series import Part
from edgeseq.series.series import Values
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import Spec

AS_THEY_COME = replace(AS_THEY_ARE, margin=1e6)
"""As the static forecasts are made: samples are taken as they are. None is out of range, which would teach nothing: a
device learns from those that others have confirmed."""

MOST_LEARNED = 5_000
"""Samples that a stream learns from, at most, before those that are to be forecast."""


FITTED, NOTHING = "fitted", "nothing"
"""The name in `training.options` of what of a model for any sensor was fitted to the series, and what it is where
nothing was."""


@dataclass(frozen=True)
class Learner:
    """One stream within the rows of a series."""

    begin: int
    """Its first row."""
    learns: int
    """The first row that teaches it."""
    stop: int


def is_unfitted(spec: Spec) -> bool:
    """Whether training has seen none of the rows of the series: of a model for any sensor, its weights unchanged."""
    noted = spec.training.options if spec.training else {}
    return spec.takes_any or noted.get(FITTED) == NOTHING


def learners(part: Part, earlier: Part | None = None, *, all_new: bool = False) -> list[Learner]:
    """Return the streams of a part, one for each sensor, which begin to learn with an earlier part; else with this.

    Where training has seen none of the rows (`all_new`), those before the earlier part teach as well.
    """
    unseen = [min(stop - start, MOST_LEARNED) for start, stop in earlier.stretches] if earlier else []
    if all_new:
        unseen = [MOST_LEARNED] * len(part.stretches)
    begins = [0, *(stop for _, stop in part.stretches)]
    each = zip(begins, part.stretches, chain(unseen, repeat(0)), strict=False)
    return [Learner(begin, max(begin, start - rows), stop) for begin, (start, stop), rows in each]


def adapted_forecasts(predictor: Predictor, values: Values, streams: Sequence[Learner]) -> Forecasts:
    """Return forecasts (time, horizon, target) of all rows: as trained up to where a stream begins to learn.

    `predictor` is one without adaptation; it is left at the end of some row. Raises `UsageError` for a model that
    cannot adapt.
    """
    spec = predictor.spec
    learner = Predictor(predictor.session, rules=AS_THEY_COME, adapt=True)
    samples = Samples(spec, values)
    forecasts = np.full((len(values), spec.horizon, len(spec.targets)), np.nan)
    for stream in streams:
        predictor.reset()
        forecasts[stream.begin : stream.learns] = samples.run(predictor, stream.begin, stream.learns)
        learner.load(predictor.state())  # which has learned nothing
        forecasts[stream.learns : stream.stop] = samples.run(learner, stream.learns, stream.stop)
    return forecasts
