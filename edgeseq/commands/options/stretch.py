"""Which stretch of the series a plot shows."""

import functools
from collections.abc import Callable
from typing import Any

import click

from edgeseq_runtime.errors import UsageError


def stretch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --last, --since and --until beside --plot; call the command with them as one `stretch`."""

    @functools.wraps(function)
    def command(*, plot: str | None, last: str | None, since: str | None, until: str | None, **others: Any) -> Any:
        if not plot and (last or since or until):
            raise UsageError("--last, --since and --until say what --plot draws: add --plot FILE.png")
        from edgeseq.evaluation.stretch import Stretch

        return function(plot=plot, stretch=Stretch(last, since, until), **others)

    for option in (
        click.option("--until", metavar="TIME", help="End of the plot."),
        click.option("--since", metavar="TIME", help="Start of the plot, such as 2026-05-01T12:00."),
        click.option("--last", metavar="DURATION", help="Plot only the end: 12h, 7d, or a number of samples."),
    ):
        command = option(command)
    return command
