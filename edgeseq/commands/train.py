"""`edgeseq train`: a series in, a checkpoint out."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseq.commands.common import INTERRUPTED, note, resume_path, series_options
from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgeseq.series import Parts
    from edgeseq.training.planning import Plan
    from edgeseq.training.trainer import Trainer


@click.command()
@click.argument("series", required=False)
@series_options
@click.option("--horizon", type=click.IntRange(min=1), default=1, show_default=True, help="Samples to look ahead.")
@click.option("--preset", type=click.Choice(["default"]), default="default", show_default=True)
@click.option("--cell", type=click.Choice(["lstm", "gru", "rnn"]), default="lstm", show_default=True)
@click.option("--layers", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--hidden", type=click.IntRange(min=1), default=30, show_default=True, help="Units in a layer.")
@click.option("--steps", type=click.IntRange(min=1), help="Training steps; chosen by the data if not given.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--warmup", type=click.IntRange(min=1), help="Samples before a forecast counts.")
@click.option("--season", type=click.IntRange(min=2), help="Samples in a season; found by itself.")
@click.option(
    "--level/--no-level",
    default=None,
    help="Show the network the level beside its change; decided by itself.",
)
@click.option("--unit", metavar="COL=UNIT", multiple=True, help="A column's unit, for the model file (repeatable).")
@click.option(
    "--max-gap",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Missing samples in a row to fill in.",
)
@click.option("--resume", is_flag=True, help="Go on with the run that was interrupted, if there is one.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="The checkpoint to write.")
def train(series: str | None, output: str, *, resume: bool, seed: int, device: str, **options: Any) -> int:
    r"""Train a small recurrent network on SERIES: a CSV or Parquet file, an example (co2), or the sine.

    \b
    edgeseq train -o sine.safetensors
    edgeseq train co2 --horizon 4 -o co2.safetensors
    edgeseq train plant.csv --target temp --feature load --horizon 24 -o plant.safetensors
    """
    from edgeseq.evaluation.summary import summary
    from edgeseq.training import fitting
    from edgeseq.training.planning import plan

    files.check_writable(output)
    data, parts, wishes = _load(series, options)
    made = plan(data, parts, wishes)
    for line in made.notes:
        note(line)
    trainer = fitting.start(made, parts, seed=seed, device=device)
    interrupted = resume_path(output)
    if resume and _is_finished(made, output):
        note(f"{output} is trained to its end already")
        return 0
    if interrupted.exists():
        if resume:
            trainer.restore(interrupted)
            note(f"resumed at step {trainer.step} of {made.recipe.steps}")
        else:
            note(f"starting anew; what an interrupted run left in {interrupted} will be replaced")
    finished = _run(trainer, made, interrupted)
    checkpoint = fitting.trained(made, trainer, parts, seed=seed, device=device)
    if not finished:
        return _keep_best(trainer, made, checkpoint, output)
    fitted = fitting.judge(checkpoint, parts)
    fitted.checkpoint.save(output)
    interrupted.unlink(missing_ok=True)
    click.echo(summary(fitted.evaluation))
    note(f"wrote {output}: the weights of step {trainer.best.step}; next: edgeseq export {output} -o MODEL.onnx")
    return 0


def _load(series: str | None, options: dict[str, Any]) -> tuple[Any, "Parts", Any]:
    """Read the series, and gather the user's wishes."""
    from edgeseq.series import load
    from edgeseq.series.examples import DEFAULT_SPLIT
    from edgeseq.training.planning import Wishes

    data, parts = load(
        series,
        targets=options["target"],
        features=options["feature"],
        time=options["time"],
        split=options["split"],
        units=_units(options["unit"]),
        gap_limit=options["max_gap"],
    )
    chosen = ("horizon", "cell", "layers", "hidden", "steps", "warmup", "season", "level")
    split = options["split"] or ("" if data.name == "sine" else DEFAULT_SPLIT)
    wishes = {name: options[name] for name in chosen}
    return data, parts, Wishes(**wishes, gap_limit=options["max_gap"], split=split)


def _units(pairs: tuple[str, ...]) -> dict[str, str]:
    units = {}
    for pair in pairs:
        name, equals, unit = pair.rpartition("=")
        if not equals:
            raise UsageError(f"--unit takes COL=UNIT, not {pair!r}")
        units[name] = unit
    return units


def _run(trainer: "Trainer", made: "Plan", interrupted: Path) -> bool:
    """Train with a progress bar, quiet where stderr is no terminal; False after Ctrl-C or a polite kill."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.2e}  validation {task.fields[best]:.2e}"),
        TimeRemainingColumn(),
    )
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
        _stopping() as asked,
    ):
        task = progress.add_task("", total=made.recipe.steps, completed=trainer.step, loss=0.0, best=float("nan"))

        def report(step: int, loss: float, best: float) -> None:
            progress.update(task, completed=step, loss=loss, best=best)

        return trainer.run(report, lambda: bool(asked), interrupted)


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Turn the first SIGINT or SIGTERM into an entry of the list yielded; a second one acts as usual."""
    asked: list[int] = []

    def ask(number: int, _frame: object) -> None:
        asked.append(number)
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _keep_best(trainer: "Trainer", made: "Plan", checkpoint: Any, output: str) -> int:
    """Save what an interrupted run has reached."""
    at = f"stopped at step {trainer.step} of {made.recipe.steps}"
    if trainer.best.step:
        checkpoint.save(output)
        note(f"{at}; {output} holds the best weights so far, of step {trainer.best.step}; --resume goes on")
    else:
        note(f"{at}, before the first validation: no checkpoint yet; --resume goes on")
    return INTERRUPTED


def _is_finished(made: "Plan", output: str) -> bool:
    """Whether the checkpoint at `output` is this run's, and complete."""
    from edgeseq.checkpoint import Checkpoint

    if resume_path(output).exists() or not Path(output).exists():
        return False
    spec = Checkpoint.load(output).spec
    done = spec.training is not None and spec.training.steps == made.recipe.steps
    return done and spec.data_sha256 == made.spec.data_sha256
