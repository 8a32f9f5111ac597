"""What a user says goes before what training found out; and only files whose reading binds have format 2."""

import dataclasses
import json
from typing import Any

import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.reading.overrides import Overrides
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Spec

FOUND = Reading(
    time=("Datum", "Zeit"), time_format="%d.%m.%Y %H:%M", missing=("-127",), decimal=",", thousands=".", id="room",
    every=900.0, aggregate="max", hold=3600.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({}, {}),
        ({"time": "none"}, {"time": ()}),
        ({"time": "Datum, Uhr"}, {"time": ("Datum", "Uhr")}),
        ({"time_format": "excel", "zone": "Europe/Berlin"}, {"time_format": "excel", "zone": "Europe/Berlin"}),
        ({"na": ("x", "-127")}, {"missing": ("-127", "x")}),
        ({"decimal": "."}, {"decimal": ".", "thousands": ""}),
        ({"id": "none"}, {"id": ""}),
        ({"id": "probe", "skip_rows": 3}, {"id": "probe", "skip_rows": 3}),
        ({"every": "none", "hold": "none"}, {"every": None, "hold": None}),
        ({"every": "1h", "aggregate": "sum", "hold": "2d"}, {"every": 3600.0, "aggregate": "sum", "hold": 172800.0}),
    ],
)
def test_what_is_said_replaces_what_was_found(said: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert Overrides(**said).over(FOUND) == dataclasses.replace(FOUND, **wanted)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"every": "1 fortnight"}, "expected a duration such as 15min"),
        ({"hold": "0s"}, "expected a duration such as 15min"),
        ({"decimal": "'"}, "expected a point or a comma"),
        ({"aggregate": "median"}, "expected one of mean, sum, last, max"),
        ({"zone": "../etc/passwd"}, "expected a zone"),
        ({"skip_rows": -1}, "expected 0 to 1,000,000 rows"),
    ],
)
def test_nonsense_is_refused_as_the_users(said: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Overrides(**said)


USUAL = ({}, {"time": ("t",)}, {"time": ("t",), "zoned": True}, {"skip_rows": 2}, {"sort": True})
BINDING = (
    *({"time": ("a", "b")}, {"time_format": "ms"}, {"zone": "Europe/Berlin"}, {"missing": ("-999",)}, {"decimal": ","}),
    *(
        {"thousands": ","},
        {"id": "room"},
        {"header": ("t", "v")},
        {"every": 60.0},
        {"aggregate": "max"},
        {"hold": 60.0},
    ),
)


@pytest.mark.parametrize("fields", [*USUAL, *BINDING])
def test_a_file_has_format_2_where_its_reading_binds(fields: dict[str, Any]) -> None:
    """Written into a model file and read back; version 0.1 then refuses just those that it would read wrongly."""
    checkpoint = make_checkpoint()
    reading = Reading(**fields)
    made = edgeseq_export.export(
        dataclasses.replace(checkpoint, spec=dataclasses.replace(checkpoint.spec, reading=reading))
    )
    found = Predictor(made.content, provider="cpu").spec
    assert found.reading == reading
    assert found.format == (2 if fields in BINDING else 1)


def test_a_file_without_a_reading_knows_its_time_column() -> None:
    """As version 0.1 wrote it."""
    spec = make_checkpoint().spec
    assert json.loads(spec.to_json())["format"] == 1
    assert dataclasses.replace(spec, time="t").known_reading == Reading(time=("t",))
    assert dataclasses.replace(spec, time=None).known_reading == Reading()


@pytest.mark.parametrize(
    ("reading", "name"),
    [
        ({"aggregate": "median"}, "aggregate"),
        ({"every": -1}, "every"),
        ({"zone": "../x"}, "zone"),
        ({"time": 3}, "time"),
    ],
)
def test_a_reading_that_none_can_obey_is_refused(reading: dict[str, Any], name: str) -> None:
    content = json.loads(make_checkpoint().spec.to_json()) | {"reading": reading, "format": 2}
    with pytest.raises(ModelFileError, match=f"reading.*{name}|{name}.*reading"):
        Spec.from_json(json.dumps(content))


def test_an_unknown_format_is_refused() -> None:
    content = json.loads(make_checkpoint().spec.to_json()) | {"format": 3}
    with pytest.raises(ModelFileError, match="the file has format 3; this version of edgeseq reads up to format 2"):
        Spec.from_json(json.dumps(content))
