"""Messages of devices: values that lie deeper, other kinds of messages, features apart, the same one twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.broker import Broker, Peer, Service, end_all, wait_until
from tests.reading.workbench import Workbench, moments, says, table, wave, written

TIMES = written("%Y-%m-%dT%H:%M:%S", moments())
TEMP = table(["time", "temp"], TIMES, wave())
TWO = table(["time", "temp", "hot"], TIMES, wave(), wave(level=50))

NESTED: dict[str, tuple[str, dict[str, Any]]] = {
    "tasmota": (
        "DS18B20.Temperature",
        {"Time": TIMES[0], "DS18B20": {"Id": "1", "Temperature": 20.5}, "TempUnit": "C"},
    ),
    "the things network": (
        "uplink_message.decoded_payload.temp",
        {
            "end_device_ids": {"device_id": "d"},
            "received_at": TIMES[0] + "Z",
            "uplink_message": {"f_port": 1, "decoded_payload": {"temp": 20.5}},
        },
    ),
    "shelly": ("params.temperature:0.tC", {"src": "s", "params": {"ts": 1.0, "temperature:0": {"id": 0, "tC": 20.5}}}),
    "array": ("temps[0]", {"temps": [20.5, 21]}),
    "array with a dot": ("temps.0", {"temps": [20.5, 21]}),
    "deep array": ("sensors[1].value", {"sensors": [{"value": 3}, {"value": 20.5}]}),
    "thingsboard": ("values.temp", {"ts": 1704067200000, "values": {"temp": 20.5}}),
    "other case": ("Temp", {"Temp": 20.5}),
    "a name with dots": ("a.b", {"a.b": 20.5}),
}


@pytest.mark.parametrize("form", NESTED)
def test_a_value_that_lies_deeper_can_be_named(bench: Workbench, form: str) -> None:
    """`--field temp=PATH`: the forecast is that of the bare value."""
    bench.trained(TEMP)
    path, payload = NESTED[form]
    wanted = bench.stream('{"temp": 20.5}\n', name="bare.jsonl").forecasts
    live = json.dumps(payload) + "\n"
    streamed = bench.stream(live, "--field", f"temp={path}", name="live.jsonl")
    assert streamed.forecasts == wanted
    assert streamed.lines[0]["status"] == "ok"


def test_a_time_that_lies_deeper_can_be_named(bench: Workbench) -> None:
    bench.trained(TEMP)
    live = "".join(
        json.dumps({"m": {"at": time, "v": value}}) + "\n"
        for time, value in zip([TIMES[0], TIMES[1], TIMES[9]], wave(3), strict=True)
    )
    streamed = bench.stream(live, "--field", "temp=m.v", "--field", "time=m.at", name="live.jsonl")
    assert streamed.reasons() == [None, None, "gap"]


def test_the_error_says_where_a_value_was_found(bench: Workbench) -> None:
    """No field is named: one line that shows the way to the value below."""
    bench.trained(TEMP)
    answer = bench.predict(bench.write('{"Time":"2024-01-01T00:00:00","DS18B20":{"temp":20.5}}\n', "live.jsonl"))
    if answer.code:
        assert says(answer.err, "temp", r"DS18B20"), answer.err
    else:
        assert answer.count("ok") == 1


def test_a_key_in_another_case_is_taken_where_it_is_the_only_one(bench: Workbench) -> None:
    bench.trained(TEMP)
    wanted = bench.stream('{"temp": 20.5}\n', name="live.jsonl").forecasts
    assert bench.stream('{"Temp": 20.5}\n', name="live.jsonl").forecasts == wanted
    assert bench.predict(bench.write('{"Temp": 20.5, "TEMP": 3}\n', "live.jsonl")).code == 1


def test_lines_of_another_kind_are_left_alone_and_counted(bench: Workbench) -> None:
    """`--unreadable skip`: what has none of the model's fields is no sample; the end says how many there were."""
    bench.trained(TEMP)
    good = '{"temp": 20.0}\n{"temp": 20.5}\n'
    wanted = bench.stream(good, name="live.jsonl").forecasts
    other = '{"temp": 20.0}\n{"batt": 52}\n{"id": "AA", "rssi": -86}\nonline\n{"temp": 20.5}\n'
    streamed = bench.stream(other, "--unreadable", "skip", name="live.jsonl")
    assert streamed.forecasts == wanted
    assert says(streamed.err, "3"), streamed.err
    answer = bench.predict(bench.write(other, "live.jsonl"))
    assert answer.code == 1
    assert says(answer.err, "batt"), answer.err


def test_features_that_come_in_lines_of_their_own_are_one_sample(bench: Workbench) -> None:
    """Line protocol, one series and one time: the forecasts are those of the joined lines."""
    bench.trained(TWO, "--target", "temp", "--feature", "hot")
    stamps = [1704067200 + 3600 * n for n in range(12)]
    rows = list(zip(stamps, wave(12), wave(12, 50), strict=True))
    joined = "".join(f"room,host=a temp={t},hot={h} {s}000000000\n" for s, t, h in rows)
    apart = "".join(f"room,host=a temp={t} {s}000000000\nroom,host=a hot={h} {s}000000000\n" for s, t, h in rows)
    turned = "".join(f"room,host=a hot={h} {s}000000000\nroom,host=a temp={t} {s}000000000\n" for s, t, h in rows)
    wanted = bench.stream(joined, "--input-format", "influx")
    assert wanted.count("ok") == 12
    for text in (apart, turned):
        streamed = bench.stream(text, "--input-format", "influx")
        assert streamed.count("ok") == 12, streamed
        assert streamed.forecasts == wanted.forecasts


