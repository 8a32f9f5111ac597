"""What `evaluate` and `backtest` say and draw of anomalies, beside the forecasts' figures."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeseq.commands.notes import note

if TYPE_CHECKING:
    from edgeseq.evaluation.anomalies import AlarmReport
    from edgeseq.evaluation.stretch import Stretch


def draw(path: str, report: "AlarmReport | None", stretch: "Stretch", otherwise: Callable[[Path], None]) -> None:
    """Draw the alarms of a report; where there is none, what `otherwise` draws."""
    if report:
        from edgeseq.evaluation.alarm_plot import draw_alarms

        draw_alarms(report, Path(path), stretch)
    else:
        otherwise(Path(path))
    note(f"wrote {path}")


def tell(figures: Mapping[str, Any], text: Callable[[], str], report: "AlarmReport | None", *, as_json: bool) -> None:
    """Print figures, with those of the alarms, as JSON or as text."""
    if as_json:
        alarms = {"anomalies": report.to_dict()} if report else {}
        click.echo(json.dumps({**figures, **alarms}, allow_nan=False))
        return
    click.echo(text())
    if report:
        from edgeseq.evaluation.alarm_text import alarm_summary

        click.echo(f"\n{alarm_summary(report)}")
