"""`edgeseq train --search N`: the trials, one after the other, on the way to the checkpoint of the best."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from edgeseq.commands.notes import note
from edgeseq.commands.options.common import resume_path, search_path
from edgeseq.commands.shutdown import GracefulShutdown
from edgeseq.commands.train_log import ProgressLog
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Parts, Series
from edgeseq.text import number, table
from edgeseq.training import fitting
from edgeseq.training.fine_tuning import Pretrained
from edgeseq.training.options import TrainingOptions
from edgeseq.training.plan import Plan, plan
from edgeseq.training.search import FAILED, FINISHED, PRUNED, Proposal, Search, Trial, validated, validation_error
from edgeseq.training.trainer import Report, Trainer
from edgeseq_runtime.errors import DataError, UsageError

Stop = Callable[[], bool]
"""Whether the search is to end, since Ctrl-C was pressed."""


SHAPE = frozenset({"hidden", "layers", "window"})
"""What is searched over and belongs to a network's shape."""


class Stopped(Exception):  # noqa: N818 - not an error
    """The search is to end before its last trial; the text says where."""


@dataclass(frozen=True)
class Job:
    """What all trials have in common."""

    series: Series
    parts: Parts
    options: TrainingOptions
    """What the user chose; a trial's settings go on top."""
    fixed: frozenset[str]
    """The options that are not to be searched over."""
    trials: int
    seed: int
    device: str
    output: str
    """Holds the best checkpoint so far at any time."""
    keep_curve: Callable[[Trainer], None]
    """Called with the run of each checkpoint that is the best so far."""
    begin: Pretrained | None = None
    """The model that all trials go on from; its shape is not searched over."""


def run_search(job: Job, *, resume: bool) -> Checkpoint | None:
    """Run the trials and print them; return the checkpoint of the best, or None after Ctrl-C.

    Raises `DataError` where none could be trained.
    """
    search = _begin(job, resume=resume)
    try:
        with GracefulShutdown() as shutdown, _bar(job, search) as show:
            _run(job, search, show, lambda: shutdown.received is not None, resume=resume)
    except Stopped as stopped:
        kept = (
            "no checkpoint yet"
            if search.best is None
            else f"{job.output} holds the best so far, of trial {search.best}"
        )
        note(f"stopped {stopped}, after {len(search.trials)} of {job.trials} trials; {kept}; --resume continues")
        return None
    for count, trial in enumerate(search.trials):
        if trial.state == FAILED:
            note(f"trial {count} failed: {trial.reason}")
    if search.best is None:
        raise DataError(f"no trial could be trained; the first: {search.trials[0].reason}")
    checkpoint = _load(job, search, search.best)
    click.echo(trials_table(search) + "\n")
    checkpoint = fitting.with_option(checkpoint, "search_trial", search.best)
    return fitting.with_option(checkpoint, "search_trials", len(search.trials))


def trials_table(search: Search) -> str:
    """Return all trials for a terminal, the best marked."""
    rows = []
    for count, trial in enumerate(search.trials):
        figures = (*(trial.settings[name] for name in search.names), trial.error, trial.steps, trial.seconds)
        cells = (str(value) if isinstance(value, int) else number(value) for value in figures)
        rows.append((str(count), *cells, "best" if count == search.best else trial.state))
    return table(("trial", *_shown(search), "validation error", "steps", "seconds", ""), rows)


def _shown(search: Search) -> list[str]:
    return [name.replace("_", " ") for name in search.names]


def _begin(job: Job, *, resume: bool) -> Search:
    """Return the search as it stands, and say what it is."""
    if job.options.preset == "classic":
        raise UsageError("--preset classic trains on the validation part too; --search needs it to choose by")
    training = plan(job.series, job.parts, job.options, job.begin)
    run = fitting.start(training, job.parts, seed=job.seed, device=job.device).run_id
    path = search_path(job.output)
    fixed = job.fixed | SHAPE if job.begin else job.fixed
    search = Search(path, training, run, fixed=fixed, seed=job.seed)
    for line in (*training.notes, f"searching over {', '.join(_shown(search))}; trial 0 has the settings above"):
        note(line)
    if resume and path.exists():
        search.restore()
        note(f"resumed after {len(search.trials)} of {job.trials} trials")
        return search
    if path.exists():
        note(f"starting over; the trials in {path} will be replaced (--resume continues them)")
    search.save()
    return search


