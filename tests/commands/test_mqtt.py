"""`edgeseq predict --mqtt` against a real broker: every sample counts once, whatever is restarted."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import UsageError
from edgeseq_runtime.mqtt.deduplication import KEPT, WINDOW, Message, SeenMessages, identify
from edgeseq_runtime.mqtt.topics import Route
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.service.named_streams import NamedStreams
from tests.conftest import CommandLine
from tests.helpers.broker import (
    DISCONNECT,
    PATIENCE,
    Broker,
    FakeBroker,
    Peer,
    Service,
    accept,
    end_all,
    packet,
    program,
    read_packet,
    wait_until,
)
from tests.helpers.states import resume

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path / "broker")


def reference(model: Path, values: Sequence[float | None]) -> list[dict[str, Any]]:
    """What one predictor says of one sensor's samples."""
    p = Predictor(model)
    return [{"forecast": p.step(value)[:, 0], "status": p.status, "warm": p.warm} for value in values]


def check(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.array(one["forecast"], float), other["forecast"], rtol=1e-6, atol=1e-6)
        assert (one["status"], one["warm"]) == (other["status"], other["warm"])


def check_state(state: Path, model: Path, **samples: int) -> NamedStreams:
    """Demand that a state file holds these streams of plant/NAME with so many samples; return them."""
    streams = NamedStreams(Pool(model))
    resume(streams, state)
    assert len(streams) == len(samples)
    assert {name: streams.state(f"plant/{name}")[0] for name in samples} == samples
    return streams


def check_like_unbroken(streams: NamedStreams, model: Path, values: list[float]) -> None:
    """Demand that the stream plant/a goes on as one predictor does that took these values."""
    unbroken = Predictor(model)
    unbroken.run(values)
    forecast = streams.step("plant/a", 0.5).forecast
    np.testing.assert_allclose(forecast, unbroken.step(0.5), rtol=1e-5, atol=1e-6)


def wait_for_all(peer: Peer) -> None:
    """Wait until everything that was sent is forecast: a sample of a stream of its own comes after all others."""
    peer.publish("plant/last", 0.0)
    wait_until(lambda: any(topic == "forecasts/last" for topic, _, _ in peer.messages), "forecasts are lacking")


