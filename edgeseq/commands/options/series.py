"""The options that say how a series is read, for commands that train and for those that evaluate."""

from collections.abc import Callable
from typing import Any

import click

from edgeseq.commands.options.common import Function

Decorator = Callable[[Function], Function]

time_option: Decorator[Any] = click.option(
    "--time", metavar="COL", help="Time column; none: use the order of the rows.  [default: detected]"
)
every_option: Decorator[Any] = click.option(
    "--every", metavar="DURATION", help="Make samples evenly spaced: the average of each 30s, 15min, 1h or 1d."
)
sort_option: Decorator[Any] = click.option("--sort", is_flag=True, help="Sort the rows by time first.")


def split_option(default: str) -> Decorator[Any]:
    """Return the option that parts a series; `default` says what holds where it is not given."""
    return click.option(
        "--split",
        metavar="TRAIN:VAL:TEST",
        help=f"Sizes of the parts, in time order: rows or fractions.  [default: {default}]",
    )


def series_options(function: Function) -> Function:
    """Add the options that say which columns of a series to use, and how its samples become evenly spaced."""
    for option in (
        sort_option,
        every_option,
        split_option("0.7:0.1:0.2"),
        time_option,
        click.option("--feature", metavar="COL", multiple=True, help="Further input column (repeatable)."),
        click.option("--target", metavar="COL", multiple=True, help="Column to forecast (repeatable)."),
    ):
        function = option(function)
    return function
