"""Specs that no training writes: each is refused with the name of the field, before it costs time or memory."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from edgeseq.testing import make_checkpoint
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.spec import LIMITS, Residuals, Spec
from edgeseq_runtime.spec.checks import check_numbers
from tests.conftest import CommandLine

PLAIN = replace(
    make_checkpoint(horizon=2, period=60.0).spec,
    residuals=Residuals((0.05, 0.5, 0.95), (((-1.0, 0.0, 1.0),),) * 2),
    season=24,
)
FLEET = make_checkpoint(sensors=2).spec
MANY = 10**9


def changed(spec: Spec, path: str, value: Any) -> str:
    """Return the spec's JSON with another value at a place such as features.0.change."""
    content = json.loads(spec.to_json())
    *parents, last = path.split(".")
    at = content
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at[name]
    at[int(last) if isinstance(at, list) else last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("features.0.change", value) for value in (-1.0, 0.0, 1e-300, 1e-30)),
        *(("features.0.scale", value) for value in (-1.0, 0.0, 1e300)),
        *(("features.0.center", value) for value in (1e39, -1e300)),
        ("features.0.std", -1.0),
        ("features.0.minimum", 4.0),
        ("features.0.maximum", -4.0),
        ("features.0.maximum", 1e300),
        ("target_scales.0.0", 0.0),
        ("target_scales.1.0", -1.0),
        ("target_scales.1.0", 1e39),
        ("period", 0),
        ("period", -1.0),
        ("season", -5),
        *((name, most + 1) for name, (_, most) in LIMITS.items()),
        *((name, least - 1) for name, (least, _) in LIMITS.items()),
        ("gap_limit", MANY),
        ("layers", 10**18),
        ("residuals.quantiles.0.0", [1.0, 0.0, -1.0]),
        ("residuals.quantiles.0.0", [0.0]),
        ("residuals.quantiles", []),
        ("residuals.levels", [0.95, 0.5, 0.05]),
        ("residuals.levels", [0.05, 0.5, 1.5]),
    ],
)
def test_a_number_that_nothing_measured_gives_is_refused_by_name(path: str, value: Any) -> None:
    with pytest.raises(ModelFileError, match=path.split(".", maxsplit=1)[0]):
        Spec.from_json(changed(PLAIN, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sensors.0.gain.0", -1.0),
        ("sensors.0.gain.0", 0.0),
        ("sensors.0.gain.0", 1e39),
        ("sensors.1.offset.0", -1e39),
        ("sensors.0.gain", []),
        ("sensors.1.name", FLEET.sensors[0].name),
        ("states", [{"name": "h", "next": "i", "shape": [1, -1, 4]}]),
        ("states", [{"name": "h", "next": "i", "shape": [1, -1, 4]}] * 2),
    ],
)
def test_sensors_and_states_that_do_not_fit_are_refused(path: str, value: Any) -> None:
    with pytest.raises(ModelFileError, match=r"sensors|states"):
        Spec.from_json(changed(FLEET, path, value))


def test_the_limit_is_named() -> None:
    with pytest.raises(ModelFileError, match="gap_limit is invalid: expected at least 0, at most 10000"):
        Spec.from_json(changed(PLAIN, "gap_limit", MANY))


@pytest.mark.parametrize("key", ["horizon", "format", "features"])
def test_a_key_that_is_there_twice_is_refused(key: str) -> None:
    text = PLAIN.to_json()
    again = f'{text[:-1]},"{key}":{json.dumps(json.loads(text)[key])}}}'
    with pytest.raises(ModelFileError, match=f"the key '{key}' twice"):
        Spec.from_json(again)
    inner = text.replace('"features":[{', '"features":[{"name":"f0",', 1)
    with pytest.raises(ModelFileError, match="the key 'name' twice"):
        Spec.from_json(inner)


@pytest.mark.parametrize("depth", [10, 400, 900, 980, 1000, 100_000])
@pytest.mark.parametrize("field", ["series", "features", "unknown"])
def test_a_spec_of_any_depth_is_read_or_refused(depth: int, field: str) -> None:
    text = f'{PLAIN.to_json()[:-1]},"new":1}}'.replace('"new":1', f'"{field}2":' + "[" * depth + "]" * depth)
    swapped = PLAIN.to_json().replace('"series":"made_up"', '"series":' + "[" * depth + "]" * depth)
    for content in (text, swapped):
        try:
            Spec.from_json(content)
        except ModelFileError as error:
            said = str(error)
        else:
            said = ""
        assert len(said) < 300


def test_a_message_about_names_of_a_megabyte_is_of_bounded_length() -> None:
    with pytest.raises(ModelFileError) as raised:
        Spec.from_json(changed(PLAIN, "features.0", {"n" * 10**6: 1}))
    assert len(str(raised.value)) <= 1000
    with pytest.raises(ModelFileError) as raised:
        Spec.from_json(changed(PLAIN, "horizon", "x" * 10**6))
    assert len(str(raised.value)) < 200


def test_reading_an_honest_spec_costs_no_more_than_a_look() -> None:
    """Its checks take no longer than its JSON and its types do."""
    text, took = PLAIN.to_json(), []
    spec = Spec.from_json(text)
    for act in (lambda: Spec.from_json(text), lambda: check_numbers(spec)):
        begin = time.perf_counter()
        for _ in range(50):
            act()
        took.append(time.perf_counter() - begin)
    assert took[1] < took[0] / 2


def test_training_offers_no_gap_that_a_device_would_refuse(edgeseq: CommandLine) -> None:
    done = edgeseq("train", "--max-gap", LIMITS["gap_limit"][1] + 1, "-o", "c.safetensors")
    assert (done.code, "0<=x<=10000" in done.err) == (2, True)
