"""Values deeper in an object of JSON: payloads of real kinds, by path, and the hint where nobody said one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading import fields, json_text

TASMOTA = {"Time": "2024-02-01T00:00:00", "DS18B20": {"Id": "01", "Temperature": 22.2}, "TempUnit": "C"}
TTN = {"received_at": "2024-02-01T01:00:00Z", "uplink_message": {"f_port": 1, "decoded_payload": {"temp": 22.3}}}
SHELLY = {"src": "ht", "params": {"ts": 1700000000.5, "temperature:0": {"id": 0, "tC": 21.5, "tF": 70.7}}}
ZIGBEE = {"temperature": 21.4, "humidity": 48.1, "battery": 97, "linkquality": 80}
THINGSBOARD = {"ts": 1451649600512, "values": {"temp": 21.5, "hum": 40}}
SPARKPLUG = {"timestamp": 1, "metrics": [{"name": "Node/temp", "value": 21.5}, {"name": "hum", "value": 40}]}
LISTS = {"temps": [20.5, 21.5], "a.b": 3, "A": {"b": 4}}


@pytest.mark.parametrize(
    ("payload", "path", "wanted"),
    [
        (TASMOTA, "DS18B20.Temperature", 22.2),
        (TASMOTA, "ds18b20.temperature", 22.2),
        (TTN, "uplink_message.decoded_payload.temp", 22.3),
        (SHELLY, "params.temperature:0.tC", 21.5),
        (ZIGBEE, "Temperature", 21.4),
        (THINGSBOARD, "values.temp", 21.5),
        (SPARKPLUG, "metrics.Node/temp", 21.5),
        (SPARKPLUG, "metrics.hum.value", 40),
        (SPARKPLUG, "metrics[1].value", 40),
        (LISTS, "temps[1]", 21.5),
        (LISTS, "temps.0", 20.5),
        (LISTS, "a.b", 3),
        (LISTS, "temps.2", fields.ABSENT),
        (LISTS, "temps.0.x", fields.ABSENT),
        ({"T": 1, "t": 2}, "t", 2),
        ({"Temp": 1, "TEMP": 2}, "temp", fields.ABSENT),
    ],
)
def test_a_path_leads_to_the_value(payload: Any, path: str, wanted: Any) -> None:
    assert fields.find(payload, path) == wanted


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (TASMOTA, "found below DS18B20: --field temp=DS18B20.Temperature"),
        (TTN, "found below uplink_message.decoded_payload: --field temp=uplink_message.decoded_payload.temp"),
        (SHELLY, "found below params.temperature:0: --field temp=params.temperature:0.tC"),
        ({"value": "21.5"}, "--field temp=value"),
        ({"batt": 90, "rssi": -60}, ""),
    ],
)
def test_an_object_without_the_feature_says_where_it_may_be(payload: Any, wanted: str) -> None:
    hint = fields.hint(payload, ["temp"])
    assert hint == wanted
    if hint:
        assert isinstance(float(fields.find(payload, hint.rpartition("=")[2])), float)


@pytest.mark.parametrize("option", ["temp", "=a", "temp=", " =a"])
def test_an_option_that_is_no_mapping_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match="expected NAME=PATH"):
        fields.parse([option])


def test_a_name_has_one_path() -> None:
    assert fields.parse(["a=b=c", "d = e.f"]) == {"a": "b=c", "d": "e.f"}
    with pytest.raises(UsageError, match="a is given twice: b and c"):
        fields.parse(["a=b", "a=c"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(JSON, st.text(max_size=12))
def test_no_path_through_any_object_breaks(content: Any, path: str) -> None:
    fields.find(content, path)
    fields.hint(content, ["temp", path])


@given(JSON, st.sampled_from(["nan", "-nan", "NAN", "inf", "-INF", "infinity", "nan(ind)", "None"]))
def test_a_word_for_no_number_changes_nothing_else(content: Any, word: str) -> None:
    """Whatever strings hold, those words included."""
    assert json_text.loads(json.dumps(content)) == content
    text = json.dumps({"a": content, "b": [word, 1], "c": 0})
    assert json_text.loads(f'{text[:-1]}, "d": {word}}}') == {"a": content, "b": [word, 1], "c": 0, "d": None}


@pytest.mark.parametrize("text", ["nanny", '{"a": banana}', '{"a": nan', "{'a': nan}", '{"a": 1nan}', '{"a": "nan}'])
def test_what_is_no_json_with_such_words_stays_none(text: str) -> None:
    with pytest.raises(DataError, match="is not JSON"):
        json_text.loads(text)
