"""What waits at the broker after an outage is worked off: each sample once and in order, without a circle."""

import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.service.named_streams import NamedStreams
from tests.helpers.broker import (
    CONNACK,
    CONNECT,
    PUBACK,
    Broker,
    Peer,
    Service,
    end_all,
    packet,
    publication,
    read_packet,
    wait_until,
)
from tests.helpers.states import resume

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path / "broker")


class Publisher:
    """Publishes at QoS 1 over a plain socket, one message at a time or many, and knows what the broker has taken."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._client: socket.socket | None = None
        self._number = 0

    def publish_in_order(self, topic: str, payload: bytes) -> None:
        """Publish a message and wait until the broker has it, through its restarts: none overtakes another."""
        self._number = self._number % 60_000 + 1
        while True:
            try:
                client = self._client or self._connect()
                client.sendall(publication(topic.encode(), payload, self._number))
                while True:
                    first, content = read_packet(client)
                    if first == PUBACK and int.from_bytes(content[:2], "big") == self._number:
                        return
            except OSError:
                self.close()
                time.sleep(0.02)

    def publish_all(self, messages: Iterable[tuple[str, bytes]], *, qos: int = 1) -> None:
        """Publish as fast as the broker takes it."""
        client, taken, sent = self._client or self._connect(), 0, 0
        for topic, payload in messages:
            sent += 1
            client.sendall(publication(topic.encode(), payload, (sent % 60_000 + 1) * qos))
            while qos and sent - taken > 500:
                taken += read_packet(client)[0] == PUBACK
        while qos and taken < sent:
            taken += read_packet(client)[0] == PUBACK

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._client:
            self._client.close()
        self._client = None

    def _connect(self) -> socket.socket:
        self._client = client = socket.create_connection(("127.0.0.1", self._broker.port), timeout=10)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(packet(CONNECT, b"\0\4MQTT\5\2\0\0\0\0\7ordered"))
        assert read_packet(client)[0] == CONNACK
        return client


def samples(state: Path, model: Path) -> dict[str, int]:
    """How many samples of each stream a state has counted."""
    streams = NamedStreams(Pool(model))
    resume(streams, state)
    return {name: streams.state(name)[0] for name in streams.marks}


def await_acknowledged(broker: Broker, service: Service, count: int) -> None:
    """Wait until the service has acknowledged so many messages, for as long as it goes on."""
    last, deadline = 0, time.monotonic() + 20
    while (done := broker.log().count("Received PUBACK from edgeseq-")) < count:
        if done > last:
            last, deadline = done, time.monotonic() + 20
        assert time.monotonic() < deadline, f"{done} of {count}: {service.said()}"
        time.sleep(0.2)


@pytest.mark.parametrize(("count", "topics"), [(5000, 10), (2000, 2000)])
def test_a_backlog_is_worked_off_through_signals(
    broker: Broker, model_path: Path, tmp_path: Path, count: int, topics: int
) -> None:
    """Timed messages; SIGTERM early, in the midst and late, each answered within two seconds."""
    state = tmp_path / "state"
    words = ("--state", state)
    assert Service(broker, model_path, *words).wait_for_subscription(broker).stop() == 0
    with Publisher(broker) as publisher:
        publisher.publish_all(
            (f"plant/t{at % topics}", b'{"t":%d,"f0":%.2f}' % (at, at % 97 / 97)) for at in range(count)
        )
    took, memory = [], 0.0
    for number, seconds in enumerate((0.0, 0.3, 1.0), start=2):
        service = Service(broker, model_path, *words).wait_for_subscription(broker, number)
        time.sleep(seconds)
        memory = max(memory, service.most_memory())
        took.append(service.seconds_to_stop())
    service = Service(broker, model_path, *words).wait_for_subscription(broker, 5)
    await_acknowledged(broker, service, count)
    memory = max(memory, service.most_memory())
    took.append(service.seconds_to_stop())
    assert max(took) < 2, took
    assert memory < 200
    assert samples(state, model_path) == {f"plant/t{topic}": count // topics for topic in range(topics)}
    assert "exceeded timeout" not in broker.log()
    assert "trying again" not in service.said()


def test_a_flood_at_qos_0_is_counted_to_the_last_message(broker: Broker, model_path: Path) -> None:
    """What is answered and what is dropped is all that came."""
    service = Service(broker, model_path).wait_for_subscription(broker)
    count = 30_000
    with Publisher(broker) as publisher:
        publisher.publish_all(((f"plant/t{at % 10}", b"0.1") for at in range(count)), qos=0)
        publisher.publish_in_order("plant/last", b"0.1")
    wait_until(lambda: "'forecasts/last'" in broker.log(), "the last is not answered")
    assert service.most_memory() < 200
    assert service.seconds_to_stop() < 2
    answered, dropped = (re.search(text, service.said()) for text in (r"(\d+) samples: ", r"(\d+) dropped at QoS 0"))
    assert answered
    assert int(answered[1]) + (int(dropped[1]) if dropped else 0) == count + 1


def test_pings_and_acknowledgements_go_on_while_thousands_wait(broker: Broker, model_path: Path) -> None:
    """The broker hears from the service each second of a drain."""
    assert Service(broker, model_path).wait_for_subscription(broker).stop() == 0
    count = 5000
    with Publisher(broker) as publisher:
        publisher.publish_all((f"plant/t{at % 10}", b'{"t":%d,"f0":0.1}' % at) for at in range(count))
    service = Service(broker, model_path).wait_for_subscription(broker, 2)
    await_acknowledged(broker, service, count)
    log = broker.log().rsplit("Sending CONNACK to edgeseq-", 1)[1]
    times = [int(found[1]) for found in re.finditer(r"^(\d+): Received PUB\w+ from edgeseq-", log, re.MULTILINE)]
    assert max(after - before for before, after in pairwise(times)) <= 2


@pytest.mark.parametrize("timed", [False, True])
def test_the_order_taken_is_the_order_sent(broker: Broker, model_path: Path, tmp_path: Path, timed: bool) -> None:
    """A sensor that sends strictly in order, a broker that restarts, a busy machine: each forecast is the right one."""
    count, state = 400, tmp_path / "state"
    listener = Peer(broker, "forecasts/#")
    service = Service(broker, model_path, "--state", state).wait_for_subscription(broker)
    values = [round(float(np.sin(at / 7)), 3) for at in range(count)]
    stop = threading.Event()
    load = threading.Thread(target=lambda: [None for _ in iter(stop.is_set, True)], daemon=True)
    load.start()
    with Publisher(broker) as publisher:
        for at, value in enumerate(values):
            payload = b'{"t":%d,"f0":%s}' % (at, str(value).encode()) if timed else str(value).encode()
            publisher.publish_in_order("plant/a", payload)
            if at % 60 == 59:
                broker.stop()
                broker.start()
    wait_until(
        lambda: {message["t"] for _, message, _ in listener.messages} >= set(range(count)), "forecasts are lacking"
    )
    stop.set()
    assert service.stop() == 0
    said = service.said()
    assert f"{count} samples: {count} ok" in said
    assert samples(state, model_path) == {"plant/a": count}
    unbroken = Predictor(model_path)
    expected = [unbroken.step(value)[:, 0] for value in values]
    for _, message, _ in listener.messages:
        np.testing.assert_allclose(
            message["forecast"], expected[message["t"]], rtol=1e-5, atol=1e-6, err_msg=f"{message}: {said}"
        )
