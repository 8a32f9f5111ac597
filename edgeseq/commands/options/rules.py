"""The options that say what odd samples lead to."""

import functools
from collections.abc import Callable
from typing import Any

import click

from edgeseq_runtime.rules import ABSENT, DISORDER, GAP, POLICIES, RANGE, STUCK, Rules

_HELP = {
    ABSENT: "What a missing sample leads to: the model's own forecast stands in, it is left out, the stream starts"
    " afresh, or it ends.",
    RANGE: "What a value far outside the training range leads to; flag: it is taken, and the line says so.",
    STUCK: "What a target leads to that stands still.",
    GAP: "What a gap in the times leads to; impute: as many forecasts stand in as samples lack, or it starts afresh.",
    DISORDER: "What a time leads to that repeats or runs backwards.",
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
        _number("--skip-limit", int, Rules.skip_limit, "Samples left out in a row before the stream starts afresh."),
        _policy("--disorder", DISORDER, Rules.disorder),
        _policy("--gap", GAP, Rules.gap),
        _number(
            "--stuck-after", int, Rules.stuck_after, "Equal values of a target in a row that are no fault; 0: any."
        ),
        _policy("--stuck", STUCK, Rules.stuck),
        _number("--margin", float, Rules.margin, "How far outside the training range is far, in widths of it."),
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
