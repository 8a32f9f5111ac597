"""The options for anomalies, and how a rate of false alarms is written: 1e-4 a sample, or 1/week."""

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.reading import durations

_SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0, "month": 2629746.0, "year": 31556952.0}
"""Of each word; a month and a year are those of the Gregorian calendar on average."""

_MOST = 0.5
"""False alarms a sample, which a rate lies below: every other sample would be no news."""

_EXPECTED = "expected a rate such as 1e-4 (false alarms a sample, above 0 and below 0.5) or 1/week"


@dataclass(frozen=True)
class AnomalyRate:
    """How many false alarms are put up with."""

    text: str
    """As the user wrote it."""
    count: float
    """False alarms."""
    seconds: float | None = None
    """In how many seconds; None: a sample."""

    def per_sample(self, period: float | None) -> float:
        """Return how many there are a sample, where samples are so many seconds apart.

        Raises `UsageError` where that is not known and the rate is one of time, and for half a sample or more.
        """
        if self.seconds is None:
            return self.count
        if not period:
            raise UsageError(
                f"--anomaly-rate {self.text}: the model does not know how far apart samples are (starter learns it "
                "from the first times alone); give a rate by sample, such as "
                f"{self.count * 60 / self.seconds:.2g} for samples a minute apart, or gather samples with --every"
            )
        rate = self.count * period / self.seconds
        if not rate < _MOST:
            every = durations.text(period)
            raise UsageError(
                f"--anomaly-rate {self.text}: expected less than one alarm in two samples, "
                f"got {rate:.3g} a sample with one every {every}"
            )
        return rate


DEFAULT = AnomalyRate("1e-4", 1e-4)


def parse(text: str) -> AnomalyRate:
    """Return the rate in a text such as 1e-4, 1/week, 2/day or 1/12h. Raises `UsageError`."""
    count, slash, span = (part.strip() for part in text.partition("/"))
    seconds = _span(span) if slash else None
    if not re.fullmatch(r"[0-9]+(\.[0-9]*)?(e[+-]?[0-9]{1,3})?|\.[0-9]+", count, re.ASCII | re.IGNORECASE):
        raise UsageError(f"--anomaly-rate: {_EXPECTED}, got {text!r}")
    number = float(count)
    if not 0 < number < (math.inf if slash else _MOST):
        raise UsageError(f"--anomaly-rate: {_EXPECTED}, got {text!r}")
    return AnomalyRate(text.strip(), number, seconds)


def _span(text: str) -> float:
    """Return the seconds in what stands behind the slash: a word, or a duration."""
    if text.lower() in _SECONDS:
        return _SECONDS[text.lower()]
    try:
        return durations.parse(text)
    except UsageError:
        known = f"one of {', '.join(_SECONDS)} or a duration such as 12h behind /"
        raise UsageError(f"--anomaly-rate: expected {known}, got {text!r}") from None


def anomalies_options(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the options to a command, and calls it with `anomaly_rate`: None where none are looked for.

    `text` says what looking for them does to the command.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(*, anomalies: bool, anomaly_rate: str | None, **others: Any) -> Any:
            rate = parse(anomaly_rate) if anomaly_rate is not None else DEFAULT if anomalies else None
            return function(anomaly_rate=rate, **others)

        for option in (
            click.option(
                "--anomaly-rate",
                metavar="RATE",
                help="Look for anomalies, with so many false alarms: 1e-5 a sample, or 1/week, 2/day, 1/12h."
                f"  [default: {DEFAULT.text}]",
            ),
            click.option("--anomalies", is_flag=True, help=text),
        ):
            command = option(command)
        return command

    return decorate


def windows_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --windows, which goes with --anomalies."""

    @functools.wraps(function)
    def command(*, anomaly_rate: AnomalyRate | None, windows: str | None, **others: Any) -> Any:
        if windows and not anomaly_rate:
            raise UsageError("--windows says what --anomalies are compared with: add --anomalies")
        return function(anomaly_rate=anomaly_rate, windows=windows, **others)

    return click.option(
        "--windows",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Compare alarms with labelled windows: JSON or CSV with the first and last time of each.",
    )(command)
