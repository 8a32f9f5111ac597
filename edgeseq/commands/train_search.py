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

from edgeseq.commands.options.common import note, resume_path, search_path
from edgeseq.commands.shutdown import GracefulShutdown
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Parts, Series
from edgeseq.text import number, table
from edgeseq.training import fitting
from edgeseq.training.options import Plan, TrainingOptions
from edgeseq.training.plan import plan
from edgeseq.training.search import FAILED, FINISHED, PRUNED, Proposal, Search, Trial, validated, validation_error
from edgeseq.training.trainer import Report, Trainer
from edgeseq_runtime.errors import DataError, UsageError

Asked = Callable[[], bool]
"""Whether Ctrl-C was pressed."""


class Stopped(Exception):  # noqa: N818 - not an error
    """The search is to end before its last trial; the text says where."""


@dataclass(frozen=True)
class Job:
    """What all trials have in common."""

    series: Series
    parts: Parts
    wishes: TrainingOptions
    """What the user chose; a trial's settings go on top."""
    fixed: frozenset[str]
    """The wishes that are not to be searched over."""
    trials: int
    seed: int
    device: str
    output: str
    """Holds the best checkpoint so far at any time."""
    keep_curve: Callable[[Trainer], None]
    """Called with the run of each checkpoint that is the best so far."""


def search(job: Job, *, resume: bool) -> Checkpoint | None:
    """Run the trials and print them; return the checkpoint of the best, or None after Ctrl-C.

    Raises `DataError` where none could be trained.
    """
    found = _begin(job, resume=resume)
    try:
        with GracefulShutdown() as politeness, _bar(job, found) as show:
            _run(job, found, show, lambda: politeness.asked is not None, resume=resume)
    except Stopped as stopped:
        kept = (
            "no checkpoint yet" if found.best is None else f"{job.output} holds the best so far, of trial {found.best}"
        )
        note(f"stopped {stopped}, after {len(found.trials)} of {job.trials} trials; {kept}; --resume goes on")
        return None
    for count, trial in enumerate(found.trials):
        if trial.state == FAILED:
            note(f"trial {count} failed: {trial.reason}")
    if found.best is None:
        raise DataError(f"no trial could be trained; the first: {found.trials[0].reason}")
    checkpoint = _load(job, found, found.best)
    click.echo(trials_table(found) + "\n")
    checkpoint = fitting.with_option(checkpoint, "search_trial", found.best)
    return fitting.with_option(checkpoint, "search_trials", len(found.trials))


def trials_table(found: Search) -> str:
    """Return all trials for a terminal, the best marked."""
    rows = []
    for count, trial in enumerate(found.trials):
        figures = (*(trial.settings[name] for name in found.names), trial.error, trial.steps, trial.seconds)
        cells = (str(value) if isinstance(value, int) else number(value) for value in figures)
        rows.append((str(count), *cells, "best" if count == found.best else trial.state))
    return table(("trial", *_shown(found), "validation error", "steps", "seconds", ""), rows)


def _shown(found: Search) -> list[str]:
    return [name.replace("_", " ") for name in found.names]


def _begin(job: Job, *, resume: bool) -> Search:
    """Return the search as it stands, and say what it is."""
    if job.wishes.preset == "classic":
        raise UsageError("--preset classic trains on the validation part too; --search needs it to choose by")
    made = plan(job.series, job.parts, job.wishes)
    run = fitting.start(made, job.parts, seed=job.seed, device=job.device).run_id
    path = search_path(job.output)
    found = Search(path, made, run, fixed=job.fixed, seed=job.seed)
    for line in (*made.notes, f"searching over {', '.join(_shown(found))}; trial 0 has the settings above"):
        note(line)
    if resume and path.exists():
        found.restore()
        note(f"resumed after {len(found.trials)} of {job.trials} trials")
        return found
    if path.exists():
        note(f"starting anew; the trials in {path} will be replaced")
    found.save()
    return found


