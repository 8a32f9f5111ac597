"""The options that say what to do about odd samples."""

import functools
from collections.abc import Callable
from typing import Any

import click

from edgeseq_runtime.rules import ABSENT, DISORDER, GAP, POLICIES, RANGE, STUCK, Rules

_HELP = {
    ABSENT: "What to do about a missing sample. impute: use the model's own forecast in its place; skip: leave it out; "
    "reset: restart the stream; error: stop.",
    RANGE: "What to do about a value far outside the training range. confirm: use it if it is near the last one or "
    "the next ones confirm it; flag: use it, and mark the output line; the others as in --missing.",
    STUCK: "What to do when a target stops changing (see --stuck-after).",
    GAP: "What to do about missing timestamps. impute: fill each missing sample with a forecast, or restart the stream "
    "after a longer gap than training filled in.",
    DISORDER: "What to do when a timestamp repeats or goes backwards.",
}


def rules_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, and call it with `missing` and with `rules` made of the others."""

    @functools.wraps(function)
    def command(*, margin: float, stuck_after: int, skip_limit: int, **others: Any) -> Any:
        rules = Rules(
            range=others.pop(RANGE),
            stuck=others.pop(STUCK),
            gap=others.pop(GAP),
            disorder=others.pop(DISORDER),
            margin=margin,
            stuck_after=stuck_after,
            skip_limit=skip_limit,
        )
        return function(rules=rules, **others)

    for option in (
        _number("--skip-limit", int, Rules.skip_limit, "Restart the stream after N skipped samples in a row."),
        _policy("--disorder", DISORDER, Rules.disorder),
        _policy("--gap", GAP, Rules.gap),
        _number(
            "--stuck-after",
            int,
            Rules.stuck_after,
            "A target is stuck after more than N equal values in a row; 0: never.",
        ),
        _policy("--stuck", STUCK, Rules.stuck),
        _number(
            "--margin",
            float,
            Rules.margin,
            "How far outside the training range is far, in deviations and typical changes.",
        ),
        _policy("--range", RANGE, Rules.range),
        _policy("--missing", ABSENT, "impute"),
    ):
        command = option(command)
    return command


def _policy(name: str, reason: str, default: str) -> Any:
    kinds = click.Choice(POLICIES[reason])
    return click.option(name, type=kinds, default=default, show_default=True, help=_HELP[reason])


def _number(name: str, kind: type, default: float, text: str) -> Any:
    limits = click.FloatRange(min=0) if kind is float else click.IntRange(min=0)
    return click.option(name, type=limits, default=default, show_default=True, help=text)
