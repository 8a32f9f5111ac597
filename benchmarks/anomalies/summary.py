"""The tables of what was counted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.anomalies.counting import RATES
from edgeseq.text import table

Records = Mapping[str, Mapping[str, Any]]

_EVENTS = {
    "spike": "spike of 6",
    "shift": "shift of 2",
    "doubled": "noise doubles",
    "stuck": "stuck",
    "silent": "falls silent",
    "drift": "drift of 0.1",
}


def tables(records: Records) -> Iterator[str]:
    """Yield the tables: false alarms, those of other detectors, and trials."""
    if records:
        yield calibration(records)
        yield rivals(records)
    made_up = {name: record for name, record in records.items() if "trials" in record}
    if made_up:
        yield trials(made_up)


def calibration(records: Records) -> str:
    """Return false alarms over the nominal rate, by series, and all made-up ones together."""
    header = ["series", *_rates(), f"alarms, {RATES[-1]:.0e}", "KS", "KS, worst block"]
    rows = []
    for name, record in records.items():
        own = record["detectors"]["edgeseq"]
        figures = [*own["ratios"], record["alarms over nominal"]]
        rows.append([name, *_texts(figures), f"{own['distance']:.4f}", f"{own['farthest']:.4f}"])
    made_up = [[*each["detectors"]["edgeseq"]["ratios"], each["alarms over nominal"]] for each in _made_up(records)]
    if made_up:
        rows.append([_ALL, *_texts(np.mean(made_up, axis=0)), "", ""])
    return "False alarms over the nominal rate\n" + table(header, rows)


def rivals(records: Records) -> str:
    """Return the same of the other detectors."""
    names = [name for name in next(iter(records.values()))["detectors"] if name != "edgeseq"]
    header = ["series", *(f"{name}, {rate}" for name in names for rate in _rates())]

    def ratios(record: Mapping[str, Any]) -> list[float]:
        return [ratio for name in names for ratio in record["detectors"][name]["ratios"]]

    rows = [[name, *_texts(ratios(record))] for name, record in records.items()]
    made_up = [ratios(record) for record in _made_up(records)]
    if made_up:
        rows.append([_ALL, *_texts(np.mean(made_up, axis=0))])
    return "The same errors in other detectors\n" + table(header, rows)


def trials(records: Records) -> str:
    """Return in how many of the trials on made-up series an event was found in time."""
    first = next(iter(records.values()))["trials"]
    header = ["series", *(f"{_EVENTS[event]}, within {found['within']}" for event, found in first.items())]
    header.append("visible spikes, %")
    rows = [
        [name, *(_found_cell(found) for found in record["trials"].values()), f"{100 * record['visible spikes']:.0f}"]
        for name, record in records.items()
    ]
    count = next(iter(first.values()))["trials"]
    return f"Found in time at 1e-4, of {count} trials (samples until found, median)\n" + table(header, rows)


_ALL = "all made-up"
"""Their mean: all have the same length, so it is the ratio of all samples together."""


def _made_up(records: Records) -> list[Mapping[str, Any]]:
    return [record for record in records.values() if "trials" in record]


def _rates() -> list[str]:
    return [f"{rate:.0e}" for rate in RATES]


def _texts(figures: Iterable[float]) -> list[str]:
    return [f"{figure:.2f}" for figure in figures]


def _found_cell(found: Mapping[str, Any]) -> str:
    median = "-" if found["median"] is None else f"{found['median']:.0f}"
    return f"{found['in_time']} ({median})"
