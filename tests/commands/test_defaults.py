"""Defaults stand once, in the code that they hold for: what the help says of them is the same."""

import subprocess
import sys

import click
import pytest

from edgeseq import cli
from edgeseq.model import opset
from edgeseq.series.split import DEFAULT_SPLIT
from edgeseq.training.options import TrainingOptions
from edgeseq_runtime.rules import Rules


def help_of(command: str, option: str) -> str:
    """The help's text of one option, on one line."""
    group = cli.cli.commands[command]
    context = click.Context(group)
    found = next(one for one in group.params if isinstance(one, click.Option) and option in one.opts)
    record = found.get_help_record(context)
    assert record is not None
    return record[1]


@pytest.mark.parametrize(
    ("command", "option", "default"),
    [
        ("train", "--horizon", TrainingOptions.horizon),
        ("train", "--preset", TrainingOptions.preset),
        ("train", "--cell", TrainingOptions.cell),
        ("train", "--layers", TrainingOptions.layers),
        ("train", "--hidden", TrainingOptions.hidden),
        ("train", "--max-gap", TrainingOptions.gap_limit),
        ("export", "--opset", opset.DEFAULT),
        ("predict", "--margin", Rules.margin),
    ],
)
def test_the_help_shows_the_default_that_holds(command: str, option: str, default: object) -> None:
    assert f"[default: {default}" in help_of(command, option)


def test_the_help_shows_how_a_series_is_split() -> None:
    assert help_of("train", "--split").endswith(f"[default: {DEFAULT_SPLIT}]")


def test_the_help_of_training_needs_no_torch() -> None:
    code = "import sys; from edgeseq import cli; cli.run(['train', '--help']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "[default: lstm]" in done.stdout
    assert done.stdout.endswith("False\n")
