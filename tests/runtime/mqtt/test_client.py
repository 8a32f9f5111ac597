"""A client's forecasts go out once, wherever a signal interrupts it."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from edgeseq_runtime.mqtt.client import MqttClient
from edgeseq_runtime.mqtt.credentials import Credentials
from edgeseq_runtime.mqtt.deduplication import Message
from edgeseq_runtime.mqtt.topics import Address
from tests.helpers.broker import PATIENCE, PUBACK, PUBLISH, FakeBroker, accept, end_all, packet, read_packet

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")


@pytest.fixture(autouse=True)
def no_connection_stays() -> Iterator[None]:
    yield
    end_all()


class Receiver:
    """Notes what is with the broker."""

    def __init__(self) -> None:
        self.is_connected = False
        self.confirmed: list[int] = []

    def connected(self, *, resumed: bool) -> None:  # noqa: ARG002
        self.is_connected = True

    def received(self, message: Message) -> None:
        raise AssertionError(message)

    def unreadable(self, number: int) -> None:
        raise AssertionError(number)

    def acknowledged(self, count: int) -> None:
        assert not count

    def published(self, number: int, refusal: str) -> None:
        assert not refusal
        self.confirmed.append(number)


def test_a_signal_right_after_a_forecast_was_sent_does_not_send_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal ends a wait wherever that is; what the network has taken by then is never sent twice."""
    from paho.mqtt.client import Client

    published: list[bytes] = []

    def answer(client: Any) -> None:
        accept(client)
        while True:
            first, content = read_packet(client)
            if first & 0xF0 == PUBLISH:
                published.append(content)
                length = int.from_bytes(content[:2], "big")
                client.sendall(packet(PUBACK, content[2 + length : 4 + length]))

    is_waiting = False

    @contextlib.contextmanager
    def waiting() -> Iterator[None]:
        nonlocal is_waiting
        is_waiting = True
        try:
            yield
        finally:
            is_waiting = False

    send = Client._sock_send

    def send_and_signal(self: Client, data: bytes) -> int:
        count = send(self, data)
        if is_waiting:
            raise KeyboardInterrupt
        return count

    broker, receiver = FakeBroker(answer), Receiver()
    address = Address("localhost", broker.port, tls=False, topics="plant/+")
    client = MqttClient(address, Credentials(), "one", receiver, lambda _text, kind="": None, waiting)  # noqa: ARG005
    deadline = time.monotonic() + PATIENCE
    while not receiver.is_connected and time.monotonic() < deadline:
        client.poll(0.05)
    monkeypatch.setattr(Client, "_sock_send", send_and_signal)
    number = client.publish("forecasts/a", b"1")
    with contextlib.suppress(KeyboardInterrupt):
        while not receiver.confirmed and time.monotonic() < deadline:
            client.poll(0.05)
    is_waiting = False
    client.finish(lambda: bool(receiver.confirmed))
    client.close()
    assert receiver.confirmed == [number]
    assert len(published) == 1
