"""`edgeseq train`: a series in, a checkpoint out."""

from functools import partial
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from edgeseq.commands.options.common import LazyDefault, ModelPath
from edgeseq.commands.options.series import series_options
from edgeseq.commands.options.training import device_option, learning_rate_option, seed_option, steps_option
from edgeseq_runtime.errors import EdgeseqError, UsageError
from edgeseq_runtime.spec import LIMITS, RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeseq.training.options import TrainingOptions
    from edgeseq_runtime.reading.overrides import OverrideKeywords

_lazy_option = partial(click.option, cls=LazyDefault, show_default=True)


def _options() -> "type[TrainingOptions]":
    """Return what holds the defaults; it needs NumPy, which the start of another command does not wait for."""
    from edgeseq.training.options import TrainingOptions

    return TrainingOptions


def _parse_linear_path(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    """Return the lags, 0 for none, None where the data decide."""
    if value in (None, "auto"):
        return None
    if value == "off":
        return 0
    try:
        lags = int(str(value))  # of at most 4,300 digits
    except ValueError:
        lags = 0
    if lags < 2:
        raise click.BadParameter(f"expected auto, off or a number from 2 on, got {value!r}")
    return lags


def _parse_time_features(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Return the names of the features: a sine and a cosine of each kind."""
    from edgeseq_runtime.spec import CLOCKS

    kinds = [kind.strip() for kind in value.split(",")] if value else []
    known = [name.partition("_")[0] for name in CLOCKS]
    for kind in kinds:
        if kind not in known:
            raise click.BadParameter(f"expected {', '.join(dict.fromkeys(known))}, got {kind!r}")
    return tuple(name for name in CLOCKS if name.partition("_")[0] in kinds)


@click.command()
@click.argument("series", nargs=-1)
@series_options
@_lazy_option(
    "--horizon",
    type=click.IntRange(min=1),
    default=lambda: _options().horizon,
    help="Number of samples to forecast ahead.",
)
@_lazy_option(
    "--preset",
    type=click.Choice(["default", "classic"]),
    default=lambda: _options().preset,
    help="default: settings chosen from the data; classic: shuffled windows of ten values, Adagrad, 10,000 steps.",
)
@_lazy_option(
    "--cell",
    type=click.Choice(["lstm", "gru", "rnn"]),
    default=lambda: _options().cell,
    help="Type of recurrent layer.",
)
@_lazy_option(
    "--layers", type=click.IntRange(min=1), default=lambda: _options().layers, help="Number of recurrent layers."
)
@_lazy_option("--hidden", type=click.IntRange(min=1), default=lambda: _options().hidden, help="Units in each layer.")
@steps_option("from the data")
@seed_option
@device_option
@click.option(
    "--warmup",
    type=click.IntRange(min=1),
    help="Samples that a stream needs before its forecasts count.  [default: measured]",
)
@click.option(
    "--season",
    type=click.IntRange(min=2),
    help="Samples in a season, such as 24 for a daily pattern in hourly samples.  [default: detected]",
)
@click.option(
    "--level/--no-level",
    default=None,
    help="Give the network each value itself, not only its change since the last sample.  [default: from the data]",
)
@click.option(
    "--linear-path",
    metavar="auto|off|L",
    callback=_parse_linear_path,
    help="Add a linear regression on the last L changes to the network's forecast.  [default: auto]",
)
@click.option(
    "--layout",
    type=click.Choice(["stream", "features", "steps"]),
    help="What the network sees. stream: one sample after the other; features: a window as one step; steps: a window, "
    "one step for each sample.  [default: stream; with --preset classic features]",
)
@click.option(
    "--window",
    type=click.IntRange(min=2),
    help="Samples in a window, with --layout features or steps.  [default: 10]",
)
@click.option(
    "--unroll",
    type=click.IntRange(min=2),
    help="Samples that backpropagation through time goes back.  [default: from the data]",
)
@learning_rate_option
@_lazy_option(
    "--adapt",
    type=click.Choice(["auto", "on", "off"]),
    default=lambda: _options().adapt,
    help="Let forecasts go on learning on the device. auto: where that is no worse over the validation part.",
)
@click.option(
    "--search",
    type=click.IntRange(min=1),
    metavar="N",
    help="Try N settings of --hidden, --layers, --learning-rate and --unroll (or --window), except those given; keep "
    "the one with the lowest validation error.",
)
@click.option(
    "--time-features",
    metavar="KIND,...",
    callback=_parse_time_features,
    help="Give the network the time of day (hour), week (weekday) or year (yearday).",
)
@click.option("--plot", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw the learning curve.")
@click.option(
    "--tensorboard",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Write the learning curve for TensorBoard.",
)
@click.option(
    "--unit", metavar="COL=UNIT", multiple=True, help="Unit of a column, kept in the model file (repeatable)."
)
@_lazy_option(
    "--max-gap",
    type=click.IntRange(*LIMITS["gap_limit"]),
    default=lambda: _options().gap_limit,
    help="Fill in up to this many missing samples in a row; a longer gap splits the series.",
)
@click.option(
    "--from",
    "begin",
    type=ModelPath(),
    metavar="CHECKPOINT|MODEL|starter",
    help="Begin with the weights of a checkpoint, or of a model file that is not quantised. What is not said is as in "
    "that model: columns, --horizon, --cell, --layers, --hidden, --linear-path, --layout, --window. With starter, the "
    "network for any sensor: for series of some hundred to some thousand samples, up to 48 ahead.",
)
@click.option("--resume", is_flag=True, help="Continue the interrupted run, if there is one.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="Checkpoint to write.")
def train(
    series: tuple[str, ...],
    *,
    # how the series is read
    target: "Sequence[str]",
    feature: "Sequence[str]",
    known: "Sequence[str]",
    split: str | None,
    sort: bool,
    overrides: "OverrideKeywords",
    unit: tuple[str, ...],
    max_gap: int,
    time_features: "Sequence[str]",
    # what is trained
    preset: str,
    horizon: int,
    cell: str,
    layers: int,
    hidden: int,
    steps: int | None,
    warmup: int | None,
    season: int | None,
    level: bool | None,
    linear_path: int | None,
    layout: str | None,
    window: int | None,
    unroll: int | None,
    learning_rate: float | None,
    adapt: str,
    # how it goes, and what it writes
    search: int | None,
    seed: int,
    device: str,
    begin: str | None,
    resume: bool,
    output: str,
    plot: str | None,
    tensorboard: str | None,
) -> int:
    r"""Train a small recurrent network on SERIES: a file, or an example's name (co2).

    A file is CSV, JSON lines, Influx line protocol or Parquet. How it is written is found out, and printed where it was
    a choice. Without SERIES it trains on a sine wave. Several files, or one file with --id, are sensors of the same
    kind: they share one network, which scales each sensor by itself.

    \b
    edgeseq train -o sine.safetensors
    edgeseq train co2 --horizon 4 -o co2.safetensors
    edgeseq train plant.csv --target temp --feature load -o plant.safetensors
    edgeseq train boiler-1.csv boiler-2.csv --target temp -o boilers.safetensors
    edgeseq train co2 --search 20 -o co2.safetensors
    edgeseq train boiler-3.csv --from boilers.safetensors -o boiler-3.safetensors
    edgeseq train new.csv --from starter --horizon 12 -o new.safetensors
    """
    from edgeseq.commands import train_run
    from edgeseq.commands.train_log import tell_of_reading
    from edgeseq.series import load
    from edgeseq.training.distributed import ProcessGroup
    from edgeseq.training.options import TrainingOptions

    outputs = train_run.Outputs(output, plot, tensorboard)
    options = TrainingOptions(
        preset=preset,
        horizon=horizon,
        cell=cell,
        layers=layers,
        hidden=hidden,
        steps=steps,
        warmup=warmup,
        season=season,
        level=level,
        linear_path=linear_path,
        layout=layout,
        window=window,
        learning_rate=learning_rate,
        unroll=unroll,
        gap_limit=max_gap,
        adapt=adapt,
    )
    with ProcessGroup.join(device) as group:
        try:
            if group.is_main:
                outputs.check(series)
            if search and group.size > 1:
                raise UsageError("--search runs in one process; start it without torchrun")
            if group.is_main:
                tell_of_reading(series)
            start, named = None, _named_options()
            if begin:
                from edgeseq.training.fine_tuning import Pretrained

                start = Pretrained.read(begin)
                if start.spec.scaling == RUNNING:
                    from edgeseq.commands import train_from_starter

                    if group.size > 1:
                        raise UsageError(f"--from {begin} runs in one process; start it without torchrun")
                    options = train_from_starter.adopt(start, options, named, device)
                else:
                    options = start.adopt(options, named)
                if series and not start.spec.takes_any:
                    target, feature, known, time_features = start.columns(target, feature, known, time_features)
            data, parts = load(
                series,
                targets=target,
                features=feature,
                known=known,
                split=split,
                units=_units(unit),
                gap_limit=max_gap,
                clocks=time_features,
                sort=sort,
                **overrides,
            )
            if start and start.spec.scaling == RUNNING:
                from edgeseq.commands import train_from_starter

                return train_from_starter.train(data, parts, options, outputs, start)
            if search:
                return train_run.search(
                    data,
                    parts,
                    options,
                    outputs,
                    trials=search,
                    fixed=named,
                    resume=resume,
                    seed=seed,
                    device=device,
                    begin=start,
                )
            return train_run.train(
                data, parts, options, outputs, group, resume=resume, seed=seed, device=device, begin=start
            )
        except EdgeseqError:
            if group.reports_errors:
                raise
            return 1


def _named_options() -> frozenset[str]:
    """Return the options that the user gave, by parameter."""
    context = click.get_current_context()
    return frozenset(
        name for name in context.params if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    )


def _units(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the unit of each column that one is given for."""
    units = {}
    for pair in pairs:
        name, equals, unit = pair.rpartition("=")
        if not equals:
            raise UsageError(f"--unit: expected COL=UNIT, got {pair!r}")
        units[name] = unit
    return units
