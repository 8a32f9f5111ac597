"""From a network for any sensor and a series to a checkpoint: what is little history enough for, decided by validation.

The network keeps its running scale, so that the result streams as the starter does; what it knows of the series (name,
unit, period, figures) stands in its spec as in any other.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from edgeseq.model import architecture, running_scale, scaling
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.shorter import shorter
from edgeseq.series import Parts, Series
from edgeseq.series.gaps import Filled, fill
from edgeseq.starter.little_history import KINDS, NOTHING, Chosen, Fitting
from edgeseq.starter.network import Network
from edgeseq.text import number
from edgeseq.training import analysis, checks
from edgeseq.training.fine_tuning import Pretrained
from edgeseq.training.options import OFF, TrainingOptions
from edgeseq.training.plan import time_of, told_parts, told_season
from edgeseq_runtime import __version__
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.printable import listed
from edgeseq_runtime.spec import RUNNING, Spec, Training

FITTED = "fitted"
"""The name in `training.options` of what was fitted, one of `little_history.KINDS`."""

PENALTY = "head_penalty"
"""The same of the last layer's ridge penalty."""

_OF_THE_NETWORK = {
    "preset": "--preset",
    "cell": "--cell",
    "layers": "--layers",
    "hidden": "--hidden",
    "warmup": "--warmup",
    "level": "--level",
    "linear_path": "--linear-path",
    "layout": "--layout",
    "window": "--window",
    "unroll": "--unroll",
}
"""Options that say what a network for any sensor has decided already."""


@dataclass(frozen=True)
class StarterPlan:
    """What is to be fitted."""

    checkpoint: Checkpoint
    """The network as it was, with the spec of what comes of it."""
    train: Filled
    adapt: str
    """As chosen; auto is as the network was made for."""
    digest: str
    """Of the model gone on from."""
    notes: tuple[str, ...]
    """What was found in the data and decided from it, for the user to read."""


def is_for_any_sensor(source: Pretrained) -> bool:
    """Whether a model's scale runs along with the stream: then it is fitted as this module does."""
    return source.spec.scaling == RUNNING


def adopt(source: Pretrained, options: TrainingOptions, named: Collection[str]) -> TrainingOptions:
    """Return options with what the model itself decides, but for what the user has `named`.

    A model that was fitted to a series has a horizon; the starter's is as far as it may go, and no choice. Raises
    `UsageError` for an option that would make it another network.
    """
    useless = [_OF_THE_NETWORK[name] for name in _OF_THE_NETWORK if name in named]
    if useless:
        raise UsageError(f"{useless[0]} is decided: {source.name} is a network for any sensor, and stays as it is")
    own = {"gap_limit": source.spec.gap_limit}
    if source.spec.data_sha256:
        own["horizon"] = source.spec.horizon
    return replace(options, **{name: value for name, value in own.items() if name not in named})


def plan(series: Series, parts: Parts, options: TrainingOptions, source: Pretrained) -> StarterPlan:
    """Analyse the training part and write the spec.

    Raises `UsageError` for options and columns that such a network does not have, and `DataError` for a series that
    cannot be learned from.
    """
    _check_columns(series, source)
    checks.check_options(options, source.spec.layout)
    cut = shorter(Checkpoint(source.spec, source.weights), options.horizon)
    checks.check_values(series, parts)
    train = fill(parts.train, options.gap_limit)
    checks.check_samples(series, parts, train, options.horizon)
    checks.check_change(series, parts, train)
    checks.check_season(series, train, options.season)
    (described,) = scaling.describe(series, parts.train, train, [False])
    # The network sees no unit: all sizes of its spec are in multiples of the running scale.
    feature = replace(described, change=1.0, center=0.0, scale=1.0)
    spec = replace(
        cut.spec,
        series=series.name,
        features=(feature,),
        targets=(feature.name,),
        gap_limit=options.gap_limit,
        time=series.time,
        reading=series.reading,
        period=series.period,
        season=options.season or analysis.season_length(train),
        split=parts.split,
        data_sha256=hashlib.sha256(np.ascontiguousarray(parts.train, "<f4").tobytes()).hexdigest(),
        producer={"edgeseq": __version__, "torch": torch.__version__},
        quantize="none",
        figures=None,
        verification=None,
        sha256="",
        signature="",
        adapt=options.adapt != OFF,
        first_time=time_of(series, 0),
        last_time=time_of(series, len(parts.train) - 1),
    )
    spec = replace(spec, states=architecture.states(spec))
    notes = (*told_parts(series, parts, spec), told_season(spec), f"begins with {source.name}, a network for any sensor")
    return StarterPlan(replace(cut, spec=spec), train, options.adapt, source.digest, notes)


def start(plan: StarterPlan, parts: Parts, options: TrainingOptions) -> Fitting:
    """Return the fitting of a plan, at its first step."""
    torch.set_num_threads(1)  # so small a network is slower on more
    torch.use_deterministic_algorithms(mode=True)
    network = Network(plan.checkpoint.spec.horizon)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in plan.checkpoint.weights.items()})
    return Fitting(
        network,
        plan.train,
        parts.validation,
        gap_limit=plan.checkpoint.spec.gap_limit,
        steps=options.steps,
        rate=options.learning_rate,
    )
