"""What a message's payload may hold: it is answered in valid JSON, or refused in one line of bounded length."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.commands.predict.formats import CsvFormat, JsonFormat
from edgeseq.testing import make_checkpoint
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.text_lines import Sample, json_parser
from edgeseq_runtime.outcomes import StepResult

SPEC = replace(make_checkpoint(horizon=3).spec, time="t")
RESULT = StepResult(np.array([[0.5], [0.25], [0.125]], np.float32), "ok", warm=True, number=7)


def answer(payload: str, *, stream: str = "plant/x") -> dict[str, Any]:
    """Return what is published for a payload, once it has been through UTF-8 and a strict reader."""
    time, values = json_parser(SPEC)(payload)
    line = JsonFormat(SPEC, named=True).line(Sample(1, time, values, stream=stream), RESULT)
    assert line.isprintable()
    return dict(json.loads(line.encode("utf-8").decode("utf-8"), parse_constant=pytest.fail))


@pytest.mark.parametrize(
    ("payload", "time"),
    [
        (r'{"t":"\ud800","f0":0.1}', "?"),
        (r'{"t":"a\udfffb","f0":0.1}', "a?b"),
        (r'{"t":"\ud83d\ude00","f0":0.1}', "\N{GRINNING FACE}"),
        ('{"t":"Füllstand","f0":0.1}', "Füllstand"),
        (r'{"t":"\u009b31m\u202e\u2028","f0":0.1}', "\x9b31m\u202e\u2028"),
        (r'{"t":"\u001b]0;x\u0007","f0":0.1}', "\x1b]0;x\x07"),
        ('{"t":NaN,"f0":0.1}', 7),
        ('{"t":1e999,"f0":0.1}', 7),
        ('{"t":null,"f0":0.1}', 7),
        ('{"t":true,"f0":0.1}', "true"),
        ('{"t":{"a":1},"f0":0.1}', "an object"),
        ('{"t":[1],"f0":0.1}', "a list"),
        ('{"f0":0.1}', 7),
    ],
)
def test_a_time_comes_out_as_it_went_in_or_as_what_it_is(payload: str, time: object) -> None:
    assert answer(payload)["t"] == time


def test_a_name_with_escapes_and_half_characters_comes_out_as_valid_json() -> None:
    assert answer('{"f0":1}', stream="a\ud800\x9b\x1b")["stream"] == "a\N{REPLACEMENT CHARACTER}\x9b\x1b"


def test_umlauts_are_written_as_they_are() -> None:
    line = JsonFormat(SPEC, named=True).line(Sample(1, "März", (0.1,), stream="Füllstand/温度"), RESULT)
    assert '"März"' in line
    assert '"Füllstand/温度"' in line


def refusal(payload: str) -> str:
    """Return why a payload is no sample; nothing where it is one."""
    try:
        json_parser(SPEC)(payload)
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "payload",
    [
        *("", "{", "null", '"x"', '{"f0":"x"}', '{"f0":true}', '{"f0":{}}', '{"f0":[1]}', "[1,2]", "[" * 990),
        *("[" * depth + "]" * depth for depth in (960, 985, 10**6)),
        *('{"f0":' + "9" * digits + "}" for digits in (4299, 5000)),
        '{"' + "k" * 10**6 + '":1}',
        '{"\\nforged: \\u001b":0.1}',
    ],
)
def test_what_is_no_sample_is_refused_in_one_printable_line(payload: str) -> None:
    if payload != "null":  # a model of one feature takes one value, and that is missing
        assert refusal(payload)
    assert refusal(payload).isprintable()
    assert len(refusal(payload)) < 500


SCALARS = st.none() | st.booleans() | st.floats() | st.text()
NAMES = st.text() | st.just("t") | st.just("f0")


@given(content=st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)))
def test_any_json_is_answered_or_refused(content: Any) -> None:
    payload = json.dumps(content)
    if not refusal(payload):
        assert answer(payload)["status"] == "ok"


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_one_number_that_is_not_finite_is_null_or_empty(value: float) -> None:
    forecast = np.array([[0.5], [value], [0.25]], np.float32)
    result = StepResult(forecast, "ok", warm=True, number=7, interval=(forecast - 1, forecast + 1))
    line = json.loads(JsonFormat(SPEC).line(Sample(1, None, (0.1,)), result), parse_constant=pytest.fail)
    assert line["forecast"] == [0.5, None, 0.25]
    assert line["lower"][1] is line["upper"][1] is None
    assert CsvFormat(SPEC).line(Sample(1, None, (0.1,)), result) == "7,0.5,,0.25,ok,true"
