"""From a series to a checkpoint: plan, train, blend in a linear path, decide on adaptation, evaluate the model file."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import numpy as np
import torch

import edgeseq_export
from edgeseq.evaluation.baselines import untrained
from edgeseq.evaluation.evaluate import (
    Evaluation,
    evaluate_test_part,
    residual_quantiles,
    typical_predictor,
)
from edgeseq.evaluation.surprises import learned_anomalies
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts, Series
from edgeseq.training import adapting, autoregressive, from_starter, imputing
from edgeseq.training import plan as planning
from edgeseq.training.carried import carried_part, is_short, without_unscorable_test
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.fine_tuning import Pretrained
from edgeseq.training.options import AUTO, TrainingKeywords, TrainingOptions
from edgeseq.training.phases import Say, silent
from edgeseq.training.plan import Plan
from edgeseq.training.thinning import thinned
from edgeseq.training.trainer import Trainer
from edgeseq.training.warmup import measure_warmup
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.files import AnyPath
from edgeseq_runtime.spec import RUNNING, Spec, Training

LARGEST_SEED = 2**64 - 1
"""The largest that torch takes."""


@dataclass(frozen=True)
class Fitted:
    """A trained checkpoint, and how it does over the test part."""

    checkpoint: Checkpoint
    evaluation: Evaluation


def fit(
    series: Series,
    parts: Parts,
    *,
    seed: int = 0,
    device: str = "auto",
    begin: Checkpoint | AnyPath | None = None,
    **options: Unpack[TrainingKeywords],
) -> Checkpoint:
    """Train a network on a series and return its checkpoint.

    `series` and `parts` are what `load` returns. The further arguments are what `edgeseq train` takes as options:
    preset, horizon, cell, layers, hidden, steps, warmup, season, level, linear_path, layout, window, learning_rate,
    unroll, gap_limit, adapt; their defaults are those of `TrainingOptions`. `begin` is a checkpoint, or the path of one
    or of a float model file, whose weights the training begins with; what is not given is then as in that model. With
    "starter" it is the network for any sensor, of which the validation part decides what is fitted.
    Raises `UsageError` for options that do not go together and `DataError` for a series that cannot be learned from.
    Where the test part cannot be scored, the checkpoint's spec has no figures.
    """
    chosen, source = TrainingOptions(**options), None
    if begin is not None:
        source = Pretrained.of(begin) if isinstance(begin, Checkpoint) else Pretrained.read(begin)
        if source.spec.scaling == RUNNING:
            return _fit_to_history(series, parts, source, from_starter.adopt(source, chosen, options))
        chosen = source.adopt(chosen, options)
    plan = planning.plan(series, parts, chosen, source)
    with torch_as_before(), tempfile.TemporaryDirectory() as folder:
        trainer = start(plan, parts, seed=seed, device=device)
        trainer.run(lambda *_: None, lambda: False, Path(folder, "run"))
        checkpoint = finish(plan, trainer, parts)
    return _judged(checkpoint, parts)


def _fit_to_history(series: Series, parts: Parts, source: Pretrained, options: TrainingOptions) -> Checkpoint:
    """Return a network for any sensor, fitted to a series as far as the validation part says that it pays."""
    plan = from_starter.plan(series, parts, options, source)
    with torch_as_before():
        fitting = from_starter.start(plan, parts, options)
        fitting.run(lambda *_: None, lambda: False)
        checkpoint = from_starter.finish(plan, fitting, parts, options)
    return _judged(checkpoint, parts)


def _judged(checkpoint: Checkpoint, parts: Parts) -> Checkpoint:
    with contextlib.suppress(DataError):
        return judge(checkpoint, parts).checkpoint
    return checkpoint


@contextlib.contextmanager
def torch_as_before() -> Iterator[None]:
    """Restore at the end what training sets in torch for the whole process: seed, threads, algorithms, TF32."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    tf32 = torch.backends.cudnn.allow_tf32
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(mode=deterministic)
            torch.backends.cudnn.allow_tf32 = tf32


def start(plan: Plan, parts: Parts, *, seed: int, device: str, group: ProcessGroup | None = None) -> Trainer:
    """Return the trainer of a plan, at its first step. Raises `UsageError` for a seed or device that cannot be."""
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"seed: expected 0 to {LARGEST_SEED}, got {seed}")
    return Trainer(
        plan.spec,
        plan.hyperparameters,
        plan.train,
        thinned(plan.spec, parts.validation),
        seed=seed,
        device=resolve_device(device),
        group=group or ProcessGroup(),
        initial=plan.initial,
        fill=plan.fill,
    )