def test_each_topic_is_a_stream_and_its_last_forecast_is_kept(broker: Broker, model_path: Path) -> None:
    """Numbers, lists and objects; text is no sample, and disturbs no stream."""
    service = Service(broker, model_path).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    payloads = [0.1, {"f0": 0.25, "t": "2025-05-01"}, [0.2], "!", "null", {"f0": 0.4}]
    for number, payload in enumerate(payloads):
        peer.publish("plant/a", payload)
        peer.publish("plant/b", number / 10)
    peer.publish("elsewhere/c", 1.0)
    wait_until(lambda: len(peer.messages) == 11, "no forecasts")
    found = {name: [m for topic, m, _ in peer.messages if topic == f"forecasts/{name}"] for name in "ab"}
    check(found["a"], reference(model_path, [0.1, 0.25, 0.2, None, 0.4]))
    check(found["b"], reference(model_path, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]))
    assert [m["t"] for m in found["a"]] == [0, "2025-05-01", 2, 3, 4]
    late = Peer(broker, "forecasts/+", name="late")
    wait_until(lambda: len(late.messages) == 2, "no retained forecasts")
    assert {topic: (m, True) for topic, m, _ in late.messages} == {
        f"forecasts/{name}": (found[name][-1], late.messages[0][2]) for name in "ab"
    }
    assert service.stop() == 0
    assert "plant/a: '!' is not JSON with a value for f0; left out" in service.said()
    assert "11 samples: 1 imputed, 10 ok; " in service.said()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_saves_all_streams_and_the_next_run_goes_on(
    broker: Broker, model_path: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Samples sent while nobody is there are kept by the broker."""
    state, peer = tmp_path / "state", Peer(broker, "forecasts/#")
    values = [turn / 10 for turn in range(9)]
    service = Service(broker, model_path, "--state", state).wait_for_subscription(broker)
    for value in values[:3]:
        peer.publish("plant/a", value)
        peer.publish("plant/b", -value)
    wait_until(lambda: len(peer.messages) == 6, "no forecasts")
    assert service.stop(number) == code
    check_state(state, model_path, a=3, b=3)
    for value in values[3:6]:
        peer.publish("plant/a", value).wait_for_publish(30)
    service = Service(broker, model_path, "--state", state).wait_for_subscription(broker, 2)
    for value in values[6:]:
        peer.publish("plant/a", value)
    wait_until(lambda: len(peer.messages) == 12, "no forecasts after the restart")
    assert service.stop() == 0
    check([m for topic, m, _ in peer.messages if topic == "forecasts/a"], reference(model_path, values))
    assert "resumed 2 streams after 6 samples" in service.said()


def test_no_sample_is_lost_or_counted_twice_when_the_broker_restarts(
    broker: Broker, model_path: Path, tmp_path: Path
) -> None:
    """In mid-stream, three times: the state is that of one unbroken stream.

    The sensor waits until the broker has its samples: what it sent a second time would be new messages.
    """
    state, peer = tmp_path / "state", Peer(broker, "forecasts/#")
    service = Service(broker, model_path, "--state", state, "--state-every", 1).wait_for_subscription(broker)
    values = [round(float(np.sin(turn / 7)), 3) for turn in range(400)]
    for number, value in enumerate(values):
        sent = peer.publish("plant/a", {"f0": value, "t": number} if number % 2 else value)
        if number in (100, 200, 300):
            sent.wait_for_publish(PATIENCE)
            broker.stop()
            broker.start()
            wait_until(peer.is_connected, "the sensor stays away")
    wait_for_all(peer)
    assert {m["t"] for topic, m, _ in peer.messages if topic == "forecasts/a"} == set(range(400))
    assert service.stop() == 0
    check_like_unbroken(check_state(state, model_path, a=400, last=1), model_path, values)


@pytest.mark.slow
def test_no_sample_is_lost_or_counted_twice_when_it_is_killed(broker: Broker, model_path: Path, tmp_path: Path) -> None:
    """`kill -9` in mid-stream, five times: the state on the disk and what the broker still holds fit together."""
    state, peer = tmp_path / "state", Peer(broker, "forecasts/#")
    values = [round(float(np.sin(turn / 7)), 3) for turn in range(300)]
    service = Service(broker, model_path, "--state", state).wait_for_subscription(broker)
    for number, value in enumerate(values):
        peer.publish("plant/a", value)
        time.sleep(0.002)
        if number % 50 == 25:
            service.process.kill()
            service.process.wait()
            service = Service(broker, model_path, "--state", state)
    wait_for_all(peer)
    assert service.stop() == 0
    check_like_unbroken(check_state(state, model_path, a=300, last=1), model_path, values)


def test_a_state_that_cannot_be_saved_stops_no_forecast(broker: Broker, model_path: Path, tmp_path: Path) -> None:
    """The last samples are left to the broker meanwhile; once it can be saved, all are acknowledged and in it."""
    folder, away = tmp_path / "states", tmp_path / "away"
    folder.mkdir()
    state, peer = folder / "state", Peer(broker, "forecasts/#")
    service = Service(broker, model_path, "--state", state).wait_for_subscription(broker)
    peer.publish("plant/a", 0.0)
    wait_until(state.exists, "no state")
    folder.rename(away)
    for number in range(50):
        peer.publish("plant/a", number / 50)
    wait_until(lambda: len(peer.messages) == 51, "no forecasts")
    assert broker.log().count("Received PUBACK from edgeseq-") < 51
    away.rename(folder)
    wait_until(lambda: broker.log().count("Received PUBACK from edgeseq-") == 51, "not all is acknowledged")
    assert service.stop() == 0
    check_state(state, model_path, a=51)
    assert "forecasts continue, and saving is tried again" in service.said()


def test_a_payload_that_is_no_sample_ends_it_where_that_is_asked(broker: Broker, model_path: Path) -> None:
    service = Service(broker, model_path, "--unreadable", "error").wait_for_subscription(broker)
    Peer(broker).publish("plant/a", "[1, 2]")
    assert service.process.wait(30) == 1
    assert "edgeseq: plant/a: the model expects 1 value (f0), got 2" in service.said()


def test_a_broker_that_is_not_there_yet_is_waited_for(broker: Broker, model_path: Path) -> None:
    broker.stop()
    service = Service(broker, model_path)
    wait_until(lambda: "cannot reach the broker" in service.said(), "nothing was said")
    broker.start()
    service.wait_for_subscription(broker)
    assert service.stop() == 0
    assert "Connection refused; trying again" in service.said()


def test_a_client_whose_session_is_taken_over_gives_way(model_path: Path) -> None:
    """Two that take it from each other for ever would each see half of the samples."""

    def take_over(client: socket.socket) -> None:
        accept(client)
        client.sendall(packet(DISCONNECT, bytes([0x8E, 0])))
        read_packet(client)

    broker = FakeBroker(take_over)
    service = Service(broker, model_path, "--client-id", "me")
    assert service.process.wait(30) == 1
    assert f"another client of the broker localhost:{broker.port} has taken the id me" in service.said()


@pytest.mark.parametrize("way", ["environment", "file"])
def test_a_password_comes_from_the_environment_or_a_file(model_path: Path, tmp_path: Path, way: str) -> None:
    passwords, file = tmp_path / "passwords", tmp_path / "credentials"
    subprocess.run(
        [program("mosquitto_passwd"), "-b", "-c", passwords, "plant", "right"], check=True, capture_output=True
    )
    passwords.chmod(0o644)
    broker = Broker(tmp_path / "broker", "allow_anonymous false", f"password_file {passwords}")
    file.touch(0o600)
    codes = []
    for number, password in enumerate(["wrong", "right"]):
        file.write_text(f"# of the plant\nusername = plant\npassword = {password}\n")
        service = (
            Service(broker, model_path, "--credentials", file)
            if way == "file"
            else Service(broker, model_path, EDGESEQ_MQTT_USERNAME="plant", EDGESEQ_MQTT_PASSWORD=password)
        )
        codes.append(service.process.wait(30) if not number else service.wait_for_subscription(broker).stop())
    assert codes == [1, 0]
    assert "refuses the connection" in service.said()
    assert "wrong" not in service.said()


def test_tls_trusts_only_the_certificates_it_was_given(model_path: Path, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o644)
    broker = Broker(tmp_path / "broker", "allow_anonymous true", f"certfile {certificate}", f"keyfile {key}")
    stranger = Service(broker, model_path, scheme="mqtts")
    assert stranger.process.wait(30) == 1
    assert re.search(r"cannot trust the broker .*: .*self-signed certificate", stranger.said())
    service = Service(broker, model_path, scheme="mqtts", EDGESEQ_MQTT_CA=str(certificate))
    assert service.wait_for_subscription(broker).stop() == 0


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["--mqtt", "mqtt://me:secret@host/a/+", "--publish", "f/{id}"], "must hold no name or password"),
        (["--mqtt", "http://host/a/+", "--publish", "f/{id}"], "--mqtt: expected mqtt://HOST[:PORT]/TOPICS"),
        (["--mqtt", "mqtt://host", "--publish", "f/{id}"], "--mqtt: expected mqtt://HOST[:PORT]/TOPICS"),
        (["--mqtt", "mqtt://host:99999/a", "--publish", "f"], "no port 99999"),
        (["--mqtt", "mqtt://host/a+/b", "--publish", "f"], "not a valid topic filter"),
        (["--mqtt", "mqtt://host/#/b", "--publish", "f"], "not a valid topic filter"),
        (["--mqtt", "mqtt://host/$share/g/a/+", "--publish", "f/{id}"], "shared subscription"),
        (["--mqtt", "mqtt://host/a/+", "--publish", "f"], "put {id} where they differ"),
        (["--mqtt", "mqtt://host/a/+", "--publish", "f/+"], "a topic has no + and no #"),
        (["--mqtt", "mqtt://host/a/#", "--publish", "a/f/{id}"], "would come back as samples"),
        (["--mqtt", "mqtt://host/a/+"], "--mqtt needs --publish"),
        (["--mqtt", "mqtt://host/a", "--publish", "f", "--format", "csv"], "--mqtt reads and writes JSON"),
        (["--publish", "f"], "--client-id need --mqtt"),
    ],
)
def test_what_cannot_be_meant_is_refused(edgeseq: CommandLine, model_path: Path, words: list[str], word: str) -> None:
    answer = edgeseq("predict", model_path, *words)
    assert answer.code == 2
    assert word in answer.err
    assert "secret" not in answer.err


def test_a_file_of_credentials_that_others_can_read_is_refused(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    words = ("predict", model_path, "--mqtt", "mqtt://localhost/a", "--publish", "f", "--credentials", file)
    for content, mode, word in [
        ("password = secret\nusername = me\n", 0o644, "can be read or changed by others"),
        ("password = secret\n", 0o600, "no username"),
        ("secret\n", 0o600, "line 1: expected NAME = VALUE, with one of username, password, ca, cert, key"),
    ]:
        file.write_text(content)
        file.chmod(mode)
        answer = edgeseq(*words)
        assert answer.code == 2
        assert word in answer.err
        assert "secret" not in answer.err


@pytest.mark.parametrize(
    ("topics", "publish", "topic", "target"),
    [
        ("plant/+", "f/{id}", "plant/a", "f/a"),
        ("plant/+/temp", "f/{id}/temp", "plant/a/temp", "f/a/temp"),
        ("+/+/temp", "f/{id}", "x/y/temp", "f/x/y"),
        ("plant/#", "f/{id}", "plant/a/b", "f/a/b"),
        ("plant/a", "f/{id}", "plant/a", "f/plant/a"),
        ("plant/a", "f", "plant/a", "f"),
        ("plant/+", "f/{id}", "plant/a/b", None),
        ("plant/+", "f/{id}", "plant", None),
        ("plant/a", "f", "plant/b", None),
    ],
)
def test_a_forecasts_topic_is_made_of_what_the_wildcards_stand_for(
    topics: str, publish: str, topic: str, target: str | None
) -> None:
    assert Route(topics, publish).target(topic) == target


def test_forecasts_never_become_samples() -> None:
    """Not even where only some topic's forecasts would."""
    route = Route("+/temp", "f/{id}")
    assert route.target("a/temp") == "f/a"
    with pytest.raises(UsageError, match="come back as samples"):
        route.target("temp/temp")


def test_a_message_is_told_from_its_repetition_by_the_brokers_number_in_one_session() -> None:
    """And by what it says; afterwards it is known only what the last one said."""
    lists: dict[str, list[str]] = {}
    seen = SeenMessages(lists)

    def make(count: int, payload: bytes = b"5") -> Message:
        return Message("a", payload, count, duplicate=True)

    def mark(message: Message) -> str:
        found = identify(message)
        assert found
        return found

    first = mark(make(1))
    seen.add("a", first)
    assert ("a", mark(make(1))) in seen
    assert ("a", mark(make(2))) not in seen
    assert ("a", mark(make(1, b"6"))) not in seen
    assert ("b", first) not in seen
    assert identify(make(0)) is None
    assert seen.forget_numbers() == ["a"]
    assert ("a", first) not in seen
    assert seen.ends_with("a", make(7))
    assert not seen.ends_with("a", make(1, b"6"))
    for count in range(KEPT + 1):
        seen.add("a", mark(make(count + 1)))
        seen.acknowledged("a", mark(make(count + 1)))
    assert len(lists["a"]) == KEPT


def test_messages_of_another_kind_are_left_alone_and_counted(broker: Broker, model_path: Path) -> None:
    """They move no stream, and make none."""
    service = Service(broker, model_path).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    for payload in ({"f0": 0.1}, {"batt": 90}, {"id": 7, "rssi": -60}, "online", {"f0": "junk"}, {"f0": 0.4}):
        peer.publish("plant/a", payload)
    peer.publish("plant/lwt", "offline")
    wait_for_all(peer)
    assert service.stop() == 0
    check([m for topic, m, _ in peer.messages if topic == "forecasts/a"], reference(model_path, [0.1, None, 0.4]))
    assert "; 2 streams; 4 messages left out: 4 of another kind" in service.said()


def has_last(peer: Peer) -> bool:
    """Whether the last forecast has come, other than as the one kept of before."""
    return any(topic == "forecasts/last" and not retained for topic, _, retained in peer.messages)


def test_the_same_payload_twice_is_two_samples_where_nothing_says_otherwise(
    broker: Broker, model_path: Path, tmp_path: Path
) -> None:
    """A key called t is no time by that; a time that is one makes a repetition of the one before only."""
    timed = tmp_path / "timed.onnx"
    timed.write_bytes(edgeseq_export.build(make_checkpoint(period=60.0)))
    for model, payloads, count in (
        (model_path, ['{"t":21.4,"f0":0.1}'] * 3, 3),
        (model_path, ['{"time":"2025-05-01T00:00","f0":0.1}'] * 3, 3),
        (timed, ['{"t":21.4,"f0":0.1}'] * 3, 3),
        (timed, ['{"time":"2025-05-01T00:00","f0":0.1}', '{"f0":0.1,"time":"2025-05-01T00:00","rssi":-60}'], 1),
        (timed, ['{"time":"2025-05-01T00:00","f0":0.1}', '{"time":"2025-05-01T00:00","f0":0.2}'], 2),
    ):
        before = broker.log().count("Sending SUBACK to edgeseq-")
        service = Service(broker, model).wait_for_subscription(broker, before + 1)
        peer = Peer(broker, "forecasts/#", name=f"peer{before}")
        for payload in payloads:
            peer.publish("plant/a", payload)
        peer.publish("plant/last", 0.0)
        wait_until(partial(has_last, peer), "no forecasts")
        assert service.stop() == 0
        assert f"{count + 1} samples: " in service.said()


def test_features_in_several_messages_of_a_topic_are_one_sample(broker: Broker, tmp_path: Path) -> None:
    """With a time or without; one that waits in vain is answered after the wait, and all are acknowledged."""
    model = tmp_path / "two.onnx"
    model.write_bytes(edgeseq_export.build(make_checkpoint(features=2)))
    state = tmp_path / "state"
    service = Service(broker, model, "--join-wait", "300ms", "--state", state).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    for payload in ({"f0": 0.1}, {"f1": 0.2}, {"f0": 0.3, "f1": 0.4}, {"f1": 0.6}, {"f0": 0.5}, {"f0": 0.7}):
        peer.publish("plant/a", payload)
    wait_until(lambda: len(peer.messages) == 4, "no forecasts")
    wait_until(lambda: broker.log().count("Received PUBACK from edgeseq-") == 6, "not all is acknowledged")
    assert service.stop() == 0
    p = Predictor(model)
    for (_, message, _), values in zip(peer.messages, [(0.1, 0.2), (0.3, 0.4), (0.5, 0.6)], strict=False):
        np.testing.assert_allclose(message["forecast"], p.step(values)[:, 0], rtol=1e-5, atol=1e-6)
    assert [message["status"] for _, message, _ in peer.messages] == ["ok", "ok", "ok", "imputed"]
    check_state(state, model, a=4)


def test_a_list_of_samples_in_one_message_is_answered_one_by_one(broker: Broker, model_path: Path) -> None:
    service = Service(broker, model_path).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    peer.publish("plant/a", [{"f0": 0.1}, {"f0": 0.2}, {"f0": 0.3}])
    wait_until(lambda: len(peer.messages) == 3, "no forecasts")
    wait_until(lambda: broker.log().count("Received PUBACK from edgeseq-") == 1, "it is not acknowledged")
    assert service.stop() == 0
    check([m for _, m, _ in peer.messages], reference(model_path, [0.1, 0.2, 0.3]))


def test_messages_whose_key_names_no_stream_are_left_out_and_acknowledged(broker: Broker, tmp_path: Path) -> None:
    """More of them than a broker sends without an acknowledgement, so that none may wait for one for ever."""
    model = tmp_path / "rooms.onnx"
    model.write_bytes(edgeseq_export.build(make_checkpoint(reading=Reading(id="room"))))
    service = Service(broker, model).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    for number in range(WINDOW + 5):
        peer.publish("plant/a", {"room": None, "f0": number / 10})
    wait_for_all(peer)
    wait_until(lambda: broker.log().count("Received PUBACK from edgeseq-") == WINDOW + 6, "not all is acknowledged")
    assert service.stop() == 0
    assert f"{WINDOW + 5} messages left out: {WINDOW + 5} of another kind" in service.said()


def test_samples_of_several_sensors_in_one_topic_are_said(broker: Broker, tmp_path: Path) -> None:
    model = tmp_path / "rooms.onnx"
    model.write_bytes(edgeseq_export.build(make_checkpoint(reading=Reading(id="room"))))
    service = Service(broker, model).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/#")
    for topic, room in (("a", "hall"), ("b", "attic"), ("a", "cellar"), ("b", "attic")):
        peer.publish(f"plant/{topic}", {"room": room, "f0": 0.1})
    wait_for_all(peer)
    assert service.stop() == 0
    notes = [line for line in service.said().splitlines() if "one stream" in line]
    assert notes == ["plant/a: a topic is one stream, and has samples of 'hall' and 'cellar'"]