def test_features_that_come_in_json_lines_of_their_own_are_one_sample(bench: Workbench) -> None:
    bench.trained(TWO, "--target", "temp", "--feature", "hot")
    rows = list(zip(TIMES[:12], wave(12), wave(12, 50), strict=True))
    joined = "".join(json.dumps({"time": s, "temp": t, "hot": h}) + "\n" for s, t, h in rows)
    apart = "".join(
        json.dumps({"time": s, "temp": t}) + "\n" + json.dumps({"time": s, "hot": h}) + "\n" for s, t, h in rows
    )
    wanted = bench.stream(joined, name="live.jsonl")
    streamed = bench.stream(apart, name="live.jsonl")
    assert streamed.forecasts == wanted.forecasts


def test_a_feature_that_never_comes_is_told(bench: Workbench) -> None:
    """Each sample lacks one: that is said, once."""
    bench.trained(TWO, "--target", "temp", "--feature", "hot")
    live = "".join(json.dumps({"time": s, "temp": t}) + "\n" for s, t in zip(TIMES[:12], wave(12), strict=True))
    answer = bench.predict(bench.write(live, "live.jsonl"))
    assert says(answer.err, "hot"), answer


def test_strings_with_units_are_numbers(bench: Workbench) -> None:
    """{"temp": "20.5 °C"}, "20.5" and 20.5 are the same where the column's unit is known."""
    bench.trained(table(["time", "temp"], TIMES, (f"{value} °C" for value in wave())))
    forecasts = [
        bench.stream(f'{{"temp": {cell}}}\n', name="live.jsonl").forecasts for cell in ('"20.5 °C"', '"20.5"', "20.5")
    ]
    assert forecasts[0] == forecasts[1] == forecasts[2]


TWICE = ['{"time":"%s","temp":20.0}', '{"ts":1704067200,"temp":20.0}']


def test_the_same_value_again_is_a_sample_on_stdin(bench: Workbench) -> None:
    bench.trained(table(["temp"], wave()))
    for payload in ('{"t":21.4,"temp":20.0}', '{"temp":20.0}'):
        assert bench.stream(f"{payload}\n" * 3, name="live.jsonl").count("ok") == 3


def test_epochs_of_line_protocol_are_nanoseconds_whatever_their_size(bench: Workbench) -> None:
    """The unit is known and never guessed: small numbers are close to 1970."""
    bench.trained(TEMP)
    live = "".join(f"room temp={value} {n * 3600 * 10**9}\n" for n, value in enumerate(wave(5)))
    streamed = bench.stream(live, "--input-format", "influx")
    assert streamed.count("ok") == 5
    assert not any(streamed.reasons())


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    yield Broker(tmp_path / "broker")
    end_all()


def answers(bench: Workbench, broker: Broker, payloads: list[str], *options: object) -> tuple[list[Any], str]:
    """What the service publishes for these payloads, and what it says."""
    service = Service(broker, bench.model, *options).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    for payload in [*payloads, '{"temp": 19.0, "RH": 39.0}']:
        peer.publish("plant/a", payload).wait_for_publish(30)
    peer.publish("plant/last", '{"temp": 19.0, "RH": 39.0}').wait_for_publish(30)
    wait_until(lambda: any(topic == "forecasts/last" for topic, _, _ in peer.messages), "no forecasts")
    assert service.stop() == 0, service.said()
    return [message for topic, message, _ in peer.messages if topic == "forecasts/a"], service.said()


def test_a_payload_that_comes_again_is_a_new_sample(bench: Workbench, broker: Broker) -> None:
    """Its `t` is a temperature, no time: four answers and one for the last."""
    bench.trained(table(["RH"], wave(level=40)))
    payloads = ['{"t":21.4,"RH":40.0}', '{"t":21.4,"RH":40.0}', '{"t":21.5,"RH":40.0}', '{"t":21.4,"RH":40.0}']
    found, said = answers(bench, broker, payloads)
    assert [message["status"] for message in found] == ["ok"] * 5, said
    assert "counted once" not in said


def test_the_same_time_again_is_a_repetition(bench: Workbench, broker: Broker) -> None:
    bench.trained(TEMP)
    payloads = [f'{{"time":"{TIMES[0]}","temp":20.0}}'] * 3
    found, said = answers(bench, broker, payloads)
    assert len([message for message in found if message.get("t") == TIMES[0] and message["status"] == "ok"]) == 1, said


def test_messages_of_another_kind_are_left_out(bench: Workbench, broker: Broker) -> None:
    """A battery, a signal's strength, `online`: no sample, no answer, no stream; counted at the end."""
    bench.trained(TEMP)
    payloads = ['{"temp":20.0,"hum":50}', '{"batt":52}', '{"id":"AA","rssi":-86}', "online", '{"temp":20.1,"hum":50}']
    found, said = answers(bench, broker, payloads)
    assert [message["status"] for message in found] == ["ok"] * 3, said
    assert says(said, "3"), said


def test_a_log_is_one_line_a_minute_for_each_kind(bench: Workbench, broker: Broker) -> None:
    bench.trained(TEMP)
    _, said = answers(bench, broker, ['{"batt":52}', '{"temp":"broken"}'] * 200)
    assert len(said.splitlines()) < 12, said[:3000]
