"""The options that say how a series is read, the same in train, evaluate, backtest and predict.

Predict runs on devices: nothing here needs what only the host has.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from edgeseq.commands.options.common import Function

if TYPE_CHECKING:
    from edgeseq_runtime.reading.overrides import OverrideKeywords

Decorator = Callable[[Function], Function]

AS_IN_TRAINING = "as in training"

sort_option: Decorator[Any] = click.option("--sort", is_flag=True, help="Sort the rows by time first.")


def split_option(default: str) -> Decorator[Any]:
    """Return the option that parts a series; `default` says what holds where it is not given."""
    return click.option(
        "--split",
        metavar="TRAIN:VAL:TEST",
        help=f"Sizes of the parts, in time order: rows or fractions.  [default: {default}]",
    )


def reading_options(default: str) -> Decorator[Any]:
    """Return what adds the options that say how text is read; the command gets them as one `overrides`.

    `default` says what holds where they are not given.
    """
    options = _options(default)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(*, na: tuple[str, ...], no_header: bool, **others: Any) -> Any:
            overrides: OverrideKeywords = {"na": na, "header": False if no_header else None}
            for name in ("time", "time_format", "zone", "decimal", "id", "skip_rows", "every", "aggregate", "hold"):
                overrides[name] = others.pop(name)
            return function(overrides=overrides, **others)

        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _options(default: str) -> "tuple[Decorator[Any], ...]":
    found = f"  [default: {default}]"
    kept = found if default == AS_IN_TRAINING else ""
    return (
        click.option(
            "--time",
            metavar="COL[,COL]",
            help=f"Time column, or those of date and time; none: use the order of the rows.{found}",
        ),
        click.option(
            "--time-format",
            metavar="FORMAT",
            help="How times are written: %d.%m.%Y %H:%M and the like; s, ms, us or ns since 1970; excel or wincc: "
            f"days; year: years with decimals.{found}",
        ),
        click.option("--zone", metavar="TZ", help=f"Zone of times without one, such as Europe/Berlin.{kept or _UTC}"),
        click.option(
            "--na", metavar="WORD", multiple=True, help="Take this word or number as a missing value (repeatable)."
        ),
        click.option("--decimal", metavar="CHAR", help=f"Decimal sign: a point or a comma.{found}"),
        click.option(
            "--id",
            metavar="COL|none",
            help=f"Column that names the sensor of each row, if one file holds several; none: all are of one.{kept}",
        ),
        click.option(
            "--skip-rows", type=click.IntRange(0, 1_000_000), metavar="N", help=f"Leave out the first N lines.{found}"
        ),
        click.option("--no-header", is_flag=True, help="The first line is a sample, not the names of the columns."),
        click.option(
            "--every",
            metavar="DURATION|none",
            help=f"Make samples evenly spaced: one for each 30s, 15min, 1h or 1d; none: take them as they are.{kept}",
        ),
        click.option(
            "--aggregate",
            type=click.Choice(["mean", "sum", "last", "max"]),
            help=f"What stands for the samples of one --every.{kept or '  [default: mean]'}",
        ),
        click.option(
            "--hold",
            metavar="DURATION|none",
            help=f"Let a value hold for so long where no newer one comes: for sensors that report changes only.{kept}",
        ),
    )


_UTC = "  [default: UTC]"


def series_options(function: Function) -> Function:
    """Add the options that say which columns of a series to use, and how its samples become evenly spaced."""
    for option in (
        sort_option,
        split_option("0.7:0.1:0.2"),
        reading_options("detected"),
        click.option(
            "--known",
            metavar="COL",
            multiple=True,
            help="Column whose values over the horizon are known when a forecast is made, such as a weather forecast "
            "(repeatable).",
        ),
        click.option("--feature", metavar="COL", multiple=True, help="Further input column (repeatable)."),
        click.option("--target", metavar="COL", multiple=True, help="Column to forecast (repeatable)."),
    ):
        function = option(function)
    return function
