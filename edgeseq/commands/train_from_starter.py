"""`edgeseq train SERIES --from starter`: a network for any sensor, fitted to a short series as far as that pays."""

from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq.commands.shutdown import INTERRUPTED
from edgeseq.commands.train_log import PhaseLog
from edgeseq.commands.train_run import Outputs, conclude_with, in_sight
from edgeseq.training import from_starter
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from edgeseq.series import Parts, Series
    from edgeseq.training.fine_tuning import Pretrained
    from edgeseq.training.options import TrainingOptions

_NOT_HERE = {
    "search": "--search tries shapes of networks; this one has its shape",
    "resume": "--resume: a fitting takes seconds and leaves nothing to resume",
    "time_features": "--time-features: a network for any sensor sees no times",
    "device": "--device cuda: a fitting takes seconds on the CPU",
    "plot": "--plot draws a learning curve; a fitting of a few steps has none",
    "tensorboard": "--tensorboard: a fitting of a few steps has no learning curve",
}
"""Options of `train` that say nothing of a fitting, by parameter."""


def adopt(source: "Pretrained", options: "TrainingOptions", named: "Collection[str]", device: str) -> "TrainingOptions":
    """Return options with what the model itself decides; refuse those that the user has `named` in vain."""
    for name, reason in _NOT_HERE.items():
        if name in named and (name != "device" or device == "cuda"):
            raise UsageError(reason)
    return from_starter.adopt(source, options, named)


def train(series: "Series", parts: "Parts", options: "TrainingOptions", outputs: Outputs, source: "Pretrained") -> int:
    """Fit, and return the exit code."""
    say = PhaseLog(len(series)).say
    plan = from_starter.plan(series, parts, options, source)
    for line in plan.notes:
        note(line)
    say("what the network sees", f"{len(parts.train):,} training samples")
    fitting = from_starter.start(plan, parts, options)
    note(fitting.note)
    if not in_sight(fitting.run, 0, fitting.steps):
        note(f"stopped at step {fitting.step} of {fitting.steps}: no checkpoint; the same command begins again")
        return INTERRUPTED
    checkpoint = from_starter.finish(plan, fitting, parts, options)
    conclude_with(checkpoint, parts, outputs.checkpoint, say)
    return 0
