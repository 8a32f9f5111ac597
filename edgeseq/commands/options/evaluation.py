"""The series that a model is judged on: its columns are the model's, the rest is said on the command line."""

import click

from edgeseq.commands.options.common import Function, every_option, sort_option


def judged_series(function: Function) -> Function:
    """Add the argument SERIES and the options that say how to read it."""
    for option in (
        sort_option,
        every_option,
        click.option("--time", metavar="COL", help="The time column; found by itself if obvious; none: go by order."),
        click.option(
            "--sensor",
            metavar="NAME",
            help="Which of the sensors it was trained on MODEL is to take this for.  [learned from the training part]",
        ),
        click.option("--split", metavar="TRAIN:VAL:TEST", help="Rows or fractions; that of the training if not given."),
        click.argument("series", required=False),
    ):
        function = option(function)
    return function
