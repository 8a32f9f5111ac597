"""From a network for any sensor and a series to a checkpoint: what is little history enough for, decided by validation.

The network keeps its running scale, so that the result streams as the starter does; what it knows of the series (name,
unit, period, figures) stands in its spec as in any other.
"""

import hashlib
import json
import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from edgeseq.evaluation.learning import FITTED, NOTHING
from edgeseq.evaluation.metrics import short
from edgeseq.model import architecture, scaling
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.shorter import shorter
from edgeseq.series import Parts, Series, analysis
from edgeseq.series.gaps import Filled, fill
from edgeseq.starter.little_history import ALL, HEAD, KINDS, Candidate, Fitting, choose
from edgeseq.starter.network import Network
from edgeseq.text import number
from edgeseq.training import adapting, checks, linear_history
from edgeseq.training.carried import carried_part, without_unscorable_test
from edgeseq.training.fine_tuning import Pretrained
from edgeseq.training.options import AUTO, OFF, TrainingOptions
from edgeseq.training.plan import time_of, told_parts, told_season
from edgeseq_runtime import __version__
from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.model_file.source import STARTER
from edgeseq_runtime.printable import listed
from edgeseq_runtime.spec import Spec, Training

FROM = "from"
"""The name in `training.options` of the digest of the model gone on from."""

LINEAR = "linear"
"""What was fitted where that is no network: a linear regression in its place."""

PENALTY = "head_penalty"
"""The same of the last layer's ridge penalty."""

ERROR_OF = "validation_"
"""Begins the names of the standardised squared errors over the validation part, of each kind of fitting."""

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
    series: Series
    digest: str
    """Of the model gone on from."""
    notes: tuple[str, ...]
    """What was found in the data and decided from it, for the user to read."""


def adopt(source: Pretrained, options: TrainingOptions, named: Collection[str]) -> TrainingOptions:
    """Return options with what the model itself decides, but for what the user has `named`.

    A model that was fitted to a series has a horizon; the starter's is as far as it may go, and no choice. Raises
    `UsageError` for an option that would make it another network.
    """
    useless = [_OF_THE_NETWORK[name] for name in _OF_THE_NETWORK if name in named]
    if useless:
        raise UsageError(f"{useless[0]} is decided: {source.name} is a network for any sensor, and stays as it is")
    own: dict[str, Any] = {"gap_limit": source.spec.gap_limit}
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
    try:
        checks.check_samples(series, parts, train, options.horizon)
    except DataError as error:
        raise DataError(f"{error}; edgeseq predict {STARTER} needs no training") from error
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
    notes = (
        *told_parts(series, parts, spec),
        told_season(spec),
        f"begins with {source.name}, a network for any sensor",
    )
    return StarterPlan(replace(cut, spec=spec), train, series, source.digest, notes)


def start(plan: StarterPlan, parts: Parts, options: TrainingOptions) -> Fitting:
    """Return the fitting of a plan, at its first step."""
    torch.set_num_threads(1)  # so small a network is slower on more
    torch.use_deterministic_algorithms(mode=True)
    network = Network(plan.checkpoint.spec.horizon)
    network.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in plan.checkpoint.weights.items()}
    )
    return Fitting(
        network,
        plan.train,
        parts.validation,
        gap_limit=plan.checkpoint.spec.gap_limit,
        steps=options.steps,
        rate=options.learning_rate,
    )


def finish(plan: StarterPlan, fitting: Fitting, parts: Parts, options: TrainingOptions) -> Checkpoint:
    """Return the checkpoint of what the validation part chose, not yet judged."""
    spec = plan.checkpoint.spec
    candidates = fitting.candidates
    made = {kind: with_weights(plan.checkpoint, found) for kind, found in candidates.items()}
    squares = {kind: linear_history.squares(one, parts.validation) for kind, one in made.items()}
    known = np.isfinite(list(squares.values())).all(axis=0)
    kind = choose({kind: found[known] for kind, found in squares.items()}, spec.horizon)
    if fitting.tells and linear_history.is_clearly_better(plan.series, parts, options, made[NOTHING]):
        regression = linear_history.fitted(plan.series, parts, options)
        if regression:
            made[LINEAR], squares[LINEAR] = regression, linear_history.squares(regression, parts.validation)
            kind = min((kind, LINEAR), key=lambda one: _mean(squares[one]))
    variance = spec.target_features[0].std ** 2
    errors = {of: short(_mean(found) / variance) for of, found in squares.items()}
    noted: dict[str, float | str] = {FROM: plan.digest, FITTED: kind, "learning_rate": fitting.rate}
    step, penalty = (candidates[kind].step, candidates[kind].penalty) if kind in candidates else (0, None)
    if penalty is not None:
        noted[PENALTY] = penalty
    if options.adapt != AUTO:
        noted[adapting.WANTED] = options.adapt
    noted |= {f"{ERROR_OF}{of}": error for of, error in errors.items()}
    training = Training(
        preset="starter",
        seed=0,
        steps=fitting.steps,
        best_step=step,
        validation_mse=errors[kind],
        device="cpu",
        run=_run(plan, fitting),
        options=noted,
    )
    chosen = replace(made[kind].spec, training=training, producer=spec.producer)
    carried = carried_part(parts.validation), carried_part(parts.test)
    return without_unscorable_test(Checkpoint(chosen, made[kind].weights, *carried))


def _mean(squares: Float64) -> float:
    """Return the mean of squared errors (origin,), of those that are known; infinite where none is."""
    known = squares[np.isfinite(squares)]
    return float(known.mean()) if len(known) else math.inf


def with_weights(checkpoint: Checkpoint, candidate: Candidate) -> Checkpoint:
    """Return the checkpoint with the weights of a candidate."""
    weights = {name: value.detach().numpy() for name, value in candidate.network.state_dict().items()}
    return replace(checkpoint, weights=weights)


def decision(spec: Spec) -> str:
    """Return in words what was fitted, and by which errors over the validation part; empty for another training."""
    noted = spec.training.options if spec.training else {}
    if FITTED not in noted:
        return ""
    kind = str(noted[FITTED])
    words = {
        NOTHING: "nothing: the network stays as it is",
        HEAD: "the last layer",
        ALL: "all weights",
        LINEAR: f"no network: a linear regression on the last {spec.linear_path} changes",
    }[kind]
    errors = [(of, noted.get(f"{ERROR_OF}{of}")) for of in (*KINDS, LINEAR)]
    known = [(of, float(error)) for of, error in errors if error is not None]
    if len(known) == 1:
        return f"fitted: {words}; the series is too short to choose anything else by"
    figures = ", ".join(f"{number(error)} ({of})" for of, error in known)
    return f"fitted: {words}; MSE over the validation part, by what is fitted: {figures} (standardised)"


def _run(plan: StarterPlan, fitting: Fitting) -> str:
    """Return the digest of all that decides where the fitting ends."""
    spec = plan.checkpoint.spec
    decides = [plan.digest, spec.data_sha256, spec.horizon, spec.gap_limit, fitting.steps, fitting.rate, spec.split]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]


def _check_columns(series: Series, source: Pretrained) -> None:
    """Refuse what a network for any sensor does not see."""
    targets = listed(series.columns[: series.targets])
    if series.sensors:
        raise UsageError(f"{source.name} is fitted to one sensor, got {len(series.sensors)}: give one at a time")
    if series.targets > 1:
        raise UsageError(f"{source.name} forecasts one column, got {targets}: choose one with --target")
    others = listed(series.columns[1:])
    if others:
        raise UsageError(f"{source.name} sees its target only, {targets}: leave out {others}")
