"""What `edgeseq train` does once its options are read: one run, or a search, up to the checkpoint and its scores."""

import enum
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgeseq.commands.notes import note
from edgeseq.commands.options.common import resume_path, search_path
from edgeseq.commands.options.outputs import check_outputs, series_inputs
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown
from edgeseq.commands.train_log import PhaseLog, ProgressLog
from edgeseq.evaluation.report_text import summary
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.training import adapting, beside_starter, curves, fitting, from_starter, phases
from edgeseq.training.plan import plan
from edgeseq_runtime.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgeseq.series import Parts, Series
    from edgeseq.training.distributed import ProcessGroup
    from edgeseq.training.fine_tuning import Pretrained
    from edgeseq.training.options import TrainingOptions
    from edgeseq.training.plan import Plan
    from edgeseq.training.trainer import Report, Trainer
    from edgeseq_runtime.spec import Spec

    Conclude = Callable[[Checkpoint, Parts, str], int]
    """Told of a finished checkpoint, the parts and where it is to be written; returns the exit code."""


@dataclass(frozen=True)
class Outputs:
    """What a training writes."""

    checkpoint: str
    plot: str | None
    """A picture of the learning curve."""
    tensorboard: str | None
    """A folder for TensorBoard."""

    def check(self, series: "Sequence[str]") -> None:
        """Refuse what could not be written, or is a series to read, now and not after hours of training."""
        written: dict[str, str | Path | None] = {
            "-o": self.checkpoint,
            "the learning curve of -o": self._curve,
            "the interrupted run of -o": resume_path(self.checkpoint),
            "the trials of -o": search_path(self.checkpoint),
            "--plot": self.plot,
        }
        check_outputs(written, [*series_inputs(*series), ("--tensorboard", self.tensorboard)])
        if self.tensorboard:
            curves.check_tensorboard(Path(self.tensorboard))

    def write_curve(self, trainer: "Trainer") -> None:
        """Write the learning curve beside the checkpoint, and in the forms that were asked for."""
        curves.write_csv(trainer.curve, self._curve)
        if self.plot:
            curves.draw(trainer.curve, Path(self.plot))
        if self.tensorboard:
            curves.write_tensorboard(trainer.curve, Path(self.tensorboard))

    def of_trial(self, trainer: "Trainer") -> "Outputs":
        """Return the same with a folder of TensorBoard's own for one trial of a search."""
        return replace(self, tensorboard=self.tensorboard and f"{self.tensorboard}/{trainer.run_id}")

    @property
    def _curve(self) -> Path:
        return Path(f"{self.checkpoint}.curve.csv")


_HARDLY = 0.05
"""The network's weight in the forecast below which a smaller one will do."""

_FEW = 8
"""Hidden units of that smaller one."""


class Start(enum.Enum):
    """Where a run begins."""

    FRESH = enum.auto()
    RESUMED = enum.auto()
    FINISHED = enum.auto()
    """Nowhere: its checkpoint is there and complete."""


def train(
    series: "Series",
    parts: "Parts",
    options: "TrainingOptions",
    outputs: Outputs,
    group: "ProcessGroup",
    *,
    resume: bool,
    seed: int,
    device: str,
    begin: "Pretrained | None" = None,
    conclude: "Conclude | None" = None,
) -> int:
    """Train, and return the exit code. Of several processes only the main one writes and reports.

    `conclude` is told of the finished checkpoint, and returns the exit code, in the place of what `train` does.
    """
    output = outputs.checkpoint
    say = PhaseLog(len(series)).say if group.is_main else phases.silent
    say("analysis", f"season, noise and level of {len(parts.train):,} training samples")
    training = plan(series, parts, options, begin)
    trainer = fitting.start(training, parts, seed=seed, device=device, group=group)
    report: Callable[[str], None] = note if group.is_main else _ignore
    for line in training.notes:
        report(line)
    steps = training.hyperparameters.steps
    start = group.on_main(lambda: _start(trainer, steps, output, resume=resume))
    if start is Start.FINISHED:
        report(f"{output} is complete already: nothing to resume")
        return conclude(Checkpoint.load(output), parts, output) if conclude else 0
    if start is Start.RESUMED:
        trainer.restore(resume_path(output))
        report(f"resumed at step {trainer.step} of {steps}")
    finished = in_sight(
        lambda show, stop: trainer.run(show, stop, resume_path(output)), trainer.step, steps, quiet=not group.is_main
    )
    if not group.is_main:
        return 0
    outputs.write_curve(trainer)
    if not finished:
        return _keep_best(trainer, training, parts, output)
    checkpoint = fitting.finish(training, trainer, parts, say)
    if conclude:
        return conclude(checkpoint, parts, output)
    conclude_with(checkpoint, parts, output, say)
    return 0


