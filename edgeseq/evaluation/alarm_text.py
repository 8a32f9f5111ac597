"""The alarms of a model as text."""

import math

from edgeseq.evaluation.anomalies import RATES, AlarmReport, Labelled
from edgeseq.text import number, table
from edgeseq_runtime.printable import counted


def alarm_summary(report: AlarmReport) -> str:
    """Return what was counted, for a terminal."""
    rates = sorted({*RATES, report.rate}, reverse=True)
    rows = [[f"{rate:g}", *_counted(report, rate)] for rate in rates]
    kinds = ", ".join(f"{count} {word}" for word, count in report.kinds.items())
    alarms = counted(len(report.alarms), "alarm") + (f": {kinds}" if kinds else "")
    lines = [f"{alarms}; at a rate of {report.rate:g} a sample, {number(report.rate * report.samples)} are by chance"]
    if report.labelled:
        lines += _labelled(report.labelled)
    header = ["p-values below", "samples", "share", "over nominal"]
    return "\n".join([table(header, rows), "", *lines])


def _counted(report: AlarmReport, rate: float) -> list[str]:
    share = report.share_below(rate)
    if math.isnan(share):
        return ["0", "-", "-"]
    return [f"{round(share * report.samples):,}", number(share), number(share / rate)]


def _labelled(labelled: Labelled) -> list[str]:
    found = f"{labelled.found} of {counted(labelled.windows, 'labelled window')} found"
    delay = "" if math.isnan(labelled.delay) else f", after {number(labelled.delay)} samples on average"
    precision = "" if math.isnan(labelled.precision) else f"; precision {labelled.precision:.2f}"
    recall = "" if math.isnan(labelled.recall) else f", recall {labelled.recall:.2f}"
    lines = [f"{found}{delay}", f"{counted(labelled.outside, 'alarm')} outside of windows{precision}{recall}"]
    if not math.isnan(labelled.nab):
        lines.append(f"score of the Numenta benchmark, standard profile: {labelled.nab:.1f} of 100")
    return lines
