"""`edgeseq train`: a series in, a checkpoint out."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from edgeseq.commands.options.common import note, resume_path, series_options
from edgeseq.commands.shutdown import INTERRUPTED, GracefulShutdown
from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError, EdgeseqError, UsageError

if TYPE_CHECKING:
    from edgeseq.model.checkpoint import Checkpoint
    from edgeseq.series import Parts
    from edgeseq.training.distributed import ProcessGroup
    from edgeseq.training.options import Plan
    from edgeseq.training.trainer import Trainer
    from edgeseq_runtime.spec import Spec


def _parse_linear_path(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """Return the lags, 0 for none, None where the data decide."""
    if value in (None, "auto"):
        return None
    if value == "off":
        return 0
    if not (str(value).isdecimal() and int(str(value)) >= 2):
        raise click.BadParameter(f"{value!r} is not auto, off or a number of changes from 2 on")
    return int(str(value))


def _parse_time_features(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Return the names of the features: a sine and a cosine of each kind."""
    from edgeseq_runtime.spec import CLOCKS

    kinds = [kind.strip() for kind in value.split(",")] if value else []
    known = [name.partition("_")[0] for name in CLOCKS]
    for kind in kinds:
        if kind not in known:
            raise click.BadParameter(f"{kind!r} is none of {', '.join(dict.fromkeys(known))}")
    return tuple(name for name in CLOCKS if name.partition("_")[0] in kinds)