def search(
    series: "Series",
    parts: "Parts",
    options: "TrainingOptions",
    outputs: Outputs,
    *,
    trials: int,
    fixed: frozenset[str],
    resume: bool,
    seed: int,
    device: str,
    begin: "Pretrained | None" = None,
) -> int:
    """Train with many settings, but for those that are `fixed`, and conclude with the best; return the exit code."""
    from edgeseq.commands import train_search  # needs optuna

    job = train_search.Job(
        series,
        parts,
        options,
        fixed=fixed,
        trials=trials,
        seed=seed,
        device=device,
        output=outputs.checkpoint,
        keep_curve=lambda trainer: outputs.of_trial(trainer).write_curve(trainer),
        begin=begin,
    )
    checkpoint = train_search.run_search(job, resume=resume)
    if checkpoint is None:
        return INTERRUPTED
    conclude_with(checkpoint, parts, outputs.checkpoint, PhaseLog(len(series)).say)
    return 0


def _ignore(_text: str) -> None:
    """What a process that is not the main one reports."""


def _start(trainer: "Trainer", steps: int, output: str, *, resume: bool) -> Start:
    """Return where to begin; say it if an interrupted run is given up."""
    interrupted = resume_path(output)
    if interrupted.exists():
        if resume:
            return Start.RESUMED
        note(f"starting over; the interrupted run in {interrupted} will be replaced (--resume continues it)")
        return Start.FRESH
    if resume and _is_finished(trainer, steps, output):
        return Start.FINISHED
    if resume:
        note(f"there is no interrupted run of {output} to resume: training begins")
    return Start.FRESH


def _is_finished(trainer: "Trainer", steps: int, output: str) -> bool:
    """Whether the checkpoint at `output` is this very run's, and complete."""
    if not Path(output).exists():
        return False
    training = Checkpoint.load(output).spec.training
    return training is not None and training.run == trainer.run_id and training.steps == steps


def in_sight(
    run: "Callable[[Report, Callable[[], bool]], bool]", begun: int, steps: int, *, quiet: bool = False
) -> bool:
    """Train with a progress bar, or lines where stderr is no terminal; False after Ctrl-C or a polite kill.

    `run` is given what to call after each step, and what says whether to stop; `begun` steps are done.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with (
        Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress,
        GracefulShutdown() as shutdown,
        shutdown.waiting(signals=2),  # the first ends the run after a step; the second, wherever it is
    ):
        task = progress.add_task("", total=steps, completed=begun)
        log = ProgressLog("step", begun, steps) if progress.disable and not quiet else None

        def show(step: int, loss: float, best: float) -> None:
            described = f"loss {loss:.2e}" + (f", validation {best:.2e}" if math.isfinite(best) else "")
            progress.update(task, completed=step, description=described)
            if log:
                log.show(step, described)

        return run(show, lambda: shutdown.received is not None)


def _keep_best(trainer: "Trainer", training: "Plan", parts: "Parts", output: str) -> int:
    """Save what an interrupted run has reached."""
    at = f"stopped at step {trainer.step} of {training.hyperparameters.steps}"
    if math.isfinite(trainer.best.mse):
        fitting.finish(training, trainer, parts).save(output)
        note(f"{at}; {output} holds the best weights so far, of step {trainer.best.step}; --resume continues")
    else:
        note(f"{at}, before the first validation: no checkpoint yet; --resume continues")
    return INTERRUPTED


def conclude_with(checkpoint: Checkpoint, parts: "Parts", output: str, say: phases.Say) -> None:
    """Judge what was trained, and write it in any case."""
    for line in decisions(checkpoint.spec):
        note(line)
    try:
        fitted = fitting.judge(checkpoint, parts, say)
    except DataError as error:  # hours of training are not lost over a test part that cannot be scored
        checkpoint.save(output)
        note(f"warning: cannot score the test part: {error}")
    else:
        fitted.checkpoint.save(output)
        click.echo(summary(fitted.evaluation))
        if checkpoint.spec.adapt and not fitted.evaluation.adapted:
            note("adaptation is left out of these figures, since the test part is long; edgeseq evaluate has it")
    for line in beside_starter.told(checkpoint, parts.validation, output):
        note(line)
    resume_path(output).unlink(missing_ok=True)
    step = checkpoint.spec.training.best_step if checkpoint.spec.training else 0
    note(f"wrote {output}: the weights of step {step}")
    note(f"next: edgeseq export {output} -o MODEL.onnx")


def decisions(spec: "Spec") -> list[str]:
    """Return what was decided after the training."""
    return [*_forecast(spec), *filter(None, [from_starter.decision(spec), adapting.decision(spec)])]


def _forecast(spec: "Spec") -> list[str]:
    """Return what the forecast is made of."""
    from edgeseq.training.autoregressive import RECORDED_WEIGHT

    share = spec.training.options.get(RECORDED_WEIGHT) if spec.training else None
    if share is None:
        return []
    if not spec.linear_path:
        return ["forecast: network alone; a linear regression added to it does not help"]
    regression = f"linear regression on the last {spec.linear_path} changes"
    return [
        f"forecast: {_percent(1 - float(share))} {regression}, {_percent(float(share))} network",
        *_advice(float(share), spec.hidden),
        f"warm-up in use: {spec.warmup} samples before a forecast counts",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _advice(share: float, hidden: int) -> list[str]:
    """Say what a network that is hardly needed means for its user."""
    if share >= _HARDLY or hidden <= _FEW:
        return []
    return [f"the network hardly counts: --hidden {_FEW} makes a smaller, faster model file"]