def _run(job: Job, search: Search, show: Report, stop: Stop, *, resume: bool) -> None:
    """Run the trials that are left. Raises `Stopped`."""
    while len(search.trials) < job.trials:
        if stop():
            raise Stopped("between two trials")
        proposal = search.propose()
        trial = _known(search, proposal) or _attempt(job, search, proposal, show, stop, resume=resume)
        search.add(trial)
        resume_path(job.output).unlink(missing_ok=True)
        resume = False


def _known(search: Search, proposal: Proposal) -> Trial | None:
    """Return what came of these settings before: it would be the same again."""
    same = (trial for trial in search.trials if trial.settings == proposal.settings)
    return next((replace(trial, seconds=0.0) for trial in same), None)


def _attempt(job: Job, search: Search, proposal: Proposal, show: Report, stop: Stop, *, resume: bool) -> Trial:
    """Train a proposal, and keep the checkpoint if it is the best so far. Raises `Stopped`."""
    began = time.monotonic()
    try:
        training = plan(job.series, job.parts, replace(job.options, **proposal.settings), job.begin)
        trainer = fitting.start(training, job.parts, seed=job.seed, device=job.device)
        resumed = resume and _take_up(trainer, resume_path(job.output))
        if not proposal.is_unpromising(trainer):
            trainer.run(show, lambda: proposal.is_unpromising(trainer) or stop(), resume_path(job.output))
        if trainer.step < training.hyperparameters.steps and not proposal.pruned:
            raise Stopped(f"in trial {len(search.trials)} at step {trainer.step} of {training.hyperparameters.steps}")
        error = math.nan if proposal.pruned else _finish(job, search, training, trainer)
    except DataError as reason:
        return Trial(proposal.settings, FAILED, reason=str(reason))
    seconds = math.nan if resumed else round(time.monotonic() - began, 1)
    state = PRUNED if proposal.pruned else FINISHED
    return Trial(proposal.settings, state, error, trainer.step, seconds, validated(trainer), trainer.run_id)


def _finish(job: Job, search: Search, training: Plan, trainer: Trainer) -> float:
    """Return the validation error of a finished trial; keep its checkpoint if it is the best so far."""
    checkpoint = fitting.finish(training, trainer, job.parts)
    error = validation_error(checkpoint, training, job.parts)
    if search.would_be_best(error):
        checkpoint.save(job.output)
        job.keep_curve(trainer)
    return error


def _take_up(trainer: Trainer, interrupted: Path) -> bool:
    """Go on with the trial that was interrupted, if this is the one."""
    if interrupted.exists():
        with contextlib.suppress(UsageError):  # left by a trial that was finished just before a kill
            trainer.restore(interrupted)
    return trainer.step > 0


def _load(job: Job, search: Search, best: int) -> Checkpoint:
    """Read the checkpoint of the best trial. Raises `UsageError` where something else has taken its place."""
    checkpoint = Checkpoint.load(job.output)
    record = checkpoint.spec.training
    if record is None or record.run != search.trials[best].run:
        raise UsageError(f"{job.output} is not the checkpoint of trial {best} any more; search without --resume")
    return checkpoint


@contextmanager
def _bar(job: Job, search: Search) -> Iterator[Report]:
    """Show a bar over all trials, or lines where stderr is no terminal; yield what moves it."""
    console = Console(stderr=True)
    columns = (
        TextColumn("trial {task.fields[trial]}, step {task.fields[step]}"),
        BarColumn(),
        TextColumn("validation {task.fields[now]:.2e}, best trial {task.fields[best]:.2e}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=job.trials, trial=0, step=0, now=math.nan, best=math.nan)
        log = ProgressLog("trial", len(search.trials), job.trials) if progress.disable else None

        def show(step: int, _loss: float, now: float) -> None:
            done = len(search.trials)
            best = math.nan if search.best is None else search.trials[search.best].error
            completed = done + step / search.steps
            progress.update(task, completed=completed, trial=done, step=step, now=now, best=best)
            if log:
                log.show(completed, f"step {step}, validation {now:.2e}, best trial {best:.2e}")

        yield show