def finish(plan: Plan, trainer: Trainer, parts: Parts, say: Say = silent) -> Checkpoint:
    """Return the checkpoint of the best weights so far, with a linear path and adaptation where they help."""
    checkpoint = _with_linear_path(plan, _trained(plan, trainer, parts), parts, say)
    return without_unscorable_test(_with_adaptation(plan, checkpoint, say))


def _with_linear_path(plan: Plan, checkpoint: Checkpoint, parts: Parts, say: Say) -> Checkpoint:
    if not plan.lags:
        return checkpoint
    validation = thinned(plan.spec, parts.validation)
    path = autoregressive.fit(plan.spec, plan.train, validation, plan.lags, say, fill=plan.fill)
    path = imputing.as_filled(path, plan.fill, checkpoint, validation)
    say("share of network and linear path", f"by {validation.samples:,} validation samples")
    weight = autoregressive.ensemble_weight(checkpoint, path, validation)
    checkpoint = with_option(checkpoint, autoregressive.RECORDED_WEIGHT, float(f"{weight:.3f}"))
    if weight == 1:
        return checkpoint
    checkpoint = autoregressive.blended(checkpoint, path, weight)
    if not plan.measures_warmup:
        return checkpoint
    say("warm-up", "fresh streams compared with one that began long before")
    return _with_measured_warmup(checkpoint, validation)


def _with_adaptation(plan: Plan, checkpoint: Checkpoint, say: Say) -> Checkpoint:
    say("adaptation", "forecasts over the validation part, with and without")
    adapt, noted = adapting.decide(checkpoint, plan.adapt)
    if plan.adapt != AUTO:
        checkpoint = with_option(checkpoint, adapting.WANTED, plan.adapt)
    for name, value in noted.items():
        checkpoint = with_option(checkpoint, name, value)
    return replace(checkpoint, spec=replace(checkpoint.spec, adapt=adapt))


def _trained(plan: Plan, trainer: Trainer, parts: Parts) -> Checkpoint:
    training = trainer.summary()
    producer = {**plan.spec.producer, "torch": torch.__version__}
    spec = replace(plan.spec, training=training, producer=producer)
    return Checkpoint(spec, trainer.best.weights, carried_part(parts.validation), carried_part(parts.test))


def _with_measured_warmup(checkpoint: Checkpoint, validation: Part) -> Checkpoint:
    """Return the checkpoint with the warm-up that its forecasts are measured to need."""
    session = open_session(edgeseq_export.build(checkpoint), provider="cpu")
    warmup = measure_warmup(session, validation, checkpoint.spec.linear_path)
    return replace(checkpoint, spec=replace(checkpoint.spec, warmup=warmup))


def with_option(checkpoint: Checkpoint, name: str, value: float | str) -> Checkpoint:
    """Return the checkpoint with one more note of how it came to be."""
    training = checkpoint.spec.training
    assert isinstance(training, Training)
    training = replace(training, options={**training.options, name: value})
    return replace(checkpoint, spec=replace(checkpoint.spec, training=training))


def judge(checkpoint: Checkpoint, parts: Parts, say: Say = silent) -> Fitted:
    """Evaluate a checkpoint through its model file, streamed, and write the figures into its spec.

    Those with adaptation, which takes the samples one by one, only where the test part is no longer than what a
    checkpoint carries of it.
    """
    predictor = typical_predictor(edgeseq_export.build(checkpoint))
    validation = thinned(checkpoint.spec, parts.validation)
    say("intervals", f"residuals of {validation.samples:,} validation samples, streamed through the model file")
    # A part that is too short to tell leaves a network for any sensor what it knows of other series.
    own = checkpoint.spec
    known = own if own.scaling == RUNNING else replace(own, residuals=None, anomalies=None)
    spec: Spec = replace(known, residuals=residual_quantiles(predictor, validation) or known.residuals)
    promising = typical_predictor(edgeseq_export.build(replace(checkpoint, spec=spec)))
    spec = replace(spec, anomalies=learned_anomalies(promising, validation) or known.anomalies)
    say("figures", f"model and baselines over {parts.test.samples:,} test samples, streamed through the model file")
    evaluation = evaluate_test_part(promising, parts, adapt=spec.adapt and is_short(parts.test))
    by_step = {
        name: np.array([rmse for rmse, _ in scored.per_horizon])
        for name, scored in evaluation.baselines.items()
        if name not in untrained(spec).forecasters
    }
    judged = replace(checkpoint, spec=replace(spec, figures=evaluation.figures()), by_step=by_step)
    return Fitted(judged, evaluation)


def resolve_device(device: str) -> str:
    """Return the torch device that the user means. Raises `UsageError` where there is no GPU to use."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("torch sees no CUDA device here; available: cpu")
    if device == "auto":
        # A small network is bound by the start of each kernel, not by arithmetic: a GPU gains nothing.
        return "cpu"
    return device
