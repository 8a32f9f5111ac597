"""Each exporter's format gives the values, times, missing rows and units that are known, or one clear refusal."""

import re
from typing import Any

import numpy as np
import pytest

import edgeseq
import tests.reading.exporters_industry
import tests.reading.exporters_public  # noqa: F401 - both add their exporters
from edgeseq_runtime.errors import EdgeseqError
from tests.reading.exporters import EXPORTERS, HOLED, Export
from tests.reading.workbench import Workbench, check


def matches(bench: Workbench, export: Export, said: dict[str, Any]) -> None:
    """Demand the truth of a file."""
    series = edgeseq.load(bench.write(export.text, export.file), **said)[0]
    if "sensor" in said:
        assert {sensor.name for sensor in series.sensors} == {"room0", "room1"}
        assert np.isnan(series.values[:, 0]).sum() >= 2 * np.isnan(HOLED).sum()
        return
    if said.get("every"):  # times of the intervals, whose one value each is
        export = Export(export.text, export.values, [time.replace(microsecond=0) for time in export.times or ()])
    check(series, export.values, export.times)
    if export.unit is not None:
        assert series.units[0] == export.unit


def refusal(bench: Workbench, export: Export, said: dict[str, Any]) -> str:
    """Why a file is refused; "" where it is read, and right."""
    try:
        matches(bench, export, said)
    except EdgeseqError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_exporters_file_is_read_right_or_refused_clearly(bench: Workbench, name: str) -> None:
    """With no more said than which column is meant; where that is refused for a reason, with what it asks for."""
    export = EXPORTERS[name]()
    why = refusal(bench, export, dict(export.said))
    if not why:
        return
    assert export.refusal, why
    assert re.search(export.refusal, why)
    assert "\n" not in why
    if export.then is not None:
        matches(bench, export, dict(export.then))


def test_there_are_forty_exporters() -> None:
    assert len(EXPORTERS) >= 40