@click.command()
@click.argument("series", nargs=-1)
@series_options
@click.option("--id", "sensor", metavar="COL", help="The column that says which of several sensors a row is of.")
@click.option("--horizon", type=click.IntRange(min=1), default=1, show_default=True, help="Samples to look ahead.")
@click.option(
    "--preset",
    type=click.Choice(["default", "classic"]),
    default="default",
    show_default=True,
    help="classic: shuffled windows of ten values, Adagrad, 10,000 steps.",
)
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
@click.option(
    "--linear-path",
    metavar="auto|off|L",
    callback=_parse_linear_path,
    help="A linear path over the last L changes beside the network.  [auto]",
)
@click.option(
    "--layout",
    type=click.Choice(["stream", "features", "steps"]),
    help="One sample after the other, or windows: as one step of many features, or as many steps.",
)
@click.option("--window", type=click.IntRange(min=2), help="Samples in a window.")
@click.option("--unroll", type=click.IntRange(min=2), help="Samples a stream's gradient reaches back.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="At its height; chosen by the data.")
@click.option(
    "--search",
    type=click.IntRange(min=1),
    metavar="N",
    help="Try N settings of what is not given of --hidden, --layers, --learning-rate and --unroll (or --window); keep "
    "the one with the lowest validation error.",
)
@click.option(
    "--time-features",
    metavar="KIND,...",
    callback=_parse_time_features,
    help="hour, weekday, yearday: show the network these of each sample's time.",
)
@click.option("--plot", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw the learning curve.")
@click.option("--tensorboard", type=click.Path(file_okay=False), metavar="FOLDER", help="Write it for TensorBoard.")
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
def train(series: tuple[str, ...], output: str, *, resume: bool, seed: int, device: str, **options: Any) -> int:
    r"""Train a small recurrent network on SERIES: a CSV or Parquet file, an example (co2), or the sine.

    Several files, or one with --id, are sensors of one kind: one network for all, which knows the scale of each.

    \b
    edgeseq train -o sine.safetensors
    edgeseq train co2 --horizon 4 -o co2.safetensors
    edgeseq train plant.csv --target temp --feature load --horizon 24 -o plant.safetensors
    edgeseq train boiler-1.csv boiler-2.csv --target temp -o boilers.safetensors
    edgeseq train co2 --search 20 -o co2.safetensors
    """
    from edgeseq.training.distributed import ProcessGroup

    with ProcessGroup.join(device) as group:
        try:
            return _train(series, output, group, resume=resume, seed=seed, device=device, options=options)
        except EdgeseqError:
            if group.reports_errors:
                raise
            return 1


def _train(
    series: tuple[str, ...],
    output: str,
    group: "ProcessGroup",
    *,
    resume: bool,
    seed: int,
    device: str,
    options: dict[str, Any],
) -> int:
    """Train, and return the exit code. Of several processes only the leader writes and speaks."""
    from edgeseq.training import fitting
    from edgeseq.training.plan import plan

    if group.is_main:
        _check_outputs(output, options)
    if options["search"]:
        return _search(series, output, group, options, resume=resume, seed=seed, device=device)
    data, parts, wishes = _load(series, options)
    made = plan(data, parts, wishes)
    trainer = fitting.start(made, parts, seed=seed, device=device, group=group)
    if group.is_main:
        for line in made.notes:
            note(line)
    steps, interrupted = made.hyperparameters.steps, resume_path(output)
    if resume and group.on_main(lambda: _is_finished(trainer, steps, output)):
        if group.is_main:
            note(f"{output} is trained to its end already")
        return 0
    if group.on_main(lambda: _takes_up(interrupted, resume=resume)):
        trainer.restore(interrupted)
        if group.is_main:
            note(f"resumed at step {trainer.step} of {steps}")
    finished = _run(trainer, made, interrupted, quiet=not group.is_main)
    if not group.is_main:
        return 0
    _write_curve(trainer, output, options)
    if not finished:
        return _keep_best(trainer, made, parts, output)
    _conclude(fitting.finish(made, trainer, parts), parts, output)
    return 0


def _search(
    series: tuple[str, ...],
    output: str,
    group: "ProcessGroup",
    options: dict[str, Any],
    *,
    resume: bool,
    seed: int,
    device: str,
) -> int:
    """Train with many settings, and conclude with the best."""
    from edgeseq.commands.train_search import Job, search

    if group.size > 1:
        raise UsageError("--search runs in one process; start it without torchrun")

    def keep_curve(trainer: "Trainer") -> None:
        folder = options["tensorboard"] and f"{options['tensorboard']}/{trainer.run_id}"
        _write_curve(trainer, output, {**options, "tensorboard": folder})

    data, parts, wishes = _load(series, options)
    source = click.get_current_context().get_parameter_source
    job = Job(
        data,
        parts,
        wishes,
        fixed=frozenset(name for name in options if source(name) != ParameterSource.DEFAULT),
        trials=options["search"],
        seed=seed,
        device=device,
        output=output,
        keep_curve=keep_curve,
    )
    checkpoint = search(job, resume=resume)
    if checkpoint is None:
        return INTERRUPTED
    _conclude(checkpoint, parts, output)
    return 0


def _check_outputs(output: str, options: dict[str, Any]) -> None:
    """Refuse what could not be written, now and not after hours of training."""
    from edgeseq.training import curves

    for path in (output, _curve_path(output), options["plot"]):
        if path:
            files.check_writable(path)
    if options["tensorboard"]:
        curves.check_tensorboard(Path(options["tensorboard"]))


def _takes_up(interrupted: Path, *, resume: bool) -> bool:
    """Whether an interrupted run is there to go on with; say it if it is given up."""
    if interrupted.exists() and not resume:
        note(f"starting anew; what an interrupted run left in {interrupted} will be replaced")
    return interrupted.exists() and resume


def _conclude(checkpoint: "Checkpoint", parts: "Parts", output: str) -> None:
    """Judge what was trained, and write it in any case."""
    from edgeseq.evaluation.report_text import summary
    from edgeseq.training import fitting

    for line in _decided(checkpoint.spec):
        note(line)
    try:
        fitted = fitting.judge(checkpoint, parts)
    except DataError as error:  # hours of training are not lost over a test part that cannot be scored
        checkpoint.save(output)
        note(f"warning: no figures: {error}")
    else:
        fitted.checkpoint.save(output)
        click.echo(summary(fitted.evaluation))
    resume_path(output).unlink(missing_ok=True)
    step = checkpoint.spec.training.best_step if checkpoint.spec.training else 0
    note(f"wrote {output}: the weights of step {step}; next: edgeseq export {output} -o MODEL.onnx")


def _decided(spec: "Spec") -> list[str]:
    """Return what was decided after the training."""
    share = spec.training.options.get("network_share") if spec.training else None
    if share is None:
        return []
    if not spec.linear_path:
        return ["linear path: it does not help; there is none"]
    path = f"linear path over the last {spec.linear_path} changes; the network's share in the forecast: {share}"
    return [path, f"warm-up after all: {spec.warmup} samples"]


def _write_curve(trainer: "Trainer", output: str, options: dict[str, Any]) -> None:
    """Write the learning curve beside the checkpoint, and in the forms that were asked for."""
    from edgeseq.training import curves

    curves.write_csv(trainer.curve, _curve_path(output))
    if options["plot"]:
        curves.draw(trainer.curve, Path(options["plot"]))
    if options["tensorboard"]:
        curves.write_tensorboard(trainer.curve, Path(options["tensorboard"]))


def _curve_path(output: str) -> Path:
    return Path(f"{output}.curve.csv")


def _load(series: tuple[str, ...], options: dict[str, Any]) -> tuple[Any, "Parts", Any]:
    """Read the series, and gather the user's wishes."""
    from edgeseq.series import load
    from edgeseq.training.options import TrainingOptions

    data, parts = load(
        series,
        sensor=options["sensor"],
        targets=options["target"],
        features=options["feature"],
        time=options["time"],
        split=options["split"],
        units=_units(options["unit"]),
        gap_limit=options["max_gap"],
        clocks=options["time_features"],
        every=options["every"],
        sort=options["sort"],
    )
    chosen = (
        *("preset", "horizon", "cell", "layers", "hidden", "steps", "warmup", "season", "level", "layout", "window"),
        *("linear_path", "learning_rate", "unroll"),
    )
    return data, parts, TrainingOptions(**{name: options[name] for name in chosen}, gap_limit=options["max_gap"])


def _units(pairs: tuple[str, ...]) -> dict[str, str]:
    units = {}
    for pair in pairs:
        name, equals, unit = pair.rpartition("=")
        if not equals:
            raise UsageError(f"--unit takes COL=UNIT, not {pair!r}")
        units[name] = unit
    return units


def _run(trainer: "Trainer", made: "Plan", interrupted: Path, *, quiet: bool = False) -> bool:
    """Train with a progress bar, quiet where stderr is no terminal; False after Ctrl-C or a polite kill."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
        GracefulShutdown() as politeness,
        politeness.waiting(patience=2),  # the first ends the run after a step; the second, wherever it is
    ):
        task = progress.add_task("", total=made.hyperparameters.steps, completed=trainer.step)

        def report(step: int, loss: float, best: float) -> None:
            validated = f"  validation {best:.2e}" if math.isfinite(best) else ""
            progress.update(task, completed=step, description=f"loss {loss:.2e}{validated}")

        return trainer.run(report, lambda: politeness.asked is not None, interrupted)


def _keep_best(trainer: "Trainer", made: "Plan", parts: "Parts", output: str) -> int:
    """Save what an interrupted run has reached."""
    from edgeseq.training import fitting

    at = f"stopped at step {trainer.step} of {made.hyperparameters.steps}"
    if trainer.best.step:
        fitting.finish(made, trainer, parts).save(output)
        note(f"{at}; {output} holds the best weights so far, of step {trainer.best.step}; --resume goes on")
    else:
        note(f"{at}, before the first validation: no checkpoint yet; --resume goes on")
    return INTERRUPTED


def _is_finished(trainer: "Trainer", steps: int, output: str) -> bool:
    """Whether the checkpoint at `output` is this very run's, and complete."""
    from edgeseq.model.checkpoint import Checkpoint

    if resume_path(output).exists() or not Path(output).exists():
        return False
    training = Checkpoint.load(output).spec.training
    return training is not None and training.run == trainer.run_id and training.steps == steps
