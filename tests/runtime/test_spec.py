"""The spec: a round trip, what it refuses, and that nothing else than a clear error comes of any text."""

import contextlib
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.testing import make_spec
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.spec import (
    FORMAT,
    Figures,
    LearnedAnomalies,
    Residuals,
    Score,
    Spec,
    State,
    Training,
    Verification,
)

FULL = replace(
    make_spec(features=2, horizon=2),
    time="date",
    period=60.0,
    season=24,
    producer={"edgeseq": "1"},
    states=(State("last", "last_next", (1, -1, 3)), State("h1", "h1_next", (1, -1, 6))),
    training=Training("default", 1, 10, 5, 0.5, "cpu", "0123", {"steps": 10, "noise": 0.25, "kind": "x", "flag": True}),
    figures=Figures(7, Score(1.0, 2.0, 3.0, 4.0), {"ridge": Score(1.5, 2.5, 3.5, 4.5)}),
    residuals=Residuals((0.1, 0.9), (((-1.0, 1.0),), ((-2.0, 2.0),))),
    anomalies=LearnedAnomalies((500.0,), (1.5,), (0.25,), {"error": ((0.5, 1.0),)}, ((1.0, 2.0, 3.0),)),
    verification=Verification(((1.0, 2.0),), ((3.0, 4.0),), (1e-5,)),
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("spec", [make_spec(), make_spec(features=3, targets=2, horizon=4), FULL])
def test_a_spec_survives_the_way_through_json(spec: Spec) -> None:
    assert Spec.from_json(spec.to_json()) == spec


def test_numbers_keep_their_kind() -> None:
    training = Spec.from_json(FULL.to_json()).training
    assert training is not None
    assert {name: type(value) for name, value in training.options.items()} == {
        "steps": int,
        "noise": float,
        "kind": str,
        "flag": bool,
    }


def test_a_newer_format_is_refused_by_its_number() -> None:
    content = json.loads(FULL.to_json()) | {"format": FORMAT + 1}
    with pytest.raises(ModelFileError, match=rf"format {FORMAT + 1}.*up to format {FORMAT}"):
        Spec.from_json(json.dumps(content))


def test_fields_it_does_not_know_are_ignored() -> None:
    content = json.loads(FULL.to_json()) | {"invented": {"later": 1}}
    assert Spec.from_json(json.dumps(content)) == FULL


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon", 0),
        ("horizon", "3"),
        ("horizon", True),
        ("cell", "transformer"),
        ("targets", ["f1"]),
        ("targets", []),
        ("features", []),
        ("features", {"name": "f0"}),
        ("target_scales", [[1.0]]),
        ("warmup", -1),
        ("quantize", "int3"),
        ("states", [{"name": "h", "next": "i", "shape": [1, -1, -1]}]),
        ("states", [{"name": "h", "next": "i", "shape": [1, -1, 0]}]),
        ("states", [{"name": "h", "next": "i", "shape": []}]),
        ("anomalies", {"samples": [1.0, 2.0], "means": [0], "deviations": [0], "ladders": {}, "last": [[1.0]]}),
        ("anomalies", {"samples": [1.0], "means": [0], "deviations": [0], "ladders": {"error": []}, "last": [[1.0]]}),
        ("anomalies", {"samples": [1.0], "means": [0], "deviations": [0], "ladders": {}, "last": [[0.0]]}),
        ("anomalies", {"samples": [1.0], "means": [0], "deviations": [-1], "ladders": {}, "last": [[1.0]]}),
        ("period", math.nan),
        ("period", math.inf),
        ("target_scales", [[math.nan]]),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    content = json.loads(FULL.to_json()) | {field: value}
    with pytest.raises(ModelFileError, match=field):
        Spec.from_json(json.dumps(content))


@pytest.mark.parametrize("field", ["features", "targets", "horizon", "cell", "warmup", "gap_limit"])
def test_a_lacking_field_is_named(field: str) -> None:
    content = json.loads(FULL.to_json())
    del content[field]
    with pytest.raises(ModelFileError, match=field):
        Spec.from_json(json.dumps(content))


@given(field=st.sampled_from(sorted(json.loads(FULL.to_json()))), value=json_values)
def test_whatever_stands_in_a_field_it_is_read_or_refused(field: str, value: object) -> None:
    """Nothing else goes wrong; and what is read can be written, and read again as the same."""
    content = json.loads(FULL.to_json()) | {field: value}
    with contextlib.suppress(ModelFileError):
        spec = Spec.from_json(json.dumps(content))
        assert Spec.from_json(spec.to_json()) == spec


@given(text=st.text() | json_values.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(ModelFileError):
        Spec.from_json(text)


def test_a_deeply_nested_text_is_refused() -> None:
    with pytest.raises(ModelFileError):
        Spec.from_json("[" * 100_000)
