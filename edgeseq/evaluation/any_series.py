"""A model for any sensor on a series: what a training would have found of that, errors are told by."""

from dataclasses import replace

from edgeseq.model.scaling import describe
from edgeseq.series import Parts, Series
from edgeseq.series.analysis import season_length
from edgeseq.series.gaps import fill
from edgeseq_runtime.spec import Spec


def spec_for(spec: Spec, series: Series, parts: Parts) -> Spec:
    """Return a spec with the name, the statistics and the season of a series, where a model knows no series itself.

    They are those of its training part, as a training would have found them.
    """
    if not spec.takes_any:
        return spec
    train = fill(parts.train, spec.gap_limit)
    season = season_length(train) if train.segments else None
    (feature, *_) = describe(series, parts.train, train, [False] * len(series.columns))
    return replace(
        spec,
        series=series.name,
        features=(replace(feature, change=feature.change or 1.0),),
        targets=(feature.name,),
        season=season,
        period=series.period,
    )


def notes(spec: Spec, told: Spec) -> list[str]:
    """Return a line that says of what the statistics are; none where they are the model's own."""
    if not spec.takes_any:
        return []
    season = f"its season, {told.season} samples" if told.season else "it has no season"
    return [f"the model knows no series: errors are standardised by the training part of {told.series}; {season}"]