def _run(job: Job, found: Search, show: Report, asked: Asked, *, resume: bool) -> None:
    """Run the trials that are left. Raises `Stopped`."""
    while len(found.trials) < job.trials:
        if asked():
            raise Stopped("between two trials")
        proposal = found.propose()
        trial = _known(found, proposal) or _attempt(job, found, proposal, show, asked, resume=resume)
        found.add(trial)
        resume_path(job.output).unlink(missing_ok=True)
        resume = False


def _known(found: Search, proposal: Proposal) -> Trial | None:
    """Return what came of these settings before: it would be the same again."""
    same = (trial for trial in found.trials if trial.settings == proposal.settings)
    return next((replace(trial, seconds=0.0) for trial in same), None)


def _attempt(job: Job, found: Search, proposal: Proposal, show: Report, asked: Asked, *, resume: bool) -> Trial:
    """Train a proposal, and keep the checkpoint if it is the best so far. Raises `Stopped`."""
    began = time.monotonic()
    try:
        made = plan(job.series, job.parts, replace(job.wishes, **proposal.settings))
        trainer = fitting.start(made, job.parts, seed=job.seed, device=job.device)
        resumed = resume and _take_up(trainer, resume_path(job.output))
        if not proposal.hopeless(trainer):
            trainer.run(show, lambda: proposal.hopeless(trainer) or asked(), resume_path(job.output))
        if trainer.step < made.hyperparameters.steps and not proposal.pruned:
            raise Stopped(f"in trial {len(found.trials)} at step {trainer.step} of {made.hyperparameters.steps}")
        error = math.nan if proposal.pruned else _finish(job, found, made, trainer)
    except DataError as reason:
        return Trial(proposal.settings, FAILED, reason=str(reason))
    seconds = math.nan if resumed else round(time.monotonic() - began, 1)
    state = PRUNED if proposal.pruned else FINISHED
    return Trial(proposal.settings, state, error, trainer.step, seconds, validated(trainer), trainer.run_id)


def _finish(job: Job, found: Search, made: Plan, trainer: Trainer) -> float:
    """Return the validation error of a finished trial; keep its checkpoint if it is the best so far."""
    checkpoint = fitting.finish(made, trainer, job.parts)
    error = validation_error(checkpoint, made, job.parts)
    if found.would_be_best(error):
        checkpoint.save(job.output)
        job.keep_curve(trainer)
    return error


def _take_up(trainer: Trainer, interrupted: Path) -> bool:
    """Go on with the trial that was interrupted, if this is the one."""
    if interrupted.exists():
        with contextlib.suppress(UsageError):  # left by a trial that was finished just before a kill
            trainer.restore(interrupted)
    return trainer.step > 0


def _load(job: Job, found: Search, best: int) -> Checkpoint:
    """Read the checkpoint of the best trial. Raises `UsageError` where something else has taken its place."""
    checkpoint = Checkpoint.load(job.output)
    training = checkpoint.spec.training
    if training is None or training.run != found.trials[best].run:
        raise UsageError(f"{job.output} is not the checkpoint of trial {best} any more; search without --resume")
    return checkpoint


@contextmanager
def _bar(job: Job, found: Search) -> Iterator[Report]:
    """Show a bar over all trials, where stderr is a terminal; yield what moves it."""
    console = Console(stderr=True)
    columns = (
        TextColumn("trial {task.fields[trial]}, step {task.fields[step]}"),
        BarColumn(),
        TextColumn("validation {task.fields[now]:.2e}, best trial {task.fields[best]:.2e}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=job.trials, trial=0, step=0, now=math.nan, best=math.nan)

        def show(step: int, _loss: float, now: float) -> None:
            done = len(found.trials)
            best = math.nan if found.best is None else found.trials[found.best].error
            progress.update(task, completed=done + step / found.steps, trial=done, step=step, now=now, best=best)

        yield show
