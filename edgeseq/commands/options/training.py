"""Options of whatever trains: how long, how fast, from which seed, on which device."""

from typing import Any

import click

from edgeseq.commands.options.series import Decorator


def steps_option(default: str) -> Decorator[Any]:
    """Return the option of the training steps; `default` says where they come from without it."""
    return click.option("--steps", type=click.IntRange(min=1), help=f"Training steps.  [default: {default}]")


learning_rate_option = click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Peak learning rate.  [default: from the data]",
)

seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Random seed; the same seed on the same machine gives the same weights.",
)

device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Device to train on; auto: the CPU.",
)
